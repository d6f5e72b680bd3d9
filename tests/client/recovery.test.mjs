// Connection state recovery: a client that lost its connection comes back as who it was, and misses nothing.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkConfiguration, clear, configuration, fits, frame, kText, pinnedSocket, Polling, RawConnection,
  rawWebSocket, received, suite, transports, unique, until, upgraded, upgradeRequest, userOf, waitFor, workerAgent } from
  './harness/index.mjs';
import { kRetry, scene } from './harness/scene.mjs';
import { askVersion, closeVersion, versions } from './harness/versions.mjs';

const kNow = '4.8.4';
const ways = Object.keys(transports);

/** The leader plays these positions, one after the other, each acknowledged. */
async function say(leader, ...positions) {
  for (const position of positions) {
    const ack = await askVersion(leader, 'sync_playback', { position, isPlaying: false });
    assert.equal(ack.success, true, JSON.stringify(ack));
  }
}

const heard = (socket) => received(socket, 'playback_sync').map((sync) => sync.position);
const hears = (socket, position) => waitFor(socket, 'playback_sync', (sync) => sync.position === position);
const upTo = (n) => Array.from({ length: n }, (_, i) => i + 1);
const lapse = (what, ms) => { const end = Date.now() + ms; return until(what, () => Date.now() > end, 2 * ms + 1000); };

/**
 * Until the client has a WebSocket or a poll on its way, by which the server notices a loss at once; a poll that is just
 * being asked for may end without the server ever having heard of it.
 */
async function attached(member, proxy) {
  if (member.io.opts.transports.length > 1) {
    await upgraded(member);
    await askVersion(member, 'heartbeat'); // the server knows of the upgrade, too
    member.inbox.splice(member.inbox.findIndex((one) => one.event === 'heartbeat_ack'), 1);
  }
  await until('a WebSocket or a poll', () => proxy.attached);
}

/**
 * The member is without network until `meanwhile` is done, and comes back. `how`: down, vanish, or a mere cut. Says
 * whether it recovered.
 */
async function away(member, proxy, meanwhile = () => {}, how = 'down') {
  if (how !== 'cut') await attached(member, proxy);
  proxy[how]();
  await waitFor(member, 'disconnect');
  await meanwhile();
  proxy.admit();
  await waitFor(member, 'connect');
  return member.recovered === true;
}

/** A session with a leader and a bystander on good connections, and a member behind a proxy; inboxes are empty. */
async function company({ enter, proxy }, { transport, version = kNow, ...options } = {}) {
  const sessionId = unique('room');
  const via = await proxy();
  const leader = await enter(kNow, { sessionId, transport: 'websocket', username: 'Lea' });
  const bystander = await enter(kNow, { sessionId, transport: 'polling', username: 'By' });
  const member = await enter(version, { sessionId, transport, via, username: 'Mem' }, { ...kRetry, ...options });
  for (const other of [leader, bystander]) {
    await waitFor(other, 'user_joined', (joined) => joined.userId === member.userId);
  }
  const all = { sessionId, leader, bystander, member, proxy: via };
  [leader, bystander, member].forEach(clear);
  return all;
}

async function state(socket) {
  socket.emit('request_session_state');
  return waitFor(socket, 'session_state');
}

/** Recovered, it is in the session, connected; otherwise in none. No half-way. */
async function consistent(socket, recovered) {
  const ack = await askVersion(socket, 'request_session_state');
  if (recovered) {
    assert.equal(ack.success, true, `recovered, but ${ack.code}`);
    const seen = await waitFor(socket, 'session_state');
    assert.equal(userOf(seen, socket.userId)?.isConnected, true);
  } else {
    assert.equal(ack.code, 'NOT_IN_SESSION');
  }
}

/**
 * A namespace CONNECT on a raw WebSocket: {raw, sid, pid, recovered}. `auth` undefined sends none. What was missed may
 * come before the answer or after it; message() of the returned `raw` gives both.
 */
async function rawConnect(server, auth, { path, worker } = {}) {
  const raw = await rawOpen(server, { path, worker });
  raw.write(frame(kText, `40${auth === undefined ? '' : JSON.stringify(auth)}`));
  return { raw, ...await rawAnswer(raw, auth) };
}

async function rawOpen(server, { path = '/socket.io/', worker } = {}) {
  const query = `${path}?EIO=4&transport=websocket`;
  if (!worker) return rawWebSocket(server, { bare: true, path: query });
  const { socket } = await pinnedSocket(server, (pid) => pid === worker);
  server.onStop(() => socket.destroy());
  const raw = new RawConnection(socket);
  raw.write(upgradeRequest(server, { path: query }));
  assert.equal((await raw.response()).status, 101);
  await raw.message((text) => text.startsWith('0'));
  return raw;
}

async function rawAnswer(raw, auth) {
  const early = [];
  const answer = answerOf(await raw.message((text) => {
    if (text.startsWith('42')) early.push(text);
    return /^4[04]/.test(text);
  }), auth);
  const message = raw.message.bind(raw);
  raw.message = async (accept) => {
    while (early.length > 0) {
      const text = early.shift();
      if (accept(text)) return text;
    }
    return message(accept);
  };
  return answer;
}

