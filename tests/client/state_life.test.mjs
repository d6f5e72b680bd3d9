// The life of state files, made up: whatever an operator does in whatever order, each zone has the sessions that its file
// had, and each file those of the zone that used it last. What is done is decided by a seed, which is printed.
//
//   MEDIASYNC_LIFE_SECONDS=3600 MEDIASYNC_LIFE_SEED=7 node --test tests/client/state_life.test.mjs
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { configuration, describe, environment, it, kPatience, request, rest, Server, until } from './harness/index.mjs';

const kSeconds = Number(process.env.MEDIASYNC_LIFE_SECONDS ?? 30);
const kSeed = Number(process.env.MEDIASYNC_LIFE_SEED ?? Math.floor(Math.random() * 2 ** 31));
const kZones = { rooms: '/api/sessions', other: '/other/api/sessions' };
const kFiles = ['a', 'b', 'c'];
// More than one way leads to a file.
const kSpellings = [(name) => name, (name) => `./${name}`, (name) => `tmp/../${name}`];

/** Numbers below n, from a seed (mulberry32). */
function dice(seed) {
  let state = seed >>> 0;
  return (n) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * n);
  };
}

const isAlive = (pid) => {
  try {
    return !/^State:\s*[ZX]/m.test(fs.readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
};
const childrenOf = (pid) => {
  try {
    return fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(/\s+/).filter(Boolean).map(Number);
  } catch {
    return [];
  }
};

class Life {
  constructor(port, seed) {
    this.below = dice(seed);
    this.prefix = fs.mkdtempSync(path.join(os.tmpdir(), 'mediasync-'));
    fs.mkdirSync(path.join(this.prefix, 'tmp'));
    this.port = port;
    this.made = 0;
    this.written = 0; // configurations
    this.all = Object.fromEntries(Object.keys(kZones).map((zone) => [zone, []])); // ids that have ever been
    this.told = [];
    // The model: what each file holds; and of each zone its file, null without, and its sessions.
    this.files = Object.fromEntries(kFiles.map((name) => [name, new Set()]));
    this.zones = Object.fromEntries(Object.keys(kZones).map((zone) => [zone, { file: null, sessions: new Set() }]));
    this.nginx = execFileSync('sh', ['-c', 'command -v "$1"', 'sh', process.env.NGINX_BIN ?? 'nginx']).toString().trim();
  }

  get url() { return `http://127.0.0.1:${this.port}`; }
  get origin() { return this.url; }
  note(text) { this.told.push(text); }
  errorLog() { return fs.readFileSync(path.join(this.prefix, 'error.log'), 'utf8'); }
  pidIn(name) {
    try {
      return Number(fs.readFileSync(path.join(this.prefix, name), 'utf8'));
    } catch {
      return 0;
    }
  }

  /** Other files for the zones, each of one zone, or none. */
  pick() {
    const free = [...kFiles];
    return Object.fromEntries(Object.keys(kZones).map((zone) =>
      [zone, this.below(4) === 0 ? null : free.splice(this.below(free.length), 1)[0]]));
  }

  /** Now and then the same ones again. */
  next() {
    return this.below(3) === 0 ? this.current() : this.pick();
  }

  current() {
    return Object.fromEntries(Object.entries(this.zones).map(([zone, { file }]) => [zone, file]));
  }

  write(files, { broken = false } = {}) {
    const state = (name) => (name === null ? '' : `state=${kSpellings[this.below(kSpellings.length)](name)} sync=always`);
    const text = configuration({
      zoneSize: '2m', zone: state(files.rooms),
      http: `mediasync_zone zone=other:2m ${state(files.other)};${broken ? ' server { listen 192.0.2.1:1; }' : ''}`,
      locations: `location /other/api/sessions { mediasync_api other; } location = /number { return 200 "${++this.written}"; }`,
    }, { http: this.port });
    fs.writeFileSync(path.join(this.prefix, 'nginx.conf'), text.replace('daemon off;', ''));
    this.note(`  rooms=${files.rooms} other=${files.other}`);
  }

  async ask(method, where, body) {
    let answer;
    await until(`${method} ${where} to be answered`, async () => {
      answer = await (method === 'POST' ? rest(this, method, where, body) : request(this, { path: where })).catch(() => null);
      return answer !== null && answer.status !== 503;
    }, 3 * kPatience);
    return answer;
  }

  async create(zone) {
    const answer = await this.ask('POST', kZones[zone], { creatorId: 'c', creatorName: `Number ${++this.made}` });
    assert.equal(answer.status, 201);
    const id = answer.json().sessionId;
    this.zones[zone].sessions.add(id);
    this.note(`  session ${this.all[zone].push(id) - 1} of ${zone}`);
    this.save(zone);
  }

  save(zone) {
    const { file, sessions } = this.zones[zone];
    if (file !== null) this.files[file] = new Set(sessions);
  }

  /** In the model: everything begins anew, with what the files hold. */
  load(files) {
    for (const [zone, file] of Object.entries(files)) {
      this.zones[zone] = { file, sessions: new Set(file === null ? [] : this.files[file]) };
    }
  }

  async start(files) {
    this.write(files);
    execFileSync(this.nginx, ['-p', `${this.prefix}/`, '-c', 'nginx.conf', '-e', 'error.log'],
      { timeout: 2 * kPatience, env: environment() });
    await until('nginx to say who it is', () => this.pidIn('nginx.pid') > 0);
    this.pid = this.pidIn('nginx.pid');
    await this.hasWorkers();
    this.load(files);
  }

  /** Before, a master does not act on signals. */
  async hasWorkers() {
    await until('workers', () => childrenOf(this.pid).length >= 2);
  }

  async ended(pids) {
    await until('processes to end', () => !pids.some(isAlive), 3 * kPatience);
  }

  async kill() {
    const pids = [this.pid, ...childrenOf(this.pid)];
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    await this.ended(pids);
    fs.rmSync(path.join(this.prefix, 'nginx.pid'));
  }

  async stop(signal) {
    const pids = [this.pid, ...childrenOf(this.pid)];
    process.kill(this.pid, signal);
    await this.ended(pids);
  }

  async reload(files) {
    const before = childrenOf(this.pid);
    this.write(files);
    process.kill(this.pid, 'SIGHUP');
    // Those of before may have yet to end.
    await until('workers of this configuration', async () => {
      const answer = await request(this, { path: '/number' }).catch(() => null);
      return answer?.body === String(this.written);
    });
    if (this.below(2) === 0) await this.ended(before);
    for (const [zone, file] of Object.entries(files)) this.zones[zone].file = file;
    for (const zone of Object.keys(kZones)) await this.create(zone); // on the disk: so is the rest
  }

  async failToReload(files) {
    const failures = () => this.errorLog().split('Cannot assign requested address').length;
    const before = failures();
    this.write(files, { broken: true });
    process.kill(this.pid, 'SIGHUP');
    await until('the reload to fail', () => failures() > before);
  }

  async upgrade(files) {
    const before = this.pid;
    const pids = [before, ...childrenOf(before)];
    this.write(files);
    process.kill(before, 'SIGUSR2');
    await until('the next binary', () => this.pidIn('nginx.pid.oldbin') === before &&
      ![0, before].includes(this.pidIn('nginx.pid')));
    this.pid = this.pidIn('nginx.pid');
    await this.hasWorkers();
    process.kill(before, 'SIGQUIT');
    await this.ended(pids.filter((pid) => pid !== this.pid));
    this.load(files);
  }

  async killWorker() {
    await this.hasWorkers();
    const workers = childrenOf(this.pid);
    const victim = workers[this.below(workers.length)];
    process.kill(victim, 'SIGKILL');
    await this.ended([victim]);
  }

  steps = {
    create: () => this.create(Object.keys(kZones)[this.below(2)]),
    reload: () => this.reload(this.next()),
    failToReload: () => this.failToReload(this.pick()),
    restart: async () => {
      await this.stop(['SIGQUIT', 'SIGTERM'][this.below(2)]);
      await this.start(this.next());
    },
    kill: async () => {
      await this.kill();
      await this.start(this.next());
    },
    upgrade: () => this.upgrade(this.next()),
    killWorker: () => this.killWorker(),
  };

  async step() {
    const weighted = ['create', 'create', 'create', 'reload', 'reload', 'reload', 'failToReload', 'failToReload', 'restart', 'kill',
      'upgrade', 'killWorker'];
    const name = weighted[this.below(weighted.length)];
    this.note(name);
    await this.steps[name]();
    await this.check();
  }

  async check() {
    for (const [zone, where] of Object.entries(kZones)) {
      for (const id of this.all[zone].slice(-40)) {
        const isThere = (await this.ask('GET', `${where}/${id}`)).status === 200;
        const should = this.zones[zone].sessions.has(id);
        assert.equal(isThere, should, `session ${this.all[zone].indexOf(id)} of ${zone} is ${should ? 'lost' : 'there again'}`);
      }
    }
  }
}

describe('state files', () => {
  it('hold what the zones that use them held, whatever is done in whatever order', { timeout: (kSeconds + 120) * 1000 },
    async (t) => {
      const probe = await Server.start({}); // for a port that is free
      const life = new Life(probe.port, kSeed);
      await probe.stop();
      t.diagnostic(`MEDIASYNC_LIFE_SEED=${kSeed}`);
      const end = Date.now() + kSeconds * 1000;
      let steps = 0;
      await life.start(life.pick());
      try {
        for (; Date.now() < end; steps++) await life.step();
        await life.stop('SIGQUIT');
        const log = life.errorLog().split('\n').filter((line) => !/192\.0\.2\.1|exited on signal 9/.test(line));
        assert.deepEqual(log.filter((line) => /\[(alert|emerg|crit|error)\]|AddressSanitizer|runtime error:/.test(line)), []);
        t.diagnostic(`${steps} steps, ${life.made} sessions`);
      } catch (error) {
        error.message += `\nMEDIASYNC_LIFE_SEED=${kSeed}, after ${steps} steps:\n${life.told.join('\n')}\n` +
          `in ${life.prefix}, the end of its log:\n${life.errorLog().split('\n').slice(-30).join('\n')}`;
        life.failed = true;
        throw error;
      } finally {
        if (isAlive(life.pid)) await life.kill();
        if (!life.failed) fs.rmSync(life.prefix, { recursive: true, force: true });
      }
    });
});
