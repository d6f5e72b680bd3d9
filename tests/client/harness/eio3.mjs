// Engine.IO revision 3 by hand: packets are framed by their length in UTF-16 units, and the client sends the pings.
import { request } from './http.mjs';

/** `length:packet` for each; a JavaScript string's length is in UTF-16 units. */
export const encode3 = (...packets) => packets.map((packet) => `${packet.length}:${packet}`).join('');

/** The packets of a payload; throws when it is not framed as it must be. */
export function decode3(payload) {
  const packets = [];
  for (let at = 0; at < payload.length;) {
    const colon = payload.indexOf(':', at);
    const digits = payload.slice(at, colon);
    if (colon < 0 || !/^(0|[1-9]\d*)$/.test(digits)) throw new Error(`no length at ${at} of ${JSON.stringify(payload)}`);
    const end = colon + 1 + Number(digits);
    if (end > payload.length) throw new Error(`${digits} units at ${at} go past the end of ${JSON.stringify(payload)}`);
    packets.push(payload.slice(colon + 1, end));
    at = end;
  }
  return packets;
}

/** The binary form of a payload: 0, the length in bytes as decimal digits, 255, the packet in UTF-8. */
export const encodeBinary3 = (...packets) => Buffer.concat(packets.flatMap((packet) => {
  const bytes = Buffer.from(packet);
  return [Buffer.from([0, ...String(bytes.length).split('').map(Number), 255]), bytes];
}));

export class Polling3 {
  constructor(server, sid, query, path) {
    Object.assign(this, { server, sid, query, path, pending: [] });
  }

  /** Opens an Engine.IO session and collects "40", which comes by itself; `query` may leave EIO out, or add b64. */
  static async open(server, { path = '/socket.io/', query = 'EIO=3', bare = false, ...options } = {}) {
    const answer = await request(server, { path: `${path}?${query}&transport=polling`, ...options });
    if (answer.status !== 200) throw new Error(`the handshake was answered ${answer.status}: ${answer.body}`);
    const [handshake, ...more] = decode3(answer.body);
    if (handshake[0] !== '0') throw new Error(`the handshake is ${answer.body}`);
    const polling = new Polling3(server, JSON.parse(handshake.slice(1)).sid, query, path);
    polling.opening = answer;
    polling.handshake = JSON.parse(handshake.slice(1));
    polling.pending = more;
    if (!bare) await polling.packets((packet) => packet === '40', options);
    return polling;
  }

  url(transport = 'polling') { return `${this.path}?${this.query}&transport=${transport}&sid=${this.sid}`; }
  poll(options = {}) { return request(this.server, { path: this.url(), ...options }); }

  /** POSTs packets in one payload. */
  post(packets, options) { return this.postBody(encode3(...[packets].flat()), options); }

  postBody(body, options = {}) {
    return request(this.server, { method: 'POST', path: this.url(), body,
      ...options, headers: { 'Content-Type': 'text/plain;charset=UTF-8', ...options.headers } });
  }

  /** Polls until a packet is accepted; returns all packets up to that one, and keeps those after it for the next call. */
  async packets(accept, options = {}) {
    const all = [];
    for (;;) {
      while (this.pending.length > 0) {
        const packet = this.pending.shift();
        all.push(packet);
        if (accept(packet)) return all;
      }
      const answer = await this.poll(options);
      if (answer.status !== 200) throw new Error(`the poll was answered ${answer.status}: ${answer.body}`);
      this.pending = decode3(answer.body);
    }
  }

  /** All packets up to the moment when each of `wanted` has been met by one, in whatever order. */
  async all(wanted, options) {
    const missing = new Set(wanted);
    return this.packets((packet) => {
      for (const one of missing) if (one(packet)) { missing.delete(one); break; }
      return missing.size === 0;
    }, options);
  }

  /** The first packet that is an event named `name`, as [name, ...args]. */
  async event(name, options) {
    const all = await this.packets((packet) => packet.startsWith(`42["${name}"`), options);
    return JSON.parse(all.at(-1).slice(2));
  }
}
