// A live stream, by hls.js: players that opened it at different times show the same moment of the broadcast.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { execFileSync } from 'node:child_process';
import { launchChromium, newViewer } from '../client/harness/demo.mjs';
import { repoRoot, Server } from '../client/harness/nginx.mjs';
import { after, before, describe, it } from '../client/harness/tests.mjs';
import { Broadcast } from './browsers/broadcast.mjs';
import { eventually } from './stage.mjs';

const kBound = 0.25; // seconds; only a build that does not synchronise misses it

describe('a live stream', () => {
  let server;
  let broadcast;
  let chromium;
  let alice;
  let bob;
  const stop = async () => {
    await chromium?.stop();
    broadcast?.stop();
    await server?.stop();
  };

  before(async () => {
    execFileSync(path.join(repoRoot, 'scripts/make-film'), { stdio: ['ignore', 'ignore', 'inherit'], timeout: 300000 });
    const web = path.join(repoRoot, 'web');
    server = await Server.start({
      http: 'types { text/html html; text/javascript js; video/mp2t ts; application/vnd.apple.mpegurl m3u8; }',
      locations: `location / { root ${web}; }
        location /vendor/ { alias ${web}/node_modules/; }
        location /live/ { alias ${path.join(repoRoot, 'tests/browser/live')}/; index index.html; }
        location /broadcast/ { root html; add_header Cache-Control no-store; }`,
    });
    fs.mkdirSync(path.join(server.prefix, 'html'));
    broadcast = new Broadcast(path.join(server.prefix, 'html/broadcast'));
    chromium = await launchChromium();
  }, stop);
  after(stop);

  async function enter(user) {
    const page = await newViewer(chromium.browser, `${server.url}/live/?session=live&user=${user}`);
    await eventually(`${user} to have joined`, () => page.evaluate(() => window.live?.client.isJoined));
    return page;
  }

  /** What the pages show at one moment, as seconds before now. */
  const delays = () => Promise.all([alice, bob].map((page) => page.evaluate(() => {
    const { shown, video } = window.live;
    return video.paused ? null : (performance.timeOrigin + performance.now()) / 1000 - shown();
  })));

  async function assertTogether(delay, tolerance) {
    let seen;
    await eventually('both to show the same moment', async () => {
      seen = await delays();
      return seen.every((one) => one !== null && Math.abs(one - delay) < tolerance) && Math.abs(seen[0] - seen[1]) < kBound;
    }).catch((error) => { throw new Error(`${error.message}: ${seen} s ago`); });
  }

  it('begins near its live end when the leader plays it', async () => {
    alice = await enter('alice');
    await alice.evaluate(() => window.live.client.loadMedia({ mediaUrl: '/broadcast/index.m3u8' }));
    await eventually('Alice to have opened it', () => alice.evaluate(() => window.live.video.readyState >= 3));
    await alice.evaluate(() => window.live.client.play());
    await eventually('Alice to play', async () => (await alice.evaluate(() => window.live.video.currentTime)) > 1 &&
      !(await alice.evaluate(() => window.live.video.paused)));
  });

  it('is at the same moment for who comes later', async () => {
    bob = await enter('bob');
    await assertTogether(13, 6);
  });

  it('goes to another moment for both', async () => {
    await alice.evaluate(() => window.live.client.seek(Date.now() / 1000 - 17));
    await assertTogether(17, 1);
  });

  it('goes on near its live end when it has stood for so long that its place is gone', async () => {
    await alice.evaluate(() => window.live.client.pause());
    await eventually('both to stand', async () => (await delays()).every((one) => one === null));
    await eventually('the place to be gone', () => alice.evaluate(() => {
      const { video, begins } = window.live;
      return begins() > video.currentTime;
    }));
    await alice.evaluate(() => window.live.client.play());
    await assertTogether(13, 6);
  });

  it('needs no more seeks than it was told to make', async () => {
    for (const page of [alice, bob]) {
      const { seeks, errors } = await page.evaluate(() => window.live.seen);
      assert.ok(seeks <= 8, `${seeks} seeks`);
      assert.deepEqual(errors, []);
      assert.deepEqual(page.problems, []);
    }
  });
});
