// A server under load and trouble for as long as asked, and whether anything was lost, noticed or grew.
//   node tests/soak/soak.mjs [10m|1h|…] [--seed N] [--workers N] [--log FILE] [--session-log KIB]
//     [--focus all|polling]
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import zlib from 'node:zlib';
import { request } from '../client/harness/http.mjs';
import { configuration, Server } from '../client/harness/nginx.mjs';
import { Proxy } from '../client/harness/proxy.mjs';
import { Crowd } from './crowd.mjs';
import { Figures } from './figures.mjs';
import { growth } from './growth.mjs';
import { ErrorLog, isFault } from './log.mjs';
import { mixes } from './mixes.mjs';
import { readOptions } from './options.mjs';
import { Findings } from './oracle.mjs';
import { cpuOfAll, Generations } from '../client/harness/processes.mjs';
import { Random } from './random.mjs';
import { bounds, compareIdle, sample } from './samples.mjs';
import { Trouble, violent } from './trouble.mjs';
import { Weather } from './weather.mjs';

const kMoment = 50; // ms between two steps of the crowd
const kSampleEvery = 5000;
const kMinute = 60000;
const kSettled = 0.5; // of a cycle: from then on it is sampled, when logs are as long as they get
const kCycle = 10 * kMinute;
const kTellsGrowth = 10 * kMinute; // shorter runs are one cycle, which says nothing of growth
const kCalmShare = 0.25; // of a cycle, at its end
const kMostCpu = 0.5; // cores, clients and server together
const kOldWorker = 15000; // ms that a worker may outlive its configuration
const kEmptyIn = 90000;
const kLate = 1000; // ms

const options = readOptions(process.argv.slice(2));
const log = options.log ? fs.createWriteStream(options.log) : null;
const say = (text) => {
  console.log(text);
  log?.write(`${text}\n`);
};

let isEnding = false;
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => { isEnding = true; });

/** Polls, since what is waited for has no event; false when it did not come in time. */
async function until(probe, ms) {
  for (const end = Date.now() + ms; Date.now() < end;) {
    if (await probe()) return true;
    await sleep(20);
  }
  return false;
}

async function startServer(workers) {
  return Server.start({ workers, tls: true, config: (server) => configuration({
    workers, zoneSize: '6m',
    zone: `log=${options.sessionLog}k ` +
      'disconnect_grace=2s restart_grace=4s user_timeout=10s session_timeout=30s recovery=15s',
    sync: 'mediasync_eio3 on; mediasync_deflate on; mediasync_deflate_min_length 64;',
    http: 'mediasync_ping_interval 8s; mediasync_ping_timeout 6s; mediasync_max_payload 100000; mediasync_limit_create off; ' +
      'client_header_timeout 5s; client_body_timeout 5s;', // requests that never end keep old workers for so long
  }, { http: server.port, tls: server.tlsPort })
    .replace('error.log info', 'error.log notice')
    .replace('backlog=2048', 'backlog=2048 sndbuf=32k') });
}

async function makeWorld() {
  const random = new Random(options.seed);
  const workers = options.workers ?? random.int(2, 4);
  const server = await startServer(workers);
  const findings = new Findings({ report: (kind, text) => {
    if (findings.count <= findings.kept) say(`!! ${new Date().toISOString()} ${kind}: ${text}`);
  }, reportAllowed: (text) => log?.write(`allowed ${new Date().toISOString()} ${text}\n`) });
  const proxies = await Promise.all(Array.from({ length: 8 }, () => Proxy.open(server)));
  for (const proxy of proxies) proxy.kind = 'proxy';
  return { random, workers, server, findings, proxies, until, seed: options.seed, pace: 1, killed: new Set(),
    mix: mixes[options.focus], logBytes: options.sessionLog * 1024,
    weather: new Weather(), figures: new Figures(), generations: new Generations(server.pid),
    errors: new ErrorLog(path.join(server.prefix, 'error.log')),
    ways: { plain: { url: server.url, kind: 'plain' }, tls: { url: server.tlsUrl, kind: 'tls' } } };
}

const status = async ({ server }) => (await request(server, { path: '/status' })).json();

/** Keeps the CPU time of this process and of NGINX below kMostCpu by having everything happen more slowly. */
function keepPace(world, last) {
  const own = process.cpuUsage();
  const spent = (own.user + own.system) / 1000 + cpuOfAll(world.server.pid);
  const now = Date.now();
  if (last) {
    const share = (spent - last.spent) / (now - last.at);
    world.cpu = share;
    if (share > kMostCpu) world.pace = Math.min(world.pace * 1.1, 20);
    else if (share < 0.8 * kMostCpu) world.pace = Math.max(world.pace * 0.97, 1);
  }
  return { spent, at: now };
}

const told = new Set(); // old workers that were found too old, and reloads that left too many

function watchProcesses(world) {
  const now = Date.now();
  const { generations, findings, weather, server } = world;
  if (!server.isRunning) {
    if (!isEnding) findings.add('server', `NGINX has ended by itself; ${weather.describe(now)}`);
    isEnding = true;
    return;
  }
  generations.look(now);
  for (const { pid, age } of generations.old(now)) {
    if (age < kOldWorker || told.has(pid)) continue;
    told.add(pid);
    findings.add('old worker', `${pid} is still there ${age} ms after it was told to end; ${weather.describe(now)}`);
  }
  const reload = `reload ${generations.generation}`;
  if (now - generations.previousReload > kOldWorker && generations.count > 2 && !told.has(reload)) {
    told.add(reload);
    findings.add('generations', `${generations.count} are alive; ${weather.describe(now)}`);
  }
}

