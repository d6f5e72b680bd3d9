// Nothing a client sends may crash a worker, disturb another client or be half applied.
import assert from 'node:assert/strict';
import { after, ask, before, connect, describe, fence, frame, it, kBinary, kText, Polling, RawConnection,
  rawWebSocket, request, room, Server, unique, until, upgradeRequest, waitFor, workerCounts } from './harness/index.mjs';

const deep = (open, close, n = 10000) => open.repeat(n) + close.repeat(n);
const join = `"join_session",{"sessionId":"hostile","userId":"h","username":"H"`;

// Socket.IO packets (after the Engine.IO "4") that no honest client sends.
const packets = {
  'an empty packet': '',
  'an unknown type': '9',
  'a type that is no digit': 'x["heartbeat"]',
  'an event without data': '2',
  'an event that is an object': '2{}',
  'an event that is a number': '25',
  'an empty array': '2[]',
  'a name that is a number': '2[5]',
  'a name that is null': '2[null,{}]',
  'a name that is an array': '2[["heartbeat"]]',
  'JSON cut off': '2["heartbeat"',
  'JSON with something behind': '2["heartbeat"]]',
  'bare words': '2[heartbeat]',
  'NaN': '2["sync_playback",{"position":NaN,"isPlaying":true}]',
  'Infinity': '2["sync_playback",{"position":Infinity,"isPlaying":true}]',
  'a control character inside a string': '2["heart\u0001beat"]',
  'a bad escape': '2["\\x41"]',
  'a lone surrogate': `2[${join},"avatar":"\\ud800"}]`,
  'a lone low surrogate as name': `2["\\udc00",{}]`,
  'NUL by escape': '2["join_session",{"sessionId":"a\\u0000b","userId":"u","username":"n"}]',
  'arrays 10,000 deep': `2["join_session",${deep('[', ']')}]`,
  'objects 10,000 deep': `2["join_session",${deep('{"a":', '}').replace('{"a":}', '{"a":1}')}]`,
  'arrays 100,000 deep and never closed': `2["join_session",${'['.repeat(100000)}`,
  'a field 10,000 deep': `2[${join},"avatar":${deep('[', ']')}}]`,
  'a name of 500,000 bytes': `2["${'n'.repeat(500000)}"]`,
  'a sessionId of 900,000 bytes': `2["join_session",{"sessionId":"${'s'.repeat(900000)}","userId":"u","username":"n"}]`,
  'a userId of 300,000 characters of 3 bytes': `2["join_session",{"sessionId":"s","userId":"${'日'.repeat(300000)}","username":"n"}]`,
  '200,000 arguments': `2["heartbeat"${',1'.repeat(200000)}]`,
  '100,000 keys': `2["join_session",{${Array.from({ length: 60000 }, (_, i) => `"k${i}":1`).join()}}]`,
  'one key 50,000 times': `2["join_session",{${Array.from({ length: 50000 }, () => '"sessionId":"x"').join()}}]`,
  'a number of 100,000 digits': `2["sync_playback",{"position":${'9'.repeat(100000)},"isPlaying":true}]`,
  'a fraction of 100,000 digits': `2["sync_playback",{"position":0.${'1'.repeat(100000)},"isPlaying":true}]`,
  'an exponent of 10,000 digits': `2["sync_playback",{"position":1e${'9'.repeat(10000)},"isPlaying":true}]`,
  'an ack id beyond 64 bits': '2999999999999999999999999999["heartbeat"]',
  'an ack id of 10,000 digits': `2${'9'.repeat(10000)}["heartbeat"]`,
  'a negative ack id': '2-1["heartbeat"]',
  'an acknowledgement that nobody asked for': '31[{}]',
  'an acknowledgement without id': '3[]',
  'a namespace of 500,000 bytes': `0/${'n'.repeat(500000)},`,
  'a namespace without an end': '2/admin["heartbeat"]',
  'an event for a namespace not connected': '2/admin,["heartbeat"]',
  'CONNECT twice': '0',
  'CONNECT with an array': '0[1,2]',
  'CONNECT with broken JSON': '0{"token":',
  'CONNECT_ERROR from a client': '4{"message":"x"}',
  'DISCONNECT with data': '1{"x":1}',
  'a binary event without attachments': '50-["heartbeat"]',
  'a binary event of a billion attachments': '51000000000-["heartbeat",{"_placeholder":true,"num":0}]',
  'a binary event of many digits': `5${'9'.repeat(1000)}-["heartbeat"]`,
  'a binary event without a dash': '51["heartbeat",{"_placeholder":true,"num":0}]',
  'a placeholder that points nowhere': '51-["heartbeat",{"_placeholder":true,"num":7}]',
  'a placeholder of a negative number': '51-["heartbeat",{"_placeholder":true,"num":-1}]',
  'a binary acknowledgement': '61-1[{"_placeholder":true,"num":0}]',
  'text while an attachment is due': '51-["heartbeat",{"_placeholder":true,"num":0}]\x1e42["heartbeat"]',
  '__proto__ as data': '2["join_session",{"__proto__":{"sessionId":"x"},"constructor":1}]',
};

