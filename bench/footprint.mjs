// What sessions, users and connections take of shared memory and of the worker.
//   node bench/footprint.mjs [COUNT=1500]
import { randomUUID } from 'node:crypto';
import { request } from '../tests/client/harness/http.mjs';
import { connect, inBatches, join, startServer, status, workerMemory } from './server.mjs';

const count = Number(process.argv[2] ?? 1500);
const server = await startServer(1);
const free = async () => (await status(server)).zone_free_bytes;
const each = (bytes) => (bytes / count).toFixed(0).padStart(6);

let before = await free();
await inBatches(count, 20, () => request(server, {
  method: 'POST', path: '/api/sessions', headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ creatorId: randomUUID(), creatorName: 'Alice Example' }),
}));
let after = await free();
console.log(`${each(before - after)} bytes of shared memory: a session and its creator`);

before = after;
let memory = workerMemory(server);
await inBatches(count, 20, () => connect(server));
after = await free();
console.log(`${each(before - after)} bytes of shared memory: a connection`);
console.log(`${each(workerMemory(server) - memory)} bytes of the worker (proportional set size): a connection`);

before = after;
await inBatches(count, 20, () => join(server, 'footprint', randomUUID()));
after = await free();
const log = 128 * 1024;
console.log(`${each(before - after - log)} bytes of shared memory: a user in a session, with its connection`);
process.exit(0);
