// The REST endpoints, every status.
import assert from 'node:assert/strict';
import http from 'node:http';
import { ask, connect, describe, enter, fits, it, kPatience, RawConnection, received, request, rest, room, Server,
  suite, unique, until, userOf, waitFor } from './harness/index.mjs';

const kSessions = '/api/sessions';
const create = async (server, more = {}) =>
  (await rest(server, 'POST', kSessions, { creatorId: 'boss', creatorName: 'Boss', ...more })).json();

function assertFailure(answer, status) {
  assert.equal(answer.status, status, answer.body);
  const body = answer.json();
  assert.equal(body.success, false);
  assert.equal(typeof body.message, 'string');
  assert.ok(body.message.length > 3);
  assert.match(answer.headers['content-type'], /^application\/json/);
}

suite('POST /api/sessions', {}, (server) => {
  it('answers 201 with Location and the documented body', async () => {
    const answer = await rest(server(), 'POST', kSessions, { creatorId: 'boss', creatorName: 'Bößß 🎬' });
    assert.equal(answer.status, 201);
    assert.match(answer.headers['content-type'], /^application\/json/);
    const body = answer.json();
    fits('created', body);
    assert.equal(body.creatorId, 'boss');
    assert.equal(body.message, 'Session created successfully');
    assert.match(body.sessionId, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.equal(new URL(answer.headers.location, server().url).pathname, `${kSessions}/${body.sessionId}`);
    const followed = await request(server(), { path: new URL(answer.headers.location, server().url).pathname });
    assert.equal(followed.status, 200);
  });

  it('lists the creator as a disconnected user and as leader', async () => {
    const { sessionId } = await create(server(), { creatorName: 'Bößß 🎬' });
    const { session } = (await request(server(), { path: `${kSessions}/${sessionId}` })).json();
    fits('session', session);
    assert.equal(session.creatorId, 'boss');
    assert.equal(session.leaderId, 'boss');
    assert.equal(session.userCount, 1);
    assert.equal(session.connectedCount, 0);
    const boss = userOf(session, 'boss');
    assert.equal(boss.username, 'Bößß 🎬');
    assert.equal(boss.isConnected, false);
    assert.equal(boss.isLeader, true);
  });

  it('makes a different id each time, on any worker', async () => {
    const ids = await Promise.all(Array.from({ length: 40 }, async () => (await create(server())).sessionId));
    assert.equal(new Set(ids).size, 40);
  });

  it('answers 400 to bad input', async () => {
    for (const json of [{}, { creatorId: 'a' }, { creatorName: 'a' }, { creatorId: 5, creatorName: 'a' },
      { creatorId: '', creatorName: 'a' }, { creatorId: 'a', creatorName: 5 }, { creatorId: 'a\nb', creatorName: 'a' },
      { creatorId: 'x'.repeat(129), creatorName: 'a' }, { creatorId: 'a', creatorName: null }, null, 5, 'text', []]) {
      assertFailure(await rest(server(), 'POST', kSessions, json), 400);
    }
    for (const body of ['', '{', '{"creatorId":"a","creatorName":"b"} x', '\xff\xfe', '[[[[', '{"creatorId":"a",}']) {
      assertFailure(await request(server(), { method: 'POST', path: kSessions, body: Buffer.from(body, 'latin1'),
        headers: { 'Content-Type': 'application/json' } }), 400);
    }
  });

  it('answers 415 to other content types, and takes parameters of the right one', async () => {
    const body = JSON.stringify({ creatorId: 'a', creatorName: 'b' });
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/jsonp', 'multipart/form-data; boundary=x']) {
      assertFailure(await request(server(), { method: 'POST', path: kSessions, body, headers: { 'Content-Type': type } }), 415);
    }
    for (const type of ['application/json', 'application/json; charset=utf-8', 'Application/JSON;charset=UTF-8']) {
      assert.equal((await request(server(), { method: 'POST', path: kSessions, body, headers: { 'Content-Type': type } })).status, 201);
    }
  });

  it('answers 413 to a body that is too large, declared or in chunks', async () => {
    const body = JSON.stringify({ creatorId: 'a', creatorName: 'b'.repeat(3000000) });
    // The server may answer and close before the body has gone out: raw, so that the answer is read all the same.
    for (const form of ['declared', 'chunked']) {
      const raw = await RawConnection.open(server());
      raw.write(`POST ${kSessions} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n`);
      raw.write(form === 'declared'
        ? `Content-Length: ${body.length}\r\n\r\n`
        : `Transfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`);
      assert.equal((await raw.response())?.status, 413, form);
      raw.destroy();
    }
  });

  it('takes a body in chunks, and one that dribbles in', async () => {
    const body = JSON.stringify({ creatorId: 'a', creatorName: 'b' });
    const raw = await RawConnection.open(server());
    raw.write(`POST ${kSessions} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`);
    for (const letter of body) raw.write(`1\r\n${letter}\r\n`);
    raw.write('0\r\n\r\n');
    assert.equal((await raw.response()).status, 201);
    raw.write(`POST ${kSessions} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`);
    for (const letter of body) raw.write(letter);
    assert.equal((await raw.response()).status, 201, 'on the same connection');
    raw.destroy();
  });
});

