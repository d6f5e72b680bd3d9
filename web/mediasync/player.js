// A <video> or <audio> that is kept where the session is. It carries out what the controller decides, tells it what is so,
// and tells apart what it did itself from what the viewer did by the element's own controls.

import { Controller } from "./controller.js";
import { PositionEstimator } from "./position.js";
import { positionAt, waitBefore } from "./timeline.js";

const kTickMs = 100;
const kEndMargin = 0.05;
const kLiveMargin = 1; // of a live stream's edge
const kOwn = 0.1; // a jump that ends so near to where it was sent is ours
const kMeant = 0.25; // shorter jumps are players mending gaps
const kReady = 3; // HAVE_FUTURE_DATA
const kPlenty = 4; // HAVE_ENOUGH_DATA: what has stalled would stall again at once with less

const localNow = () => performance.now() / 1000;
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

export class Player {
  #media;
  #clock;
  #hooks;
  #controller = new Controller();
  #estimator = new PositionEstimator();
  #state = null;
  #timer = null;
  #wanted = { paused: null, rate: 1, position: null }; // what was last asked of the element
  #starting = false;
  #blocked = false;
  #held = false; // the viewer has paused a film that goes on for the others
  #stalled = false;
  #frames = null;
  #stoodAt = null; // where it has been told to go on from, until it has
  #error = null;
  #listeners = new AbortController();

