// What plays, where it is, and that everybody hears of it.
import assert from 'node:assert/strict';
import { ask, clear, connect, deadline, enter, fence, fits, frame, it, join, kPatience, kText, rawWebSocket, received,
  refused, room, state, suite, transports, until, waitFor } from './harness/index.mjs';

const film = { mediaUrl: 'https://example.com/film.mp4', mediaId: 'film-1', mediaTitle: 'Ein Film: “ü” 🎬',
  mediaDuration: 5400.25 };

suite('sync_playback', {}, (server) => {
  for (const transport of Object.keys(transports)) {
    it(`reaches everyone, the leader included, with exact values over ${transport}`, async () => {
      const { leader, members } = await room(server(), { followers: 2, transport });
      const sent = { position: 123.456789012345, isPlaying: true, mediaUrl: film.mediaUrl, mediaId: 'm-1',
        playbackRate: 1.3333333333333333 };
      const before = Date.now() / 1000;
      leader.emit('sync_playback', sent);
      for (const member of members) {
        const sync = await waitFor(member, 'playback_sync');
        fits('playback_sync', sync);
        for (const field of Object.keys(sent)) assert.equal(sync[field], sent[field], field);
        assert.equal(sync.leaderId, leader.userId);
        assert.ok(sync.timestamp >= before - 0.1 && sync.timestamp <= Date.now() / 1000 + 0.1, 'timestamp is now');
        assert.ok(Math.abs(sync.lastUpdateTime - sync.timestamp) < 0.1);
      }
    });
  }

  it('returns numbers as they were given', async () => {
    const { leader, followers: [follower] } = await room(server());
    for (const position of [0, 0.1 + 0.2, 1e-7, 5e-324, 1 / 3, 4503599627370497.5, 9007199254740991, 1e15 / 7]) {
      for (const playbackRate of [0.0625, 1, 16, 2 / 3]) {
        leader.emit('sync_playback', { position, isPlaying: false, playbackRate });
        const sync = await waitFor(follower, 'playback_sync');
        assert.equal(sync.position, position);
        assert.equal(sync.playbackRate, playbackRate);
        const { playbackState } = await state(follower);
        assert.equal(playbackState.position, position);
        assert.equal(playbackState.playbackRate, playbackRate);
      }
    }
  });

  it('returns texts as they were given', async () => {
    const { leader, followers: [follower] } = await room(server());
    for (const mediaUrl of ['https://x/ä ö?a=1&b="q"#f', 'blob:\\/\u2028\u2029', '日本語/🎞️', 'x'.repeat(2048), '</script>']) {
      leader.emit('sync_playback', { position: 1, isPlaying: false, mediaUrl });
      assert.equal((await waitFor(follower, 'playback_sync')).mediaUrl, mediaUrl);
      assert.equal((await state(follower)).playbackState.mediaUrl, mediaUrl);
    }
  });

  it('keeps mediaUrl and mediaId when they are absent, and returns the rate to 1', async () => {
    const { leader, followers: [follower] } = await room(server());
    leader.emit('sync_playback', { position: 1, isPlaying: true, mediaUrl: 'u', mediaId: 'i', playbackRate: 2 });
    leader.emit('sync_playback', { position: 2, isPlaying: false });
    leader.emit('sync_playback', { position: 3, isPlaying: false, mediaId: 'j' });
    await waitFor(follower, 'playback_sync');
    const second = await waitFor(follower, 'playback_sync');
    assert.deepEqual([second.mediaUrl, second.mediaId, second.playbackRate], ['u', 'i', 1]);
    const third = await waitFor(follower, 'playback_sync');
    assert.deepEqual([third.mediaUrl, third.mediaId, third.playbackRate], ['u', 'j', 1]);
  });

  it('is refused to a follower, and nothing changes', async () => {
    const { leader, followers: [follower] } = await room(server());
    leader.emit('sync_playback', { position: 7, isPlaying: false, mediaUrl: 'u', playbackRate: 2 });
    await waitFor(follower, 'playback_sync');
    const before = await state(leader);
    await refused(follower, 'sync_playback', [{ position: 99, isPlaying: true, mediaUrl: 'evil' }], 'NOT_LEADER');
    await refused(follower, 'load_media', [film], 'NOT_LEADER');
    const after = await state(leader);
    assert.deepEqual({ ...after.playbackState, lastUpdateTime: 0 }, { ...before.playbackState, lastUpdateTime: 0 });
    await fence(leader, [leader, follower]);
    assert.equal(received(leader, 'playback_sync').length, 2, 'the first and the marker');
    assert.deepEqual(received(leader, 'media_loaded'), []);
    assert.deepEqual(received(leader, 'error'), [], 'the refusal goes to the sender alone');
  });

  it('is not half applied when one field is bad', async () => {
    const { leader } = await room(server(), { followers: 0 });
    leader.emit('sync_playback', { position: 7, isPlaying: false, mediaUrl: 'u', mediaId: 'i' });
    await waitFor(leader, 'playback_sync');
    await refused(leader, 'sync_playback', [{ position: 8, isPlaying: true, mediaUrl: 'v', mediaId: 'j', playbackRate: 17 }],
      'INVALID_PLAYBACK_RATE');
    const { playbackState } = await state(leader);
    assert.deepEqual([playbackState.position, playbackState.isPlaying, playbackState.mediaUrl, playbackState.mediaId],
      [7, false, 'u', 'i']);
  });

  it('advances by the rate: position and lastUpdateTime are one fresh pair in every state', async () => {
    const { leader, followers: [follower] } = await room(server());
    leader.emit('sync_playback', { position: 100, isPlaying: true, playbackRate: 2 });
    const start = await waitFor(follower, 'playback_sync');
    let asked;
    const { playbackState: later } = await until('the clock to move by 50 ms', async () => {
      asked = Date.now() / 1000;
      const seen = await state(follower);
      return seen.playbackState.lastUpdateTime - start.lastUpdateTime >= 0.05 ? seen : null;
    });
    const elapsed = later.lastUpdateTime - start.lastUpdateTime;
    assert.ok(Math.abs(later.position - (100 + 2 * elapsed)) < 0.005, `${later.position} after ${elapsed} s`);
    assert.ok(later.lastUpdateTime > asked - 0.1 && later.lastUpdateTime < Date.now() / 1000 + 0.1, 'lastUpdateTime is now');

    const late = await connect(server());
    const { session } = await join(late, { ...pick(await state(leader), 'sessionId'), userId: 'late', username: 'Late' });
    const inJoin = session.playbackState;
    assert.ok(inJoin.lastUpdateTime >= later.lastUpdateTime);
    assert.ok(Math.abs(inJoin.position - (100 + 2 * (inJoin.lastUpdateTime - start.lastUpdateTime))) < 0.005);

    late.emit('report_desync', { reportedPosition: 1, reportedTime: 2 });
    const { authoritativeState: told } = await waitFor(late, 'desync_recovery');
    assert.ok(Math.abs(told.position - (100 + 2 * (told.lastUpdateTime - start.lastUpdateTime))) < 0.005);
  });

  it('stands still while paused, with a fresh lastUpdateTime', async () => {
    const { leader } = await room(server(), { followers: 0 });
    leader.emit('sync_playback', { position: 41.5, isPlaying: false });
    const first = await waitFor(leader, 'playback_sync');
    const { playbackState } = await until('the clock to move', async () => {
      const seen = await state(leader);
      return seen.playbackState.lastUpdateTime > first.lastUpdateTime ? seen : null;
    });
    assert.equal(playbackState.position, 41.5);
  });

  it('clamps to the duration', async () => {
    const { leader, sessionId } = await room(server(), { followers: 0 });
    leader.emit('load_media', { ...film, mediaDuration: 10 });
    leader.emit('sync_playback', { position: 9.9, isPlaying: true, playbackRate: 16 });
    await waitFor(leader, 'playback_sync');
    await until('the end of the film', async () => {
      const { playbackState: { position } } = await state(leader);
      assert.ok(position <= 10, `${position} is behind the end`);
      return position === 10;
    });
    const late = await enter(server(), { sessionId, userId: 'late', username: 'Late' });
    assert.equal(late.joined.session.playbackState.position, 10);
    late.emit('report_desync', { reportedPosition: 11, reportedTime: 1 });
    assert.equal((await waitFor(late, 'desync_recovery')).authoritativeState.position, 10);

    leader.emit('sync_playback', { position: 50, isPlaying: false });
    await waitFor(leader, 'playback_sync');
    assert.equal((await state(leader)).playbackState.position, 10);
  });

  for (const transport of Object.keys(transports)) {
    it(`2,000 as fast as possible reach every follower once and in order, leader over ${transport}`, async () => {
      const { leader, followers } = await room(server(), { followers: 4,
        transport: [transport, 'polling', 'websocket', 'polling', 'websocket'] });
      for (let i = 0; i < 2000; i++) leader.emit('sync_playback', { position: i, isPlaying: i % 2 === 1 });
      await Promise.all([leader, ...followers].map(async (member) => {
        await waitFor(member, 'playback_sync', (sync) => sync.position === 1999);
        const positions = received(member, 'playback_sync').map((sync) => sync.position);
        assert.equal(positions.length, 2000, `${member.label} got ${positions.length}`);
        positions.forEach((position, i) => assert.equal(position, i, `${member.label} at ${i}`));
      }));
    });
  }

  it('keeps the order among different events', async () => {
    const { leader, followers: [follower] } = await room(server());
    for (let i = 0; i < 50; i++) {
      leader.emit('load_media', { ...film, mediaId: `m${i}` });
      leader.emit('sync_playback', { position: i, isPlaying: true });
    }
    await waitFor(follower, 'playback_sync', (sync) => sync.position === 49);
    const seen = follower.inbox.map(({ event, args: [data] }) =>
      (event === 'media_loaded' ? `load ${data.mediaId}` : `sync ${data.mediaId} ${data.position}`));
    assert.deepEqual(seen, Array.from({ length: 50 }, (_, i) => [`load m${i}`, `sync m${i} ${i}`]).flat());
  });

  it('does not let a follower who stops reading hold up the others', async () => {
    const { sessionId, leader, followers: [follower] } = await room(server());
    const lazy = await rawWebSocket(server());
    lazy.write(frame(kText, `42${JSON.stringify(['join_session', { sessionId, userId: 'lazy', username: 'Lazy' }])}`));
    await lazy.message((text) => text.startsWith('42["session_joined"'));
    lazy.socket.pause();
    const mediaUrl = `https://example.com/${'x'.repeat(2000)}`;
    for (let i = 0; i < 3000; i++) leader.emit('sync_playback', { position: i, isPlaying: true, mediaUrl });
    await waitFor(follower, 'playback_sync', (sync) => sync.position === 2999);
    assert.equal(received(follower, 'playback_sync').length, 3000);
    // Reading again, the lazy one ends with the newest state; skipped ones are older ones, and the order holds.
    lazy.socket.resume();
    let last = -1;
    await deadline((async () => {
      while (last < 2999) {
        const text = await lazy.message((one) => one.startsWith('42["playback_sync"'));
        const [, { position }] = JSON.parse(text.slice(2));
        assert.ok(position > last, `${position} after ${last}`);
        last = position;
      }
    })(), 4 * kPatience, () => `the lazy follower to catch up from ${last}`);
  });
});

