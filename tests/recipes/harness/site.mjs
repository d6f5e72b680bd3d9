// A machine as a recipe describes it: its files beneath a folder, and NGINX with the configuration of the page. Nothing of the text is
// changed but ports, and the folders that stand in for those of a system.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { once } from 'node:events';
import { modulePath, repoRoot, Server } from '../../client/harness/nginx.mjs';
import { filesOf } from './page.mjs';

const web = path.join(repoRoot, 'web');
const kModules = '/usr/lib/nginx/modules';
const kFolders = /(?<=[\s"'=:]|^)\/(?:srv|etc|var|run|usr\/local)\//gm;

/** Ports that nobody has at the moment, one for each of `names`. */
export async function freePorts(...names) {
  const listeners = names.map(() => net.createServer().listen(0, '127.0.0.1'));
  await Promise.all(listeners.map((listener) => once(listener, 'listening')));
  const ports = listeners.map((listener) => listener.address().port);
  await Promise.all(listeners.map((listener) => { listener.close(); return once(listener, 'close'); }));
  return Object.fromEntries(names.map((name, i) => [name, ports[i]]));
}

/** The text with other ports and folders. */
export function placed(text, root, ports) {
  for (const [port, other] of Object.entries(ports)) {
    const there = new RegExp(`(?<=[\\s:])${port}(?=[\\s;/?]|$)`, 'gm');
    text = text.replace(there, (_, at, whole) => (/listen\s+$/.test(whole.slice(0, at)) ? `127.0.0.1:${other}` : other));
  }
  return text.replace(kFolders, (folder) => root + folder);
}

/** The films that pages speak of. */
const kFilms = { 'demo.mp4': 'demo.mp4', 'short.mp4': 'short.mp4', demo: 'demo-hls' };

/** Puts packages into /srv/watch/node_modules, as "npm install" would, and films into /srv/films. */
function furnish(root, packages) {
  const link = (target, file) => {
    fs.mkdirSync(path.dirname(file), { recursive: true });
    if (!fs.existsSync(file)) fs.symlinkSync(target, file);
  };
  const modules = path.join(root, 'srv/watch/node_modules');
  link(web, path.join(modules, '@mediasync/client'));
  for (const name of packages) link(path.join(web, 'node_modules', name), path.join(modules, name));
  for (const [name, film] of Object.entries(kFilms)) link(path.join(repoRoot, 'media/films', film), path.join(root, 'srv/films', name));
}

const kProgram = /^src\//; // what a bundler gets

/** Writes the files of a recipe beneath `root`. `ports`, those of its configuration, must all be there. */
export function writeFiles(root, files, ports) {
  for (const port of Object.keys(ports)) {
    if (!Object.values(files).some((text) => new RegExp(`[\\s:]${port}[\\s;/?]`).test(text))) throw new Error(`no file has the port ${port}`);
  }
  for (const [name, text] of Object.entries(files)) {
    if (kProgram.test(name)) continue;
    const file = path.join(root, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    const isForSystem = /^\/(?:etc|usr)\//.test(name);
    fs.writeFileSync(file, isForSystem ? placed(text, root, ports) : text, { mode: 0o755 });
  }
}

function mainConfiguration({ prefix }, modules) {
  return `daemon off;
${process.getuid() === 0 ? 'user root;' : ''}
worker_processes 2;
pid nginx.pid;
error_log error.log info;
load_module ${modulePath};
${modules.map((name) => `load_module ${kModules}/${name}.so;`).join('\n')}
include ${prefix}/etc/nginx/modules-enabled/*.conf;
events { worker_connections 512; }
http {
  access_log access.log;
  include /etc/nginx/mime.types;
  client_body_temp_path tmp;
  proxy_temp_path tmp;
  fastcgi_temp_path tmp;
  uwsgi_temp_path tmp;
  scgi_temp_path tmp;
  include ${prefix}/etc/nginx/conf.d/*.conf;
}
`;
}

/**
 * NGINX with the files of docs/NAME: a Server, with its `files`. `ports`: {as in the page: here}, besides 80, which is where the
 * server is reached, or `port`. `modules` are loaded as packages of Debian do. `prepare(prefix)` adds what the page takes for granted.
 * `only` says by name which files are meant, `change` does with their text what the page tells people to do.
 */
export async function openSite(name, { ports = {}, modules = [], packages = ['socket.io-client', 'hls.js'], prepare = () => {}, port = '80',
  only = () => true, change = (text) => text } = {}) {
  const films = path.join(repoRoot, 'media/films/demo.mp4');
  if (!fs.existsSync(films)) execFileSync(path.join(repoRoot, 'scripts/make-film'), { stdio: 'ignore', timeout: 300000 });
  const files = Object.fromEntries(Object.entries(filesOf(name)).filter(([file]) => only(file)).map(([file, text]) =>
    [file, change(text)]));
  const server = await Server.start({
    probePath: '/',
    workers: 2,
    config: (starting) => {
      furnish(starting.prefix, packages);
      writeFiles(starting.prefix, files, { [port]: starting.port, ...ports });
      prepare(starting.prefix);
      return mainConfiguration(starting, modules);
    },
  });
  return Object.assign(server, { files });
}