  // hooks: onMeasured()          after each look at the element
  //        onBlocked(is)         the browser wants a click before it plays: call start() from one; or it does no more
  //        onStalled(is)         the film has stopped for want of data, or goes on
  //        onCorrection()        a seek brought the film back to where the session is
  //        onUser(change)        the viewer used the element's controls: {isPlaying}, {position} or {playbackRate};
  //                              returns whether that counts
  //        isLive()              whether it is a live stream
  //        offset()              what is to be added to currentTime; for live streams
  constructor(media, clock, hooks) {
    this.#media = media;
    this.#clock = clock;
    this.#hooks = hooks;
    const on = (types, act) => {
      for (const type of types) media.addEventListener(type, act, { signal: this.#listeners.signal });
    };
    on(["loadedmetadata", "canplay", "seeked", "ended"], () => this.#tick());
    on(["play", "pause"], () => this.#onPlayOrPause());
    on(["playing"], () => this.#onPlaying());
    on(["waiting"], () => this.#setStalled(true));
    on(["emptied"], () => this.#onEmptied());
    on(["seeking"], () => this.#onSeeking());
    on(["ratechange"], () => this.#onRateChange());
  }

  // Follows `state` from now on; null: leaves the element alone. `isNew`: something was commanded.
  follow(state, isNew) {
    if (state && isNew) this.#controller.renew();
    if (!state?.isPlaying) this.#held = false;
    this.#state = state;
    if (state) {
      this.#watchFrames();
      this.#tick();
    } else {
      this.#release();
    }
  }

  // From a click, after onBlocked(true).
  start() {
    this.#setBlocked(false);
    this.#held = false;
    this.#controller.renew();
    this.#tick();
  }

  close() {
    this.follow(null);
    this.#listeners.abort();
  }

  // Seconds that the element is behind the session; null when that cannot be said.
  get error() {
    return this.#error;
  }

  get isBlocked() {
    return this.#blocked;
  }

  get isHeld() {
    return this.#held;
  }

  get isStalled() {
    return this.#stalled;
  }

  get facts() {
    const { rateChanges, corrections, seekTime, startTime } = this.#controller;
    return { rateChanges, corrections, seekTime, startTime, rate: this.#media.playbackRate };
  }

  // The position that the session has at a local time, as the element counts it.
  #goalAt(localTime) {
    const at = positionAt(this.#state, this.#clock.serverTime(localTime)) - this.#hooks.offset();
    const { duration, seekable } = this.#media;
    const isLive = this.#hooks.isLive();
    if (Number.isFinite(duration) && !isLive) return clamp(at, 0, duration);
    if (!isLive || seekable.length === 0) return at;
    const last = seekable.length - 1;
    return clamp(at, seekable.start(0), Math.max(seekable.start(0), seekable.end(last) - kLiveMargin));
  }

  #goal(now) {
    const wait = waitBefore(this.#state, this.#clock.serverTime(now));
    const canEnd = Number.isFinite(this.#media.duration) && !this.#hooks.isLive();
    const isOver = canEnd && this.#goalAt(now) >= this.#media.duration - kEndMargin;
    return {
      positionAt: (localTime) => this.#goalAt(localTime),
      rate: clamp(this.#state.playbackRate, 0.0625, 16),
      isPlaying: this.#state.isPlaying && !isOver, // to play what has ended would begin it again
      startsAt: wait > 0 ? now + wait : null,
    };
  }

  #look(now) {
    const { paused, ended, seeking, readyState, currentTime } = this.#media;
    const seen = this.#hasMoved(now) ? this.#read(now) : null;
    return { paused: paused || ended, seeking, ready: readyState >= kReady, currentTime, seen };
  }

  // What is seen before it moves says nothing of where it will be.
  #hasMoved(now) {
    const { paused, seeking, currentTime } = this.#media;
    if (!paused && !seeking && currentTime !== this.#stoodAt) return true;
    this.#stoodAt = currentTime;
    this.#estimator.restart(now, this.#media.playbackRate);
    return false;
  }

  #read(now) {
    this.#stoodAt = null;
    this.#estimator.reading(now, this.#media.currentTime);
    return this.#estimator.at(now);
  }

  #tick() {
    clearTimeout(this.#timer);
    if (!this.#state) return;
    let wait = kTickMs;
    if (this.#media.readyState >= kPlenty && !this.#media.seeking) this.#setStalled(false);
    if (this.#media.readyState > 0 && !this.#blocked && !this.#held) {
      const now = localNow();
      const corrections = this.#controller.corrections;
      const answer = this.#controller.decide(now, this.#goal(now), this.#look(now));
      this.#error = answer.error;
      this.#carryOut(answer, now);
      if (this.#controller.corrections > corrections) this.#hooks.onCorrection();
      if (answer.wakeAt !== null) wait = clamp((answer.wakeAt - localNow()) * 1000, 0, kTickMs);
    } else {
      this.#error = null;
    }
    this.#timer = setTimeout(() => this.#tick(), wait);
    this.#hooks.onMeasured();
  }

  #carryOut({ rate, keepsPitch, seek, play }, now) {
    this.#setRate(rate, keepsPitch, now);
    if (play === false) this.#pause();
    if (seek !== null) this.#seekTo(seek);
    if (play === true) this.#play();
  }

  #setRate(rate, keepsPitch, now) {
    this.#wanted.rate = rate;
    if (Math.abs(this.#media.playbackRate - rate) < 1e-5) return;
    if (rate !== 1) this.#media.preservesPitch = keepsPitch;
    this.#media.playbackRate = rate;
    this.#estimator.setRate(now, rate, rate === this.#state.playbackRate);
  }

  #pause() {
    this.#wanted.paused = true;
    this.#media.pause();
  }

  #seekTo(position) {
    this.#wanted.position = position;
    this.#media.currentTime = position;
  }

  async #play() {
    if (this.#starting) return;
    this.#starting = true;
    this.#wanted.paused = false;
    try {
      await this.#media.play();
    } catch (error) {
      // Anything else means that a load or a pause came between, and the next tick knows what to do.
      if (error.name === "NotAllowedError" && this.#state) this.#setBlocked(true);
    } finally {
      this.#starting = false;
    }
  }

  #setBlocked(is) {
    if (this.#blocked === is) return;
    this.#blocked = is;
    this.#hooks.onBlocked(is);
  }

  #setStalled(is) {
    is &&= this.#state !== null && !this.#media.seeking && !this.#media.paused && !this.#media.ended;
    if (this.#stalled === is) return;
    this.#stalled = is;
    this.#hooks.onStalled(is);
  }

  #release() {
    clearTimeout(this.#timer);
    this.#error = null;
    this.#setStalled(false);
    this.#setBlocked(false);
    this.#held = false;
    this.#frames = null; // the callback that is out finds that it is none any more
  }

  // --- what happens to the element

  #onPlaying() {
    const now = localNow();
    this.#setBlocked(false);
    this.#stoodAt = this.#media.currentTime;
    if (this.#stalled) this.#controller.disturb(now);
    this.#tick();
  }

  #onEmptied() {
    this.#wanted = { paused: null, rate: this.#media.playbackRate, position: null };
    this.#setStalled(false);
  }

  #onPlayOrPause() {
    const { paused, ended } = this.#media;
    const isOurs = this.#wanted.paused === null || paused === this.#wanted.paused || ended;
    // Browsers pause pictures without sound that nobody sees.
    if (!this.#state || isOurs || (paused && document.hidden && this.#media.muted)) return this.#tick();
    if (!this.#hooks.onUser({ isPlaying: !paused })) this.#held = paused && this.#state.isPlaying;
    this.#wanted.paused = paused;
    if (!paused) this.#controller.renew();
    this.#tick();
  }

  #onSeeking() {
    const { currentTime, readyState } = this.#media;
    const isOurs = this.#wanted.position !== null && Math.abs(currentTime - this.#wanted.position) < kOwn;
    if (!this.#state || isOurs || readyState === 0) return;
    this.#controller.disturb(localNow());
    if (Math.abs(currentTime - this.#goalAt(localNow())) < kMeant) return;
    this.#hooks.onUser({ position: currentTime + this.#hooks.offset() });
  }

  #onRateChange() {
    const { playbackRate, readyState } = this.#media;
    if (!this.#state || readyState === 0 || Math.abs(playbackRate - this.#wanted.rate) < 1e-3) return;
    this.#estimator.setRate(localNow(), playbackRate, true);
    this.#hooks.onUser({ playbackRate });
    this.#tick();
  }

  // Hidden pages get no frames; readings do then.
  #watchFrames() {
    if (this.#frames || !this.#media.requestVideoFrameCallback) return;
    const own = (this.#frames = {});
    const onFrame = (_now, { expectedDisplayTime, mediaTime }) => {
      if (this.#frames !== own) return;
      if (this.#hasMoved(localNow())) this.#estimator.frame(expectedDisplayTime / 1000, mediaTime);
      this.#media.requestVideoFrameCallback(onFrame);
    };
    this.#media.requestVideoFrameCallback(onFrame);
  }
}
