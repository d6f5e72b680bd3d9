// The container: its image's steps in a clean Debian, since not every machine has Docker, and its command as compose.yaml says:
// as www-data, without capabilities, with a root that cannot be written to.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { close, connect, unique, waitFor } from '../client/harness/client.mjs';
import { request, rest } from '../client/harness/http.mjs';
import { repoRoot } from '../client/harness/nginx.mjs';
import { kPatience, until } from '../client/harness/wait.mjs';
import { Machine } from './machine.mjs';

const isIsolated = process.env.MEDIASYNC_ISOLATED === '1';
const stops = [];
const server = { url: 'http://127.0.0.1:8080', port: 8080, isRunning: true, onStop: (stop) => stops.push(stop) };

/** The instructions of the image that a Dockerfile makes in the end: [name, arguments]. */
function instructionsOf(file) {
  const lines = fs.readFileSync(file, 'utf8').replaceAll(/^#.*\n/gm, '').replaceAll(/\\\n/g, ' ').split('\n').filter(Boolean);
  const steps = lines.map((line) => line.match(/^(\w+) (.*)$/s).slice(1));
  return steps.slice(steps.findLastIndex(([name]) => name === 'FROM') + 1);
}

describe('the container', { timeout: 20 * kPatience, skip: !isIsolated && 'mounts are refused here' }, () => {
  const steps = instructionsOf(path.join(repoRoot, 'container/Dockerfile'));
  let machine;
  let child;
  let log; // what it prints
  const output = () => fs.readFileSync(log, 'utf8');

  before(() => {
    machine = new Machine(process.env.MEDIASYNC_CHROOT);
    log = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'mediasync-container-')), 'log');
    fs.writeFileSync(log, '');
    fs.chmodSync(log, 0o666); // NGINX opens /dev/stdout anew, as www-data
  });
  after(async () => {
    await Promise.all(stops.map((stop) => stop()));
    child?.kill('SIGKILL');
    spawnSync('umount', ['--recursive', machine.root]);
    fs.rmSync(path.dirname(log), { recursive: true });
  });

  const mount = (...args) => {
    const { status, stderr } = spawnSync('mount', args, { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
  };

  async function start() {
    const printed = fs.openSync(log, 'a');
    const [, command] = steps.find(([name]) => name === 'CMD');
    child = spawn('chroot', [machine.root, 'setpriv', '--reuid', 'www-data', '--regid', 'www-data', '--clear-groups', '--no-new-privs',
      '--bounding-set', '-all', '--inh-caps', '-all', ...JSON.parse(command)], { stdio: ['ignore', printed, printed], env: { PATH: '/usr/sbin:/usr/bin' } });
    fs.closeSync(printed);
    await until('the container to be healthy', async () => {
      assert.equal(child.exitCode, null, output());
      return (await request(server, { path: '/healthy' }).catch(() => null))?.status === 204;
    });
  }

  async function stop() {
    const [, signal] = steps.find(([name]) => name === 'STOPSIGNAL');
    const ended = new Promise((resolve) => child.on('exit', (code) => resolve(code)));
    child.kill(signal);
    assert.equal(await ended, 0, output());
  }

  it('is built by the steps of its Dockerfile', () => {
    for (const [name, rest] of steps) {
      if (name === 'RUN') machine.run('sh', '-c', rest);
      if (name === 'COPY' && !rest.startsWith('--from=')) {
        const [from, to] = rest.split(' ');
        fs.copyFileSync(path.join(repoRoot, from), machine.path(to));
      }
    }
    assert.equal(steps.find(([name]) => name === 'USER')[1], 'www-data');
    assert.ok(!fs.existsSync(machine.path('/packages')));
  });

  it('serves as www-data with a root that cannot be written to', async () => {
    const { root } = machine;
    fs.writeFileSync(path.join(root, 'films/film.mp4'), 'film');
    mount('--rbind', root, root);
    mount('--bind', path.join(root, 'var/lib/mediasync'), path.join(root, 'var/lib/mediasync'));
    mount('-t', 'tmpfs', '-o', 'mode=1777,size=64m', 'tmpfs', path.join(root, 'tmp'));
    mount('-o', 'remount,bind,ro', root);
    await start();
    assert.equal((await request(server, { path: '/' })).status, 200);
    assert.deepEqual(JSON.parse((await request(server, { path: '/films/' })).body).map(({ name }) => name), ['film.mp4']);
    const ids = fs.readFileSync(`/proc/${child.pid}/status`, 'utf8').match(/^Uid:\s+(\d+)/m)[1];
    assert.equal(ids, '33');
  });

  it('keeps sessions over a restart', async () => {
    const sessionId = unique('restart');
    const created = await rest(server, 'POST', '/api/sessions', { creatorId: 'ada', creatorName: 'Ada' });
    assert.equal(created.status, 201);
    const socket = await connect(server, { reconnection: true, reconnectionDelay: 100, reconnectionDelayMax: 500 });
    socket.emit('join_session', { sessionId, userId: 'ada', username: 'Ada' });
    await waitFor(socket, 'session_joined');
    await stop();
    await start();
    assert.equal((await rest(server, 'GET', `/api/sessions/${sessionId}`)).status, 200);
    assert.equal((await rest(server, 'GET', `/api/sessions/${created.json().sessionId}`)).status, 200);
    await until('the client to be back', () => socket.connected);
    await close(socket);
    await stop();
    assert.doesNotMatch(output(), /\[(emerg|alert|crit|error)\]/);
  });
});
