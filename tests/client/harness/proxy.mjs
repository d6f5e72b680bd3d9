// A network between clients and the server that can fail: in the open, silently, in one direction, or for newcomers.
import { once } from 'node:events';
import net from 'node:net';

export class Proxy {
  #server;
  #listener;
  #links = new Set();
  #refusing = false;

  /** A proxy in front of `server`. It passes for a Server where clients are opened: it has url, port and onStop(). */
  static async open(server) {
    const proxy = new Proxy();
    proxy.#server = server;
    proxy.#listener = net.createServer({ allowHalfOpen: true }, (near) => proxy.#accept(near));
    proxy.#listener.listen(0, '127.0.0.1');
    await once(proxy.#listener, 'listening');
    proxy.port = proxy.#listener.address().port;
    proxy.url = `http://127.0.0.1:${proxy.port}`;
    proxy.forget = server.onStop(() => proxy.close());
    return proxy;
  }

  onStop(cleanup) { return this.#server.onStop(cleanup); }

  #accept(near) {
    near.on('error', () => {});
    if (this.#refusing) {
      near.destroy();
      return;
    }
    const far = net.connect({ port: this.#server.port, host: '127.0.0.1', allowHalfOpen: true });
    near.setNoDelay(true);
    far.setNoDelay(true);
    far.on('error', () => {});
    const closed = new Promise((resolve) => { far.once('close', resolve); });
    const link = { near, far, closed, swallow: { up: false, down: false }, polls: false, webSocket: false };
    this.#links.add(link);
    near.on('data', (chunk) => { link.polls = chunk.toString('latin1', 0, 4) === 'GET '; });
    far.on('data', (chunk) => {
      link.polls = false;
      link.webSocket ||= chunk.toString('latin1', 0, 12) === 'HTTP/1.1 101';
    });
    const pass = (from, to, direction) => {
      from.on('data', (chunk) => { if (!link.swallow[direction] && !to.destroyed) to.write(chunk); });
      from.on('end', () => { if (!link.swallow[direction]) to.end(); });
      from.on('close', () => {
        if (!link.swallow[direction]) to.destroy();
        if (near.destroyed && far.destroyed) this.#links.delete(link);
      });
    };
    pass(near, far, 'up');
    pass(far, near, 'down');
  }

  /** Whether a request waits for its answer, or a WebSocket is open: whether the server would notice a cut. */
  get attached() {
    return [...this.#links].some(({ near, far, polls, webSocket }) =>
      (polls || webSocket) && !near.destroyed && !far.destroyed && !far.connecting);
  }

  /** Ends every connection; both sides notice. */
  cut() {
    for (const { near, far } of this.#links) {
      near.destroy();
      far.destroy();
    }
  }

  /**
   * From now on, what is sent on the present connections disappears, and neither side learns when the other one closes.
   * A lost direction stays lost. Returns the connections to the server, each with a promise `closed`.
   */
  silence({ up = true, down = true } = {}) {
    for (const link of this.#links) link.swallow = { up: link.swallow.up || up, down: link.swallow.down || down };
    return [...this.#links];
  }

  /** Ends the clients' side of every connection; servers learn of it where the way up is not silenced. */
  dropClients() {
    for (const { near } of this.#links) near.destroy();
  }

  /** New connections are ended at once, until admit(). */
  refuse() { this.#refusing = true; }
  admit() { this.#refusing = false; }

  /** The clients have no network until admit(), and both sides know it. */
  down() {
    this.refuse();
    this.cut();
  }

  /** The clients have no network until admit(), and only they know it: for the server the connections are as before. */
  vanish() {
    this.refuse();
    const links = this.silence();
    this.dropClients();
    return links;
  }

  close() {
    this.forget();
    this.#listener.close();
    this.refuse();
    this.cut();
  }
}