suite('GET /api/sessions', {}, (server) => {
  it('shows one session with every documented field', async () => {
    const { sessionId, leader } = await room(server());
    await ask(leader, 'load_media', { mediaUrl: 'u', mediaId: 'i', mediaTitle: 't', mediaDuration: 5 });
    const answer = await request(server(), { path: `${kSessions}/${sessionId}` });
    assert.equal(answer.status, 200);
    const body = answer.json();
    assert.deepEqual(Object.keys(body).sort(), ['session', 'success']);
    assert.equal(body.success, true);
    fits('session', body.session);
    assert.equal(body.session.sessionId, sessionId);
    assert.equal(body.session.connectedCount, 2);
    assert.equal(body.session.playbackState.mediaUrl, 'u');
  });

  it('lists the sessions with every documented field', async () => {
    const { sessionId, leader } = await room(server(), { followers: 2 });
    const bare = await create(server());
    await ask(leader, 'load_media', { mediaUrl: 'u', mediaId: 'i', mediaTitle: 't', mediaDuration: 5 });
    const answer = await request(server(), { path: kSessions });
    assert.equal(answer.status, 200);
    const body = answer.json();
    assert.deepEqual(Object.keys(body).sort(), ['sessions', 'success', 'totalSessions']);
    assert.equal(body.success, true);
    assert.equal(body.totalSessions, body.sessions.length);
    body.sessions.forEach((one) => fits('summary', one));
    const mine = body.sessions.find((one) => one.sessionId === sessionId);
    assert.equal(mine.userCount, 3);
    assert.equal(mine.hasMedia, true);
    const other = body.sessions.find((one) => one.sessionId === bare.sessionId);
    assert.equal(other.userCount, 1);
    assert.equal(other.hasMedia, false);
    assert.equal(body.sessions.filter((one) => one.sessionId === sessionId).length, 1);
  });

  it('does not count as activity', async () => {
    const { sessionId } = await create(server());
    const first = (await request(server(), { path: `${kSessions}/${sessionId}` })).json().session;
    await until('the clock to move', async () => Date.now() / 1000 > first.lastActivity + 0.02);
    const second = (await request(server(), { path: `${kSessions}/${sessionId}` })).json().session;
    assert.equal(second.lastActivity, first.lastActivity);
  });

  it('answers 404 to an unknown session and to unknown paths', async () => {
    for (const path of [`${kSessions}/nope`, `${kSessions}/${'x'.repeat(128)}`, `${kSessions}/a/b`]) {
      assertFailure(await request(server(), { path }), 404);
    }
  });

  it('finds ids that are percent-encoded', async () => {
    for (const sessionId of ['a b', 'söß 🎬', 'a/b', 'a//b', 'a%2Fb', 'q?x=1#y', 'a+b', '"quote"', 'a;b=c&d', 'a.b', 'a\\b']) {
      const socket = await enter(server(), { sessionId, userId: 'u', username: 'U' });
      const answer = await request(server(), { path: `${kSessions}/${encodeURIComponent(sessionId)}` });
      assert.equal(answer.status, 200, sessionId);
      assert.equal(answer.json().session.sessionId, sessionId);
      socket.disconnect();
    }
  });

  it('takes a query without minding it', async () => {
    const { sessionId } = await create(server());
    assert.equal((await request(server(), { path: `${kSessions}?x=1` })).status, 200);
    assert.equal((await request(server(), { path: `${kSessions}/${sessionId}?x=/y` })).status, 200);
  });

  it('answers 400 or 404 to encodings that are no text', async () => {
    for (const path of ['%ff', '%c3', '%zz', '%', '%00', 'a%0ab', 'x'.repeat(129)]) {
      const { status } = await request(server(), { path: `${kSessions}/${path}` });
      assert.ok(status === 400 || status === 404, `${path} → ${status}`);
    }
  });
});

