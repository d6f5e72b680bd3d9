// Plain HTTP, and sockets pinned to one worker.
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { deadline, kPatience } from './wait.mjs';

/** An agent that opens a new TCP connection for each request, so that requests spread over the workers. */
export const freshAgent = new http.Agent({ keepAlive: false, maxSockets: Infinity });
const freshTlsAgent = new https.Agent({ keepAlive: false, maxSockets: Infinity, rejectUnauthorized: false });

/**
 * One HTTP request on a connection of its own (or on `socket`, or through `agent`). An object as `json` becomes the
 * body. Resolves to {status, headers, body, worker}; `json()` parses the body.
 */
export function request(server, { method = 'GET', path = '/', headers = {}, body, json, tls = false, agent, socket,
  patience = kPatience } = {}) {
  if (json !== undefined) {
    body = JSON.stringify(json);
    headers = { 'Content-Type': 'application/json', ...headers };
  }
  const options = { host: '127.0.0.1', port: tls ? server.tlsPort : server.port, method, path, headers };
  if (socket) options.createConnection = () => socket;
  else options.agent = agent ?? (tls ? freshTlsAgent : freshAgent);
  const answer = new Promise((resolve, reject) => {
    const req = (tls ? https : http).request(options, (res) => {
      const chunks = [];
      res.on('data', (chunk) => chunks.push(chunk));
      res.on('error', reject);
      res.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        resolve({
          status: res.statusCode,
          headers: res.headers,
          body: text,
          worker: Number(res.headers['x-worker']),
          json: () => JSON.parse(text),
        });
      });
    });
    req.on('error', reject);
    req.end(body);
  });
  return deadline(answer, patience, `the answer to ${method} ${path}`);
}

/** Sends a REST request: rest(server, 'POST', '/api/sessions', {creatorId, …}). */
export function rest(server, method, path, json, options = {}) {
  return request(server, { method, path, json, ...options });
}

/** A connected TCP socket that `accept(pid)` has agreed to: its keep-alive connection belongs to that worker. */
export async function pinnedSocket(server, accept) {
  const spare = [];
  try {
    for (let round = 0; round < 60; round++) {
      const batch = await Promise.all(Array.from({ length: 6 }, () => askWorker(server)));
      const found = batch.find(({ pid }) => accept(pid));
      for (const one of batch) if (one !== found) spare.push(one.socket);
      if (found) return found;
    }
  } finally {
    for (const socket of spare) socket.destroy();
  }
  throw new Error('no connection reached the wanted worker in 360 tries');
}

function askWorker(server) {
  const socket = net.connect(server.port, '127.0.0.1');
  return deadline(new Promise((resolve, reject) => {
    let text = '';
    socket.on('error', reject);
    socket.on('data', function onData(chunk) {
      text += chunk;
      const match = /\r\nX-Worker: (\d+)\r\n(?:[^]*?\r\n)?\r\n\1$/i.exec(text);
      if (!match) return;
      socket.removeListener('data', onData);
      socket.removeListener('error', reject);
      resolve({ socket, pid: Number(match[1]) });
    });
    socket.write('GET /worker HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
  }), kPatience, 'a worker to name itself');
}

/** An agent whose every connection belongs to the worker `pid`, for stock clients. */
export function workerAgent(server, pid) {
  const agent = new http.Agent({ keepAlive: false, maxSockets: Infinity });
  agent.createConnection = (_options, callback) => {
    pinnedSocket(server, (candidate) => candidate === pid)
      .then(({ socket }) => callback(null, socket), callback);
  };
  return agent;
}

/** One request on a connection that belongs to the worker `pid`. */
export async function requestOn(server, pid, options) {
  return request(server, { ...options, agent: workerAgent(server, pid) });
}
