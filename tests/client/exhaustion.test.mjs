// Whatever runs out: newcomers are refused clearly, those who are there play on, and all works again when there is room.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { ask, clear, close, configuration, connect, describe, enter, fence, frame, it, kPatience, kText, open, Polling,
  RawConnection, rawWebSocket, received, refused, request, rest, room, Server, state, suite, unique, until,
  upgradeRequest, waitFor } from './harness/index.mjs';

const kHandshake = '/socket.io/?EIO=4&transport=polling';
const status = async (server) => (await request(server, { path: '/status' })).json();
const event = (name, data) => frame(kText, `42${JSON.stringify(data === undefined ? [name] : [name, data])}`);

/** The answer to the handshake of a WebSocket. */
async function webSocketAnswer(server) {
  const raw = await RawConnection.open(server);
  raw.write(upgradeRequest(server));
  const answer = await raw.response();
  raw.destroy();
  return answer;
}

/** Both handshakes are turned away, and the answer says when to come again, and why. */
async function assertTurnedAway(server, reason) {
  for (const answer of [await request(server, { path: kHandshake }), await webSocketAnswer(server)]) {
    assert.equal(answer.status, 503);
    assert.equal(answer.headers['retry-after'], '1');
    assert.match(answer.body, reason);
  }
}

/** Everyone in the room hears the leader, a film of another length, and one who asks. */
async function assertPlays({ leader, members }) {
  await fence(leader, members);
  const mediaUrl = `https://films.example.org/${unique('film')}`;
  assert.equal((await ask(leader, 'load_media', { mediaUrl })).success, true);
  for (const member of members) {
    await waitFor(member, 'media_loaded', (media) => media.mediaUrl === mediaUrl);
    assert.equal((await state(member)).playbackState.mediaUrl, mediaUrl);
    assert.deepEqual(received(member, 'disconnect'), []);
  }
}

/** A newcomer on each transport gets in, and so does a new session. */
async function assertOpen(server, present) {
  for (const transport of ['websocket', 'polling']) {
    const late = await enter(server, { sessionId: present.sessionId, userId: unique('late'), username: 'Late' }, { transport });
    await fence(present.leader, [late]);
    await ask(late, 'leave_session');
    assert.equal((await ask(late, 'join_session', { sessionId: unique('new'), userId: 'u', username: 'U' })).success, true);
    await close(late);
  }
  assert.equal((await rest(server, 'POST', '/api/sessions', { creatorId: 'a', creatorName: 'A' })).status, 201);
}

const kinds = ['websocket', 'polling', 'upgrade'];

