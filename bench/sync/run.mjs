// How far apart players are: pages follow one session, each over a network of its own, and note the frames that they show; all on one
// machine, and so by one clock.
//   node bench/sync/run.mjs [--pages=2,8] [--conditions=loopback,…] [--strategies=mediasync,…] [--browsers=chromium,firefox]
//                           [--rounds=N] [--plots=DIR]
// The pages take the browsers in turn: chromium, firefox, webkit. Slow processors and clocks that are off are Chromium's alone.
// Prints a line for each run, and for all rounds of one together; draws what docs/synchronization.md shows.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, join, unique } from '../../tests/client/harness/client.mjs';
import { launchChromium } from '../../tests/client/harness/demo.mjs';
import * as firefox from '../../tests/browser/browsers/firefox.mjs';
import * as webkit from '../../tests/browser/browsers/webkit.mjs';
import { repoRoot, Server } from '../../tests/client/harness/nginx.mjs';
import { until } from '../../tests/client/harness/wait.mjs';
import { distances, quantile, timeToConverge, Timeline, Track } from './measure.mjs';
import { kConditions, Network } from './network.mjs';
import { sharePlot, timePlot } from './plot.mjs';

const kFilm = '/films/demo.mp4';
const kLead = 0.6; // seconds
// Seconds after the start.
const kJoin = 4;
const kStall = 14;
const kSeek = 26;
const kEnd = 42;
const kBefore = 0.5; // of the steady state, before the next event
const kSettle = 8; // after a join, a seek or a stall, until the state is called steady
const kNames = { mediasync: 'mediasync', seek: 'seek when 1 s off', jellyfin: "Jellyfin's constants" };

const options = Object.fromEntries(process.argv.slice(2).map((one) => /^--(\w+)=(.*)$/.exec(one)?.slice(1) ?? [one, '']));
const list = (name, all) => (options[name] ? options[name].split(',') : all);

const rounds = Number(options.rounds ?? 1);
const browserNames = list('browsers', ['chromium']);

const serverTime = () => (performance.timeOrigin + performance.now()) / 1000;

function startServer() {
  const root = (folder) => path.join(repoRoot, folder);
  const http = 'types { text/html html; text/javascript js; video/mp4 mp4; } sendfile on;';
  const locations = `
    location / { root ${root('web')}; }
    location /films/ { root ${root('media')}; }
    location /bench/ { alias ${root('bench/sync/page')}/; index index.html; }
    location /vendor/ { alias ${root('web/node_modules/socket.io-client/dist')}/; }`;
  return Server.start({ workers: 1, http, locations });
}

const launchers = { firefox: firefox.launch, webkit: webkit.launch };

/** {chromium} for openPage(), and what ends them: only those that are asked for. */
async function launchBrowsers() {
  const browsers = {};
  const stops = [];
  for (const name of new Set(browserNames)) {
    const launched = await (launchers[name] ?? launchChromium)();
    stops.push(() => launched.stop());
    browsers[name] = launchers[name] ? launched : { open: (url, odd) => openInChromium(launched.browser, url, odd), stop: launched.stop };
  }
  return { browsers, stop: () => Promise.allSettled(stops.map((stop) => stop())) };
}

/** A page with a network of its own, in Chromium also with a clock and a CPU. */
async function openPage(browser, network, { strategy, session, user, odd }) {
  return browser.open(`${network.url}/bench/?${new URLSearchParams({ strategy, session, user })}`, odd);
}

async function openInChromium(browser, url, odd) {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.addInitScript((ahead) => {
    window.trueOrigin = performance.timeOrigin;
    if (!ahead) return;
    const now = Date.now.bind(Date);
    Date.now = () => now() + ahead * 1000;
    const origin = performance.timeOrigin + ahead * 1000;
    Object.defineProperty(performance, 'timeOrigin', { get: () => origin });
  }, odd.clock ?? 0);
  if (odd.cpu) {
    const devtools = await context.newCDPSession(page);
    await devtools.send('Emulation.setCPUThrottlingRate', { rate: odd.cpu });
  }
  await page.goto(url);
  return { evaluate: (...what) => page.evaluate(...what), close: () => context.close() };
}

