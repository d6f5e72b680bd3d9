import Hls from 'hls.js';
import 'vidstack/player/styles/base.css';
import 'vidstack/player/styles/default/sliders.css';
import 'vidstack/player';
import 'vidstack/player/ui';
import { hlsSource } from '@mediasync/client/hls.js';
import { openVidstack } from '@mediasync/client/vidstack.js';
import { brief, show, who } from './common.js';

document.body.innerHTML = `<media-player style="width: 640px" title="A film">
  <media-provider></media-provider>
  <div style="padding: 20px; width: 600px">
    <media-play-button style="display: block; width: 40px; height: 40px; background: #888">Play</media-play-button>
    <media-time-slider style="display: block; height: 30px; background: #ddd"></media-time-slider>
    <media-speed-slider min="0.5" max="2.5" step="0.5" style="display: block; height: 30px; background: #ddd"></media-speed-slider>
  </div>
</media-player>`;
const player = document.querySelector('media-player');
const client = await openVidstack(player, { ...who, ...hlsSource(Hls, brief) });
show(client, player.provider.video);
window.player = player;
