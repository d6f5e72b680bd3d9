// What is commanded, when it begins, and for whom the session waits.
import assert from 'node:assert/strict';
import { describe, it } from '../client/harness/tests.mjs';
import { BufferingPolicy } from '../../web/mediasync/buffering.js';
import { PositionEstimator } from '../../web/mediasync/position.js';
import { commanded, leadFor, positionAt, waitBefore } from '../../web/mediasync/timeline.js';
import { paused, playing } from './simulation.mjs';

describe('the timeline', () => {
  it('moves by the speed while it plays, and stands otherwise', () => {
    assert.equal(positionAt(playing(10, 100), 104), 14);
    assert.equal(positionAt(playing(10, 100, 1.5), 104), 16);
    assert.equal(positionAt(paused(10, 100), 104), 10);
    assert.equal(positionAt({ ...playing(10, 100), mediaDuration: 12 }, 104), 12);
  });

  it('stands until the moment that it is scheduled for', () => {
    const state = playing(10, 100);
    assert.equal(positionAt(state, 99.6), 10);
    assert.equal(waitBefore(state, 99.5), 0.5);
    assert.equal(waitBefore(state, 101), 0);
    assert.equal(waitBefore(paused(10, 100), 99), 0);
  });

  it('schedules starts and jumps ahead, and pauses and speeds at once', () => {
    const start = commanded(paused(10, 50), { isPlaying: true }, 100, 0.4);
    assert.deepEqual([start.position, start.isPlaying, start.lastUpdateTime], [10, true, 100.4]);
    const jump = commanded(playing(10, 90), { position: 70 }, 100, 0.4);
    assert.deepEqual([jump.position, jump.isPlaying, jump.lastUpdateTime], [70, true, 100.4]);
    const pause = commanded(playing(10, 90), { isPlaying: false }, 100, 0.4);
    assert.deepEqual([pause.position, pause.isPlaying, pause.lastUpdateTime], [20, false, 100]);
    const speed = commanded(playing(10, 90), { playbackRate: 2 }, 100, 0.4);
    assert.deepEqual([speed.position, speed.playbackRate, speed.lastUpdateTime], [20, 2, 100]);
    const still = commanded(paused(10, 90), { position: 5 }, 100, 0.4);
    assert.deepEqual([still.position, still.isPlaying, still.lastUpdateTime], [5, false, 100]);
  });

  it('keeps a start that is still to come when the speed changes before it', () => {
    const state = commanded(playing(10, 100.3), { playbackRate: 2 }, 100, 0.4);
    assert.deepEqual([state.position, state.lastUpdateTime.toFixed(3)], [10, '100.300']);
  });

  it('is longer ahead the farther the server is, within bounds', () => {
    const near = leadFor({ roundTrip: 0.001, jitter: 0, seekTime: 0 });
    const far = leadFor({ roundTrip: 0.2, jitter: 0.04, seekTime: 0 });
    assert.ok(near < 0.3 && far > near + 0.2);
    assert.ok(leadFor({ roundTrip: null, jitter: null, seekTime: 0 }) < 0.5);
    assert.ok(leadFor({ roundTrip: 5, jitter: 1, seekTime: 9 }) <= 2);
  });
});

