// Socket.IO clients of several years, each with the inbox that client.mjs gives to the present one.
import { io as current } from 'socket.io-client';
import v2 from 'socket.io-client-v2';
import { io as v3 } from 'socket.io-client-v3';
import { io as v40 } from 'socket.io-client-v4.0';
import { io as v45 } from 'socket.io-client-v4.5';
import { io as v46 } from 'socket.io-client-v4.6';
import { io as v47 } from 'socket.io-client-v4.7';
import { transports, upgraded, waitFor } from './client.mjs';
import { note } from './described.mjs';
import { deadline, kPatience } from './wait.mjs';

/** `eio` is the Engine.IO protocol; `recovers` whether the client knows connection state recovery. */
export const versions = {
  '2.5.0': { io: v2, eio: 3, recovers: false },
  '3.1.3': { io: v3, eio: 4, recovers: false },
  '4.0.2': { io: v40, eio: 4, recovers: false },
  '4.5.4': { io: v45, eio: 4, recovers: false },
  '4.6.1': { io: v46, eio: 4, recovers: true },
  '4.7.5': { io: v47, eio: 4, recovers: true },
  '4.8.4': { io: current, eio: 4, recovers: true },
};

/** open() of client.mjs with the client of that version; `transport` undefined means the client's own default. */
export function openVersion(server, version, { transport, namespace = '', name = '', ...rest } = {}) {
  const { io, eio } = versions[version];
  const socket = io(`${server.url}${namespace}`, {
    ...(transport ? { transports: transports[transport] } : {}),
    forceNew: true,
    reconnection: false,
    ...rest,
  });
  socket.version = version;
  socket.label = name || `${version} ${transport ?? 'default'}`;
  socket.inbox = [];
  socket.watchers = new Set();
  const record = (event, ...args) => {
    socket.inbox.push({ event, args, taken: false });
    for (const watcher of [...socket.watchers]) watcher();
  };
  if (eio === 3) {
    // There is no onAny(). 'error' is recorded as it is emitted: the server's event of this name, and what the client
    // itself reports by it.
    const onevent = socket.onevent.bind(socket);
    socket.onevent = (packet) => {
      note(packet.data[0], packet.data.slice(1));
      if (packet.data[0] !== 'error') record(...packet.data);
      onevent(packet);
    };
    socket.on('error', (...args) => record('error', ...args));
  } else {
    socket.onAny((event, ...args) => {
      note(event, args);
      record(event, ...args);
    });
  }
  for (const event of ['connect', 'disconnect', 'connect_error']) {
    socket.on(event, (...args) => record(event, ...args));
  }
  socket.forget = server.onStop(() => closeVersion(socket));
  return socket;
}

/** Disconnects, and waits until the request that says so over polling has been answered. */
export async function closeVersion(socket) {
  socket.forget();
  const { engine } = socket.io;
  const transport = engine?.transport;
  if (!socket.connected || engine?.readyState !== 'open' || transport.name !== 'polling') {
    socket.disconnect();
    return;
  }
  const last = versions[socket.version].eio === 3 ? /1:1$/ : /(^|\x1e)1$/;
  const said = new Promise((resolve) => {
    const write = transport.doWrite.bind(transport);
    transport.doWrite = (data, done) => write(data, () => {
      done();
      if (last.test(data)) resolve();
    });
    engine.once('close', () => setTimeout(resolve, 1000).unref());
  });
  socket.disconnect();
  await said;
}

/** openVersion(), connected; over 'upgrade', and by default, also upgraded. */
export async function connectVersion(server, version, options = {}) {
  const socket = openVersion(server, version, options);
  await waitFor(socket, 'connect');
  if (options.transport === 'upgrade' || options.transport === undefined) await upgraded(socket);
  return socket;
}

/** Emits with an acknowledgement and returns what it says, with the means that every version has. */
export const askVersion = (socket, event, ...args) => deadline(new Promise((resolve) => {
  socket.emit(event, ...args, resolve);
}), kPatience, () => `the acknowledgement of ${event} on ${socket.label}`);
