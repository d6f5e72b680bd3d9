// Every refusal of every event.
import assert from 'node:assert/strict';
import { ask, clear, connect, fence, fits, frame, it, kBinary, kText, Polling, rawWebSocket, received, refused, room,
  state, suite, transports, unique, waitFor } from './harness/index.mjs';

const wrongIds = [undefined, null, 5, true, '', {}, ['a'], 'x'.repeat(129), 'ü'.repeat(65), 'a\nb', 'a\u0000b', '\u007f',
  '\u001b[31m'];
const wrongTexts = [5, true, {}, ['a']];
const wrongNumbers = [null, undefined, '1', true, {}, [1], -1, -0.001];

// event → field → [code, wrong values]
const fields = {
  join_session: {
    sessionId: ['INVALID_SESSION_ID', wrongIds],
    userId: ['INVALID_USER_ID', wrongIds],
    username: ['INVALID_USERNAME', [undefined, null, '', 'x'.repeat(257), 'a\nb', ...wrongTexts]],
    avatar: ['INVALID_AVATAR', ['x'.repeat(2049), ...wrongTexts]],
  },
  sync_playback: {
    position: ['INVALID_POSITION', wrongNumbers],
    isPlaying: ['INVALID_IS_PLAYING', [undefined, null, 0, 1, 'true', {}, []]],
    playbackRate: ['INVALID_PLAYBACK_RATE', [0, -1, 0.0624, 16.0001, '1', true, {}, [1]]],
    mediaUrl: ['INVALID_MEDIA_URL', ['x'.repeat(2049), ...wrongTexts]],
    mediaId: ['INVALID_MEDIA_ID', ['x'.repeat(257), ...wrongTexts]],
  },
  load_media: {
    mediaUrl: ['INVALID_MEDIA_URL', [undefined, null, 'x'.repeat(2049), ...wrongTexts]],
    mediaId: ['INVALID_MEDIA_ID', ['x'.repeat(257), ...wrongTexts]],
    mediaTitle: ['INVALID_MEDIA_TITLE', ['x'.repeat(513), ...wrongTexts]],
    mediaDuration: ['INVALID_MEDIA_DURATION', ['60', true, {}, [60], -1]],
  },
  report_desync: {
    reportedPosition: ['INVALID_REPORT', [undefined, null, '1', true, {}, [1]]],
    reportedTime: ['INVALID_REPORT', ['1', true, {}, [1]]],
  },
};

const good = {
  join_session: () => ({ sessionId: unique('s'), userId: unique('u'), username: 'U', avatar: 'https://x/a.png' }),
  sync_playback: () => ({ position: 1, isPlaying: true, playbackRate: 1, mediaUrl: 'u', mediaId: 'i' }),
  load_media: () => ({ mediaUrl: 'u', mediaId: 'i', mediaTitle: 't', mediaDuration: 60 }),
  report_desync: () => ({ reportedPosition: 1, reportedTime: 2 }),
};

/** A connection that may send `event`: outside a session for join_session, else the leader of one. */
async function sender(server, event, transport = 'websocket') {
  return event === 'join_session'
    ? connect(server, { transport })
    : (await room(server, { followers: 0, transport })).leader;
}

