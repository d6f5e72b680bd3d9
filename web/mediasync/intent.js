// Tells what a viewer does to an element from what the device does to it: a call that comes in, headphones that are pulled, a page
// that goes out of sight. Only a pause can be the device's.
//
// Browsers do not say who paused. So calls of the element's own play() and pause(), touches of the element and media keys are noted,
// and what has none of these behind it is judged by what the device is about.

import { localNow } from "./numbers.js";

const kBehind = 1; // seconds from a touch or a call to the event that it causes
const kSettling = 0.2; // players that begin to play may fall back by themselves (WebKitGTK)
const kShaken = 1; // and so may those that have no data, or have just got some
const kHiding = 0.5; // pages that are put away are paused a moment before, or after
const kUsed = 5; // so long a page counts as used after a click or a touch
const kUndecided = 0.2; // so long after a pause the page may still turn out to be put away

// Shown outside of the page, where nothing but the element tells what its controls do.
const isElsewhere = (media) =>
  document.pictureInPictureElement === media || media.webkitDisplayingFullscreen ||
  media.webkitPresentationMode === "picture-in-picture" || media.remote?.state === "connected";

export class Intent {
  #media;
  #scriptAt = -Infinity;
  #touchAt = -Infinity;
  #seekAt = -Infinity;
  #playAt = -Infinity;
  #shakenAt = -Infinity;
  #hiddenAt = document.hidden ? localNow() : -Infinity;

  #play;
  #undo = [];

  // pause() without a trace
  pause;

  // signal: ends the listening. close() gives the element its methods back.
  constructor(media, signal) {
    this.#media = media;
    this.#play = this.#note("play");
    this.pause = this.#note("pause");
    for (const type of ["pointerdown", "pointerup", "touchend", "keydown"]) {
      media.addEventListener(type, () => (this.#touchAt = localNow()), { signal, capture: true, passive: true });
    }
    document.addEventListener("visibilitychange", () => document.hidden && (this.#hiddenAt = localNow()), { signal });
  }

  // Notes the calls of one of the element's methods from now on. Returns the method itself.
  #note(name) {
    const media = this.#media;
    const own = Object.hasOwn(media, name) && media[name];
    const method = media[name].bind(media);
    const noted = (media[name] = () => {
      this.#scriptAt = localNow();
      return method();
    });
    this.#undo.push(() => {
      if (media[name] !== noted) return; // somebody else has come after
      if (own) media[name] = own;
      else delete media[name];
    });
    return method;
  }

  // play() without a trace.
  play() {
    this.notePlay();
    return this.#play();
  }

  // The film begins to play. What was touched before has done that, and no more.
  notePlay() {
    this.#playAt = localNow();
  }

  // The film waits for data, or jumps.
  noteShaken() {
    this.#shakenAt = localNow();
  }

  // The viewer seeks: seek bars pause meanwhile.
  noteSeek() {
    this.#seekAt = localNow();
  }

  close() {
    for (const undo of this.#undo) undo();
  }

  isTouchedSince(time) {
    return this.#touchAt > time || this.#isHandled;
  }

  // Browsers tell the page nothing of what is done to native controls, but that it has been used.
  get #isHandled() {
    const { controls } = this.#media;
    return controls && navigator.userActivation?.isActive && (this.#media.matches(":hover") || document.activeElement === this.#media);
  }

  // Says who paused the element at `pausedAt`: "viewer", "device", "player" (by itself), or null while that may still show.
  whoPaused(pausedAt) {
    const recent = (at) => pausedAt - at < kBehind;
    const sincePlay = (at) => recent(at) && at > this.#playAt; // what came before has started the film, and no more
    if (isElsewhere(this.#media)) return "viewer";
    if (Math.abs(pausedAt - this.#hiddenAt) < kHiding || navigator.audioSession?.state === "interrupted") return "device";
    if (recent(this.#scriptAt) || sincePlay(this.#seekAt) || sincePlay(this.#touchAt)) return "viewer";
    if (document.hidden) return "device";
    if (pausedAt - this.#playAt < kSettling) return "player";
    const isPhone = matchMedia("(pointer: coarse)").matches;
    if (!isPhone && this.#isHandled && pausedAt - this.#touchAt > kUsed) return "viewer"; // WebKit shows the element all touches
    if (pausedAt - this.#shakenAt < kShaken) return "player";
    if (localNow() - pausedAt < kUndecided) return null;
    // Phones interrupt; on other machines it is a control of the browser's own, which says nothing.
    return isPhone && !this.#isHandled ? "device" : "viewer";
  }
}
