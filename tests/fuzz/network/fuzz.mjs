// Hostile clients against a server, for as long as asked, with reloads in between: no worker dies, nothing is in the error
// log that may not be, honest clients notice nothing, and nothing is left of the hostile ones.
import { request } from '../../client/harness/http.mjs';
import { Server } from '../../client/harness/nginx.mjs';
import { until } from '../../client/harness/wait.mjs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '../../soak/random.mjs';
import { Attacker, Known } from './attacker.mjs';
import { Canary } from './canary.mjs';

const kReloadEvery = 7000;
const kSongEvery = 200;

const startServer = () => Server.start({
  workers: 3,
  tls: true,
  zoneSize: '8m',
  zone: 'disconnect_grace=1s restart_grace=3s user_timeout=2s session_timeout=5s recovery=3s log=32k',
  sync: 'mediasync_eio3 on; mediasync_deflate on; mediasync_deflate_min_length 64;',
  http: 'mediasync_ping_interval 6s; mediasync_ping_timeout 5s; client_header_timeout 5s; client_body_timeout 5s;',
});

const connections = async (server) => (await request(server, { path: '/status' })).json().connections;

async function sing(canary, isOver) {
  while (!isOver()) {
    await canary.sing();
    await sleep(kSongEvery);
  }
}

async function reload(server, isOver) {
  for (let left = kReloadEvery; !isOver(); left -= 100) {
    await sleep(100);
    if (left > 0) continue;
    await server.reload();
    left = kReloadEvery;
  }
}

/** Resolves to figures; throws what was found, with the last steps of each attacker. */
export async function fuzz({ seconds, seed, attackers = 12 }) {
  const server = await startServer();
  const known = new Known();
  const random = new Random(seed);
  const crowd = Array.from({ length: attackers }, () => new Attacker(server, new Random(random.int(0, 2 ** 31)), known));
  const end = Date.now() + seconds * 1000;
  let failed = false;
  const isOver = () => failed || Date.now() > end;
  try {
    const workers = server.workerPids().length;
    const canary = await Canary.start(server);
    const all = [...crowd.map((one) => one.run(isOver)), sing(canary, isOver), reload(server, isOver)];
    await Promise.all(all.map((one) => one.catch((error) => {
      failed = true;
      throw error;
    })));
    const fault = await canary.fault();
    if (fault !== null) throw new Error(fault);
    await until('nothing to be left of the attackers', async () => await connections(server) === canary.followers.length + 1);
    await until('all workers to be there', () => server.workerPids().length === workers);
    await server.stop();
    return { steps: crowd.reduce((sum, one) => sum + one.steps, 0), songs: canary.said.length };
  } catch (error) {
    const told = crowd.map((one, i) => `${i}: ${one.told.slice(-12).join(' ')}`).join('\n');
    error.message += `\nseed ${seed}; the last steps of each attacker:\n${told}\nthe end of the error log:\n` +
      server.errorLog().split('\n').filter((line) => !/\[info\]/.test(line)).slice(-40).join('\n');
    await server.kill();
    throw error;
  }
}
