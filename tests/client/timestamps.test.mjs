// Seconds with a fraction, or JavaScript's milliseconds, by location, in one session.
import assert from 'node:assert/strict';
import { ask, connect, enter, it, join, request, state, suite, unique, until, waitFor } from './harness/index.mjs';

const locations = `
    location /millis/ { mediasync rooms; mediasync_timestamps milliseconds; }
    location /seconds/ { mediasync rooms; mediasync_timestamps seconds; }
    location /millis-api/sessions { mediasync_api rooms; mediasync_timestamps milliseconds; }`;
const iso = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** The same instant in both notations, to the millisecond. */
function assertSame(seconds, millis, what) {
  assert.ok(Number.isInteger(millis), `${what}: ${millis} is an integer`);
  assert.equal(Math.round(seconds * 1000), millis, what);
  assert.equal(seconds, millis / 1000, `${what}: the fraction has no noise`);
  assert.ok(Math.abs(millis - Date.now()) < 600000, `${what} is now`);
}

suite('timestamps', { locations }, (server) => {
  for (const transport of ['polling', 'websocket']) {
    it(`of one event are the same instant in seconds and milliseconds over ${transport}`, async () => {
      const sessionId = unique('room');
      const leader = await enter(server(), { sessionId, userId: 'lea', username: 'Lea' }, { transport });
      const plain = await enter(server(), { sessionId, userId: 'sec', username: 'S' }, { transport, path: '/seconds/' });
      const millis = await enter(server(), { sessionId, userId: 'mil', username: 'M' }, { transport, path: '/millis/' });
      const both = async (event) => [await waitFor(leader, event), await waitFor(plain, event), await waitFor(millis, event)];

      leader.emit('load_media', { mediaUrl: 'u', mediaId: 'i', mediaTitle: 't', mediaDuration: 60 });
      const loaded = await both('media_loaded');
      assert.equal(loaded[0].timestamp, loaded[1].timestamp);
      assertSame(loaded[1].timestamp, loaded[2].timestamp, 'media_loaded.timestamp');

      leader.emit('sync_playback', { position: 1.5, isPlaying: true });
      const synced = await both('playback_sync');
      assertSame(synced[1].timestamp, synced[2].timestamp, 'playback_sync.timestamp');
      assertSame(synced[1].lastUpdateTime, synced[2].lastUpdateTime, 'playback_sync.lastUpdateTime');
      assert.equal(synced[1].position, synced[2].position, 'position is in seconds everywhere');

      const third = await enter(server(), { sessionId, userId: 'third', username: 'T' });
      const joined = await both('user_joined').then(() => Promise.all([plain, millis].map((socket) => socket.inbox
        .filter((one) => one.event === 'user_joined').map((one) => one.args[0]).find((one) => one.userId === 'third')
        ?? waitFor(socket, 'user_joined', (one) => one.userId === 'third'))));
      assertSame(joined[0].timestamp, joined[1].timestamp, 'user_joined.timestamp');

      await ask(third, 'leave_session');
      const left = [await waitFor(plain, 'user_left'), await waitFor(millis, 'user_left')];
      assertSame(left[0].timestamp, left[1].timestamp, 'user_left.timestamp');

      await ask(leader, 'leave_session');
      const changed = [await waitFor(plain, 'leadership_changed'), await waitFor(millis, 'leadership_changed')];
      assertSame(changed[0].timestamp, changed[1].timestamp, 'leadership_changed.timestamp');
    });
  }

  it('of a session agree in every field; createdAt and joinedAt are ISO in both', async () => {
    const sessionId = unique('room');
    const plain = await enter(server(), { sessionId, userId: 'sec', username: 'S' });
    const millis = await connect(server(), { path: '/millis/' });
    const { session } = await join(millis, { sessionId, userId: 'mil', username: 'M' });
    const inSeconds = await state(plain);
    const inMillis = await state(millis);
    assertSame(inSeconds.lastActivity, inMillis.lastActivity, 'lastActivity');
    inSeconds.users.forEach((user, i) => {
      assertSame(user.lastSeen, inMillis.users[i].lastSeen, 'lastSeen');
      assert.match(user.joinedAt, iso);
      assert.equal(user.joinedAt, inMillis.users[i].joinedAt);
    });
    assert.match(inSeconds.createdAt, iso);
    assert.equal(inSeconds.createdAt, inMillis.createdAt);
    assert.ok(Number.isInteger(session.lastActivity) && session.lastActivity > 1e12);
    assert.ok(Number.isInteger(inMillis.playbackState.lastUpdateTime) && inMillis.playbackState.lastUpdateTime > 1e12);
    assert.ok(inSeconds.playbackState.lastUpdateTime < 1e11);
  });

  it('in seconds carry milliseconds as fraction', async () => {
    const socket = await connect(server());
    await until('an instant between two seconds', async () => {
      socket.emit('heartbeat');
      const { timestamp } = await waitFor(socket, 'heartbeat_ack');
      assert.equal(timestamp, Math.round(timestamp * 1000) / 1000);
      return !Number.isInteger(timestamp);
    });
  });

  it('of a heartbeat are a clock probe in either notation', async () => {
    for (const [path, unit] of [['/socket.io/', 1000], ['/millis/', 1]]) {
      const socket = await connect(server(), { path });
      const before = Date.now();
      socket.emit('heartbeat');
      const { timestamp } = await waitFor(socket, 'heartbeat_ack');
      assert.ok(timestamp * unit >= before - 50 && timestamp * unit <= Date.now() + 50);
    }
  });

  it('of a desync report: the state in the notation of the location, reportedTime as it came', async () => {
    const socket = await enter(server(), { sessionId: unique('s'), userId: 'u', username: 'U' }, { path: '/millis/' });
    socket.emit('report_desync', { reportedPosition: 1, reportedTime: 1640995200.25 });
    const recovery = await waitFor(socket, 'desync_recovery');
    assert.equal(recovery.reportedTime, 1640995200.25);
    assert.ok(Number.isInteger(recovery.authoritativeState.timestamp));
    assert.ok(recovery.authoritativeState.lastUpdateTime > 1e12);
  });

  it('over REST go by the REST location', async () => {
    const sessionId = unique('room');
    await enter(server(), { sessionId, userId: 'u', username: 'U' });
    const inSeconds = (await request(server(), { path: `/api/sessions/${sessionId}` })).json().session;
    const inMillis = (await request(server(), { path: `/millis-api/sessions/${sessionId}` })).json().session;
    assertSame(inSeconds.lastActivity, inMillis.lastActivity, 'lastActivity');
    const list = (await request(server(), { path: '/millis-api/sessions' })).json().sessions;
    assert.equal(list.find((one) => one.sessionId === sessionId).lastActivity, inMillis.lastActivity);
  });
});