suite('a refused event', {}, (server) => {
  for (const [event, table] of Object.entries(fields)) {
    for (const [field, [code, values]] of Object.entries(table)) {
      it(`${event} with a wrong ${field} is ${code}`, async () => {
        const socket = await sender(server(), event);
        for (const value of values) {
          const data = { ...good[event](), [field]: value };
          fits('error', await refused(socket, event, [data], code));
        }
        assert.equal((await ask(socket, event, good[event]())).success, true, 'and the right one is taken');
      });
    }

    it(`${event} without an object as data is INVALID_PAYLOAD`, async () => {
      const socket = await sender(server(), event);
      for (const args of [[], [null], [5], ['text'], [true], [[]], [[good[event]()]]]) {
        await refused(socket, event, args, 'INVALID_PAYLOAD');
      }
      assert.equal((await ask(socket, event, good[event]())).success, true);
    });
  }

  for (const transport of Object.keys(transports)) {
    it(`names message, code and event over ${transport}`, async () => {
      const socket = await connect(server(), { transport });
      const error = await refused(socket, 'join_session', [{}]);
      fits('error', error);
      assert.equal(error.event, 'join_session');
    });
  }

  it('is refused before joining: everything that needs a session', async () => {
    const socket = await connect(server());
    for (const [event, data] of [['leave_session'], ['sync_playback', good.sync_playback()],
      ['load_media', good.load_media()], ['request_leadership'], ['report_desync', good.report_desync()],
      ['request_session_state']]) {
      await refused(socket, event, data ? [data] : [], 'NOT_IN_SESSION');
    }
  });

  it('is refused again after leaving', async () => {
    const { leader } = await room(server(), { followers: 0 });
    await ask(leader, 'leave_session');
    for (const event of ['leave_session', 'request_leadership', 'request_session_state']) {
      await refused(leader, event, [], 'NOT_IN_SESSION');
    }
  });

  it('does not create a session when join_session is refused', async () => {
    const socket = await connect(server());
    const sessionId = unique('never');
    await refused(socket, 'join_session', [{ sessionId, userId: 'u', username: 5 }], 'INVALID_USERNAME');
    const { leader } = await room(server(), { followers: 0 });
    await fence(leader, [leader]);
    const again = await ask(socket, 'join_session', { sessionId, userId: 'second', username: 'Second' });
    assert.equal(again.success, true);
    assert.equal((await state(socket)).creatorId, 'second');
    assert.equal((await state(socket)).userCount, 1);
  });

  it('does not refresh the name when a second join_session is refused', async () => {
    const { sessionId, leader } = await room(server(), { followers: 0 });
    await refused(leader, 'join_session', [{ sessionId, userId: leader.userId, username: 'New', avatar: 5 }], 'INVALID_AVATAR');
    assert.equal((await state(leader)).users[0].username, 'Lea');
  });

  it('UNKNOWN_EVENT names the event, also strange ones', async () => {
    const socket = await connect(server());
    for (const event of ['no_such_event', 'JOIN_SESSION', '', 'constructor', '__proto__', 'täst "q"', 'session_joined', 'error',
      'join_session ']) {
      const error = await refused(socket, event, [{ a: 1 }], 'UNKNOWN_EVENT');
      assert.equal(error.event, event);
    }
  });

  it('is told to the sender alone', async () => {
    const { leader, followers: [follower] } = await room(server());
    await refused(follower, 'sync_playback', [{}]);
    await refused(follower, 'no_such_event', []);
    await fence(leader, [leader, follower]);
    assert.deepEqual(leader.inbox.map((one) => one.event), ['playback_sync']);
  });

  it('comes without an acknowledgement when none was asked for', async () => {
    const raw = await rawWebSocket(server());
    raw.write(frame(kText, '42["join_session",{}]'));
    raw.write(frame(kText, '42["heartbeat"]'));
    const texts = [];
    await raw.message((text) => { texts.push(text); return text.startsWith('42["heartbeat_ack"'); });
    assert.equal(texts.filter((text) => text.startsWith('42["error"')).length, 1, texts.join('\n'));
    assert.equal(texts.filter((text) => text.startsWith('43')).length, 0);
  });

  for (const transport of ['polling', 'websocket']) {
    it(`binary data is refused politely and the connection goes on over ${transport}`, async () => {
      const { leader } = await room(server(), { followers: 0, transport });
      await refused(leader, 'sync_playback', [Buffer.from([1, 2, 3])], 'BINARY_UNSUPPORTED');
      await refused(leader, 'sync_playback', [{ position: 1, isPlaying: true, mediaUrl: Buffer.alloc(1000) }], 'BINARY_UNSUPPORTED');
      leader.emit('join_session', { a: Buffer.from('x'), b: [Buffer.from('y'), Buffer.alloc(0)] });
      assert.equal((await waitFor(leader, 'error')).event, 'join_session');
      leader.emit('heartbeat');
      await waitFor(leader, 'heartbeat_ack');
      assert.equal(leader.connected, true);
      assert.equal((await ask(leader, 'sync_playback', { position: 2, isPlaying: true })).success, true);
      assert.deepEqual(received(leader, 'disconnect'), []);
    });
  }

  it('binary attachments cut into websocket fragments are refused politely', async () => {
    const raw = await rawWebSocket(server());
    raw.write(frame(kText, '451-7["sync_playback",{"_placeholder":true,"num":0}]'));
    raw.write(frame(kBinary, 'abc', { fin: false }));
    raw.write(frame(0, 'def'));
    await raw.message((text) => text.startsWith('42["error"'));
    raw.write(frame(kText, '42["heartbeat"]'));
    await raw.message((text) => text.startsWith('42["heartbeat_ack"'));
  });

  it('numbers that JSON can write and a double cannot hold are refused', async () => {
    for (const [event, json] of [['sync_playback', '{"position":1e999,"isPlaying":true}'],
      ['load_media', '{"mediaUrl":"u","mediaDuration":1e400}'], ['report_desync', '{"reportedPosition":-1e999}']]) {
      const polling = await Polling.open(server());
      await polling.post(`42${JSON.stringify(['join_session', { sessionId: unique('s'), userId: 'u', username: 'U' }])}`);
      await polling.event('session_joined');
      await polling.post(`42["${event}",${json}]`);
      const answer = await polling.poll();
      // Either the event is refused or the packet is not JSON at all and the session closes; never taken.
      assert.ok(answer.status !== 200 || /^(42\["error"|41|1)/.test(answer.body), answer.body);
    }
  });

  it('a thousand refusals in a row are a thousand answers', async () => {
    const socket = await connect(server());
    clear(socket);
    const acks = await Promise.all(Array.from({ length: 1000 }, () => ask(socket, 'no_such_event')));
    assert.ok(acks.every((ack) => ack.success === false));
    assert.equal(received(socket, 'error').length, 1000);
  });
});
