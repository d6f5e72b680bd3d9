// A request body that the module does not want is never taken for the next request of the connection.
import assert from 'node:assert/strict';
import { describe, it, Polling, RawConnection, suite } from './harness/index.mjs';

const locations = `
    location /small/ { mediasync rooms; mediasync_max_payload 1k; }
    location /small-api/sessions { mediasync_api rooms; mediasync_max_payload 1k; }
    location = /secret { return 200 "STOLEN"; }
    location = /real { return 200 "REAL"; }`;
const kSmuggled = 'GET /secret HTTP/1.1\r\nHost: x\r\n\r\n';
const kReal = 'GET /real HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
const kEvil = 'Origin: https://evil.example';
const kJson = 'Content-Type: application/json';
const kUpgrade = ['Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='];
const kWebSocketUrl = '/socket.io/?EIO=4&transport=websocket';
const kPollingUrl = '/socket.io/?EIO=4&transport=polling';

// title → [request line without the version, headers, status, times the smuggled request is in the body]
const cases = {
  'a POST without sid': [`POST ${kPollingUrl}`, [], 400],
  'a POST without transport': ['POST /socket.io/', [], 400],
  'a POST of an unknown transport': ['POST /socket.io/?EIO=4&transport=pigeon', [], 400],
  'a POST of an unknown protocol': ['POST /socket.io/?EIO=3&transport=polling', [], 400],
  'a POST to an unknown sid': [`POST ${kPollingUrl}&sid=AAAAAAAAAAAAAAAAAAAA`, [], 400],
  'a POST of a forbidden page': [`POST ${kPollingUrl}`, [kEvil], 403],
  'a POST that is too large': ['POST /small/?EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAAAAAA', [], 413, 60],
  'a preflight for polling': ['OPTIONS /socket.io/', [], 204],
  'a PUT to polling': [`PUT ${kPollingUrl}`, [], 400],
  'a polling handshake': [`GET ${kPollingUrl}`, [], 200],
  'a poll of an unknown sid': [`GET ${kPollingUrl}&sid=AAAAAAAAAAAAAAAAAAAA`, [], 400],
  'a WebSocket handshake of another version': [`GET ${kWebSocketUrl}`, [...kUpgrade, 'Sec-WebSocket-Version: 12'], 426],
  'a WebSocket handshake without a version': [`GET ${kWebSocketUrl}`, kUpgrade, 426],
  'a WebSocket handshake without a key': [`GET ${kWebSocketUrl}`, [...kUpgrade.slice(0, 2), 'Sec-WebSocket-Version: 13'], 400],
  'a WebSocket handshake by POST': [`POST ${kWebSocketUrl}`, [...kUpgrade, 'Sec-WebSocket-Version: 13'], 400],
  'a WebSocket request without Upgrade': [`GET ${kWebSocketUrl}`, [], 400],
  'a WebSocket handshake with an unknown sid':
    [`GET ${kWebSocketUrl}&sid=AAAAAAAAAAAAAAAAAAAA`, [...kUpgrade, 'Sec-WebSocket-Version: 13'], 400],
  'a WebSocket handshake of a forbidden page':
    [`GET ${kWebSocketUrl}`, [...kUpgrade, 'Sec-WebSocket-Version: 13', kEvil], 403],
  'REST of another type': ['POST /api/sessions', ['Content-Type: text/plain'], 415],
  'REST of a forbidden page': ['POST /api/sessions', [kJson, kEvil], 403],
  'REST that is too large': ['POST /small-api/sessions', [kJson], 413, 60],
  'REST of no JSON': ['POST /api/sessions', [kJson], 400],
  'REST to nowhere': ['POST /api/sessions/a/b', [kJson], 404],
  'REST for an unknown session': ['GET /api/sessions/nope', [kJson], 404],
  'REST by another method': ['DELETE /api/sessions', [kJson], 405],
  'REST by POST to a session': ['POST /api/sessions/nope', [kJson], 405],
  'a preflight for REST': ['OPTIONS /api/sessions', [], 204],
  'the list of sessions': ['GET /api/sessions', [], 200],
  'the status': ['GET /status', [], 200],
  'the status by POST': ['POST /status', [], 405],
};

/** The head and the body on the wire, by declared length or in chunks. */
function wire([line, headers], body, chunked) {
  const head = [`${line} HTTP/1.1`, 'Host: x', ...headers,
    chunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${body.length}`].join('\r\n');
  return { head: `${head}\r\n\r\n`, body: chunked ? `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n` : body };
}

/** Reads the connection to its end: after the first answer comes that to the next real request, or nothing. */
async function judge(raw, { status, first }) {
  const answer = first ?? await raw.response();
  assert.equal(answer?.status, status, answer?.body);
  assert.doesNotMatch(answer.body, /STOLEN/);
  const rest = (await raw.rest()).toString();
  assert.doesNotMatch(rest, /STOLEN/, 'the body was executed as a request');
  const statuses = rest.match(/^HTTP\/1\.1 \d+/gm) ?? [];
  assert.ok(statuses.length <= 1, `one more answer at most:\n${rest}`);
  if (statuses.length === 1) assert.match(rest, /^HTTP\/1\.1 200 [^]*\r\n\r\nREAL$/);
}

suite('a body that is itself a request', { workerCounts: [2], locations }, (server) => {
  for (const [title, [line, headers, status, times = 1]] of Object.entries(cases)) {
    describe(title, () => {
      const body = kSmuggled.repeat(times);
      for (const chunked of [false, true]) {
        const form = chunked ? 'in chunks' : 'of declared length';
        it(`is not executed when it comes with the head, ${form}`, async () => {
          const raw = await RawConnection.open(server());
          const bytes = wire([line, headers], body, chunked);
          raw.write(bytes.head + bytes.body + kReal);
          await judge(raw, { status });
        });

        it(`is not executed when it comes in two parts, ${form}`, async () => {
          const raw = await RawConnection.open(server());
          const bytes = wire([line, headers], body, chunked);
          const half = bytes.body.length >> 1;
          await raw.send(bytes.head + bytes.body.slice(0, half));
          raw.write(bytes.body.slice(half) + kReal);
          await judge(raw, { status });
        });
      }
    });
  }

  // The server answers these before it has the body.
  const early = Object.entries(cases).filter(([title]) => !/unknown sid|no JSON/.test(title) || /^a (poll|Web)/.test(title));
  for (const [title, [line, headers, status, times = 1]] of early) {
    it(`is not executed when it comes after the answer to ${title}`, async () => {
      const raw = await RawConnection.open(server());
      const { head, body } = wire([line, headers], kSmuggled.repeat(times), false);
      raw.write(head);
      const first = await raw.response();
      raw.write(body + kReal);
      await judge(raw, { status, first });
    });
  }

  it('is not executed after the poll that it came with', async () => {
    const polling = await Polling.open(server());
    await polling.post('42["heartbeat"]');
    const raw = await RawConnection.open(server());
    const { head, body } = wire([`GET ${polling.url()}`, []], kSmuggled, false);
    raw.write(head + body + kReal);
    await judge(raw, { status: 200 });
  });

  it('is not executed when the connection was upgraded', async () => {
    const raw = await RawConnection.open(server());
    const { head, body } = wire([`GET ${kWebSocketUrl}`, [...kUpgrade, 'Sec-WebSocket-Version: 13']], kSmuggled, false);
    raw.write(head + body + kReal);
    const answer = await raw.response();
    if (answer) assert.ok([101, 400].includes(answer.status), `${answer.status}`);
    assert.doesNotMatch((await raw.rest()).toString(), /STOLEN|REAL/);
  });
});
