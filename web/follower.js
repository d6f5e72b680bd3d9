// Keeps a <video> where the session is. It knows the media element, the server's clock and the authoritative playback
// state; nothing of sockets or of the page.

const kTickMs = 250;
const kSeekBeyond = 0.5; // seconds off: jump
const kIgnoreBelow = 0.02; // seconds off: leave it alone
const kMaxNudge = 0.05; // share of the speed that a correction may add or take
const kNudgeGain = 0.5; // a drift of 0.1 s is corrected with the full nudge
const kAfterSeekMs = 1000; // a seek needs a moment before it can be judged
const kPausedTolerance = 0.04; // about a frame
const kEndMargin = 0.1;

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

export class Follower {
  #video;
  #clock;
  #hooks;
  #state = null;
  #timer = null;
  #starting = false;
  #blocked = false;
  #fresh = false;
  #seekedAt = -Infinity;

  // hooks: onBlocked()          the browser wants a click before it plays; call start() from one
  //        onSettled()          the video has arrived where the session is, after follow() was called
  //        onDesync(position)   the video had fallen far behind or ahead without a new state being the reason
  constructor(video, clock, hooks = {}) {
    this.#video = video;
    this.#clock = clock;
    this.#hooks = hooks;
    for (const type of ["loadedmetadata", "canplay", "seeked"]) video.addEventListener(type, () => this.#tick());
  }

  // Follows `state` {position, isPlaying, playbackRate, lastUpdateTime} from now on; lastUpdateTime in epoch seconds of
  // the server's clock.
  follow(state) {
    this.#state = state;
    this.#fresh = true;
    this.#seekedAt = -Infinity;
    this.#timer ??= setInterval(() => this.#tick(), kTickMs);
    this.#tick();
  }

  // Leaves the video to somebody else, at its plain speed.
  release() {
    clearInterval(this.#timer);
    this.#timer = null;
    if (this.#state) this.#setRate(this.#state.playbackRate);
    this.#state = null;
    this.#blocked = false;
  }

  // To be called from a click after onBlocked().
  start() {
    this.#blocked = false;
    this.#tick();
  }

  get isFollowing() {
    return this.#state !== null;
  }

  // Where the session is now, in seconds; null when not following.
  get target() {
    if (!this.#state) return null;
    const { position, isPlaying, playbackRate, lastUpdateTime } = this.#state;
    const elapsed = isPlaying ? Math.max(0, this.#clock.now() - lastUpdateTime) : 0;
    const at = position + elapsed * playbackRate;
    return Number.isFinite(this.#video.duration) ? Math.min(at, this.#video.duration) : at;
  }

  // Seconds the video is behind (positive) or ahead of (negative) the session; null when that cannot be said.
  get drift() {
    return this.#state && this.#video.readyState > 0 ? this.target - this.#video.currentTime : null;
  }

  #tick() {
    if (!this.#state || this.#video.readyState === 0 || this.#video.seeking) return;
    if (this.#state.isPlaying && !this.#atEnd()) this.#keepPlaying();
    else this.#keepPaused();
  }

  // Playing an ended video would start it from the beginning.
  #atEnd() {
    return Number.isFinite(this.#video.duration) && this.target >= this.#video.duration - kEndMargin;
  }

  #keepPaused() {
    if (!this.#video.paused) this.#video.pause();
    this.#setRate(this.#state.playbackRate);
    if (Math.abs(this.drift) > kPausedTolerance && !(this.#video.ended && this.#atEnd())) this.#seek();
    else this.#settle();
  }

  #keepPlaying() {
    if (this.#blocked) return;
    const drift = this.drift;
    if (Math.abs(drift) > kSeekBeyond) {
      if (performance.now() - this.#seekedAt < kAfterSeekMs) return;
      if (!this.#fresh && !this.#video.paused) this.#hooks.onDesync?.(this.#video.currentTime);
      this.#seek();
    } else {
      const nudge = Math.abs(drift) < kIgnoreBelow ? 0 : clamp(drift * kNudgeGain, -kMaxNudge, kMaxNudge);
      this.#setRate(this.#state.playbackRate * (1 + nudge));
      if (!this.#video.paused) this.#settle();
    }
    if (this.#video.paused) this.#play();
  }

  async #play() {
    if (this.#starting || this.#blocked) return;
    this.#starting = true;
    try {
      await this.#video.play();
    } catch (error) {
      // Anything else means that a load or a pause came between, and the next tick knows what to do.
      if (error.name === "NotAllowedError" && this.#state) {
        this.#blocked = true;
        this.#hooks.onBlocked?.();
      }
    } finally {
      this.#starting = false;
    }
  }

  #seek() {
    this.#seekedAt = performance.now();
    this.#video.currentTime = this.target;
  }

  #settle() {
    if (!this.#fresh) return;
    this.#fresh = false;
    this.#hooks.onSettled?.();
  }

  #setRate(rate) {
    const allowed = clamp(rate, 0.0625, 16);
    if (Math.abs(this.#video.playbackRate - allowed) > 1e-4) this.#video.playbackRate = allowed;
  }
}
