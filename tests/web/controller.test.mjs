// The controller, the position estimate and the clock together, in simulated players over simulated networks: how far
// apart two viewers are, and that corrections end.
import assert from 'node:assert/strict';
import { describe, it } from '../client/harness/tests.mjs';
import { kNetworks, paused, playing, quantile, Viewer, World } from './simulation.mjs';

const kSeeds = [1, 2, 3, 4, 5, 6, 7, 8];
const kJoin = 10;
const kSeek = 40;
const kEnd = 120;

/**
 * Two viewers; the second joins at kJoin, and at kSeek all are sent elsewhere. Distances between them in milliseconds, in
 * order of size, over all seeds: after three seconds of each, and in the steady state after that.
 */
function watchTogether(network, first, second) {
  const seen = { steady: [], joined: [], sought: [], rates: [], seeks: 0 };
  for (const seed of kSeeds) {
    const world = new World();
    const a = new Viewer(world, { seed, network, ...first });
    const b = new Viewer(world, { seed: seed + 100, network, ...second });
    const note = (into) => () => into.push(Math.abs(a.player.position - b.player.position) * 1000);
    world.at(2, () => a.follow(playing(10, -5)));
    world.at(kJoin, () => b.follow(playing(10, -5)));
    for (let at = kJoin + 3; at < kJoin + 3.2; at += 0.05) world.at(at, note(seen.joined));
    world.at(kSeek, () => [a, b].forEach((one) => one.follow(playing(300, kSeek + 0.7))));
    for (let at = kSeek + 3.7; at < kSeek + 3.9; at += 0.05) world.at(at, note(seen.sought));
    for (let at = kSeek + 10; at < kEnd; at += 0.1) world.at(at, note(seen.steady));
    world.runUntil(kEnd);
    seen.rates.push(...[a, b].flatMap((one) => one.player.rates.filter(([at]) => at > kSeek + 10)));
    seen.seeks = Math.max(seen.seeks, a.player.seekCount, b.player.seekCount);
  }
  for (const list of [seen.steady, seen.joined, seen.sought]) list.sort((x, y) => x - y);
  seen.perMinute = seen.rates.length / (2 * kSeeds.length) / ((kEnd - kSeek - 10) / 60);
  return seen;
}

function assertInStep(seen, { calm = 6 } = {}) {
  const [p50, p95, p99] = [0.5, 0.95, 0.99].map((share) => quantile(seen.steady, share));
  const text = `p50 ${p50.toFixed(1)} p95 ${p95.toFixed(1)} p99 ${p99.toFixed(1)} ms`;
  assert.ok(p50 <= 5 && p95 <= 10 && p99 <= 40, text);
  assert.ok(quantile(seen.joined, 0.95) <= 25, `3 s after a join: ${quantile(seen.joined, 0.95)}`);
  assert.ok(quantile(seen.sought, 0.95) <= 25, `3 s after a seek: ${quantile(seen.sought, 0.95)}`);
  assert.ok(seen.rates.every(([, rate]) => Math.abs(rate - 1) <= 0.0201), 'the speed stays within 2 %');
  assert.ok(seen.perMinute <= calm, `${seen.perMinute} changes of speed a minute`);
  assert.ok(seen.seeks <= 4, `${seen.seeks} seeks`);
}

const kPlayers = {
  'usual players': [{}, {}],
  'a clock that is minutes off and 100 ppm slow': [{}, { local: { offset: 240, ppm: -100 } }],
  'a film that runs 100 ppm fast, and seeks of 100 to 800 ms': [{}, { player: { ppm: 100, seekTime: [0.1, 0.8] } }],
  'a player that takes long to begin and to change its speed':
    [{}, { player: { startDelay: 0.15, startJitter: 0.03, rateDelay: 0.1 } }],
};

describe('two viewers', () => {
  for (const [network, delays] of Object.entries(kNetworks)) {
    for (const [what, [first, second]] of Object.entries(kPlayers)) {
      it(`are in step: ${network}, ${what}`, () => assertInStep(watchTogether(delays, first, second)));
    }
    it(`are in step: ${network}, one of them seeing a frame in five`, () => {
      assertInStep(watchTogether(delays, {}, { frames: 0.2 }), { calm: 12 });
    });
    it(`are in step: ${network}, without frames to be seen`, () => {
      assertInStep(watchTogether(delays, { readings: true }, { readings: true }));
    });
  }

  it('are in step over ways of different length, when both have the same', () => {
    assertInStep(watchTogether({ up: { delay: 0.08, jitter: 0.01 }, down: { delay: 0.02, jitter: 0.01 } }, {}, {}));
  });

  it('start at the same moment', () => {
    const starts = [];
    for (const seed of kSeeds) {
      const world = new World();
      const viewers = [0, 100].map((more) => new Viewer(world, { seed: seed + more, network: kNetworks.far }));
      const all = (state) => viewers.forEach((one) => one.follow(state));
      world.at(2, () => all(paused(60, 2)));
      world.at(10, () => all(playing(60, 10.4))); // what a start takes is learnt from the first
      world.at(20, () => all(paused(70, 20)));
      world.at(25, () => all(playing(70, 25.4)));
      world.runUntil(25.5);
      starts.push(Math.abs(viewers[0].player.position - viewers[1].player.position) * 1000);
    }
    assert.ok(Math.max(...starts) < 20, starts.join(' '));
  });
});

