// Starts a real NGINX with the module in a fresh prefix, and judges its error log when it stops.
import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { takeFaults } from './described.mjs';
import { peerConfig, startPeer } from './peer.mjs';
import { request } from './http.mjs';
import { deadline, kPatience, until } from './wait.mjs';

export const repoRoot = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
const nginxBin = process.env.NGINX_BIN ?? 'nginx';
export const modulePath = process.env.MEDIASYNC_MODULE ?? lastBuilt();

/** scripts/check builds the module in another folder than scripts/demo and the others do. */
function lastBuilt() {
  const builds = ['build', 'build/configure'].map((folder) => path.join(repoRoot, folder, 'ngx_http_mediasync_module.so'));
  const builtAt = (file) => fs.statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return builds.reduce((last, file) => (builtAt(file) > builtAt(last) ? file : last));
}

// Lines that no test run may leave in the error log.
const kForbidden =
  /\[(?:alert|emerg|crit)\]|exited on signal|AddressSanitizer|runtime error:|LeakSanitizer|open socket/;

// Masters that still run; none outlives the test process, whatever ends it.
const running = new Set();
process.once('exit', () => { for (const child of running) child.kill('SIGTERM'); });

export async function freePort() {
  const probe = net.createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');
  return port;
}

function makeCertificate(prefix) {
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
      '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1',
      '-keyout', path.join(prefix, 'key.pem'), '-out', path.join(prefix, 'cert.pem')],
    { stdio: 'ignore', timeout: 4 * kPatience },
  );
}

/** Of NGINX processes: with the sanitizers' runtimes, where the module needs them. */
export function environment() {
  const env = { ...process.env };
  if (process.env.MEDIASYNC_PRELOAD) {
    env.LD_PRELOAD = process.env.MEDIASYNC_PRELOAD;
    // A reload to another file of the module has two of them in one process.
    env.ASAN_OPTIONS = 'detect_leaks=0:detect_odr_violation=0';
  }
  return env;
}

/**
 * The configuration as text. `zone` and `sync` are appended to the zone's parameters and to the Socket.IO location;
 * `locations`, `server`, `http` are inserted where they say.
 */
export function configuration(options, ports) {
  const { workers = 2, zoneSize = '8m', zone = '', sync = '', api = '', locations = '', server = '', http = '',
    main = '' } = options;
  return `
daemon off;
master_process on;
worker_processes ${workers};
${process.getuid() === 0 ? 'user root;' : ''}
pid nginx.pid;
error_log error.log info;
worker_rlimit_nofile 8192;
load_module ${modulePath};
${process.env.MEDIASYNC_PRELOAD ? 'env LD_PRELOAD; env ASAN_OPTIONS; # for the next binary, when there is one' : ''}
${main}
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path tmp;
  proxy_temp_path tmp;
  fastcgi_temp_path tmp;
  uwsgi_temp_path tmp;
  scgi_temp_path tmp;
  mediasync_zone zone=rooms:${zoneSize} ${zone};
  ${http.includes('mediasync_limit_create') ? '' : 'mediasync_limit_create off; # all clients are of one address'}
  ${http}
  server {
    listen 127.0.0.1:${ports.http} backlog=2048;
    ${ports.tls ? `listen 127.0.0.1:${ports.tls} ssl;
    ssl_certificate cert.pem;
    ssl_certificate_key key.pem;` : ''}
    server_name localhost;
    add_header X-Worker $pid always;
    ${server}
    location /socket.io/ { mediasync rooms; ${sync} }
    location /api/sessions { mediasync_api rooms; ${api} }
    location = /status { mediasync_status rooms; }
    location = /worker { return 200 "$pid"; }
    ${locations}
  }
}
`;
}

/** Runs `nginx -t` on a whole configuration text; resolves to {ok, output}. */
export async function checkConfiguration(text) {
  const prefix = fs.mkdtempSync(path.join(os.tmpdir(), 'mediasync-conf-'));
  try {
    fs.mkdirSync(path.join(prefix, 'tmp'));
    fs.writeFileSync(path.join(prefix, 'nginx.conf'), text);
    return await new Promise((resolve) => {
      execFile(nginxBin, ['-t', '-p', `${prefix}/`, '-c', 'nginx.conf', '-e', 'error.log'],
        { env: environment(), timeout: kPatience, killSignal: 'SIGKILL' },
        (error, stdout, stderr) => resolve({ ok: error === null,
          output: `${stdout}${stderr}${error?.killed ? `nginx -t did not end within ${kPatience} ms` : ''}` }));
    });
  } finally {
    fs.rmSync(prefix, { recursive: true, force: true });
  }
}

