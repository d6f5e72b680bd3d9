// How far apart two browsers sound: each plays into one side of a sound server of its own, and the beeps of the film tell the rest.
// Needs PulseAudio (the packages pulseaudio and pulseaudio-utils).
//   node bench/sync/sound.mjs [--browsers=chromium,firefox] [--seconds=20]
// Prints by how much the second is later than the first, in milliseconds: the median, and from which to which.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as chromium from '../../tests/browser/browsers/chromium.mjs';
import * as firefox from '../../tests/browser/browsers/firefox.mjs';
import { startGroup, temporaryFolder } from '../../tests/browser/browsers/processes.mjs';
import { startServer } from '../../tests/browser/browsers/server.mjs';
import { look, playTogether } from '../../tests/browser/browsers/watching.mjs';
import * as webkit from '../../tests/browser/browsers/webkit.mjs';
import { until } from '../../tests/client/harness/wait.mjs';

const kRate = 48000;
const kLoud = 1000; // of 32767: the film's beeps have a third of that
const kQuiet = 0.4; // seconds before a beep
const kPair = 0.45; // beeps are a second apart
const kSettle = 12; // seconds until players have learnt what they can
const kSides = ['left', 'right'];
const launchers = { chromium, firefox, webkit };

const options = Object.fromEntries(process.argv.slice(2).map((one) => /^--(\w+)=(.*)$/.exec(one).slice(1)));
const names = (options.browsers ?? 'chromium,firefox').split(',');
const seconds = Number(options.seconds ?? 20);

/** A sound server with a sink for each side: {environment(side), record(seconds), stop}. */
async function startSound() {
  const { folder, remove } = temporaryFolder('sound');
  const socket = path.join(folder, 'native');
  const side = (name, channel) => `load-module module-remap-sink sink_name=${name} master=both channels=1 channel_map=mono ` +
    `master_channel_map=front-${channel} remix=no`;
  fs.writeFileSync(path.join(folder, 'sound.pa'), [
    `load-module module-native-protocol-unix auth-anonymous=1 socket=${socket}`,
    `load-module module-null-sink sink_name=both channels=2 channel_map=front-left,front-right rate=${kRate}`,
    side('left', 'left'), side('right', 'right')].join('\n'));
  const env = { ...process.env, HOME: folder, XDG_RUNTIME_DIR: folder };
  const server = startGroup('pulseaudio', ['-n', '-F', path.join(folder, 'sound.pa'), '--exit-idle-time=-1', '--daemonize=no'], { env });
  await until('the sound server to listen', () => fs.existsSync(socket));
  const environment = (sink) => ({ PULSE_SERVER: `unix:${socket}`, PULSE_SINK: sink });
  return {
    environment,
    async record(time) {
      const recorder = spawn('parec', ['-d', 'both.monitor', '--format=s16le', `--rate=${kRate}`, '--channels=2', '--latency-msec=20'],
        { env: { ...env, ...environment('both') }, stdio: ['ignore', 'pipe', 'inherit'] });
      const chunks = [];
      recorder.stdout.on('data', (chunk) => chunks.push(chunk));
      await sleep(time * 1000);
      recorder.kill();
      await once(recorder, 'close');
      return Buffer.concat(chunks);
    },
    async stop() {
      await server.stop();
      remove();
    },
  };
}

/** When the beeps of a side begin, in seconds. */
function beepsOf(sound, side) {
  const beeps = [];
  let loudAt = -Infinity;
  for (let i = 0; 4 * i + 3 < sound.length; i++) {
    if (Math.abs(sound.readInt16LE(4 * i + 2 * side)) < kLoud) continue;
    if (i / kRate - loudAt > kQuiet) beeps.push(i / kRate);
    loudAt = i / kRate;
  }
  return beeps.slice(1); // the first may have begun before
}

function laterBy(first, second) {
  const nearest = (at) => second.reduce((best, other) => (Math.abs(other - at) < Math.abs(best - at) ? other : best), Infinity);
  return first.map((at) => nearest(at) - at).filter((late) => Math.abs(late) < kPair).map((late) => late * 1000).sort((a, b) => a - b);
}

const server = await startServer();
const sound = await startSound();
const browsers = [];
try {
  for (const [i, name] of names.entries()) browsers.push(await launchers[name].launch({ environment: sound.environment(kSides[i]) }));
  const pages = [];
  for (const [i, browser] of browsers.entries()) {
    pages.push(await browser.open(`${server.url}/two/?session=sound&user=user-${i}&film=/films/demo.mp4`));
    await until('a page to have joined', () => pages.at(-1).evaluate(() => window.client?.isJoined && window.video.readyState >= 1));
  }
  await pages[0].evaluate(() => { window.client.play(); });
  await playTogether('both to play', pages);
  await sleep(kSettle * 1000);
  const recorded = await sound.record(seconds);
  const late = laterBy(beepsOf(recorded, 0), beepsOf(recorded, 1));
  const errors = (await Promise.all(pages.map(look))).map(({ error }) => `${(error * 1000).toFixed(1)} ms`);
  console.log(`${names.join(' and ')}: ${late.length} beeps, the second later by ${late[late.length >> 1]?.toFixed(1)} ms ` +
    `(${late[0]?.toFixed(1)} to ${late.at(-1)?.toFixed(1)}); by their own measure ${errors.join(' and ')} behind`);
} finally {
  for (const browser of browsers) await browser.stop();
  await sound.stop();
  await server.stop();
}
