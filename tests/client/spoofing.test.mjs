// Nobody takes another's seat or lead, by whichever way: for users whom NGINX knows (mediasync_user), and for users who
// are bound to a secret (mediasync_user_secret), be it a cookie or given by the client.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, ask, before, checkConfiguration, clear, configuration, connect, describe, fence, it, join, Polling,
  RawConnection, received, request, requestOn, rest, Server, state, suite, unique, until, upgradeRequest, userOf,
  waitFor } from './harness/index.mjs';
import { Polling3 } from './harness/eio3.mjs';
import { askVersion, closeVersion, connectVersion } from './harness/versions.mjs';

const kHandshake = '/socket.io/?EIO=4&transport=polling';
const kZone = 'disconnect_grace=1s';
const kOpen = 'location /open/ { mediasync rooms; }';

/** The cookie that an answer sets, as {pair, attributes}. */
function cookieOf(answer) {
  const all = [answer.headers['set-cookie']].flat().filter(Boolean);
  assert.equal(all.length, 1, `one cookie: ${JSON.stringify(all)}`);
  const [pair, ...attributes] = all[0].split('; ');
  return { pair, attributes };
}

/** The cookie of a browser that comes for the first time. */
const freshCookie = async (server) => cookieOf(await request(server, { path: kHandshake })).pair;

const secretWord = () => `the secret word ${unique('of')}`;

// How the owner of a seat, and a thief, show who they are: options for a Socket.IO client, headers for raw requests.
const kinds = {
  'whom NGINX knows': {
    options: { http: 'map $http_x_token $who { default ""; ann-token ann; eve-token eve; }',
      sync: 'mediasync_eio3 on; mediasync_user $who;', api: 'mediasync_user $who;' },
    cast: async () => Object.fromEntries(['ann', 'eve'].map((name) => [name, { id: name,
      client: { extraHeaders: { 'X-Token': `${name}-token` } }, headers: { 'X-Token': `${name}-token` } }])),
  },
  'who has a cookie': {
    options: { sync: 'mediasync_eio3 on; mediasync_user_secret on;', api: 'mediasync_user_secret on;' },
    cast: async (server) => Object.fromEntries(await Promise.all(['ann', 'eve'].map(async (name) => {
      const headers = { Cookie: `theme=dark; ${await freshCookie(server)}` };
      return [name, { id: unique(name), client: { extraHeaders: headers }, headers }];
    }))),
  },
  'who gives a secret with CONNECT': {
    options: { sync: 'mediasync_eio3 on; mediasync_user_secret on;', api: 'mediasync_user_secret on;' },
    cast: async () => Object.fromEntries(['ann', 'eve'].map((name) => {
      const userSecret = secretWord();
      return [name, { id: unique(name), client: { auth: { userSecret } }, headers: {}, userSecret,
        creator: { creatorSecret: userSecret } }];
    })),
  },
};

