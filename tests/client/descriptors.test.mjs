// Many workers, and few descriptors for the master: it sees to it that it has enough.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { describe, frame, it, kText, rawWebSocket, request, Server, until } from './harness/index.mjs';

const limitOf = (pid) => /^Max open files\s+(\d+)\s+(\d+)/m.exec(fs.readFileSync(`/proc/${pid}/limits`, 'utf8'))
  .slice(1).map(Number);
const echoes = async (raw, text) => {
  raw.write(frame(kText, `4${text}`));
  await raw.message((message) => message === `4${text}`);
};

describe('a master with a low limit of descriptors', () => {
  it('starts all workers, and those of reloads, with WebSockets open', async () => {
    const server = await Server.start({ workers: 12, within: () => ['prlimit', '--nofile=90:8192'],
      locations: 'location /echo/ { mediasync_engine_echo rooms; }' });
    try {
      const raw = await rawWebSocket(server, { path: '/echo/?EIO=4&transport=websocket', bare: true });
      for (let i = 0; i < 3; i++) {
        assert.equal(server.workerPids().length, 12);
        await echoes(raw, `${i}`);
        await server.reload();
      }
      await echoes(raw, 'after');
      assert.equal((await request(server, { path: '/status' })).json().handovers_total, 3);
      const [soft, hard] = limitOf(server.pid);
      assert.ok(soft > 90 && soft <= hard && hard === 8192, `${soft} of ${hard}`);
      assert.doesNotMatch(server.errorLog(), /\[warn\]|open files/);
    } finally {
      await server.stop();
    }
  });

  it('says so where the hard limit is in the way', async () => {
    const server = await Server.start({ workers: 1, within: () => ['prlimit', '--nofile=90:200'] });
    try {
      await until('the line', () => /\[warn\] .*the master may have 200 open files, with 1 worker processes it needs \d+/
        .test(server.errorLog()));
    } finally {
      await server.stop({ allow: /setrlimit/ });
    }
  });
});
