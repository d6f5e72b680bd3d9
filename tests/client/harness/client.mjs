// The stock Socket.IO client with an inbox, so that no event can be missed between two waits.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { io } from 'socket.io-client';
import { note } from './described.mjs';
import { alarm, deadline, inVain, kPatience, patient, until } from './wait.mjs';

export const transports = { polling: ['polling'], websocket: ['websocket'], upgrade: ['polling', 'websocket'] };

/** A name that no other test uses. */
export const unique = (prefix) => `${prefix}-${randomUUID().slice(0, 8)}`;

/**
 * A stock client that connects to `server`. Everything that arrives is kept in `socket.inbox` as {event, args, taken};
 * 'connect', 'disconnect' and 'connect_error' are recorded there too. `transport` is a key of `transports`.
 */
export function open(server, { transport = 'websocket', tls = false, namespace = '', name = '', ...rest } = {}) {
  const socket = io(`${tls ? server.tlsUrl : server.url}${namespace}`, {
    transports: transports[transport],
    forceNew: true,
    reconnection: false,
    rejectUnauthorized: false,
    timeout: 2 * kPatience, // connected() is less patient
    ...rest,
  });
  socket.label = name || transport;
  socket.inbox = [];
  socket.watchers = new Set();
  const record = (event, ...args) => {
    socket.inbox.push({ event, args, taken: false });
    for (const watcher of [...socket.watchers]) watcher();
  };
  socket.onAny((event, ...args) => {
    note(event, args);
    record(event, ...args);
  });
  for (const event of ['connect', 'disconnect', 'connect_error']) {
    socket.on(event, (...args) => record(event, ...args));
  }
  server.onStop(() => (server.isRunning === false ? socket.disconnect() : close(socket)));
  return socket;
}

/** Disconnects, and waits until the request that says so over polling has been answered. */
export async function close(socket) {
  const { engine } = socket.io;
  const { transport } = engine;
  if (engine.readyState !== 'open' || transport.name !== 'polling') {
    socket.disconnect();
    return;
  }
  const said = new Promise((resolve) => {
    const write = transport.doWrite.bind(transport);
    transport.doWrite = (data, done) => write(data, () => {
      done();
      if (/(^|\x1e)1$/.test(data)) resolve();
    });
    engine.once('close', () => setTimeout(resolve, 1000));
  });
  socket.disconnect();
  await deadline(said, kPatience, `${socket.label} to have said that it goes`);
}

/** As open(), and waits for the connection; with transport 'upgrade' also for the upgrade to WebSocket. */
export async function connect(server, options = {}) {
  const socket = open(server, options);
  await connected(socket);
  if (options.transport === 'upgrade') await upgraded(socket);
  return socket;
}

export async function connected(socket) {
  const waiting = new Promise((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('connect_error', reject);
  });
  if (!socket.connected) await deadline(waiting, kPatience, `${socket.label} to connect`);
}

export async function upgraded(socket) {
  const { engine } = socket.io;
  if (engine.transport.name === 'websocket') return;
  await deadline(new Promise((resolve, reject) => {
    engine.once('upgrade', resolve);
    engine.once('close', (reason) => reject(new Error(`${socket.label} was closed before its upgrade: ${reason}`)));
  }), kPatience, `the upgrade of ${socket.label} to websocket`);
}

/** Had a connection, and will have none again. */
const isLost = (socket) => !socket.connected && !socket.io.reconnection() &&
  socket.inbox.some((one) => one.event === 'disconnect');

/**
 * The first argument of the first event `event` not taken before that satisfies `predicate`; it may have come already.
 * Rejects, with what was awaited and what came instead, when nothing at all has come for `patience`, or when the
 * connection is lost for good.
 */
export function waitFor(socket, event, predicate = () => true, patience = kPatience) {
  const allowed = patient(patience);
  const fail = alarm();
  return new Promise((resolve, reject) => {
    let heard = Date.now();
    let timer;
    const end = () => {
      clearTimeout(timer);
      socket.watchers.delete(look);
    };
    const give = (why) => {
      end();
      const last = socket.inbox.slice(-6).map((one) => `${one.event} ${JSON.stringify(one.args).slice(0, 160)}`);
      reject(fail(`${why} waiting for "${event}" on ${socket.label}${predicate.length ? ` with ${predicate}` : ''}; ` +
        `last received: ${last.join(' | ') || 'nothing'}`));
    };
    const look = () => {
      heard = Date.now();
      const hit = socket.inbox.find((one) => !one.taken && one.event === event && predicate(...one.args));
      if (hit) {
        hit.taken = true;
        end();
        resolve(hit.args[0]);
      } else if (isLost(socket)) {
        give('lost the connection');
      }
    };
    const onTime = () => {
      const left = heard + allowed - Date.now();
      if (left > 0) {
        timer = setTimeout(onTime, left);
        return;
      }
      inVain(heard);
      give(`timed out after ${allowed} ms without any news`);
    };
    timer = setTimeout(onTime, allowed);
    socket.watchers.add(look);
    look();
  });
}