for (const [kind, { options, cast }] of Object.entries(kinds)) {
  const isSecret = kind !== 'whom NGINX knows';
  suite(`a user ${kind}`, { ...options, zone: kZone, locations: kOpen, workerCounts: [3] }, (server) => {
    const come = (one, more = {}) => connect(server(), { ...more, ...one.client,
      auth: { ...one.client.auth, ...more.auth } });
    const joinAs = (socket, sessionId, userId, more) =>
      ask(socket, 'join_session', { sessionId, userId, username: `N of ${userId}`, ...more });

    /** Ann in a session that she leads, Eve in none, and someone who watches. */
    async function scene(more = {}) {
      const { ann, eve } = await cast(server());
      const sessionId = unique('room');
      const owner = await come(ann, more);
      await join(owner, { sessionId, userId: ann.id, username: 'Ann' });
      return { ann, eve, sessionId, owner, thief: await come(eve, more) };
    }

    async function assertForeign(thief, sessionId, userId) {
      const ack = await joinAs(thief, sessionId, userId);
      assert.deepEqual([ack.success, ack.code], [false, 'FOREIGN_USER']);
      assert.equal((await waitFor(thief, 'error', (error) => error.event === 'join_session')).code, 'FOREIGN_USER');
      assert.equal((await ask(thief, 'request_session_state')).code, 'NOT_IN_SESSION');
    }

    for (const transport of ['polling', 'websocket', 'upgrade']) {
      it(`cannot be joined as, over ${transport}: present, in the grace, or given up`, async () => {
        const { ann, eve, sessionId, owner, thief } = await scene({ transport });
        await assertForeign(thief, sessionId, ann.id);
        const witness = await connect(server(), { path: '/open/' });
        await join(witness, { sessionId, userId: unique('witness'), username: 'W' });
        owner.io.engine.close();
        await until('her to be missed', async () => !userOf(await state(witness), ann.id).isConnected);
        await assertForeign(thief, sessionId, ann.id);
        await waitFor(witness, 'user_left', (left) => left.userId === ann.id);
        await assertForeign(thief, sessionId, ann.id);
        assert.equal(userOf(await state(witness), ann.id).username, 'Ann');
        clear(witness);
        const back = await come(ann, { transport });
        assert.equal((await joinAs(back, sessionId, ann.id)).success, true);
        assert.equal((await waitFor(witness, 'user_joined')).userId, ann.id);
        assert.equal((await joinAs(thief, sessionId, eve.id)).success, true);
      });
    }

    it('has as many tabs as its own browser opens, and none of others', async () => {
      const { ann, sessionId, owner, thief } = await scene();
      const tab = await come(ann, { transport: 'upgrade' });
      assert.equal((await joinAs(tab, sessionId, ann.id)).isLeader, true);
      assert.equal((await joinAs(tab, sessionId, ann.id)).success, true);
      await assertForeign(thief, sessionId, ann.id);
      await fence(tab, [owner, tab]);
      assert.deepEqual(received(owner, 'user_left'), []);
    });

    it('is not become by joining again from another seat', async () => {
      const { ann, eve, sessionId, owner, thief } = await scene();
      assert.equal((await joinAs(thief, sessionId, eve.id)).success, true);
      await waitFor(owner, 'user_joined');
      clear(owner);
      const ack = await joinAs(thief, sessionId, ann.id);
      assert.ok(['FOREIGN_USER', 'ALREADY_IN_SESSION'].includes(ack.code), ack.code);
      assert.equal((await ask(thief, 'request_leadership')).code, 'LEADER_ACTIVE');
      assert.equal((await ask(thief, 'sync_playback', { position: 1, isPlaying: true })).code, 'NOT_LEADER');
      await fence(owner, [owner, thief]);
      assert.deepEqual(owner.inbox.map((one) => one.event), ['playback_sync']);
      assert.equal((await ask(thief, 'leave_session')).success, true);
      assert.equal((await waitFor(owner, 'user_left')).userId, eve.id);
      assert.equal((await ask(thief, 'leave_session')).code, 'NOT_IN_SESSION');
      assert.equal(userOf(await state(owner), ann.id).isLeader, true);
    });

    it('is not recovered by who has the pid alone, lost or not', async () => {
      const { ann, eve, sessionId, owner } = await scene();
      const { id, _pid: pid, _lastOffset: offset } = owner;
      for (const lost of [false, true]) {
        if (lost) owner.io.engine.close();
        for (const more of [eve.client, { path: '/open/' }, { ...eve.client, transport: 'polling' }]) {
          const thief = await connect(server(), { ...more, auth: { ...more.auth, pid, offset } });
          assert.notEqual(thief.id, id);
          assert.equal((await ask(thief, 'request_session_state')).code, 'NOT_IN_SESSION');
        }
        if (!lost) assert.equal((await state(owner)).leaderId, ann.id);
      }
      const back = await come(ann, { auth: { pid, offset } });
      assert.equal(back.id, id);
      assert.equal((await state(back)).sessionId, sessionId);
    });

    it('comes back by itself when its connection is cut, as who it was', async () => {
      const { sessionId, owner } = await scene({ reconnection: true, reconnectionDelay: 20, reconnectionDelayMax: 50 });
      const { id } = owner;
      owner.io.engine.close();
      await until('her to be back', () => owner.connected && owner.recovered);
      assert.equal(owner.id, id);
      assert.equal((await state(owner)).sessionId, sessionId);
    });

    it('waits as the creator of a session for who has made it', async () => {
      const { ann, eve } = await cast(server());
      const made = await rest(server(), 'POST', '/api/sessions',
        { creatorId: ann.id, creatorName: 'Ann', ...ann.creator }, { headers: ann.headers });
      assert.equal(made.status, 201);
      assert.equal(made.headers['set-cookie'], undefined);
      const { sessionId } = made.json();
      const thief = await come(eve);
      await assertForeign(thief, sessionId, ann.id);
      const owner = await come(ann);
      assert.equal((await joinAs(owner, sessionId, ann.id)).isLeader, true);
    });

    it('has its sid to itself elsewhere', async () => {
      const { ann } = await cast(server());
      const polling = await Polling.open(server(), { headers: ann.headers });
      const elsewhere = new Polling(server(), polling.sid, polling.handshake, '/open/');
      for (const answer of [await elsewhere.poll(), await elsewhere.post('42["heartbeat"]')]) {
        assert.deepEqual([answer.status, answer.json().code], [400, 1]);
      }
      const upgrade = await RawConnection.open(server());
      upgrade.write(upgradeRequest(server(), { path: elsewhere.url('websocket') }));
      assert.equal((await upgrade.response()).status, 400);
      assert.equal((await polling.post('42["heartbeat"]', { headers: ann.headers })).status, 200);
    });

    if (isSecret) {
      it('lends with a sid its connection, and nothing beyond', async () => {
        const { ann, eve } = await cast(server());
        const polling = await Polling.open(server(), { headers: ann.headers, connectNamespace: false });
        await polling.post(`40${ann.userSecret ? JSON.stringify({ userSecret: ann.userSecret }) : ''}`);
        const [sessionId, username] = [unique('room'), 'A'];
        for (const pid of server().workerPids()) { // as whoever has it, on any worker
          const body = `42${JSON.stringify(['join_session', { sessionId, userId: ann.id, username }])}`;
          const answer = await requestOn(server(), pid, { method: 'POST', path: polling.url(), body,
            headers: { 'Content-Type': 'text/plain;charset=UTF-8' } });
          assert.equal(answer.status, 200);
          await polling.event('session_joined');
        }
        const thief = await come(eve);
        await assertForeign(thief, sessionId, ann.id);
        const owner = await come(ann);
        assert.equal((await joinAs(owner, sessionId, ann.id)).success, true);
      });
    } else {
      it('has its sid to itself also here', async () => {
        const { ann, eve } = await cast(server());
        const polling = await Polling.open(server(), { headers: ann.headers });
        for (const pid of server().workerPids()) {
          for (const method of ['GET', 'POST']) {
            const answer = await requestOn(server(), pid, { method, path: polling.url(), headers: eve.headers,
              ...(method === 'POST' ? { body: '42["leave_session"]' } : {}) });
            assert.deepEqual([answer.status, answer.json().code], [400, 1]);
          }
        }
        const upgrade = await RawConnection.open(server());
        upgrade.write(upgradeRequest(server(), { path: polling.url('websocket'), headers: eve.headers }));
        assert.equal((await upgrade.response()).status, 400);
      });
    }

    it('is not become by clients of Engine.IO 3', async () => {
      const { ann, eve, sessionId, owner } = await scene();
      const { extraHeaders } = eve.client;
      for (const transport of ['polling', 'websocket']) {
        const old = await connectVersion(server(), '2.5.0', { transport, extraHeaders });
        const data = { sessionId, userId: ann.id, username: 'E' };
        assert.equal((await askVersion(old, 'join_session', data)).code, 'FOREIGN_USER');
        if (isSecret) {
          const guess = { ...data, userSecret: secretWord() };
          assert.equal((await askVersion(old, 'join_session', guess)).code, 'FOREIGN_USER');
        }
        await closeVersion(old);
        const own = await connectVersion(server(), '2.5.0', { transport, extraHeaders: ann.client.extraHeaders });
        const ack = await askVersion(own, 'join_session', { ...data, userSecret: ann.userSecret });
        assert.equal(ack.success, true, JSON.stringify(ack));
        await closeVersion(own);
      }
      const raw = await Polling3.open(server(), { headers: eve.headers });
      const body = `42${JSON.stringify(['join_session', { sessionId, userId: ann.id, username: 'E' }])}`;
      assert.equal((await raw.post(body, { headers: eve.headers })).status, 200);
      const packets = await raw.packets((packet) => packet.startsWith('42["error"'), { headers: eve.headers });
      assert.match(packets.at(-1), /FOREIGN_USER/);
      assert.equal((await state(owner)).connectedCount, 1);
    });

    it('is not become by pages of other sites, whose requests may carry its cookie', async () => {
      const { ann } = await cast(server());
      const headers = { ...ann.headers, Origin: 'https://evil.example' };
      const polling = await Polling.open(server(), { headers: ann.headers });
      for (const ask403 of [{ path: kHandshake }, { path: polling.url() },
        { method: 'POST', path: polling.url(), body: '42["leave_session"]' },
        { method: 'POST', path: '/api/sessions', json: { creatorId: ann.id, creatorName: 'A' } }]) {
        const answer = await request(server(), { ...ask403, headers });
        assert.equal(answer.status, 403);
        assert.equal(answer.headers['set-cookie'], undefined);
      }
      const raw = await RawConnection.open(server());
      raw.write(upgradeRequest(server(), { headers }));
      const answer = await raw.response();
      assert.deepEqual([answer.status, answer.headers['set-cookie']], [403, undefined]);
    });
  });
}

