// Media keys, headset buttons, the lock screen and the window of picture-in-picture: browsers send them to the page where it listens,
// and otherwise pause the element without a word of who wanted it.

const kStep = 10; // seconds

// actions: play(), pause(), seekBy(seconds), seek(position). Returns what takes the listeners away.
export function listenToMediaKeys({ play, pause, seekBy, seek }) {
  const handlers = {
    play,
    pause,
    stop: pause,
    seekbackward: ({ seekOffset }) => seekBy(-(seekOffset ?? kStep)),
    seekforward: ({ seekOffset }) => seekBy(seekOffset ?? kStep),
    seekto: ({ seekTime }) => seek(seekTime),
  };
  const set = (action, handler) => {
    try {
      navigator.mediaSession?.setActionHandler(action, handler);
    } catch {
      // this browser has no such key
    }
  };
  for (const [action, handler] of Object.entries(handlers)) set(action, handler);
  return () => Object.keys(handlers).forEach((action) => set(action, null));
}
