// How far apart two players are, seen by the frames that they show. The bounds are wide, for a machine that is busy with other
// things: only a build that does not synchronise misses them. bench/sync measures what is reached.
import assert from 'node:assert/strict';
import { newViewer } from '../client/harness/demo.mjs';
import { describe, it } from '../client/harness/tests.mjs';
import { eventually, part, stage } from './stage.mjs';

const kBound = 0.12; // seconds
const kSettle = 6000; // ms
const kFrames = 40;

/** For the next frames that a page shows: by how much film and clock of the machine differ, in seconds. The median. */
const phase = (page) => page.evaluate((count) => new Promise((resolve) => {
  const { video } = window.mediasyncDebug;
  const seen = [];
  const onFrame = (_now, { expectedDisplayTime, mediaTime }) => {
    seen.push(mediaTime - (performance.timeOrigin + expectedDisplayTime) / 1000);
    if (seen.length < count) video.requestVideoFrameCallback(onFrame);
    else resolve(seen.sort((a, b) => a - b)[count / 2]);
  };
  video.requestVideoFrameCallback(onFrame);
}), kFrames);

describe('two players', () => {
  const scene = stage();
  let alice;
  let bob;

  async function assertInStep() {
    await new Promise((resolve) => { setTimeout(resolve, kSettle); });
    let apart;
    await eventually('both to be in step', async () => {
      const [a, b] = await Promise.all([alice, bob].map(phase));
      apart = a - b;
      return Math.abs(apart) < kBound;
    }).catch((error) => { throw new Error(`${error.message}: ${apart * 1000} ms apart`); });
    const stats = await bob.evaluate(() => window.mediasyncDebug.state.stats);
    assert.equal(stats.state, 'playing');
    assert.ok(Math.abs(stats.rate - 1) < 0.11, `speed ${stats.rate}`);
  }

  it('join', async () => {
    alice = await newViewer(scene.chromium.browser, scene.server.url);
    await part(alice, 'name-input').fill('Alice');
    await part(alice, 'create-button').click();
    await part(alice, 'film-list').waitFor();
    await alice.locator('[data-film-id="demo.mp4"] button').click();
    await eventually('Alice to steer', () => part(alice, 'play-button').isEnabled());
    await part(alice, 'play-button').click();
    bob = await newViewer(scene.chromium.browser, await part(alice, 'invite-link').inputValue());
    await part(bob, 'name-input').fill('Bob');
    await part(bob, 'join-button').click();
    await eventually('Bob to play', () => bob.evaluate(() => !window.mediasyncDebug.video.paused));
  });

  it('are in step after a join', () => assertInStep());

  it('are in step after a seek', async () => {
    await part(alice, 'seek-bar').evaluate((bar) => {
      bar.value = '50';
      bar.dispatchEvent(new Event('change', { bubbles: true }));
    });
    await assertInStep();
  });

  it('show how far they are from the session', async () => {
    for (const page of [alice, bob]) {
      assert.match(await part(page, 'sync-error').innerText(), /ms (ahead|behind)$/);
      assert.ok((await page.locator('#sync-line').getAttribute('points')).split(' ').length > 20);
      assert.deepEqual(page.problems, []);
    }
  });
});
