// Engine.IO revision 3 by hand: which revisions are taken where, payloads in UTF-16 units and in binary, heartbeat.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkConfiguration, closePayload, configuration, connect, deadline, enter, fence, frame, kBinary, kClose, kPatience, kText,
  pinnedSocket, RawConnection, rawWebSocket, request, requestOn, suite, unique, until, upgradeRequest, waitFor,
  workerAgent } from './harness/index.mjs';
import { decode3, encode3, encodeBinary3, Polling3 } from './harness/eio3.mjs';

const kPath = '/socket.io/';
const kWebSocket3 = `${kPath}?EIO=3&transport=websocket`;
const options = {
  sync: 'mediasync_eio3 on;',
  locations: `
    location /off/ { mediasync rooms; mediasync_eio3 off; }
    location /default/ { mediasync rooms; }
    location /small/ { mediasync rooms; mediasync_eio3 on; mediasync_max_payload 1000; }
    location /fast/ { mediasync rooms; mediasync_eio3 on; mediasync_ping_interval 300ms; mediasync_ping_timeout 200ms; }`,
};
const event = (name, ...args) => `42${JSON.stringify([name, ...args])}`;
const answers = (name) => (packet) => packet.startsWith(`42["${name}"`);
const joining = (more = {}) => event('join_session', { sessionId: unique('s'), userId: 'u', username: 'U', ...more });

function assertCode(answer, code, message) {
  assert.equal(answer.status, 400, answer.body);
  assert.match(answer.headers['content-type'], /^application\/json/);
  assert.deepEqual(answer.json(), { code, message });
}

/** Whether the server has forgotten the sid, or refuses to go on with it. */
const ended = (polling) => until('the sid to be forgotten', async () => (await polling.poll()).status === 400);

/** An open raw WebSocket of revision 3, "40" collected. */
async function webSocket3(server, path = kWebSocket3) {
  const raw = await rawWebSocket(server, { bare: true, path });
  assert.equal(await raw.message(), '40');
  return raw;
}

