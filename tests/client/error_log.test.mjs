// What the error log says of a WebSocket: whose line it is, long after its request is over.
import assert from 'node:assert/strict';
import { describe, it, rawWebSocket, Server, until } from './harness/index.mjs';

/** Lines about a connection that the peer has reset, as [number, client]. */
const resets = (server) => [...server.errorLog().matchAll(
  /\*(\d+) recv\(\) failed \(104: [^)]*\) while serving a WebSocket, client: ([\d.]+), server: 127\.0\.0\.1:\d+/g)]
  .map(([, number, client]) => [number, client]);

/** Opens WebSockets, has `meanwhile` happen, and breaks one after the other: the lines that this makes. */
async function linesOf(options, { headers = [{}, {}], meanwhile = () => {} } = {}) {
  const server = await Server.start({ workers: 1, ...options });
  const connections = [];
  for (const each of headers) connections.push(await rawWebSocket(server, { headers: each }));
  await meanwhile(server);
  for (const [i, raw] of connections.entries()) {
    raw.socket.resetAndDestroy();
    await until('a line of the error log', () => resets(server).length === i + 1);
  }
  const lines = resets(server);
  await server.stop();
  return lines;
}

describe('a line of the error log about a WebSocket', () => {
  it('says which connection and which client it is about', async () => {
    const lines = await linesOf({});
    assert.deepEqual(lines.map(([, client]) => client), ['127.0.0.1', '127.0.0.1']);
    assert.notEqual(lines[0][0], lines[1][0]);
  });

  it('has the client that realip found', async () => {
    const behind = 'set_real_ip_from 127.0.0.1; real_ip_header X-Real-IP;';
    const headers = [{ 'X-Real-IP': '203.0.113.9' }, { 'X-Real-IP': '198.51.100.200' }];
    const lines = await linesOf({ server: behind }, { headers });
    assert.deepEqual(lines.map(([, client]) => client), ['203.0.113.9', '198.51.100.200']);
  });

  it('says so of one that came from a worker of an earlier configuration', async () => {
    const lines = await linesOf({}, { meanwhile: (server) => server.reload() });
    assert.deepEqual(lines.map(([, client]) => client), ['127.0.0.1', '127.0.0.1']);
    assert.notEqual(lines[0][0], lines[1][0]);
  });

  it('goes where the location says', async () => {
    const lines = await linesOf({ server: 'error_log /dev/null;', sync: 'error_log error.log debug;' });
    assert.deepEqual(lines.map(([, client]) => client), ['127.0.0.1', '127.0.0.1']);
  });
});
