// The demo as it is shipped: nginx.conf.example, the watch page and the films, on a free port, seen through Chromium.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { chromium } from 'playwright-core';
import { modulePath, repoRoot, Server } from './nginx.mjs';
import { deadline, kPatience } from './wait.mjs';

/** How long a page may take for one thing, in ms. */
export const kPagePatience = 3 * kPatience;

/**
 * The example configuration with nothing but ports, the grace and the count of workers replaced; `secrets`: and with
 * mediasync_user_secret on, as it suggests.
 */
function exampleConfiguration(server, { workers, grace, secrets }) {
  for (const folder of ['web', 'media']) fs.symlinkSync(path.join(repoRoot, folder), path.join(server.prefix, folder));
  fs.mkdirSync(path.join(server.prefix, 'build/run'), { recursive: true });
  fs.symlinkSync(modulePath, path.join(server.prefix, 'build/ngx_http_mediasync_module.so'));
  const text = fs.readFileSync(path.join(repoRoot, 'nginx.conf.example'), 'utf8')
    .replace(/^( *)listen 3000;/m, `$1listen 127.0.0.1:${server.port};`)
    .replace(/^ *listen \[::\]:3000;.*$/m, '')
    .replace(/^worker_processes auto;/m, `worker_processes ${workers};`)
    .replace(/disconnect_grace=\w+;/, `disconnect_grace=${grace};`)
    .replace(/# (mediasync_user_secret on;)/, secrets ? '$1' : '$&');
  return `daemon off;\n${process.getuid() === 0 ? 'user root;\n' : ''}${text}`;
}

/** Starts the demo; the films are made when they are missing. */
export async function startDemo({ workers = 2, grace = '60s', secrets = false } = {}) {
  if (!fs.existsSync(path.join(repoRoot, 'web/node_modules/socket.io-client'))) {
    throw new Error('the libraries of the watch page are missing: run "npm ci" in web/ first');
  }
  execFileSync(path.join(repoRoot, 'scripts/make-film'), { stdio: ['ignore', 'ignore', 'inherit'], timeout: 300000 });
  return Server.start({ workers, probePath: '/favicon.svg',
    config: (server) => exampleConfiguration(server, { workers, grace, secrets }) });
}

/** A Chromium as {browser, stop}. stop() ends all of its processes, whether it listens or not. */
export async function launchChromium() {
  const host = await chromium.launchServer({
    executablePath: process.env.CHROMIUM_BIN ?? '/usr/bin/chromium',
    headless: true,
    timeout: kPagePatience,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', '--autoplay-policy=no-user-gesture-required'],
  });
  const stop = async () => {
    try {
      await deadline(host.close(), kPatience, 'Chromium to end');
    } catch {
      process.kill(-host.process().pid, 'SIGKILL'); // playwright makes it the leader of a process group
    }
  };
  try {
    return { browser: await deadline(chromium.connect(host.wsEndpoint()), kPatience, 'Chromium to listen'), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** A viewer: a browser context of its own with one page, and the page's own errors collected in `page.problems`. */
export async function newViewer(browser, url) {
  const viewport = { width: 1280, height: 800 };
  const context = await deadline(browser.newContext({ viewport }), kPagePatience, 'a browser context');
  const page = await deadline(context.newPage(), kPagePatience, 'a page');
  page.setDefaultTimeout(kPagePatience);
  page.problems = [];
  page.on('pageerror', (error) => page.problems.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error') page.problems.push(message.text());
  });
  await page.goto(url);
  return page;
}

/** What the page's <video> does now. */
export const player = (page) => page.evaluate(() => {
  const { video } = window.mediasyncDebug;
  return { time: video.currentTime, paused: video.paused, rate: video.playbackRate, source: video.currentSrc,
    ready: video.readyState, duration: video.duration };
});
