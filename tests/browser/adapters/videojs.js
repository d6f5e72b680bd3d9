import videojs from 'video.js';
import 'video.js/dist/video-js.css';
import { VideojsSync } from '@mediasync/client/videojs.js';
import { show, who } from './common.js';

Object.assign(videojs.Vhs, { GOAL_BUFFER_LENGTH: 6, MAX_GOAL_BUFFER_LENGTH: 6 }); // what is loaded ahead would hide that nothing can be had
document.body.innerHTML = '<video id="film" class="video-js" width="640" height="360" playsinline controls></video>';
const player = videojs('film', { inactivityTimeout: 0, playbackRates: [0.5, 1, 1.5, 2] });
const video = player.tech(true).el();

/** The moment that is shown, as VHS knows it by the transmuxed pieces. */
function playingDate() {
  let date = null;
  player.tech(true).vhs?.convertToProgramTime(video.currentTime, (_error, program) => {
    if (program?.programDateTime) date = new Date(program.programDateTime);
  });
  return date;
}
show(new VideojsSync(player, who), video, () => ({ playingDate: playingDate() }));
window.player = player;
