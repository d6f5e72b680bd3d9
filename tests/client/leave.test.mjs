// Leaving, losing the connection, and coming back.
import assert from 'node:assert/strict';
import { ask, clear, closePayload, connect, enter, fence, fits, frame, it, join, kClose, kText, Polling, rawWebSocket,
  received, refused, room, state, suite, unique, until, userOf, waitFor } from './harness/index.mjs';

// Long enough for a busy machine to do what has to be done within.
const zone = 'disconnect_grace=1s user_timeout=10m';

suite('leave_session', { zone }, (server) => {
  for (const transport of ['polling', 'websocket']) {
    it(`removes the user at once and tells the others over ${transport}`, async () => {
      const { leader, followers: [goer, stayer] } = await room(server(), { followers: 2, transport });
      assert.equal((await ask(goer, 'leave_session')).success, true);
      for (const other of [leader, stayer]) {
        const left = await waitFor(other, 'user_left');
        fits('user_left', left);
        assert.equal(left.userId, goer.userId);
        assert.equal(left.username, 'Fred 1');
      }
      const seen = await state(leader);
      assert.equal(userOf(seen, goer.userId), undefined);
      assert.equal(seen.userCount, 2);
    });

    it(`sends nothing of the session to the one who left over ${transport}`, async () => {
      const { leader, followers: [goer, stayer] } = await room(server(), { followers: 2, transport });
      await ask(goer, 'leave_session');
      await fence(leader, [leader, stayer]);
      await refused(goer, 'request_session_state', [], 'NOT_IN_SESSION');
      goer.emit('heartbeat');
      await waitFor(goer, 'heartbeat_ack');
      assert.deepEqual(goer.inbox.filter((one) => !['error', 'heartbeat_ack'].includes(one.event)), []);
    });
  }

  it('is no second departure when the one who left disconnects', async () => {
    const { leader, followers: [goer, other] } = await room(server(), { followers: 2 });
    await ask(goer, 'leave_session');
    goer.disconnect();
    await waitFor(leader, 'user_left', (left) => left.userId === goer.userId);
    // The marker: another user's departure, which takes the whole grace and ends after any grace of the first.
    other.disconnect();
    await waitFor(leader, 'user_left', (left) => left.userId === other.userId);
    assert.equal(received(leader, 'user_left').length, 2);
  });

  it('makes coming back an arrival', async () => {
    const { sessionId, leader, followers: [goer] } = await room(server());
    await ask(goer, 'leave_session');
    await waitFor(leader, 'user_left');
    await join(goer, { sessionId, userId: goer.userId, username: 'Back' });
    assert.equal((await waitFor(leader, 'user_joined')).username, 'Back');
  });

  it('takes every tab of the user out of the session', async () => {
    const { sessionId, leader, followers: [tab1] } = await room(server());
    const tab2 = await enter(server(), { sessionId, userId: tab1.userId, username: 'Fred 1' });
    await ask(tab1, 'leave_session');
    await waitFor(leader, 'user_left');
    await refused(tab2, 'request_session_state', [], 'NOT_IN_SESSION');
    await fence(leader, [leader]);
    assert.equal(received(leader, 'user_left').length, 1);
  });

  it('leaves a session that stands empty, and that the next one can lead', async () => {
    const { sessionId, leader } = await room(server(), { followers: 0 });
    await ask(leader, 'leave_session');
    const next = await enter(server(), { sessionId, userId: 'next', username: 'Next' });
    assert.deepEqual(next.joined.session.users.map((user) => user.id), ['next']);
    if (!next.joined.isLeader) assert.equal((await ask(next, 'request_leadership')).success, true);
    assert.equal((await ask(next, 'sync_playback', { position: 1, isPlaying: false })).success, true);
  });
});

