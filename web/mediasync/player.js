// A <video> or <audio> that is kept where the session is. It carries out what the controller decides, tells it what is so,
// and tells apart what it did itself, what the viewer did, and what the device did.

import { Controller } from "./controller.js";
import { Intent } from "./intent.js";
import { clamp, localNow } from "./numbers.js";
import { PositionEstimator } from "./position.js";
import { positionAt, waitBefore } from "./timeline.js";
import { Watchdog } from "./watchdog.js";

const kTickMs = 100;
const kUndecidedMs = 50; // between two looks at who has paused
const kFreshMs = 4; // between two looks for a reading that has changed …
const kFreshLooks = 12; // … and how many of them
const kFreshest = 0.012; // seconds; looks that are farther apart say little of when it has
const kStepLooks = 40;
const kStepsSeen = 4; // in a row
const kHalfStep = 0.02;
const kEndMargin = 0.05;
const kEnded = 1; // so long before its end a film that has ended here is over: headers are not exact
const kLiveMargin = 1; // of a live stream's edge
const kOwn = 0.1; // a jump that ends so near to where it was sent is ours
const kExcused = 0.5; // seconds until WebKit shows where a jump goes: at first currentTime stays as it was
const kMeant = 0.25; // shorter jumps while it plays are players mending gaps
const kMeantStanding = 0.02;
const kReady = 3; // HAVE_FUTURE_DATA
const kPlenty = 4; // HAVE_ENOUGH_DATA: what has stalled would stall again at once with less
const kAhead = 0.3; // seconds of data that do, where readyState does not say so (WebKitGTK after a seek) …
const kPlentyAhead = 1; // … and that are plenty
const kNudge = 0.02;
const kArriving = 2; // data that came so recently still does

// Seconds of data that the element has from its position on.
export function secondsAhead({ buffered, currentTime }) {
  for (let i = 0; i < buffered.length; i++) {
    if (buffered.start(i) <= currentTime + 0.1 && buffered.end(i) > currentTime) return buffered.end(i) - currentTime;
  }
  return 0;
}

export class Player {
  #media;
  #clock;
  #hooks;
  #controller = new Controller();
  #estimator = new PositionEstimator();
  #watchdog = new Watchdog();
  #intent;
  #state = null;
  #timer = null;
  #wanted = { paused: true, rate: 1, position: NaN }; // what was last asked of the element
  #pausedAt = null; // a pause that nobody has been found for yet
  #isUnlocked = false;
  #blocked = false;
  #held = false; // the viewer has paused a film that goes on for the others
  #interrupted = false; // the device has
  #excusedAt = -Infinity; // a jump whose end has not shown yet
  #leftAt = 0; // when it was last looked at or sent elsewhere …
  #leftTo = NaN; // … and where it was then
  #stalled = false;
  #frames = null;
  #stoodAt = null; // where it has been told to go on from, until it has
  #steps = false; // currentTime stands for a while and then jumps
  #stepLooks = 0;
  #stepsSeen = 0;
  #isLooking = false; // for a reading that has just changed
  #arrivedAt = 0; // data
  #emptiedAt = 0;
  #error = null;
  #listeners = new AbortController();

  // Seconds that this device's sound is late; the film is ahead by as much.
  audioOffset = 0;