/** One run: what every page saw, and where the session was. */
async function watch(server, browsers, { strategy, condition, pages: count }) {
  const { paths = {}, odd = {}, rate = 1 } = kConditions[condition];
  const session = unique('bench');
  const timeline = new Timeline();
  const networks = [];
  const pages = [];
  const openViewer = async (i) => {
    const own = i === count - 1 ? odd : {};
    const filmRate = own.filmShare ? own.filmShare * fs.statSync(path.join(repoRoot, 'media', kFilm)).size / 120 : Infinity;
    networks[i] = await Network.open(server, { ...paths, filmRate });
    const browser = browsers[browserNames[i % browserNames.length]];
    pages[i] = await openPage(browser, networks[i], { strategy, session, user: `viewer-${i}`, odd: own });
  };
  const leader = await connect(server);
  const lead = (position, isPlaying) => {
    const at = Math.round((serverTime() + kLead) * 1000) / 1000;
    leader.emit('sync_playback', { position, isPlaying, executeAt: at, mediaUrl: kFilm });
    timeline.add(at, position);
    return at;
  };
  const changeSpeed = () => {
    const at = serverTime();
    const position = timeline.positionAt(at);
    leader.emit('sync_playback', { position, isPlaying: true, playbackRate: rate, mediaUrl: kFilm });
    timeline.add(at, position, rate);
    return at;
  };
  try {
    await join(leader, { sessionId: session, userId: 'leader' });
    leader.emit('load_media', { mediaUrl: kFilm, mediaDuration: 120 });
    for (let i = 0; i < count - 1; i++) await openViewer(i);
    await until('the films to be open', async () => (await Promise.all(pages.map((page) =>
      page.evaluate(() => window.bench?.video.readyState >= 3)))).every(Boolean));
    await sleep(2000);
    const start = lead(5, true);
    const at = (seconds) => sleep(Math.max(0, (start + seconds - serverTime()) * 1000));
    await at(kJoin);
    const opening = serverTime() - start;
    await openViewer(count - 1);
    await at(kStall);
    if (odd.stall) networks[count - 1].stall(odd.stall);
    await at(kSeek);
    const change = rate === 1 ? () => lead(70, true) : changeSpeed;
    const sought = odd.stall ? null : change() - start; // one thing at a time
    await at(kEnd);
    const seen = await Promise.all(pages.map((page) => page.evaluate(() => ({ ...window.bench.seen, stats: window.bench.stats() }))));
    return { start, opening, sought, timeline, seen };
  } finally {
    leader.disconnect();
    await Promise.all(pages.map((page) => page.close()));
    for (const network of networks) network.close();
  }
}

const difference = (a, b) => (a === null || b === null ? null : a - b);

function evaluate({ start, opening, sought, timeline, seen }, condition) {
  const tracks = seen.map(({ frames }) => new Track(frames, timeline));
  const clocks = seen.map(({ readings }) => new Track(readings, timeline)); // by which sound is played
  const last = tracks.at(-1);
  const others = tracks.slice(0, -1);
  const hasStall = Boolean(kConditions[condition].odd?.stall);
  const steady = [[opening + kSettle, hasStall ? kStall : kSeek], ...(hasStall ? [] : [[sought + kSettle, kEnd]])]
    .map(([from, to]) => [start + from, start + to - kBefore]).filter(([from, to]) => to > from);
  const first = last.count > 0 ? Math.max(start + opening, seen.at(-1).frames[0][0] / 1000) : start + opening;
  const minutes = steady.reduce((sum, [from, to]) => sum + to - from, 0) / 60;
  const rates = seen.flatMap((one) => one.rates.filter(([ms]) => steady.some(([from, to]) => ms / 1000 > from && ms / 1000 < to)));
  const speedAt = (seconds) => timeline.positionAt(seconds + 1) - timeline.positionAt(seconds);
  return {
    tracks,
    frames: distances(tracks.map((track) => (at) => track.smooth(at)), steady),
    clocks: distances(clocks.map((track) => (at) => track.smooth(at)), steady),
    screens: distances(tracks.map((track, i) => (at) => difference(track.smooth(at), clocks[i].smooth(at))), steady),
    joined: timeToConverge(last, others, first, start + kSeek),
    sought: hasStall ? undefined : timeToConverge(last, others, start + sought, start + kEnd),
    stalled: hasStall
      ? timeToConverge(last, others, last.endOfLongestGap(start + kStall, start + kEnd), start + kEnd)
      : undefined,
    ratesPerMinute: rates.length / seen.length / minutes,
    rateBound: Math.max(0, ...rates.map(([ms, rate]) => Math.abs(rate / speedAt(ms / 1000) - 1))),
    seeks: Math.max(...seen.map((one) => one.seeks)),
    framesPerSecond: Math.min(...seen.map(({ frames }) => frames.length / ((frames.at(-1)[0] - frames[0][0]) / 1000))),
  };
}

