// The server's clock, estimated from round trips. No DOM and no sockets: times come as parameters, in seconds; local
// ones are of a clock that never jumps while the page runs (performance.now), though it may stand still in sleep.
//
// A message to the server takes what its path takes at least, and a wait. The least that was ever seen in each direction
// is the path without waits; half of the difference of the two is the offset, right up to the difference between the
// paths themselves, which nothing can measure. Taking the least of each direction needs one lucky message in each, not
// one round trip that was lucky twice.

const kKept = 64; // round trips
const kMaxAge = 180;
const kAgeing = 20e-6; // what a round trip loses per second of its age: newer ones count more
const kMaxDrift = 500e-6;
const kDriftAfter = 30; // seconds of history before drift is believed at all …
const kDriftHalf = 60; // … and after which it is believed by half
const kStepMargin = 0.02; // beyond the bounds of both: the clocks have been set, or one has slept

const least = (values) => values.reduce((a, b) => Math.min(a, b), Infinity);

export class ServerClock {
  #trips = [];
  #offset = null; // server's minus local, at #at
  #at = 0;
  #drift = 0;
  #guess = null;
  #roundTrip = null;
  #jitter = null;
  #strange = 0;

  steps = 0; // how often one of the clocks has been set

  // One round trip: sentAt and receivedAt by the local clock, serverReceivedAt and serverSentAt by the server's. Servers
  // with one timestamp only give it for both.
  add({ sentAt, receivedAt, serverReceivedAt, serverSentAt }) {
    const trip = { at: receivedAt, up: serverReceivedAt - sentAt, down: receivedAt - serverSentAt };
    if (!(trip.up + trip.down >= 0)) return; // the server's clock was set in between
    if (this.#isStrange(trip)) {
      if (++this.#strange < 2) return;
      this.reset();
      this.#drift = 0;
      this.steps += 1;
    }
    this.#strange = 0;
    this.#trips.push(trip);
    while (this.#trips.length > kKept || receivedAt - this.#trips[0].at > kMaxAge) this.#trips.shift();
    this.#estimateDrift();
    this.#estimate(receivedAt);
  }

  // A message that has just arrived says about what time it is, until there is a round trip.
  guess(serverTime, localTime) {
    if (this.#offset === null) this.#guess ??= serverTime - localTime;
  }

  // Forgets the round trips, as the path may be another one now. The estimate stays until there is a new one.
  reset() {
    if (this.#offset !== null) this.#guess = this.offsetAt(this.#at);
    this.#trips = [];
    this.#offset = null;
    this.#strange = 0;
  }

  // The local clock has stood still, or jumped: nothing is known any more.
  forget() {
    this.reset();
    this.#guess = null;
    this.#drift = 0;
  }

  offsetAt(localTime) {
    return this.#offset === null ? this.#guess ?? 0 : this.#offset + this.#drift * (localTime - this.#at);
  }

  serverTime(localTime) {
    return localTime + this.offsetAt(localTime);
  }

  get isKnown() {
    return this.#offset !== null;
  }

  get facts() {
    const { isKnown, drift, roundTrip, jitter } = this;
    return { isKnown, drift, roundTrip, jitter, samples: this.#trips.length };
  }

  // By how much the server's clock is faster than the local one.
  get drift() {
    return this.#drift;
  }

  // The shortest round trip, in seconds; the offset is wrong by half of it at the most. Null before the first.
  get roundTrip() {
    return this.#offset === null ? null : this.#roundTrip;
  }

  // The usual excess of round trips over that, in seconds.
  get jitter() {
    return this.#offset === null ? null : this.#jitter;
  }

  // True if this round trip and the others contradict each other.
  #isStrange(trip) {
    if (this.#offset === null) return false;
    const off = (trip.up - trip.down) / 2 - this.offsetAt(trip.at);
    const bounds = (trip.up + trip.down + this.#roundTrip) / 2;
    return Math.abs(off) > bounds + kStepMargin + kMaxDrift * (trip.at - this.#at);
  }

  #bestOf(trips, at) {
    const up = least(trips.map((trip) => trip.up + this.#drift * (at - trip.at) + kAgeing * (at - trip.at)));
    const down = least(trips.map((trip) => trip.down - this.#drift * (at - trip.at) + kAgeing * (at - trip.at)));
    return { offset: (up - down) / 2, roundTrip: Math.max(0, up + down) };
  }

  #estimate(at) {
    const { offset, roundTrip } = this.#bestOf(this.#trips, at);
    const waits = this.#trips.map((trip) => trip.up + trip.down - roundTrip).sort((a, b) => a - b);
    this.#jitter = Math.max(0, waits[Math.floor(waits.length / 2)]);
    this.#offset = offset;
    this.#roundTrip = roundTrip;
    this.#at = at;
  }

  // The older half of what is known against the newer.
  #estimateDrift() {
    const first = this.#trips[0].at;
    const last = this.#trips.at(-1).at;
    const middle = (first + last) / 2;
    const older = this.#trips.filter((trip) => trip.at <= middle);
    const newer = this.#trips.filter((trip) => trip.at > middle);
    const span = last - first;
    if (span < kDriftAfter || older.length < 4 || newer.length < 4) return;
    const meanAt = (trips) => trips.reduce((sum, trip) => sum + trip.at, 0) / trips.length;
    const [from, to] = [meanAt(older), meanAt(newer)];
    const slope = (this.#bestOf(newer, to).offset - this.#bestOf(older, from).offset) / (to - from);
    const trust = span ** 2 / (span ** 2 + kDriftHalf ** 2);
    this.#drift += 0.25 * (trust * Math.max(-kMaxDrift, Math.min(kMaxDrift, slope)) - this.#drift);
  }
}

// When to ask for the time next, in seconds, after so many round trips since the connection was made: a burst, then
// less and less; a network whose delays vary is asked more often.
export function probeDelay(count, jitter) {
  if (count < 10) return 0.05;
  if (count < 20) return 0.2;
  if (count < 30) return 1;
  return (jitter ?? 0) > 0.004 ? 4 : 12;
}
