import Hls from 'hls.js';
import Plyr from 'plyr';
import 'plyr/dist/plyr.css';
import { hlsSource } from '@mediasync/client/hls.js';
import { PlyrSync } from '@mediasync/client/plyr.js';
import { brief, show, who } from './common.js';

document.body.innerHTML = '<div style="width: 640px"><video id="film" playsinline></video></div>';
const plyr = new Plyr('#film', { iconUrl: '/vendor/plyr/dist/plyr.svg', hideControls: false });
show(new PlyrSync(plyr, { ...who, ...hlsSource(Hls, brief) }), plyr.media);
window.player = plyr;