const ms = (seconds) => (seconds * 1000).toFixed(1).padStart(7);
const quantiles = (sorted) => [0.5, 0.95, 0.99].map((share) => ms(quantile(sorted, share))).join(' ');
const seconds = (value) => (value === undefined ? '' : value === null ? 'never' : `${value.toFixed(1)} s`).padStart(7);

/** Of several rounds of a run: what is measured all along put together, of what happens once the one that took longest. */
function together(results) {
  const all = (what) => results.flatMap((result) => result[what]).sort((a, b) => a - b);
  const mean = (what) => results.reduce((sum, result) => sum + result[what], 0) / results.length;
  const most = (what) => Math.max(...results.map((result) => result[what]));
  const slowest = (what) => results.map((result) => result[what]).reduce((a, b) => (typeof a === 'number' && typeof b === 'number' ? Math.max(a, b) : a && b));
  return {
    frames: all('frames'), clocks: all('clocks'), screens: all('screens'),
    joined: slowest('joined'), sought: slowest('sought'), stalled: slowest('stalled'),
    ratesPerMinute: mean('ratesPerMinute'), rateBound: most('rateBound'), seeks: most('seeks'),
    framesPerSecond: mean('framesPerSecond'),
  };
}

function print(run, result, round = '') {
  console.log(`${round.padEnd(4)}${run.condition.padEnd(11)}${kNames[run.strategy].padEnd(22)}${String(run.pages).padEnd(3)}` +
    `|${quantiles(result.frames)} |${quantiles(result.clocks)} |${quantiles(result.screens)} |` +
    `${seconds(result.joined)}${seconds(result.sought)}${seconds(result.stalled)} |` +
    `${result.ratesPerMinute.toFixed(1).padStart(6)} ±${(100 * result.rateBound).toFixed(1).padStart(5)} %` +
    `${String(result.seeks).padStart(4)} |${result.framesPerSecond.toFixed(1).padStart(6)} |${os.loadavg()[0].toFixed(1).padStart(5)}`);
}

function draw(folder, runs) {
  fs.mkdirSync(folder, { recursive: true });
  for (const pages of new Set(runs.map(({ run }) => run.pages))) {
    for (const condition of new Set(runs.map(({ run }) => run.condition))) {
      const chosen = runs.filter(({ run }) => run.pages === pages && run.condition === condition);
      if (chosen.length === 0) continue;
      const { title } = kConditions[condition];
      const name = `sync-${condition}-${pages}`;
      fs.writeFileSync(path.join(folder, `${name}-share.svg`), sharePlot(`${pages} players, steady: ${title}`,
        chosen.map(({ run, result }) => ({ name: kNames[run.strategy], sorted: result.frames.map((one) => one * 1000) }))));
      const ours = chosen.find(({ run }) => run.strategy === 'mediasync');
      if (!ours) continue;
      const { start, sought } = ours.seen;
      fs.writeFileSync(path.join(folder, `${name}-time.svg`), timePlot(`${pages} players by mediasync: ${title}`,
        ours.result.tracks.map((track, i) => ({ name: `${i + 1}`, points: pointsOf(track, start) })),
        { to: kEnd, range: 60, marks: [[kJoin, 'the last joins'], sought === null ? [kStall, 'its download stops'] : [sought, 'seek']] }));
    }
  }
}

function pointsOf(track, start) {
  const points = [];
  for (let at = 0; at < kEnd; at += 0.2) {
    const error = track.smooth(start + at);
    if (error !== null) points.push([at, error * 1000]);
  }
  return points;
}

execFileSync(path.join(repoRoot, 'scripts/make-film'), { stdio: 'inherit' });
const runs = [];
const server = await startServer();
const { browsers, stop } = await launchBrowsers();
try {
  console.log('                                        |  apart by frames, ms    |  by currentTime, ms     | ' +
    ' what screens add, ms   |  in step after: join, seek, stall | changes of speed a minute, seeks | frames/s | load');
  for (const pages of list('pages', ['2']).map(Number)) {
    for (const condition of list('conditions', Object.keys(kConditions))) {
      for (const strategy of list('strategies', Object.keys(kNames))) {
        const run = { pages, condition, strategy };
        const results = [];
        for (let round = 1; round <= rounds; round++) {
          const seen = await watch(server, browsers, run);
          const result = evaluate(seen, condition);
          print(run, result, rounds > 1 ? `${round}` : '');
          results.push(result);
          if (round === 1) runs.push({ run, seen, result });
        }
        if (rounds > 1) print(run, together(results), 'all');
      }
    }
  }
  if (options.plots) draw(options.plots, runs);
} finally {
  await stop();
  await server.stop();
}
