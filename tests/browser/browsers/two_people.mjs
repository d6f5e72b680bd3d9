// Two people watch together with the ten lines of docs/client.md, in one kind of browser: what they do with the element's own
// controls counts, and the film comes back after an outage. Each browser has a test file of its own, so that they run side by
// side and none has to wait for another's failures.
import assert from 'node:assert/strict';
import path from 'node:path';
import { ask, close, enter as enterByClient } from '../../client/harness/client.mjs';
import { rest } from '../../client/harness/http.mjs';
import { after, before, describe, it } from '../../client/harness/tests.mjs';
import { Broadcast } from './broadcast.mjs';
import { Outage } from './outage.mjs';
import { startServer } from './server.mjs';
import { eventually, look, passes, playTogether, standTogether, kBound } from './watching.mjs';

const kOutageMs = 1000 * Number(process.env.MEDIASYNC_OUTAGE_SECONDS ?? 60);
const kOutageRate = kOutageMs > 90000 ? 0.25 : 0.5; // the film lasts 120 s, and must not end meanwhile
const kBackMs = 90000; // clients notice a silent network after up to 45 s, and try again after up to 20
const kLiveOutageMs = 12000; // more than is loaded ahead; the broadcast lasts 100 s
const kSlowNetwork = 200000; // bytes a second: the film needs 103000
const kAhead = 6; // seconds that hls.js loads ahead where outages are to be felt

const filmNamed = { mp4: '/films/demo.mp4', hls: '/films/demo-hls/index.m3u8', live: '/broadcast/index.m3u8' };

