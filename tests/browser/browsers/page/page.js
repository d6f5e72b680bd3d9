// The ten lines of docs/client.md, with the session, the user and the film of the page's address, and how many
// seconds hls.js loads ahead.
import { hlsSource } from '/adapters/hls.js';
import { MediaSync } from '/mediasync.js';

const { session, user, film, buffer } = Object.fromEntries(new URLSearchParams(location.search));
const video = document.getElementById('film');
const { Hls } = window;

window.problems = [];
addEventListener('error', ({ message }) => window.problems.push(message));
addEventListener('unhandledrejection', ({ reason }) => window.problems.push(String(reason)));

/** What media keys do, for tests to press them. */
window.keys = {};
if (navigator.mediaSession) navigator.mediaSession.setActionHandler = (key, act) => { window.keys[key] = act; };

const source = hlsSource(Hls, buffer ? { maxBufferLength: Number(buffer), maxMaxBufferLength: Number(buffer) } : {});
const client = new MediaSync(video, {
  sessionId: session, userId: user, username: user,
  ...source,
});
client.addEventListener('blocked', () => addEventListener('click', () => client.start(), { once: true }));
client.addEventListener('joined', () => client.session.playbackState.mediaUrl ??
  client.loadMedia({ mediaUrl: film, mediaTitle: film }));

/** What has happened, for messages: [seconds, event, position, paused, readyState]. */
const story = [];
const note = (name) => {
  story.push([Number((performance.now() / 1000).toFixed(3)), name, Number(video.currentTime.toFixed(3)), video.paused, video.readyState]);
  if (story.length > 400) story.shift();
};
for (const type of ['play', 'playing', 'pause', 'seeking', 'seeked', 'waiting', 'ratechange', 'ended', 'error', 'loadedmetadata',
  'canplay', 'stalled', 'emptied']) video.addEventListener(type, () => note(type));
for (const type of ['blocked', 'unblocked', 'mediaerror', 'connection', 'refused', 'left', 'playback', 'joined']) {
  client.addEventListener(type, ({ detail }) => note(`client:${type}${detail ? ` ${JSON.stringify(detail)}` : ''}`));
}
Object.assign(window, { client, video, story, hlsOf: source.hls });
