// Request bodies: in chunks of any size, over the limits, and announced with Expect.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { after, before, describe, it, kSeparator, Polling, RawConnection, request, Server, suite } from './harness/index.mjs';

const locations = `
    location /small/ { mediasync rooms; mediasync_max_payload 1k; }
    location /tight/ { mediasync rooms; client_max_body_size 2k; }
    location /wide/ { mediasync rooms; mediasync_max_payload 2k; client_max_body_size 64k; }
    location /unlimited/ { mediasync rooms; mediasync_max_payload 2k; client_max_body_size 0; }
    location /tight-api/sessions { mediasync_api rooms; client_max_body_size 2k; }
    location /wide-api/sessions { mediasync_api rooms; mediasync_max_payload 2k; client_max_body_size 64k; }
    location /outer/ { client_max_body_size 2k; location /outer/sync/ { mediasync rooms; } }
    location = /real { return 200 "REAL"; }`;
const kCreate = { creatorId: 'boss', creatorName: 'Boss' };

/** `body` in chunks of `size` bytes, with the last one. */
function chunks(body, size, end = '0\r\n\r\n') {
  const parts = [];
  for (let i = 0; i < body.length; i += size) {
    const part = body.slice(i, i + size);
    parts.push(`${part.length.toString(16)}\r\n${part}\r\n`);
  }
  return parts.join('') + end;
}

const head = (path, ...headers) => `POST ${path} HTTP/1.1\r\nHost: x\r\n${headers.map((one) => `${one}\r\n`).join('')}\r\n`;
const kChunked = 'Transfer-Encoding: chunked';
const kJson = 'Content-Type: application/json';