/** The tests for the browser that `launch()` starts. */
export function testTwoPeople(name, launch) {
  describe(name, () => {
    let server;
    let outage;
    let broadcast;
    let browser;
    let alice; // leads
    let bob;
    const stop = async () => {
      broadcast?.stop();
      await Promise.allSettled([browser?.stop()]);
      await server?.stop();
    };
    before(async () => {
      server = await startServer();
      outage = await Outage.open(server);
      browser = await launch();
    }, stop);
    after(stop);

    async function enter(session, user, film, more = '') {
      const page = await browser.open(`${outage.url}/two/?session=${session}&user=${user}&film=${film}${more}`);
      await eventually(`${user} to have opened the film`, [page], () => page.evaluate(() =>
        window.client?.isJoined && window.client.session.playbackState.mediaUrl && window.video.readyState >= 1));
      return page;
    }

    /** Both with a new session. */
    async function both(session, film, more) {
      await Promise.all([alice?.close(), bob?.close()]);
      alice = await enter(session, 'alice', film, more);
      bob = await enter(session, 'bob', film, more);
    }

    const control = (page, which) => page.click('#film', browser.controls[which]);

    /** Both play from `position`, by the library's own commands; what comes before a test is not its business. */
    async function playing(position, pair = [alice, bob], rate = 1) {
      await pair[0].evaluate((to, speed) => {
        window.client.setRate(speed);
        window.client.seek(to);
        window.client.play();
      }, position, rate);
      await playTogether(`both to play from ${position} s`, pair, ({ time }) => time > position - kBound);
    }

    describe('a film in one file', () => {
      before(() => both('mp4', filmNamed.mp4), stop);

      it("starts by the element's own controls", async () => {
        await control(alice, browser.controls.start ? 'start' : 'play');
        await playTogether('both to play', [alice, bob], ({ time }) => time > 0.5 && time < 20);
      });

      it('is paused and goes on by them', async () => {
        await playing(5);
        await control(alice, 'play');
        await standTogether('both to stand', [alice, bob]);
        await control(alice, 'play');
        await playTogether('both to go on', [alice, bob]);
      });

      it('is paused and goes on by scripts of the page', async () => {
        await playing(5);
        await alice.evaluate(() => window.video.pause());
        await standTogether('both to stand', [alice, bob]);
        await alice.evaluate(() => { window.video.play(); });
        await playTogether('both to go on', [alice, bob]);
        await alice.evaluate(() => {
          window.video.pause();
          window.video.play();
        });
        await playTogether('both to go on after a pause of no time', [alice, bob]);
      });

      it('is sought by scripts of the page, and by the seek bar', async () => {
        await playing(5);
        await alice.evaluate(() => { window.video.currentTime = 30; });
        await playTogether('both to play from 30 s', [alice, bob], ({ time }) => time >= 30 - kBound && time < 50);
        const { from, to, y } = browser.controls.seekBar;
        await alice.click('#film', { x: (from + to) / 2, y });
        await playTogether('both to play from the middle', [alice, bob], ({ time }) => time > 55 && time < 80);
      });

      it('is sought by what pauses it meanwhile, as seek bars do', async () => {
        for (const [order, seek] of Object.entries({
          'pause, seek': () => { window.video.pause(); window.video.currentTime = 50; },
          'seek, pause': () => { window.video.currentTime = 50; window.video.pause(); },
          'pause, and soon a seek': () => { window.video.pause(); setTimeout(() => { window.video.currentTime = 50; }, 100); },
          'pause, and soon a seek that is over before the page looks': () => {
            window.video.pause();
            setTimeout(() => {
              window.video.currentTime = 50;
              for (const until = performance.now() + 50; performance.now() < until;);
            }, 300);
          },
        })) {
          await playing(5);
          await alice.evaluate(seek);
          await standTogether(`both to stand at 50 s: ${order}`, [alice, bob], ({ time }) => Math.abs(time - 50) < kBound);
        }
      });

      it('goes on from where the leader seeks while somebody is waited for', async () => {
        await playing(5);
        const carol = await enterByClient(server, { sessionId: 'mp4', userId: 'carol', username: 'Carol' });
        await ask(carol, 'report_buffering', { isBuffering: true });
        await eventually('both to wait', [alice, bob], async () => (await look(alice)).state === 'waiting' && !(await look(bob)).isPlaying);
        await alice.evaluate(() => { window.client.seek(50); });
        await playTogether('both to play from 50 s', [alice, bob], ({ time }) => time >= 50 - kBound && time < 70);
        await close(carol);
      });

      it('takes another speed', async () => {
        await playing(5);
        await alice.evaluate(() => { window.video.playbackRate = 1.5; });
        await playTogether('both to play faster', [alice, bob], ({ rate }) => Math.abs(rate - 1.5) < 0.2);
        await alice.evaluate(() => { window.video.playbackRate = 1; });
        await playTogether('both to play as before', [alice, bob], ({ rate }) => Math.abs(rate - 1) < 0.11);
      });

      it('goes on for the others when a follower pauses it', async () => {
        await playing(5);
        await control(bob, 'play');
        await eventually('Bob to be held', [alice, bob], async () => (await look(bob)).state === 'held');
        await playTogether('Alice to play', [alice]);
        await control(bob, 'play');
        await playTogether('Bob to be back', [alice, bob]);
      });

      it('is steered by the media keys of the leader, and those of a follower are its own', async () => {
        const press = (page, key) => page.evaluate((name) => { window.keys[name]({}); }, key);
        await playing(5);
        await press(alice, 'pause');
        await standTogether('both to stand', [alice, bob]);
        await press(alice, 'play');
        await playTogether('both to go on', [alice, bob]);
        const { time } = await look(bob);
        await press(alice, 'seekforward');
        await playTogether('both to be later', [alice, bob], (seen) => seen.time > time + 9);
        await press(bob, 'pause');
        await eventually('Bob to be held', [alice, bob], async () => (await look(bob)).state === 'held');
        await press(bob, 'play');
        await playTogether('Bob to be back', [alice, bob]);
      });

      it('runs ahead by what the sound of a device is late', async () => {
        await playing(5);
        await bob.evaluate(() => { window.client.audioOffset = 0.4; });
        await eventually('Bob to be ahead', [alice, bob], async () => {
          const [first, second] = await Promise.all([alice, bob].map(look));
          return second.state === 'playing' && Math.abs(second.error ?? 1) < 0.05 &&
            Math.abs(second.time - first.time - (second.at - first.at) - 0.4) < kBound;
        });
        await bob.evaluate(() => { window.client.audioOffset = 0; });
        await playTogether('both to be at one place', [alice, bob]);
      });

      it('is where the others are for who comes later', async () => {
        await playing(40);
        const carol = await enter('mp4', 'carol', filmNamed.mp4);
        await playTogether('Carol to play with them', [alice, bob, carol], ({ time }) => time > 40 - kBound);
        await carol.close();
      });

      // Nobody has clicked on the film for a while, which could be a click on its own controls.
      it("goes on for all when the leader's player pauses by itself after a jump", async () => {
        await playing(5);
        await alice.evaluate(() => {
          const { video, client } = window;
          video.addEventListener('playing', () => setTimeout(() => HTMLMediaElement.prototype.pause.call(video), 300), { once: true });
          client.seek(30);
        });
        await playTogether('both to play from 30 s', [alice, bob], ({ time }) => time >= 31 && time < 50);
      });

      it('is paused at its end, and begins anew', async () => {
        const duration = await alice.evaluate(() => window.video.duration);
        await playing(duration - 3);
        await standTogether('both to stand at the end', [alice, bob],
          ({ time, position }) => time > duration - 0.1 && position > duration - 0.1);
        const { playbackState } = (await rest(server, 'GET', '/api/sessions/mp4')).json().session;
        assert.equal(playbackState.isPlaying, false);
        assert.ok(Math.abs(playbackState.position - duration) < 0.1, `at ${playbackState.position} s`);
        await control(alice, 'play');
        await playTogether('both to play from the beginning', [alice, bob], ({ time }) => time < 20);
      });
    });

    it('comes back after an outage, in one file and in segments', { timeout: kOutageMs + 3 * kBackMs }, async () => {
      outage.pace(kSlowNetwork);
      await both('cut-hls', filmNamed.hls, `&buffer=${kAhead}`);
      const inSegments = [alice, bob];
      alice = bob = undefined;
      await both('cut-mp4', filmNamed.mp4);
      const pairs = { segments: inSegments, 'one file': [alice, bob] };
      for (const pair of Object.values(pairs)) await playing(0, pair, kOutageRate);
      outage.silence();
      await passes(kOutageMs);
      outage.restore();
      await Promise.all(Object.entries(pairs).map(([kind, pair]) => playTogether(`the film in ${kind} to be in step again`, pair,
        ({ time }) => time > kOutageRate * kOutageMs / 1000, kBackMs)));
      outage.pace(Infinity);
      await Promise.all(inSegments.map((page) => page.close()));
    });

    describe('a film in segments', () => {
      before(() => both('hls', filmNamed.hls), stop);

      it("starts by the element's own controls, and is sought", async () => {
        await control(alice, browser.controls.start ? 'start' : 'play');
        await playTogether('both to play', [alice, bob], ({ time }) => time > 0.5 && time < 20);
        await alice.evaluate(() => { window.video.currentTime = 60; });
        await playTogether('both to play from 60 s', [alice, bob], ({ time }) => time >= 60 - kBound && time < 80);
      });

      it('goes on for all when hls.js jumps over a hole', async () => {
        await playing(60);
        const told = await alice.evaluate(async () => {
          const { video, client, hlsOf } = window;
          const target = video.buffered.start(video.buffered.length - 1) + hlsOf().config.skipBufferHolePadding;
          const positions = [];
          const note = () => positions.push(client.session.playbackState.position);
          client.addEventListener('playback', note);
          video.currentTime = target;
          await new Promise((resolve) => { setTimeout(resolve, 1000); });
          client.removeEventListener('playback', note);
          return positions.filter((position) => Math.abs(position - target) < 0.05);
        });
        assert.deepEqual(told, []);
        await playTogether('both to play', [alice, bob], ({ time }) => time > 61);
      });

      it('goes on when segments could not be had for a while', async () => {
        await playing(10);
        outage.answer(503, /\.ts/);
        await alice.evaluate(() => window.client.seek(100));
        await eventually('both to wait for it', [alice, bob], async () =>
          (await Promise.all([alice, bob].map(look))).every(({ readyState }) => readyState < 3));
        outage.heal();
        await playTogether('both to play there', [alice, bob], ({ time }) => time >= 100 - kBound);
      });
    });

    describe('a live stream', () => {
      before(() => {
        broadcast = new Broadcast(path.join(server.prefix, 'html/broadcast'));
        return both('live', filmNamed.live);
      }, stop);

      it("starts by the element's own controls, near its live end", async () => {
        await control(alice, browser.controls.start ? 'start' : 'play');
        await playTogether('both to show the same moment', [alice, bob], ({ time, at }) => at - time < 25);
      });

      it('goes to where the element is sent', async () => {
        const delayOf = ({ at, time }) => at - time;
        const before = delayOf(await look(alice));
        await alice.evaluate(() => { window.video.currentTime -= 3; });
        await playTogether('both to show a moment before', [alice, bob], (seen) => {
          const waited = delayOf(seen) - before - 3; // until all have it, 2 s at most
          return waited > -0.5 && waited < 2.5;
        });
      });

      it('is where the others are for who comes later', async () => {
        const carol = await enter('live', 'carol', filmNamed.live);
        await playTogether('Carol to show the same moment', [alice, bob, carol]);
        await carol.close();
      });

      it('stays where it is when the leader opens it anew', async () => {
        const delay = ({ at, time }) => at - time;
        const before = delay(await look(bob));
        const again = await enter('live', 'alice', filmNamed.live); // hls.js goes to its live end by itself
        await alice.close();
        alice = again;
        // A stall may have kept all waiting meanwhile: later is no fault.
        await playTogether('both to show the same moment, no nearer to the live end', [alice, bob], (seen) => delay(seen) > before - 0.5);
      });

      it('goes on near its live end after an outage', async () => {
        outage.silence();
        await passes(kLiveOutageMs);
        outage.restore();
        await playTogether('both to show the same moment', [alice, bob], ({ time, at }) => at - time < 30, kBackMs);
      });
    });
  });
}