suite('other methods', {}, (server) => {
  it('HEAD answers as GET without a body', async () => {
    const { sessionId } = await create(server());
    for (const path of [kSessions, `${kSessions}/${sessionId}`]) {
      const answer = await request(server(), { method: 'HEAD', path });
      assert.equal(answer.status, 200);
      assert.equal(answer.body, '');
      assert.match(answer.headers['content-type'], /^application\/json/);
    }
    assert.equal((await request(server(), { method: 'HEAD', path: `${kSessions}/nope` })).status, 404);
    // The next answer on the same connection starts where it should.
    const raw = await RawConnection.open(server());
    raw.write(`HEAD ${kSessions} HTTP/1.1\r\nHost: x\r\n\r\nGET ${kSessions}/nope HTTP/1.1\r\nHost: x\r\n\r\n`);
    assert.equal((await raw.response({ head: true })).status, 200);
    assert.equal((await raw.response()).status, 404);
  });

  it('OPTIONS names the methods', async () => {
    const all = await request(server(), { method: 'OPTIONS', path: kSessions });
    assert.ok([200, 204].includes(all.status), `${all.status}`);
    for (const method of ['GET', 'HEAD', 'POST', 'OPTIONS']) assert.match(all.headers.allow, new RegExp(`\\b${method}\\b`));
    const one = await request(server(), { method: 'OPTIONS', path: `${kSessions}/x` });
    assert.ok([200, 204].includes(one.status));
    assert.match(one.headers.allow, /\bGET\b/);
    assert.doesNotMatch(one.headers.allow, /\bPOST\b/);
  });

  it('anything else is 405 with Allow', async () => {
    const { sessionId } = await create(server());
    for (const [path, allowed] of [[kSessions, ['GET', 'POST']], [`${kSessions}/${sessionId}`, ['GET']]]) {
      for (const method of ['PUT', 'DELETE', 'PATCH', ...(allowed.includes('POST') ? [] : ['POST'])]) {
        const answer = await request(server(), { method, path, json: method === 'DELETE' ? undefined : {} });
        assertFailure(answer, 405);
        for (const one of allowed) assert.match(answer.headers.allow, new RegExp(`\\b${one}\\b`), `${method} ${path}`);
      }
    }
    assert.equal((await request(server(), { path: `${kSessions}/${sessionId}` })).status, 200, 'and nothing was deleted');
  });

  it('a foreign origin is 403', async () => {
    const answer = await rest(server(), 'POST', kSessions, { creatorId: 'a', creatorName: 'b' },
      { headers: { Origin: 'https://evil.example' } });
    assertFailure(answer, 403);
    const own = await rest(server(), 'POST', kSessions, { creatorId: 'a', creatorName: 'b' },
      { headers: { Origin: server().origin } });
    assert.equal(own.status, 201);
  });
});

suite('the status page', {}, (server) => {
  it('answers JSON', async () => {
    await room(server());
    const answer = await request(server(), { path: '/status' });
    assert.equal(answer.status, 200);
    assert.match(answer.headers['content-type'], /^application\/json/);
    assert.equal(typeof answer.json(), 'object');
  });
});

describe('a full zone', () => {
  it('answers 507 to new sessions while the present ones go on', async () => {
    const server = await Server.start({ workers: 2, zoneSize: '1m' });
    try {
      const { sessionId, leader, followers: [follower] } = await room(server);
      const spare = await connect(server);
      const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
      let answer;
      let made = 0;
      // A shard may be full while another has room left in a page it holds: full is when nothing fits many times over.
      for (let refused = 0; refused < 100 && made < 20000;) {
        answer = await rest(server, 'POST', kSessions, { creatorId: 'x'.repeat(128), creatorName: 'y'.repeat(256) }, { agent });
        if (answer.status === 201) made++;
        refused = answer.status === 201 ? 0 : refused + 1;
      }
      agent.destroy();
      assertFailure(answer, 507);
      assert.ok(made > 50, `${made} sessions fit in 1 MB`);

      const refusal = await ask(spare, 'join_session', { sessionId: unique('n'), userId: 'x'.repeat(128), username: 'y'.repeat(256) });
      assert.deepEqual([refusal.success, refusal.code], [false, 'ZONE_FULL']);
      assert.equal((await waitFor(spare, 'error')).code, 'ZONE_FULL');

      for (let i = 0; i < 300; i++) leader.emit('sync_playback', { position: i, isPlaying: true, mediaUrl: `u${i}` });
      await waitFor(follower, 'playback_sync', (sync) => sync.position === 299);
      assert.equal(received(follower, 'playback_sync').length, 300);
      const shown = await request(server, { path: `${kSessions}/${sessionId}` });
      assert.equal(shown.json().session.connectedCount, 2);
      const list = (await request(server, { path: kSessions, patience: 4 * kPatience })).json();
      assert.equal(list.totalSessions, made + 1);
    } finally {
      await server.stop();
    }
  });
});

