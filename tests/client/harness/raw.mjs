// Bytes on the wire: an HTTP and WebSocket client that sends exactly what it is told to.
import crypto from 'node:crypto';
import net from 'node:net';
import tls from 'node:tls';
import { once } from 'node:events';
import { deadline, kPatience } from './wait.mjs';

export const kText = 0x1;
export const kBinary = 0x2;
export const kClose = 0x8;
export const kPing = 0x9;
export const kPong = 0xa;

/** One client frame. `length` overrides the declared length, `mask: false` leaves the mask out. */
export function frame(opcode, payload = '', { fin = true, rsv = 0, mask = true, length, lengthBytes } = {}) {
  const body = Buffer.from(payload);
  const declared = BigInt(length ?? body.length);
  const form = lengthBytes ?? (declared < 126n ? 1 : declared < 65536n ? 3 : 9);
  const head = [(fin ? 0x80 : 0) | (rsv << 4) | opcode];
  const maskBit = mask ? 0x80 : 0;
  if (form === 1) {
    head.push(maskBit | Number(declared));
  } else {
    const width = form === 3 ? 2 : 8;
    head.push(maskBit | (width === 2 ? 126 : 127));
    for (let i = width - 1; i >= 0; i--) head.push(Number((declared >> BigInt(8 * i)) & 0xffn));
  }
  if (!mask) return Buffer.concat([Buffer.from(head), body]);
  const key = crypto.randomBytes(4);
  return Buffer.concat([Buffer.from(head), key, Buffer.from(body.map((byte, i) => byte ^ key[i % 4]))]);
}

/** The payload of a close frame. */
export function closePayload(code, reason = '') {
  const head = Buffer.alloc(2);
  head.writeUInt16BE(code);
  return Buffer.concat([head, Buffer.from(reason)]);
}

export class RawConnection {
  #buffer = Buffer.alloc(0);
  #ended = false;
  #wake = null;

  constructor(socket) {
    this.socket = socket;
    socket.on('data', (chunk) => {
      this.#buffer = Buffer.concat([this.#buffer, chunk]);
      this.#wake?.();
    });
    const end = () => { this.#ended = true; this.#wake?.(); };
    socket.on('end', end);
    socket.on('close', end);
    socket.on('error', end);
    socket.resume();
  }

  static async open(server, { tls: secure = false } = {}) {
    const socket = secure
      ? tls.connect({ port: server.tlsPort, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] })
      : net.connect(server.port, '127.0.0.1');
    const forget = server.onStop(() => socket.destroy());
    socket.on('close', forget);
    await deadline(once(socket, secure ? 'secureConnect' : 'connect'), kPatience, 'a raw connection');
    socket.setNoDelay(true);
    return new RawConnection(socket);
  }

  write(data) { if (!this.socket.destroyed) this.socket.write(data); }
  /** As write(), and waits until the kernel has it, or the connection is broken. */
  async send(data) {
    await deadline(new Promise((resolve) => this.socket.write(data, resolve)), kPatience, 'the kernel to take bytes');
  }
  destroy() { this.socket.destroy(); }

  /**
   * Takes bytes off the buffer with `parse(buffer)` → {value, used} or null for "more". undefined when it ended. Fails
   * when nothing comes for `patience`.
   */
  async #take(parse, what, patience = kPatience) {
    for (;;) {
      const hit = parse(this.#buffer);
      if (hit) {
        this.#buffer = this.#buffer.subarray(hit.used);
        return hit.value;
      }
      if (this.#ended) return undefined;
      await deadline(new Promise((resolve) => { this.#wake = resolve; }), patience,
        () => `${what} (buffered: ${JSON.stringify(this.#buffer.toString('latin1').slice(0, 200))})`);
    }
  }

  /** The next HTTP response, or undefined when the connection ended. Bodies by Content-Length, chunks or end. */
  async response({ head = false } = {}) {
    const top = await this.#take((buffer) => {
      const end = buffer.indexOf('\r\n\r\n');
      return end < 0 ? null : { value: buffer.subarray(0, end).toString('latin1'), used: end + 4 };
    }, 'a response head');
    if (top === undefined) return undefined;
    const [line, ...lines] = top.split('\r\n');
    const headers = Object.fromEntries(lines.map((one) => {
      const at = one.indexOf(':');
      return [one.slice(0, at).toLowerCase(), one.slice(at + 1).trim()];
    }));
    const status = Number(line.split(' ')[1]);
    let body = '';
    if (!head && status !== 101 && status !== 204 && status !== 304) {
      if (headers['content-length'] !== undefined) {
        const size = Number(headers['content-length']);
        body = await this.#take((buffer) => buffer.length < size
          ? null
          : { value: buffer.subarray(0, size).toString(), used: size }, 'a response body');
      } else if (/chunked/i.test(headers['transfer-encoding'] ?? '')) {
        body = await this.#chunks();
      } else {
        await this.ended();
        body = this.#buffer.toString();
        this.#buffer = Buffer.alloc(0);
      }
    }
    return { status, headers, body, worker: Number(headers['x-worker']), json: () => JSON.parse(body) };
  }

