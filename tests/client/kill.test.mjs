// Workers killed at random under load: the tables stay whole, clients come back, nothing is left behind.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, it, kPatience, request, Server, until } from './harness/index.mjs';

const { io } = createRequire(import.meta.url)('socket.io-client');
const kClients = 60;
const kSessions = 8;
const kKills = Number(process.env.MEDIASYNC_KILLS ?? 100);

const status = async (server) => (await request(server, { path: '/status' })).json();

function crowd(server) {
  return Array.from({ length: kClients }, (_, i) => {
    const socket = io(server.url, { forceNew: true, transports: i % 3 ? ['websocket'] : ['polling'],
      reconnectionDelay: 20, reconnectionDelayMax: 60 });
    socket.on('connect', () => socket.emit('join_session',
      { sessionId: `s${i % kSessions}`, userId: `u${i}`, username: `u${i}` }));
    return socket;
  });
}

function makeNoise(sockets) {
  let round = 0;
  return setInterval(() => {
    round++;
    sockets.filter((socket) => socket.connected).forEach((socket, i) => {
      socket.emit('sync_playback', { position: round, isPlaying: true });
      if ((i + round) % 20 === 0) socket.emit('leave_session');
      if ((i + round) % 20 === 7) {
        socket.emit('join_session', { sessionId: `s${round % kSessions}`, userId: `v${i}-${round}`, username: 'x' });
      }
    });
  }, 10);
}

describe('workers killed at random under load', () => {
  it('lose no memory, block nobody, and the sessions end in time', async () => {
    const server = await Server.start({ workers: 4, http: 'mediasync_ping_interval 1s; mediasync_ping_timeout 2s;',
      zone: 'disconnect_grace=500ms restart_grace=500ms user_timeout=1s session_timeout=2s recovery=2s' });
    const sockets = crowd(server);
    const noise = makeNoise(sockets);
    try {
      for (let kills = 0; kills < kKills;) {
        await sleep(40); // a pace, not a condition: the point of the kill is to be at any moment
        const pids = server.workerPids();
        if (pids.length === 0) continue;
        process.kill(pids[kills % pids.length], 'SIGKILL');
        kills++;
      }
      await until('everyone to be back', () => sockets.every((socket) => socket.connected), 3 * kPatience);
      assert.ok((await status(server)).sessions > 0);
    } finally {
      clearInterval(noise);
      for (const socket of sockets) socket.close();
    }
    try {
      await until('the zone to be empty', async () => {
        const { sessions, users, connections, zone_free_bytes: free, zone_size_bytes: size } = await status(server);
        return sessions === 0 && users === 0 && connections === 0 && free === size;
      }, 4 * kPatience);
    } finally {
      await server.stop({ allow: /exited on signal 9/ });
    }
  });
});
