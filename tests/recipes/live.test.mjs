// docs/recipes/live.md: ffmpeg plays OBS's part, by SRT and by RTMP, and two people see the same moment of it in Chromium.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { repoRoot } from '../client/harness/nginx.mjs';
import { describe, it } from '../client/harness/tests.mjs';
import { startGroup } from '../browser/browsers/processes.mjs';
import { statusOf } from './harness/clients.mjs';
import { read } from './harness/page.mjs';
import { freePorts, openSite, placed } from './harness/site.mjs';
import { act, assertNoProblems, chromium, eventually } from './harness/watching.mjs';

const kPage = 'recipes/live.md';
const kBound = 0.3; // seconds apart; only a page that does not synchronise misses it

// Keeps the player of hls.js, which knows the moment that is shown.
const kKeepHls = `let library;
Object.defineProperty(window, 'Hls', { get: () => library, set(Hls) {
  library = class extends Hls { constructor(...args) { super(...args); window.player = this; } };
} });
window.problems = [];
addEventListener('unhandledrejection', ({ reason }) => window.problems.push(String(reason)));`;

/** Seconds before now that the page shows, and whether it plays. */
const look = (page) => page.evaluate(() => ({ paused: document.querySelector('video').paused, time: document.querySelector('video').currentTime,
  ready: document.querySelector('video').readyState, ended: document.querySelector('video').ended,
  delay: window.player?.playingDate ? (performance.timeOrigin + performance.now() - window.player.playingDate.getTime()) / 1000 : null }));

/** Finds a setting of OBS in the page. */
const inObs = (pattern) => pattern.exec(read(kPage))[1];

/** A film sent as OBS sends its own: ffmpeg, which makes nothing anew. */
const send = (format, address) => startGroup('ffmpeg', ['-nostdin', '-loglevel', 'error', '-re', '-stream_loop', '-1',
  '-i', path.join(repoRoot, 'media/films/demo.mp4'), '-c', 'copy', '-f', format, address]);

const playlistOf = (site) => {
  try {
    return fs.readFileSync(path.join(site.prefix, 'srv/live/index.m3u8'), 'utf8');
  } catch {
    return '';
  }
};
const piecesOf = (site) => playlistOf(site).match(/^\d+\.ts$/gm) ?? [];

/** Returns a function that takes others, which are called at the end of the test, the last one first. */
function inReverse(t) {
  const ends = [];
  t.after(async () => {
    for (const end of ends.reverse()) await end();
  });
  return (end) => ends.push(end);
}

describe('live', { concurrency: 2 }, () => {
  const scene = chromium({ initScript: kKeepHls });

  async function assertTogether(pages) {
    let seen;
    await eventually('all to show one moment', async () => {
      seen = await Promise.all(pages.map(look));
      return seen.every(({ delay, paused }) => !paused && delay > 0 && delay < 15) && Math.abs(seen[0].delay - seen[1].delay) < kBound;
    }).catch((error) => { throw new Error(`${error.message}: ${JSON.stringify(seen)}`); });
  }

  async function watch(site) {
    await eventually('three pieces to be there', () => piecesOf(site).length >= 3);
    assert.match(playlistOf(site), /#EXT-X-PROGRAM-DATE-TIME:/);
    const ada = await scene.open(`${site.url}/`);
    await eventually('Ada to have it', async () => (await look(ada)).ready >= 1);
    await act(ada, 'video.play().catch(() => {})');
    await eventually('Ada to play', async () => !(await look(ada)).paused && (await look(ada)).time > 1)
      .catch(async (error) => { throw new Error(`${error.message}: ${JSON.stringify(await look(ada))}\n${playlistOf(site)}`); });
    const bob = await scene.open(`${site.url}/`);
    await assertTogether([ada, bob]);
    return [ada, bob];
  }

  async function open(atEnd, options) {
    const site = await openSite(kPage, { ...options, prepare: (prefix) => fs.mkdirSync(path.join(prefix, 'srv/live')) });
    atEnd(() => site.stop());
    return site;
  }

  /** As systemd runs a service, again and again. */
  function run(atEnd, site, name) {
    const unit = fs.readFileSync(path.join(site.prefix, `etc/systemd/system/${name}.service`), 'utf8');
    assert.match(unit, /^Restart=always$/m);
    const service = startGroup('sh', ['-c', `while true; do ${/^ExecStart=(.*)$/m.exec(unit)[1]}; done`]);
    atEnd(() => service.stop());
  }

  it('is taken by SRT, and goes on when OBS comes back', async (t) => {
    const atEnd = inReverse(t);
    const { srt } = await freePorts('srt');
    const site = await open(atEnd, { ports: { 9000: srt }, only: (name) => !/rtmp|live-key|90-live/.test(name) });
    run(atEnd, site, 'live-srt');
    const address = placed(inObs(/server `(srt:\/\/[^`]+)`/), '', { 9000: srt }).replace('watch.example.org', '127.0.0.1');
    let obs = send('mpegts', address);
    atEnd(() => obs.stop());
    const [ada, bob] = await watch(site);

    await obs.stop();
    await eventually('it to end for both', async () => (await Promise.all([ada, bob].map(look))).every(({ paused, ended }) => paused && ended));
    const last = piecesOf(site).length;
    obs = send('mpegts', address);
    await eventually('it to be sent again', () => piecesOf(site).length >= last + 4);
    await ada.click('#live');
    await eventually('Ada to have it', async () => (await look(ada)).ready >= 1 && !(await look(ada)).ended);
    await act(ada, 'video.play().catch(() => {})');
    await assertTogether([ada, bob]);
    await assertNoProblems(ada, bob);
  });

  it('is taken by RTMP, with its key alone', async (t) => {
    const atEnd = inReverse(t);
    const { rtmp, key, inner } = await freePorts('rtmp', 'key', 'inner');
    const site = await open(atEnd, { ports: { 1935: rtmp, 1936: inner, 8080: key }, modules: ['ngx_rtmp_module'], only: (name) => !name.includes('srt') });
    run(atEnd, site, 'live-rtmp');
    const [server, name] = /server `(rtmp:[^`]+)`, key `([^`]+)`/.exec(read(kPage)).slice(1);
    const address = server.replace('watch.example.org', `127.0.0.1:${rtmp}`);
    const stranger = send('flv', `${address}/another-key`);
    atEnd(() => stranger.stop());
    await eventually('the stranger to be refused', () =>
      / \/key\?\S*name=another-key\S* HTTP\S+ 403 /.test(fs.readFileSync(path.join(site.prefix, 'access.log'), 'utf8')));
    await stranger.stop();
    assert.equal(playlistOf(site), '');
    const obs = send('flv', `${address}/${name}`);
    atEnd(() => obs.stop());
    const pages = await watch(site);
    await assertNoProblems(...pages);
    assert.equal(await statusOf(site, '/live/index.m3u8'), 200);
  });
});
