// Polling over HTTP/2: many Engine.IO connections on one connection of HTTP/2, streams and connections that are cut,
// WebSocket which HTTP/2 does not carry here, and compressed polls.
import assert from 'node:assert/strict';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import zlib from 'node:zlib';
import { it } from 'node:test';
import { close, connect, deadline, frame, kPatience, kSeparator, kText, open, Polling, request, room, suite, until, waitFor, fence, received } from './harness/index.mjs';
import { Http2, http2Config, Polling2 } from './harness/http2.mjs';
import { Wire } from './harness/wire.mjs';

const echo = 'mediasync_engine_echo rooms;';
const gzip = 'gzip on; gzip_types text/plain; gzip_min_length 1024;';
const locations = `
    location /engine.io/ { ${echo} }
    location /gzip/ { ${echo} ${gzip} }
    location /gzipped/ { mediasync rooms; ${gzip} }
    location /fast/ { ${echo} mediasync_ping_interval 300ms; mediasync_ping_timeout 200ms; }
    location /small/ { ${echo} mediasync_max_payload 1000; }
    location /listed/ { ${echo} mediasync_origin https://films.example.org; mediasync_cookie io; }`;
const on = (workers) => ({ workerCounts: [workers], tls: true, locations, config: http2Config({ workers, locations, http: 'http2_max_concurrent_streams 512;' }) });

const connectionsOf = async (server) => (await request(server, { path: '/status' })).json().connections;

/** Waits until the server has read what was sent on that connection before: a ping of HTTP/2 comes back. */
const flushed = async (connection) => {
  await deadline(new Promise((resolve, reject) => {
    connection.session.ping((error) => error ? reject(error) : resolve());
  }), kPatience, 'a ping of HTTP/2');
  // Node keeps an RST_STREAM back that is sent from within a callback of the session.
  await new Promise((resolve) => setImmediate(resolve));
};