suite('the cookie of mediasync_user_secret', { tls: true, workerCounts: [2], sync: 'mediasync_user_secret on;',
  api: 'mediasync_user_secret on;', locations: `${kOpen}
    location /named/ { mediasync rooms; mediasync_user_secret on cookie=__Host-seat; }
    location /known/ { mediasync rooms; mediasync_user $arg_who; mediasync_user_secret on; }` }, (server) => {
  const kAttributes = ['Path=/', 'Max-Age=2592000', 'HttpOnly', 'SameSite=Lax'];

  it('comes with each handshake, by polling and WebSocket, and with nothing else', async () => {
    const polling = await Polling.open(server());
    const { pair, attributes } = cookieOf(polling.opening);
    assert.match(pair, /^mediasync_secret=[A-Za-z0-9_-]{22}$/);
    assert.deepEqual(attributes, kAttributes);
    const headers = { Cookie: pair };
    for (const answer of [await polling.post('42["heartbeat"]', { headers }), await polling.poll({ headers }),
      await request(server(), { path: '/open/?EIO=4&transport=polling', headers }),
      await rest(server(), 'POST', '/api/sessions', { creatorId: 'a', creatorName: 'A' }),
      await request(server(), { path: '/api/sessions', headers })]) {
      assert.equal(answer.status < 300, true);
      assert.equal(answer.headers['set-cookie'], undefined);
    }
    const raw = await RawConnection.open(server());
    raw.write(upgradeRequest(server()));
    const opened = await raw.response();
    assert.equal(opened.status, 101);
    const [first, ...more] = opened.headers['set-cookie'].split('; ');
    assert.match(first, /^mediasync_secret=[A-Za-z0-9_-]{22}$/);
    assert.notEqual(first, pair);
    assert.deepEqual(more, kAttributes);
    raw.destroy();
    const probe = await RawConnection.open(server());
    probe.write(upgradeRequest(server(), { path: polling.url('websocket'), headers }));
    const probed = await probe.response();
    assert.deepEqual([probed.status, probed.headers['set-cookie']], [101, undefined]);
    probe.destroy();
  });

  it('stays what it is for who sends it, and is made anew for who sends something else', async () => {
    const pair = await freshCookie(server());
    const again = await request(server(), { path: kHandshake, headers: { Cookie: `a=b; ${pair}; c=d` } });
    assert.deepEqual(cookieOf(again), { pair, attributes: kAttributes });
    for (const other of ['mediasync_secret=', 'mediasync_secret=chosen', `mediasync_secret="${pair.slice(17)}"`,
      `${pair}x`, `x${pair}`]) {
      const answer = await request(server(), { path: kHandshake, headers: { Cookie: other } });
      assert.notEqual(cookieOf(answer).pair, pair);
      assert.match(cookieOf(answer).pair, /^mediasync_secret=[A-Za-z0-9_-]{22}$/);
    }
  });

  it('is for TLS alone when it was given over TLS, and has the name that is wanted', async () => {
    const named = await request(server(), { path: '/named/?EIO=4&transport=polling', tls: true });
    assert.match(cookieOf(named).pair, /^__Host-seat=[A-Za-z0-9_-]{22}$/);
    assert.deepEqual(cookieOf(named).attributes, [...kAttributes, 'Secure']);
  });

  it('is not given where NGINX knows its users', async () => {
    const answer = await request(server(), { path: '/known/?EIO=4&transport=polling&who=ann' });
    assert.deepEqual([answer.status, answer.headers['set-cookie']], [200, undefined]);
  });
});