/** False for a zombie, too, unless other threads of it have yet to end. */
function isAlive(pid) {
  try {
    return !/^State:\s*[ZX]/m.test(fs.readFileSync(`/proc/${pid}/status`, 'utf8')) ||
      fs.readdirSync(`/proc/${pid}/task`).length > 1;
  } catch {
    return false;
  }
}

export class Server {
  #child;
  #exited;
  #peer = null;
  #cleanups = new Set();

  /**
   * Options: those of configuration(), `tls: true` for a TLS port beside the plain one, and `after`: a server that has
   * been stopped with `keepFiles`, whose folder and port this one takes over. `prepare(prefix)` puts files there;
   * `within(server)` is the beginning of a command that ends by running NGINX in its place.
   */
  static async start(options = {}) {
    for (let attempt = 1; ; attempt++) {
      const server = new Server();
      try {
        await server.#start(options);
        return server;
      } catch (error) {
        await server.#dispose();
        if (attempt < 3 && /Address already in use/.test(error.message)) continue;
        throw error;
      }
    }
  }

  async #start(options) {
    this.options = options;
    this.prefix = options.after?.prefix ?? fs.mkdtempSync(path.join(os.tmpdir(), 'mediasync-'));
    fs.chmodSync(this.prefix, 0o755);
    fs.mkdirSync(path.join(this.prefix, 'tmp'), { recursive: true });
    this.port = options.after?.port ?? await freePort();
    if (options.tls) {
      this.tlsPort = await freePort();
      makeCertificate(this.prefix);
    }
    options.prepare?.(this.prefix);
    let text = options.config ? options.config(this) : configuration(options, { http: this.port, tls: this.tlsPort });
    if (process.env.MEDIASYNC_PEER) {
      this.#peer = await startPeer(process.env.MEDIASYNC_PEER, text);
      text = peerConfig(text, this.#peer.port);
    }
    fs.writeFileSync(path.join(this.prefix, 'nginx.conf'), text);

    let stderr = '';
    const command = [...(options.within?.(this) ?? []), nginxBin, '-p', `${this.prefix}/`, '-c', 'nginx.conf', '-e', 'error.log'];
    this.#child = spawn(command[0], command.slice(1), {
      env: environment(),
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    running.add(this.#child);
    this.#child.once('exit', () => running.delete(this.#child));
    this.#child.stderr.on('data', (chunk) => { stderr += chunk; });
    this.#exited = once(this.#child, 'exit').then(([code, signal]) => ({ code, signal }));
    this.stderr = () => stderr;

    const gone = this.#exited.then(({ code, signal }) => {
      throw new Error(`nginx ended at start (${code ?? signal}): ${stderr}${this.errorLog()}`);
    });
    gone.catch(() => {});
    await Promise.race([gone, until('nginx to answer', async () => {
      if (!this.isRunning) return true;
      try {
        return (await request(this, { path: options.probePath ?? '/worker' })).status > 0;
      } catch (error) {
        if (error.code === 'ECONNREFUSED') return false;
        throw error;
      }
    })]);
    // One of them has answered, the others may not be there yet. A test with a configuration or a container of its own knows.
    const workers = options.workers ?? (options.config || options.within ? this.workerPids().length : 2);
    await until(`${workers} workers`, async () => this.workerPids().length === workers);
  }

  get pid() { return this.#child.pid; }
  get isRunning() { return running.has(this.#child); }
  get url() { return `http://127.0.0.1:${this.port}`; }
  get tlsUrl() { return `https://127.0.0.1:${this.tlsPort}`; }
  get origin() { return this.url; }

  errorLog() {
    try {
      return fs.readFileSync(path.join(this.prefix, 'error.log'), 'utf8');
    } catch {
      return '';
    }
  }

  /** This server, or an error once it has ended by itself. */
  alive() {
    if (this.isRunning) return this;
    const { exitCode, signalCode } = this.#child;
    throw new Error(`nginx has ended by itself (${exitCode ?? signalCode}):\n${this.errorLog().slice(-2000)}`);
  }

  /** All children of the master, with their names. */
  #children() {
    const children = fs.readFileSync(`/proc/${this.pid}/task/${this.pid}/children`, 'utf8').trim();
    return children.split(/\s+/).filter(Boolean).map(Number).flatMap((pid) => {
      try {
        return [{ pid, name: fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim() }];
      } catch {
        return [];
      }
    });
  }

  /** The worker processes that serve now (those shutting down are left out), lowest pid first. Angie numbers them. */
  workerPids() {
    return this.#children().filter(({ name }) => /^\w+: worker process( #\d+)?$/.test(name)).map(({ pid }) => pid)
      .sort((a, b) => a - b);
  }

  /** What its processes are at, for a message. */
  #processes() {
    try {
      return [{ pid: this.pid, name: 'master' }, ...this.#children()].map(({ pid, name }) =>
        `${name} ${pid}: ${/^State:\s*(.*)$/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]}`).join(', ');
    } catch (error) {
      return error.message;
    }
  }

  /** Registers something to run before the server stops (clients close themselves here). */
  onStop(cleanup) {
    this.#cleanups.add(cleanup);
    return () => this.#cleanups.delete(cleanup);
  }

  signal(name) { process.kill(this.pid, name); }

  /** Sends HUP and waits until a whole new generation of workers serves and the old one is gone. */
  async reload() {
    const before = this.workerPids();
    this.signal('SIGHUP');
    await until('a new generation of workers', async () => {
      const now = this.workerPids();
      return now.length === before.length && now.every((pid) => !before.includes(pid));
    }).catch((error) => {
      throw new Error(`${error.message}: ${before} before, ${this.workerPids()} now\n${this.errorLog().split('\n').slice(-30).join('\n')}`);
    });
    return before;
  }

  /**
   * Closes the clients, sends QUIT, waits for the exit and throws when the error log holds a line that it must not, or
   * when a client was told what the API's description does not say.
   * `allow` excuses lines that the test itself provoked; `keepClients` stops under connected clients; with `keepFiles`
   * another server can go on where this one stopped. `signal` is how it is told.
   */
  async stop({ allow = null, keepClients = false, keepFiles = false, signal: how = 'SIGQUIT' } = {}) {
    this.keepFiles = keepFiles;
    try {
      this.alive();
      if (!keepClients) await this.closeClients();
      this.signal(how);
      const { code, signal } = await deadline(this.#exited, 2 * kPatience,
        () => `nginx to exit after ${how} (${this.#processes()})`);
      const bad = `${this.errorLog()}\n${this.stderr()}`.split('\n')
        .filter((line) => kForbidden.test(line) && !(allow && allow.test(line)));
      if (bad.length > 0) {
        throw new Error(`the error log holds ${bad.length} bad lines:\n${bad.slice(0, 20).join('\n')}`);
      }
      if (code !== 0) throw new Error(`nginx ended with ${code ?? signal}`);
      const faults = takeFaults();
      if (faults.length > 0) throw new Error(`clients were told what core/api/description.json does not say:\n${faults.join('\n')}`);
    } finally {
      try {
        await this.#dispose();
      } finally {
        if (!keepClients) await this.closeClients();
      }
    }
  }

  /** SIGKILL to all of its processes, at once. Its files stay. */
  async kill() {
    this.keepFiles = true;
    await this.#dispose();
  }

  async closeClients() {
    const cleanups = [...this.#cleanups];
    this.#cleanups.clear();
    await deadline(Promise.all(cleanups.map((cleanup) => cleanup())), 2 * kPatience, 'the clients to close');
  }

  async #dispose() {
    if (this.#child?.pid && this.isRunning) {
      // First who would start others.
      const children = this.#children();
      this.#child.kill('SIGKILL');
      for (const { pid } of children) {
        try {
          process.kill(pid, 'SIGKILL');
        } catch {
          // has ended meanwhile
        }
      }
      await deadline(this.#exited, kPatience, 'nginx to be killed');
      // As long as one of them is there it may take a connection that is meant for a server that comes after.
      await until('its processes to be killed', () => children.every(({ pid }) => !isAlive(pid)));
    }
    this.#peer?.stop();
    if (this.prefix && !this.keepFiles && !process.env.MEDIASYNC_KEEP_PREFIX) {
      fs.rmSync(this.prefix, { recursive: true, force: true, maxRetries: 3 });
    }
  }
}
