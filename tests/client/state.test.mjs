// Sessions in a state file: they survive a restart, an upgrade of the binary and the death of everything.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ask, askAgain, checkConfiguration, clear, configuration, describe, enter, environment, it, kPatience, received,
  request, rest, Server, unique, until, userOf, waitFor } from './harness/index.mjs';

const kZone = 'state=watch.state disconnect_grace=3s';
const kRestarts = Number(process.env.MEDIASYNC_RESTARTS ?? 3);
const status = async (server) => (await request(server, { path: '/status' })).json();
const shown = async (server, id) => (await request(server, { path: `/api/sessions/${id}` })).json().session;
/** Runs what follows with mounts of its own. */
const kPrivateMounts = ['unshare', ...(process.getuid() === 0 ? [] : ['--user', '--map-root-user']), '--mount'];
const fileOf = (server) => path.join(server.prefix, 'watch.state');

/** Everything is in the file. */
async function saved(server) {
  const written = async () => (await status(server)).state_written_bytes_total;
  let before = -1;
  await until('the state to be written', async () => {
    const now = await written();
    const isDone = now > 0 && now === before;
    before = now;
    if (!isDone) await new Promise((resolve) => { setTimeout(resolve, 1200); });
    return isDone;
  }, 4 * kPatience);
}

const kBack = { reconnection: true, reconnectionDelay: 50, reconnectionDelayMax: 200 };

/** A leader and a follower who come back by themselves, and have seen three positions. */
async function pair(server, { transport = 'websocket' } = {}) {
  const sessionId = unique('room');
  const leader = await enter(server, { sessionId, userId: 'lea', username: 'Lea' }, kBack);
  const follower = await enter(server, { sessionId, userId: 'fred', username: 'Fred' }, { transport, ...kBack });
  leader.emit('load_media', { mediaUrl: 'film.mp4', mediaId: 'f', mediaTitle: 'Film', mediaDuration: 7200 });
  for (const position of [1, 2, 3]) leader.emit('sync_playback', { position, isPlaying: false });
  await waitFor(follower, 'playback_sync', (sync) => sync.position === 3);
  return { sessionId, leader, follower };
}

/** Both are back where they were, and it goes on. */
async function goesOn({ sessionId, leader, follower }, server) {
  await until('both to be back', () => leader.connected && follower.connected);
  assert.equal(leader.recovered, true, 'the leader has been recovered');
  assert.equal(follower.recovered, true, 'the follower has been recovered');
  leader.emit('sync_playback', { position: 4, isPlaying: true });
  await waitFor(follower, 'playback_sync', (sync) => sync.position === 4);
  assert.deepEqual(received(follower, 'playback_sync').map((sync) => sync.position), [1, 2, 3, 4]);
  assert.deepEqual(received(follower, 'user_left'), []);
  assert.equal(received(follower, 'session_joined').length, 1);
  const session = await shown(server, sessionId);
  assert.equal(session.leaderId, 'lea');
  assert.equal(session.playbackState.mediaTitle, 'Film');
  assert.equal(session.connectedCount, 2);
}

const ended = (pid) => until(`process ${pid} to end`, () => {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
});

/** An NGINX in the background: only such a one can be upgraded. Looks like a Server to clients. */
class Daemon {
  #cleanups = [];

  static async start() {
    const daemon = new Daemon();
    daemon.prefix = fs.mkdtempSync(path.join(os.tmpdir(), 'mediasync-'));
    fs.mkdirSync(path.join(daemon.prefix, 'tmp'));
    const probe = await Server.start({}); // for a port that is free
    daemon.port = probe.port;
    await probe.stop();
    fs.writeFileSync(path.join(daemon.prefix, 'nginx.conf'),
      configuration({ zone: kZone }, { http: daemon.port }).replace('daemon off;', ''));
    // By its full name: by that it finds the next binary.
    const nginx = execFileSync('sh', ['-c', 'command -v "$1"', 'sh', process.env.NGINX_BIN ?? 'nginx']).toString().trim();
    execFileSync(nginx, ['-p', `${daemon.prefix}/`, '-c', 'nginx.conf', '-e', 'error.log'],
      { timeout: kPatience, env: environment() });
    await until('nginx to say who it is', () => daemon.pidIn('nginx.pid') > 0);
    daemon.pid = daemon.pidIn('nginx.pid');
    await until('nginx to serve', async () => (await request(daemon, { path: '/worker' }).catch(() => null))?.status === 200);
    return daemon;
  }

