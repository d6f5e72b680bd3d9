// What is tried with a film that stands though it could play.
import assert from 'node:assert/strict';
import { describe, it } from '../client/harness/tests.mjs';
import { Watchdog } from '../../web/mediasync/watchdog.js';

/** What it answers over time: [[second, remedy], …]. `lookAt(second)`: {position, isDue, isStarved}. */
function watch(seconds, lookAt, { every = 0.125, watchdog = new Watchdog() } = {}) {
  const remedies = [];
  for (let i = 0; i * every < seconds; i++) {
    const now = i * every;
    const remedy = watchdog.look(now, { isDue: false, isStarved: false, ...lookAt(now) });
    if (remedy) remedies.push([Math.floor(now), remedy]);
  }
  return remedies;
}

const stands = () => ({ position: 5, isDue: true });

describe('the watchdog', () => {
  it('leaves alone what moves', () => assert.deepEqual(watch(60, (now) => ({ position: now, isDue: true })), []));
  it('leaves alone what is not due to move', () => assert.deepEqual(watch(60, () => ({ position: 5 })), []));

  it('tries what disturbs least first, and reloads ever more rarely', () => {
    assert.deepEqual(watch(60, stands), [[2, 'nudge'], [4, 'seek'], [6, 'restart'], [8, 'reload'], [28, 'reload']]);
  });

  it('counts what it has tried', () => {
    const watchdog = new Watchdog();
    watch(9, stands, { watchdog });
    assert.deepEqual(watchdog.counts, { nudge: 1, seek: 1, restart: 1, reload: 1 });
  });

  it('begins with the least again when the film has moved for a while', () => {
    const stuckTwice = (now) => ({ position: now < 5 || now > 20 ? 5 : now, isDue: true });
    assert.deepEqual(watch(23, stuckTwice).map(([, remedy]) => remedy), ['nudge', 'seek', 'nudge']);
  });

  it('goes on with the next when the film has hardly moved', () => {
    const jerks = (now) => ({ position: Math.floor(now / 3), isDue: true });
    assert.deepEqual(watch(9, jerks).map(([, remedy]) => remedy), ['nudge', 'seek', 'restart']);
  });

  it('reloads what waits for data that does not come, ever more rarely', () => {
    assert.deepEqual(watch(80, () => ({ position: 5, isStarved: true })), [[10, 'reload'], [30, 'reload'], [70, 'reload']]);
  });

  it('takes no sleep of the page for a film that stands', () => {
    assert.deepEqual(watch(100, stands, { every: 10 }), []);
  });
});
