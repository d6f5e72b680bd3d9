// The clock filter against simulated networks: how far from the truth it is, and that it notices when a clock is set.
import assert from 'node:assert/strict';
import { describe, it } from '../client/harness/tests.mjs';
import { ServerClock, probeDelay } from '../../web/mediasync/clock.js';
import { kNetworks, LocalClock, measureClock, quantile, randomFrom, World } from './simulation.mjs';

const kSeeds = Array.from({ length: 20 }, (_, i) => i + 1);

/** Errors in milliseconds, in order of size, between `from` and `to` seconds, over all seeds. */
function errorsOf(network, { from = 3, to = 120, local = {}, stamps = 4 } = {}) {
  const errors = [];
  for (const seed of kSeeds) {
    const world = new World();
    const clock = new ServerClock();
    const machine = new LocalClock(local);
    measureClock(world, clock, machine, network, randomFrom(seed), { stamps });
    for (let at = from; at < to; at += 0.25) {
      world.at(at, () => errors.push(Math.abs(clock.serverTime(machine.at(world.time)) - world.time) * 1000));
    }
    world.runUntil(to);
  }
  return errors.sort((a, b) => a - b);
}

describe('the clock filter', () => {
  it('is exact without a network', () => {
    assert.ok(errorsOf(kNetworks.loopback).at(-1) < 0.3);
  });

  it('is within 5 ms over 100 ms of round trip that vary by 40 ms and lose a percent', () => {
    const errors = errorsOf(kNetworks.far);
    assert.ok(quantile(errors, 0.5) < 1.5, `p50 ${quantile(errors, 0.5)}`);
    assert.ok(quantile(errors, 0.95) < 4, `p95 ${quantile(errors, 0.95)}`);
    assert.ok(quantile(errors, 0.99) < 6, `p99 ${quantile(errors, 0.99)}`);
  });

  it('is good soon: within a second of the first message', () => {
    const errors = errorsOf(kNetworks.far, { from: 1, to: 3 });
    assert.ok(quantile(errors, 0.5) < 4 && quantile(errors, 0.95) < 12, `p95 ${quantile(errors, 0.95)}`);
  });

  it('is wrong by half of the difference between the two ways, and by no more', () => {
    const errors = errorsOf({ up: { delay: 0.08 }, down: { delay: 0.02 } });
    assert.ok(errors.at(-1) < 31, `${errors.at(-1)}`);
  });

  for (const offset of [-300, 0.2, 1e6]) {
    it(`does not mind a local clock that is ${offset} s off`, () => {
      assert.ok(quantile(errorsOf(kNetworks.wide, { local: { offset } }), 0.95) < 3);
    });
  }

  for (const ppm of [-100, 100]) {
    it(`learns that the local clock runs at ${ppm} ppm`, () => {
      const errors = errorsOf(kNetworks.wide, { local: { ppm }, from: 60, to: 600 });
      assert.ok(quantile(errors, 0.95) < 4, `p95 ${quantile(errors, 0.95)}`);
      const world = new World();
      const clock = new ServerClock();
      measureClock(world, clock, new LocalClock({ ppm }), kNetworks.wide, randomFrom(1));
      world.runUntil(600);
      assert.ok(Math.abs(clock.drift * 1e6 + ppm) < 40, `${clock.drift * 1e6}`);
    });
  }

  it('makes do with one timestamp of whole milliseconds', () => {
    assert.ok(quantile(errorsOf(kNetworks.wide, { stamps: 1 }), 0.95) < 4);
  });

  it('notices within two round trips that a clock has been set, and goes on from there', () => {
    const world = new World();
    const clock = new ServerClock();
    const machine = new LocalClock();
    const { measure } = measureClock(world, clock, machine, kNetworks.far, randomFrom(7));
    world.runUntil(30);
    machine.offset += 240;
    measure();
    world.runUntil(32);
    assert.equal(clock.steps, 1);
    assert.ok(Math.abs(clock.serverTime(machine.at(world.time)) - world.time) < 0.02);
  });

  it('believes no single message that contradicts the others', () => {
    const clock = new ServerClock();
    const trip = (at, offset) => clock.add({ sentAt: at, receivedAt: at + 0.02, serverReceivedAt: at + offset + 0.01,
      serverSentAt: at + offset + 0.01 });
    for (let at = 0; at < 5; at += 0.5) trip(at, 100);
    trip(5, 700);
    for (let at = 6; at < 8; at += 0.5) trip(at, 100);
    assert.equal(clock.steps, 0);
    assert.ok(Math.abs(clock.offsetAt(8) - 100) < 1e-3);
  });

  it('guesses from a message before the first round trip, and keeps its estimate over a reset', () => {
    const clock = new ServerClock();
    assert.equal(clock.isKnown, false);
    clock.guess(1000, 10);
    clock.guess(5000, 11);
    assert.equal(clock.serverTime(20), 1010);
    clock.add({ sentAt: 30, receivedAt: 30.1, serverReceivedAt: 1030.05, serverSentAt: 1030.05 });
    assert.ok(Math.abs(clock.offsetAt(31) - 1000) < 1e-6);
    assert.equal(clock.roundTrip.toFixed(3), '0.100');
    clock.reset();
    assert.equal(clock.isKnown, false);
    assert.equal(clock.roundTrip, null);
    assert.ok(Math.abs(clock.offsetAt(31) - 1000) < 1e-6);
    clock.forget();
    assert.equal(clock.offsetAt(31), 0);
  });

  it('asks often at first, then seldom, and more often where delays vary', () => {
    const delays = Array.from({ length: 40 }, (_, count) => probeDelay(count, 0.001));
    assert.deepEqual([...delays].sort((a, b) => a - b), delays);
    assert.ok(delays.slice(0, 20).reduce((sum, delay) => sum + delay, 0) <= 3);
    assert.ok(probeDelay(100, 0.02) < probeDelay(100, 0.001));
  });
});
