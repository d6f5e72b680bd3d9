// Engine.IO over HTTP long polling by hand: one request at a time, on whichever worker the test chooses.
import { request } from './http.mjs';

export const kSeparator = '\x1e';

export class Polling {
  constructor(server, sid, handshake, path) {
    Object.assign(this, { server, sid, handshake, path });
  }

  /** Opens an Engine.IO session; with `connectNamespace` also the Socket.IO one. */
  static async open(server, { path = '/socket.io/', connectNamespace = true, ...options } = {}) {
    const answer = await request(server, { path: `${path}?EIO=4&transport=polling`, ...options });
    if (answer.status !== 200) throw new Error(`the handshake was answered ${answer.status}: ${answer.body}`);
    const handshake = JSON.parse(answer.body.slice(1));
    const polling = new Polling(server, handshake.sid, handshake, path);
    polling.opening = answer;
    if (connectNamespace) {
      await polling.post('40', options);
      await polling.packets((packet) => packet.startsWith('40'), options);
    }
    return polling;
  }

  url(transport = 'polling') { return `${this.path}?EIO=4&transport=${transport}&sid=${this.sid}`; }
  poll(options = {}) { return request(this.server, { path: this.url(), ...options }); }
  post(body, options = {}) {
    return request(this.server, { method: 'POST', path: this.url(), body,
      ...options, headers: { 'Content-Type': 'text/plain;charset=UTF-8', ...options.headers } });
  }

  /** Polls, answering pings, until a packet is accepted; returns all packets seen up to and with that payload. */
  async packets(accept, options = {}) {
    const all = [];
    for (;;) {
      const answer = await this.poll(options);
      if (answer.status !== 200) throw new Error(`the poll was answered ${answer.status}: ${answer.body}`);
      const packets = answer.body.split(kSeparator);
      if (packets.includes('2')) await this.post('3', options);
      all.push(...packets);
      if (packets.some(accept)) return all;
    }
  }

  /** The first packet that is an event named `name`, as [name, ...args]. */
  async event(name, options) {
    const all = await this.packets((packet) => packet.startsWith(`42["${name}"`), options);
    return JSON.parse(all.find((packet) => packet.startsWith(`42["${name}"`)).slice(2));
  }
}