  async #chunks() {
    let body = '';
    for (;;) {
      const chunk = await this.#take((buffer) => {
        const eol = buffer.indexOf('\r\n');
        if (eol < 0) return null;
        const size = parseInt(buffer.subarray(0, eol).toString(), 16);
        const used = eol + 2 + size + 2;
        return buffer.length < used ? null : { value: buffer.subarray(eol + 2, eol + 2 + size).toString(), used };
      }, 'a chunk');
      if (!chunk) return body;
      body += chunk;
    }
  }

  /** The next server frame as {fin, opcode, payload}, or undefined when the connection ended. */
  frame(patience) {
    return this.#take((buffer) => {
      if (buffer.length < 2) return null;
      if (buffer[0] & 0x70) throw new Error(`the server set reserved bits: ${buffer[0].toString(16)}`);
      if (buffer[1] & 0x80) throw new Error('the server masked a frame');
      let size = buffer[1] & 0x7f;
      let at = 2;
      if (size === 126) {
        if (buffer.length < 4) return null;
        size = buffer.readUInt16BE(2);
        at = 4;
      } else if (size === 127) {
        if (buffer.length < 10) return null;
        size = Number(buffer.readBigUInt64BE(2));
        at = 10;
      }
      if (buffer.length < at + size) return null;
      const payload = Buffer.from(buffer.subarray(at, at + size));
      return { value: { fin: (buffer[0] & 0x80) !== 0, opcode: buffer[0] & 0xf, payload }, used: at + size };
    }, 'a frame', patience);
  }

  /** The next text message that `accept`s; answers Engine.IO pings on the way. */
  async message(accept = () => true, patience) {
    for (;;) {
      const next = await this.frame(patience);
      if (next === undefined) throw new Error('the connection ended while waiting for a message');
      if (next.opcode === kClose) {
        throw new Error(`the server closed with ${next.payload.length >= 2 ? next.payload.readUInt16BE(0) : 'no code'}`);
      }
      if (next.opcode !== kText) continue;
      const text = next.payload.toString();
      if (text === '2') this.write(frame(kText, '3'));
      if (accept(text)) return text;
    }
  }

  /**
   * Reads up to the close frame, calls `onClose`, answers it, and reads to the end of the connection; {code, reason,
   * messages}. Fails when bytes follow a close.
   */
  async closing(onClose = () => {}) {
    const messages = [];
    for (;;) {
      const next = await this.frame();
      if (next === undefined) return { code: undefined, messages };
      if (next.opcode !== kClose) {
        messages.push(next.payload.toString());
        continue;
      }
      onClose();
      const code = next.payload.length >= 2 ? next.payload.readUInt16BE(0) : null;
      this.write(frame(kClose, next.payload));
      const rest = await this.rest();
      if (rest.length > 0) throw new Error(`${rest.length} bytes follow the close frame: ${rest.toString('hex')}`);
      return { code, reason: next.payload.subarray(2).toString(), messages };
    }
  }

  /** Everything up to the end of the connection. */
  async rest() {
    await this.ended();
    const all = this.#buffer;
    this.#buffer = Buffer.alloc(0);
    return all;
  }

  async ended(patience = kPatience) {
    while (!this.#ended) {
      await deadline(new Promise((resolve) => { this.#wake = resolve; }), patience, 'the server to end the connection');
    }
  }
}

export const kWebSocketKey = 'dGhlIHNhbXBsZSBub25jZQ==';
export const kWebSocketAccept = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';

/** The bytes of a WebSocket handshake. `headers` override the usual ones; null leaves one out. */
export function upgradeRequest(server, { path = '/socket.io/?EIO=4&transport=websocket', headers = {} } = {}) {
  const all = {
    Host: `127.0.0.1:${server.port}`, Upgrade: 'websocket', Connection: 'Upgrade',
    'Sec-WebSocket-Key': kWebSocketKey, 'Sec-WebSocket-Version': '13', ...headers,
  };
  const lines = Object.entries(all).filter(([, value]) => value !== null).map(([name, value]) => `${name}: ${value}`);
  return `GET ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`;
}

/** An open raw WebSocket; the Socket.IO CONNECT is done too, unless `bare`. */
export async function rawWebSocket(server, { bare = false, tls: secure = false, ...options } = {}) {
  const connection = await RawConnection.open(server, { tls: secure });
  connection.write(upgradeRequest(server, options));
  const answer = await connection.response();
  if (answer?.status !== 101) throw new Error(`the upgrade was answered ${answer?.status}: ${answer?.body}`);
  connection.worker = answer.worker;
  const handshake = await connection.message();
  connection.handshake = JSON.parse(handshake.slice(1));
  if (!bare) {
    connection.write(frame(kText, '40'));
    await connection.message((text) => text.startsWith('40'));
  }
  return connection;
}