function watchLog(world) {
  for (const line of world.errors.lines()) {
    if (isFault(line, world.killed)) world.findings.add('error log', line);
    if (line.includes('[error]')) world.figures.count('[error] lines');
  }
}

/** How late timers and threads of this process are: clients with compression wait for both. */
function watchItself(world) {
  const start = Date.now();
  zlib.deflateRaw(Buffer.alloc(1000), () => setTimeout(() => {
    const late = Date.now() - start - 10;
    world.figures.longest('delay of the soak itself', late);
    if (late > kLate) world.weather.wasLate(late, Date.now());
  }, 10));
}

/** Everything that goes on beside the cycles, until the returned function is called. */
function watch(world) {
  let last;
  const timers = [
    setInterval(() => watchProcesses(world), 100),
    setInterval(() => watchLog(world), 1000),
    setInterval(() => watchItself(world), 1000),
    setInterval(() => { last = keepPace(world, last); }, 2000),
    setInterval(() => say(world.figures.line(world)), kMinute),
  ];
  return () => timers.forEach(clearInterval);
}

/** Adds a sample, if the worker that is asked is not killed over it. */
async function measure(world) {
  const now = await status(world).catch(() => undefined);
  if (!now) return;
  world.samples.push(sample(world, now));
  log?.write(`${JSON.stringify(world.samples.at(-1))}\n`);
}

/** One cycle: a crowd comes, lives through trouble and then a calm time, is verified and goes. */
async function cycle(world, crowd, length) {
  const start = Date.now();
  world.isLoaded = false;
  await crowd.open();
  const trouble = new Trouble(world);
  const calmFrom = start + length * (1 - kCalmShare);
  let next = Date.now() + 3000;
  let nextSample = start + kSettled * length;
  let lastStep = Date.now();
  while (!isEnding && Date.now() < start + length) {
    await sleep(kMoment);
    const now = Date.now();
    crowd.live(now - lastStep);
    crowd.check(now);
    lastStep = now;
    if (now >= nextSample) {
      nextSample = now + kSampleEvery;
      await measure(world);
    }
    if (now < next) continue;
    next = now + world.random.int(1000, 4000) * Math.min(world.pace, 4);
    const name = world.random.weighted(world.mix.troubles);
    if (now >= calmFrom && violent.has(name)) continue;
    trouble.make(name).catch((error) => world.findings.add('soak', `${name}: ${error.stack}`));
  }
  await checkpoint(world, crowd);
}

async function checkpoint(world, crowd) {
  const { weather, server } = world;
  if (!server.isRunning) return;
  await until(() => weather.fullUntil !== Infinity && !world.proxies.some(({ isDown }) => isDown), 20000);
  await crowd.verify();
  crowd.close();
  let now;
  const isEmpty = await until(async () => {
    now = await status(world);
    return now.sessions === 0 && now.users === 0 && now.connections === 0 && now.recoverable_connections === 0 &&
      now.zone_free_bytes === now.zone_size_bytes;
  }, kEmptyIn);
  if (!isEmpty) world.findings.add('zone not empty', JSON.stringify(now));
  await until(() => world.generations.count === 1, 20000);
  world.idle.push(sample(world, await status(world)));
  say(`checkpoint: ${JSON.stringify(world.idle.at(-1))}`);
}

async function main() {
  const world = await makeWorld();
  Object.assign(world, { samples: [], idle: [] });
  say(`seed ${options.seed}, ${world.workers} workers, ${options.duration / 1000} s`);
  const stop = watch(world);
  const crowd = new Crowd(world);
  const end = Date.now() + options.duration;
  const cycles = options.duration < kTellsGrowth ? 1 : Math.max(2, Math.round(options.duration / kCycle));
  const length = options.duration / cycles;
  try {
    // What NGINX and the C library take once is taken before the first measurement.
    await new Trouble(world).make('reload');
    await until(() => world.generations.count === 1, 20000);
    world.idle.push(sample(world, await status(world)));
    while (!isEnding && Date.now() < end - length / 2) await cycle(world, crowd, Math.min(length, end - Date.now()));
  } finally {
    stop();
    crowd.close();
  }
  watchLog(world);
  const grown = cycles > 1 ? growth(world.samples, bounds) : {};
  for (const [name, { early, late, isGrown }] of Object.entries(grown)) {
    if (isGrown) world.findings.add('growth', `${name}: ${early} in the second quarter, ${late} in the last`);
  }
  for (const text of compareIdle(world.idle)) world.findings.add('growth', text);
  world.last = await status(world).catch(() => ({}));
  await world.server.stop({ allow: /exited on signal 9|was locked by/ }).catch((error) => {
    world.findings.add('stop', error.message);
  });
  say(world.figures.table(world, grown));
  say(world.findings.count === 0 ? 'nothing was lost' : `${world.findings.count} findings`);
  log?.end();
  process.exitCode = world.findings.count === 0 ? 0 : 1;
}

await main();
