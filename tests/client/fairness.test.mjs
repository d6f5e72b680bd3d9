// Clients that send as fast as they can do not starve the others of their worker.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { deadline, describe, frame, it, kPatience, kText, RawConnection, request, Server, upgradeRequest } from
  './harness/index.mjs';

// A module full of sanitizers is an order of magnitude slower, and so would be every turn.
const kInstrumented = process.env.MEDIASYNC_PRELOAD ? 'needs the speed of a release build' : false;

/** How long a round trip may take under load, in ms: what matters is that it ends. */
const kBound = 10000;
const kFlooders = 8;
const kConnections = 20;  // of each flooder: more makes a server slower that first works off what has come from everyone
const kRoundTrips = 10;

// Runs in a thread of its own, so that sockets are full at all times and the measuring client is not kept waiting.
// Says 'ready' when every connection stands, 'flooding' when it was told to and began, 'lost' when the server ends one.
const kFlooder = `
  const net = require('node:net');
  const { parentPort, workerData: { port, connections, hello, connect, bytes } } = require('node:worker_threads');
  const sockets = [];
  for (let i = 0; i < connections; i++) {
    const socket = net.connect(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.on('close', () => parentPort.postMessage('lost'));
    socket.once('data', () => {
      socket.resume();
      socket.write(connect);
      if (sockets.push(socket) === connections) parentPort.postMessage('ready');
    });
    socket.write(hello);
  }
  parentPort.once('message', () => {
    for (const socket of sockets) {
      const flood = () => socket.write(bytes, flood);
      flood();
      flood();
    }
    parentPort.postMessage('flooding');
  });`;

const kinds = {
  'acks with many arguments': Buffer.concat(Array.from({ length: 10 }, () => frame(kText, `431[${'1,'.repeat(30000)}1]`))),
  'small acks': Buffer.concat(Array.from({ length: 40000 }, () => frame(kText, '431[1]'))),
};

async function connection(server) {
  const raw = await RawConnection.open(server);
  raw.write(upgradeRequest(server));
  assert.equal((await raw.response())?.status, 101);
  raw.write(frame(kText, '40'));
  await raw.message((text) => text.startsWith('40'));
  return raw;
}

/** Starts the flooders, has them connect, and lets them loose. `said` gets what they say afterwards. */
async function startFlood(server, bytes, said) {
  const flooders = Array.from({ length: kFlooders }, () => new Worker(kFlooder, { eval: true, workerData: {
    port: server.port, connections: kConnections, hello: upgradeRequest(server), connect: frame(kText, '40'), bytes } }));
  server.onStop(() => Promise.all(flooders.map((flooder) => flooder.terminate())));
  const all = (word) => Promise.all(flooders.map(async (flooder) =>
    assert.deepEqual(await deadline(once(flooder, 'message'), 2 * kPatience, `the flooders to be ${word}`), [word])));
  await all('ready');
  const flooding = all('flooding');
  for (const flooder of flooders) flooder.postMessage('go');
  await flooding;
  for (const flooder of flooders) flooder.on('message', (word) => said.push(word));
}

for (const workers of [1, 2]) {
  describe(`a flood (${workers} workers)`, { skip: kInstrumented }, () => {
    for (const [title, bytes] of Object.entries(kinds)) {
      it(`of ${title} leaves others their turn`, async (t) => {
        const server = await Server.start({ workers });
        try {
          const raws = await Promise.all(Array.from({ length: 4 }, () => connection(server)));  // so that some share a worker
          const said = [];
          await startFlood(server, bytes, said);
          let slowest = 0;
          for (let i = 0; i < kRoundTrips; i++) {
            await Promise.all(raws.map(async (raw) => {
              const start = performance.now();
              raw.write(frame(kText, `42${i}["heartbeat"]`));
              await raw.message((text) => text.startsWith(`43${i}[`), kBound);
              slowest = Math.max(slowest, performance.now() - start);
            }));
          }
          t.diagnostic(`the slowest of ${kRoundTrips} round trips took ${slowest.toFixed(1)} ms`);
          assert.ok(slowest < kBound, `${slowest} ms`);
          assert.deepEqual(said, [], 'the flood went on');
          // Those who come now are let in, too.
          assert.equal((await request(server, { path: '/socket.io/?EIO=4&transport=polling' })).status, 200);
        } finally {
          await server.stop();
        }
      });
    }
  });
}