suite('a full zone', { zoneSize: '700k', zone: 'shards=1 disconnect_grace=200ms' }, (server) => {
  it('refuses 503, 507 and ZONE_FULL, lets sessions play and users go, and is as before when there is room', async () => {
    const present = await room(server(), { followers: 2, transport: kinds });
    const outsider = await connect(server());
    const before = await status(server());
    // Users with long avatars fill it soon, and their going empties it at once.
    const crowd = [];
    for (let isFull = false; !isFull;) {
      const raw = await rawWebSocket(server());
      raw.write(event('join_session', { sessionId: 'crowd', userId: unique('c'), username: 'C', avatar: 'a'.repeat(2000) }));
      const answer = await raw.message((text) => /^42\["(session_joined|error)"/.test(text));
      isFull = answer.startsWith('42["error"');
      if (isFull) assert.match(answer, /"code":"ZONE_FULL".*"event":"join_session"/);
      crowd.push(raw);
      assert.ok(crowd.length < 1000, 'it becomes full');
    }
    await refused(outsider, 'join_session', [{ sessionId: unique('n'), userId: 'u', username: 'U',
      avatar: 'a'.repeat(2000) }], 'ZONE_FULL');
    const idle = [];
    let answer;
    while ((answer = await request(server(), { path: kHandshake })).status === 200) {
      idle.push(JSON.parse(answer.body.slice(1)).sid);
      assert.ok(idle.length < 5000, 'it becomes full');
    }
    await assertTurnedAway(server(), /memory/);
    const created = await until('REST to be refused', async () => {
      const made = await rest(server(), 'POST', '/api/sessions', { creatorId: 'a'.repeat(128), creatorName: 'n'.repeat(256) });
      return made.status === 201 ? null : made;
    });
    assert.equal(created.status, 507);
    assert.equal(created.json().success, false);
    for (let i = 0; i < 5; i++) await assertPlays(present);
    // The leader goes, and the lead moves: that needs no memory.
    const [leader, ...members] = present.members;
    await close(leader);
    for (const member of members) {
      await waitFor(member, 'leadership_changed', (now) => now.newLeaderId === members[0].userId);
    }
    const rest_ = { sessionId: present.sessionId, leader: members[0], members };
    await fence(members[0], members);

    for (const raw of crowd) raw.write(event('leave_session'));
    for (const raw of crowd) raw.destroy();
    for (const sid of idle) await request(server(), { method: 'POST', path: `${kHandshake}&sid=${sid}`, body: '1' });
    await until('the connections to be gone', async () => (await status(server())).connections <= before.connections);
    members.forEach(clear);
    await assertPlays(rest_);
    await assertOpen(server(), rest_);
    assert.ok((await status(server())).handshakes_refused_total >= 3);
  });
});

suite('sessions and users up to their number', { zone: 'session_timeout=1s disconnect_grace=50ms user_timeout=100ms',
  sync: 'mediasync_max_sessions 2; mediasync_max_users 3;', api: 'mediasync_max_sessions 2;' }, (server) => {
  it('are refused beyond it, and let in when others have gone', async () => {
    const present = await room(server(), { followers: 2, transport: kinds });
    const other = await room(server(), { followers: 0 });
    const late = await connect(server());
    const data = { sessionId: unique('n'), userId: 'u', username: 'U' };
    await refused(late, 'join_session', [data], 'TOO_MANY_SESSIONS');
    const made = await rest(server(), 'POST', '/api/sessions', { creatorId: 'a', creatorName: 'A' });
    assert.equal(made.status, 503);
    assert.equal(made.headers['retry-after'], '1');
    await refused(late, 'join_session', [{ ...data, sessionId: present.sessionId }], 'SESSION_FULL');
    await assertPlays(present);
    await close(other.leader);
    await until('a session to be given up', async () => (await ask(late, 'join_session', data)).success);
    await ask(late, 'leave_session');
    // One who is lost goes after grace and time-out.
    await close(present.members.pop());
    await until('a user to be given up', async () =>
      (await ask(late, 'join_session', { ...data, sessionId: present.sessionId })).success);
    present.members.forEach(clear);
    await assertPlays(present);
  });
});

suite('connections up to mediasync_max_connections', { sync: 'mediasync_max_connections 6;', zone: 'recovery=0' }, (server) => {
  it('are turned away beyond it; who is there may upgrade, and who waits gets in', async () => {
    const present = await room(server(), { followers: 2, transport: kinds });
    const idle = [await rawWebSocket(server()), await rawWebSocket(server())];
    const polling = await Polling.open(server());
    await assertTurnedAway(server(), /as many connections as it may/);
    await assertPlays(present);
    const { connections, handshakes_refused_total: turnedAway } = await status(server());
    assert.equal(connections, 6);
    assert.equal(turnedAway, 2);
    const waiting = open(server(), { reconnection: true, reconnectionDelay: 20, reconnectionDelayMax: 50 });
    await waitFor(waiting, 'connect_error');
    const upgrade = await RawConnection.open(server());
    upgrade.write(upgradeRequest(server(), { path: polling.url('websocket') }));
    assert.equal((await upgrade.response()).status, 101, 'an upgrade is no new connection');
    idle[0].destroy();
    await waitFor(waiting, 'connect');
    await assertTurnedAway(server(), /as many connections as it may/);
    await close(waiting);
    idle[1].destroy();
    await until('room', async () => (await status(server())).connections <= 4);
    await assertPlays(present);
    await assertOpen(server(), present);
  });
});

// ---- what NGINX runs out of

/** A server whose workers have so many connections and descriptors. */
const scarce = ({ connections = 4096, descriptors = 8192 }, options = {}) => ({ workers: 1, ...options,
  config: (server) => configuration({ workers: 1, ...options }, { http: server.port })
    .replace('worker_rlimit_nofile 8192', `worker_rlimit_nofile ${descriptors}`)
    .replace('worker_connections 4096', `worker_connections ${connections}`) });

// NGINX's own lines; the last is of a worker that is told to end while it waits to accept again.
const kFull = new RegExp(['\\[alert\\].*\\d+ worker_connections are not enough',
  '\\[crit\\].*accept4?\\(\\) failed \\(24: Too many open files\\)',
  '\\[alert\\].*accept4?\\(\\) failed \\(9: Bad file descriptor\\)'].join('|'));

/** Opens WebSockets until one is not answered any more. */
async function fill(server, most) {
  const raws = [];
  for (;;) {
    assert.ok(raws.length < most, 'it becomes full');
    const raw = await RawConnection.open(server);
    raw.write(upgradeRequest(server));
    const answer = await Promise.race([raw.response().catch(() => undefined),
      new Promise((resolve) => { setTimeout(resolve, 1500, 'silence'); })]);
    if (answer === undefined || answer === 'silence') return { raws, last: raw, answer };
    assert.equal(answer.status, 101);
    raws.push(raw);
  }
}

/** Whether the client is answered by the connection that it has had all the time. */
const stays = (socket) => Promise.race([
  ask(socket, 'heartbeat').then((answer) => answer.success && received(socket, 'disconnect').length === 0),
  waitFor(socket, 'disconnect', undefined, 2 * kPatience).then(() => false),
].map((one) => one.catch(() => new Promise(() => {}))));

const scarcities = {
  worker_connections: { connections: 64 },
  descriptors: { descriptors: 96 },
};
for (const [what, size] of Object.entries(scarcities)) {
  describe(`a worker without ${what}`, () => {
    it('lets WebSockets play on, and lets others in when some have gone', async () => {
      const server = await Server.start(scarce(size));
      try {
        const present = await room(server, { followers: 2 });
        const { raws, last } = await fill(server, 200);
        assert.ok(raws.length > 10, `${raws.length} fit`);
        for (let i = 0; i < 3; i++) await assertPlays(present);
        last.destroy();
        for (const raw of raws) raw.destroy();
        await until('answers', () => request(server, { path: '/worker', patience: 1000 }).then(() => true, () => false));
        await until('all to be noticed', async () => (await status(server)).connections === 3);
        await assertPlays(present);
        await assertOpen(server, present);
      } finally {
        await server.stop({ allow: kFull });
      }
    });

    it('lets a client that polls play on', async () => {
      const server = await Server.start(scarce(size));
      try {
        const present = await room(server, { followers: 2, transport: ['websocket', 'polling'] });
        const { raws, last } = await fill(server, 200);
        await fence(present.leader, present.members, 2 * kPatience);
        last.destroy();
        for (const raw of raws.splice(0, 10)) raw.destroy();
        await fence(present.leader, present.members, 2 * kPatience);
        assert.deepEqual(present.members.map((one) => received(one, 'disconnect')), [[], [], []]);
      } finally {
        await server.stop({ allow: kFull });
      }
    });

    it('takes what WebSockets of an earlier configuration it can; the others come back when there is room', async () => {
      const server = await Server.start({ workers: 1, zone: 'disconnect_grace=60s' });
      try {
        const sessionId = unique('room');
        const options = { reconnection: true, reconnectionDelay: 50, reconnectionDelayMax: 200, timeout: 500 };
        const leader = await enter(server, { sessionId, userId: 'lea', username: 'Lea' }, options);
        const followers = [];
        for (let i = 0; i < 99; i++) {
          followers.push(await enter(server, { sessionId, userId: `f${i}`, username: 'F' }, options));
        }
        const old = server.workerPids();
        fs.writeFileSync(path.join(server.prefix, 'nginx.conf'), scarce(size, { zone: 'disconnect_grace=60s' }).config(server));
        server.signal('SIGHUP');
        await until('the old worker to end', () => old.every((pid) => !fs.existsSync(`/proc/${pid}`)));
        const everyone = [leader, ...followers];
        const heard = await Promise.all(everyone.map(stays));
        const stayed = everyone.filter((_, i) => heard[i]);
        assert.ok(stayed.length >= 20 && stayed.length < 100, `${stayed.length} stayed`);
        // Room for all again.
        fs.writeFileSync(path.join(server.prefix, 'nginx.conf'),
          configuration({ workers: 1, zone: 'disconnect_grace=60s' }, { http: server.port }));
        server.signal('SIGHUP');
        await until('everyone to be there', () => everyone.every((one) => one.connected));
        for (const one of everyone) {
          if (!one.recovered) await ask(one, 'join_session', { sessionId, userId: one.userId, username: 'Again' });
        }
        everyone.forEach(clear);
        await fence(leader, everyone, 2 * kPatience);
        for (const one of stayed) assert.deepEqual(received(one, 'disconnect'), []);
      } finally {
        await server.stop({ allow: kFull });
      }
    });
  });
}