suite('a lost connection', { zone }, (server) => {
  const endings = {
    'the own disconnect()': async (sessionId, userId) => {
      (await enter(server(), { sessionId, userId, username: 'Goer' })).disconnect();
    },
    'the own disconnect() over polling': async (sessionId, userId) => {
      (await enter(server(), { sessionId, userId, username: 'Goer' }, { transport: 'polling' })).disconnect();
    },
    'a socket cut without a word': async (sessionId, userId) => {
      const raw = await rawJoin(sessionId, userId);
      raw.destroy();
    },
    'a DISCONNECT packet': async (sessionId, userId) => {
      const raw = await rawJoin(sessionId, userId);
      raw.write(frame(kText, '41'));
    },
    'an Engine.IO close over websocket': async (sessionId, userId) => {
      const raw = await rawJoin(sessionId, userId);
      raw.write(frame(kText, '1'));
    },
    'a WebSocket close': async (sessionId, userId) => {
      const raw = await rawJoin(sessionId, userId);
      raw.write(frame(kClose, closePayload(1000)));
    },
    'an Engine.IO close over polling': async (sessionId, userId) => {
      const polling = await Polling.open(server());
      await polling.post(`42${JSON.stringify(['join_session', { sessionId, userId, username: 'Goer' }])}`);
      await polling.event('session_joined');
      await polling.post('1');
    },
  };

  async function rawJoin(sessionId, userId) {
    const raw = await rawWebSocket(server());
    raw.write(frame(kText, `42${JSON.stringify(['join_session', { sessionId, userId, username: 'Goer' }])}`));
    await raw.message((text) => text.startsWith('42["session_joined"'));
    return raw;
  }

  for (const [name, end] of Object.entries(endings)) {
    it(`marks the user at once and gives up after the grace: ${name}`, async () => {
      const { sessionId, leader } = await room(server(), { followers: 0 });
      const userId = unique('goer');
      await end(sessionId, userId);
      await waitFor(leader, 'user_joined');
      const marked = await until('the user to be marked', async () => {
        const seen = await state(leader);
        return userOf(seen, userId).isConnected ? null : seen;
      });
      assert.equal(marked.userCount, 2);
      assert.equal(marked.connectedCount, 1);

      const left = await waitFor(leader, 'user_left');
      assert.equal(left.userId, userId);
      const kept = userOf(await state(leader), userId);
      assert.equal(kept.isConnected, false, 'the user stays listed');
    });
  }

  it('marks the user before the grace ends', async () => {
    const { leader, followers: [goer] } = await room(server());
    goer.disconnect();
    await until('the mark', async () => !userOf(await state(leader), goer.userId).isConnected);
    assert.deepEqual(received(leader, 'user_left'), [], 'marked first, given up later');
    await waitFor(leader, 'user_left');
  });

  it('is forgotten when the user is back within the grace', async () => {
    const { sessionId, leader, followers: [goer, other] } = await room(server(), { followers: 2 });
    goer.disconnect();
    const back = await enter(server(), { sessionId, userId: goer.userId, username: 'Fred 1' });
    assert.equal(userOf(back.joined.session, goer.userId).isConnected, true);
    assert.equal(back.joined.session.userCount, 3, 'the same entry');
    // The marker: a grace that began later has ended.
    other.disconnect();
    await waitFor(leader, 'user_left', (left) => left.userId === other.userId);
    assert.deepEqual(received(leader, 'user_left').map((left) => left.userId), [other.userId]);
    assert.deepEqual(received(leader, 'user_joined'), [], 'who was never given up does not arrive');
  });

  it('makes coming back after the grace an arrival of the same entry', async () => {
    const { sessionId, leader, followers: [goer, other] } = await room(server(), { followers: 2 });
    goer.disconnect();
    await waitFor(leader, 'user_left');
    clear(other);
    const back = await enter(server(), { sessionId, userId: goer.userId, username: 'Fred again' });
    for (const one of [leader, other]) {
      const joined = await waitFor(one, 'user_joined');
      assert.equal(joined.userId, goer.userId);
      assert.equal(joined.username, 'Fred again');
    }
    const seen = back.joined.session;
    assert.equal(seen.userCount, 3);
    assert.equal(userOf(seen, goer.userId).isConnected, true);
    assert.deepEqual(received(back, 'user_joined'), []);
  });

  it('lets a namespace be connected again on the same Engine.IO session after a DISCONNECT', async () => {
    const { sessionId } = await room(server(), { followers: 0 });
    const raw = await rawJoin(sessionId, 'again');
    raw.write(frame(kText, '41'));
    raw.write(frame(kText, '40'));
    await raw.message((text) => text.startsWith('40'));
    raw.write(frame(kText, `42${JSON.stringify(['join_session', { sessionId, userId: 'again', username: 'A' }])}`));
    await raw.message((text) => text.startsWith('42["session_joined"'));
  });

  it('does not disturb a stranger: a plain connection outside any session comes and goes', async () => {
    const { leader, followers } = await room(server());
    const stranger = await connect(server());
    stranger.disconnect();
    await fence(leader, [leader, ...followers]);
    assert.deepEqual(leader.inbox.filter((one) => one.event !== 'playback_sync'), []);
  });
});
