// Two people watch together through players of other libraries, in Chromium: what they do with the player's own controls counts.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { rest } from '../client/harness/http.mjs';
import { after, before, describe, it } from '../client/harness/tests.mjs';
import { bundlePages } from './adapters/bundle.mjs';
import { Broadcast } from './browsers/broadcast.mjs';
import { launch } from './browsers/chromium.mjs';
import { Outage } from './browsers/outage.mjs';
import { startServer } from './browsers/server.mjs';
import { eventually, kBound, look, playTogether } from './browsers/watching.mjs';

const kFolder = 'broadcast/players'; // of the server's own files
const film = { hls: '/films/demo-hls/index.m3u8', mp4: '/films/demo.mp4', live: '/broadcast/index.m3u8' };

let server;
let browser;

/** For pages: whether a click would hit an element, which has come to rest since the last look. */
function isAtRest(selector) {
  const element = document.querySelector(selector);
  const { x, y, width, height } = element?.getBoundingClientRect() ?? {};
  const place = `${selector} ${x} ${y} ${width} ${height}`;
  const isSame = window.lastPlace === place;
  window.lastPlace = place;
  return isSame && width > 0 && element.contains(document.elementFromPoint(x + width / 2, y + height / 2));
}

/** Clicks one after the other, as soon as each is there. */
async function clickAll(page, ...selectors) {
  for (const selector of selectors) {
    await eventually(`${selector} to be there`, [page], () => page.evaluate(isAtRest, selector));
    await page.click(selector);
  }
}

/** Of each player its own controls: start(page) from the beginning, toggle(page), seekToMiddle(page), faster(page) to 1.5. */
const players = {
  plyr: {
    start: (page) => clickAll(page, '.plyr__control--overlaid'),
    toggle: (page) => clickAll(page, '.plyr__controls [data-plyr="play"]'),
    seekToMiddle: (page) => clickAll(page, 'input[data-plyr="seek"]'),
    faster: (page) => clickAll(page, '[data-plyr="settings"]', '[role="menu"] .plyr__control--forward:not([hidden])',
      '[data-plyr="speed"][value="1.5"]'),
    steers: () => !document.querySelector('input[data-plyr="seek"]').disabled,
  },
  videojs: {
    start: (page) => clickAll(page, '.vjs-big-play-button'),
    toggle: (page) => clickAll(page, '.vjs-play-control'),
    restart: (page) => clickAll(page, '.vjs-big-play-button'), // another film has not been played yet
    seekToMiddle: (page) => clickAll(page, '.vjs-progress-holder'),
    faster: (page) => clickAll(page, '.vjs-playback-rate', '.vjs-playback-rate .vjs-menu-item:nth-child(2)'),
    steers: () => !document.querySelector('.vjs-progress-control').classList.contains('disabled'),
    shownRate: () => document.querySelector('.vjs-playback-rate-value').textContent,
  },
  vidstack: {
    start: (page) => clickAll(page, 'media-play-button'),
    toggle: (page) => clickAll(page, 'media-play-button'),
    seekToMiddle: (page) => clickAll(page, 'media-time-slider'),
    faster: (page) => clickAll(page, 'media-speed-slider'),
    steers: () => !document.querySelector('media-time-slider').disabled,
  },
  react: {
    start: (page) => page.click('#film', browser.controls.play),
    toggle: (page) => page.click('#film', browser.controls.play),
    seekToMiddle: (page) => page.click('#film', { x: 320, y: browser.controls.seekBar.y }),
    faster: (page) => page.evaluate(() => { window.video.playbackRate = 1.5; }),
    steers: () => document.querySelector('#state').textContent.startsWith('leads'),
  },
};

const stateOf = (page) => page.evaluate(() => window.client.stats().state);

async function enter(name, session, user, film, { url } = server) {
  const page = await browser.open(`${url}/${kFolder}/${name}.html?session=${session}&user=${user}&film=${film}`);
  await eventually(`${user} to have opened the film`, [page], () => page.evaluate(() =>
    window.client?.isJoined && !['empty', 'loading'].includes(window.client.stats().state))).catch(async (error) => {
    throw new Error(`${error.message} ${JSON.stringify(await page.evaluate(() => window.problems))}`);
  });
  return page;
}