  // hooks: onMeasured()          after each look at the element
  //        onBlocked(is)         the browser wants a click before it plays: call start() from one; or it does no more
  //        onStalled(is)         the film has stopped for want of data, or goes on
  //        onCorrection()        a seek brought the film back to where the session is
  //        onUser(change)        the viewer did this, by whatever means: some of {isPlaying, position, playbackRate};
  //                              returns whether that counts
  //        onStuck()             the film has to be opened again
  //        live                  what is known of a live stream, see Live
  constructor(media, clock, hooks) {
    this.#media = media;
    this.#clock = clock;
    this.#hooks = hooks;
    const { signal } = this.#listeners;
    this.#intent = new Intent(media, signal);
    media.autoplay = media.loop = false; // the session says when it plays
    media.playsInline = true;
    const on = (types, act) => {
      for (const type of types) media.addEventListener(type, act, { signal });
    };
    on(["loadedmetadata", "canplay", "seeked", "ended", "play", "pause", "seeking", "ratechange"], () => this.#tick());
    on(["seeking"], () => (this.#excusedAt = -Infinity));
    on(["playing"], () => this.#onPlaying());
    on(["waiting", "playing"], () => this.#intent.noteShaken());
    on(["waiting"], () => this.#setStalled(!this.#hasPlenty));
    on(["progress"], () => (this.#arrivedAt = localNow()));
    on(["emptied"], () => this.#onEmptied());
    document.addEventListener("visibilitychange", () => (document.hidden ? this.#tick() : this.comeBack()), { signal });
    navigator.audioSession?.addEventListener?.("statechange", () => this.#onAudioSession(), { signal });
  }

  // Follows `state` from now on; null: leaves the element alone. `isNew`: something was commanded.
  follow(state, isNew) {
    if (state && isNew) this.#controller.renew();
    if (state && !this.#state) this.#takeOver();
    this.#state = state;
    if (state) {
      this.#watchFrames();
      this.#tick();
    } else {
      this.#release();
    }
  }

  // The start of the film, and its position, is the doing of the element's own player unless somebody has touched it meanwhile.
  #takeOver() {
    this.#expect(this.#media.currentTime);
    if (!this.#media.paused && !this.#intent.isTouchedSince(this.#emptiedAt)) this.#wanted.paused = false;
  }

  // From a click, after onBlocked(true). Phones let only what is played within the click play later.
  start() {
    this.free();
    if (this.#state?.isPlaying && this.#media.paused) this.#play();
    this.#tick();
  }

  // Call it within a click: phones let a script play only what was played in one.
  unlock() {
    if (this.#isUnlocked || !this.#media.paused || !navigator.userActivation?.isActive) return;
    this.#isUnlocked = true;
    this.#intent.play()?.catch(() => {});
    this.#intent.pause();
  }

  // The viewer alone pauses.
  hold() {
    if (!this.#state?.isPlaying) return;
    this.#held = true;
    this.#pause();
    this.#tick();
  }

  // Tries to play again what the device has stopped.
  comeBack() {
    if (!this.#interrupted && !this.#blocked) return;
    this.free();
    this.#tick();
  }

  // Nothing keeps the film from following any more.
  free() {
    this.#held = this.#interrupted = false;
    this.#pausedAt = null;
    this.#setBlocked(false);
    this.#controller.renew();
  }

  // Call it after a jump by which the element's own player has mended something.
  excuse() {
    this.#excusedAt = localNow();
    this.#expect(this.#media.currentTime);
  }

  close() {
    this.follow(null);
    this.#intent.close();
    this.#listeners.abort();
  }

  // Seconds that the element is behind the session; null when that cannot be said.
  get error() {
    return this.#error;
  }

  // The obstacle that keeps the element from playing: "blocked" by the browser until a click, "held" by the viewer,
  // "interrupted" by the device, "buffering" for want of data; or null.
  get obstacle() {
    if (this.#blocked) return "blocked";
    if (this.#held && this.#state?.isPlaying) return "held";
    if (this.#interrupted && this.#state?.isPlaying) return "interrupted";
    return this.#stalled ? "buffering" : null;
  }

  // It has stalled, and no data arrives.
  get isStarved() {
    return this.#stalled && localNow() - this.#arrivedAt > kArriving;
  }

  get facts() {
    const { rateChanges, corrections, seekTime, startTime } = this.#controller;
    const rescues = { ...this.#watchdog.counts };
    return { rateChanges, corrections, seekTime, startTime, rescues, rate: this.#media.playbackRate };
  }

  #serverTime(localTime) {
    return this.#clock.serverTime(localTime) + this.audioOffset;
  }

  // The position that the session has at a local time, as the element counts it.
  #goalAt(localTime) {
    const { live } = this.#hooks;
    const at = positionAt(this.#state, this.#serverTime(localTime));
    if (this.#canEnd) return clamp(at - live.offset, 0, this.#media.duration);
    const { start, end } = (live.is && live.range) || { start: -Infinity, end: Infinity };
    return clamp(at, start, Math.max(start, end - kLiveMargin)) - live.offset;
  }

  get #canEnd() {
    return Number.isFinite(this.#media.duration) && !this.#hooks.live.is;
  }

  #goal(now) {
    const wait = waitBefore(this.#state, this.#serverTime(now));
    const isOver = this.#canEnd && this.#goalAt(now) >= this.#media.duration - (this.#media.ended ? kEnded : kEndMargin);
    return {
      positionAt: (localTime) => this.#goalAt(localTime),
      rate: clamp(this.#state.playbackRate, 0.0625, 16),
      isPlaying: this.#state.isPlaying && !isOver, // to play what has ended would begin it again
      startsAt: wait > 0 ? now + wait : null,
    };
  }

  #look(now) {
    const { paused, ended, seeking, currentTime } = this.#media;
    const seen = this.#hasMoved(now) ? this.#read(now) : null;
    const isArriving = now - this.#arrivedAt < kArriving;
    return { paused: paused || ended, seeking, ready: this.#isReady, isArriving, currentTime, seen };
  }

  get #isReady() {
    const { readyState, seeking } = this.#media;
    return readyState >= kReady || (readyState === kReady - 1 && !seeking && secondsAhead(this.#media) > kAhead);
  }

  get #hasPlenty() {
    return this.#media.readyState >= kPlenty || secondsAhead(this.#media) > kPlentyAhead;
  }

  // Readings before it moves say nothing of its later position.
  #hasMoved(now) {
    const { paused, seeking, currentTime } = this.#media;
    if (!paused && !seeking && currentTime !== this.#stoodAt) return true;
    this.#stoodAt = currentTime;
    this.#estimator.restart(now, this.#media.playbackRate);
    return false;
  }

  #read(now) {
    this.#stoodAt = null;
    const { currentTime } = this.#media;
    this.#lookForSteps(currentTime);
    if (this.#steps) this.#readFresh();
    else this.#estimator.reading(now, currentTime);
    return this.#estimator.at(now);
  }

  #tick() {
    clearTimeout(this.#timer);
    if (!this.#state) return;
    if (!this.#isReady || this.#media.seeking) this.#intent.noteShaken();
    if (!this.#noteViewer()) return;
    let wait = kTickMs;
    if (this.#media.ended || (this.#hasPlenty && !this.#media.seeking)) this.#setStalled(false);
    this.#error = null;
    if (this.#pausedAt !== null) wait = kUndecidedMs;
    else if (this.obstacle === null || this.obstacle === "buffering") wait = this.#steer();
    this.#timer = setTimeout(() => this.#tick(), wait);
    this.#hooks.onMeasured();
  }

  // Returns how many milliseconds to wait until the next look.
  #steer() {
    const now = localNow();
    const corrections = this.#controller.corrections;
    const answer = this.#controller.decide(now, this.#goal(now), this.#look(now));
    this.#error = answer.error;
    this.#carryOut(answer, now);
    this.#guard(now);
    if (this.#controller.corrections > corrections) this.#hooks.onCorrection();
    return answer.wakeAt === null ? kTickMs : clamp((answer.wakeAt - localNow()) * 1000, 0, kTickMs);
  }

  #carryOut({ rate, keepsPitch, looksAnew, seek, play }, now) {
    this.#setRate(rate, keepsPitch, now);
    if (looksAnew) this.#estimator.restart(now, rate);
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
    this.#intent.pause();
  }

  // Browsers take the nearest that can be sought, which is then what was wanted.
  #seekTo(position) {
    const { seekable } = this.#media;
    const isKnown = seekable.length > 0;
    this.#expect(isKnown ? clamp(position, seekable.start(0), seekable.end(seekable.length - 1)) : position);
    this.#media.currentTime = this.#wanted.position;
  }

  #expect(position) {
    this.#wanted.position = this.#leftTo = position;
    this.#leftAt = localNow();
  }

  async #play() {
    this.#wanted.paused = false;
    if (this.#media.ended) this.#seekTo(this.#goalAt(localNow())); // it would begin anew
    try {
      await this.#intent.play();
    } catch (error) {
      // Anything else means that a load or a pause came between, and the next tick knows what to do.
      if (error.name === "NotAllowedError" && this.#state && this.#media.paused) this.#block();
    }
  }

  #block() {
    this.#wanted.paused = true;
    this.#setBlocked(true);
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
    this.#pausedAt = null;
    this.#setStalled(false);
    this.#setBlocked(false);
    this.#frames = null; // the callback that is out finds that it is none any more
  }

  // --- films that stand

  #guard(now) {
    const { paused, ended, seeking, readyState, currentTime } = this.#media;
    const mayMove = !paused && !ended && readyState > 0;
    const hasData = secondsAhead(this.#media) > kAhead;
    const isStarved = mayMove && !hasData && readyState < kReady && now - this.#arrivedAt > kArriving;
    const isDue = mayMove && !seeking && (readyState >= kReady || (hasData && now - this.#arrivedAt > kArriving));
    const remedy = this.#watchdog.look(now, { position: currentTime, isDue, isStarved });
    if (remedy === "nudge") this.#seekTo(currentTime + kNudge);
    else if (remedy === "seek") this.#seekTo(this.#goalAt(now));
    else if (remedy === "reload") this.#hooks.onStuck();
    if (remedy !== "restart") return;
    this.#pause();
    this.#play();
  }

  // --- what happens to the element

  #onPlaying() {
    const now = localNow();
    this.#stoodAt = this.#media.currentTime;
    if (this.#stalled) this.#controller.disturb(now);
    this.#tick();
  }

  // Another film, or the same anew: what it does from here on is compared with a film that stands at its beginning.
  #onEmptied() {
    this.#emptiedAt = localNow();
    this.#wanted = { paused: true, rate: this.#media.playbackRate, position: NaN };
    this.#pausedAt = null;
    this.#leftTo = NaN;
    this.#setStalled(false);
  }

  #onAudioSession() {
    if (navigator.audioSession.state === "active") this.comeBack();
  }

  // Compares the element with what was asked of it, since events come late: somebody may have paused it, and its event be still to
  // come. Returns false when the session has been changed by that, and this look at it is over.
  #noteViewer() {
    const seek = this.#seekOfViewer();
    const change = { ...this.#pauseOrPlayOfViewer(), ...this.#rateOfViewer(), ...seek };
    if (Object.keys(change).length === 0) return true;
    const counts = this.#hooks.onUser(change);
    if (!counts && change.isPlaying === false) this.#held = true;
    return !counts;
  }

  #pauseOrPlayOfViewer() {
    const { paused, ended, readyState } = this.#media;
    if (paused && !this.#wanted.paused && !ended && readyState > 0 && this.#state.isPlaying) return this.#judgePause();
    this.#pausedAt = null;
    if (paused === this.#wanted.paused) return {};
    this.#wanted.paused = paused;
    if (paused) return {};
    this.#intent.notePlay();
    this.free();
    return this.#state.isPlaying ? {} : { isPlaying: true };
  }

  #judgePause() {
    this.#pausedAt ??= localNow();
    const who = this.#intent.whoPaused(this.#pausedAt);
    if (who === null) return {};
    const position = positionAt(this.#state, this.#clock.serverTime(this.#pausedAt));
    this.#pausedAt = null;
    this.#wanted.paused = true;
    if (who === "viewer") return { isPlaying: false, position };
    this.#interrupted = who === "device";
    if (this.#interrupted && !document.hidden) this.#block(); // only the viewer knows when the call is over
    return {};
  }

  #seekOfViewer() {
    const { currentTime, readyState } = this.#media;
    if (readyState === 0) return {};
    const now = localNow();
    const isJump = this.#media.seeking || this.#hasJumped(now);
    this.#leftTo = currentTime;
    this.#leftAt = now;
    const isOurs = now - this.#excusedAt < kExcused || Math.abs(currentTime - this.#wanted.position) < kOwn;
    this.#wanted.position = isJump ? currentTime : NaN;
    if (!isJump || isOurs) return {};
    this.#controller.disturb(now);
    const meant = this.#state.isPlaying ? kMeant : kMeantStanding;
    if (Math.abs(currentTime - this.#goalAt(now)) < meant) return {};
    this.#intent.noteSeek();
    return { position: currentTime + this.#hooks.live.offset };
  }

  // Jumps may be over before anybody looks (Firefox, when the page is busy).
  #hasJumped(now) {
    const { currentTime, playbackRate } = this.#media;
    const moved = currentTime - this.#leftTo;
    return moved < -kMeant || moved > kMeant + (now - this.#leftAt) * playbackRate;
  }

  #rateOfViewer() {
    const { playbackRate, readyState } = this.#media;
    if (readyState === 0 || Math.abs(playbackRate - this.#wanted.rate) < 1e-3) return {};
    this.#wanted.rate = playbackRate;
    this.#estimator.setRate(localNow(), playbackRate, true);
    return { playbackRate };
  }

  // --- readings

  // Finds out whether currentTime stands still between two looks though the film plays, as in Firefox.
  #lookForSteps(seen) {
    if (this.#steps || this.#stepLooks >= kStepLooks) return;
    this.#stepLooks += 1;
    setTimeout(() => {
      const { paused, seeking, currentTime } = this.#media;
      if (paused || seeking || document.hidden) return;
      this.#stepsSeen = currentTime === seen ? this.#stepsSeen + 1 : 0;
      this.#steps = this.#stepsSeen >= kStepsSeen;
    }, kFreshMs);
  }

  // Then it is right when it has just changed, and late by up to a step otherwise.
  #readFresh() {
    if (document.hidden) return this.#estimator.reading(localNow(), this.#media.currentTime + kHalfStep);
    if (!this.#isLooking) this.#lookForFresh(this.#media.currentTime, localNow(), kFreshLooks);
  }

  #lookForFresh(seen, seenAt, looks) {
    this.#isLooking = looks > 0 && !this.#media.paused && !this.#media.seeking;
    if (!this.#isLooking) return;
    setTimeout(() => {
      const now = localNow();
      const { currentTime } = this.#media;
      if (currentTime === seen) return this.#lookForFresh(seen, now, looks - 1);
      this.#isLooking = false;
      if (now - seenAt < kFreshest && !this.#media.seeking) this.#estimator.reading((now + seenAt) / 2, currentTime);
    }, kFreshMs);
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
