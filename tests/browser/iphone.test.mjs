// An iPhone watches with a computer: it plays once it was touched, and what the phone does to the film commands nobody.
import assert from 'node:assert/strict';
import { after, before, describe, it } from '../client/harness/tests.mjs';
import { launch } from './browsers/chromium.mjs';
import { iphone } from './browsers/iphone.mjs';
import { startServer } from './browsers/server.mjs';
import { eventually, look, playTogether } from './browsers/watching.mjs';

describe('an iPhone', () => {
  let server;
  let computers;
  let phones;
  let alice; // has a computer
  let bob; // has an iPhone
  const stop = async () => {
    await Promise.allSettled([computers?.stop(), phones?.stop()]);
    await server?.stop();
  };
  before(async () => {
    server = await startServer();
    computers = await launch();
    phones = await launch(iphone);
  }, stop);
  after(stop);

  async function enter(browser, session, user) {
    const page = await browser.open(`${server.url}/two/?session=${session}&user=${user}&film=/films/demo.mp4`);
    await eventually(`${user} to have joined`, [page], () => page.evaluate(() =>
      window.client?.isJoined && window.client.session.playbackState.mediaUrl && window.video.readyState >= 1));
    return page;
  }
  const stateOf = async (page) => (await look(page)).state;
  const play = (page) => page.evaluate(() => { window.client.play(); });

  it('asks for a touch, and follows then', async () => {
    alice = await enter(computers, 'follower', 'alice');
    bob = await enter(phones, 'follower', 'bob');
    await play(alice);
    await eventually('Bob to be asked', [alice, bob], async () => (await stateOf(bob)) === 'blocked');
    await bob.tap('body', { x: 100, y: 500 });
    await playTogether('both to play', [alice, bob]);
  });

  it('goes on by itself when its page was hidden', async () => {
    for (const pausesFirst of [false, true]) {
      await bob.evaluate((options) => window.iphone.hide(options), { pausesFirst });
      await eventually('the phone to have paused it', [alice, bob], async () => (await look(bob)).paused);
      await playTogether('Alice to play', [alice]);
      await bob.evaluate(() => window.iphone.show());
      await playTogether('both to play again', [alice, bob]);
    }
  });

  it('asks for a touch after a pause that it may not end by itself', async () => {
    await bob.evaluate(() => {
      window.iphone.isSaving = true;
      window.iphone.hide();
      window.iphone.show();
    });
    await eventually('Bob to be asked', [alice, bob], async () => (await stateOf(bob)) === 'blocked');
    await bob.tap('body', { x: 100, y: 500 });
    await playTogether('both to play again', [alice, bob]);
  });

  it('pauses nobody when the phone of the leader does', async () => {
    const carol = await enter(phones, 'leader', 'carol');
    const dave = await enter(computers, 'leader', 'dave');
    await play(carol);
    await eventually('Carol to be asked', [carol, dave], async () => (await stateOf(carol)) === 'blocked');
    await carol.tap('body', { x: 100, y: 500 });
    await playTogether('both to play', [carol, dave]);
    await carol.evaluate(() => window.iphone.hide());
    await eventually('the phone to have paused it', [carol, dave], async () => (await look(carol)).paused);
    const { time } = await look(dave);
    await eventually('Dave to go on', [carol, dave], async () => (await look(dave)).time > time + 1);
    assert.equal((await look(dave)).isPlaying, true);
    await carol.evaluate(() => window.iphone.show());
    await playTogether('both to play again', [carol, dave]);
  });
});
