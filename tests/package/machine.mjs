// A Debian in a folder: commands in it, its NGINX and its files.
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { until } from '../client/harness/wait.mjs';

const kEnvironment = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root', LC_ALL: 'C.UTF-8', DEBIAN_FRONTEND: 'noninteractive',
};
const kCommandMs = 240000;
// Without namespaces of our own NGINX is not to be started on port 80 by the packages, see service().
const isIsolated = process.env.MEDIASYNC_ISOLATED === '1';

export class Machine {
  constructor(root) {
    this.root = root;
    // Without an init system services are started where a policy says so.
    this.write('/usr/sbin/policy-rc.d', `#!/bin/sh\nexit ${isIsolated ? 104 : 101}\n`);
    fs.chmodSync(this.path('/usr/sbin/policy-rc.d'), 0o755);
  }

  path(name) { return path.join(this.root, name); }
  read(name) { return fs.readFileSync(this.path(name), 'utf8'); }
  write(name, text) { fs.writeFileSync(this.path(name), text); }
  stat(name) { return fs.lstatSync(this.path(name)); }

  /** The file of a package that lies in `folder`. */
  package(name, folder = '/packages') {
    return path.join(folder, fs.readdirSync(this.path(folder)).find((file) => file.startsWith(`${name}_`)));
  }

  /** Runs a command, and returns its status and what it printed. */
  tryRun(...command) {
    const { status, signal, stdout, stderr, error } = spawnSync('chroot', [this.root, ...command],
      { env: kEnvironment, encoding: 'utf8', timeout: kCommandMs, maxBuffer: 1 << 26 });
    if (error) throw error;
    return { status: status ?? signal, output: stdout + stderr };
  }

  run(...command) {
    const { status, output } = this.tryRun(...command);
    if (status !== 0) throw new Error(`${command.join(' ')} ended with ${status}:\n${output}`);
    return output;
  }

  /** As run(), while the clients of this process go on. */
  async runBeside(...command) {
    const child = spawn('chroot', [this.root, ...command], { env: kEnvironment, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => { output += text; });
    const status = await new Promise((resolve) => child.on('close', resolve));
    if (status !== 0) throw new Error(`${command.join(' ')} ended with ${status}:\n${output}`);
    return output;
  }

  aptInstall(...names) { return this.run('apt-get', '-y', '--no-install-recommends', 'install', ...names); }

  /** The process of NGINX's master; null when there is none. */
  master() {
    const file = this.path('/run/nginx.pid');
    const pid = fs.existsSync(file) ? Number(fs.readFileSync(file, 'utf8')) : 0;
    try {
      return pid > 0 && process.kill(pid, 0) ? pid : null;
    } catch {
      return null;
    }
  }

  start() { return isIsolated ? this.run('invoke-rc.d', 'nginx', 'start') : this.run('/usr/sbin/nginx'); }

  async reload() {
    const before = this.workers();
    if (isIsolated) this.run('invoke-rc.d', 'nginx', 'reload');
    else process.kill(this.master(), 'SIGHUP');
    await until('new workers', () => this.workers().some((pid) => !before.includes(pid)));
  }

  /** Another master in place of this one, as nginx's init script does it, when the packages' own scripts could not. */
  async upgraded(before) {
    if (!isIsolated) {
      process.kill(before, 'SIGUSR2');
      await until('a new master', () => fs.existsSync(this.path('/run/nginx.pid.oldbin')) && this.master() !== before);
      process.kill(before, 'SIGQUIT');
    }
    await until('a new master', () => this.master() !== null && this.master() !== before);
  }

  workers() {
    const master = this.master();
    return fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => {
      try {
        return Number(fs.readFileSync(`/proc/${pid}/stat`, 'utf8').match(/^\d+ \(.*\) \S (\d+)/s)[1]) === master;
      } catch {
        return false; // it has just ended
      }
    });
  }

  stop() {
    const master = this.master();
    if (master !== null) process.kill(master, 'SIGTERM');
  }

  /** Every file whose name or path has `word`, without what apt and dpkg keep of packages and their names. */
  filesNamed(word) {
    return this.run('find', '/', '-xdev', '(', '-path', '/proc', '-o', '-path', '/packages', '-o', '-path', '/var/cache/apt', '-o', '-path',
      '/var/lib/apt', ')', '-prune', '-o', '-path', `*${word}*`, '-print').split('\n').filter(Boolean);
  }
}
