// A network between one page and the server: TCP connections whose bytes arrive later, in order. What a lost packet costs is
// what TCP takes to send it again. Downloads of films can be slow, or stop for a while.
import { once } from 'node:events';
import net from 'node:net';

const kResend = 0.2; // seconds, beside the way itself

export class Network {
  #target;
  #paths;
  #filmRate;
  #listener;
  #sockets = new Set();
  #stalledUntil = 0;

  /** paths: {up, down}, each {delay, jitter, loss} in seconds and a share; filmRate: bytes a second, or Infinity. */
  static async open(target, { up = {}, down = {}, filmRate = Infinity } = {}) {
    const network = new Network();
    network.#target = target;
    network.#paths = { up, down };
    network.#filmRate = filmRate;
    network.#listener = net.createServer((near) => network.#accept(near));
    network.#listener.listen(0, '127.0.0.1');
    await once(network.#listener, 'listening');
    network.url = `http://127.0.0.1:${network.#listener.address().port}`;
    return network;
  }

  /** No film gets through for so long. */
  stall(seconds) {
    this.#stalledUntil = performance.now() + seconds * 1000;
  }

  close() {
    this.#listener.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #accept(near) {
    const far = net.connect(this.#target.port, '127.0.0.1');
    const link = { isFilm: false };
    for (const socket of [near, far]) {
      socket.setNoDelay(true);
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => this.#sockets.delete(socket));
    }
    near.on('data', (chunk) => { link.isFilm = chunk.toString('latin1', 0, 11) === 'GET /films/'; });
    this.#pass(near, far, this.#paths.up, link);
    this.#pass(far, near, this.#paths.down, link, true);
  }

  #pass(from, to, { delay = 0, jitter = 0, loss = 0 }, link, isDown = false) {
    const queue = []; // {at, chunk}; a chunk of null is the end
    let free = 0; // when the last byte has arrived
    let timer = null;
    const deliver = () => {
      timer = null;
      while (queue.length > 0 && queue[0].at <= performance.now() + 0.5) {
        const { chunk } = queue.shift();
        if (chunk === null) to.destroy();
        else if (!to.destroyed) to.write(chunk);
      }
      if (queue.length < 8) from.resume(); // a slow way is one on which little is under way
      if (queue.length > 0) timer = setTimeout(deliver, queue[0].at - performance.now());
    };
    const send = (chunk, at) => {
      queue.push({ at, chunk });
      if (queue.length > 16) from.pause();
      if (timer === null) deliver();
    };
    from.on('data', (chunk) => {
      const resent = Math.random() < loss ? kResend + 2 * delay : 0;
      free = Math.max(free, performance.now() + 1000 * Math.max(0, delay + jitter * (2 * Math.random() - 1) + resent));
      if (isDown && link.isFilm) free = this.#filmTime(free, chunk.length);
      send(chunk, free);
    });
    from.on('close', () => send(null, free));
  }

  #filmTime(arrives, bytes) {
    const from = Math.max(arrives, this.#stalledUntil);
    return from + (this.#filmRate === Infinity ? 0 : (1000 * bytes) / this.#filmRate);
  }
}

const wide = { delay: 0.05, jitter: 0.02, loss: 0.01 };

/** What is tried: {paths: of every page, odd: what is different for the last page, rate: another speed in place of the seek}. */
export const kConditions = {
  loopback: { title: 'loopback' },
  jitter: { title: '50 ms ± 20 ms each way, 1 % loss', paths: { up: wide, down: wide } },
  asymmetric: { title: '80 ms up, 20 ms down', paths: { up: { delay: 0.08 }, down: { delay: 0.02 } } },
  clock: { title: 'one clock four minutes off', odd: { clock: 240 } },
  throttled: { title: 'one CPU four times slower', odd: { cpu: 4 } },
  stalled: { title: 'one download that stops for 16 s', odd: { filmShare: 1.3, stall: 16 } },
  half: { title: 'half the speed, in place of the seek', rate: 0.5 },
  double: { title: 'twice the speed, in place of the seek', rate: 2 },
};