describe('the position of a player', () => {
  it('is unknown until enough has been seen, and after it was restarted', () => {
    const estimator = new PositionEstimator();
    estimator.restart(0, 1);
    for (let at = 0; at < 0.3; at += 0.1) estimator.reading(at, 5 + at);
    assert.equal(estimator.at(0.3), null);
    estimator.reading(0.3, 5.3);
    assert.equal(estimator.at(0.4).position.toFixed(6), '5.400000');
    estimator.restart(0.5, 1);
    assert.equal(estimator.at(0.5), null);
  });

  it('takes changes of speed into account', () => {
    const estimator = new PositionEstimator();
    estimator.restart(0, 1);
    for (let at = 0; at < 1; at += 0.05) estimator.reading(at, at);
    estimator.setRate(1, 2, true);
    assert.equal(estimator.at(1.25).position.toFixed(6), '1.500000');
  });

  it('is put right where frames are far behind, and remembers that where none are seen', () => {
    const estimator = new PositionEstimator();
    estimator.restart(0, 1);
    for (let at = 0; at < 3; at += 0.04) {
      estimator.frame(at, at - 0.09);
      estimator.reading(at, at);
      estimator.at(at);
    }
    assert.ok(Math.abs(estimator.at(3).position - 2.91) < 0.002);
    for (let at = 3; at < 5; at += 0.1) estimator.reading(at, at);
    assert.ok(Math.abs(estimator.at(5).position - 4.91) < 0.002);
    estimator.restart(6, 1);
    for (let at = 6; at < 7; at += 0.1) estimator.reading(at, at + 40);
    assert.ok(Math.abs(estimator.at(7).position - 46.91) < 0.002);
  });

  for (const lag of [-0.017, 0.017]) {
    it(`is not moved by frames that are ${lag < 0 ? 'early' : 'late'} by a beat of the screen`, () => {
      const estimator = new PositionEstimator();
      estimator.restart(0, 1);
      for (let at = 0; at < 60; at += 0.04) {
        estimator.frame(at, at - lag);
        estimator.reading(at, at);
        estimator.at(at);
      }
      assert.ok(Math.abs(estimator.at(60).position - 60) < 0.0005);
    });
  }

  it('is not moved by single late frames', () => {
    const estimator = new PositionEstimator();
    estimator.restart(0, 1);
    for (let at = 0, i = 0; at < 1; at += 0.04, i++) {
      estimator.reading(at, at);
      estimator.frame(at, at - (i % 8 === 0 ? 0.2 : 0));
    }
    assert.ok(Math.abs(estimator.at(1).position - 1) < 0.003);
  });
});

describe('waiting for who has stalled', () => {
  it('pauses for one, and goes on when all go on', () => {
    const policy = new BufferingPolicy('wait', 10);
    assert.equal(policy.decide(true, 0), null);
    policy.report('bob', true, 1);
    policy.report('cat', true, 2);
    assert.equal(policy.decide(true, 2), 'pause');
    assert.deepEqual(policy.waitsFor, ['bob', 'cat']);
    assert.equal(policy.decide(false, 3), null);
    policy.report('bob', false, 4);
    assert.equal(policy.decide(false, 4), null);
    policy.report('cat', false, 5);
    assert.equal(policy.decide(false, 5), 'resume');
    assert.equal(policy.decide(true, 6), null);
  });

  it('waits for nobody longer than the limit, and not again before it has gone on', () => {
    const policy = new BufferingPolicy('wait', 10);
    policy.report('bob', true, 0);
    assert.equal(policy.decide(true, 0), 'pause');
    assert.equal(policy.decide(false, 9), null);
    assert.equal(policy.decide(false, 10), 'resume');
    policy.report('bob', true, 11);
    assert.equal(policy.decide(true, 12), null);
    policy.report('bob', false, 13);
    policy.report('bob', true, 20);
    assert.equal(policy.decide(true, 20), 'pause');
  });

  it('leaves alone who has paused by hand', () => {
    const policy = new BufferingPolicy('wait', 10);
    policy.report('bob', true, 0);
    assert.equal(policy.decide(false, 1), null);
    policy.report('bob', false, 2);
    assert.equal(policy.decide(false, 3), null);
  });

  it('is overruled by the leader', () => {
    const policy = new BufferingPolicy('wait', 10);
    policy.report('bob', true, 0);
    assert.equal(policy.decide(true, 0), 'pause');
    policy.overrule();
    assert.equal(policy.decide(true, 1), null);
    policy.report('bob', false, 2);
    assert.equal(policy.decide(true, 3), null);
  });

  it('carries on where that is the rule', () => {
    const policy = new BufferingPolicy('carry-on', 10);
    policy.report('bob', true, 0);
    assert.equal(policy.decide(true, 1), null);
  });
});
