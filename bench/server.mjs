// What the measurements share: an NGINX with the module, raw Socket.IO clients over WebSocket, and the server's costs as
// the kernel accounts for them.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { Server } from '../tests/client/harness/nginx.mjs';
import { request } from '../tests/client/harness/http.mjs';

const WebSocket = createRequire(new URL('../tests/client/', import.meta.url))('ws');

export function startServer(workers = 1) {
  return Server.start({ workers, zoneSize: '64m', main: '', http: 'mediasync_max_users 20000; mediasync_limit_create off;' });
}

export async function status(server) {
  return (await request(server, { path: '/status' })).json();
}

/** CPU time of the workers so far, in milliseconds. */
export function workerCpu(server) {
  return server.workerPids().reduce((sum, pid) => {
    const fields = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ');
    return sum + (Number(fields[11]) + Number(fields[12])) * 10;
  }, 0);
}

/** Proportional set size of the workers, in bytes. */
export function workerMemory(server) {
  return server.workerPids().reduce((sum, pid) =>
    sum + 1024 * Number(fs.readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8').match(/^Pss:\s+(\d+)/m)[1]), 0);
}

/** A client as light as can be: resolves when it is connected to the namespace; `onEvent` gets the raw packets. */
export function connect(server, onEvent = () => {}) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://127.0.0.1:${server.port}/socket.io/?EIO=4&transport=websocket`);
    socket.on('error', reject);
    socket.on('message', (data) => {
      const text = data.toString();
      if (text === '2') socket.send('3');
      else if (text[0] === '0') socket.send('40');
      else if (text.startsWith('40')) resolve(socket);
      else onEvent(text, socket);
    });
  });
}

export async function join(server, sessionId, userId, onEvent) {
  let joined;
  const done = new Promise((resolve) => { joined = resolve; });
  const socket = await connect(server, (text) => {
    if (text.startsWith('42["session_joined"')) joined();
    else onEvent?.(text);
  });
  const user = { sessionId, userId, username: 'Alice Example', avatar: 'https://example.com/avatar.jpg' };
  socket.send(`42${JSON.stringify(['join_session', user])}`);
  await done;
  return socket;
}

/** Runs `task(i)` for i in [0, count), `width` at a time. */
export async function inBatches(count, width, task) {
  for (let i = 0; i < count; i += width) {
    await Promise.all(Array.from({ length: Math.min(width, count - i) }, (_, k) => task(i + k)));
  }
}
