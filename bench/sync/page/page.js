// One viewer: follows a session by the strategy that the address names, and notes every frame that it shows.
import { io } from '/vendor/socket.io.esm.min.js';
import { MediaSync } from '/mediasync.js';
import { Jellyfin, SeekWhenOff } from './strategies.js';

const options = Object.fromEntries(new URLSearchParams(location.search));
const video = document.getElementById('video');
const me = { sessionId: options.session, userId: options.user, username: options.user };

// The epoch by the machine's clock. Date.now() is late by up to its step, and never early.
function findOrigin() {
  let origin = -Infinity;
  for (const end = performance.now() + 8; performance.now() < end;) origin = Math.max(origin, Date.now() - performance.now());
  return origin;
}

window.trueOrigin ??= findOrigin();
const seen = { frames: [], readings: [], rates: [], seeks: 0 };
const onFrame = (_now, { expectedDisplayTime, mediaTime }) => {
  seen.frames.push([window.trueOrigin + expectedDisplayTime, mediaTime]);
  seen.readings.push([window.trueOrigin + performance.now(), video.currentTime]);
  video.requestVideoFrameCallback(onFrame);
};
video.requestVideoFrameCallback(onFrame);
video.addEventListener('ratechange', () => seen.rates.push([window.trueOrigin + performance.now(), video.playbackRate]));
video.addEventListener('seeking', () => seen.seeks++);

const strategies = {
  mediasync: () => new MediaSync(video, { io, ...me }),
  seek: () => new SeekWhenOff(video, io(), me),
  jellyfin: () => new Jellyfin(video, io(), me),
};
const strategy = strategies[options.strategy]();
window.bench = { seen, video, stats: () => strategy.stats?.() ?? null };
