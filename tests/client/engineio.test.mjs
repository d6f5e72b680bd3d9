// Engine.IO revision 4 by hand: handshake, payloads, polls, posts, upgrade, heartbeat.
import assert from 'node:assert/strict';
import { connect, deadline, frame, it, kBinary, kPatience, kSeparator, kText, open, Polling, RawConnection,
  rawWebSocket, request, suite, unique, until, upgradeRequest, waitFor } from './harness/index.mjs';

const kPath = '/socket.io/';
// Pings that come fast, and clients that are given up fast: what answers in time even on a busy machine is on /lively/.
const fast = 'mediasync_ping_interval 250ms; mediasync_ping_timeout 200ms;';
const lively = 'mediasync_ping_interval 250ms; mediasync_ping_timeout 2s;';
const locations = `
    location /fast/ { mediasync rooms; ${fast} }
    location /lively/ { mediasync rooms; ${lively} }
    location /small/ { mediasync rooms; mediasync_max_payload 1000; }`;
const joinPacket = (sessionId = unique('s'), userId = unique('u')) =>
  `42${JSON.stringify(['join_session', { sessionId, userId, username: 'U' }])}`;

function assertCode(answer, status, code, message) {
  assert.equal(answer.status, status, answer.body);
  assert.match(answer.headers['content-type'], /^application\/json/);
  assert.deepEqual(answer.json(), { code, message });
}

suite('the handshake', { locations }, (server) => {
  it('answers with sid, upgrades, the intervals in ms and maxPayload', async () => {
    const answer = await request(server(), { path: `${kPath}?EIO=4&transport=polling` });
    assert.equal(answer.status, 200);
    assert.match(answer.headers['content-type'], /^text\/plain; *charset=utf-8/i);
    assert.equal(answer.body[0], '0');
    const { sid, ...rest } = JSON.parse(answer.body.slice(1));
    assert.match(sid, /^[A-Za-z0-9_-]{16,}$/);
    assert.deepEqual(rest, { upgrades: ['websocket'], pingInterval: 25000, pingTimeout: 20000, maxPayload: 1000000 });
    const other = (await request(server(), { path: '/fast/?EIO=4&transport=polling' })).body;
    assert.equal(JSON.parse(other.slice(1)).pingInterval, 250);
    assert.equal(JSON.parse(other.slice(1)).pingTimeout, 200);
  });

  it('offers no upgrade over websocket', async () => {
    const raw = await rawWebSocket(server(), { bare: true });
    assert.deepEqual(raw.handshake.upgrades, []);
    assert.equal(raw.handshake.maxPayload, 1000000);
  });

  it('gives each its own sid', async () => {
    const sids = await Promise.all(Array.from({ length: 50 }, async () =>
      (await Polling.open(server(), { connectNamespace: false })).sid));
    assert.equal(new Set(sids).size, 50);
  });

  it('may not be cached', async () => {
    const answer = await request(server(), { path: `${kPath}?EIO=4&transport=polling` });
    assert.match(answer.headers['cache-control'] ?? '', /no-store/);
  });

  it('with an unknown transport is code 0', async () => {
    for (const query of ['EIO=4', 'EIO=4&transport=', 'EIO=4&transport=carrier-pigeon', 'EIO=4&transport=constructor']) {
      assertCode(await request(server(), { path: `${kPath}?${query}` }), 400, 0, 'Transport unknown');
    }
  });

  it('with an unknown sid is code 1, for every method and transport', async () => {
    for (const sid of ['nope', 'x'.repeat(20), '../../etc', '%00', 'x'.repeat(3000)]) {
      for (const method of ['GET', 'POST']) {
        const answer = await request(server(), { method, path: `${kPath}?EIO=4&transport=polling&sid=${sid}`,
          body: method === 'POST' ? '40' : undefined });
        assertCode(answer, 400, 1, 'Session ID unknown');
      }
    }
    const raw = await RawConnection.open(server());
    raw.write(upgradeRequest(server(), { path: `${kPath}?EIO=4&transport=websocket&sid=nope` }));
    assert.equal((await raw.response()).status, 400);
  });

  it('by another method than GET is code 2', async () => {
    assertCode(await request(server(), { method: 'POST', path: `${kPath}?EIO=4&transport=polling`, body: '40' }),
      400, 2, 'Bad handshake method');
  });

  it('for websocket without an Upgrade header is code 3', async () => {
    assertCode(await request(server(), { path: `${kPath}?EIO=4&transport=websocket` }), 400, 3, 'Bad request');
  });

  it('from a foreign origin is code 4', async () => {
    const answer = await request(server(), { path: `${kPath}?EIO=4&transport=polling`, headers: { Origin: 'https://evil.example' } });
    assertCode(answer, 403, 4, 'Forbidden');
  });

  it('of another protocol revision is code 5', async () => {
    for (const revision of ['5', '99', 'x', '44']) {
      assertCode(await request(server(), { path: `${kPath}?EIO=${revision}&transport=polling` }),
        400, 5, 'Unsupported protocol version');
    }
  });

  it('takes query parameters in any order, with others between', async () => {
    const answer = await request(server(), { path: `${kPath}?t=abc&transport=polling&b64=0&x=%26sid%3D1&EIO=4` });
    assert.equal(answer.status, 200);
  });
});