// Engine.IO messages that no honest client sends.
const messages = {
  'an empty message': '',
  'an unknown Engine.IO type': '9',
  'a letter': 'hello',
  'an open packet': '0{"sid":"x"}',
  'a ping from the client': '2',
  'a ping with a payload': '2probe',
  'a pong that nobody asked for': '3',
  'many pongs': Array.from({ length: 5000 }, () => '3').join('\x1e'),
  'an upgrade packet out of turn': '5',
  'a noop': '6',
  'a base64 packet': 'bAAEC',
  'base64 that is none': 'b!!!!',
  'only separators': '\x1e'.repeat(10000),
  'a separator at the end': '42["heartbeat"]\x1e',
  '20,000 packets': Array.from({ length: 20000 }, () => '42["heartbeat"]').join('\x1e'),
};

// The start of a request; each is also cut at every byte.
const requests = (server, sid) => ({
  handshake: 'GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n',
  post: `POST /socket.io/?EIO=4&transport=polling&sid=${sid} HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n` +
    `Content-Length: 15\r\n\r\n42["heartbeat"]`,
  upgrade: Buffer.concat([Buffer.from(upgradeRequest(server)), frame(kText, '40'), frame(kText, '42["heartbeat"]')]),
  rest: 'POST /api/sessions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 37\r\n\r\n' +
    '{"creatorId":"cut","creatorName":"C"}',
});