for (const workers of [1, 3]) {
  suite('HTTP/2', on(workers), (server) => {
    it('handshake, POST and poll', async () => {
      const connection = await Http2.open(server());
      const polling = await Polling2.open(connection);
      assert.match(polling.opening.headers['content-type'], /^text\/plain; *charset=utf-8$/i);
      assert.match(polling.opening.headers['cache-control'] ?? '', /no-store/);
      assert.deepEqual(polling.handshake.upgrades, ['websocket']);
      const posted = await polling.post('4hello');
      assert.equal(posted.status, 200);
      assert.equal(posted.body, 'ok');
      assert.equal((await polling.poll()).body, '4hello');
      const { answer } = polling.begin();
      await flushed(connection);
      await polling.post(`4a ü😀${kSeparator}bAAEC${kSeparator}4`);
      assert.equal((await answer).body, `4a ü😀${kSeparator}bAAEC${kSeparator}4`);
      connection.close();
    });

    it('answers carry no header that HTTP/2 forbids', async () => {
      const connection = await Http2.open(server());
      const polling = await Polling2.open(connection);
      const { answer } = polling.begin();
      await flushed(connection);
      const posted = await polling.post('4x');
      for (const { headers } of [polling.opening, posted, await answer, await connection.request({ path: '/engine.io/?EIO=4&transport=x' })]) {
        for (const name of ['connection', 'transfer-encoding', 'upgrade', 'keep-alive']) assert.equal(headers[name], undefined);
      }
      connection.close();
    });

    it('a hundred connections of Engine.IO over one of HTTP/2, all polls waiting', async () => {
      const connection = await Http2.open(server());
      const all = await Promise.all(Array.from({ length: 100 }, () => Polling2.open(connection)));
      assert.equal(new Set(all.map((one) => one.sid)).size, 100);
      for (let round = 0; round < 3; round++) {
        const polls = all.map((one) => one.begin());
        await flushed(connection);
        const posts = await Promise.all(all.map((one, i) => one.post(`4${round} ${i}`)));
        assert.ok(posts.every((one) => one.body === 'ok'));
        const answers = await Promise.all(polls.map((one) => one.answer));
        assert.deepEqual(answers.map((one) => one.body), all.map((_, i) => `4${round} ${i}`));
      }
      connection.close();
    });

    it('each keeps its order when much is posted meanwhile', async () => {
      const connection = await Http2.open(server());
      const all = await Promise.all(Array.from({ length: 10 }, () => Polling2.open(connection)));
      await Promise.all(all.map(async (one, k) => {
        const expected = Array.from({ length: 30 }, (_, i) => `4${k} ${i}`);
        const got = [];
        const reading = (async () => {
          while (got.length < expected.length) {
            const answer = await one.poll();
            assert.equal(answer.status, 200, answer.body);
            got.push(...answer.body.split(kSeparator));
          }
        })();
        for (const text of expected) assert.equal((await one.post(text)).status, 200);
        await reading;
        assert.deepEqual(got, expected);
      }));
      connection.close();
    });

    it('an aborted poll closes only its own connection of Engine.IO', async () => {
      const connection = await Http2.open(server());
      for (const code of [http2.constants.NGHTTP2_CANCEL, http2.constants.NGHTTP2_NO_ERROR, http2.constants.NGHTTP2_INTERNAL_ERROR]) {
        const [cut, ...others] = await Promise.all(Array.from({ length: 5 }, () => Polling2.open(connection)));
        const polls = others.map((one) => one.begin());
        const { stream, answer } = cut.begin();
        answer.catch(() => {});
        await flushed(connection);
        stream.close(code);
        const start = Date.now();
        await until('the sid to be forgotten', async () => (await cut.post('4x')).status === 400);
        assert.ok(Date.now() - start < 1000, `${Date.now() - start} ms`);
        assert.deepEqual((await cut.poll()).json(), { code: 1, message: 'Session ID unknown' });
        for (const [i, one] of others.entries()) assert.equal((await one.post(`4still ${i}`)).body, 'ok');
        for (const [i, one] of polls.entries()) assert.equal((await one.answer).body, `4still ${i}`);
      }
      connection.close();
    });

    it('polls aborted right after they were sent, a hundred times', async () => {
      const connection = await Http2.open(server());
      const all = await Promise.all(Array.from({ length: 100 }, () => Polling2.open(connection)));
      for (const one of all) {
        const { stream, answer } = one.begin();
        answer.catch(() => {});
        stream.close(http2.constants.NGHTTP2_CANCEL);
      }
      await flushed(connection);
      const other = await Polling2.open(connection);
      await other.post('4x');
      assert.equal((await other.poll()).body, '4x');
      connection.close();
    });

    it('a POST whose stream is reset in its body leaves nothing, and the connection goes on or is gone', async () => {
      const connection = await Http2.open(server());
      const polling = await Polling2.open(connection);
      const { stream, answer } = connection.begin({ method: 'POST', path: polling.url(), open: true, headers: { 'content-type': 'text/plain', 'content-length': '100' } });
      answer.catch(() => {});
      stream.write('4half');
      await flushed(connection);
      stream.close(http2.constants.NGHTTP2_CANCEL);
      await flushed(connection);
      const posted = await polling.post('4whole');
      if (posted.status === 200) assert.equal((await polling.poll()).body, '4whole');
      else assert.equal(posted.json().code, 1);
      connection.close();
    });

    it('a second poll beside one that waits ends that connection of Engine.IO alone', async () => {
      const connection = await Http2.open(server());
      const [polling, other] = [await Polling2.open(connection), await Polling2.open(connection)];
      const first = polling.begin();
      await flushed(connection);
      assert.equal((await polling.poll()).status, 400);
      const answer = await first.answer;
      assert.equal(answer.status, 200);
      assert.equal(answer.body, '1');
      assert.equal((await polling.poll()).json().code, 1);
      await other.post('4x');
      assert.equal((await other.poll()).body, '4x');
      connection.close();
    });

    for (const how of ['socket destroyed', 'session destroyed', 'GOAWAY']) {
      it(`the whole connection of HTTP/2 is dropped (${how}): all that polled over it is closed, others go on`, async () => {
        const [connection, second] = [await Http2.open(server()), await Http2.open(server())];
        const all = await Promise.all(Array.from({ length: 20 }, () => Polling2.open(connection)));
        const other = await Polling2.open(second);
        const waiting = other.begin();
        const polls = all.map((one) => one.begin());
        for (const { answer } of polls) answer.catch(() => {});
        await flushed(connection);
        await flushed(second);
        if (how === 'socket destroyed') connection.socket.destroy();
        else if (how === 'session destroyed') connection.session.destroy();
        else connection.session.destroy(undefined, http2.constants.NGHTTP2_INTERNAL_ERROR);
        const start = Date.now();
        for (const one of all) {
          one.connection = second;
          await until('the sid to be forgotten', async () => (await one.post('4x')).status === 400);
        }
        assert.ok(Date.now() - start < 2000, `${Date.now() - start} ms`);
        await other.post('4still here');
        assert.equal((await waiting.answer).body, '4still here');
        second.close();
      });
    }

    it('a connection of Engine.IO may move from one of HTTP/2 to another, and to HTTP/1.1', async () => {
      const [first, second] = [await Http2.open(server()), await Http2.open(server())];
      const polling = await Polling2.open(first);
      await polling.post('4one');
      first.close();
      polling.connection = second;
      assert.equal((await polling.poll()).body, '4one');
      const path = polling.url();
      assert.equal((await request(server(), { method: 'POST', path, body: '4two', headers: { 'Content-Type': 'text/plain' } })).body, 'ok');
      assert.equal((await request(server(), { path, tls: true })).body, '4two');
      second.close();
    });

    it('extended CONNECT (RFC 8441) is not offered, and refused', async () => {
      const connection = await Http2.open(server());
      assert.ok(!connection.settings.enableConnectProtocol);
      let refused;
      try {
        const { status } = await connection.request({ method: 'CONNECT', path: '/engine.io/?EIO=4&transport=websocket', open: true,
          pseudo: { ':protocol': 'websocket' }, headers: { 'sec-websocket-version': '13' } });
        refused = status >= 400;
      } catch (error) {
        refused = !/timed out/.test(error.message);
      }
      assert.ok(refused, 'refused');
      const fresh = await Http2.open(server());
      const polling = await Polling2.open(fresh);
      await polling.post('4x');
      assert.equal((await polling.poll()).body, '4x');
      fresh.close();
      connection.close();
    });

    it('transport=websocket by a plain GET is 400', async () => {
      const connection = await Http2.open(server());
      const polling = await Polling2.open(connection);
      for (const path of ['/engine.io/?EIO=4&transport=websocket', polling.url('websocket')]) {
        for (const headers of [{}, { 'sec-websocket-version': '13', 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' }]) {
          const answer = await connection.request({ path, headers });
          assert.equal(answer.status, 400);
          assert.deepEqual(answer.json(), { code: 3, message: 'Bad request' });
        }
      }
      await polling.post('4x');
      assert.equal((await polling.poll()).body, '4x');
      connection.close();
    });

    it('an upgrade to WebSocket goes over HTTP/1.1 beside the polls of HTTP/2', async () => {
      const connection = await Http2.open(server());
      const polling = await Polling2.open(connection);
      const { answer } = polling.begin();
      await flushed(connection);
      const wire = await Wire.open(server(), { tls: true });
      wire.write(`GET ${polling.url('websocket')} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n');
      assert.equal((await wire.head()).status, 101);
      wire.write(frame(kText, '2probe'));
      await wire.message((one) => one.text === '3probe');
      assert.equal((await answer).body, '6');
      wire.write(frame(kText, '5'));
      await wire.echo('4upgraded');
      assert.equal((await polling.poll()).json().code, 3);
      wire.destroy();
      connection.close();
    });

    it('errors, large bodies, origins, cookies and preflights are as over HTTP/1.1', async () => {
      const connection = await Http2.open(server());
      const code = async (path, more) => {
        const answer = await connection.request({ path, ...more });
        return [answer.status, answer.json().code];
      };
      assert.deepEqual(await code('/engine.io/?EIO=4&transport=x'), [400, 0]);
      assert.deepEqual(await code('/engine.io/?EIO=4&transport=polling&sid=x'), [400, 1]);
      assert.deepEqual(await code('/engine.io/?EIO=4&transport=polling', { method: 'POST', body: '4x' }), [400, 2]);
      assert.deepEqual(await code('/engine.io/?EIO=4&transport=polling', { headers: { origin: 'https://evil.example' } }), [403, 4]);
      assert.deepEqual(await code('/engine.io/?EIO=7&transport=polling'), [400, 5]);
      const small = await Polling2.open(connection, '/small/');
      assert.equal((await small.post(`4${'x'.repeat(999)}`)).status, 200);
      assert.equal((await small.post(`4${'x'.repeat(1000)}`).catch((error) => ({ status: error.message }))).status, 413);
      const headers = { origin: 'https://films.example.org' };
      const listed = await connection.request({ path: '/listed/?EIO=4&transport=polling', headers });
      assert.equal(listed.headers['access-control-allow-origin'], headers.origin);
      assert.match([listed.headers['set-cookie']].flat()[0], /^io=/);
      const preflight = await connection.request({ method: 'OPTIONS', path: '/listed/?EIO=4&transport=polling', headers: { ...headers, 'access-control-request-method': 'POST' } });
      assert.ok([200, 204].includes(preflight.status));
      assert.equal(preflight.headers['access-control-allow-origin'], headers.origin);
      connection.close();
    });

    it('a body without content-length, in many DATA frames', async () => {
      const connection = await Http2.open(server());
      const polling = await Polling2.open(connection);
      const { stream, answer } = connection.begin({ method: 'POST', path: polling.url(), open: true, headers: { 'content-type': 'text/plain' } });
      for (const piece of ['4a', 'b', 'c', `${kSeparator}4`, 'd']) stream.write(piece);
      stream.end();
      assert.equal((await answer).body, 'ok');
      assert.equal((await polling.poll()).body, `4abc${kSeparator}4d`);
      const large = `4${'x'.repeat(50000)}`;
      const { answer: poll } = polling.begin();
      await flushed(connection);
      assert.equal((await polling.post(large)).body, 'ok');
      assert.ok((await poll).body === large);
      connection.close();
    });

    it('a client that gives no window holds nobody up', async () => {
      const connection = await Http2.open(server());
      const slow = await Polling2.open(connection);
      const { stream, answer } = slow.begin();
      stream.pause();
      await flushed(connection);
      const text = `4${'y'.repeat(30000)}`;
      assert.equal((await slow.post(text)).body, 'ok');
      const other = await Polling2.open(connection);
      await other.post('4x');
      assert.equal((await other.poll()).body, '4x');
      stream.resume();
      assert.ok((await answer).body === text);
      connection.close();
    });

    it('pings and their timeouts', async () => {
      const connection = await Http2.open(server());
      const [silent, alive] = [await Polling2.open(connection, '/fast/'), await Polling2.open(connection, '/fast/')];
      const start = Date.now();
      assert.equal((await silent.poll()).body, '2');
      for (let i = 0; i < 3; i++) {
        assert.equal((await alive.poll()).body, '2');
        assert.equal((await alive.post('3')).body, 'ok');
      }
      assert.ok(Date.now() - start < 2500);
      assert.equal((await silent.poll()).json().code, 1);
      await alive.post('4x');
      assert.match((await alive.poll()).body, /^(2\x1e)?4x/);
      connection.close();
    });

    it('dropped connections are not counted any more', async () => {
      await server().closeClients();
      const before = await connectionsOf(server());
      const connection = await Http2.open(server());
      const all = await Promise.all(Array.from({ length: 30 }, () => Polling2.open(connection)));
      for (const one of all) one.begin().answer.catch(() => {});
      await flushed(connection);
      assert.ok(await connectionsOf(server()) >= before + 30);
      connection.socket.destroy();
      await until('them to be gone', async () => await connectionsOf(server()) <= before);
    });
  });

  suite('gzip of polls', on(workers), (server) => {
    const long = `4${'a long text that repeats itself, '.repeat(60)}`;
    const short = `4${'x'.repeat(900)}`;
    const edge = `4${'x'.repeat(1022)}`;

    /** `ask` sends a poll with headers and resolves to {headers, bytes}. */
    async function assertGzip(post, ask, settle) {
      for (const [text, encoding, expected] of [[long, 'gzip', true], [long, 'gzip, deflate, br', true], [long, undefined, false], [long, 'identity', false], [long, 'gzip;q=0', false],
        [short, 'gzip', false], [edge, 'gzip', false], [`${edge}${'y'.repeat(10)}`, 'gzip', true]]) {
        for (const wait of [true, false]) {
          const headers = encoding === undefined ? {} : { 'accept-encoding': encoding };
          let answer;
          if (wait) {
            answer = ask(headers);
            await settle();
            assert.equal((await post(text)).body, 'ok');
          } else {
            assert.equal((await post(text)).body, 'ok');
            answer = ask(headers);
          }
          const { status, headers: given, bytes } = await answer;
          assert.equal(status, 200);
          assert.equal(given['content-encoding'] === 'gzip', expected, `${text.length} bytes, ${encoding}, ${wait ? 'a poll that waited' : 'a poll at once'}`);
          assert.ok((expected ? zlib.gunzipSync(bytes) : bytes).toString() === text);
          if (expected) assert.ok(bytes.length < text.length / 2, `${bytes.length} bytes`);
          else assert.equal(Number(given['content-length']), text.length);
        }
      }
    }

    it('over HTTP/2', async () => {
      const connection = await Http2.open(server());
      const polling = await Polling2.open(connection, '/gzip/');
      await assertGzip((text) => polling.post(text), (headers) => polling.poll(headers), () => flushed(connection));
      connection.close();
    });

    for (const tls of [false, true]) {
      it(`over HTTP/1.1${tls ? ' and TLS' : ''}`, async () => {
        const polling = await Polling.open(server(), { path: '/gzip/', connectNamespace: false, tls });
        const ask = (headers) => bytesOf(server(), polling.url(), headers, tls);
        await assertGzip((text) => polling.post(text, { tls }), ask, async () => {
          for (let i = 0; i < 4; i++) await request(server(), { path: '/worker' });
          await new Promise((resolve) => setTimeout(resolve, 20));
        });
      });
    }

    it('is off where it is not configured', async () => {
      const connection = await Http2.open(server());
      const polling = await Polling2.open(connection);
      await polling.post(long);
      const answer = await polling.poll({ 'accept-encoding': 'gzip' });
      assert.equal(answer.headers['content-encoding'], undefined);
      assert.ok(answer.body === long);
      connection.close();
    });

    it('a compressed poll that is aborted while it waits closes its connection', async () => {
      const connection = await Http2.open(server());
      const polling = await Polling2.open(connection, '/gzip/');
      const { stream, answer } = polling.begin({ 'accept-encoding': 'gzip' });
      answer.catch(() => {});
      await flushed(connection);
      stream.close(http2.constants.NGHTTP2_CANCEL);
      await until('the sid to be forgotten', async () => (await polling.post('4x')).status === 400);
      connection.close();
    });

    it('members of a session with gzip, by hand, and without it see the same', async () => {
      // The stock client of Node asks for no encoding, so that one polls by hand as a browser does.
      const { sessionId, leader, members } = await room(server(), { followers: 3, transport: ['polling', 'polling', 'websocket', 'polling'],
        options: (i) => ({ tls: i % 2 === 0, path: i < 2 ? '/gzipped/' : '/socket.io/' }) });
      const connection = await Http2.open(server());
      const polling = await Polling2.open(connection, '/gzipped/');
      let encoded = 0;
      const seen = [];
      const read = async (accept) => {
        for (;;) {
          const { status, headers, bytes } = await polling.poll({ 'accept-encoding': 'gzip' });
          assert.equal(status, 200);
          if (headers['content-encoding'] === 'gzip') encoded++;
          const packets = (headers['content-encoding'] === 'gzip' ? zlib.gunzipSync(bytes) : bytes).toString().split(kSeparator);
          seen.push(...packets.filter((one) => one.startsWith('42["playback_sync"')).map((one) => JSON.parse(one.slice(2))[1]));
          if (packets.some(accept)) return;
        }
      };
      await polling.post('40');
      await read((one) => one.startsWith('40'));
      await polling.post(`42${JSON.stringify(['join_session', { sessionId, userId: 'by hand', username: 'By hand' }])}`);
      await read((one) => one.startsWith('42["session_joined"'));
      await Promise.all(members.map((member) => waitFor(member, 'user_joined')));
      for (let i = 0; i < 40; i++) leader.emit('sync_playback', { position: 10 + i, isPlaying: true });
      await fence(leader, members);
      await read((one) => one.startsWith('42["playback_sync"') && one.includes('"isPlaying":false'));
      const all = received(members[2], 'playback_sync');
      assert.equal(all.length, 41);
      for (const member of members) assert.deepEqual(received(member, 'playback_sync'), all);
      assert.deepEqual(seen, all);
      assert.ok(encoded > 0, 'at least one poll came compressed');
      await Promise.all(members.map(close));
      connection.close();
    });
  });

  suite('the stock client beside HTTP/2', on(workers), (server) => {
    it('over wss with polling, websocket and upgrade, while HTTP/2 polls wait', async () => {
      const connection = await Http2.open(server());
      const pollings = await Promise.all(Array.from({ length: 10 }, () => Polling2.open(connection)));
      const polls = pollings.map((one) => one.begin());
      await flushed(connection);
      const { leader, members } = await room(server(), { followers: 3, transport: ['polling', 'websocket', 'upgrade', 'polling'], options: () => ({ tls: true }) });
      for (let i = 0; i < 50; i++) leader.emit('sync_playback', { position: i, isPlaying: true });
      for (const member of members) await waitFor(member, 'playback_sync', (sync) => sync.position === 49);
      for (const [i, one] of pollings.entries()) await one.post(`4${i}`);
      for (const [i, { answer }] of polls.entries()) assert.equal((await answer).body, `4${i}`);
      await Promise.all(members.map(close));
      connection.close();
    });

    it('of a session where one member polls by hand over HTTP/2', async () => {
      const connection = await Http2.open(server());
      const polling = await Polling2.open(connection, '/socket.io/');
      await polling.post('40');
      assert.match((await polling.poll()).body, /^40\{"sid"/);
      await polling.post(`42${JSON.stringify(['join_session', { sessionId: `h2-${workers}`, userId: 'hand', username: 'By hand' }])}`);
      assert.match((await polling.poll()).body, /^42\["session_joined"/);
      const { answer } = polling.begin();
      const socket = await connect(server(), { tls: true, transport: 'polling' });
      socket.emit('join_session', { sessionId: `h2-${workers}`, userId: 'stock', username: 'Stock' });
      await waitFor(socket, 'session_joined');
      assert.match((await answer).body, /^42\["user_joined"/);
      // Its poll is cut: the others learn that it left.
      const { stream, answer: cut } = polling.begin();
      cut.catch(() => {});
      await flushed(connection);
      stream.close(http2.constants.NGHTTP2_CANCEL);
      await until('the user to be marked', async () => {
        socket.emit('request_session_state');
        const seen = await waitFor(socket, 'session_state');
        return seen.users.find((user) => user.id === 'hand')?.isConnected === false;
      });
      await close(socket);
      connection.close();
    });

    it('refused by the origin over both', async () => {
      const socket = open(server(), { tls: true, transport: 'polling', extraHeaders: { Origin: 'https://evil.example' } });
      await waitFor(socket, 'connect_error');
      socket.disconnect();
    });
  });
}

/** A GET over HTTP/1.1 with the bytes of its body. */
async function bytesOf(server, path, headers, secure) {
  return deadline(new Promise((resolve, reject) => {
    const req = (secure ? https : http).request({ host: '127.0.0.1', port: secure ? server.tlsPort : server.port, path, headers, agent: false, rejectUnauthorized: false }, (res) => {
      const chunks = [];
      res.on('data', (chunk) => chunks.push(chunk));
      res.on('error', reject);
      res.on('end', () => resolve({ status: res.statusCode, headers: res.headers, bytes: Buffer.concat(chunks) }));
    });
    req.on('error', reject);
    req.end();
  }), kPatience, `the answer to GET ${path}`);
}
