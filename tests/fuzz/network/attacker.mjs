// A client of no good will: it opens connections, speaks the protocols nearly right, and goes at any point. A seed decides.
import net from 'node:net';
import tls from 'node:tls';
import zlib from 'node:zlib';
import { setTimeout as sleep } from 'node:timers/promises';
import { closePayload, frame, kBinary, kClose, kPing, kPong, kText, upgradeRequest } from '../../client/harness/raw.mjs';
import { connectPacket, packet, tamper } from './packets.mjs';

const kContinuation = 0x0;
const kMostConnections = 6; // of one attacker at a time
const kKept = 60; // steps that are told when something is found
const kRemembered = 200; // ids that the attackers have learned

const kTampered = 0.02; // of all that is sent

/** What the attackers have learned from answers, for all of them. */
export class Known {
  /** With `onlyOwn` they stay out of sessions that are not theirs. */
  constructor({ onlyOwn = false } = {}) { Object.assign(this, { onlyOwn, sids: [], sessions: [], recoveries: [] }); }

  /** From what came over a socket. */
  learn(text, socket) {
    for (const [, sid] of text.matchAll(/0\{"sid":"([^"]+)"/g)) this.#keep(this.sids, sid);
    for (const [, id] of this.onlyOwn ? [] : text.matchAll(/"sessionId":"([\w-]{1,40})"/g)) this.#keep(this.sessions, id);
    for (const [, pid] of text.matchAll(/"pid":"([^"]+)"/g)) {
      socket.recovery = { pid };
      this.#keep(this.recoveries, socket.recovery);
    }
    const offset = [...text.matchAll(/,"([\w-]+)"\]/g)].at(-1)?.[1];
    if (offset && socket.recovery) socket.recovery.offset = offset;
  }

  #keep(list, one) {
    list.push(one);
    if (list.length > kRemembered) list.shift();
  }
}

export class Attacker {
  #sockets = new Set();

  /** `pause` is between two steps, in ms; 0 lets others have their turn. */
  constructor(server, random, known, pause = 0) {
    Object.assign(this, { server, random, known, pause, steps: 0, told: [] });
  }

  note(text) {
    this.told.push(text);
    if (this.told.length > kKept) this.told.shift();
  }

  #open() {
    const { random, server } = this;
    const secure = random.chance(0.15);
    const socket = secure ? tls.connect({ port: server.tlsPort, host: '127.0.0.1', rejectUnauthorized: false })
      : net.connect(server.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('data', (bytes) => this.known.learn(bytes.toString('latin1'), socket));
    socket.kind = 'new';
    this.#sockets.add(socket);
    return socket;
  }

