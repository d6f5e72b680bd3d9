import Hls from 'hls.js';
import { createElement, StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { hlsSource } from '@mediasync/client/hls.js';
import { useMediaSync } from '@mediasync/client/react.js';
import { brief, session, show, who } from './common.js';

document.body.innerHTML = '<main></main>';
const main = document.querySelector('main');
let root = null;

function Film({ sessionId }) {
  const { ref, mediasync, isLeader, state, session: known } = useMediaSync({ ...who, sessionId, ...hlsSource(Hls, brief) });
  window.shown = { isLeader, state, users: known?.userCount ?? 0 };
  if (mediasync && mediasync !== window.client) show(mediasync, document.querySelector('video'));
  return createElement('div', null,
    createElement('video', { ref, id: 'film', controls: true, playsInline: true, style: { width: 640, height: 360 } }),
    createElement('p', { id: 'state' }, `${isLeader ? 'leads' : 'follows'}, ${state}`));
}

window.enter = (sessionId = session) => {
  root ??= createRoot(main);
  root.render(createElement(StrictMode, null, createElement(Film, { sessionId })));
};
window.exit = () => {
  root.unmount();
  root = null;
};
window.enter();
