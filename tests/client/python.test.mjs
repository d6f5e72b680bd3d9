// Clients that are not JavaScript: Debian's python-socketio, both of its clients, by every transport.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { it } from 'node:test';
import { kPatience, repoRoot, suite, unique } from './harness/index.mjs';
import { Proxy } from './harness/proxy.mjs';

const scripts = path.join(repoRoot, 'tests/client/python');
// Debian's own Python is the one that its packages are for; another one may stand before it in PATH.
const python = process.env.MEDIASYNC_PYTHON || '/usr/bin/python3';

/** Why python-socketio cannot be tested here, or null. With MEDIASYNC_PYTHON it must be there. */
function missing() {
  try {
    execFileSync(python, ['-c', 'import socketio, requests, websocket, aiohttp'], { stdio: 'pipe' });
    return null;
  } catch (error) {
    const why = `${python} has no python-socketio with its transports; on Debian: apt-get install python3-socketio ` +
      `python3-requests python3-websocket python3-aiohttp (${error.stderr ?? error.message})`;
    if (process.env.MEDIASYNC_PYTHON) throw new Error(why);
    return why;
  }
}

const skip = missing() ?? false;

/** Runs a script to its end; CUT and BACK in its output take its network and give it back. */
async function play(server, script, transport) {
  const proxy = await Proxy.open(server);
  const child = spawn(python, [path.join(scripts, script), proxy.url, transport, unique('python')],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' } });
  const forget = server.onStop(() => child.kill('SIGKILL'));
  const timer = setTimeout(() => child.kill('SIGKILL'), 10 * kPatience);
  try {
    const said = [];
    let errors = '';
    child.stderr.on('data', (chunk) => { errors += chunk; });
    createInterface({ input: child.stdout }).on('line', (line) => {
      said.push(line);
      if (line === 'CUT') proxy.down();
      if (line === 'BACK') proxy.admit();
    });
    const [code, signal] = await new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (...how) => resolve(how));
    });
    assert.equal(code, 0, `${script} ended with ${code ?? signal} after ${said.join(' ')}:\n${errors}`);
    assert.deepEqual(said, ['CUT', 'BACK', 'DONE']);
  } finally {
    clearTimeout(timer);
    forget();
    proxy.close();
  }
}

suite('python-socketio', { zone: 'disconnect_grace=300ms' }, (server) => {
  for (const [script, client] of [['sync_client.py', 'Client'], ['async_client.py', 'AsyncClient']]) {
    for (const transport of ['polling', 'websocket', 'default']) {
      it(`${client}: the whole API over ${transport}`, { skip }, () => play(server(), script, transport));
    }
  }
});