describe('a viewer', () => {
  const alone = (options = {}) => {
    const world = new World();
    return { world, viewer: new Viewer(world, { seed: 5, network: kNetworks.wide, readings: true, ...options }) };
  };

  /** The session plays at `rate` for 20 s from each of these times on, and at 1 otherwise. */
  function changeSpeeds(world, viewer, times, rate) {
    world.at(1, () => viewer.follow(playing(0, 1.5)));
    let position = times[0] - 1.5;
    for (const at of times) {
      const faster = playing(position, at, rate);
      const asBefore = playing(position + 20 * rate, at + 20);
      world.at(at, () => viewer.follow(faster));
      world.at(at + 20, () => viewer.follow(asBefore));
      position += 20 * rate + 20;
    }
  }

  it('stands exactly where the session stands', () => {
    const { world, viewer } = alone();
    world.at(1, () => viewer.follow(paused(33.3, 1)));
    world.runUntil(5);
    assert.equal(viewer.player.position, 33.3);
    assert.equal(viewer.player.seekCount, 1);
    assert.ok(viewer.player.paused);
  });

  it('corrects 100 ms by speed alone, and to nothing', () => {
    const { world, viewer } = alone();
    world.at(1, () => viewer.follow(playing(0, 1.5)));
    world.at(20, () => viewer.player.stall(0.1));
    world.runUntil(30);
    assert.equal(viewer.player.seekCount, 0);
    assert.ok(viewer.sizes(26).at(-1) < 2.5, `${viewer.sizes(26).at(-1)}`);
    assert.equal(viewer.player.rate, 1);
  });

  it('corrects what is more by one seek', () => {
    const { world, viewer } = alone();
    world.at(1, () => viewer.follow(playing(0, 1.5)));
    world.at(20, () => viewer.player.stall(2.5));
    world.runUntil(40);
    assert.equal(viewer.player.seekCount, 1);
    assert.ok(viewer.sizes(25.5).at(-1) < 25, `${viewer.sizes(25.5).at(-1)}`);
    assert.ok(viewer.sizes(32).at(-1) < 3);
  });

  it('does not seek over and over when seeks take longer than they may', () => {
    const { world, viewer } = alone({ player: { seekTime: [3, 9] } });
    world.at(1, () => viewer.follow(playing(100, 0)));
    world.runUntil(120);
    assert.ok(viewer.player.seekCount <= 8, `${viewer.player.seekCount}`);
    const { player } = viewer;
    const until2 = player.seekCount;
    world.runUntil(240);
    assert.equal(player.seekCount, until2, 'once it has learnt how long they take, it is there');
    assert.ok(viewer.sizes(200).at(-1) < 5);
  });

  it('leaves a player alone that takes no speed', () => {
    const { world, viewer } = alone({ player: { rateDelay: 1e9 } });
    world.at(1, () => viewer.follow(playing(0, 1.5)));
    world.at(20, () => viewer.player.stall(0.15));
    world.runUntil(200);
    assert.ok(viewer.player.seekCount <= 4, `${viewer.player.seekCount} seeks`);
    assert.ok(viewer.player.rates.length < 60, `${viewer.player.rates.length} changes of speed`);
  });

  // As WebKitGTK does, which seeks to change the speed.
  it('leaves small errors alone where each change of speed costs more', () => {
    for (const rateJump of [0.03, 0.1]) {
      const { world, viewer } = alone({ player: { rateJump }, network: kNetworks.loopback });
      world.at(1, () => viewer.follow(playing(0, 1.5)));
      world.runUntil(180);
      const late = viewer.player.rates.filter(([at]) => at > 60);
      assert.ok(late.length <= 12, `${rateJump}: ${late.length} changes of speed in two minutes`);
      assert.ok(viewer.sizes(60).at(-1) < 70, `${rateJump}: ${viewer.sizes(60).at(-1)} ms`);
    }
  });

  it('follows the speed of the session', () => {
    const { world, viewer } = alone();
    world.at(1, () => viewer.follow(playing(0, 1.5)));
    world.at(20, () => viewer.follow(playing(18.5, 20, 1.5)));
    world.runUntil(40);
    assert.equal(viewer.player.rate, 1.5);
    assert.ok(viewer.sizes(25).at(-1) < 4, `${viewer.sizes(25).at(-1)}`);
  });

  for (const [rate, bound] of [[0.5, 1.6], [2, 1.6], [1.5, 1.6], [0.25, 3]]) {
    // As measured in Chromium: 73 ms until another speed is heard, 20 ms for keeping the pitch.
    it(`is in step with a speed of ${rate} within ${bound} s, and sooner when it has learnt what that costs`, () => {
      const player = { rateDelay: 0.073, pitchJump: 0.02 };
      const { world, viewer } = alone({ player, network: kNetworks.loopback });
      const inStep = (from) => {
        const late = viewer.errors.filter(([at, error]) => at >= from && at < from + 12 && Math.abs(error) > 0.012);
        return (late.at(-1)?.[0] ?? from) - from;
      };
      const changes = [20, 60, 100];
      changeSpeeds(world, viewer, changes, rate);
      world.runUntil(130);
      const times = changes.map(inStep);
      assert.ok(times[0] < bound, `${times}`);
      assert.ok(times[2] < bound, `${times}`);
      assert.ok(viewer.player.seekCount === 0, `${viewer.player.seekCount} seeks`);
    });
  }

  it('learns what another speed costs a player that is not like the usual ones', () => {
    const { world, viewer } = alone({ player: { rateDelay: 0.2, pitchJump: 0.02 }, network: kNetworks.loopback });
    changeSpeeds(world, viewer, [20, 60, 100, 140, 180], 2);
    world.runUntil(230);
    const worst = (from) => Math.max(...viewer.errors.filter(([at]) => at > from + 1.6 && at < from + 2.4).map(([, error]) => Math.abs(error)));
    assert.ok(worst(180) < 0.03, `${worst(180)}`);
    assert.ok(worst(180) < worst(20) / 2, `${worst(20)} at first, ${worst(180)} in the end`);
  });

  it('begins though its page is hidden and looks once a second', () => {
    const { world, viewer } = alone({ tick: 1 });
    world.at(1, () => viewer.follow(playing(0, 1.5)));
    world.runUntil(60);
    assert.equal(viewer.player.paused, false);
    assert.ok(viewer.player.seekCount <= 4, `${viewer.player.seekCount} seeks`);
    assert.ok(viewer.sizes(40).at(-1) < 50, `${viewer.sizes(40).at(-1)}`);
  });

  it('plays what gets ready only by being told to play, within a second and a half', () => {
    const { world, viewer } = alone({ player: { isLazy: true }, network: kNetworks.loopback });
    world.at(1, () => viewer.follow(playing(100, 0)));
    world.runUntil(30);
    assert.ok(viewer.player.playedAt < 2.5, `${viewer.player.playedAt}`);
    assert.equal(viewer.player.paused, false);
    assert.ok(viewer.sizes(20).at(-1) < 5, `${viewer.sizes(20).at(-1)}`);
  });

  it('gets over a place where there is no data', () => {
    const { world, viewer } = alone({ player: { hole: [20, 24] } });
    world.at(1, () => viewer.follow(playing(0, 1.5)));
    world.runUntil(60);
    assert.ok(viewer.player.seekCount <= 5, `${viewer.player.seekCount} seeks`);
    assert.ok(viewer.sizes(45).at(-1) < 5, `${viewer.sizes(45).at(-1)}`);
  });

  it('is back in step after its machine slept', () => {
    const { world, viewer } = alone();
    world.at(1, () => viewer.follow(playing(0, 1.5)));
    world.at(20, () => {
      viewer.sleep(600);
      viewer.player.stall(1);
    });
    world.runUntil(60);
    assert.ok(viewer.sizes(40).at(-1) < 8, `${viewer.sizes(40).at(-1)}`);
  });

  it('is back in step after a clock was set under it', () => {
    const { world, viewer } = alone();
    world.at(1, () => viewer.follow(playing(0, 1.5)));
    world.at(20, () => viewer.shiftClock(120));
    world.runUntil(90);
    assert.ok(viewer.sizes(60).at(-1) < 5, `${viewer.sizes(60).at(-1)}`);
  });

  it('does not swing: errors shrink from one correction to the next', () => {
    const { world, viewer } = alone({ player: { rateDelay: 0.2, startDelay: 0.2, startJitter: 0.05 } });
    world.at(1, () => viewer.follow(playing(30, 0)));
    world.runUntil(60);
    const late = viewer.player.rates.filter(([at]) => at > 15);
    assert.ok(late.length <= 4, `${late.length} changes of speed after 15 s`);
  });
});
