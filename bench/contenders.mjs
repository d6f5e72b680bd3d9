// The servers that are measured. Each is started anew for each measurement, on processors of its own.
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const peers = path.join(root, 'bench/peers/server.mjs');
const floor = path.join(root, 'build/bench/bench/floor/mediasync_floor');
const modulePath = process.env.MEDIASYNC_MODULE ?? path.join(root, 'build/ngx_http_mediasync_module.so');
export const kFilmBytes = 64 << 20;
/** How many a process may have, the servers and the generator alike. */
export const kDescriptors = Number(execFileSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' }));

/** The limits that keep clients from running wild are for other clients than these. */
const kNoLimits = ['events', 'user_events', 'joins', 'session_joins', 'sessions', 'replies', 'create']
  .map((what) => `mediasync_limit_${what} off;`).join(' ');

const nginxConf = ({ workers, module, http, server }) => (port) => `
daemon off;
worker_processes ${workers};
${process.getuid() === 0 ? 'user root;' : ''}
pid nginx.pid;
error_log error.log warn;
worker_rlimit_nofile ${kDescriptors};
load_module ${module};
events { worker_connections ${kDescriptors - 64}; }
http {
  access_log off;
  sendfile on;
  tcp_nodelay on;
  keepalive_requests 100000000;
  client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp; uwsgi_temp_path tmp; scgi_temp_path tmp;
  ${http}
  server {
    listen 127.0.0.1:${port} backlog=4096${workers > 1 ? ' reuseport' : ''};
    ${server}
    location /films/ { root .; }
  }
}
`;

const mediasync = (workers) => nginxConf({
  workers,
  module: modulePath,
  http: `mediasync_zone zone=watch:256m; mediasync_max_users 0; ${kNoLimits}`,
  server: `location /socket.io/ { mediasync watch; }
    location /api/sessions { mediasync_api watch; }
    location = /status { mediasync_status watch; }`,
});

// With rules in Lua: what a sync_playback is asked by, if anything is.
const kHooks = {
  none: 'mediasync.hook("leave", function() end)',
  idle: 'mediasync.hook("command", function() end)',
  yielding: 'mediasync.hook("command", function() ngx.sleep(0) end)',
};
const luaModules = ['ndk_http_module', 'ngx_http_lua_module'].map((name) => `load_module /usr/lib/nginx/modules/${name}.so;`);

const hooked = (hooks) => nginxConf({
  workers: 1,
  module: `${modulePath}; ${luaModules.join(' ')}`.replace(/;$/, ''),
  http: `mediasync_zone zone=watch:256m; mediasync_max_users 0; ${kNoLimits}
    lua_package_path "${root}/lua/?.lua;;";
    init_worker_by_lua_block { local mediasync = require "resty.mediasync" ${kHooks[hooks]} }`,
  server: `location /socket.io/ { mediasync watch; mediasync_hooks on; }
    location = /status { mediasync_status watch; }`,
});

const nchan = nginxConf({
  workers: 1,
  module: '/usr/lib/nginx/modules/ngx_nchan_module.so',
  http: 'nchan_shared_memory_size 256m;',
  server: `location ~ ^/subscribe/(.+)$ { nchan_subscriber websocket; nchan_channel_id $1; nchan_subscriber_first_message newest; }
    location ~ ^/publish/(.+)$ { nchan_publisher; nchan_channel_id $1; nchan_store_messages off; }`,
});

const nginx = (conf) => ({
  prepare(prefix, port) {
    fs.mkdirSync(path.join(prefix, 'tmp'));
    fs.mkdirSync(path.join(prefix, 'films'));
    fs.writeFileSync(path.join(prefix, 'films/film.mp4'), Buffer.alloc(kFilmBytes, 'film'));
    fs.writeFileSync(path.join(prefix, 'nginx.conf'), conf(port));
  },
  command: (prefix) => ['nginx', '-p', `${prefix}/`, '-c', 'nginx.conf', '-e', 'error.log'],
});

/** By name: what is run, and what the generator has to know of it. `is` is what tables call it. */
export const contenders = {
  floor: { is: 'floor, a send each', command: (_, port) => [floor, String(port)] },
  'floor-batched': { is: 'floor, batched', command: (_, port) => [floor, String(port), 'batched'] },
  mediasync: { is: 'mediasync', ...nginx(mediasync(1)), load: ['--status', '/status'] },
  'mediasync-2': { is: 'mediasync, 2 workers', ...nginx(mediasync(2)), load: ['--status', '/status'] },
  'hooks-none': { is: 'mediasync, hooks on, none for it', ...nginx(hooked('none')), load: ['--status', '/status'] },
  'hooks-idle': { is: 'mediasync, a hook that returns', ...nginx(hooked('idle')), load: ['--status', '/status'] },
  'hooks-yielding': { is: 'mediasync, a hook that yields', ...nginx(hooked('yielding')), load: ['--status', '/status'] },
  nchan: { is: 'nchan', ...nginx(nchan),
    load: ['--protocol', 'bare', '--path', '/subscribe/', '--publish-path', '/publish/'] },
  'node-ws': { is: 'Node, ws', command: (_, port) => ['node', peers, String(port), 'ws'] },
  'node-eiows': { is: 'Node, eiows', command: (_, port) => ['node', peers, String(port), 'eiows'] },
};

async function freePort() {
  const probe = net.createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => probe.once('listening', resolve));
  const { port } = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

async function answers(port) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => { socket.destroy(); resolve(true); });
    socket.once('error', () => resolve(false));
  });
}

/** Starts a contender on these processors, as taskset names them. */
export async function start(name, processors) {
  const { prepare, command } = contenders[name];
  const prefix = fs.mkdtempSync(path.join(os.tmpdir(), 'mediasync-bench-'));
  const port = await freePort();
  prepare?.(prefix, port);
  const child = spawn('taskset', ['-c', processors, ...command(prefix, port)], { stdio: ['ignore', 'inherit', 'inherit'] });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const killed = () => child.kill('SIGKILL');
  process.once('exit', killed);
  const stop = async () => {
    child.kill('SIGTERM');
    if (await Promise.race([ended, sleep(5000, 'late')]) === 'late') child.kill('SIGKILL');
    await ended;
    process.off('exit', killed);
    const log = path.join(prefix, 'error.log');
    const complaints = fs.existsSync(log) ? fs.readFileSync(log, 'utf8').trim() : '';
    fs.rmSync(prefix, { recursive: true, force: true });
    return complaints;
  };
  for (let attempts = 0; !await answers(port); attempts++) {
    if (attempts > 100 || child.exitCode !== null) throw new Error(`${name} does not answer: ${await stop()}`);
    await sleep(100);
  }
  return { port, pid: child.pid, stop };
}