describe('mediasync_user_secret over reloads', () => {
  let server;
  let file;
  let text;
  before(async () => {
    server = await Server.start({ workers: 2, zone: 'disconnect_grace=30s', sync: 'mediasync_user_secret on;' });
    file = path.join(server.prefix, 'nginx.conf');
    text = fs.readFileSync(file, 'utf8');
  });
  after(() => server?.stop());

  const alive = (pid) => { try { return process.kill(pid, 0); } catch { return false; } };
  const reload = async (config) => {
    fs.writeFileSync(file, config);
    const old = await server.reload();
    await until('the old workers to end', () => !old.some(alive));
  };
  const withCookie = (pair) => ({ extraHeaders: { Cookie: pair } });
  const kKept = `mediasync_secret=${'A'.repeat(22)}`; // browsers keep theirs while it is off
  const kReturning = { reconnection: true, reconnectionDelay: 50, reconnectionDelayMax: 100 };

  it('binds who was bound before, over WebSocket unnoticed, and over polling', async () => {
    const sessionId = unique('room');
    const [mine, others] = [await freshCookie(server), await freshCookie(server)];
    const ann = await connect(server, withCookie(mine));
    await join(ann, { sessionId, userId: 'ann', username: 'Ann' });
    const bob = await connect(server, { ...withCookie(others), transport: 'polling' });
    await join(bob, { sessionId, userId: 'bob', username: 'Bob' });
    await reload(text);
    for (const [socket, userId] of [[ann, 'bob'], [bob, 'ann']]) {
      const ack = await ask(socket, 'leave_session');
      assert.equal(ack.success, true);
      assert.equal((await ask(socket, 'join_session', { sessionId, userId: socket.userId, username: 'N' })).success, true);
      const other = await connect(server, withCookie(socket === ann ? mine : others));
      assert.equal((await ask(other, 'join_session', { sessionId, userId, username: 'E' })).code, 'FOREIGN_USER');
    }
    assert.deepEqual(received(ann, 'disconnect'), []);
    assert.deepEqual(received(bob, 'disconnect'), []);
  });

  it('is turned off and on again: clients come back, and who was bound is bound', async () => {
    const sessionId = unique('room');
    const [mine, others] = [await freshCookie(server), await freshCookie(server)];
    const joins = (socket) => socket.on('connect', () => socket.emit('join_session',
      { sessionId, userId: 'ann', username: 'Ann' }));
    const ann = await connect(server, { ...withCookie(mine), ...kReturning });
    const polling = await connect(server, { ...withCookie(mine), ...kReturning, transport: 'polling' });
    for (const socket of [ann, polling]) {
      await join(socket, { sessionId, userId: 'ann', username: 'Ann' });
      joins(socket);
      clear(socket);
    }
    await reload(text.replace('mediasync_user_secret on;', ''));
    for (const socket of [ann, polling]) await waitFor(socket, 'session_joined');
    const anyone = await connect(server);
    assert.equal((await ask(anyone, 'join_session', { sessionId, userId: 'ann', username: 'E' })).success, true);
    for (const socket of [ann, polling]) clear(socket);
    await reload(text);
    for (const socket of [ann, polling]) await waitFor(socket, 'session_joined');
    const thief = await connect(server, withCookie(others));
    assert.equal((await ask(thief, 'join_session', { sessionId, userId: 'ann', username: 'E' })).code, 'FOREIGN_USER');
  });

  it('binds those who are there when it is turned on by the first who comes back', async () => {
    const sessionId = unique('room');
    await reload(text.replace('mediasync_user_secret on;', ''));
    const ann = await connect(server, { ...kReturning, ...withCookie(kKept) });
    ann.on('connect', () => ann.emit('join_session', { sessionId, userId: 'ann', username: 'Ann' }));
    await join(ann, { sessionId, userId: 'ann', username: 'Ann' });
    clear(ann);
    await reload(text);
    await waitFor(ann, 'session_joined');
    const thief = await connect(server);
    assert.equal((await ask(thief, 'join_session', { sessionId, userId: 'ann', username: 'E' })).code, 'FOREIGN_USER');
  });
});