/** The first arguments of all events `event` received so far, taken or not. */
export const received = (socket, event) =>
  socket.inbox.filter((one) => one.event === event).map((one) => one.args[0]);

/** Empties the inbox. */
export const clear = (socket) => { socket.inbox.length = 0; };

/** Emits with an acknowledgement and returns what it says. */
export async function ask(socket, event, ...args) {
  const start = Date.now();
  const allowed = patient(kPatience);
  const fail = alarm();
  try {
    return await socket.timeout(allowed).emitWithAck(event, ...args);
  } catch (error) {
    const what = `the acknowledgement of ${event} on ${socket.label}`;
    if (Date.now() - start < allowed) throw fail(`waiting for ${what}: ${error.message}`); // the client gave up by itself
    inVain(start);
    throw fail(`timed out after ${allowed} ms waiting for ${what}`);
  }
}

/** The same over lost connections: what was lost along with one is said again over the next. */
export async function askAgain(socket, event, ...args) {
  for (;;) {
    await until(`${socket.label} to be connected`, () => socket.connected);
    try {
      return await ask(socket, event, ...args);
    } catch (error) {
      if (!error.message.includes('has been disconnected')) throw error;
    }
  }
}

/** Joins and returns the session_joined payload. */
export async function join(socket, { sessionId, userId = unique('user'), username = 'Someone', ...more }) {
  socket.emit('join_session', { sessionId, userId, username, ...more });
  const joined = await waitFor(socket, 'session_joined');
  socket.userId = userId;
  return joined;
}

/** Connects and joins in one go. */
export async function enter(server, data, options = {}) {
  const socket = await connect(server, { name: data.userId, ...options });
  socket.joined = await join(socket, data);
  return socket;
}

/** Asks for the session state and returns it. */
export function state(socket) {
  socket.emit('request_session_state');
  return waitFor(socket, 'session_state');
}

/** The entry of `userId` in a session object. */
export const userOf = (session, userId) => session.users.find((user) => user.id === userId);

/**
 * A session with a leader and `followers` members, everyone knowing of everyone; inboxes are empty.
 * `transport` may be a list: it is dealt out to the leader first, then to the followers.
 */
export async function room(server, { followers = 1, transport = 'websocket', options = () => ({}) } = {}) {
  const sessionId = unique('room');
  const kinds = [transport].flat();
  const members = [];
  for (let i = 0; i <= followers; i++) {
    const member = await enter(server, { sessionId, userId: unique(i === 0 ? 'leader' : `follower${i}`),
      username: i === 0 ? 'Lea' : `Fred ${i}` }, { transport: kinds[i % kinds.length], ...options(i) });
    await Promise.all(members.map((earlier) =>
      waitFor(earlier, 'user_joined', (event) => event.userId === member.userId)));
    members.push(member);
  }
  members.forEach(clear);
  return { sessionId, leader: members[0], followers: members.slice(1), members };
}

let fences = 0;

/**
 * A marker that the leader sends through the session and every member awaits: whatever was told to the session before
 * it has arrived by then, so what is missing was never sent.
 */
export async function fence(leader, members, patience = kPatience) {
  const position = ++fences / 2 ** 20; // small, so that no film is shorter
  leader.emit('sync_playback', { position, isPlaying: false });
  await Promise.all(members.map((member) =>
    waitFor(member, 'playback_sync', (sync) => sync.position === position, patience)));
}

/** Repeats fence() until one gets through to everyone: for clients that are just reconnecting. */
export async function fenceAtLast(leader, members) {
  await until('a marker to reach everyone', () => fence(leader, members, kPatience / 10).then(() => true, () => false),
    3 * kPatience);
}

/** Asserts a refusal: the `error` event and, through `ask`, the failed acknowledgement. Returns the error event. */
export async function refused(socket, event, args, code) {
  const ack = await ask(socket, event, ...args);
  const error = await waitFor(socket, 'error', (one) => one.event === event);
  const about = `${event} ${JSON.stringify(args)?.slice(0, 200)}`;
  assert.equal(ack.success, false, about);
  assert.equal(ack.code, error.code, about);
  assert.equal(ack.message, error.message, about);
  assert.equal(typeof error.message, 'string', about);
  assert.ok(error.message.length > 5 && /\s/.test(error.message), `a person understands: ${error.message}`);
  assert.match(error.code, /^[A-Z][A-Z0-9_]*$/, about);
  if (code instanceof RegExp) assert.match(error.code, code, about);
  else if (code) assert.equal(error.code, code, about);
  return error;
}
