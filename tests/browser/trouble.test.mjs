// What the watch page says and offers when a film does not simply play: it is over, it is paused by a viewer, it can't be had, it is
// live.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { newViewer, player } from '../client/harness/demo.mjs';
import { after, before, describe, it } from '../client/harness/tests.mjs';
import { Broadcast } from './browsers/broadcast.mjs';
import { eventually, part, stage } from './stage.mjs';

const stateOf = (page) => page.evaluate(() => window.mediasyncDebug.state.stats.state);
const inState = (page, state) => eventually(`the film to be ${state}`, async () => (await stateOf(page)) === state);
const positionOf = (page) => page.evaluate(() => window.mediasyncDebug.state.session.playbackState.position);

describe('the watch page', () => {
  const scene = stage();
  let alice; // leads
  let bob;
  let broadcast;
  let folder;

  before(async () => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mediasync-broadcast-'));
    broadcast = new Broadcast(path.join(folder, 'broadcast'));
    alice = await newViewer(scene.chromium.browser, scene.server.url);
    await addBroadcast(alice);
    await part(alice, 'name-input').fill('Alice');
    await part(alice, 'create-button').click();
    await part(alice, 'film-list').waitFor();
    bob = await newViewer(scene.chromium.browser, await part(alice, 'invite-link').inputValue());
    await addBroadcast(bob);
    await part(bob, 'name-input').fill('Bob');
    await part(bob, 'join-button').click();
    await part(bob, 'user-list').waitFor();
  });
  after(() => {
    broadcast?.stop();
    fs.rmSync(folder, { recursive: true, force: true });
  });

  /** As if the server had a live stream among its films. */
  async function addBroadcast(page) {
    await page.route(/\/films\/broadcast\/(.*)/, (route) => {
      const file = path.join(folder, 'broadcast', path.basename(new URL(route.request().url()).pathname));
      return fs.existsSync(file) ? route.fulfill({ path: file, headers: { 'Cache-Control': 'no-store' } }) : route.fulfill({ status: 404 });
    });
    const answer = (json) => (route) => route.fulfill({ json });
    await page.route(/\/films\/broadcast\/$/, answer([{ name: 'index.m3u8', type: 'file' }]));
    await page.route(/\/films\/$/, answer(['demo.mp4', 'short.mp4', 'none.mp4'].map((name) => ({ name, type: 'file' }))
      .concat({ name: 'broadcast', type: 'directory' })));
  }

  async function choose(id) {
    await alice.locator(`[data-film-id="${id}"] button`).click();
    await eventually('Alice to have the film', () => alice.evaluate((name) =>
      window.mediasyncDebug.state.session.playbackState.mediaUrl?.endsWith(name), id));
    await eventually('Alice to steer', () => part(alice, 'play-button').isEnabled());
  }

  async function play(...pages) {
    await part(alice, 'play-button').click();
    for (const page of pages) await inState(page, 'playing');
  }

  it('lets a follower come back from a pause of its own by a key, by the button, and by a click on the film', async () => {
    await choose('demo.mp4');
    await play(alice, bob);
    for (const comeBack of [
      () => bob.keyboard.press('k'),
      () => part(bob, 'play-button').click(),
      () => part(bob, 'start-overlay').click(),
    ]) {
      await bob.evaluate(() => window.mediasyncDebug.video.pause());
      await inState(bob, 'held');
      await part(bob, 'start-overlay').waitFor();
      await comeBack();
      await inState(bob, 'playing');
      await part(bob, 'start-overlay').waitFor({ state: 'hidden' });
    }
    assert.equal(await stateOf(alice), 'playing', 'nobody else has stopped');
  });

  it('stands at the end of a film, and begins it anew', async () => {
    await choose('short.mp4');
    await play(alice, bob);
    await part(alice, 'seek-bar').evaluate((bar) => {
      bar.value = '18';
      bar.dispatchEvent(new Event('change'));
    });
    for (const page of [alice, bob]) await inState(page, 'paused');
    assert.equal(await part(alice, 'play-button').getAttribute('aria-label'), 'Play');
    assert.ok((await player(bob)).time > 19.9);
    await play(alice, bob);
    assert.ok((await player(bob)).time < 10, 'from the beginning');
  });

  it('stays with a film that is shorter than the place where the one before was', async () => {
    for (let round = 0; round < 3; round++) {
      await choose('demo.mp4');
      await play(alice, bob);
      await part(alice, 'seek-bar').evaluate((bar) => {
        bar.value = '100';
        bar.dispatchEvent(new Event('change'));
      });
      for (const page of [alice, bob]) await inState(page, 'playing');
      await choose('short.mp4');
      await play(alice, bob);
      assert.match((await player(bob)).source, /short\.mp4$/);
      assert.ok((await player(bob)).time < 10, 'from its beginning');
    }
  });

  it('says what the server does not have to the one who does not get it, and tries again when asked', async () => {
    await bob.route(/\/demo\.mp4/, (route) => route.fulfill({ status: 404 }));
    await choose('demo.mp4');
    await inState(bob, 'unplayable');
    assert.match(await part(bob, 'film-trouble').innerText(), /not on the server/);
    await part(alice, 'toast').filter({ hasText: /Bob cannot get the film/ }).waitFor();
    await bob.unroute(/\/demo\.mp4/);
    await part(bob, 'retry-button').click();
    await part(bob, 'film-trouble').waitFor({ state: 'hidden' });
    await play(alice, bob);
  });

  it('keeps the film when the leader chooses one that cannot be had', async () => {
    await alice.locator('[data-film-id="none.mp4"] button').click();
    await part(alice, 'toast').filter({ hasText: /None: The film is not on the server/ }).waitFor();
    await eventually('Alice to be back in the film', async () => (await player(alice)).source.endsWith('/demo.mp4'));
    await inState(alice, 'playing');
    await inState(bob, 'playing');
  });

  it('steers a live stream by keys and by its seek bar, and goes back to its live end', async () => {
    await choose('broadcast/index.m3u8');
    await play(alice, bob);
    const texts = await Promise.all([alice, bob].map((page) => part(page, 'time-now').innerText()));
    for (const text of texts) assert.match(text, /^\d\d?:\d\d:\d\d/, 'the time of day');
    const position = await positionOf(alice);
    assert.ok(position > 1e9, `a time of the calendar: ${position}`);
    await alice.keyboard.press('ArrowLeft');
    await eventually('Bob to be five seconds before', async () => (await positionOf(bob)) < position + 5 && (await positionOf(bob)) !== position);
    for (const page of [alice, bob]) await inState(page, 'playing');
    assert.ok((await positionOf(bob)) > 1e9);
    await part(alice, 'seek-bar').evaluate((bar) => {
      bar.value = String((Number(bar.min) + Number(bar.max)) / 2);
      bar.dispatchEvent(new Event('change'));
    });
    for (const page of [alice, bob]) await inState(page, 'playing');
    assert.ok((await positionOf(bob)) > 1e9);
    await part(alice, 'live-button').click();
    await eventually('the live end', () => part(alice, 'live-button').evaluate((button) => button.dataset.isLive === 'true'));
    for (const page of [alice, bob]) await inState(page, 'playing');
  });
});
