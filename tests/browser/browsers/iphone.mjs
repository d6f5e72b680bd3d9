// What an iPhone makes of a <video>, in Chromium: options for launch() of chromium.mjs.
//
// Nothing but metadata is loaded before the film was played in a gesture, and play() without one is refused, unless it is muted
// and inline; scripts have no say in the volume; hidden pages and calls pause films; there are no frame callbacks. Tests use
// `window.iphone`: hide(), show(), call(), and `isSaving`, the low-power mode, which refuses each play() without a gesture.

function becomePhone() {
  const kGestureMs = 1000;
  const kHeldBack = ['loadeddata', 'canplay', 'canplaythrough'];
  const media = HTMLMediaElement.prototype;
  const native = { play: media.play, pause: media.pause };
  const getter = (name) => Object.getOwnPropertyDescriptor(media, name).get;
  const readyState = getter('readyState');
  const buffered = getter('buffered');
  const unlocked = new WeakSet();
  const held = new WeakMap();
  let gestureUntil = -Infinity;
  let isHidden = false;
  const inGesture = () => performance.now() < gestureUntil;
  for (const type of ['touchend', 'click', 'keydown']) {
    addEventListener(type, ({ isTrusted }) => { if (isTrusted) gestureUntil = performance.now() + kGestureMs; }, true);
  }

  function unlock(element) {
    if (unlocked.has(element)) return;
    unlocked.add(element);
    const types = held.get(element) ?? [];
    held.delete(element);
    setTimeout(() => types.forEach((type) => element.dispatchEvent(new Event(type))));
  }

  for (const type of kHeldBack) {
    addEventListener(type, (event) => {
      const { target } = event;
      if (!(target instanceof HTMLMediaElement) || unlocked.has(target)) return;
      event.stopImmediatePropagation();
      held.set(target, [...(held.get(target) ?? []), type]);
    }, true);
  }
  addEventListener('emptied', ({ target }) => held.delete(target), true);
  // The element's own controls call no play() of ours, and are used in gestures.
  addEventListener('play', ({ target }) => unlock(target), true);

  const nothing = { length: 0, start() { throw new DOMException('', 'IndexSizeError'); }, end() { throw new DOMException('', 'IndexSizeError'); } };
  Object.defineProperties(media, {
    readyState: { configurable: true, get() { return unlocked.has(this) ? readyState.call(this) : Math.min(1, readyState.call(this)); } },
    buffered: { configurable: true, get() { return unlocked.has(this) ? buffered.call(this) : nothing; } },
    volume: { configurable: true, get: () => 1, set() {} },
    play: { configurable: true, writable: true, value: function play() {
      const mayUnasked = !iphone.isSaving && !isHidden && (unlocked.has(this) || (this.muted && this.playsInline));
      if (!inGesture() && !mayUnasked) {
        return Promise.reject(new DOMException('The request is not allowed by the user agent or the platform in the current ' +
          'context, possibly because the user denied permission.', 'NotAllowedError'));
      }
      unlock(this);
      return native.play.call(this);
    } },
  });
  delete HTMLVideoElement.prototype.requestVideoFrameCallback;
  delete HTMLVideoElement.prototype.cancelVideoFrameCallback;
  Object.defineProperty(Document.prototype, 'hidden', { configurable: true, get: () => isHidden });
  Object.defineProperty(Document.prototype, 'visibilityState', { configurable: true, get: () => (isHidden ? 'hidden' : 'visible') });

  const pauseAll = () => document.querySelectorAll('video, audio').forEach((element) => native.pause.call(element));
  const turn = (hidden) => {
    isHidden = hidden;
    document.dispatchEvent(new Event('visibilitychange', { bubbles: true }));
  };
  const iphone = {
    isSaving: false,
    /** Another app, or the lock: films are paused, before or after the page learns that it is hidden. */
    hide({ pausesFirst = false } = {}) {
      if (pausesFirst) pauseAll();
      turn(true);
      if (!pausesFirst) pauseAll();
    },
    show: () => turn(false),
    /** A call, headphones pulled: films are paused, and the page is told nothing else. */
    call: pauseAll,
  };
  Object.defineProperty(window, 'iphone', { value: iphone });
}

export const iphone = {
  autoplay: true, // what is refused is refused above
  context: {
    viewport: { width: 390, height: 664 },
    hasTouch: true,
    isMobile: true,
    deviceScaleFactor: 1,
    userAgent: 'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 ' +
      'Mobile/15E148 Safari/604.1',
  },
  initScript: `(${becomePhone})();`,
};