  get url() { return `http://127.0.0.1:${this.port}`; }
  get origin() { return this.url; }
  onStop(cleanup) { this.#cleanups.push(cleanup); }
  errorLog() { return fs.readFileSync(path.join(this.prefix, 'error.log'), 'utf8'); }
  pidIn(name) {
    try {
      return Number(fs.readFileSync(path.join(this.prefix, name), 'utf8'));
    } catch {
      return 0;
    }
  }

  /** Starts the next binary beside this one, and returns the pid of its master. */
  async upgrade() {
    process.kill(this.pid, 'SIGUSR2');
    await until('the new master', () => this.pidIn('nginx.pid.oldbin') === this.pid &&
      ![0, this.pid].includes(this.pidIn('nginx.pid')));
    return this.pidIn('nginx.pid');
  }

  async stop() {
    for (const cleanup of this.#cleanups) await cleanup();
    for (const name of ['nginx.pid.oldbin', 'nginx.pid']) {
      const pid = this.pidIn(name);
      if (pid === 0) continue;
      process.kill(pid, 'SIGQUIT');
      await ended(pid);
    }
    const log = this.errorLog();
    fs.rmSync(this.prefix, { recursive: true, force: true });
    assert.doesNotMatch(log, /\[(alert|emerg|crit)\]|exited on signal|AddressSanitizer|runtime error:/);
  }
}

for (const sync of ['always', 'interval', 'off']) {
  describe(`a state file with sync=${sync}`, () => {
    const options = { zone: `${kZone} sync=${sync}` };

    for (const signal of ['SIGQUIT', 'SIGTERM']) {
      it(`brings everything back after ${signal} and a start`, async () => {
        const first = await Server.start(options);
        const both = await pair(first, { transport: signal === 'SIGQUIT' ? 'websocket' : 'polling' });
        const made = (await rest(first, 'POST', '/api/sessions', { creatorId: 'c', creatorName: 'Cleo' })).json();
        await first.stop({ keepClients: true, keepFiles: true, signal });
        const second = await Server.start({ ...options, after: first });
        try {
          await goesOn(both, second);
          assert.equal(userOf(await shown(second, made.sessionId), 'c').username, 'Cleo');
          assert.equal((await status(second)).state_restored_total, 2);
          assert.match(second.errorLog(), /has 2 sessions with 3 users back from/);
        } finally {
          both.leader.disconnect();
          both.follower.disconnect();
          await second.stop();
        }
      });
    }
  });
}

describe('a state file', () => {
  it(`loses nothing that was acknowledged when everything is killed at work, ${kRestarts} times`,
    { timeout: 60000 + 20000 * kRestarts }, async (t) => {
      const options = { zone: `${kZone} sync=always` };
      let server = await Server.start(options);
      const sessionId = unique('room');
      let lost = 0;
      let commands = 0;
      for (let i = 0, position = 0; i < kRestarts; i++) {
        const leader = await enter(server, { sessionId, userId: 'lea', username: 'Lea' });
        const acknowledged = []; // positions
        const until = Date.now() + 200 + ((i * 7919) % 500);
        while (Date.now() < until) {
          const ack = await ask(leader, 'sync_playback', { position: ++position, isPlaying: false });
          assert.equal(ack.success, true);
          acknowledged.push(position);
        }
        await server.kill();
        leader.disconnect();
        server = await Server.start({ ...options, after: server });
        const kept = (await shown(server, sessionId))?.playbackState.position ?? 0;
        lost += acknowledged.filter((one) => one > kept).length;
        commands += acknowledged.length;
      }
      t.diagnostic(`${commands} acknowledged commands, ${lost} lost in ${kRestarts} deaths`);
      assert.equal(lost, 0);
      await server.stop({ allow: /exited on signal 9/ });
    });

  it('has what was written when everything is killed', async () => {
    const options = { zone: `${kZone} sync=off` };
    const first = await Server.start(options);
    const both = await pair(first);
    await saved(first);
    await first.kill();
    const second = await Server.start({ ...options, after: first });
    try {
      await goesOn(both, second);
    } finally {
      both.leader.disconnect();
      both.follower.disconnect();
      await second.stop({ allow: /exited on signal 9/ });
    }
  });

  it('is gone on with by another worker when the one that writes is killed', async () => {
    const options = { workers: 3, zone: `${kZone} sync=always` };
    const first = await Server.start(options);
    const both = await pair(first);
    for (let i = 0; i < 6; i++) {
      const pids = first.workerPids();
      process.kill(pids[i % pids.length], 'SIGKILL');
      await until('a new worker', () => first.workerPids().length === 3 && !first.workerPids().includes(pids[i % pids.length]));
      assert.equal((await askAgain(both.leader, 'sync_playback', { position: 10 + i, isPlaying: false })).success, true);
    }
    await saved(first);
    await first.kill();
    const second = await Server.start({ ...options, after: first });
    try {
      await until('both to be back', () => both.leader.connected && both.follower.connected);
      assert.equal((await shown(second, both.sessionId)).playbackState.position, 15);
    } finally {
      both.leader.disconnect();
      both.follower.disconnect();
      await second.stop({ allow: /exited on signal 9/ });
    }
  });

  it('keeps what was good when it is cut off or damaged, and that is logged', async () => {
    const options = { zone: kZone };
    const first = await Server.start(options);
    const both = await pair(first);
    await saved(first);
    assert.equal((await ask(both.leader, 'sync_playback', { position: 60, isPlaying: false })).success, true);
    await saved(first);
    await first.kill();
    both.leader.disconnect();
    both.follower.disconnect();
    const halves = [fileOf(first), `${fileOf(first)}.2`].filter((file) => fs.statSync(file).size > 0);
    assert.equal(halves.length, 1);
    fs.truncateSync(halves[0], fs.statSync(halves[0]).size - 5);
    const second = await Server.start({ ...options, after: first });
    assert.equal((await shown(second, both.sessionId)).playbackState.position, 3);
    assert.match(second.errorLog(), /\[error\].*state file ".*" is damaged or cut off at byte \d+ of \d+, later changes are lost/);
    await second.stop({ keepFiles: true, allow: /exited on signal 9/ });
    // What is behind the header is not what its checksum says.
    for (const file of [fileOf(second), `${fileOf(second)}.2`]) {
      const bytes = fs.readFileSync(file);
      fs.writeFileSync(file, bytes.subarray(0, 80).fill(0, 40));
    }
    const third = await Server.start({ ...options, after: second });
    assert.match(third.errorLog(), /\[error\].*state file ".*" is damaged and its sessions are lost/);
    assert.equal((await status(third)).sessions, 0);
    const again = await enter(third, { sessionId: 'new', userId: 'u', username: 'U' });
    assert.equal((await ask(again, 'leave_session')).success, true);
    await third.stop({ allow: /exited on signal 9/ });
  });

  it('goes through reloads, and can be turned on by one', async () => {
    const first = await Server.start({});
    const both = await pair(first);
    const file = path.join(first.prefix, 'nginx.conf');
    fs.writeFileSync(file, fs.readFileSync(file, 'utf8').replace('rooms:8m', `rooms:8m ${kZone}`));
    for (let i = 0; i < 3; i++) await first.reload();
    assert.deepEqual(received(both.follower, 'disconnect'), []);
    await saved(first);
    await first.stop({ keepClients: true, keepFiles: true });
    const second = await Server.start({ zone: kZone, after: first });
    try {
      await goesOn(both, second);
    } finally {
      both.leader.disconnect();
      both.follower.disconnect();
      await second.stop();
    }
  });

  it('goes from one binary to the next', async () => {
    const daemon = await Daemon.start();
    try {
      const both = await pair(daemon);
      const next = await daemon.upgrade();
      // Both serve the port: the new one says that it is not ready, the old one goes on.
      await until('the new workers to say that they wait', async () => (await Promise.all(Array.from({ length: 8 }, () =>
        request(daemon, { path: '/socket.io/?EIO=4&transport=polling' })))).some((one) => one.status === 503));
      assert.equal((await ask(both.leader, 'heartbeat')).success, true);
      assert.equal((await rest(daemon, 'GET', `/api/sessions/${both.sessionId}`)).status % 303, 200); // 200 or 503
      process.kill(daemon.pid, 'SIGQUIT');
      await ended(daemon.pid);
      daemon.pid = next;
      await goesOn(both, daemon);
      assert.match(daemon.errorLog(), /serves nobody until the processes that use its state file ".*" have ended/);
    } finally {
      await daemon.stop();
    }
  });

  it('goes back when an upgrade is taken back', async () => {
    const daemon = await Daemon.start();
    try {
      const both = await pair(daemon);
      const next = await daemon.upgrade();
      process.kill(daemon.pid, 'SIGWINCH');
      await until('both to be with the new binary', () => both.leader.recovered && both.follower.recovered);
      await until('the leader to be heard', async () => both.leader.connected &&
        (await ask(both.leader, 'sync_playback', { position: 50, isPlaying: false })).success);
      process.kill(daemon.pid, 'SIGHUP'); // its workers are back, and wait
      process.kill(next, 'SIGQUIT');
      await ended(next);
      await until('the state to be read', async () => (await shown(daemon, both.sessionId))?.playbackState.position === 50);
      await until('both to be back', () => both.leader.connected && both.follower.connected);
      clear(both.follower);
      await until('the leader to be heard', async () => both.leader.connected &&
        (await ask(both.leader, 'sync_playback', { position: 51, isPlaying: false })).success);
      await waitFor(both.follower, 'playback_sync', (sync) => sync.position === 51);
    } finally {
      await daemon.stop();
    }
  });

  it('that is none, or of another version, is refused and kept', async () => {
    const first = await Server.start({ zone: kZone });
    await until('it to be written', async () => (await status(first)).state_snapshots_total > 0);
    await first.stop({ keepFiles: true });
    const [half] = [fileOf(first), `${fileOf(first)}.2`].filter((file) => fs.statSync(file).size > 0);
    const own = fs.readFileSync(half);
    const later = Buffer.from(own);
    later.writeUInt32LE(own.readUInt32LE(16) + 1, 16);
    const files = [[Buffer.from('a letter to grandmother'), /"[^"]*" is no state file of mediasync and is left alone/],
      [later, /state file "[^"]*" was written by another version of mediasync and is left alone/]];
    for (const [content, message] of files) {
      fs.writeFileSync(half, content);
      await assert.rejects(Server.start({ zone: `${kZone.replace('watch.state', fileOf(first))}` }), message);
      assert.deepEqual(fs.readFileSync(half), content);
    }
    // Nor does a reload take it.
    const second = await Server.start({ workers: 2, zone: 'state=other.state disconnect_grace=3s' });
    const conf = path.join(second.prefix, 'nginx.conf');
    fs.writeFileSync(conf, fs.readFileSync(conf, 'utf8').replace('other.state', fileOf(first)));
    const before = second.workerPids();
    second.signal('SIGHUP');
    await until('the reload to be refused', () => files[1][1].test(second.errorLog()));
    assert.deepEqual(second.workerPids(), before);
    await second.stop({ allow: files[1][1] });
    fs.writeFileSync(half, own);
    const third = await Server.start({ zone: kZone, after: first });
    await third.stop();
  });

  it('that is no file is refused', async () => {
    const prefix = fs.mkdtempSync(path.join(os.tmpdir(), 'mediasync-'));
    const make = {
      pipe: (name) => execFileSync('mkfifo', [name]),
      link: (name) => fs.symlinkSync(path.join(prefix, 'victim'), name),
      folder: (name) => fs.mkdirSync(name),
    };
    fs.writeFileSync(path.join(prefix, 'victim'), 'dear');
    const expected = { pipe: /state file ".*pipe" is not a regular file/, link: /state file ".*link" is a symbolic link/,
      folder: /open\(\) ".*folder" failed/ };
    for (const [kind, create] of Object.entries(make)) {
      create(path.join(prefix, kind));
      await assert.rejects(Server.start({ zone: `state=${path.join(prefix, kind)}` }), expected[kind]);
    }
    assert.equal(fs.readFileSync(path.join(prefix, 'victim'), 'utf8'), 'dear');
    fs.rmSync(prefix, { recursive: true });
  });

  it('is of one container: they do not see each other, and their masters have the same pid', async () => {
    const kContainer = ['unshare', ...(process.getuid() === 0 ? [] : ['--user', '--map-root-user']), '--pid', '--fork',
      '--kill-child', '--mount-proc'];
    const prefix = fs.mkdtempSync(path.join(os.tmpdir(), 'mediasync-'));
    const state = path.join(prefix, 'watch.state');
    const first = await Server.start({ zone: `state=${state} sync=always`, within: () => kContainer });
    try {
      const made = (await rest(first, 'POST', '/api/sessions', { creatorId: 'c', creatorName: 'Cleo' })).json();
      assert.ok(made.sessionId);
      await assert.rejects(Server.start({ zone: `state=${state}`, within: () => kContainer }),
        /state file ".*" is used by another NGINX/);
      await first.kill();
      const second = await Server.start({ zone: `state=${state}`, within: () => kContainer });
      assert.ok(await shown(second, made.sessionId));
      await second.kill();
      fs.rmSync(second.prefix, { recursive: true, force: true });
    } finally {
      await first.kill();
      for (const folder of [first.prefix, prefix]) fs.rmSync(folder, { recursive: true, force: true });
    }
  });

  it('is of one NGINX', async () => {
    const first = await Server.start({ zone: kZone });
    try {
      await until('the first one to use it', async () => (await status(first)).state_snapshots_total > 0);
      await assert.rejects(Server.start({ zone: `state=${fileOf(first)}` }), /state file ".*" is used by another NGINX/);
    } finally {
      await first.stop();
    }
  });

  it('that cannot be written is said, the sessions go on, and acknowledgements that nothing stands behind are counted', async () => {
    // On a disk of four pages, which one large file fills.
    const folder = (self) => path.join(self.prefix, 'small');
    const server = await Server.start({
      zone: `${kZone.replace('state=', 'state=small/')} sync=always`,
      within(self) {
        fs.mkdirSync(folder(self));
        return [...kPrivateMounts, 'sh', '-c', 'mount -t tmpfs -o size=16k none "$0" && head -c 16384 /dev/zero >"$0/large"; exec "$@"',
          folder(self)];
      },
    });
    const { leader, follower } = await pair(server);
    await until('it to be said', () => /\[crit\].*writing state file ".*" failed, it is tried again/.test(server.errorLog()));
    assert.ok((await status(server)).state_failures_total > 0);
    leader.emit('sync_playback', { position: 9, isPlaying: true });
    await waitFor(follower, 'playback_sync', (sync) => sync.position === 9);
    const before = (await status(server)).state_unwritten_total;
    assert.equal((await ask(leader, 'sync_playback', { position: 10, isPlaying: true })).success, true);
    assert.equal((await rest(server, 'POST', '/api/sessions', { creatorId: 'c', creatorName: 'Cleo' })).status, 201);
    assert.ok((await status(server)).state_unwritten_total >= before + 2);
    await server.stop({ allow: /writing state file/ });
  });

  it('has its place in the configuration', async () => {
    const ports = { http: 1 };
    const check = (zone, http = '') => checkConfiguration(configuration({ zone, http }, ports));
    assert.equal((await check('state=a sync=always')).ok, true);
    for (const [zone, message] of [['state=', /invalid parameter "state="/], ['state=a sync=often', /invalid parameter "sync=often"/],
      ['sync=always', /"sync" parameter needs "state"/]]) {
      const { ok, output } = await check(zone);
      assert.equal(ok, false, zone);
      assert.match(output, message);
    }
    for (const other of ['a', './a', 'tmp/../a', 'a.2']) { // by whatever name
      const { output } = await check('state=a', `mediasync_zone zone=other:2m state=${other};`);
      assert.match(output, /state file ".*" is used by zone "(rooms|other)"/, other);
    }
    assert.match((await check('state=/no/such/folder/a')).output, /open\(\) "\/no\/such\/folder\/a" failed/);
  });
});