const stop = async () => {
  await Promise.allSettled([browser?.stop()]);
  await server?.stop();
};
before(async () => {
  server = await startServer();
  const folder = path.join(server.prefix, 'html', kFolder);
  fs.mkdirSync(folder, { recursive: true });
  await bundlePages(folder);
  browser = await launch({ autoplay: false });
}, stop);
after(stop);

describe('players of other libraries', { concurrency: 2 }, () => {
  for (const [name, own] of Object.entries(players)) {
    describe(name, { concurrency: 1 }, () => {
      let outage;
      let alice; // leads
      let bob;
      before(async () => {
        outage = await Outage.open(server);
        alice = await enter(name, name, 'alice', film.hls, outage);
        bob = await enter(name, name, 'bob', film.hls, outage);
      });
      after(() => Promise.allSettled([alice?.close(), bob?.close()]));

      const troubles = () => Promise.all([alice, bob].map((page) => page.evaluate(() => window.client.trouble)));

      it("starts by the leader's control, and by the follower's own where the browser wants a click", async () => {
        await own.start(alice);
        await playTogether('Alice to play', [alice], ({ time }) => time > 0.5);
        await eventually('Bob to be asked for a click', [bob], async () => (await stateOf(bob)) === 'blocked');
        await own.start(bob);
        await playTogether('both to play', [alice, bob], ({ time }) => time < 30);
      });

      it('shows who leads', async () => {
        assert.equal(await alice.evaluate(own.steers), true);
        assert.equal(await bob.evaluate(own.steers), false);
      });

      it('is sought by the seek bar', async () => {
        await own.seekToMiddle(alice);
        await playTogether('both to play from the middle', [alice, bob], ({ time }) => time > 55 && time < 80);
      });

      it('takes the speed of its menu', async () => {
        await own.faster(alice);
        await playTogether('both to play faster', [alice, bob], ({ rate }) => Math.abs(rate - 1.5) < 0.2);
        if (own.shownRate) {
          await eventually('Bob to be shown it', [bob], async () => (await bob.evaluate(own.shownRate)) === '1.5x');
        }
        await alice.evaluate(() => { window.video.playbackRate = 1; });
        await playTogether('both to play as before', [alice, bob], ({ rate }) => Math.abs(rate - 1) < 0.11);
      });

      it('goes on for the others when a follower pauses it', async () => {
        await own.toggle(bob);
        await eventually('Bob to be held', [alice, bob], async () => (await stateOf(bob)) === 'held');
        await playTogether('Alice to play', [alice]);
        await own.toggle(bob);
        await playTogether('Bob to be back', [alice, bob]);
        if (name === 'react') return; // there is no player that would show them
        const rates = await bob.evaluate(() => window.ratesTold());
        assert.deepEqual(rates.filter((rate) => ![1, 1.5].includes(rate)), []);
      });

      it('comes back when its pieces could not be had for a while', async (t) => {
        t.after(() => outage.heal());
        outage.answer(503, /\.ts/);
        await alice.evaluate(() => window.client.seek(80));
        await eventually('both to say so', [alice, bob], async () =>
          (await troubles()).every((trouble) => trouble?.kind === 'network'));
        outage.heal();
        await playTogether('both to play there', [alice, bob], ({ time }) => time >= 80 - kBound);
        await eventually('both to have no trouble', [alice, bob], async () => (await troubles()).every((trouble) => trouble === null));
      });

      it('plays another film', async () => {
        await alice.evaluate((mediaUrl) => window.client.loadMedia({ mediaUrl }), film.mp4);
        await eventually('both to have it', [alice, bob], async () =>
          (await Promise.all([alice, bob].map(look))).every(({ state, time }) => state === 'paused' && time < 1));
        await (own.restart ?? own.toggle)(alice);
        await playTogether('both to play', [alice, bob], ({ time }) => time < 20);
      });

      it('leaves the player alone once it is closed', async () => {
        await bob.evaluate(() => {
          window.client.close();
          window.video.pause();
          window.asked = [];
          for (const name of ['play', 'pause']) window.video[name] = () => window.asked.push(name);
        });
        await alice.evaluate(() => window.client.pause());
        await eventually('Alice to stand', [alice], async () => (await look(alice)).paused);
        await alice.evaluate(() => window.client.play());
        await playTogether('Alice to play', [alice]);
        const seen = await bob.evaluate(() => ({ asked: window.asked, paused: window.video.paused }));
        assert.deepEqual(seen, { asked: [], paused: true });
      });
    });
  }

  describe('video.js with a live stream', { concurrency: 1 }, () => {
    let broadcast;
    let alice;
    let bob;
    before(async () => {
      broadcast = new Broadcast(path.join(server.prefix, 'html/broadcast'));
      alice = await enter('videojs', 'live', 'alice', film.live);
      bob = await enter('videojs', 'live', 'bob', film.live);
    });
    after(async () => {
      broadcast?.stop();
      await Promise.allSettled([alice?.close(), bob?.close()]);
    });

    it('shows both the same moment by the calendar', async () => {
      await players.videojs.start(alice);
      await playTogether('Alice to play', [alice], ({ time, at }) => at - time < 30);
      await players.videojs.start(bob);
      await playTogether('both to show the same moment', [alice, bob], ({ time, at }) => at - time < 30);
    });

    const delayOf = ({ at, time }) => at - time;

    it("takes nobody along when the leader's VHS jumps by itself", async () => {
      const delay = delayOf(await look(bob));
      await alice.evaluate(() => window.player.tech(true).setCurrentTime(window.video.currentTime - 4));
      await eventually('it to have been sought back', [alice], async () => Math.abs(delayOf(await look(alice)) - delay) < 1);
      await playTogether('both to show the same moment', [alice, bob], (seen) => Math.abs(delayOf(seen) - delay) < 1);
    });

    it('takes nobody along to the live end when the leader comes back', async () => {
      const before = delayOf(await look(bob));
      // VHS lets nobody seek nearer to the live end than its own range, which falls behind on a busy machine.
      await alice.evaluate(() => {
        const range = window.player.seekable();
        window.client.seek((range.start(0) + range.end(0)) / 2);
      });
      await playTogether('both to show a moment before', [alice, bob], (seen) => delayOf(seen) - before > 1);
      const delay = delayOf(await look(bob));
      await alice.close();
      alice = await enter('videojs', 'live', 'alice', film.live);
      await players.videojs.start(alice);
      await playTogether('both to show it still', [alice, bob], (seen) => Math.abs(delayOf(seen) - delay) < 1.5);
    });
  });

  describe('React in its strict mode', { concurrency: 1 }, () => {
    it('leaves one user and no timer, however often it is mounted', async () => {
      const page = await enter('react', 'strict', 'carol', film.mp4);
      await page.evaluate(() => {
        window.running = new Set();
        for (const [set, clear] of [['setTimeout', 'clearTimeout'], ['setInterval', 'clearInterval']]) {
          const native = { set: window[set].bind(window), clear: window[clear].bind(window) };
          window[set] = (act, ...rest) => {
            const id = native.set((...args) => {
              if (set === 'setTimeout') window.running.delete(id);
              act(...args);
            }, ...rest);
            window.running.add(id);
            return id;
          };
          window[clear] = (id) => {
            window.running.delete(id);
            native.clear(id);
          };
        }
        window.exit();
      });
      for (let i = 0; i < 20; i++) {
        await page.evaluate(() => window.enter());
        await eventually('it to have joined', [page], () => page.evaluate(() =>
          window.client?.isJoined && window.shown.users === 1));
        await page.evaluate(() => window.exit());
      }
      await eventually('no timer to be left', [page], () => page.evaluate(() => window.running.size === 0));
      await page.evaluate(() => window.enter());
      await eventually('it to be back', [page], () => page.evaluate(() => window.client.isJoined));
      const { session } = (await rest(server, 'GET', '/api/sessions/strict')).json();
      assert.deepEqual(session.users.map(({ id }) => id), ['carol']);
      await page.evaluate(() => window.enter('another'));
      await eventually('another session to be joined', [page], () => page.evaluate(() =>
        window.client.session?.sessionId === 'another'));
      await page.close();
    });
  });
});