for (const workers of workerCounts(2, 4)) {
  describe(`after hostile input (${workers} workers)`, () => {
    let server;
    let witness;
    let pids;
    before(async () => {
      server = await Server.start({ workers, zone: 'disconnect_grace=200ms',
        locations: 'location /fast/ { mediasync rooms; mediasync_ping_interval 200ms; mediasync_ping_timeout 200ms; }' });
      pids = server.workerPids();
      witness = await room(server, { followers: 2, transport: ['websocket', 'polling'] });
    });
    after(async () => { await server?.stop(); });

    /** The witnesses heard nothing, still work, and the same workers live. */
    async function assertUnharmed(what) {
      await fence(witness.leader, witness.members);
      for (const member of witness.members) {
        assert.deepEqual(member.inbox.filter((one) => one.event !== 'playback_sync'), [], what);
        member.inbox.length = 0;
      }
      const fresh = await connect(server);
      assert.equal((await ask(fresh, 'join_session', { sessionId: unique('s'), userId: 'u', username: 'U' })).success, true);
      fresh.disconnect();
      assert.deepEqual(server.workerPids(), pids, `the same workers live after ${what}`);
    }

    /** Sends over a raw WebSocket; the connection must either go on or be closed, never hang. */
    async function overWebSocket(data, opcode = kText) {
      const raw = await rawWebSocket(server);
      raw.write(frame(opcode, data));
      raw.write(frame(kText, '42["heartbeat"]'));
      raw.write(frame(8));
      await raw.closing();
    }

    async function overPolling(body) {
      const polling = await Polling.open(server);
      const answer = await polling.post(body);
      assert.ok(answer.status === 200 || (answer.status >= 400 && answer.status < 500), `${answer.status}`);
      await polling.post('1');
    }

    for (const [name, packet] of Object.entries(packets)) {
      it(`a Socket.IO packet: ${name}`, async () => {
        await overWebSocket(`4${packet}`);
        await overPolling(`4${packet}`);
        await assertUnharmed(name);
      });
    }

    for (const [name, message] of Object.entries(messages)) {
      it(`an Engine.IO message: ${name}`, async () => {
        await overWebSocket(message);
        await overPolling(message);
        await assertUnharmed(name);
      });
    }

    it('bytes that are no text, over polling and as binary frames', async () => {
      const bytes = Buffer.from(Array.from({ length: 4096 }, (_, i) => (i * 167 + (i >> 3)) & 0xff));
      await overPolling(bytes);
      await overPolling(Buffer.concat([Buffer.from('42["'), bytes, Buffer.from('"]')]));
      await overWebSocket(bytes, kBinary);
      await assertUnharmed('bytes');
    });

    it('an invalid packet changes nothing: a session is not half made', async () => {
      const sessionId = unique('half');
      await overWebSocket(`42["join_session",{"sessionId":"${sessionId}","userId":"u","username":"n"`);
      await overPolling(`42["join_session",{"sessionId":"${sessionId}","userId":"u","username":"n"},]`);
      assert.equal((await request(server, { path: `/api/sessions/${sessionId}` })).status, 404);
    });

    it('requests cut at any byte', async () => {
      const polling = await Polling.open(server);
      for (const [name, text] of Object.entries(requests(server, polling.sid))) {
        const bytes = Buffer.from(text);
        for (let from = 0; from < bytes.length; from += 50) {
          await Promise.all(Array.from({ length: Math.min(50, bytes.length - from) }, async (_, i) => {
            const raw = await RawConnection.open(server);
            await raw.send(bytes.subarray(0, from + i));
            if ((from + i) % 2 === 0) raw.socket.resetAndDestroy();
            else raw.destroy();
          }));
        }
        await assertUnharmed(`${name} cut`);
      }
    });

    it('WebSocket frames cut at any byte', async () => {
      const bytes = Buffer.concat([frame(kText, `42[${join}}]`), frame(kText, `42["x","${'y'.repeat(200)}"]`)]);
      for (let from = 0; from < bytes.length; from += 25) {
        await Promise.all(Array.from({ length: Math.min(25, bytes.length - from) }, async (_, i) => {
          const raw = await rawWebSocket(server);
          raw.write(bytes.subarray(0, from + i));
          raw.socket.end();
          await raw.ended();
        }));
      }
      await assertUnharmed('frames cut');
    });

    it('garbage as HTTP bodies', async () => {
      const bodies = ['', '\0', '{', '[', '"', '{"creatorId":', deep('[', ']'), deep('{"a":', '}'), '9'.repeat(100000),
        `{"creatorId":"${'x'.repeat(500000)}","creatorName":"n"}`, '\ufeff{"creatorId":"a","creatorName":"b"}',
        '{"creatorId":"a","creatorId":5,"creatorName":"b"}', '{"creatorId":"\\ud800","creatorName":"b"}'];
      for (const body of bodies) {
        const { status } = await request(server, { method: 'POST', path: '/api/sessions', body,
          headers: { 'Content-Type': 'application/json' } });
        assert.ok(status === 400 || status === 413, `${body.slice(0, 40)} → ${status}`);
      }
      await assertUnharmed('garbage bodies');
    });

    it('hostile query strings', async () => {
      for (const query of ['', '?', '?&&&&', '?EIO', '?EIO=&transport=', '?EIO=4&EIO=3&transport=polling&transport=websocket',
        `?${'a=b&'.repeat(1500)}`, `?EIO=4&transport=polling&sid=${'%41'.repeat(2000)}`, '?EIO=%34&transport=%70olling&sid=%',
        '?EIO=4&transport=polling&j=1', '?EIO=99999999999999999999&transport=polling', '?EIO=-4&transport=polling']) {
        const { status } = await request(server, { path: `/socket.io/${query}` });
        assert.ok(status === 200 || (status >= 400 && status < 500), `${query.slice(0, 60)} → ${status}`);
      }
      await assertUnharmed('queries');
    });

    it('many half-open handshakes at once, while others connect', async () => {
      const half = await Promise.all(Array.from({ length: 400 }, async (_, i) => {
        const raw = await RawConnection.open(server);
        raw.write(upgradeRequest(server).slice(0, 20 + (i % 150)));
        return raw;
      }));
      const silent = await Promise.all(Array.from({ length: 200 }, () => rawWebSocket(server, { bare: true })));
      await assertUnharmed('half-open handshakes');
      for (const raw of [...half, ...silent]) raw.destroy();
      await assertUnharmed('half-open handshakes cut');
    });

    it('many polling handshakes that are never used are forgotten', async () => {
      const path = '/fast/?EIO=4&transport=polling';
      const opened = [];
      for (let round = 0; round < 8; round++) {
        opened.push(...await Promise.all(Array.from({ length: 50 }, () => request(server, { path }))));
      }
      for (const answer of opened) assert.equal(answer.status, 200);
      const { sid } = JSON.parse(opened.at(-1).body.slice(1));
      const last = await until('the sid to be forgotten', async () => {
        const answer = await request(server, { path: `${path}&sid=${sid}` });
        return answer.status === 200 ? null : answer;
      });
      assert.equal(last.json().code, 1);
      await assertUnharmed('unused handshakes');
    });

    it('a client that never reads, while it asks for much', async () => {
      const raw = await rawWebSocket(server);
      raw.write(frame(kText, `42${JSON.stringify(['join_session', { sessionId: unique('s'), userId: 'u', username: 'U' }])}`));
      await raw.message((text) => text.startsWith('42["session_joined"'));
      raw.socket.pause();
      for (let i = 0; i < 20; i++) {
        raw.write(Buffer.concat(Array.from({ length: 1000 }, () => frame(kText, '42["request_session_state"]'))));
      }
      await assertUnharmed('a client that never reads');
      raw.destroy();
      await assertUnharmed('its end');
    });

    it('a thousand connections that come and go', async () => {
      for (let round = 0; round < 10; round++) {
        await Promise.all(Array.from({ length: 100 }, async (_, i) => {
          const raw = await rawWebSocket(server, { bare: i % 2 === 0 });
          raw.destroy();
        }));
      }
      await assertUnharmed('a thousand connections');
    });

    it('a flood of refused commands by a follower', async () => {
      const [follower] = witness.followers;
      for (let i = 0; i < 2000; i++) follower.emit('sync_playback', { position: i, isPlaying: true });
      for (let i = 0; i < 2000; i++) await waitFor(follower, 'error');
      follower.inbox.length = 0;
      await assertUnharmed('the flood');
    });
  });
}