suite('load_media', {}, (server) => {
  it('reaches everyone and starts the film at 0, paused', async () => {
    const { leader, members } = await room(server(), { followers: 2, transport: ['websocket', 'polling'] });
    leader.emit('sync_playback', { position: 77, isPlaying: true, playbackRate: 2 });
    leader.emit('load_media', film);
    for (const member of members) {
      const loaded = await waitFor(member, 'media_loaded');
      fits('media_loaded', loaded);
      assert.deepEqual({ ...loaded, timestamp: 0 }, { ...film, loadedBy: leader.userId, timestamp: 0 });
    }
    const { playbackState } = await state(leader);
    assert.equal(playbackState.position, 0);
    assert.equal(playbackState.isPlaying, false);
    for (const field of Object.keys(film)) assert.equal(playbackState[field], film[field], field);
  });

  it('is known to a late joiner with title and duration', async () => {
    const { sessionId, leader } = await room(server(), { followers: 0 });
    await ask(leader, 'load_media', film);
    const late = await enter(server(), { sessionId, userId: 'late', username: 'Late' }, { transport: 'polling' });
    const { playbackState } = late.joined.session;
    fits('playbackState', playbackState);
    for (const field of Object.keys(film)) assert.equal(playbackState[field], film[field], field);
  });

  it('replaces the film before wholly', async () => {
    const { leader } = await room(server(), { followers: 0 });
    await ask(leader, 'load_media', film);
    const second = { mediaUrl: 'https://example.com/b.mp4', mediaId: 'b', mediaTitle: 'B', mediaDuration: 60 };
    await ask(leader, 'load_media', second);
    const { playbackState } = await state(leader);
    for (const field of Object.keys(second)) assert.equal(playbackState[field], second[field], field);
  });

  it('keeps title and duration through sync_playback of the same film', async () => {
    const { leader } = await room(server(), { followers: 0 });
    await ask(leader, 'load_media', film);
    await ask(leader, 'sync_playback', { position: 5, isPlaying: false, mediaUrl: film.mediaUrl });
    const { playbackState } = await state(leader);
    assert.equal(playbackState.mediaTitle, film.mediaTitle);
    assert.equal(playbackState.mediaDuration, film.mediaDuration);
  });
});

suite('report_desync', {}, (server) => {
  for (const transport of ['polling', 'websocket']) {
    it(`answers the sender alone with the authoritative state over ${transport}`, async () => {
      const { leader, followers: [follower] } = await room(server(), { transport });
      await ask(leader, 'load_media', film);
      await ask(leader, 'sync_playback', { position: 60, isPlaying: false });
      clear(leader);
      follower.emit('report_desync', { reportedPosition: 55.125, reportedTime: 1640995200.5 });
      const recovery = await waitFor(follower, 'desync_recovery');
      fits('desync_recovery', recovery);
      assert.equal(recovery.reportedPosition, 55.125);
      assert.equal(recovery.reportedTime, 1640995200.5);
      assert.equal(recovery.authoritativeState.position, 60);
      assert.equal(recovery.authoritativeState.mediaUrl, film.mediaUrl);
      await fence(leader, [leader, follower]);
      assert.deepEqual(received(leader, 'desync_recovery'), []);
    });
  }
});

function pick(object, ...fields) {
  return Object.fromEntries(fields.map((field) => [field, object[field]]));
}
