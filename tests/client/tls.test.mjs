// The same over TLS.
import assert from 'node:assert/strict';
import { ask, connect, fence, frame, it, join, kPing, kPong, kText, rawWebSocket, received, request, rest, room,
  state, suite, transports, unique, until, waitFor } from './harness/index.mjs';

suite('TLS', { tls: true }, (server) => {
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
