// A network between pages and the server that fails as networks of viewers do: it falls silent with all connections open, it is
// slow, or what is behind it answers errors.
import { once } from 'node:events';
import net from 'node:net';

const kReasons = { 404: 'Not Found', 503: 'Service Unavailable' };

export class Outage {
  #server;
  #listener;
  #links = new Set();
  #isSilent = false;
  #answers = []; // {status, paths}
  #pace = Infinity; // bytes a second, of each connection

  /** In front of `server`, a Server; it is closed when that is stopped. */
  static async open(server) {
    const outage = new Outage();
    outage.#server = server;
    outage.#listener = net.createServer((near) => outage.#accept(near));
    outage.#listener.listen(0, '127.0.0.1');
    await once(outage.#listener, 'listening');
    outage.url = `http://127.0.0.1:${outage.#listener.address().port}`;
    outage.forget = server.onStop(() => outage.close());
    return outage;
  }

  /** Nothing gets through, either way, and nobody is told: connections stay, new ones are taken and get no answer. */
  silence() {
    this.#isSilent = true;
    for (const { near, far } of this.#links) {
      near.pause();
      far.pause();
    }
  }

  /** What has waited gets through, late. */
  restore() {
    this.#isSilent = false;
    for (const link of this.#links) this.#flow(link);
  }

  /** Requests of paths that match `paths` are answered with `status`, until heal(). */
  answer(status, paths) { this.#answers.push({ status, paths }); }
  heal() { this.#answers = []; }

  /** So many bytes a second come down each connection. */
  pace(bytes) { this.#pace = bytes; }

  close() {
    this.forget();
    this.#listener.close();
    for (const { near, far } of this.#links) {
      near.destroy();
      far.destroy();
    }
  }

  #accept(near) {
    const far = net.connect({ port: this.#server.port, host: '127.0.0.1' });
    const link = { near, far, rests: null };
    this.#links.add(link);
    for (const socket of [near, far]) {
      socket.setNoDelay(true);
      socket.pause();
      socket.on('error', () => {});
    }
    near.on('close', () => this.#end(link));
    far.on('close', () => this.#end(link));
    near.on('drain', () => this.#flow(link));
    far.on('drain', () => this.#flow(link));
    near.on('data', (chunk) => this.#up(link, chunk));
    far.on('data', (chunk) => this.#down(link, chunk));
    near.on('end', () => far.end());
    far.on('end', () => near.end());
    this.#flow(link);
  }

  #end(link) {
    clearTimeout(link.rests);
    link.near.destroy();
    link.far.end();
    link.far.resume(); // what it says is for nobody
    this.#links.delete(link);
  }

  /** Goes on reading where there is room for what is read. */
  #flow({ near, far, rests }) {
    if (this.#isSilent) near.pause();
    else if (!far.writableNeedDrain) near.resume();
    if (this.#isSilent) far.pause();
    else if (!near.writableNeedDrain && !rests) far.resume();
  }

  /** Browsers send no request before the answer to the one before, so each begins a chunk. */
  #up(link, chunk) {
    const { near, far } = link;
    const path = /^(?:GET|HEAD) (\S+) HTTP/.exec(chunk.toString('latin1', 0, 2000))?.[1];
    const told = path && this.#answers.find(({ paths }) => paths.test(path));
    if (told) {
      near.end(`HTTP/1.1 ${told.status} ${kReasons[told.status]}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
      far.end();
    } else if (!far.write(chunk)) {
      near.pause();
    }
  }

  #down(link, chunk) {
    const { near, far } = link;
    if (near.writable && !near.write(chunk)) far.pause();
    if (this.#pace === Infinity) return;
    far.pause();
    clearTimeout(link.rests);
    link.rests = setTimeout(() => {
      link.rests = null;
      this.#flow(link);
    }, (chunk.length / this.#pace) * 1000);
  }
}
