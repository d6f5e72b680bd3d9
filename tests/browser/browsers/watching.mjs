// What pages with the ten lines show, and waiting for it.
import { until } from '../../client/harness/wait.mjs';

export const kBound = 0.15; // seconds apart; only a build that does not synchronise misses it
const kPatience = 20000; // ms for pages to do what is asked

/** What a page shows now. */
export const look = (page) => page.evaluate(() => {
  const { state, error, rate } = window.client.stats();
  const { currentTime, paused, ended, readyState } = window.video;
  const shown = window.hlsOf()?.playingDate;
  return { time: shown ? shown.getTime() / 1000 : currentTime, at: (performance.timeOrigin + performance.now()) / 1000,
    paused, ended, readyState, state, error, rate, isPlaying: window.client.session?.playbackState.isPlaying,
    position: window.client.position };
});

const story = async (page) => `${JSON.stringify(await look(page))}\n    ${(await page.evaluate(() =>
  [...window.problems, ...window.story.slice(-30).map((one) => one.join(' '))])).join('\n    ')}`;

/** until(), with what the pages have seen when it was in vain. */
export const eventually = (what, pages, probe, ms = kPatience) => until(what, probe, ms).catch(async (error) => {
  const stories = await Promise.all(pages.map((page) => story(page).catch(String)));
  throw new Error(`${error.message}\n${stories.map((one, i) => `  page ${i + 1}: ${one}`).join('\n')}`);
});

/** How far the pages are apart, as if all had been asked at one moment. */
const spread = (seen) => {
  const times = seen.map(({ time, at }, i) => time + (seen[0].at - at) * seen[i].rate);
  return Math.max(...times) - Math.min(...times);
};

/** All play, are in step with the session by what they measure, and with each other by the clock; and each `meets` something. */
export const playTogether = (what, pages, meets = () => true, ms = kPatience) => eventually(what, pages, async () => {
  const seen = await Promise.all(pages.map(look));
  return seen.every((one) => !one.paused && one.isPlaying && one.state === 'playing' && one.error !== null &&
    Math.abs(one.error) < kBound && meets(one)) && spread(seen) < kBound;
}, ms);

/** All stand at one place, and the session does. */
export const standTogether = (what, pages, meets = () => true) => eventually(what, pages, async () => {
  const seen = await Promise.all(pages.map(look));
  return seen.every((one) => one.paused && !one.isPlaying && Math.abs(one.time - seen[0].time) < 0.05 && meets(one));
});

/** For what is a matter of time by itself. */
export const passes = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