function answerOf(packet, auth) {
  assert.match(packet, /^40\{/);
  const { sid, pid, ...rest } = JSON.parse(packet.slice(2));
  assert.deepEqual(rest, {});
  return { sid, pid, recovered: auth?.pid !== undefined && pid === auth.pid };
}

/** The next event of that name, as {data, offset, length}. */
async function rawEvent(raw, name) {
  const [, ...args] = JSON.parse((await raw.message((text) => text.startsWith(`42["${name}"`))).slice(2));
  return { data: args[0], offset: args[1], length: args.length };
}

const packet = (...args) => `42${JSON.stringify(args)}`;

async function rawJoin(raw, sessionId, userId) {
  raw.write(frame(kText, packet('join_session', { sessionId, userId, username: userId })));
  return rawEvent(raw, 'session_joined');
}

/** What a raw connection has been sent of the session up to the answer to a heartbeat: names and positions. */
async function upToNow(raw) {
  const all = [];
  raw.write(frame(kText, packet('heartbeat')));
  await raw.message((text) => {
    if (text.startsWith('42')) {
      const [name, data] = JSON.parse(text.slice(2));
      all.push(name === 'playback_sync' ? data.position : name);
    }
    return text.startsWith('42["heartbeat_ack"');
  });
  return all.slice(0, -1);
}

describe('the directives of recovery', () => {
  it('take on and off, and a time', async () => {
    const ports = { http: 1 };
    for (const options of [{ sync: 'mediasync_recovery on;' }, { sync: 'mediasync_recovery off;' },
      { zone: 'recovery=5m' }, { zone: 'recovery=300ms disconnect_grace=1s' }]) {
      const { ok, output } = await checkConfiguration(configuration(options, ports));
      assert.ok(ok, output);
    }
    for (const options of [{ sync: 'mediasync_recovery maybe;' }, { sync: 'mediasync_recovery;' },
      { sync: 'mediasync_recovery on; mediasync_recovery on;' }, { zone: 'recovery=soon' }, { zone: 'recovery=' }]) {
      const { ok, output } = await checkConfiguration(configuration(options, ports));
      assert.ok(!ok, `${JSON.stringify(options)} was taken`);
      assert.match(output, /\[emerg\].*recovery/);
    }
  });
});

const places = `
  location /off/ { mediasync rooms; mediasync_recovery off; }
  location /on/ { mediasync rooms; mediasync_recovery on; }
  location /other/ { mediasync other; }`;

suite('CONNECT and events', { http: 'mediasync_zone zone=other:2m;', locations: places }, (server) => {
  for (const path of ['/socket.io/', '/on/']) {
    it(`is answered sid and pid, and events of a session carry an offset, at ${path}`, async () => {
      const first = await rawConnect(server(), undefined, { path });
      const second = await rawConnect(server(), { token: 'x', recovery: true }, { path });
      for (const { pid, sid, raw } of [first, second]) {
        assert.match(pid, /^[\x21-\x7e]{12,}$/);
        assert.notEqual(pid, sid);
        assert.notEqual(pid, raw.handshake.sid);
      }
      assert.notEqual(first.pid, second.pid);
      const sessionId = unique('s');
      const joined = await rawJoin(first.raw, sessionId, 'a');
      assert.equal(typeof joined.offset, 'string');
      await rawJoin(second.raw, sessionId, 'b');
      const offsets = new Set([joined.offset, (await rawEvent(first.raw, 'user_joined')).offset]);
      for (let position = 1; position <= 5; position++) {
        first.raw.write(frame(kText, packet('sync_playback', { position, isPlaying: false })));
        const sync = await rawEvent(first.raw, 'playback_sync');
        assert.equal(sync.length, 2);
        fits('playback_sync', sync.data);
        offsets.add(sync.offset);
      }
      first.raw.write(frame(kText, packet('load_media', { mediaUrl: 'm' })));
      offsets.add((await rawEvent(first.raw, 'media_loaded')).offset);
      second.raw.write(frame(kText, packet('leave_session')));
      offsets.add((await rawEvent(first.raw, 'user_left')).offset);
      assert.equal(offsets.size, 9, 'each its own');
      for (const offset of offsets) assert.ok(typeof offset === 'string' && offset.length > 0, `${offset}`);
    });
  }

  it('by polling are the same', async () => {
    const polling = await Polling.open(server(), { connectNamespace: false });
    await polling.post('40');
    const [answer] = await polling.packets((one) => one.startsWith('40'));
    assert.equal(typeof answerOf(answer).pid, 'string');
    await polling.post(packet('join_session', { sessionId: unique('s'), userId: 'u', username: 'U' }));
    const [, , offset] = await polling.event('session_joined');
    assert.equal(typeof offset, 'string');
  });

  it('are plain where recovery is off, beside members who have it', async () => {
    const sessionId = unique('s');
    const off = await rawConnect(server(), undefined, { path: '/off/' });
    const on = await rawConnect(server(), undefined);
    const refusing = await rawConnect(server(), { recovery: false });
    assert.equal(off.pid, undefined);
    assert.equal(refusing.pid, undefined);
    assert.equal((await rawJoin(on.raw, sessionId, 'on')).length, 2);
    assert.equal((await rawJoin(off.raw, sessionId, 'off')).length, 1);
    assert.equal((await rawJoin(refusing.raw, sessionId, 'refusing')).length, 1);
    on.raw.write(frame(kText, packet('sync_playback', { position: 1, isPlaying: false })));
    for (const [one, length] of [[on, 2], [off, 1], [refusing, 1]]) {
      const sync = await rawEvent(one.raw, 'playback_sync');
      assert.equal(sync.length, length);
      assert.equal(sync.data.position, 1);
    }
    const again = await rawConnect(server(), { pid: on.pid, offset: 'x' }, { path: '/off/' });
    assert.equal(again.pid, undefined);
    assert.notEqual(again.sid, on.sid);
    const unwilling = await rawConnect(server(), { pid: on.pid, offset: 'x', recovery: false });
    assert.equal(unwilling.pid, undefined);
  });

  for (const transport of ways) {
    for (const [why, options] of [['the place has it off', { path: '/off/' }],
      ['the client refuses it', { auth: { recovery: false } }]]) {
      scene(`a stock client over ${transport} is not recovered when ${why}, and joins again`, server, async (use) => {
        const { sessionId, leader, member, proxy } = await company(use, { transport, ...options });
        await say(leader, 1);
        await hears(member, 1);
        const { id } = member;
        assert.equal(await away(member, proxy, () => say(leader, 2)), false);
        assert.notEqual(member.id, id);
        await consistent(member, false);
        const { userId } = member;
        await askVersion(member, 'join_session', { sessionId, userId, username: 'Mem' });
        assert.equal((await waitFor(member, 'session_joined')).session.playbackState.position, 2);
        await say(leader, 3);
        await hears(member, 3);
        assert.deepEqual(heard(member), [1, 3]);
        for (const { event, args } of member.inbox) {
          if (event === 'playback_sync' || event === 'session_joined') assert.equal(args.length, 1, event);
        }
      });
    }
  }

  it('whatever pid and offset are: a stranger gets a connection of its own, and a bystander notices nothing', async () => {
    const sessionId = unique('s');
    const watcher = await rawConnect(server());
    await rawJoin(watcher.raw, sessionId, 'watcher');
    const foreign = await rawConnect(server(), undefined, { path: '/other/' });
    const foreignJoined = await rawJoin(foreign.raw, sessionId, 'foreign');
    foreign.raw.destroy();
    const gone = await rawConnect(server());
    const { offset } = await rawJoin(gone.raw, unique('s'), 'gone');
    gone.raw.write(frame(kText, '41'));
    await upToNow(watcher.raw);
    const long = 'x'.repeat(200);
    const seen = new Set([watcher.pid, foreign.pid, gone.pid]);
    for (const auth of [{ pid: '' }, { pid: 'x' }, { pid: 'x'.repeat(20), offset }, { pid: long, offset },
      { pid: 5, offset }, { pid: null, offset: null }, { pid: {}, offset: [] }, { pid: [gone.pid], offset }, { pid: true, offset },
      { pid: `${watcher.pid}x`, offset }, { pid: watcher.pid.slice(0, -1), offset },
      { pid: '__proto__', offset: 'constructor' },
      { pid: `\u0000${watcher.pid}`, offset }, { pid: '🎬'.repeat(5), offset: '🎬' }, { pid: watcher.sid, offset },
      { pid: watcher.raw.handshake.sid, offset }, { offset }, { offset: 7 }, { pid: ' '.repeat(20), offset: ' ' },
      { pid: foreign.pid, offset: foreignJoined.offset }, { pid: foreign.pid }, { pid: gone.pid, offset },
      { pid: '%s%n', offset: "'; --" }]) {
      const about = JSON.stringify(auth).slice(0, 100);
      const one = await rawConnect(server(), auth);
      assert.equal(typeof one.pid, 'string', about);
      assert.ok(!seen.has(one.pid), `${about} got a pid that was given before`);
      assert.ok(one.sid !== gone.sid && one.sid !== watcher.sid && one.sid !== foreign.sid, about);
      seen.add(one.pid);
      one.raw.write(frame(kText, packet('request_session_state')));
      assert.equal((await rawEvent(one.raw, 'error')).data.code, 'NOT_IN_SESSION', about);
      one.raw.destroy();
    }
    assert.deepEqual(await upToNow(watcher.raw), []);
  });

  it('with pid and offset of any length: a connection of its own or a refusal, and the connection goes on', async () => {
    const [long, longer] = ['x'.repeat(20000), 'x'.repeat(300000)];
    for (const [pid, offset] of [[long, 'x'], ['x', long], [longer, longer]]) {
      const raw = await rawOpen(server());
      raw.write(frame(kText, `40${JSON.stringify({ pid, offset })}`));
      const answer = await raw.message((text) => /^4[04]/.test(text));
      if (answer.startsWith('44')) {
        assert.equal(typeof JSON.parse(answer.slice(2)).message, 'string');
        raw.write(frame(kText, '40'));
        await raw.message((text) => text.startsWith('40'));
      }
      assert.deepEqual(await upToNow(raw), []);
      raw.destroy();
    }
  });

  it('with an offset that is none: a connection of its own', async () => {
    const sessionId = unique('s');
    const watcher = await rawConnect(server());
    await rawJoin(watcher.raw, sessionId, 'watcher');
    for (const offset of ['x', '-1', '0', '1.5', '1e3', '99999999999999999999999999', 'NaN', 'x'.repeat(200), '\u0000',
      '🎬', 12, {}, [], true]) {
      const about = `offset ${JSON.stringify(offset).slice(0, 100)}`;
      const one = await rawConnect(server());
      await rawJoin(one.raw, sessionId, 'one');
      one.raw.destroy();
      const again = await rawConnect(server(), { pid: one.pid, offset });
      assert.equal(again.recovered, false, about);
      assert.notEqual(again.sid, one.sid, about);
      assert.equal(typeof again.pid, 'string', about);
      again.raw.write(frame(kText, packet('request_session_state')));
      assert.equal((await rawEvent(again.raw, 'error')).data.code, 'NOT_IN_SESSION', about);
      assert.deepEqual(await upToNow(again.raw), [], about);
      again.raw.destroy();
    }
    await upToNow(watcher.raw);
  });
});

suite('a client that comes back', { zone: 'disconnect_grace=60s' }, (server) => {
  for (const version of Object.keys(versions).filter((one) => versions[one].recovers)) {
    for (const transport of ways) {
      scene(`${version} over ${transport} is who it was, gets what it missed, then what is new`, server, async (use) => {
        const { leader, bystander, member, proxy } = await company(use, { transport, version });
        await say(leader, 1, 2);
        await hears(member, 2);
        const { id, _pid: pid } = member;
        const engine = member.io.engine.id;
        assert.equal(await away(member, proxy, () => say(leader, 3, 4, 5)), true, 'recovered');
        assert.deepEqual([member.id, member._pid], [id, pid]);
        assert.notEqual(member.io.engine.id, engine);
        await say(leader, 6);
        await hears(member, 6);
        assert.deepEqual(heard(member), upTo(6));
        await consistent(member, true);
        assert.equal((await askVersion(member, 'sync_playback', { position: 1, isPlaying: true })).code, 'NOT_LEADER');
        for (const other of [leader, bystander]) {
          assert.deepEqual(other.inbox.filter((one) => one.event !== 'playback_sync'), []);
        }
        assert.deepEqual(received(member, 'session_joined'), [], 'nobody joined again');
      });
    }
  }

  for (const transport of ways) {
    scene(`over ${transport} gets every kind of event, in the order of those who stayed`, server, async (use) => {
      const { sessionId, leader, bystander, member, proxy } = await company(use, { transport });
      assert.equal(await away(member, proxy, async () => {
        await askVersion(leader, 'load_media', { mediaUrl: '/a.mp4', mediaTitle: '🎬é', mediaDuration: 100 });
        await say(leader, 1);
        const third = await use.enter(kNow, { sessionId, transport: 'websocket', username: 'Third 🎬' });
        await askVersion(third, 'leave_session');
        await askVersion(leader, 'sync_playback', { position: 2, isPlaying: true, playbackRate: 2, mediaUrl: '/b.mp4' });
        const fourth = await use.enter(kNow, { sessionId, transport: 'polling' });
        await askVersion(leader, 'leave_session');
        await askVersion(bystander, 'sync_playback', { position: 3, isPlaying: true });
        await askVersion(fourth, 'leave_session');
      }), true);
      await askVersion(bystander, 'load_media', { mediaUrl: '/last.mp4' });
      for (const one of [bystander, member]) await waitFor(one, 'media_loaded', (film) => film.mediaUrl === '/last.mp4');
      const told = (socket) => socket.inbox.filter((one) => !/connect/.test(one.event)).map(({ event, args: [data] }) => {
        const { position, lastUpdateTime, ...rest } = data; // these two are a pair, of any one moment
        const origin = position === undefined ? undefined : Math.round((position - (data.isPlaying
          ? data.playbackRate * (lastUpdateTime - data.timestamp) : 0)) * 10);
        return { event, origin, ...rest };
      });
      assert.deepEqual(told(member), told(bystander));
      assert.deepEqual(told(member).map((one) => one.event), ['media_loaded', 'playback_sync', 'user_joined', 'user_left',
        'playback_sync', 'user_joined', 'user_left', 'leadership_changed', 'playback_sync', 'user_left', 'media_loaded']);
    });

    scene(`over ${transport} comes back again and again, with and without events in between`, server, async (use) => {
      const { leader, member, proxy } = await company(use, { transport });
      const { id } = member;
      let n = 0;
      for (const missed of [0, 0, 1, 0, 3, 0, 0, 2]) {
        assert.equal(await away(member, proxy, () => say(leader, ...upTo(missed).map((i) => n + i))), true);
        n += missed;
        assert.equal(member.id, id);
      }
      await say(leader, ++n);
      await hears(member, n);
      assert.deepEqual(heard(member), upTo(n));
    });

    scene(`over ${transport} comes back after its own engine.close()`, server, async (use) => {
      const { leader, member, proxy } = await company(use, { transport });
      for (let n = 1; n <= 20; n++) {
        if (n % 5 === 0) {
          await attached(member, proxy);
          member.io.engine.close();
          await say(leader, n);
          await waitFor(member, 'disconnect');
          await waitFor(member, 'connect');
          assert.equal(member.recovered, true);
        } else {
          await say(leader, n);
        }
      }
      await hears(member, 20);
      assert.deepEqual(heard(member), upTo(20));
    });

    scene(`over ${transport} comes back while the server still believes in the old connection`, server, async (use) => {
      const { leader, bystander, member, proxy } = await company(use, { transport });
      const { id } = member;
      let n = 0;
      for (let round = 0; round < 3; round++) {
        assert.equal(await away(member, proxy, () => say(leader, ...upTo(5).map((i) => n + i)), 'vanish'), true);
        n += 5;
        assert.equal(member.id, id);
        await say(leader, ++n);
        await hears(member, n);
      }
      assert.deepEqual(heard(member), upTo(n));
      assert.equal((await state(leader)).connectedCount, 3);
      // The old connections are none any more: when the new one goes, the user is without.
      await closeVersion(member);
      await until('the user to be without connection', async () =>
        !userOf(await state(leader), member.userId).isConnected);
      for (const other of [leader, bystander]) {
        assert.deepEqual(other.inbox.filter((one) => !['playback_sync', 'session_state'].includes(one.event)), []);
      }
    });

    scene(`over ${transport} comes back while what was sent to it is lost on the way`, server, async (use) => {
      const { leader, member, proxy } = await company(use, { transport });
      await say(leader, 1);
      await hears(member, 1);
      await attached(member, proxy);
      proxy.silence({ up: false });
      await say(leader, 2, 3);
      assert.equal(await away(member, proxy, () => say(leader, 4), 'cut'), true);
      await say(leader, 5);
      await hears(member, 5);
      assert.deepEqual(heard(member), upTo(5));
    });

    scene(`over ${transport} comes back connected but in no session when it was in none`, server, async (use) => {
      const via = await use.proxy();
      const member = await use.connect(kNow, { transport, via, ...kRetry });
      const { id } = member;
      for (let round = 0; round < 3; round++) {
        assert.equal(await away(member, via), true, 'recovered before its first event');
        assert.equal(member.id, id);
        await consistent(member, false);
      }
      const sessionId = unique('s');
      assert.equal((await askVersion(member, 'join_session', { sessionId, userId: 'u', username: 'U' })).success, true);
      await say(member, 1);
      await hears(member, 1);
      assert.equal(await away(member, via), true);
      await say(member, 2);
      await hears(member, 2);
    });

    scene(`over ${transport} comes back although nothing came after session_joined`, server, async (use) => {
      const { sessionId, leader } = await company(use, { transport });
      const via = await use.proxy();
      const member = await use.enter(kNow, { sessionId, transport, via }, kRetry);
      assert.equal(await away(member, via, () => say(leader, 1)), true);
      await hears(member, 1);
      assert.deepEqual(heard(member), [1]);
    });

    scene(`over ${transport} after leave_session is in no session, and hears nothing of it`, server, async (use) => {
      const { sessionId, leader, member, proxy } = await company(use, { transport });
      await say(leader, 1);
      await hears(member, 1);
      await askVersion(member, 'leave_session');
      await say(leader, 2);
      assert.equal(await away(member, proxy, () => say(leader, 3)), true);
      await say(leader, 4);
      await consistent(member, false);
      assert.deepEqual(heard(member), [1]);
      assert.equal(userOf(await state(leader), member.userId), undefined);
      // And into another session, from where it comes back.
      const other = await use.enter(kNow, { sessionId: unique('other'), transport: 'websocket' });
      await askVersion(member, 'join_session', { sessionId: other.joined.sessionId, userId: 'm', username: 'M' });
      member.userId = 'm';
      assert.equal(await away(member, proxy, async () => {
        await say(leader, 5);
        await say(other, 105);
      }), true);
      await hears(member, 105);
      await consistent(member, true);
      assert.deepEqual(heard(member), [1, 105]);
      assert.equal((await state(member)).sessionId, other.joined.sessionId);
      assert.notEqual(sessionId, other.joined.sessionId);
    });

    scene(`over ${transport} after disconnect() is a new one`, server, async (use) => {
      const { leader, member } = await company(use, { transport });
      await say(leader, 1);
      await hears(member, 1);
      const { id, _pid: pid } = member;
      const { engine } = member.io;
      const closed = new Promise((resolve) => { engine.once('close', resolve); });
      member.disconnect();
      await closed;
      await until('the server to know', async () => !userOf(await state(leader), member.userId).isConnected);
      await say(leader, 2);
      clear(member);
      member.connect();
      await waitFor(member, 'connect');
      assert.equal(member.recovered, false);
      assert.notEqual(member.id, id);
      assert.notEqual(member._pid, pid);
      await consistent(member, false);
      assert.deepEqual(heard(member), []);
    });

    scene(`over ${transport} leads on, with what it said while it was away`, server, async (use) => {
      const { sessionId, bystander } = await company(use, { transport: 'websocket' });
      const via = await use.proxy();
      const room = unique('led');
      const leader = await use.enter(kNow, { sessionId: room, transport, via }, kRetry);
      const follower = await use.enter(kNow, { sessionId: room, transport: 'websocket' });
      await waitFor(leader, 'user_joined');
      await say(leader, 1);
      assert.equal(await away(leader, via, () => {
        for (const position of [2, 3]) leader.emit('sync_playback', { position, isPlaying: false });
      }), true);
      await say(leader, 4);
      for (const one of [leader, follower]) {
        await hears(one, 4);
        assert.deepEqual(heard(one), upTo(4));
      }
      assert.deepEqual(received(follower, 'leadership_changed'), []);
      assert.deepEqual(received(leader, 'error'), []);
      assert.deepEqual(bystander.inbox, []);
      assert.notEqual(room, sessionId);
    });

    scene(`over ${transport} may join again, as pages do that know nothing of recovery`, server, async (use) => {
      const { sessionId, leader, bystander, member, proxy } = await company(use, { transport });
      const { userId } = member;
      member.on('connect', () => member.emit('join_session', { sessionId, userId, username: 'Mem' }));
      let n = 0;
      for (let round = 0; round < 3; round++) {
        await say(leader, ++n);
        await hears(member, n);
        n += 2;
        assert.equal(await away(member, proxy, () => say(leader, n - 1, n)), true);
        assert.equal((await waitFor(member, 'session_joined')).session.playbackState.position, n);
      }
      await say(leader, ++n);
      await hears(member, n);
      assert.deepEqual(heard(member), upTo(n));
      for (const other of [leader, bystander]) {
        assert.deepEqual(other.inbox.filter((one) => one.event !== 'playback_sync'), []);
      }
    });

    scene(`over ${transport}, one of two tabs`, server, async (use) => {
      const { sessionId, leader, member, proxy } = await company(use, { transport });
      const tab = await use.enter(kNow, { sessionId, userId: member.userId, transport: 'websocket' });
      assert.equal(await away(member, proxy, () => say(leader, 1)), true);
      await say(leader, 2);
      for (const one of [tab, member]) {
        await hears(one, 2);
        assert.deepEqual(heard(one), [1, 2]);
      }
      // When the other tab leaves the session while this one is away, this one is in it no longer either.
      const recovered = await away(member, proxy, () => askVersion(tab, 'leave_session'));
      await consistent(member, false);
      await say(leader, 3);
      await consistent(member, false);
      assert.deepEqual(heard(member), [1, 2], `recovered: ${recovered}`);
    });
  }

  for (const [from, to] of [['polling', 'websocket'], ['websocket', 'polling'], ['upgrade', 'polling'],
    ['upgrade', 'websocket'], ['polling', 'upgrade'], ['websocket', 'upgrade']]) {
    for (const how of ['down', 'vanish']) {
      scene(`changes from ${from} to ${to} (${how})`, server, async (use) => {
        const { leader, member, proxy } = await company(use, { transport: from });
        await say(leader, 1);
        await hears(member, 1);
        const { id } = member;
        assert.equal(await away(member, proxy, async () => {
          member.io.opts.transports = transports[to];
          await say(leader, 2, 3);
        }, how), true);
        assert.equal(member.id, id);
        await say(leader, 4);
        await hears(member, 4);
        assert.deepEqual(heard(member), upTo(4));
      });
    }
  }

  it('comes back through any worker, by WebSocket', async () => {
    const pids = server().workerPids();
    const sessionId = unique('s');
    const leader = await rawConnect(server());
    await rawJoin(leader.raw, sessionId, 'leader');
    let last = await rawConnect(server(), undefined, { worker: pids[0] });
    let { offset } = await rawJoin(last.raw, sessionId, 'member');
    let n = 0;
    for (let round = 1; round <= 2 * pids.length; round++) {
      if (round % 3 !== 0) last.raw.destroy(); // at times the old connection stays
      const first = ++n;
      leader.raw.write(frame(kText, packet('sync_playback', { position: first, isPlaying: false })));
      await upToNow(leader.raw);
      const next = await rawConnect(server(), { pid: last.pid, offset }, { worker: pids[round % pids.length] });
      assert.equal(next.recovered, true, `round ${round}`);
      assert.equal(next.sid, last.sid);
      const missed = await rawEvent(next.raw, 'playback_sync');
      assert.equal(missed.data.position, first);
      leader.raw.write(frame(kText, packet('sync_playback', { position: ++n, isPlaying: false })));
      const live = await rawEvent(next.raw, 'playback_sync');
      assert.equal(live.data.position, n);
      ({ offset } = live);
      if (round % 3 === 0) last.raw.destroy();
      last = next;
    }
    assert.deepEqual((await upToNow(leader.raw)).filter((one) => typeof one === 'string'), [], 'nobody came or went');
  });

  it('comes back through any worker, by polling', async () => {
    const pids = server().workerPids();
    const sessionId = unique('s');
    const leader = await rawConnect(server());
    await rawJoin(leader.raw, sessionId, 'leader');
    const on = (i) => ({ agent: workerAgent(server(), pids[i % pids.length]) });
    let polling = await Polling.open(server(), { connectNamespace: false, ...on(0) });
    await polling.post('40', on(1));
    const { sid, pid } = answerOf((await polling.packets((one) => one.startsWith('40'), on(2))).at(-1));
    await polling.post(packet('join_session', { sessionId, userId: 'member', username: 'M' }), on(0));
    let [, , offset] = await polling.event('session_joined', on(1));
    let n = 0;
    for (let round = 1; round <= 2 * pids.length; round++) {
      if (round % 2) await polling.post('1', on(round));
      leader.raw.write(frame(kText, packet('sync_playback', { position: ++n, isPlaying: false })));
      await upToNow(leader.raw);
      polling = await Polling.open(server(), { connectNamespace: false, ...on(round) });
      await polling.post(`40${JSON.stringify({ pid, offset })}`, on(round + 1));
      const wanted = packet('playback_sync').slice(0, -1);
      const all = [];
      while (!all.some((one) => one.startsWith('40')) || !all.some((one) => one.startsWith(wanted))) {
        all.push(...await polling.packets(() => true, on(round + 1)));
      }
      assert.deepEqual(answerOf(all.find((one) => one.startsWith('40')), { pid }), { sid, pid, recovered: true });
      const syncs = all.filter((one) => one.startsWith(wanted)).map((one) => JSON.parse(one.slice(2)));
      assert.deepEqual(syncs.map(([, sync]) => sync.position), [n]);
      [[, , offset]] = syncs;
    }
  });

  it('gets again what it was sent on a connection that it lost before it read it', async () => {
    const sessionId = unique('s');
    const leader = await rawConnect(server());
    await rawJoin(leader.raw, sessionId, 'leader');
    const member = await rawConnect(server());
    const { offset } = await rawJoin(member.raw, sessionId, 'member');
    member.raw.destroy();
    for (let position = 1; position <= 5; position++) {
      leader.raw.write(frame(kText, packet('sync_playback', { position, isPlaying: false })));
      await upToNow(leader.raw);
      const again = await rawConnect(server(), { pid: member.pid, offset });
      assert.equal(again.recovered, true);
      assert.deepEqual(await upToNow(again.raw), upTo(position));
      again.raw.destroy();
    }
  });

  it('whose session_joined was lost is not left between: it gets it after all, or starts afresh', async () => {
    const sessionId = unique('s');
    const leader = await rawConnect(server());
    await rawJoin(leader.raw, sessionId, 'leader');
    const member = await rawConnect(server());
    member.raw.write(frame(kText, packet('join_session', { sessionId, userId: 'member', username: 'M' })));
    await rawEvent(leader.raw, 'user_joined');
    member.raw.destroy();
    leader.raw.write(frame(kText, packet('sync_playback', { position: 1, isPlaying: false })));
    await upToNow(leader.raw);
    const again = await rawConnect(server(), { pid: member.pid });
    let state = null;
    const message = again.raw.message.bind(again.raw);
    again.raw.message = (accept) => message((text) => {
      if (text.startsWith('42["session_joined"')) state = JSON.parse(text.slice(2))[1].session.playbackState;
      return accept(text);
    });
    const told = await upToNow(again.raw);
    if (again.recovered) {
      // As it was sent then, with what came after it; or as it is now.
      assert.equal(told[0], 'session_joined');
      assert.deepEqual(told.slice(1), state.position === 1 ? [] : [1]);
    } else {
      assert.deepEqual(told, []);
      again.raw.write(frame(kText, packet('request_session_state')));
      assert.equal((await rawEvent(again.raw, 'error')).data.code, 'NOT_IN_SESSION');
    }
  });

  for (const where of ['the same session', 'another session']) {
    it(`with the offset of an earlier life in ${where}, which stock clients keep, hears nothing of that life`, async () => {
      const sessionId = unique('s');
      const leader = await rawConnect(server());
      const before = where === 'the same session' ? sessionId : unique('before');
      await rawJoin(leader.raw, before, 'leader');
      const earlier = await rawConnect(server());
      const { offset } = await rawJoin(earlier.raw, before, 'member');
      earlier.raw.write(frame(kText, '41'));
      leader.raw.write(frame(kText, packet('sync_playback', { position: 1, isPlaying: false })));
      await upToNow(leader.raw);
      // A new life, lost before it joined.
      const life = await rawConnect(server());
      life.raw.destroy();
      const again = await rawConnect(server(), { pid: life.pid, offset });
      again.raw.write(frame(kText, packet('request_session_state')));
      assert.equal((await rawEvent(again.raw, 'error')).data.code, 'NOT_IN_SESSION');
      assert.deepEqual(await upToNow(again.raw), []);
      // Lost after it joined, before session_joined came: it gets that, and nothing from before; or it starts afresh.
      await rawJoin(again.raw, sessionId, 'member');
      again.raw.destroy();
      const stale = await rawConnect(server(), { pid: again.pid, offset });
      assert.deepEqual(await upToNow(stale.raw), stale.recovered ? ['session_joined'] : []);
      stale.raw.write(frame(kText, packet('request_session_state')));
      if (stale.recovered) await rawEvent(stale.raw, 'session_state');
      else assert.equal((await rawEvent(stale.raw, 'error')).data.code, 'NOT_IN_SESSION');
    });
  }

  it('cannot come back by its pid on the connection that it said goodbye on, nor on another', async () => {
    const sessionId = unique('s');
    const member = await rawConnect(server());
    const { offset } = await rawJoin(member.raw, sessionId, 'member');
    const watcher = await rawConnect(server());
    await rawJoin(watcher.raw, sessionId, 'watcher');
    member.raw.write(frame(kText, '41'));
    await until('the goodbye to be heard', async () => {
      watcher.raw.write(frame(kText, packet('request_session_state')));
      return !userOf((await rawEvent(watcher.raw, 'session_state')).data, 'member').isConnected;
    });
    member.raw.write(frame(kText, `40${JSON.stringify({ pid: member.pid, offset })}`));
    const same = answerOf(await member.raw.message((text) => text.startsWith('40')), { pid: member.pid });
    assert.equal(same.recovered, false);
    const other = await rawConnect(server(), { pid: member.pid, offset });
    assert.equal(other.recovered, false);
    assert.notEqual(other.sid, member.sid);
  });

  it('is one: of several that present its pid at the same time, one ends up with it', async () => {
    const pids = server().workerPids();
    for (let round = 0; round < 10; round++) {
      const sessionId = unique('s');
      const leader = await rawConnect(server());
      await rawJoin(leader.raw, sessionId, 'leader');
      const member = await rawConnect(server());
      const { offset } = await rawJoin(member.raw, sessionId, 'member');
      if (round % 2) member.raw.destroy();
      leader.raw.write(frame(kText, packet('sync_playback', { position: 1, isPlaying: false })));
      const claims = await Promise.all(upTo(4).map((i) => rawOpen(server(), { worker: pids[i % pids.length] })));
      for (const raw of claims) raw.write(frame(kText, `40${JSON.stringify({ pid: member.pid, offset })}`));
      // One that another takes over from is closed, before or after its answer; the rest gets pids of their own.
      const all = await Promise.all(claims.map(async (raw) => {
        try {
          return { raw, ...await rawAnswer(raw, { pid: member.pid }) };
        } catch (error) {
          if (!/the connection ended|the server closed/.test(error.message)) throw error;
          return { raw, closed: true };
        }
      }));
      assert.ok(all.some((one) => one.recovered), 'one at least');
      const told = await Promise.all(all.map(async (one) => {
        if (one.closed) return null;
        try {
          return { recovered: one.recovered, heard: await upToNow(one.raw) };
        } catch (error) {
          if (!/the connection ended|the server closed/.test(error.message) || !one.recovered) throw error;
          return null;
        }
      }));
      const left = told.filter(Boolean);
      // One may have been told everything before the next one came.
      assert.ok(left.filter((one) => one.recovered).every((one) => String(one.heard) === '1'), JSON.stringify(told));
      const isThere = (one) => upToNow(one.raw).then(() => true, () => false);
      await until('one to be left with it', async () =>
        (await Promise.all(all.filter((one) => one.recovered).map(isThere))).filter(Boolean).length === 1);
      assert.ok(left.filter((one) => !one.recovered).every((one) => one.heard.length === 0), JSON.stringify(told));
      [leader, member, ...all].forEach((one) => one.raw.destroy());
    }
  });

  scene('of 4.5 knows nothing of it: it joins again and gets the state', server, async (use) => {
    for (const transport of ways) {
      const { sessionId, leader, member, proxy } = await company(use, { transport, version: '4.5.4' });
      await say(leader, 1);
      await hears(member, 1);
      const { id } = member;
      assert.equal(await away(member, proxy, () => say(leader, 2)), false);
      assert.notEqual(member.id, id);
      await consistent(member, false);
      const { userId } = member;
      assert.equal((await askVersion(member, 'join_session', { sessionId, userId, username: 'M' })).success, true);
      assert.equal((await waitFor(member, 'session_joined')).session.playbackState.position, 2);
      await say(leader, 3);
      await hears(member, 3);
      assert.deepEqual(heard(member), [1, 3]);
    }
  });
});

suite('a client that comes back after the grace', { zone: 'disconnect_grace=100ms user_timeout=10m' }, (server) => {
  for (const transport of ways) {
    for (const how of ['down', 'vanish']) {
      // Where the loss goes unnoticed there is no grace: the leader's part is then the same as without.
      scene(`over ${transport} (${how}) arrives for the others, and hears nothing of its own going`, server, async (use) => {
        const { sessionId, leader, bystander, member, proxy } = await company(use, { transport });
        assert.equal(await away(member, proxy, async () => {
          await say(leader, 1);
          if (how === 'down') {
            for (const other of [leader, bystander]) {
              await waitFor(other, 'user_left', (left) => left.userId === member.userId);
            }
          }
          const guest = await use.enter(kNow, { sessionId, transport: 'websocket', username: 'Guest' });
          await askVersion(guest, 'leave_session');
          await say(leader, 2);
        }, how), true);
        await say(leader, 3);
        await hears(member, 3);
        const events = member.inbox.filter((one) => !/connect/.test(one.event))
          .map((one) => (one.event === 'playback_sync' ? one.args[0].position : one.event));
        assert.deepEqual(events, [1, 'user_joined', 'user_left', 2, 3]);
        for (const event of ['user_joined', 'user_left']) {
          assert.ok(received(member, event).every((one) => one.userId !== member.userId), event);
        }
        for (const other of [leader, bystander]) {
          await hears(other, 3);
          const arrivals = received(other, 'user_joined').filter((one) => one.userId === member.userId);
          assert.equal(arrivals.length, how === 'down' ? 1 : 0);
          if (how === 'down') assert.equal(arrivals[0].username, 'Mem');
        }
        await consistent(member, true);
        const seen = await state(leader);
        assert.deepEqual([seen.userCount, seen.connectedCount], [3, 3]);
      });
    }

    scene(`over ${transport}, several times`, server, async (use) => {
      const { leader, member, proxy } = await company(use, { transport });
      for (let round = 1; round <= 3; round++) {
        assert.equal(await away(member, proxy, async () => {
          await waitFor(leader, 'user_left', (left) => left.userId === member.userId);
          await say(leader, round);
        }), true);
        await hears(member, round);
        await waitFor(leader, 'user_joined', (joined) => joined.userId === member.userId);
      }
      await say(leader, 4);
      await hears(member, 4);
      assert.deepEqual(heard(member), upTo(4));
      assert.deepEqual(member.inbox.filter((one) => /user/.test(one.event)), []);
    });

    scene(`over ${transport} learns that it leads no longer`, server, async (use) => {
      const via = await use.proxy();
      const sessionId = unique('led');
      const member = await use.enter(kNow, { sessionId, transport, via, username: 'Mem' }, kRetry);
      assert.equal(member.joined.isLeader, true);
      const next = await use.enter(kNow, { sessionId, transport: 'websocket', username: 'Next' });
      await waitFor(member, 'user_joined');
      await say(member, 1);
      await hears(member, 1);
      assert.equal(await away(member, via, async () => {
        assert.equal((await waitFor(next, 'leadership_changed')).newLeaderId, next.userId);
        await say(next, 2);
      }), true);
      const changed = await waitFor(member, 'leadership_changed');
      fits('leadership_changed', changed);
      assert.equal(changed.newLeaderId, next.userId);
      await hears(member, 2);
      assert.equal((await askVersion(member, 'sync_playback', { position: 9, isPlaying: false })).code, 'NOT_LEADER');
      assert.deepEqual(received(member, 'leadership_changed').length, 1);
      assert.deepEqual(heard(member), [1, 2]);
      assert.deepEqual(received(member, 'user_left'), []);
      assert.equal((await state(member)).leaderId, next.userId);
    });

    scene(`over ${transport} does not hear that leadership came back to it, unless it did`, server, async (use) => {
      const { leader, bystander, member, proxy } = await company(use, { transport });
      assert.equal(await away(member, proxy, async () => {
        await waitFor(leader, 'user_left', (left) => left.userId === member.userId);
        await askVersion(leader, 'leave_session');
        await waitFor(bystander, 'leadership_changed');
      }), true);
      assert.equal((await waitFor(member, 'leadership_changed')).newLeaderId, bystander.userId);
      assert.equal((await state(member)).leaderId, bystander.userId);
    });
  }
});

suite('the time to come back', { zone: 'disconnect_grace=100ms recovery=1500ms',
  locations: 'location /fast/ { mediasync rooms; mediasync_ping_interval 200ms; mediasync_ping_timeout 4s; }' }, (server) => {
  scene('begins with the loss, however long the client was idle before', server, async (use) => {
    await Promise.all(ways.map(async (transport) => {
      const { leader, member, proxy } = await company(use, { transport, path: '/fast/' });
      await say(leader, 1);
      await hears(member, 1);
      await lapse('the client to be idle for longer than recovery takes', 2000);
      assert.equal(await away(member, proxy, () => say(leader, 2)), true, transport);
      await hears(member, 2);
      await lapse('it to be idle once more', 2000);
      assert.equal(await away(member, proxy), true, transport);
      await say(leader, 3);
      await hears(member, 3);
      assert.deepEqual(heard(member), upTo(3));
    }));
  });

  scene('ends', server, async (use) => {
    await Promise.all(ways.map(async (transport) => {
      const { sessionId, leader, member, proxy } = await company(use, { transport });
      await say(leader, 1);
      await hears(member, 1);
      const { id, _pid: pid } = member;
      assert.equal(await away(member, proxy, async () => {
        await lapse('the time to be over', 2500);
        await say(leader, 2);
      }), false, transport);
      assert.notEqual(member.id, id);
      assert.notEqual(member._pid, pid);
      await consistent(member, false);
      clear(leader);
      const { userId } = member;
      await askVersion(member, 'join_session', { sessionId, userId, username: 'Mem' });
      assert.equal((await waitFor(member, 'session_joined')).session.playbackState.position, 2);
      await waitFor(leader, 'user_joined', (joined) => joined.userId === userId);
      await say(leader, 3);
      await hears(member, 3);
      assert.deepEqual(heard(member), [1, 3]);
      assert.equal(await away(member, proxy, () => say(leader, 4)), true, 'and begins anew');
      await hears(member, 4);
    }));
  });

  scene('ends also for who was in no session', server, async (use) => {
    const via = await use.proxy();
    const member = await use.connect(kNow, { transport: 'websocket', via, ...kRetry });
    const { id } = member;
    assert.equal(await away(member, via, () => lapse('the time to be over', 2500)), false);
    assert.notEqual(member.id, id);
  });
});

suite('who comes back to what is not there any more',
  { zone: 'disconnect_grace=50ms user_timeout=100ms session_timeout=300ms' }, (server) => {
    for (const transport of ways) {
      scene(`over ${transport}: the user is not listed any more`, server, async (use) => {
        const { leader, bystander, member, proxy } = await company(use, { transport });
        const recovered = await away(member, proxy, async () => {
          await until('the user to be forgotten', async () => userOf(await state(leader), member.userId) === undefined);
          await say(leader, 1);
        });
        await consistent(member, recovered);
        if (!recovered) return;
        await hears(member, 1);
        await say(leader, 2);
        await hears(member, 2);
        for (const other of [leader, bystander]) {
          await waitFor(other, 'user_joined', (joined) => joined.userId === member.userId);
        }
      });

      scene(`over ${transport}: the session is gone`, server, async (use) => {
        const via = await use.proxy();
        const member = await use.enter(kNow, { sessionId: unique('s'), transport, via }, kRetry);
        const watcher = await use.connect(kNow, { transport: 'websocket' });
        const recovered = await away(member, via, async () => {
          await lapse('the session to be forgotten', 1500);
          await askVersion(watcher, 'heartbeat');
        });
        await consistent(member, recovered);
        if (recovered) return;
        const ack = await askVersion(member, 'join_session',
          { sessionId: member.joined.sessionId, userId: 'u', username: 'U' });
        assert.deepEqual([ack.success, ack.isLeader], [true, true]);
      });
    }
  });

suite('a log that is too short', { zone: 'disconnect_grace=60s log=16k' }, (server) => {
  const film = (i) => ({ mediaUrl: `/films/${i}-${'x'.repeat(1900)}.mp4` });

  for (const transport of ways) {
    scene(`makes a new connection of one that comes back over ${transport}`, server, async (use) => {
      const { sessionId, leader, bystander, member, proxy } = await company(use, { transport });
      const { id } = member;
      assert.equal(await away(member, proxy, async () => {
        for (let i = 0; i < 60; i++) {
          await askVersion(leader, 'load_media', film(i));
          await waitFor(bystander, 'media_loaded');
        }
      }), false);
      assert.notEqual(member.id, id);
      await consistent(member, false);
      assert.deepEqual(received(member, 'media_loaded'), []);
      const { userId } = member;
      await askVersion(member, 'join_session', { sessionId, userId, username: 'Mem' });
      assert.equal((await waitFor(member, 'session_joined')).session.playbackState.mediaUrl, film(59).mediaUrl);
      await say(leader, 1);
      await hears(member, 1);
      assert.equal(await away(member, proxy, () => say(leader, 2)), true);
      await hears(member, 2);
    });
  }

  scene('gives all or nothing, wherever it ends', server, async (use) => {
    const { leader, sessionId, member, proxy } = await company(use, { transport: 'websocket' });
    const outcomes = new Set();
    for (let missed = 0; missed <= 24; missed++) {
      clear(member);
      const recovered = await away(member, proxy, async () => {
        for (let i = 0; i < missed; i++) await askVersion(leader, 'load_media', film(i));
      });
      outcomes.add(recovered);
      if (recovered) {
        await say(leader, missed + 1);
        await hears(member, missed + 1);
        assert.deepEqual(received(member, 'media_loaded').map((one) => one.mediaUrl),
          upTo(missed).map((i) => film(i - 1).mediaUrl));
      } else {
        const { userId } = member;
        await askVersion(member, 'join_session', { sessionId, userId, username: 'Mem' });
        assert.deepEqual(received(member, 'media_loaded'), []);
      }
    }
    assert.equal(outcomes.size, 2, 'a few fit, many do not');
  });

  scene('of another session is of no account', server, async (use) => {
    const { leader, member, proxy } = await company(use, { transport: 'websocket' });
    const noisy = await use.enter(kNow, { sessionId: unique('noisy'), transport: 'websocket' });
    await say(leader, 1);
    assert.equal(await away(member, proxy, async () => {
      await say(leader, 2);
      for (let i = 0; i < 60; i++) await askVersion(noisy, 'load_media', film(i));
      await say(leader, 3);
    }), true);
    await hears(member, 3);
    assert.deepEqual(heard(member), upTo(3));
  });
});

suite('workers that are replaced', { zone: 'disconnect_grace=60s', stop: { allow: /exited on signal 9/ } }, (server) => {
  const replacements = {
    reload: () => server().reload(),
    'a kill of every worker': async () => {
      const before = server().workerPids();
      for (const pid of before) process.kill(pid, 'SIGKILL');
      await until('new workers', () => {
        const now = server().workerPids();
        return now.length === before.length && now.every((pid) => !before.includes(pid));
      });
    },
  };
  for (const [what, replace] of Object.entries(replacements)) {
    for (const transport of ways) {
      scene(`do not hinder a client over ${transport} to come back: ${what}`, server, async (use) => {
        const sessionId = unique('s');
        const [near, far] = [await use.proxy(), await use.proxy()];
        const leader = await use.enter(kNow, { sessionId, transport, via: near }, kRetry);
        const member = await use.enter(kNow, { sessionId, transport, via: far }, kRetry);
        await waitFor(leader, 'user_joined');
        const ids = [leader.id, member.id];
        await say(leader, 1);
        await hears(member, 1);
        assert.equal(await away(member, far, async () => {
          await away(leader, near, replace);
          assert.equal(leader.recovered, true);
          await say(leader, 2, 3);
        }), true);
        await say(leader, 4);
        await hears(member, 4);
        assert.deepEqual(heard(member), upTo(4));
        assert.deepEqual([leader.id, member.id], ids);
        assert.deepEqual(received(leader, 'user_left'), []);
      });
    }
  }
});

// A stock client whose WebSocket fails between the probe's answer and the end of its last poll does not poll again: only
// a ping that does not come makes it start over. Hence the short heartbeat.
suite('under load', {
  zone: 'disconnect_grace=60s log=512k', sync: 'mediasync_ping_interval 2s; mediasync_ping_timeout 3s;',
}, (server) => {
  const kFollowers = 20;
  const kEvents = 200;

  for (const transport of ways) {
    scene(`${kFollowers} followers over ${transport} with cuts at any moment hear all ${kEvents}, once and in order`, server,
      async (use) => {
        let seed = 20240607 + ways.indexOf(transport);
        const random = (n) => {
          seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
          return Math.floor((seed / 2 ** 32) * n);
        };
        const sessionId = unique('s');
        const leader = await use.enter(kNow, { sessionId, transport: 'websocket' });
        const recovering = Object.keys(versions).filter((one) => versions[one].recovers);
        const followers = await Promise.all(Array.from({ length: kFollowers }, async (_, i) => {
          const via = await use.proxy();
          const socket = await use.enter(recovering[i % recovering.length], { sessionId, transport, via }, kRetry);
          socket.via = via;
          socket.returns = [];
          socket.on('connect', () => socket.returns.push(socket.recovered));
          return socket;
        }));
        // Stock clients do not come back from a close() while they open a connection. One while they upgrade is put off
        // until a poll has been answered, and the events in it they hear twice, whatever the server does.
        const close = ({ connected, io: { engine } }) => { if (connected && !engine.upgrading) engine.close(); };
        const accidents = [
          ({ via }) => via.cut(),
          close,
          ({ via }) => { via.silence(); via.dropClients(); },
          ({ via }) => via.silence({ up: false }) && via.cut(),
          (socket) => { socket.via.down(); socket.back = 1 + random(10); },
          (socket) => { socket.via.vanish(); socket.back = 1 + random(10); },
        ];
        for (let n = 1; n <= kEvents; n++) {
          await say(leader, n);
          for (const socket of followers) {
            if (socket.back > 0 && --socket.back === 0) socket.via.admit();
          }
          if (n % 2 === 0) {
            const victim = followers[random(kFollowers)];
            if (!victim.back) accidents[random(accidents.length)](victim);
          }
          // A pace: most of those who are not kept away follow.
          if (n % 5 === 0) {
            const present = followers.filter((socket) => !socket.back);
            await until('most followers to keep up', () =>
              present.filter((socket) => heard(socket).at(-1) >= n - 5).length >= 0.8 * present.length);
          }
        }
        followers.forEach((socket) => { socket.back = 0; socket.via.admit(); });
        await Promise.all(followers.map((socket) => hears(socket, kEvents)));
        for (const socket of followers) {
          assert.deepEqual(heard(socket), upTo(kEvents), socket.label);
          assert.ok(socket.returns.every((one) => one === true), `${socket.label}: ${socket.returns}`);
        }
        assert.ok(followers.flatMap((socket) => socket.returns).length > 50, 'there were accidents');
        for (const event of ['user_left', 'leadership_changed', 'error']) assert.deepEqual(received(leader, event), []);
      });
  }
});
