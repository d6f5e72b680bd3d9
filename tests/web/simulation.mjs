// A world without browsers: clocks that run at their own speeds, networks that delay, players that take their time. All of it
// goes by one simulated time and one seed, so that every run is the same.
import { ServerClock, probeDelay } from '../../web/mediasync/clock.js';
import { Controller } from '../../web/mediasync/controller.js';
import { PositionEstimator } from '../../web/mediasync/position.js';
import { positionAt, waitBefore } from '../../web/mediasync/timeline.js';

const kTick = 0.1; // as often as a page looks at its player
const kFps = 25;

/** Random numbers in [0, 1), the same for the same seed. */
export function randomFrom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** Delays of one direction, in seconds: {delay, jitter} around it, and a loss that costs what TCP takes to send again. */
export const path = ({ delay, jitter = 0, loss = 0 }, random) => () =>
  Math.max(0, delay + jitter * (2 * random() - 1)) + (random() < loss ? 0.2 + delay : 0);

export const kNetworks = {
  loopback: { up: { delay: 0.0002 }, down: { delay: 0.0002 } },
  wide: { up: { delay: 0.025, jitter: 0.01, loss: 0.01 }, down: { delay: 0.025, jitter: 0.01, loss: 0.01 } },
  far: { up: { delay: 0.05, jitter: 0.02, loss: 0.01 }, down: { delay: 0.05, jitter: 0.02, loss: 0.01 } },
};

/** A clock that runs `ppm` fast and is `offset` seconds ahead of the simulated time. */
export class LocalClock {
  constructor({ offset = 0, ppm = 0 } = {}) {
    this.offset = offset;
    this.speed = 1 + ppm * 1e-6;
  }

  at(time) { return time * this.speed + this.offset; }
  timeOf(local) { return (local - this.offset) / this.speed; }
}

/** What happens at which time, in order. */
export class World {
  #due = [];
  time = 0;
  slept = 0; // seconds that the server has lived through and the viewers' machines have not

  get serverTime() { return this.time + this.slept; }

  at(time, act) { this.#due.push({ time: Math.max(time, this.time), act }); }
  after(seconds, act) { this.at(this.time + seconds, act); }

  runUntil(end) {
    for (;;) {
      const next = this.#due.reduce((best, one) => (best === null || one.time < best.time ? one : best), null);
      if (next === null || next.time > end) break;
      this.#due.splice(this.#due.indexOf(next), 1);
      this.time = next.time;
      next.act();
    }
    this.time = end;
  }
}

/** Measures the server's clock as a page does. */
export function measureClock(world, clock, local, network, random, { stamps = 4 } = {}) {
  const up = path(network.up, random);
  const down = path(network.down, random);
  let count = 0;
  const milliseconds = (time) => (stamps === 4 ? time : Math.floor(time * 1000) / 1000);
  let serial = 0;
  const probe = (own) => {
    if (own !== serial) return;
    const sentAt = local.at(world.time);
    count++;
    world.after(up(), () => {
      const server = milliseconds(world.serverTime);
      world.after(down(), () => clock.add({ sentAt, receivedAt: local.at(world.time),
        serverReceivedAt: server, serverSentAt: server }));
    });
    world.after(probeDelay(count, clock.jitter), () => probe(own));
  };
  const measure = () => {
    count = 0;
    probe(++serial);
  };
  measure();
  return { measure };
}

/** A media element: what it is told takes a while, and its clock is not the machine's. */
export class SimulatedPlayer {
  #world;
  #random;
  #options;
  #position = 0;
  #since = 0;
  #speed = 0; // of the film; 0 while it stands
  #seeks = 0;

  paused = true;
  seeking = false;
  stalled = false;
  rate = 1;
  rates = []; // [time, rate], whenever it was changed
  seekCount = 0;
  playedAt = null; // for the first time

  /**
   * {ppm, startDelay, startJitter, rateDelay, seekTime: [least, most]}, and what is lost when it begins to keep the pitch
   * at another speed: pitchJump; and by each change of speed: rateJump. isLazy: it is ready only when it was told to play once. hole: [from, to], where there is no data.
   */
  constructor(world, random, options = {}) {
    this.#world = world;
    this.#random = random;
    this.#options = { ppm: 0, startDelay: 0.05, startJitter: 0.005, rateDelay: 0.03, seekTime: [0.1, 0.3],
      pitchJump: 0.02, rateJump: 0, ...options };
    if (options.hole) this.#watchHole();
  }

  #watchHole() {
    if (this.#isInHole && this.#speed !== 0) this.#go();
    this.#world.after(0.01, () => this.#watchHole());
  }

  get position() {
    return this.#position + this.#speed * (1 + this.#options.ppm * 1e-6) * (this.#world.time - this.#since);
  }

  get ready() { return !this.stalled && !this.seeking && !this.#isInHole && !(this.#options.isLazy && this.playedAt === null); }

  get #isInHole() {
    const [from, to] = this.#options.hole ?? [Infinity, Infinity];
    return this.position >= from - 0.001 && this.position < to;
  }

  play() {
    this.playedAt ??= this.#world.time;
    this.paused = false;
    const { startDelay, startJitter } = this.#options;
    this.#world.after(startDelay + startJitter * (2 * this.#random() - 1), () => this.#go());
  }

  pause() {
    this.paused = true;
    this.#go();
  }

