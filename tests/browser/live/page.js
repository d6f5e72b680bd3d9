// The least that plays a live stream with others: hls.js opens it, MediaSync follows the session.
import { io } from '/vendor/socket.io-client/dist/socket.io.esm.min.js';
import { MediaSync } from '/mediasync.js';

const { Hls } = window;
const { session, user } = Object.fromEntries(new URLSearchParams(location.search));
const video = document.getElementById('video');
let hls = null;

const load = ({ mediaUrl }) => new Promise((resolve, reject) => {
  hls?.destroy();
  hls = new Hls();
  hls.on(Hls.Events.ERROR, (_event, data) => data.fatal && reject(new Error(data.details)));
  video.addEventListener('loadedmetadata', resolve, { once: true });
  hls.loadSource(mediaUrl);
  hls.attachMedia(video);
});

const client = new MediaSync(video, { io, sessionId: session, userId: user, username: user, load, hls: () => hls });
/** The moment of the broadcast that is on the screen, in epoch seconds. */
const shown = () => hls?.playingDate && hls.playingDate.getTime() / 1000;
const seen = { seeks: 0, errors: [] };
video.addEventListener('seeking', () => seen.seeks++);
client.addEventListener('mediaerror', ({ detail }) => seen.errors.push(String(detail.error)));
/** Where the stream begins that can be had. */
const begins = () => hls.latestLevelDetails.fragments[0].start;
window.live = { client, video, shown, begins, seen };