suite('the revision in the handshake', options, (server) => {
  for (const [query, taken] of [['EIO=3&', true], ['', true], ['EIO=4&', true], ['EIO=5&', false], ['EIO=abc&', false],
    ['EIO=33&', false], ['EIO=-3&', false], ['EIO=2&', false],
    ['EIO=&', false], ['EIO&', false], ['EIO=&EIO=3&', false]]) {
    it(`"${query}" is ${taken ? 'taken' : 'code 5'}, by polling and by WebSocket`, async () => {
      const answer = await request(server(), { path: `${kPath}?${query}transport=polling` });
      const raw = await RawConnection.open(server());
      raw.write(upgradeRequest(server(), { path: `${kPath}?${query}transport=websocket` }));
      const upgrade = await raw.response();
      if (taken) {
        assert.equal(answer.status, 200, answer.body);
        assert.equal(upgrade.status, 101);
        assert.match(await raw.message(), /^0\{"sid":"/);
      } else {
        assertCode(answer, 5, 'Unsupported protocol version');
        assertCode(upgrade, 5, 'Unsupported protocol version');
      }
      raw.destroy();
    });
  }

  for (const place of ['/off/', '/default/']) {
    it(`3 is refused at ${place}, also when it is left out`, async () => {
      for (const query of ['EIO=3&', '', 'EIO=5&', 'EIO=abc&']) {
        assertCode(await request(server(), { path: `${place}?${query}transport=polling` }), 5,
          'Unsupported protocol version');
        const raw = await RawConnection.open(server());
        raw.write(upgradeRequest(server(), { path: `${place}?${query}transport=websocket` }));
        assertCode(await raw.response(), 5, 'Unsupported protocol version');
        raw.destroy();
      }
      assert.equal((await request(server(), { path: `${place}?EIO=4&transport=polling` })).status, 200);
    });
  }

  it('4 is spoken as anywhere else', async () => {
    const answer = await request(server(), { path: `${kPath}?EIO=4&transport=polling` });
    assert.equal(answer.body[0], '0');
    JSON.parse(answer.body.slice(1));
  });

  it('JSONP is no transport', async () => {
    for (const query of ['EIO=3&transport=polling&j=0', 'transport=polling&j=12', 'j=0&EIO=3&transport=polling']) {
      assertCode(await request(server(), { path: `${kPath}?${query}` }), 0, 'Transport unknown');
    }
  });
});

describe('the directive mediasync_eio3', () => {
  it('is on or off', async () => {
    const ports = { http: 1 };
    for (const sync of ['mediasync_eio3 on;', 'mediasync_eio3 off;']) {
      const { ok, output } = await checkConfiguration(configuration({ sync }, ports));
      assert.ok(ok, output);
    }
    for (const sync of ['mediasync_eio3 maybe;', 'mediasync_eio3;', 'mediasync_eio3 on off;',
      'mediasync_eio3 on; mediasync_eio3 on;']) {
      const { ok, output } = await checkConfiguration(configuration({ sync }, ports));
      assert.ok(!ok, `${sync} was taken`);
      assert.match(output, /\[emerg\].*mediasync_eio3/);
    }
  });
});

suite('a payload of revision 3', options, (server) => {
  it('frames the handshake by its length; "40" follows by itself', async () => {
    for (const query of ['EIO=3', 't=abc', 'EIO=3&b64=1']) {
      const polling = await Polling3.open(server(), { query, bare: true });
      assert.match(polling.opening.headers['content-type'], /^text\/plain; *charset=utf-8/i);
      assert.match(polling.sid, /^[A-Za-z0-9_-]{16,}$/);
      const { upgrades, pingInterval, pingTimeout } = polling.handshake;
      assert.deepEqual({ upgrades, pingInterval, pingTimeout },
        { upgrades: ['websocket'], pingInterval: 25000, pingTimeout: 20000 });
      assert.deepEqual(await polling.packets((packet) => packet === '40'), ['40'], 'nothing comes before it');
    }
  });

  it('may hold several packets, each way', async () => {
    const polling = await Polling3.open(server());
    const posted = await polling.post([joining(), '420["heartbeat"]', event('request_session_state'), '6', '2']);
    assert.deepEqual([posted.status, posted.body], [200, 'ok']);
    const all = await polling.all([answers('session_joined'), answers('heartbeat_ack'), answers('session_state'),
      (packet) => packet === '3', (packet) => packet.startsWith('430[{"success":true,')]);
    assert.equal(all.length, 5, all.join());
    const events = all.filter((packet) => packet.startsWith('42')).map((packet) => JSON.parse(packet.slice(2))[0]);
    assert.deepEqual(events, ['session_joined', 'heartbeat_ack', 'session_state']);
  });

  it('counts UTF-16 units, not bytes and not code points', async () => {
    const usernames = ['ascii', 'é', '日本語', '🎬', '🎬🎬é日a', '𝄞'.repeat(50), 'e\u0301', 'שלום', '10:40🎬2:40'];
    for (const username of usernames) {
      const polling = await Polling3.open(server());
      const packet = joining({ username });
      const body = `${packet.length}:${packet}1:2`;
      assert.equal((await polling.postBody(body)).body, 'ok');
      // decode3() holds the server to the same way of counting.
      const all = await polling.all([answers('session_joined'), (one) => one === '3']);
      const [, joined] = JSON.parse(all.find(answers('session_joined')).slice(2));
      assert.equal(joined.session.users[0].username, username);
    }
  });

  it('may escape what is outside of ASCII in its JSON', async () => {
    const polling = await Polling3.open(server());
    const packet = joining({ username: 'PLACE' }).replace('PLACE', '\\ud83c\\udfac\\u00e9');
    await polling.post(packet);
    const [, joined] = await polling.event('session_joined');
    assert.equal(joined.session.users[0].username, '🎬é');
  });

  it('that is framed wrongly ends the connection, and harms nobody else', async () => {
    const bystander = await Polling3.open(server());
    for (const body of ['', ':', '2', '40', 'x:40', '2:4', '100:42["heartbeat"]', '-2:40', '0x2:40', '2 :40', '1e1:40',
      '99999999999999999999:40', '2:401', '18446744073709551618:40', `${Buffer.byteLength('42["é🎬"]')}:42["é🎬"]`,
      `${[...'42["é🎬"]'].length}:42["é🎬"]`, '2:40\x1e2:40', encode3('42["heartbeat"]') + '7', '1:9', '1:x']) {
      const polling = await Polling3.open(server());
      const answer = await polling.postBody(body);
      assert.ok([200, 400].includes(answer.status), `${JSON.stringify(body)} → ${answer.status}`);
      await ended(polling);
    }
    await bystander.post('2');
    assert.deepEqual(await bystander.packets((one) => one === '3'), ['3']);
  });

  it('whose length ends inside of a surrogate pair ends the connection', async () => {
    const polling = await Polling3.open(server());
    const packet = event('🎬');
    const inside = packet.indexOf('🎬') + 1;
    await polling.postBody(`${inside}:${packet}`);
    await ended(polling);
  });

  it('of more than maxPayload is refused with 413', async () => {
    const polling = await Polling3.open(server(), { path: '/small/' });
    assert.equal((await polling.post(event('heartbeat', 'x'.repeat(1000)))).status, 413);
    const other = await Polling3.open(server(), { path: '/small/' });
    assert.equal((await other.post(event('heartbeat', 'x'.repeat(900)))).status, 200);
  });

  it('with b64=1 is text as well, and takes packets in base64', async () => {
    const polling = await Polling3.open(server(), { query: 'EIO=3&b64=1' });
    await polling.post(['451-["heartbeat",{"_placeholder":true,"num":0}]', 'b4AQID', joining({ username: '🎬' })]);
    const all = await polling.packets((packet) => packet.startsWith('42["session_joined"'));
    assert.ok(all.some((packet) => /^42\["error",.*BINARY_UNSUPPORTED/.test(packet)), all.join());
  });

  it('may be binary: application/octet-stream', async () => {
    for (const username of ['plain', 'é🎬日本語', 'x'.repeat(256), '🎬'.repeat(64)]) {
      const polling = await Polling3.open(server());
      const answer = await polling.postBody(encodeBinary3(joining({ username }), '42["heartbeat"]', '2'),
        { headers: { 'Content-Type': 'application/octet-stream' } });
      assert.deepEqual([answer.status, answer.body], [200, 'ok']);
      const all = await polling.all([answers('session_joined'), answers('heartbeat_ack'), (one) => one === '3']);
      const [, joined] = JSON.parse(all.find(answers('session_joined')).slice(2));
      assert.equal(joined.session.users[0].username, username);
    }
  });

  it('that is binary and framed wrongly ends the connection', async () => {
    const good = encodeBinary3('42["heartbeat"]');
    for (const body of [Buffer.from([0]), Buffer.from([0, 255]), Buffer.from([0, 2, 255, 0x34]),
      Buffer.from([0, 10, 255, 0x32]), Buffer.from([0, 1, 0x32]), good.subarray(0, 8),
      Buffer.from([0, ...Array(30).fill(9), 255, 0x32]), Buffer.from('15:42["heartbeat"]'),
      Buffer.concat([good, Buffer.from([0])]), Buffer.from([0, 3, 255, 0x34, 0xff, 0xfe])]) {
      const polling = await Polling3.open(server());
      const answer = await polling.postBody(body, { headers: { 'Content-Type': 'application/octet-stream' } });
      assert.ok([200, 400].includes(answer.status), `${body.toString('hex')} → ${answer.status}`);
      await ended(polling);
    }
  });

  it('1:1 closes, and releases the held poll', async () => {
    const polling = await Polling3.open(server());
    const poll = polling.poll();
    await polling.post('1');
    const released = await deadline(poll, kPatience, 'the held poll to be released');
    if (released.status === 200) decode3(released.body);
    await ended(polling);
  });

  it('goes through any worker', async () => {
    const polling = await Polling3.open(server(), { agent: workerAgent(server(), server().workerPids()[0]) });
    const pids = server().workerPids();
    for (let i = 0; i < 3 * pids.length; i++) {
      await polling.post('2', { agent: workerAgent(server(), pids[i % pids.length]) });
      const answer = await requestOn(server(), pids[(i + 1) % pids.length], { path: polling.url() });
      assert.deepEqual(decode3(answer.body), ['3']);
    }
  });
});

suite('a packet of revision 3', options, (server) => {
  it('"2" is answered "3", and "2probe" "3probe", on both transports', async () => {
    const polling = await Polling3.open(server());
    const raw = await webSocket3(server());
    for (const text of ['', 'probe']) {
      await polling.post(`2${text}`);
      assert.deepEqual(await polling.packets(() => true), [`3${text}`]);
      raw.write(frame(kText, `2${text}`));
      assert.equal(await raw.message((one) => !one.startsWith('0')), `3${text}`);
    }
  });

  it('"40" follows the open packet on a WebSocket', async () => {
    const raw = await rawWebSocket(server(), { bare: true, path: kWebSocket3 });
    assert.deepEqual(raw.handshake.upgrades, []);
    assert.equal(await raw.message(), '40');
    raw.write(frame(kText, '427["heartbeat"]'));
    const seen = [await raw.message(), await raw.message()].sort();
    assert.match(seen[0], /^42\["heartbeat_ack",\{"timestamp":[\d.]+\}/);
    assert.match(seen[1], /^437\[\{"success":true,"timestamp":[\d.]+\}\]$/);
  });

  it('CONNECT to another namespace is refused with a string', async () => {
    const raw = await webSocket3(server());
    for (const [packet, namespace] of [['40/admin', '/admin'], ['40/admin,', '/admin'], ['40/a/b?token=x,', '/a/b']]) {
      raw.write(frame(kText, packet));
      const text = await raw.message((one) => one.startsWith('44'));
      assert.equal(text, `44${namespace},"Invalid namespace"`);
    }
    const polling = await Polling3.open(server());
    await polling.post('40/admin,');
    assert.equal((await polling.packets((one) => one.startsWith('44'))).at(-1), '44/admin,"Invalid namespace"');
    raw.write(frame(kText, event('heartbeat')));
    await raw.message((one) => one.startsWith('42["heartbeat_ack"'));
  });

  it('with binary attachments is refused, and the connection goes on', async () => {
    const raw = await webSocket3(server());
    raw.write(frame(kText, '451-["heartbeat",{"_placeholder":true,"num":0}]'));
    raw.write(frame(kBinary, Buffer.from([4, 1, 2, 3])));
    assert.match(await raw.message(), /^42\["error",.*BINARY_UNSUPPORTED/);
    raw.write(frame(kText, event('heartbeat')));
    await raw.message((one) => one.startsWith('42["heartbeat_ack"'));
  });

  it('41 takes the user out of sight, like a loss', async () => {
    const sessionId = unique('s');
    const watcher = await enter(server(), { sessionId, userId: 'watcher', username: 'W' });
    const raw = await webSocket3(server());
    raw.write(frame(kText, joining({ sessionId, userId: 'goer' })));
    await raw.message((one) => one.startsWith('42["session_joined"'));
    raw.write(frame(kText, '41'));
    await until('the user to be marked', async () => {
      watcher.emit('request_session_state');
      const { users } = await waitFor(watcher, 'session_state');
      return users.find((user) => user.id === 'goer').isConnected === false;
    });
  });

  it('arrives in the order of sending beside members of revision 4', async () => {
    const sessionId = unique('s');
    const leader = await enter(server(), { sessionId, userId: 'leader', username: 'L' });
    const polling = await Polling3.open(server());
    await polling.post(joining({ sessionId, userId: 'follower' }));
    await polling.event('session_joined');
    const raw = await webSocket3(server());
    raw.write(frame(kText, joining({ sessionId, userId: 'other' })));
    await raw.message((one) => one.startsWith('42["session_joined"'));
    for (let position = 1; position <= 20; position++) leader.emit('sync_playback', { position, isPlaying: false });
    const last = /^42\["playback_sync",.*"position":20,/;
    const seen = await polling.packets((one) => last.test(one));
    const numbers = seen.filter(answers('playback_sync')).map((one) => JSON.parse(one.slice(2))[1].position);
    assert.deepEqual(numbers, Array.from({ length: 20 }, (_, i) => i + 1));
    await raw.message((one) => last.test(one));
    await fence(leader, [leader]);
  });
});

suite('the upgrade of revision 3', options, (server) => {
  async function probed(polling, worker) {
    const raw = worker
      ? new RawConnection((await pinnedSocket(server(), (pid) => pid === worker)).socket)
      : await RawConnection.open(server());
    server().onStop(() => raw.destroy());
    raw.write(upgradeRequest(server(), { path: polling.url('websocket') }));
    assert.equal((await raw.response()).status, 101);
    raw.write(frame(kText, '2probe'));
    assert.equal(await raw.message(), '3probe');
    return raw;
  }

  it('by probe: 2probe, 3probe, the held poll released by 6, then 5', async () => {
    for (const worker of server().workerPids()) {
      const polling = await Polling3.open(server());
      await polling.post(joining({ username: '🎬' }));
      await polling.event('session_joined');
      const poll = polling.poll();
      const raw = await probed(polling, worker);
      const released = await deadline(poll, kPatience, 'the held poll to be released');
      assert.deepEqual([released.status, released.body], [200, '1:6']);
      raw.write(frame(kText, '5'));
      raw.write(frame(kText, event('request_session_state')));
      assert.match(await raw.message((text) => text.startsWith('42["session_state"')), /🎬/);
      raw.write(frame(kText, '2'));
      await raw.message((text) => text === '3');
    }
  });

  it('is refused with a close frame to a second connection that would have it', async () => {
    const polling = await Polling3.open(server());
    const first = await probed(polling);
    const second = await RawConnection.open(server());
    second.write(upgradeRequest(server(), { path: polling.url('websocket') }));
    assert.equal((await second.response()).status, 101);
    const { code, messages } = await second.closing();
    assert.ok(code >= 1000, `closed with ${code}`);
    assert.deepEqual(messages, []);
    first.destroy();
  });

  it('is abandoned without harm when the probing connection ends', async () => {
    const polling = await Polling3.open(server());
    (await probed(polling)).destroy();
    await polling.post(event('heartbeat'));
    await polling.event('heartbeat_ack');
  });
});

suite('a WebSocket of revision 3 that ends in its first moment', options, (server) => {
  it('was told what there was to say, and gets its close frame', async () => {
    const raw = await RawConnection.open(server());
    const handshake = Buffer.from(upgradeRequest(server(), { path: kWebSocket3 }));
    raw.write(Buffer.concat([handshake, frame(kClose, closePayload(1000))]));
    assert.equal((await raw.response()).status, 101);
    const { code, messages } = await raw.closing();
    assert.equal(code, 1000);
    assert.deepEqual(messages.map((one) => one.slice(0, 2)), ['0{', '40']);
  });
});

suite('the heartbeat of revision 3', options, (server) => {
  it('is the client\'s: a silent WebSocket is closed after interval and timeout, unasked', async () => {
    const raw = await rawWebSocket(server(), { bare: true, path: '/fast/?EIO=3&transport=websocket' });
    assert.equal(raw.handshake.pingInterval, 300);
    assert.equal(raw.handshake.pingTimeout, 200);
    const start = Date.now();
    const { messages } = await raw.closing();
    assert.deepEqual(messages, ['40'], 'the server sends no pings');
    const took = Date.now() - start;
    assert.ok(took > 400 && took < 3000, `closed after ${took} ms`);
  });

  it('is the client\'s: a silent polling client is forgotten after interval and timeout, unasked', async () => {
    const polling = await Polling3.open(server(), { path: '/fast/' });
    const start = Date.now();
    const answer = await polling.poll();
    const took = Date.now() - start;
    assert.ok(took > 350 && took < 3000, `released after ${took} ms`);
    if (answer.status === 200) {
      assert.deepEqual(decode3(answer.body).filter((packet) => !['1', '6'].includes(packet)), []);
    }
    await ended(polling);
  });

  it('keeps those who send it, however long', async () => {
    const polling = await Polling3.open(server(), { path: '/fast/' });
    const raw = await webSocket3(server(), '/fast/?EIO=3&transport=websocket');
    const end = Date.now() + 1500;
    while (Date.now() < end) {
      // A pace: a ping after each half of the interval.
      await new Promise((resolve) => setTimeout(resolve, 150));
      await polling.post('2');
      assert.deepEqual(await polling.packets(() => true), ['3']);
      raw.write(frame(kText, '2'));
      assert.equal(await raw.message(), '3');
    }
    raw.write(frame(kText, event('heartbeat')));
    await raw.message((text) => text.startsWith('42["heartbeat_ack"'));
  });

  it('does not disturb clients of revision 4 at the same place, which are pinged', async () => {
    const socket = await connect(server(), { path: '/fast/' });
    await deadline(new Promise((resolve) => {
      let pings = 0;
      socket.io.engine.on('packet', (packet) => { if (packet.type === 'ping' && ++pings === 3) resolve(); });
    }), kPatience, 'three pings');
    assert.equal(socket.connected, true);
  });
});
