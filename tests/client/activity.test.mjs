// Heartbeats, and asking for the state.
import assert from 'node:assert/strict';
import { ask, clear, connect, fence, fits, it, refused, request, room, state, suite, until, userOf, waitFor } from
  './harness/index.mjs';

suite('heartbeat', {}, (server) => {
  for (const transport of ['polling', 'websocket', 'upgrade']) {
    it(`is answered with the time outside a session over ${transport}`, async () => {
      const socket = await connect(server(), { transport });
      const before = Date.now() / 1000;
      socket.emit('heartbeat');
      const answer = await waitFor(socket, 'heartbeat_ack');
      fits('heartbeat_ack', answer);
      assert.ok(answer.timestamp >= before - 0.05 && answer.timestamp <= Date.now() / 1000 + 0.05,
        `${answer.timestamp} is a clock probe between ${before} and now`);
    });
  }

  it('is answered with undefined, null or an object as data', async () => {
    const socket = await connect(server());
    for (const data of [undefined, null, {}, { clientTime: 5 }]) {
      socket.emit('heartbeat', data);
      await waitFor(socket, 'heartbeat_ack');
    }
  });

  it('moves lastSeen of the sender alone, and lastActivity of the session', async () => {
    const { sessionId, leader, followers: [follower] } = await room(server());
    const before = await state(leader);
    await until('both times to move', async () => {
      follower.emit('heartbeat');
      await waitFor(follower, 'heartbeat_ack');
      const seen = await state(leader);
      return userOf(seen, follower.userId).lastSeen > userOf(before, follower.userId).lastSeen &&
        seen.lastActivity > before.lastActivity;
    });
    const after = await state(leader);
    assert.equal(userOf(after, follower.userId).joinedAt, userOf(before, follower.userId).joinedAt);
    assert.ok(userOf(after, follower.userId).lastSeen <= Date.now() / 1000 + 0.05);
    const shown = (await request(server(), { path: `/api/sessions/${sessionId}` })).json().session;
    assert.equal(shown.lastActivity, after.lastActivity);
  });

  it('tells nobody else', async () => {
    const { leader, followers: [follower] } = await room(server());
    follower.emit('heartbeat');
    await waitFor(follower, 'heartbeat_ack');
    await fence(leader, [leader]);
    assert.deepEqual(leader.inbox.map((one) => one.event), ['playback_sync']);
  });

  it('answers a hundred probes in order of asking', async () => {
    const socket = await connect(server());
    for (let i = 0; i < 100; i++) socket.emit('heartbeat');
    let last = 0;
    for (let i = 0; i < 100; i++) {
      const { timestamp } = await waitFor(socket, 'heartbeat_ack');
      assert.ok(timestamp >= last);
      last = timestamp;
    }
  });
});

suite('request_session_state', {}, (server) => {
  for (const transport of ['polling', 'websocket']) {
    it(`answers the sender with the whole session over ${transport}`, async () => {
      const { sessionId, leader, followers: [follower] } = await room(server(), { transport });
      const seen = await state(follower);
      fits('session', seen);
      assert.equal(seen.sessionId, sessionId);
      assert.equal(seen.leaderId, leader.userId);
      assert.equal(seen.userCount, 2);
      clear(leader);
      await fence(leader, [leader]);
      assert.deepEqual(leader.inbox.map((one) => one.event), ['playback_sync'], 'nobody else hears of it');
    });
  }

  it('agrees with REST and with session_joined', async () => {
    const { sessionId, leader } = await room(server());
    await ask(leader, 'load_media', { mediaUrl: 'u', mediaId: 'i', mediaTitle: 't', mediaDuration: 5 });
    const timeless = (session) => ({ ...session, lastActivity: 0, playbackState: { ...session.playbackState, lastUpdateTime: 0 } });
    const overSocket = await state(leader);
    const overRest = (await request(server(), { path: `/api/sessions/${sessionId}` })).json().session;
    assert.deepEqual(timeless(overRest), timeless(overSocket));
  });

  it('is refused outside a session', async () => {
    await refused(await connect(server()), 'request_session_state', [], 'NOT_IN_SESSION');
  });
});