suite('polling', { locations }, (server) => {
  it('connects the namespace with a sid of its own', async () => {
    const polling = await Polling.open(server(), { connectNamespace: false });
    await polling.post('40');
    const [packet] = await polling.packets((one) => one.startsWith('40'));
    const { sid } = JSON.parse(packet.slice(2));
    assert.ok(sid && sid !== polling.sid);
  });

  it('answers a POST with ok', async () => {
    const polling = await Polling.open(server(), { connectNamespace: false });
    const answer = await polling.post('40');
    assert.equal(answer.status, 200);
    assert.equal(answer.body, 'ok');
    assert.match(answer.headers['content-type'], /^text\/(html|plain)/);
  });

  it('takes several packets in one payload, and sends several', async () => {
    const polling = await Polling.open(server());
    const sessionId = unique('s');
    await polling.post([joinPacket(sessionId), '42["heartbeat"]', '42["request_session_state"]'].join(kSeparator));
    const answer = await polling.poll();
    assert.equal(answer.status, 200);
    const names = answer.body.split(kSeparator).map((packet) => JSON.parse(packet.slice(2))[0]);
    assert.deepEqual(names.slice(0, 3), ['session_joined', 'heartbeat_ack', 'session_state']);
  });

  it('holds a poll until there is something to say', async () => {
    const polling = await Polling.open(server());
    const poll = polling.poll();
    let answered = false;
    poll.then(() => { answered = true; });
    // Round trips on other connections: the poll is still held after them.
    for (let i = 0; i < 5; i++) await request(server(), { path: '/worker' });
    assert.equal(answered, false);
    await polling.post('42["heartbeat"]');
    assert.match((await poll).body, /^42\["heartbeat_ack"/);
  });

  it('carries text of any script whole', async () => {
    const polling = await Polling.open(server());
    const username = '日本語 🎬 ü';
    await polling.post(`42${JSON.stringify(['join_session', { sessionId: unique('s'), userId: 'u', username }])}`);
    const [, joined] = await polling.event('session_joined');
    assert.equal(joined.session.users[0].username, username);
  });

  it('ends with a close packet; the held poll is released and the sid unknown', async () => {
    const polling = await Polling.open(server());
    const poll = polling.poll();
    await polling.post('1');
    await deadline(poll, kPatience, 'the held poll to be released');
    await until('the sid to be forgotten', async () => {
      const answer = await polling.poll();
      return answer.status === 400 && answer.json().code === 1;
    });
  });

  it('answers a second poll beside a held one with an error and ends the session', async () => {
    const polling = await Polling.open(server());
    const polls = await Promise.all([polling.poll(), polling.poll()]);
    assert.ok(polls.some((answer) => answer.status === 400), polls.map((answer) => answer.status).join());
    await until('the sid to be forgotten', async () => (await polling.poll()).status === 400);
  });

  it('serves fifty polls of fifty sids at once', async () => {
    const all = await Promise.all(Array.from({ length: 50 }, () => Polling.open(server())));
    const polls = all.map((one) => one.poll());
    await Promise.all(all.map((one) => one.post('42["heartbeat"]')));
    for (const answer of await Promise.all(polls)) assert.match(answer.body, /^42\["heartbeat_ack"/);
  });

  it('answers 413 to more than maxPayload', async () => {
    const polling = await Polling.open(server(), { path: '/small/' });
    assert.equal(polling.handshake.maxPayload, 1000);
    const answer = await polling.post(`42["heartbeat","${'x'.repeat(1100)}"]`);
    assert.equal(answer.status, 413);
    const other = await Polling.open(server(), { path: '/small/' });
    assert.equal((await other.post(`42["heartbeat","${'x'.repeat(900)}"]`)).status, 200);
  });

  it('refuses methods it does not know', async () => {
    const polling = await Polling.open(server());
    for (const method of ['PUT', 'DELETE', 'PATCH']) {
      const { status } = await request(server(), { method, path: polling.url(), body: 'x' });
      assert.ok(status >= 400, `${method} → ${status}`);
    }
  });

  it('may not poll what speaks websocket', async () => {
    const raw = await rawWebSocket(server());
    const path = `${kPath}?EIO=4&transport=polling&sid=${raw.handshake.sid}`;
    assertCode(await request(server(), { path }), 400, 3, 'Bad request');
    raw.write(frame(kText, '42["heartbeat"]'));
    await raw.message((text) => text.startsWith('42["heartbeat_ack"'));
  });

  it('loses nothing when a held poll is cut: the next poll gets the event', async () => {
    const polling = await Polling.open(server());
    const raw = await RawConnection.open(server());
    raw.write(`GET ${polling.url()} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await request(server(), { path: '/worker' });
    raw.destroy();
    // Cutting a poll is either noticed (then a new poll is fine) or ends the session; it never swallows an event.
    await polling.post('42["heartbeat"]');
    const answer = await polling.poll();
    assert.ok(answer.status === 400 || /heartbeat_ack/.test(answer.body), `${answer.status} ${answer.body}`);
  });
});

suite('the upgrade', { locations }, (server) => {
  async function probed(polling) {
    const raw = await RawConnection.open(server());
    raw.write(upgradeRequest(server(), { path: polling.url('websocket') }));
    assert.equal((await raw.response()).status, 101);
    raw.write(frame(kText, '2probe'));
    assert.equal(await raw.message(), '3probe');
    return raw;
  }

  it('by probe: 2probe, 3probe, the held poll released by 6, then 5', async () => {
    const polling = await Polling.open(server());
    await polling.post(joinPacket());
    await polling.event('session_joined');
    const poll = polling.poll();
    const raw = await probed(polling);
    const released = await deadline(poll, kPatience, 'the held poll to be released');
    assert.equal(released.status, 200);
    assert.equal(released.body, '6');
    raw.write(frame(kText, '5'));
    raw.write(frame(kText, '42["request_session_state"]'));
    await raw.message((text) => text.startsWith('42["session_state"'));
  });

  it('releases a poll that arrives while it goes on', async () => {
    const polling = await Polling.open(server());
    const raw = await probed(polling);
    const answer = await deadline(polling.poll(), kPatience, 'the poll to be released');
    assert.equal(answer.body, '6');
    raw.write(frame(kText, '5'));
    raw.write(frame(kText, '42["heartbeat"]'));
    await raw.message((text) => text.startsWith('42["heartbeat_ack"'));
  });

  it('leaves polling in force until 5: events before it come by poll', async () => {
    const polling = await Polling.open(server());
    const poll = polling.poll();
    const raw = await probed(polling);
    await poll;
    await polling.post('42["heartbeat"]');
    raw.write(frame(kText, '5'));
    // The answer waits for a transport: it comes over websocket, or over a poll that was asked before the 5 arrived.
    await raw.message((text) => text.startsWith('42["heartbeat_ack"'));
  });

  it('is abandoned without harm when the probing connection ends', async () => {
    const polling = await Polling.open(server());
    const raw = await probed(polling);
    raw.destroy();
    await polling.post('42["heartbeat"]');
    const [name] = await polling.event('heartbeat_ack');
    assert.equal(name, 'heartbeat_ack');
    // Until the server has noticed the end of the first, a second one is opened and closed.
    const again = await until('the end to be noticed', () => probed(polling).catch(() => null));
    again.write(frame(kText, '5'));
    again.write(frame(kText, '42["heartbeat"]'));
    await again.message((text) => text.startsWith('42["heartbeat_ack"'));
  });

  it('ends polling: a later poll is code 3', async () => {
    const polling = await Polling.open(server());
    const raw = await probed(polling);
    raw.write(frame(kText, '5'));
    raw.write(frame(kText, '42["heartbeat"]'));
    await raw.message((text) => text.startsWith('42["heartbeat_ack"'));
    assertCode(await polling.poll(), 400, 3, 'Bad request');
  });

  it('with anything else than a probe first is refused, and polling goes on or the session ends', async () => {
    const polling = await Polling.open(server());
    const raw = await RawConnection.open(server());
    raw.write(upgradeRequest(server(), { path: polling.url('websocket') }));
    assert.equal((await raw.response()).status, 101);
    raw.write(frame(kText, '42["heartbeat"]'));
    await raw.closing();
  });

  it('of a sid that already speaks websocket is refused', async () => {
    const first = await rawWebSocket(server());
    const raw = await RawConnection.open(server());
    raw.write(upgradeRequest(server(), { path: `${kPath}?EIO=4&transport=websocket&sid=${first.handshake.sid}` }));
    const answer = await raw.response();
    if (answer?.status === 101) await raw.closing();
    first.write(frame(kText, '42["heartbeat"]'));
    await first.message((text) => text.startsWith('42["heartbeat_ack"'));
  });

  it('by a stock client keeps every event that was sent meanwhile', async () => {
    const sockets = await Promise.all(Array.from({ length: 10 }, () => open(server(), { transport: 'upgrade' })));
    await Promise.all(sockets.map((socket) => waitFor(socket, 'connect')));
    for (let i = 0; i < 100; i++) {
      for (const socket of sockets) socket.emit('no_such_event', i);
      if (i % 10 === 0) await request(server(), { path: '/worker' });
    }
    for (const socket of sockets) {
      for (let i = 0; i < 100; i++) await waitFor(socket, 'error');
      assert.equal(socket.io.engine.transport.name, 'websocket');
    }
  });
});

suite('the heartbeat', { locations }, (server) => {
  it('pings a websocket at the interval, and keeps it while it answers', async () => {
    const raw = await rawWebSocket(server(), { path: '/lively/?EIO=4&transport=websocket' });
    const start = Date.now();
    for (let i = 0; i < 3; i++) await raw.message((text) => text === '2');
    const took = Date.now() - start;
    assert.ok(took > 550 && took < kPatience, `three pings in ${took} ms`);
    raw.write(frame(kText, '42["heartbeat"]'));
    await raw.message((text) => text.startsWith('42["heartbeat_ack"'));
  });

  it('closes a websocket that does not answer', async () => {
    const raw = await rawWebSocket(server(), { path: '/fast/?EIO=4&transport=websocket' });
    const start = Date.now();
    const { messages } = await raw.closing();
    assert.deepEqual(messages, ['2'], 'one unanswered ping');
    const took = Date.now() - start;
    assert.ok(took > 350 && took < kPatience, `closed after ${took} ms`);
  });

  it('pings by poll, and keeps the session while it is answered', async () => {
    const polling = await Polling.open(server(), { path: '/lively/' });
    for (let i = 0; i < 3; i++) {
      assert.equal((await polling.poll()).body, '2');
      assert.equal((await polling.post('3')).body, 'ok');
    }
    await polling.post('42["heartbeat"]');
    await polling.event('heartbeat_ack');
  });

  it('ends a polling session that does not answer: user marked, sid unknown', async () => {
    const watcher = await connect(server());
    const sessionId = unique('s');
    watcher.emit('join_session', { sessionId, userId: 'watcher', username: 'W' });
    await waitFor(watcher, 'session_joined');
    const polling = await Polling.open(server(), { path: '/fast/' });
    await polling.post(joinPacket(sessionId, 'silent'));
    await polling.event('session_joined');
    await until('the user to be marked', async () => {
      watcher.emit('request_session_state');
      const seen = await waitFor(watcher, 'session_state');
      return seen.users.find((user) => user.id === 'silent')?.isConnected === false;
    });
    assertCode(await polling.poll(), 400, 1, 'Session ID unknown');
  });

  it('ends a handshake that is never used', async () => {
    const polling = await Polling.open(server(), { path: '/fast/', connectNamespace: false });
    const first = await polling.poll();
    assert.equal(first.body, '2');
    await until('the sid to be forgotten', async () =>
      (await request(server(), { method: 'POST', path: polling.url(), body: '40' })).status === 400 || polling.poll().then(
        (answer) => answer.status === 400));
  });

  it('keeps stock clients on both transports', async () => {
    const clients = await Promise.all(['polling', 'websocket', 'upgrade'].map((transport) =>
      connect(server(), { transport, path: '/lively/' })));
    await Promise.all(clients.map((client) => deadline(new Promise((resolve, reject) => {
      let pings = 0;
      client.io.engine.on('packet', (packet) => { if (packet.type === 'ping' && ++pings === 3) resolve(); });
      client.on('disconnect', (reason) => reject(new Error(`${client.label} was lost: ${reason}`)));
    }), kPatience, `three pings on ${client.label}`)));
    for (const client of clients) {
      client.emit('heartbeat');
      await waitFor(client, 'heartbeat_ack');
    }
  });
});

suite('namespaces', {}, (server) => {
  it('other than / are refused with "Invalid namespace", and / goes on', async () => {
    const raw = await rawWebSocket(server());
    for (const namespace of ['/admin', '/a/b', '/ü']) {
      raw.write(frame(kText, `40${namespace},{"token":"x"}`));
      const text = await raw.message((one) => one.startsWith('44'));
      assert.equal(text, `44${namespace},{"message":"Invalid namespace"}`);
    }
    raw.write(frame(kText, '42["heartbeat"]'));
    await raw.message((one) => one.startsWith('42["heartbeat_ack"'));
  });

  it('a stock client of another namespace gets connect_error', async () => {
    for (const transport of ['polling', 'websocket']) {
      const socket = open(server(), { namespace: '/admin', transport });
      assert.equal((await waitFor(socket, 'connect_error')).message, 'Invalid namespace');
    }
  });

  it('CONNECT takes an auth object', async () => {
    const raw = await rawWebSocket(server(), { bare: true });
    raw.write(frame(kText, '40{"token":"abc"}'));
    assert.match(await raw.message(), /^40\{"sid":"[^"]+"/);
  });

  it('an event before CONNECT closes the connection', async () => {
    const raw = await rawWebSocket(server(), { bare: true });
    raw.write(frame(kText, '42["heartbeat"]'));
    await raw.closing();
  });

  it('a binary frame that nobody announced closes the connection', async () => {
    const raw = await rawWebSocket(server());
    raw.write(frame(kBinary, 'abc'));
    await raw.closing();
  });
});
