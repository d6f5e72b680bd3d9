// Tells the session what the leader's <video> does: at once on every change, and regularly while it plays.

const kRepeatMs = 5000;
const kGatherMs = 40; // a seek while playing is several events; they make one announcement

export class Leader {
  #video;
  #send;
  #active = false;
  #pending = null;
  #repeat = null;

  // send({position, isPlaying, playbackRate})
  constructor(video, send) {
    this.#video = video;
    this.#send = send;
    for (const type of ["play", "playing", "pause", "seeked", "ratechange", "ended"]) {
      video.addEventListener(type, () => this.#changed());
    }
  }

  // From now on the video is what the session follows.
  lead() {
    if (this.#active) return;
    this.#active = true;
    this.#repeat = setInterval(() => !this.#video.paused && this.announce(), kRepeatMs);
  }

  stop() {
    this.#active = false;
    clearInterval(this.#repeat);
    clearTimeout(this.#pending);
    this.#pending = null;
  }

  get isLeading() {
    return this.#active;
  }

  announce() {
    if (!this.#active || this.#video.readyState === 0) return;
    this.#send({
      position: this.#video.currentTime,
      isPlaying: !this.#video.paused && !this.#video.ended,
      playbackRate: this.#video.playbackRate,
    });
  }

  #changed() {
    if (!this.#active || this.#pending !== null) return;
    this.#pending = setTimeout(() => {
      this.#pending = null;
      this.announce();
    }, kGatherMs);
  }
}
