// The Debian packages in a clean Debian: installed, used, upgraded with people watching, removed and purged. scripts/check
// package prepares the machine and names its root, see scripts/lib/machine.sh.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it, before, after } from 'node:test';
import { ask, close, connect, transports, unique, waitFor } from '../client/harness/client.mjs';
import { request, rest } from '../client/harness/http.mjs';
import { freePort, repoRoot } from '../client/harness/nginx.mjs';
import { kPatience, until } from '../client/harness/wait.mjs';
import { brokenLinks } from './links.mjs';
import { Machine } from './machine.mjs';

const names = ['libnginx-mod-http-mediasync', 'lua-resty-mediasync', 'mediasync-web', 'mediasync-doc'];
const module = names[0];
const site = '/etc/nginx/sites-available/watch';

/** The code block of docs/install.md that begins with the line `first`, as an operator copies it. */
function fromDocs(first) {
  const text = fs.readFileSync(path.join(repoRoot, 'docs/install.md'), 'utf8');
  const block = [...text.matchAll(/^```\w*\n(.*?)^```/gms)].map(([, code]) => code).find((code) => code.startsWith(first));
  assert.ok(block, `a block of docs/install.md that begins with ${first}`);
  return block;
}

const kPort = await freePort(); // without a network of its own the machine shares that of the tests
const stops = [];
const server = { url: `http://127.0.0.1:${kPort}`, port: kPort, isRunning: true, onStop: (stop) => stops.push(stop) };
const get = (where, options = {}) => request(server, { path: where, ...options });

/** A member who comes back by itself, as pages do. */
async function member(session, user, options = {}) {
  const socket = await connect(server, { reconnection: true, reconnectionDelay: 100, reconnectionDelayMax: 500, ...options });
  const enter = () => socket.emit('join_session', { sessionId: session, userId: user, username: user });
  socket.on('connect', () => socket.recovered || enter());
  enter();
  await waitFor(socket, 'session_joined');
  return socket;
}

