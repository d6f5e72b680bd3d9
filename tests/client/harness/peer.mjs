// Another Socket.IO server in the module's place, behind the same NGINX: MEDIASYNC_PEER names a Node program that reads
// the configuration text from the environment variable PEER_CONFIG and prints "port N" when it listens.
// Used to prove the tests themselves and to compare behaviour.
import { spawn } from 'node:child_process';
import { deadline, kPatience } from './wait.mjs';

export async function startPeer(program, config) {
  const child = spawn(process.execPath, [program], {
    env: { ...process.env, PEER_CONFIG: config },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let out = '';
  const port = await deadline(new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the peer ended with ${code}`)));
    child.stdout.on('data', (chunk) => {
      out += chunk;
      const match = /port (\d+)\n/.exec(out);
      if (match) resolve(Number(match[1]));
    });
  }), kPatience, 'the peer to listen');
  return { port, stop: () => child.kill('SIGKILL') };
}

/** The same configuration with the module's locations passed on to the peer. */
export function peerConfig(text, port) {
  const pass = `proxy_pass http://127.0.0.1:${port}; proxy_http_version 1.1; proxy_buffering off;
    proxy_set_header Host $http_host; proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection $peer_connection; proxy_read_timeout 1h;`;
  return text
    .replace(/^load_module .*$/m, '')
    .replace(/\bmediasync(?:_api|_status)? \w+;/g, pass)
    .replace(/\bmediasync_\w+ [^;]*;/g, '')
    .replace(/^worker_shutdown_timeout .*$/m, '')
    .replace('events {', 'worker_shutdown_timeout 200ms;\nevents {')
    .replace('http {', 'http {\n  map $http_upgrade $peer_connection { default upgrade; "" close; }');
}
