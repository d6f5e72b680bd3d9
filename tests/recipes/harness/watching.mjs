// Two people and a film, seen by their players alone: pages of recipes have nothing for tests.
import assert from 'node:assert/strict';
import { after, before } from '../../client/harness/tests.mjs';
import { until } from '../../client/harness/wait.mjs';
import { launch } from '../../browser/browsers/chromium.mjs';

const kBound = 0.2; // seconds apart; only a page that does not synchronise misses it
const kPatience = 20000; // ms

const look = (page) => page.evaluate(() => {
  const video = document.querySelector('video');
  return { time: video?.currentTime, paused: video?.paused ?? true, source: video?.currentSrc, ready: video?.readyState ?? 0,
    at: (performance.timeOrigin + performance.now()) / 1000, problems: window.problems };
});

export const eventually = (what, probe) => until(what, probe, kPatience);

/** until() of the looks of all pages, with the last of them when it was in vain. */
async function seen(what, pages, probe) {
  let looks;
  await until(what, async () => probe(looks = await Promise.all(pages.map(look))), kPatience)
    .catch((error) => { throw new Error(`${error.message}\n${looks?.map((one) => JSON.stringify(one)).join('\n')}`); });
}

/** Each has opened a film whose address `source` matches. */
export const haveFilm = (pages, source = /./) => seen('the film to be there', pages, (looks) =>
  looks.every((one) => one.ready >= 2 && source.test(one.source)));

/** All play, at one place; `meets` says where. */
export const playTogether = (pages, meets = () => true) => seen('all to play together', pages, (looks) => {
  const times = looks.map(({ time, at }) => time + looks[0].at - at);
  return looks.every((one) => !one.paused && one.time > 0 && meets(one)) && Math.max(...times) - Math.min(...times) < kBound;
});

export const stand = (pages) => seen('all to stand', pages, (looks) => looks.every(({ paused }) => paused));

/** Runs `source` with the element as `video`. It is no gesture of the viewer. */
export const act = (page, source) => page.evaluate(`(() => { const video = document.querySelector('video'); ${source}; })()`);

/** The leader plays, seeks and pauses, and all others follow. */
export async function watchTogether(leader, others) {
  const pages = [leader, ...others];
  await act(leader, 'video.play()');
  await playTogether(pages, ({ time }) => time < 40);
  await act(leader, 'video.currentTime = 60');
  await playTogether(pages, ({ time }) => time > 59 && time < 80);
  await act(leader, 'video.pause()');
  await stand(pages);
}

const kNotes = `window.problems = [];
addEventListener('error', ({ message }) => window.problems.push(message));
addEventListener('unhandledrejection', ({ reason }) => window.problems.push(String(reason)));`;

/** A Chromium for the tests of a suite: {open(url)}; pages are closed with it. */
export function chromium(options = {}) {
  const scene = {};
  const stop = () => scene.browser?.stop();
  before(async () => { scene.browser = await launch({ initScript: kNotes, ...options }); }, stop);
  after(stop);
  scene.open = (url) => scene.browser.open(url);
  return scene;
}

export async function assertNoProblems(...pages) {
  for (const page of pages) assert.deepEqual((await look(page)).problems, []);
}
