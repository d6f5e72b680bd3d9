// What all pages with an adapter have: who watches what, and what the tests look at.
export const { session, user, film } = Object.fromEntries(new URLSearchParams(location.search));
export const who = { io: window.io, sessionId: session, userId: user, username: user };

/** For hls.js: what is loaded ahead would hide that nothing can be had. */
export const brief = { maxBufferLength: 6, maxMaxBufferLength: 6 };

window.problems = [];
addEventListener('error', ({ message }) => window.problems.push(message));
addEventListener('unhandledrejection', ({ reason }) => window.problems.push(String(reason?.stack ?? reason)));

/** hlsOf(): what has a playingDate, for live streams. */
export function show(client, video, hlsOf = () => null) {
  client.addEventListener('joined', () => client.session.playbackState.mediaUrl ??
    client.loadMedia({ mediaUrl: film, mediaTitle: film }));
  const story = [];
  const note = (name) => {
    story.push([Number((performance.now() / 1000).toFixed(3)), name, Number(video.currentTime.toFixed(3)), video.paused, video.readyState]);
    if (story.length > 400) story.shift();
  };
  for (const type of ['play', 'playing', 'pause', 'seeking', 'seeked', 'waiting', 'ratechange', 'ended', 'error', 'loadedmetadata',
    'canplay', 'stalled', 'emptied']) video.addEventListener(type, () => note(type), true);
  for (const type of ['blocked', 'unblocked', 'mediaerror', 'mediarecovered', 'connection', 'refused', 'left', 'playback', 'joined']) {
    client.addEventListener(type, ({ detail }) => note(`client:${type}${detail ? ` ${JSON.stringify(detail)}` : ''}`));
  }
  const rates = new Set(); // that players are told of
  video.addEventListener('ratechange', () => rates.add(video.playbackRate));
  Object.assign(window, { client, video, story, hlsOf, ratesTold: () => [...rates] });
}