  seek(position) {
    this.seekCount++;
    const own = ++this.#seeks;
    this.seeking = true;
    this.#go();
    this.#position = position;
    const [least, most] = this.#options.seekTime;
    this.#world.after(least + this.#random() * (most - least), () => {
      if (own !== this.#seeks) return;
      this.seeking = false;
      this.#go();
    });
  }

  setRate(rate, keepsPitch) {
    if (rate === this.rate) return;
    if (this.rate === 1 && keepsPitch) {
      this.#go();
      this.#position -= this.#options.pitchJump;
    }
    this.#go();
    this.#position -= this.#options.rateJump * this.#random();
    this.rate = rate;
    this.rates.push([this.#world.time, rate]);
    this.#world.after(this.#options.rateDelay, () => this.#go());
  }

  /** No data for so long. */
  stall(seconds) {
    this.stalled = true;
    this.#go();
    this.#world.after(seconds, () => {
      this.stalled = false;
      this.#go();
    });
  }

  #go() {
    this.#position = this.position;
    this.#since = this.#world.time;
    this.#speed = this.paused || this.seeking || this.stalled || this.#isInHole ? 0 : this.rate;
  }
}

/** A viewer: a clock, a network, a player, and what the library makes of them. */
export class Viewer {
  #world;
  #local;
  #random;
  #estimator = new PositionEstimator();
  #state = null;
  #serial = 0;
  #period;
  #wasMoving = false;
  #frame = null;

  clock = new ServerClock();
  controller = new Controller();
  errors = []; // [time, seconds behind the session, as it truly is]

  /** tick: seconds between two looks; hidden pages get no more than one a second. */
  constructor(world, { seed, network = kNetworks.loopback, local = {}, player = {}, frames = 1, screen = 60, stamps = 4,
    readings = false, tick = kTick }) {
    this.#period = tick;
    this.#world = world;
    this.#random = randomFrom(seed);
    this.#local = new LocalClock(local);
    this.player = new SimulatedPlayer(world, this.#random, player);
    this.probes = measureClock(world, this.clock, this.#local, network, this.#random, { stamps });
    if (!readings) this.#showFrames(1 / screen, frames);
    this.#tick(++this.#serial);
  }

  /** A command arrives. */
  follow(state) {
    this.controller.renew();
    this.#state = state;
    this.#tick(++this.#serial);
  }

  /** The machine sleeps for so long, and its clock stands still. */
  sleep(seconds) {
    this.#world.slept += seconds;
    this.clock.forget();
    this.probes.measure();
  }

  /** Sets the machine's own clock, of which the page is not told. */
  shiftClock(seconds) { this.#local.offset += seconds; }

  /** Errors since `from`, without signs, in milliseconds, in order of size. */
  sizes(from, to = Infinity) {
    return this.errors.filter(([at]) => at >= from && at < to).map(([, error]) => Math.abs(error) * 1000).sort((a, b) => a - b);
  }

  #showFrames(interval, share) {
    const phase = this.#random() * interval;
    const show = () => {
      const frame = Math.floor(this.player.position * kFps);
      const moves = !this.player.paused && !this.player.seeking;
      if (moves && frame !== this.#frame && this.#random() < share) {
        this.#estimator.frame(this.#local.at(this.#world.time), frame / kFps);
      }
      this.#frame = frame;
      this.#world.after(interval, show);
    };
    this.#world.after(phase, show);
  }

  #tick(serial) {
    if (serial !== this.#serial) return;
    const now = this.#local.at(this.#world.time);
    let wait = this.#period;
    this.#noteMotion(now);
    if (this.#state !== null) {
      const answer = this.controller.decide(now, this.#goal(now), this.#look(now));
      if (answer.rate !== this.player.rate) this.#estimator.setRate(now, answer.rate, answer.rate === this.#state.playbackRate);
      if (answer.looksAnew) this.#estimator.restart(now, answer.rate);
      this.player.setRate(answer.rate, answer.keepsPitch);
      if (answer.play === false) this.player.pause();
      if (answer.seek !== null) this.player.seek(answer.seek);
      if (answer.play === true) this.player.play();
      if (answer.wakeAt !== null) wait = Math.max(this.#period > kTick ? this.#period : 0.001, Math.min(this.#period, answer.wakeAt - now));
      this.errors.push([this.#world.time, positionAt(this.#state, this.#world.serverTime) - this.player.position]);
    }
    this.#world.after(wait + 0.002 * this.#random(), () => this.#tick(serial));
  }

  // What the element's events would say.
  #noteMotion(now) {
    const moves = !this.player.paused && this.player.ready;
    if (moves && !this.#wasMoving) {
      this.#estimator.restart(now, this.player.rate);
      this.controller.disturb(now);
    }
    this.#wasMoving = moves;
  }

  #goal(now) {
    const wait = waitBefore(this.#state, this.clock.serverTime(now));
    return {
      positionAt: (local) => positionAt(this.#state, this.clock.serverTime(local)),
      rate: this.#state.playbackRate,
      isPlaying: this.#state.isPlaying,
      startsAt: wait > 0 ? now + wait : null,
    };
  }

  #look(now) {
    const { paused, seeking, ready, position } = this.player;
    if (!paused && !seeking) this.#estimator.reading(now, position);
    return { paused, seeking, ready, currentTime: position, seen: paused || seeking ? null : this.#estimator.at(now) };
  }
}

export const quantile = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];

export const playing = (position, lastUpdateTime, playbackRate = 1) =>
  ({ mediaUrl: 'film', position, isPlaying: true, playbackRate, lastUpdateTime, mediaDuration: null });
export const paused = (position, lastUpdateTime) => ({ ...playing(position, lastUpdateTime), isPlaying: false });