  #pick() {
    return this.#sockets.size > 0 ? this.random.pick([...this.#sockets]) : this.#open();
  }

  #speaker() {
    const speakers = [...this.#sockets].filter(({ kind }) => kind === 'websocket');
    return speakers.length > 0 && this.random.chance(0.95) ? this.random.pick(speakers) : this.#pick();
  }

  /** Sends the bytes, sometimes others than these, sometimes in pieces. */
  async #send(socket, bytes) {
    const { random } = this;
    let out = Buffer.from(bytes);
    while (random.chance(kTampered)) out = tamper(random, out);
    if (!random.chance(0.3)) {
      socket.write(out);
      return;
    }
    for (let at = 0; at < out.length;) {
      const size = random.int(1, Math.max(1, Math.ceil(out.length / random.int(1, 6))));
      socket.write(out.subarray(at, at + size));
      at += size;
      await sleep(random.int(0, 3));
    }
  }

  #sid() {
    const { random, known } = this;
    return known.sids.length > 0 && random.chance(0.9) ? random.pick(known.sids) : 'x'.repeat(random.int(0, 40));
  }

  #query(transport, hasSid) {
    const { random } = this;
    const parts = [`EIO=${random.chance(0.9) ? random.pick(['4', '4', '3']) : random.pick(['', '5', '%34'])}`, `transport=${transport}`];
    if (hasSid) parts.push(`sid=${this.#sid()}`);
    if (random.chance(0.04)) parts.push(random.pick(['t=x', 'b64=1', 'j=1', 'sid=', 'EIO=4', '%', '&&', `q=${'y'.repeat(3000)}`]));
    return `/socket.io/?${parts.join('&')}`;
  }

  #http(method, path, body = null, headers = {}) {
    const lines = [`${method} ${path} HTTP/1.1`, `Host: 127.0.0.1:${this.server.port}`];
    const { random } = this;
    if (body !== null && random.chance(0.05)) {
      lines.push('Transfer-Encoding: chunked');
      body = `${body.length.toString(16)}\r\n${body}\r\n${random.chance(0.8) ? '0\r\n\r\n' : ''}`;
    } else if (body !== null) {
      lines.push(`Content-Length: ${Buffer.byteLength(body) + (random.chance(0.03) ? random.int(-3, 300) : 0)}`);
    }
    for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
    return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body ?? ''}`);
  }

  #frames(text) {
    const { random } = this;
    const bytes = Buffer.from(text);
    const deflated = random.chance(0.15);
    const payload = deflated ? zlib.deflateRawSync(bytes, { finishFlush: zlib.constants.Z_SYNC_FLUSH }).subarray(0, -4) : bytes;
    const opcode = random.chance(0.03) ? kBinary : kText;
    const rsv = deflated ? 4 : 0;
    if (!random.chance(0.2)) return frame(opcode, payload, { rsv, mask: !random.chance(0.003) });
    const cut = random.int(0, payload.length);
    const control = random.chance(0.5) ? frame(random.pick([kPing, kPong]), 'p'.repeat(random.int(0, 125))) : Buffer.alloc(0);
    return Buffer.concat([frame(opcode, payload.subarray(0, cut), { fin: false, rsv }), control,
      frame(kContinuation, payload.subarray(cut), { fin: !random.chance(0.02) })]);
  }

  #packets() {
    const { random, known } = this;
    return Array.from({ length: random.int(1, 12) }, () => {
      const text = packet(random, known);
      return random.chance(0.05) ? tamper(random, Buffer.from(text)).toString() : text;
    });
  }

  /** What one can do, by name. */
  #actions = {
    websocket: async () => {
      const socket = this.#open();
      const headers = this.random.chance(0.3) ? { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits' } : {};
      await this.#send(socket, upgradeRequest(this.server, { path: this.#query('websocket', this.random.chance(0.1)), headers }));
      if (this.random.chance(0.8)) await this.#send(socket, this.#frames(`4${connectPacket(this.random, this.known)}`));
      socket.kind = 'websocket';
    },
    probe: async () => {
      const socket = this.#open();
      await this.#send(socket, upgradeRequest(this.server, { path: this.#query('websocket', true) }));
      for (const text of ['2probe', '5', '40']) {
        if (this.random.chance(0.8)) await this.#send(socket, this.#frames(text));
      }
      socket.kind = 'websocket';
    },
    say: async () => {
      const socket = this.#speaker();
      for (const one of this.#packets()) await this.#send(socket, this.#frames(one));
    },
    handshake: async () => this.#send(this.#pick(), this.#http('GET', this.#query('polling', false))),
    poll: async () => this.#send(this.#open(), this.#http('GET', this.#query('polling', true))),
    post: async () => this.#send(this.#pick(),
      this.#http('POST', this.#query('polling', true), this.#packets().join('\u001e'), { 'Content-Type': 'text/plain;charset=UTF-8' })),
    rest: async () => {
      const id = encodeURIComponent(this.random.pick(['canary', 'one', '', '%', 'é', ...this.known.sessions.slice(-3)]));
      const body = JSON.stringify({ creatorId: 'ann', creatorName: 'Ann', ...(this.random.chance(0.2) ? { creatorSecret: 's'.repeat(8) } : {}) });
      const requests = [['GET', '/api/sessions'], ['GET', '/api/sessions?limit=3'], ['GET', `/api/sessions/${id}`], ['GET', '/status'],
        ['OPTIONS', '/api/sessions'], ['DELETE', `/api/sessions/${id}`], ['POST', '/api/sessions', body]];
      await this.#send(this.#pick(), this.#http(...this.random.pick(requests)));
    },
    control: async () => this.#send(this.#pick(), this.random.pick([
      frame(kPing, 'x'), frame(kClose, closePayload(this.random.int(0, 5000))), frame(kClose), frame(kContinuation, 'x'),
      frame(kText, '', { length: 2 ** 40, lengthBytes: 9 }), frame(kText, '4', { fin: false }), frame(0x3, 'x')])),
    deaf: async () => this.#pick().pause(),
    hear: async () => this.#pick().resume(),
    end: async () => this.#pick().end(),
    destroy: async () => this.#pick().destroy(),
    reset: async () => {
      const socket = this.#pick();
      if (socket.resetAndDestroy && !(socket instanceof tls.TLSSocket)) socket.resetAndDestroy();
      else socket.destroy();
    },
    rest_a_while: async () => sleep(this.random.int(1, 60)),
  };

  static weights = { websocket: 3, probe: 1, say: 14, handshake: 1.5, poll: 3, post: 5, rest: 1, control: 0.3, deaf: 0.5,
    hear: 1, end: 0.2, destroy: 0.5, reset: 0.4, rest_a_while: 2 };

  async step() {
    const name = this.random.weighted(Attacker.weights);
    this.note(name);
    ++this.steps;
    await this.#actions[name]();
    if (this.#sockets.size > kMostConnections) this.random.pick([...this.#sockets]).destroy();
    await sleep(this.pause);
  }

  async run(isOver) {
    while (!isOver()) await this.step();
    for (const socket of this.#sockets) socket.destroy();
  }
}
