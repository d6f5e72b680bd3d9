// What one delivery costs: a leader, FOLLOWERS followers over WebSocket, RATE updates a second for SECONDS.
//   node bench/fanout.mjs [FOLLOWERS=1000] [RATE=40] [SECONDS=10] [WORKERS=1]
import { setTimeout as sleep } from 'node:timers/promises';
import { inBatches, join, startServer, status, workerCpu } from './server.mjs';

const [followers = 1000, rate = 40, seconds = 10, workers = 1] = process.argv.slice(2).map(Number);
const server = await startServer(workers);
let received = 0;
const count = (text) => { if (text.startsWith('42["playback_sync"')) received++; };

const leader = await join(server, 'fan', 'leader', count);
const joining = workerCpu(server);
const began = performance.now();
await inBatches(followers, 50, (i) => join(server, 'fan', `follower-${i}`, count));
console.log(`${followers} joins into one session: ${((performance.now() - began) / 1000).toFixed(2)} s, ` +
  `${((workerCpu(server) - joining) * 1000 / followers).toFixed(0)} us of worker CPU each`);
await sleep(1000); // the last announcements
const before = { cpu: workerCpu(server), status: await status(server) };
const start = performance.now();
const total = rate * seconds;
for (let sent = 0; sent < total; await sleep(5)) {
  for (const due = Math.min(total, Math.floor((performance.now() - start) / 1000 * rate)); sent < due; sent++) {
    leader.send(`42["sync_playback",{"position":${sent}.5,"isPlaying":true,"mediaUrl":"https://example.com/video.mp4"}]`);
  }
}
const wanted = total * (followers + 1);
while (received < wanted && performance.now() - start < (seconds + 30) * 1000) await sleep(20);
const cpu = workerCpu(server) - before.cpu;
const after = await status(server);
const grown = (name) => after[name] - before.status[name];
console.log(`${received} of ${wanted} deliveries in ${((performance.now() - start) / 1000).toFixed(2)} s`);
console.log(`worker CPU: ${cpu} ms, ${(cpu * 1000 / received).toFixed(2)} us a delivery`);
console.log(`${grown('encodings_total')} encodings, ${grown('sends_total')} system calls for ${grown('deliveries_total')} deliveries`);
process.exit(received === wanted ? 0 : 1);
