// The same over TLS.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import { ask, connect, fence, frame, it, join, kPing, kPong, kText, rawWebSocket, received, request, rest, room,
  state, suite, transports, unique, until, upgradeRequest, waitFor } from './harness/index.mjs';
import { Tls13Connection } from './harness/tls13.mjs';

const locations = 'location /fast/ { mediasync rooms; mediasync_ping_interval 300ms; mediasync_ping_timeout 200ms; }';

/** How many descriptors of connections the workers have. */
const connections = (server) => server.workerPids().reduce((sum, pid) => sum + fs.readdirSync(`/proc/${pid}/fd`)
  .filter((fd) => {
    try {
      return fs.readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith('socket:');
    } catch {
      return false; // closed meanwhile
    }
  }).length, 0);

suite('TLS', { tls: true, server: 'ssl_protocols TLSv1.2 TLSv1.3;', locations,
  stop: { allow: /SSL_write\(\) failed/ } }, (server) => { // of a connection that is gone in the middle of a new key
  for (const transport of Object.keys(transports)) {
    it(`carries a session over ${transport}, beside members on plain TCP`, async () => {
      const { sessionId, leader, members } = await room(server(), { followers: 2, transport,
        options: (i) => ({ tls: i < 2 }) });
      for (let i = 0; i < 200; i++) leader.emit('sync_playback', { position: i, isPlaying: true });
      for (const member of members) {
        await waitFor(member, 'playback_sync', (sync) => sync.position === 199);
        assert.equal(received(member, 'playback_sync').length, 200);
      }
      await fence(leader, members);
      const shown = await request(server(), { path: `/api/sessions/${sessionId}`, tls: true });
      assert.equal(shown.json().session.connectedCount, 3);
    });
  }

  it('carries a large message, and one in many small frames', async () => {
    const socket = await connect(server(), { tls: true });
    assert.equal((await ask(socket, 'heartbeat', 'x'.repeat(900000))).success, true);
    const raw = await rawWebSocket(server(), { tls: true });
    const text = '42["heartbeat"]';
    [...text].forEach((letter, i) => raw.write(frame(i === 0 ? kText : 0, letter, { fin: i === text.length - 1 })));
    await raw.message((one) => one.startsWith('42["heartbeat_ack"'));
    raw.write(frame(kPing, 'x'));
    assert.equal((await raw.frame()).opcode, kPong);
  });

  it('carries REST with Location', async () => {
    const made = await rest(server(), 'POST', '/api/sessions', { creatorId: 'a', creatorName: 'A' }, { tls: true });
    assert.equal(made.status, 201);
    assert.ok(made.headers.location.endsWith(`/api/sessions/${made.json().sessionId}`));
  });

  it('has its own origin: https passes, a foreign one does not', async () => {
    const path = '/socket.io/?EIO=4&transport=polling';
    assert.equal((await request(server(), { path, tls: true, headers: { Origin: server().tlsUrl } })).status, 200);
    assert.equal((await request(server(), { path, tls: true, headers: { Origin: 'https://evil.example' } })).status, 403);
  });

  // From then on OpenSSL has to read before it can write.
  for (const [how, goesAway] of [['falls silent', false], ['goes away', true]]) {
    it(`lets go of a connection whose client begins to renew its key and ${how}`, async () => {
      const before = connections(server());
      const client = await Tls13Connection.open(server());
      await client.send(upgradeRequest(server(), { path: '/fast/?EIO=4&transport=websocket' }));
      await client.send(frame(kText, '40'));
      const [heard] = await once(client.socket, 'data');
      assert.match(heard.toString('latin1'), /^HTTP\/1.1 101/);
      client.sendHandshake(Buffer.from([24, 0, 0, 1])); // a KeyUpdate, but for its last byte
      await new Promise((resolve) => { setTimeout(resolve, 700); }); // a ping, which nobody hears of, has been tried by then
      if (goesAway) client.destroy();
      await until('the connection to be closed', () => connections(server()) <= before);
      client.destroy();
    });
  }

  it('marks a user whose TLS connection is cut', async () => {
    const sessionId = unique('s');
    const watcher = await connect(server());
    await join(watcher, { sessionId, userId: 'watcher', username: 'W' });
    const raw = await rawWebSocket(server(), { tls: true });
    raw.write(frame(kText, `42${JSON.stringify(['join_session', { sessionId, userId: 'cut', username: 'C' }])}`));
    await waitFor(watcher, 'user_joined');
    raw.destroy();
    await until('the user to be marked', async () => (await state(watcher)).connectedCount === 1);
  });
});