suite('a list of many sessions', { zoneSize: '16m',
  locations: `location /closed/ { mediasync_api rooms; mediasync_list off; }
    location /metered/ { mediasync_api rooms; mediasync_limit_replies rate=1k burst=10k; }` },
  (server) => {
    it('comes as a whole, or in pieces with a thousand at the most', async () => {
      const ids = new Set();
      await Promise.all(Array.from({ length: 1100 }, async (_, i) => {
        const made = await rest(server(), 'POST', '/api/sessions', { creatorId: `c${i}`, creatorName: 'C' });
        ids.add(made.json().sessionId);
      }));
      for (const path of ['/api/sessions', '/api/sessions?x=1']) {
        const whole = (await rest(server(), 'GET', path)).json();
        assert.equal(whole.success, true);
        assert.equal(whole.totalSessions, 1100);
        assert.equal(whole.next, undefined);
        assert.deepEqual(new Set(whole.sessions.map((one) => one.sessionId)), ids);
        assert.equal(whole.sessions.length, 1100);
        whole.sessions.forEach((one) => fits('summary', one));
      }
      const head = await rest(server(), 'HEAD', '/api/sessions');
      assert.deepEqual([head.status, head.body], [200, '']);
      const all = new Set();
      const sizes = [];
      for (let next = ''; next !== undefined;) {
        const page = (await rest(server(), 'GET', `/api/sessions?limit=1000${next && `&after=${next}`}`)).json();
        assert.equal(page.totalSessions, 1100);
        sizes.push(page.sessions.length);
        page.sessions.forEach((one) => all.add(one.sessionId));
        ({ next } = page);
      }
      assert.deepEqual(sizes, [1000, 100]);
      assert.deepEqual(all, ids);
      const few = (await rest(server(), 'GET', '/api/sessions?limit=3')).json();
      assert.equal(few.sessions.length, 3);
      for (const query of ['limit=0', 'limit=1001', 'limit=x', 'after=x']) {
        const refused = await rest(server(), 'GET', `/api/sessions?${query}`);
        assert.equal(refused.status, 400);
        assert.equal(refused.json().success, false);
      }
    });

    it('is sent as fast as the client takes it, and not to one that goes', async () => {
      const raw = await RawConnection.open(server());
      raw.socket.pause();
      raw.write('GET /api/sessions HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'.repeat(1));
      const gone = await RawConnection.open(server());
      gone.write('GET /api/sessions HTTP/1.1\r\nHost: x\r\n\r\n');
      gone.destroy();
      assert.equal((await rest(server(), 'GET', '/api/sessions?limit=1')).status, 200);
      raw.socket.resume();
      const text = (await raw.rest()).toString();
      assert.match(text, /^HTTP\/1\.1 200 OK\r\n/);
      assert.match(text, /"totalSessions":1100\}\r\n0\r\n\r\n$/);
    });

    it('is metered as the states are that are asked for over sockets', async () => {
      const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
      const get = (path) => rest(server(), 'GET', path, undefined, { agent });
      const first = await get('/metered/');
      assert.equal(first.status, 200);
      assert.equal(first.json().sessions.length, 1100);
      for (const path of ['/metered/', '/metered/?limit=1', `/metered/${first.json().sessions[0].sessionId}`]) {
        const refused = await get(path);
        assert.equal(refused.status, 429, path);
        assert.equal(refused.headers['retry-after'], '1');
        assert.equal(refused.json().success, false);
      }
      assert.equal((await rest(server(), 'GET', '/metered/?limit=1')).status, 200, 'another connection has its own');
    });

    it('can be off, and sessions are shown all the same', async () => {
      const refused = await rest(server(), 'GET', '/closed/');
      assert.equal(refused.status, 403);
      assert.equal(refused.json().success, false);
      const { sessionId } = (await rest(server(), 'POST', '/closed/', { creatorId: 'c', creatorName: 'C' })).json();
      assert.equal((await rest(server(), 'GET', `/closed/${sessionId}`)).status, 200);
    });
  });
