// Two people watch a film together in real browsers, on the demo configuration.
import assert from 'node:assert/strict';
import { newViewer, player } from '../client/harness/demo.mjs';
import { describe, it as test } from '../client/harness/tests.mjs';
import { eventually, part, stage } from './stage.mjs';

const kTolerance = 1; // seconds between two players

describe('the watch page', () => {
  const scene = stage();
  let failed = null;
  let alice;
  let bob;
  let carol;
  let link;

  /** A test that begins where the one before has ended, and so fails at once when that has failed. */
  const it = (title, act) => test(title, async () => {
    if (failed !== null) throw new Error(`"${failed}" has failed before`);
    failed = title;
    await act();
    failed = null;
  });

  const film = (page, id) => page.locator(`[data-testid="film-item"][data-film-id="${id}"] button`);

  async function enterByLink(name) {
    const page = await newViewer(scene.chromium.browser, link);
    await part(page, 'name-input').fill(name);
    await part(page, 'join-button').click();
    await part(page, 'user-list').waitFor();
    await watching(page);
    return page;
  }

  /** Joined and, should the browser have blocked playback, started by the overlay's click. */
  async function watching(page) {
    await eventually('the page to have joined', () => page.evaluate(() => window.mediasyncDebug.state.isJoined));
    if (await part(page, 'start-overlay').isVisible()) await part(page, 'start-overlay').click();
  }

  /** Both players within the tolerance of each other, and both playing or both paused. */
  async function assertTogether(what, pages, { paused, near } = {}) {
    let seen;
    await eventually(what, async () => {
      seen = await Promise.all(pages.map(player));
      const times = seen.map((one) => one.time);
      return seen.every((one) => one.paused === paused && one.ready >= 2) &&
        Math.max(...times) - Math.min(...times) < kTolerance &&
        (near === undefined || times.every((time) => Math.abs(time - near) < kTolerance));
    }).catch((error) => { throw new Error(`${error.message}: ${JSON.stringify(seen)}`); });
  }

  async function seek(page, seconds) {
    await part(page, 'seek-bar').evaluate((bar, value) => {
      bar.value = String(value);
      bar.dispatchEvent(new Event('input', { bubbles: true }));
      bar.dispatchEvent(new Event('change', { bubbles: true }));
    }, seconds);
  }

  const setPlaying = async (page, playing) => {
    if ((await player(page)).paused === playing) await part(page, 'play-button').click();
  };

  it('lets one person create a session and lead it', async () => {
    alice = await newViewer(scene.chromium.browser, scene.server.url);
    await part(alice, 'name-input').fill('Alice');
    await part(alice, 'create-button').click();
    await part(alice, 'invite-link').waitFor();
    link = await part(alice, 'invite-link').inputValue();
    assert.ok(link.startsWith(scene.server.url), link);
    await watching(alice);
    await eventually('Alice to lead', () => alice.evaluate(() => window.mediasyncDebug.state.isLeader));
    await part(alice, 'leader-badge').waitFor();
    assert.equal(await part(alice, 'user-item').count(), 1);
  });

  it('lets another join by the link; both see both', async () => {
    bob = await enterByLink('Bob');
    for (const page of [alice, bob]) {
      await eventually('two people in the list', async () => (await part(page, 'user-item').count()) === 2);
      const list = await part(page, 'user-list').innerText();
      assert.match(list, /Alice/);
      assert.match(list, /Bob/);
      assert.match(await part(page, 'user-item').filter({ has: part(page, 'leader-badge') }).innerText(), /Alice/);
    }
    assert.equal(await part(bob, 'play-button').isEnabled(), false, 'a follower does not steer');
  });

  it('offers the films to the leader, and both open the chosen one', async () => {
    await part(alice, 'film-list').waitFor();
    await film(alice, 'demo.mp4').click();
    for (const page of [alice, bob]) {
      await eventually('the film to be open', async () => {
        const now = await player(page);
        return now.source.endsWith('/films/demo.mp4') && now.ready >= 2;
      });
    }
    await assertTogether('both at the beginning, paused', [alice, bob], { paused: true, near: 0 });
  });

  it('follows play', async () => {
    await eventually('Alice to steer', () => part(alice, 'play-button').isEnabled());
    await setPlaying(alice, true);
    await eventually('Bob to be at 1 s or later', async () => (await player(bob)).time > 1);
    await assertTogether('both playing together', [alice, bob], { paused: false });
    const first = await player(bob);
    await eventually('Bob to go on', async () => (await player(bob)).time > first.time + 0.5);
  });

  it('follows a seek while playing', async () => {
    const start = performance.now();
    await seek(alice, 60);
    await eventually('Bob to be behind 60 s', async () => (await player(bob)).time >= 59.5);
    await assertTogether('both playing from 60 s', [alice, bob], { paused: false });
    const { time } = await player(bob);
    assert.ok(time < 61 + (performance.now() - start) / 1000, `not farther than it has played: ${time}`);
  });

  it('follows pause', async () => {
    await setPlaying(alice, false);
    await assertTogether('both paused at one place', [alice, bob], { paused: true });
    const [first, second] = [await player(bob), await player(bob)];
    assert.equal(first.time, second.time);
  });

  it('follows a seek while paused', async () => {
    await seek(alice, 30);
    await assertTogether('both at 30 s', [alice, bob], { paused: true, near: 30 });
  });

  it('follows the rate', async () => {
    await setPlaying(alice, true);
    await part(alice, 'rate-select').selectOption('1.5');
    await eventually('Bob to play at about 1.5', async () => Math.abs((await player(bob)).rate - 1.5) < 0.2);
    await assertTogether('both at 1.5', [alice, bob], { paused: false });
    await part(alice, 'rate-select').selectOption('1');
    await eventually('Bob to play at about 1', async () => Math.abs((await player(bob)).rate - 1) < 0.2);
  });

  it('takes a late joiner to where the others are', async () => {
    carol = await enterByLink('Carol');
    await assertTogether('all three playing together', [alice, bob, carol], { paused: false });
    assert.ok((await player(carol)).time > 29, 'not from the beginning');
    await carol.context().close();
  });

  it('follows a change of film', async () => {
    await film(alice, 'short.mp4').click();
    for (const page of [alice, bob]) {
      await eventually('the other film to be open', async () => (await player(page)).source.endsWith('/films/short.mp4'));
    }
    await assertTogether('both at its beginning, paused', [alice, bob], { paused: true, near: 0 });
    await eventually('Alice to steer', () => part(alice, 'play-button').isEnabled());
    await setPlaying(alice, true);
    await eventually('Bob to play it', async () => (await player(bob)).time > 0.5);
    await setPlaying(alice, false);
    await assertTogether('both paused', [alice, bob], { paused: true });
  });

  it('plays a film in segments, which hls.js opens', async () => {
    await film(alice, 'demo-hls/index.m3u8').click();
    for (const page of [alice, bob]) {
      await eventually('hls.js to have opened it', async () => {
        const now = await player(page);
        return now.source.startsWith('blob:') && now.ready >= 2;
      });
    }
    await eventually('Alice to steer', () => part(alice, 'play-button').isEnabled());
    await setPlaying(alice, true);
    await seek(alice, 40);
    await eventually('Bob to be behind 40 s', async () => (await player(bob)).time > 40);
    await assertTogether('both playing from 40 s', [alice, bob], { paused: false });
    await setPlaying(alice, false);
    await assertTogether('both paused', [alice, bob], { paused: true });
  });

  it('lets a follower take the lead when the leader has gone', async () => {
    assert.equal(await part(bob, 'take-lead-button').isVisible(), false);
    await alice.context().close();
    // No event says that a leader has lost the connection; somebody who arrives makes the pages look again.
    carol = await enterByLink('Carol');
    await part(carol, 'take-lead-button').waitFor();
    await part(bob, 'take-lead-button').click();
    await eventually('Bob to lead', () => bob.evaluate(() => window.mediasyncDebug.state.isLeader));
    await eventually('Bob to steer', () => part(bob, 'play-button').isEnabled());
    await part(bob, 'film-list').waitFor();
    await part(carol, 'take-lead-button').waitFor({ state: 'hidden' });
  });

  it('lets the new leader steer the others', async () => {
    await seek(bob, 10);
    await assertTogether('both at 10 s', [bob, carol], { paused: true, near: 10 });
  });

  it('says so when the viewer leaves by another tab, and leads back', async () => {
    const [twin] = await Promise.all([carol.waitForEvent('popup'), carol.evaluate(() => { window.open(location.href); })]);
    await part(twin, 'user-list').waitFor(); // a tab that was copied goes on where the first one is
    await watching(twin);
    await part(twin, 'leave-button').click();
    await part(carol, 'connection-notice').waitFor({ state: 'visible' });
    await twin.close();
    await seek(bob, 20);
    await carol.getByRole('button', { name: 'Reconnect' }).click();
    await part(carol, 'connection-notice').waitFor({ state: 'hidden' });
    await assertTogether('both at 20 s', [bob, carol], { paused: true, near: 20 });
  });

  it('says so when the connection is lost, and recovers', async () => {
    await carol.context().setOffline(true);
    scene.server.workerPids().forEach((pid) => process.kill(pid, 'SIGTERM'));
    await part(carol, 'connection-notice').waitFor({ state: 'visible' });
    await carol.context().setOffline(false);
    await part(carol, 'connection-notice').waitFor({ state: 'hidden' });
    await seek(bob, 5);
    await assertTogether('both at 5 s', [bob, carol], { paused: true, near: 5 });
  });

  it('wrote no error to the console', () => {
    const expected = /ERR_INTERNET_DISCONNECTED|ERR_CONNECTION|WebSocket|Failed to load resource/;
    for (const page of [bob, carol]) assert.deepEqual(page.problems.filter((one) => !expected.test(one)), []);
  });
});
