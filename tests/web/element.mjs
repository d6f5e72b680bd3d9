// A media element that is moved by hand, on a page that is always seen.

globalThis.document = Object.assign(new EventTarget(), { hidden: false });
globalThis.matchMedia = () => ({ matches: false });
globalThis.navigator ??= {};

const ranges = (start, end) => ({ length: 1, start: () => start, end: () => end });

export class Element extends EventTarget {
  paused = true;
  seeking = false;
  ended = false;
  readyState = 4;
  currentTime = 0;
  playbackRate = 1;
  duration = 100;
  seekable = ranges(0, 100);
  buffered = ranges(0, 100);

  async play() { this.paused = false; }
  pause() { this.paused = true; }

  /** What a jump to `position` shows, at once or, as in WebKit, `late`. */
  jump(position, { late = () => {} } = {}) {
    this.seeking = true;
    late();
    this.currentTime = position;
    this.dispatchEvent(new Event('seeking'));
    this.seeking = false;
    this.dispatchEvent(new Event('seeked'));
  }
}
