// The server's clock, estimated from round trips: a probe sent at t0 and answered at t1 with the server's time puts the
// server at that time in the middle between t0 and t1, give or take half the round trip. The quickest of the recent
// round trips is the best estimate.

const kKeptSamples = 10;

// Seconds since the epoch from a clock that never jumps while the page lives.
export const localSeconds = () => (performance.timeOrigin + performance.now()) / 1000;

// Servers may be configured to send integer milliseconds.
export const toSeconds = (timestamp) => (timestamp > 1e11 ? timestamp / 1000 : timestamp);

export class ServerClock {
  #samples = [];
  #best = null;
  #guessed;

  // One round trip: local times of sending and receiving, and the server's time, all in seconds.
  addRoundTrip(sentAt, receivedAt, serverTime) {
    this.#samples.push({ roundTrip: receivedAt - sentAt, offset: serverTime - (sentAt + receivedAt) / 2 });
    if (this.#samples.length > kKeptSamples) this.#samples.shift();
    this.#best = this.#samples.reduce((a, b) => (b.roundTrip < a.roundTrip ? b : a));
  }

  // Before the first round trip, a message that has just arrived says about what time it is.
  guess(serverTime) {
    if (!this.#best) this.#guessed ??= serverTime - localSeconds();
  }

  // Forgets the samples: the path to the server may be another one now. The estimate stays until there is a new one.
  reset() {
    this.#guessed = this.offset;
    this.#samples = [];
    this.#best = null;
  }

  // Server's time minus local time, in seconds.
  get offset() {
    return this.#best?.offset ?? this.#guessed ?? 0;
  }

  // The best round trip in seconds, or null.
  get roundTrip() {
    return this.#best?.roundTrip ?? null;
  }

  now() {
    return localSeconds() + this.offset;
  }
}