describe('mediasync_user_secret', () => {
  const check = (sync) => checkConfiguration(configuration({ workers: 1, sync, http: 'mediasync_user_secret on;' },
    { http: 18080 }));

  it('is inherited, can be off, and has a cookie of any name', async () => {
    for (const sync of ['', 'mediasync_user_secret off;', 'mediasync_user_secret on cookie=seat;']) {
      const { ok, output } = await check(sync);
      assert.ok(ok, output);
    }
  });

  it('is refused with anything else, and twice', async () => {
    for (const [sync, words] of [
      ['mediasync_user_secret maybe;', /invalid value "maybe" in "mediasync_user_secret" directive, it must be "on" or "off"/],
      ['mediasync_user_secret on name=x;', /invalid parameter "name=x"/],
      ['mediasync_user_secret off cookie=x;', /invalid parameter "cookie=x"/],
      ['mediasync_user_secret on "cookie=a b";', /invalid cookie name "a b"/],
      ['mediasync_user_secret on cookie=;', /"mediasync_user_secret" directive must have a name/],
      ['mediasync_user_secret;', /invalid number of arguments/],
      ['mediasync_user_secret on; mediasync_user_secret off;', /"mediasync_user_secret" directive is duplicate/]]) {
      const { ok, output } = await check(sync);
      assert.equal(ok, false, sync);
      assert.match(output, words);
    }
  });
});