/** Collects packets until every heartbeat of 0…count-1 has been acknowledged; returns the ids in order. */
async function acknowledged(polling, count) {
  const ids = [];
  while (ids.length < count) {
    const packets = await polling.packets((packet) => packet.startsWith('43'));
    for (const packet of packets) if (packet.startsWith('43')) ids.push(Number(/^43(\d+)\[/.exec(packet)[1]));
  }
  return ids;
}

suite('bodies in chunks', { locations }, (server) => {
  it('arrive, whatever the size of the chunks', async () => {
    for (const [path, size] of [['/socket.io/', 1], ['/socket.io/', 7], ['/socket.io/', 4096], ['/small/', 1], ['/small/', 300]]) {
      const polling = await Polling.open(server(), { path });
      const raw = await RawConnection.open(server());
      const body = `420["heartbeat",{"x":"${'y'.repeat(400)}"}]${kSeparator}421["heartbeat"]`;
      raw.write(head(polling.url(), kChunked) + chunks(body, size));
      const answer = await raw.response();
      assert.deepEqual([answer?.status, answer?.body], [200, 'ok'], `${path} in chunks of ${size}`);
      assert.deepEqual(await acknowledged(polling, 2), [0, 1]);
      raw.destroy();
    }
  });

  it('arrive byte by byte', async () => {
    const polling = await Polling.open(server());
    const raw = await RawConnection.open(server());
    for (const byte of head(polling.url(), kChunked) + chunks('420["heartbeat"]', 3)) {
      await raw.send(byte);
    }
    assert.equal((await raw.response()).body, 'ok');
    assert.deepEqual(await acknowledged(polling, 1), [0]);
  });

  it('arrive whole when 600 KB come in chunks of 1 byte', async () => {
    const polling = await Polling.open(server());
    const raw = await RawConnection.open(server());
    const packets = Array.from({ length: 600 }, (_, i) => `42${i}["heartbeat",{"x":"${'y'.repeat(970)}"}]`);
    const body = packets.join(kSeparator);
    assert.ok(body.length > 590000 && body.length < 1000000);
    raw.write(head(polling.url(), kChunked) + chunks(body, 1));
    const [answer, ids] = await Promise.all([raw.response(), acknowledged(polling, 600)]);
    assert.deepEqual([answer?.status, answer?.body], [200, 'ok']);
    assert.deepEqual(ids, packets.map((_, i) => i));
  });

  it('arrive whole when one packet of 600 KB comes in chunks of 1 byte', async () => {
    const polling = await Polling.open(server());
    const raw = await RawConnection.open(server());
    raw.write(head(polling.url(), kChunked) + chunks(`420["heartbeat",{"x":"${'y'.repeat(600000)}"}]`, 1));
    assert.deepEqual([(await raw.response())?.status, await acknowledged(polling, 1)], [200, [0]]);
  });

  it('create sessions', async () => {
    const raw = await RawConnection.open(server());
    for (const size of [1, 1000]) {
      raw.write(head('/api/sessions', kChunked, kJson) + chunks(JSON.stringify(kCreate), size));
      const made = await raw.response();
      assert.equal(made?.status, 201, made?.body);
      assert.equal((await request(server(), { path: `/api/sessions/${made.json().sessionId}` })).status, 200);
    }
  });

  it('are answered 413 as soon as they are over the limit, however long they go on', async () => {
    const targets = [['/small/', 1000], ['/tight/', 2048], ['/wide/', 2048], ['/unlimited/', 2048], ['/outer/sync/', 2048],
      ['/socket.io/', 1000000]];
    for (const [path, limit] of targets) {
      const polling = await Polling.open(server(), { path });
      const raw = await RawConnection.open(server());
      raw.write(head(polling.url(), kChunked) + chunks('y'.repeat(2 * limit), 50000, ''));  // has no end
      assert.equal((await raw.response())?.status, 413, path);
      raw.destroy();
    }
    for (const path of ['/tight-api/sessions', '/wide-api/sessions']) {
      const raw = await RawConnection.open(server());
      raw.write(head(path, kChunked, kJson) + chunks('y'.repeat(4096), 1000, ''));
      assert.equal((await raw.response())?.status, 413, path);
      raw.destroy();
    }
  });

  it('leave nothing of a body that is over the limit for the next request', async () => {
    const polling = await Polling.open(server(), { path: '/small/' });
    const raw = await RawConnection.open(server());
    raw.write(head(polling.url(), kChunked) + chunks('GET /real HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(100), 4000));
    assert.equal((await raw.response())?.status, 413);
    assert.doesNotMatch((await raw.rest()).toString(), /REAL/);
  });

  it('keep the connection alive, one after the other and pipelined', async () => {
    for (const path of ['/socket.io/', '/small/']) {
      const polling = await Polling.open(server(), { path });
      const raw = await RawConnection.open(server());
      const post = head(polling.url(), kChunked) + chunks('42["heartbeat"]', 2);
      const real = 'GET /real HTTP/1.1\r\nHost: x\r\n\r\n';
      for (let i = 0; i < 5; i++) {
        raw.write(post);
        assert.equal((await raw.response())?.body, 'ok');
        raw.write(real);
        assert.equal((await raw.response())?.body, 'REAL');
        raw.write(`GET ${polling.url()} HTTP/1.1\r\nHost: x\r\n\r\n`);
        assert.match((await raw.response())?.body, /^42\["heartbeat_ack"/);
      }
      raw.write(post + real + post + real);
      for (const body of ['ok', 'REAL', 'ok', 'REAL']) assert.equal((await raw.response())?.body, body);
    }
  });

  it('keep the connection alive for REST', async () => {
    const raw = await RawConnection.open(server());
    for (const path of ['/api/sessions', '/tight-api/sessions', '/wide-api/sessions']) {
      const post = head(path, kChunked, kJson) + chunks(JSON.stringify(kCreate), 5);
      raw.write(post + post);
      for (let i = 0; i < 2; i++) assert.equal((await raw.response())?.status, 201, path);
    }
  });

  it('are given up with the client', async () => {
    const before = server().workerPids();
    const polling = await Polling.open(server());
    for (let i = 0; i < 20; i++) {
      const raw = await RawConnection.open(server());
      await raw.send(head(polling.url(), kChunked) + chunks('y'.repeat(500), 1 + i, ''));
      raw.destroy();
    }
    assert.equal((await polling.post('420["heartbeat"]')).body, 'ok');
    assert.deepEqual(await acknowledged(polling, 1), [0]);
    assert.deepEqual(server().workerPids(), before);
  });
});

suite('the lesser of client_max_body_size and mediasync_max_payload', { workerCounts: [2], locations }, (server) => {
  for (const path of ['/tight/', '/wide/', '/unlimited/', '/outer/sync/']) {
    it(`holds for posts to ${path}`, async () => {
      const polling = await Polling.open(server(), { path });
      const fill = (size) => `420["heartbeat",{"x":"${'y'.repeat(size - 25)}"}]`;
      assert.equal(fill(2048).length, 2048);
      assert.equal((await polling.post(fill(2048))).status, 200);
      assert.deepEqual(await acknowledged(polling, 1), [0]);
      assert.equal((await polling.post(fill(2049))).status, 413);
    });
  }

  for (const path of ['/tight-api/sessions', '/wide-api/sessions']) {
    it(`holds for ${path}, which answers 413 in JSON`, async () => {
      const fill = (size) => JSON.stringify({ ...kCreate, pad: 'x'.repeat(size - JSON.stringify({ ...kCreate, pad: '' }).length) });
      const post = (body) => request(server(), { method: 'POST', path, body, headers: { 'Content-Type': 'application/json' } });
      assert.equal((await post(fill(2048))).status, 201);
      const answer = await post(fill(2049));
      assert.equal(answer.status, 413);
      assert.match(answer.headers['content-type'], /^application\/json\b/);
      assert.equal(answer.json().success, false);
      assert.equal(typeof answer.json().message, 'string');
    });
  }
});

describe('Expect: 100-continue', () => {
  suite('a body that is wanted', { workerCounts: [2], locations }, (server) => {
    for (const chunked of [false, true]) {
      it(`is asked for, ${chunked ? 'in chunks' : 'of declared length'}`, async () => {
        const polling = await Polling.open(server());
        const raw = await RawConnection.open(server());
        for (const [path, body, status] of [[polling.url(), '420["heartbeat"]', 200], ['/api/sessions', JSON.stringify(kCreate), 201]]) {
          raw.write(head(path, kJson, 'Expect: 100-continue', chunked ? kChunked : `Content-Length: ${body.length}`));
          assert.equal((await raw.response({ head: true }))?.status, 100, path);
          raw.write(chunked ? chunks(body, 5) : body);
          assert.equal((await raw.response())?.status, status, path);
        }
        assert.deepEqual(await acknowledged(polling, 1), [0]);
      });
    }
  });

  suite('a body that is not wanted', { workerCounts: [2], locations }, (server) => {
    const cases = {
      'REST of another type': ['/api/sessions', 'Content-Type: text/plain', 10, 415],
      'REST that is too large': ['/tight-api/sessions', kJson, 3000, 413],
      'a post without sid': ['/socket.io/?EIO=4&transport=polling', kJson, 10, 400],
      'a post that is too large': ['/small/?EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAAAAAA', kJson, 3000, 413],
      'a forbidden page': ['/api/sessions', 'Origin: https://evil.example', 10, 403],
    };
    for (const [title, [path, header, size, status]] of Object.entries(cases)) {
      it(`is refused at once: ${title}`, async () => {
        const raw = await RawConnection.open(server());
        raw.write(head(path, header, 'Expect: 100-continue', `Content-Length: ${size}`));
        assert.equal((await raw.response())?.status, status);
        raw.destroy();
      });
    }
  });
});

describe('an error_page that takes longer than a body may', () => {
  const kBody = 400; // ms that a body has, in all
  let slow;
  let server;
  before(async () => {
    // Answers when the time for the body is over.
    slow = net.createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => setTimeout(() => socket.end('HTTP/1.0 200 OK\r\n\r\nPAGE'), 3 * kBody));
    }).listen(0, '127.0.0.1');
    await once(slow, 'listening');
    const limits = `mediasync_ping_interval ${kBody / 2}ms; mediasync_ping_timeout ${kBody / 2}ms; client_max_body_size 1k;
      error_page 413 /page;`;
    server = await Server.start({ locations: `location /slow/ { mediasync rooms; ${limits} }
      location /slow-api/ { mediasync_api rooms; ${limits} }
      location = /page { internal; proxy_pass http://127.0.0.1:${slow.address().port}; }` });
  });
  after(async () => {
    slow?.close();
    await server?.stop();
  });

  it('is sent all the same', async () => {
    const polling = await Polling.open(server, { path: '/slow/', connectNamespace: false });
    for (const path of [polling.url(), '/slow-api/']) {
      const raw = await RawConnection.open(server);
      raw.write(head(path, kChunked) + chunks('x'.repeat(3000), 500));
      const answer = await raw.response();
      assert.deepEqual([answer?.status, answer?.body], [413, 'PAGE'], path);
      raw.destroy();
    }
  });
});
