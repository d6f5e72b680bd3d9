// What the library makes of the events of its session, with a Socket.IO client that only pretends.
import assert from 'node:assert/strict';
import { ServerClock } from '../../web/mediasync/clock.js';
import { Connection } from '../../web/mediasync/connection.js';
import { describe, it } from '../client/harness/tests.mjs';
import { kSession, PretendedSocket } from './pretended_socket.mjs';

/** Timeouts that pass when they are told to. Intervals don't. */
class Clock {
  #timers = new Map();
  #now = 0;
  #count = 0;
  #before = { setTimeout, clearTimeout, setInterval };

  constructor() {
    globalThis.setTimeout = (act, ms) => {
      this.#timers.set(++this.#count, { act, at: this.#now + ms });
      return this.#count;
    };
    globalThis.clearTimeout = (timer) => { this.#timers.delete(timer); };
    globalThis.setInterval = () => null;
  }

  pass(ms) {
    this.#now += ms;
    for (const [timer, { act, at }] of this.#timers) {
      if (at <= this.#now && this.#timers.delete(timer)) act();
    }
  }

  restore() { Object.assign(globalThis, this.#before); }
}

/** Ann in the session, and what she was told. */
function stage() {
  const clock = new Clock();
  const socket = new PretendedSocket();
  const told = [];
  const connection = new Connection(socket, { sessionId: 's', userId: 'ann', username: 'Ann' }, new ServerClock(),
    (type) => told.push(type));
  socket.hear('session_joined', { session: structuredClone(kSession) });
  told.length = 0;
  return { socket, connection, told, clock };
}

describe('a connection to a session', () => {
  const act = (title, body) => it(title, () => {
    const all = stage();
    try {
      body(all);
    } finally {
      all.connection.close(true);
      all.clock.restore();
    }
  });

  act('asks for the state when others come or go', ({ socket, clock }) => {
    socket.hear('user_joined', { userId: 'cat', username: 'Cat', avatar: null });
    socket.hear('user_left', { userId: 'bob', username: 'Bob' });
    assert.equal(socket.count('request_session_state'), 0);
    clock.pass(1000);
    assert.equal(socket.count('request_session_state'), 1);
  });

  act('asks for the state when it is told that another leads', ({ socket, told, clock }) => {
    socket.hear('error', { code: 'NOT_LEADER', message: 'no', event: 'sync_playback' });
    clock.pass(1000);
    assert.equal(socket.count('request_session_state'), 1);
    assert.deepEqual(told, ['refused']);
  });

  act('asks for the state when a command was refused, which counts here already', ({ socket, clock }) => {
    socket.hear('error', { code: 'RATE_LIMITED', message: 'no', event: 'sync_playback' });
    clock.pass(1000);
    assert.equal(socket.count('request_session_state'), 1);
  });

  act('does not for refusals that have nothing to do with it', ({ socket, told, clock }) => {
    for (const code of ['UNKNOWN_EVENT', 'RATE_LIMITED', 'INVALID_POSITION']) {
      socket.hear('error', { code, message: 'no', event: 'x' });
    }
    clock.pass(1000);
    assert.equal(socket.count('request_session_state'), 0);
    assert.deepEqual(told, ['refused', 'refused', 'refused']);
  });

  for (const [how, event, data] of [
    ['its user has left by another tab', 'user_left', { userId: 'ann', username: 'Ann' }],
    ['it is told so', 'error', { code: 'NOT_IN_SESSION', message: 'no', event: 'heartbeat' }],
  ]) {
    act(`is out of the session when ${how}, and comes back when it is asked to`, ({ socket, connection, told, clock }) => {
      socket.hear(event, data);
      socket.hear(event, data);
      assert.equal(told.filter((type) => type === 'left').length, 1);
      assert.equal(connection.isJoined, false);
      assert.equal(connection.isLeader, false);
      clock.pass(5000);
      assert.equal(socket.count('request_session_state'), 0);
      socket.hear('disconnect', 'transport close');
      socket.hear('connect');
      assert.equal(socket.count('join_session'), 1); // the first one
      connection.reconnect();
      assert.equal(socket.count('join_session'), 2); // and, once it is in:
      socket.hear('session_joined', { session: structuredClone(kSession) });
      assert.equal(connection.isJoined, true);
      connection.reconnect();
      assert.equal(socket.count('join_session'), 2);
    });
  }
});