describe('packages', { timeout: 30 * kPatience }, () => {
  let machine;
  const file = (name, folder = '/packages') => machine.package(name, folder);
  before(() => { machine = new Machine(process.env.MEDIASYNC_CHROOT); });
  after(async () => {
    server.isRunning = false;
    await Promise.all(stops.map((stop) => stop()));
    machine?.stop();
  });

  it("make no folder otherwise than the operator's override says, and all of them", () => {
    machine.run('dpkg-statoverride', '--add', 'games', 'games', '0750', '/var/lib/mediasync');
    machine.aptInstall('nginx', file(module));
    const state = machine.stat('/var/lib/mediasync');
    assert.deepEqual([state.uid, state.gid, state.mode & 0o7777], [5, 60, 0o750]);
    assert.ok(machine.stat('/var/lib/mediasync/films').isDirectory());
    machine.run('dpkg-statoverride', '--remove', '/var/lib/mediasync');
    machine.run('apt-get', '-y', 'purge', module);
    assert.deepEqual(machine.filesNamed('mediasync'), []);
  });

  it('are installed with what they depend on, and NGINX accepts the module', () => {
    machine.aptInstall('nginx', ...names.map((name) => file(name)));
    assert.equal(machine.run('nginx', '-t').replaceAll(/^nginx: |\n/gm, ''),
      'the configuration file /etc/nginx/nginx.conf syntax is okconfiguration file /etc/nginx/nginx.conf test is successful');
    const link = machine.path('/etc/nginx/modules-enabled/50-mod-http-mediasync.conf');
    assert.equal(fs.readlinkSync(link), '/usr/share/nginx/modules-available/mod-http-mediasync.conf');
    const state = machine.stat('/var/lib/mediasync');
    assert.deepEqual([state.uid, state.gid, state.mode & 0o7777], [0, 0, 0o711]);
  });

  it('have manual pages and documents', () => {
    for (const page of ['man5/ngx_http_mediasync_module.5.gz', 'man7/mediasync.7.gz']) assert.ok(machine.stat(`/usr/share/man/${page}`).size > 0);
    const html = machine.read('/usr/share/doc/mediasync-doc/html/docs/directives.html');
    assert.match(html, /id="mediasync_zone"/);
    assert.deepEqual(brokenLinks(machine.path('/usr/share/doc/mediasync-doc/html')), []);
    assert.match(machine.read('/usr/share/doc/mediasync-doc/html/docs/recipes/films.html'), /mediasync_zone/);
    assert.match(machine.read(`/usr/share/doc/${module}/copyright`), /BSD-2-Clause/);
    const [, examples] = /`(\/usr\/share\/doc\/[^`]+\/examples)`/.exec(fs.readFileSync(path.join(repoRoot, 'docs/monitoring.md'), 'utf8'));
    for (const name of ['alerts.yml', 'grafana.json']) {
      assert.equal(machine.read(`${examples}/${name}`), fs.readFileSync(path.join(repoRoot, 'monitoring', name), 'utf8'));
    }
  });

  it('are signed with their sources by a file that there is', () => {
    const { stdout } = spawnSync(path.join(repoRoot, 'scripts/release'), { encoding: 'utf8' });
    const [, changes] = /debsign (\S+)/.exec(stdout);
    assert.match(fs.readFileSync(path.join(repoRoot, changes), 'utf8'), /\.dsc$/m);
  });

  it('serve after the lines of docs/install.md and a reload', async () => {
    machine.write(site, fromDocs('include /usr/share/mediasync/nginx/http.conf;').replace(/listen 80;/, `listen ${kPort};`));
    if (machine.master() === null) machine.start();
    fs.symlinkSync(site, machine.path('/etc/nginx/sites-enabled/watch'));
    await machine.reload();
    await until('the page', async () => (await get('/').catch(() => null))?.status === 200);
  });

  it('serve a stock client by each transport, and REST', async () => {
    const created = await rest(server, 'POST', '/api/sessions', { creatorId: 'ada', creatorName: 'Ada' });
    assert.equal(created.status, 201);
    const session = created.json().sessionId;
    const ada = await member(session, 'ada');
    for (const transport of Object.keys(transports)) {
      const guest = await member(session, unique('guest'), { transport });
      ada.emit('sync_playback', { position: 12, isPlaying: false, mediaUrl: '/films/a.mp4' });
      const { position } = await waitFor(guest, 'playback_sync', (state) => state.position === 12);
      assert.equal(position, 12);
      await close(guest);
    }
    const found = await rest(server, 'GET', `/api/sessions/${session}`);
    assert.equal(found.json().session.playbackState.mediaUrl, '/films/a.mp4');
    await close(ada);
  });

  it('serve the page with all that it loads', async () => {
    const seen = new Map();
    const load = async (where) => {
      if (seen.has(where)) return;
      seen.set(where, null);
      const answer = await get(where);
      assert.equal(answer.status, 200, where);
      seen.set(where, answer);
      const here = new URL(where, server.url);
      const links = where.endsWith('.js') && !where.includes('/vendor/')
        ? [...answer.body.matchAll(/(?:from|import) "([./][^"]+)"|\.src = "([^"]+)"/g)]
        : where === '/' ? [...answer.body.matchAll(/(?:href|src)="(\/[^"]+)"/g)] : [];
      for (const [, one, other] of links) await load(new URL(one ?? other, here).pathname);
    };
    await load('/');
    for (const where of ['/vendor/socket.io.esm.min.js', '/vendor/hls.min.js', '/mediasync/controller.js', '/watch.css']) assert.ok(seen.has(where), where);
    assert.ok(seen.size > 20, `${seen.size} files`);
    assert.match(seen.get('/watch.js').headers['content-type'], /javascript/);
    for (const where of ['/mediasync.min.js', '/mediasync.global.js', '/vendor/socket.io.min.js', '/mediasync.d.ts']) await load(where);
    assert.equal((await get('/package.json')).status, 404);
  });

  it('serve films and their list', async () => {
    machine.write('/var/lib/mediasync/films/one.mp4', 'x'.repeat(1000));
    const list = await get('/films/');
    assert.deepEqual(JSON.parse(list.body).map(({ name }) => name), ['one.mp4']);
    const part = await get('/films/one.mp4', { headers: { Range: 'bytes=10-19' } });
    assert.equal(part.status, 206);
    assert.equal(part.headers['content-type'], 'video/mp4');
    assert.equal(part.body.length, 10);
  });

  it('show figures to this machine', async () => {
    assert.equal((await get('/mediasync/status')).status, 200);
    assert.match((await get('/mediasync/metrics')).body, /^# HELP mediasync_/m);
  });

  it('run the chat in Lua', async () => {
    const session = unique('chat');
    const [ada, ben] = [await member(session, 'ada'), await member(session, 'ben')];
    assert.equal((await ask(ada, 'chat_open')).success, true);
    assert.equal((await ask(ada, 'chat', 'Hello')).success, true);
    const said = await waitFor(ben, 'chat');
    assert.equal(said.text, 'Hello');
    await Promise.all([close(ada), close(ben)]);
  });

  async function keepsSession(act) {
    const session = unique('upgrade');
    const people = [await member(session, 'ada'), await member(session, 'ben', { transport: 'polling' })];
    people[0].emit('sync_playback', { position: 90, isPlaying: false, mediaUrl: '/films/a.mp4' });
    await waitFor(people[1], 'playback_sync', (state) => state.position === 90);
    const master = machine.master();
    const gone = people.map((socket) => new Promise((resolve) => socket.once('disconnect', resolve)));
    await act();
    await machine.upgraded(master);
    await Promise.all(gone);
    await until('all to be back', () => people.every((socket) => socket.connected));
    let found;
    await until('both in the session', async () => {
      const answer = await rest(server, 'GET', `/api/sessions/${session}`);
      if (answer.status !== 200) return false; // the new workers wait for the old ones
      found = answer.json().session;
      return found.users.filter((user) => user.isConnected).length === 2;
    });
    assert.equal(found.playbackState.position, 90);
    assert.ok(found.users.find((user) => user.id === 'ada').isLeader);
    people[0].emit('sync_playback', { position: 95, isPlaying: false, mediaUrl: '/films/a.mp4' });
    await waitFor(people[1], 'playback_sync', (state) => state.position === 95);
    await Promise.all(people.map(close));
  }

  it('keep sessions over an upgrade of NGINX', async () => {
    await keepsSession(() => machine.runBeside('apt-get', '-y', 'install', '--reinstall', 'nginx'));
  });

  it('keep sessions over an upgrade of the module, which is at work afterwards', async () => {
    machine.run('chown', '1000:1000', '/var/lib/mediasync/films');
    machine.run('chmod', '2775', '/var/lib/mediasync/films');
    await keepsSession(() => machine.runBeside('apt-get', '-y', 'install', file(module, '/packages/newer')));
    const maps = fs.readFileSync(`/proc/${machine.master()}/maps`, 'utf8').split('\n').filter((line) => line.includes('ngx_http_mediasync_module.so'));
    assert.ok(maps.length > 0);
    assert.ok(maps.every((line) => !line.includes('(deleted)')), 'the master has the module that is installed');
    const films = machine.stat('/var/lib/mediasync/films');
    assert.deepEqual([films.uid, films.gid, films.mode & 0o7777], [1000, 1000, 0o2775], 'the folder is still whose it was');
  });

  it('are removed without harm to NGINX', async () => {
    fs.rmSync(machine.path('/etc/nginx/sites-enabled/watch'));
    machine.run('apt-get', '-y', 'remove', ...names);
    assert.match(machine.run('nginx', '-t'), /test is successful/);
    assert.ok(!fs.existsSync(machine.path('/etc/nginx/modules-enabled/50-mod-http-mediasync.conf')));
    assert.ok(fs.existsSync(machine.path('/var/lib/mediasync/watch.state')), 'sessions stay until the purge');
  });

  it('leave nothing but films when they are purged', async () => {
    machine.run('apt-get', '-y', 'purge', ...names);
    assert.deepEqual(machine.filesNamed('mediasync'), ['/var/lib/mediasync', '/var/lib/mediasync/films', '/var/lib/mediasync/films/one.mp4']);
    fs.rmSync(machine.path('/var/lib/mediasync/films/one.mp4'));
    machine.aptInstall(file(module));
    machine.run('apt-get', '-y', 'purge', module);
    assert.deepEqual(machine.filesNamed('mediasync'), []);
    assert.match(machine.run('nginx', '-t'), /test is successful/);
  });
});
