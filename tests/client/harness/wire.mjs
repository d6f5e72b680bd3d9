// A strict WebSocket peer on a raw socket: it judges every frame of the server by RFC 6455, and sends exactly the bytes
// that it is told to, in the pieces that it is told to.
import net from 'node:net';
import tls from 'node:tls';
import { once } from 'node:events';
import zlib from 'node:zlib';
import { deadline, kPatience } from './wait.mjs';
import { closePayload, frame, kBinary, kClose, kPing, kPong, kText } from './raw.mjs';

export const kContinuation = 0x0;
const strictText = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The bytes of an HTTP request. `headers` is a list of [name, value], so that names can come twice and in any case. */
export function requestBytes({ method = 'GET', path, version = 'HTTP/1.1', headers = [] }) {
  return Buffer.from(`${method} ${path} ${version}\r\n${headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`,
    'latin1');
}

/** The usual handshake headers; `changes` maps a name to another value, to a list of values, or to null. */
export function upgradeHeaders(server, changes = {}) {
  const all = { Host: `127.0.0.1:${server.port}`, Upgrade: 'websocket', Connection: 'Upgrade',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Version': '13', ...changes };
  return Object.entries(all).flatMap(([name, value]) =>
    value === null ? [] : [value].flat().map((one) => [name, one]));
}

export const tick = () => new Promise((resolve) => setImmediate(resolve));
const breath = () => new Promise((resolve) => setTimeout(resolve, 1));

/** A message as the server sent it: kind is 'text', 'binary', 'ping', 'pong' or 'close'. */
function kindOf(opcode) {
  return { [kText]: 'text', [kBinary]: 'binary', [kPing]: 'ping', [kPong]: 'pong', [kClose]: 'close' }[opcode];
}

export class Wire {
  #buffer = Buffer.alloc(0);
  #waiting = new Set();
  #head = null;
  #open = null;
  #deflate = false;

  constructor(socket) {
    Object.assign(this, { socket, frames: [], messages: [], taken: 0, fault: null, ended: false, problem: null });
    socket.on('data', (chunk) => {
      this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk]);
      try {
        this.#parse();
      } catch (error) {
        this.fault = error;
        socket.destroy();
      }
      this.#look();
    });
    const end = () => { this.ended = true; this.#look(); };
    socket.on('end', end);
    socket.on('close', end);
    socket.on('error', (error) => { this.problem = error; end(); });
  }

  static async open(server, { tls: secure = false } = {}) {
    const socket = secure
      ? tls.connect({ port: server.tlsPort, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] })
      : net.connect(server.port, '127.0.0.1');
    const forget = server.onStop(() => socket.destroy());
    socket.on('close', forget);
    await deadline(once(socket, secure ? 'secureConnect' : 'connect'), kPatience, 'a raw connection');
    socket.setNoDelay(true);
    return new Wire(socket);
  }

  /** An open WebSocket at `path` that has its open packet. `extensions` is an offer. */
  static async websocket(server, { path, extensions, headers = {}, tls: secure } = {}) {
    const wire = await Wire.open(server, { tls: secure });
    wire.write(requestBytes({ path, headers: upgradeHeaders(server, {
      ...(extensions === undefined ? {} : { 'Sec-WebSocket-Extensions': extensions }), ...headers }) }));
    const head = await wire.head();
    if (head.status !== 101) throw new Error(`the upgrade was answered ${head.status}`);
    await wire.opened();
    return wire;
  }

  /** The first text, which is the open packet; its sid is kept. */
  async opened() {
    const { text } = await this.message((one) => one.kind === 'text');
    if (!text.startsWith('0{')) throw new Error(`the first text is ${text.slice(0, 100)}`);
    this.handshake = JSON.parse(text.slice(1));
  }

  write(data) { if (!this.socket.destroyed && this.socket.writable) this.socket.write(data); }
  destroy() { this.socket.destroy(); }

  /** Writes `pieces` so that short ones, and the ends of long ones, go byte by byte. */
  async dribble(...pieces) {
    let count = 0;
    const one = async (bytes) => {
      this.write(bytes);
      await (++count % 8 === 0 ? breath() : tick());
    };
    for (const piece of pieces) {
      const slow = piece.length <= 300 ? piece.length : 16;
      for (let i = 0; i < slow; i++) await one(piece.subarray(i, i + 1));
      for (let i = slow; i < piece.length - 4; i += 65521) await one(piece.subarray(i, Math.min(i + 65521, piece.length - 4)));
      for (let i = Math.max(slow, piece.length - 4); i < piece.length; i++) await one(piece.subarray(i, i + 1));
    }
  }

  #look() { for (const look of [...this.#waiting]) look(); }

  /** Waits until `probe()` is truthy, and answers that; undefined when the connection ended before. */
  async until(what, probe, patience = kPatience) {
    let look;
    const happened = new Promise((resolve, reject) => {
      look = () => {
        if (this.fault) return reject(this.fault);
        const answer = probe();
        if (answer) resolve(answer);
        else if (this.ended) resolve(undefined);
      };
      this.#waiting.add(look);
      look();
    });
    try {
      return await deadline(happened, patience, () => `${typeof what === 'string' ? what : what()}; came so far: ${
        this.messages.slice(-5).map((one) => `${one.kind} ${one.payload.subarray(0, 60)}`).join(' | ') || 'nothing'}`);
    } finally {
      this.#waiting.delete(look);
    }
  }

  /** The next HTTP response head: {status, headers, lines}. */
  async head() {
    const head = await this.until('a response head', () => this.#head);
    if (!head) throw new Error(`the connection ended without an answer${this.problem ? `: ${this.problem.code}` : ''}`);
    return head;
  }

  /** The next message not taken before that `accept`s; others before it are skipped. */
  async message(accept = () => true, patience) {
    const hit = await this.until(() => `a message${accept.length ? ` with ${accept}` : ''}`, () => {
      while (this.taken < this.messages.length) {
        const one = this.messages[this.taken++];
        if (accept(one)) return one;
      }
      return null;
    }, patience);
    if (!hit) throw new Error(`the connection ended while waiting for a message with ${accept}; ${this.summary()}`);
    return hit;
  }

  summary() {
    return `received: ${this.messages.map((one) => `${one.kind} ${one.code ?? one.payload.subarray(0, 40)}`).join(' | ')}` +
      `${this.problem ? `, ${this.problem.code}` : ''}`;
  }

  get closing() { return this.messages.find((one) => one.kind === 'close'); }

  /** Waits for the close frame, answers it unless `answer` is false, and waits for the end of TCP. The close frame. */
  async closed({ answer = true } = {}) {
    const close = await this.until('the close frame', () => this.closing);
    if (!close) throw new Error(`the connection ended without a close frame; ${this.summary()}`);
    if (answer) this.write(frame(kClose, close.payload));
    await this.end();
    return close;
  }

  end(patience) { return this.until('the end of the TCP connection', () => this.ended, patience); }

  /** An Engine.IO echo round trip. */
  async echo(text) {
    this.write(frame(kText, text));
    await this.message((one) => one.kind === 'text' && one.text === text);
  }

  #parse() {
    if (!this.#head) {
      const end = this.#buffer.indexOf('\r\n\r\n');
      if (end < 0) return;
      const [first, ...lines] = this.#buffer.subarray(0, end).toString('latin1').split('\r\n');
      const headers = {};
      for (const line of lines) {
        const at = line.indexOf(':');
        const name = line.slice(0, at).toLowerCase();
        headers[name] = name in headers ? `${headers[name]}, ${line.slice(at + 1).trim()}` : line.slice(at + 1).trim();
      }
      this.#head = { status: Number(first.split(' ')[1]), version: first.split(' ')[0], headers, worker: Number(headers['x-worker']) };
      this.#deflate = /permessage-deflate/.test(headers['sec-websocket-extensions'] ?? '');
      this.windowBits = Number(/server_max_window_bits="?(\d+)/.exec(headers['sec-websocket-extensions'] ?? '')?.[1] ?? 15);
      this.#buffer = this.#buffer.subarray(end + 4);
    }
    if (this.#head.status !== 101) return;
    for (;;) {
      const one = this.#frame();
      if (!one) return;
      this.frames.push(one);
      this.#assemble(one);
    }
  }

  #frame() {
    const buffer = this.#buffer;
    if (buffer.length < 2) return null;
    if (this.closing) throw new Error(`${buffer.length} bytes follow the close frame: ${buffer.subarray(0, 40).toString('hex')}`);
    const [first, second] = buffer;
    const fin = (first & 0x80) !== 0;
    const opcode = first & 0xf;
    const rsv = (first >> 4) & 7;
    if (second & 0x80) throw new Error('the server masked a frame');
    if (!kindOf(opcode) && opcode !== kContinuation) throw new Error(`the server sent opcode ${opcode}`);
    if (rsv & 3) throw new Error(`the server set reserved bits ${rsv}`);
    if (rsv && (!this.#deflate || (opcode !== kText && opcode !== kBinary))) {
      throw new Error(`the server set RSV1 on opcode ${opcode}${this.#deflate ? '' : ' without an extension'}`);
    }
    let size = second & 0x7f;
    let at = 2;
    if (opcode >= 8 && (size > 125 || !fin)) throw new Error('the server sent a long or fragmented control frame');
    if (size === 126) {
      if (buffer.length < 4) return null;
      size = buffer.readUInt16BE(2);
      at = 4;
      if (size < 126) throw new Error(`the server declared ${size} bytes in 16 bits`);
    } else if (size === 127) {
      if (buffer.length < 10) return null;
      size = Number(buffer.readBigUInt64BE(2));
      at = 10;
      if (size < 65536) throw new Error(`the server declared ${size} bytes in 64 bits`);
    }
    if (buffer.length < at + size) return null;
    const payload = Buffer.from(buffer.subarray(at, at + size));
    this.#buffer = buffer.subarray(at + size);
    return { fin, opcode, rsv, payload };
  }

  #assemble({ fin, opcode, rsv, payload }) {
    if (opcode >= 8) {
      const message = { kind: kindOf(opcode), payload };
      if (opcode === kClose) {
        if (payload.length === 1) throw new Error('the server sent a close frame of one byte');
        message.code = payload.length >= 2 ? payload.readUInt16BE(0) : null;
        message.reason = payload.length >= 2 ? strictText.decode(payload.subarray(2)) : '';
      }
      this.messages.push(message);
      return;
    }
    if ((opcode === kContinuation) !== (this.#open !== null)) {
      throw new Error(`the server sent opcode ${opcode} ${this.#open ? 'inside' : 'outside'} a fragmented message`);
    }
    this.#open ??= { kind: kindOf(opcode), compressed: rsv !== 0, parts: [] };
    this.#open.parts.push(payload);
    if (!fin) return;
    const { kind, compressed, parts } = this.#open;
    this.#open = null;
    const raw = Buffer.concat(parts);
    const message = { kind, compressed, wireSize: raw.length, payload: compressed ? inflate(raw, this.windowBits) : raw };
    if (kind === 'text') message.text = strictText.decode(message.payload);
    this.messages.push(message);
  }
}

const kTail = Buffer.from([0, 0, 0xff, 0xff]);

/** The payload of a compressed message, as RFC 7692 7.2.1 makes it, from an empty window. */
export function deflate(data, options = {}) {
  const bytes = zlib.deflateRawSync(Buffer.from(data), { ...options, finishFlush: zlib.constants.Z_SYNC_FLUSH });
  if (!bytes.subarray(-4).equals(kTail)) throw new Error('zlib did not end with an empty block');
  return bytes.subarray(0, -4);
}

/** What such a payload holds; throws when it needs an earlier message or a larger window. */
export function inflate(bytes, windowBits = 15) {
  return zlib.inflateRawSync(Buffer.concat([bytes, kTail]),
    { windowBits: Math.max(windowBits, 9), finishFlush: zlib.constants.Z_SYNC_FLUSH });
}

/** The frames of one message: its payload cut at `cuts`. `rsv` is set on the first. */
export function fragments(opcode, payload, cuts, { rsv = 0 } = {}) {
  const bytes = Buffer.from(payload);
  const ends = [...cuts, bytes.length];
  return ends.map((end, i) => frame(i === 0 ? opcode : kContinuation, bytes.subarray(i === 0 ? 0 : ends[i - 1], end),
    { fin: i === ends.length - 1, rsv: i === 0 ? rsv : 0 }));
}

export { closePayload };
