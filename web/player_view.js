// The player's controls: they show what the session does, and for the leader they steer it.

import { byId, clockText, setIcon } from "./dom.js";

const kRates = [0.5, 0.75, 1, 1.25, 1.5, 2];
const kStep = 5; // seconds per arrow key

export class PlayerView {
  #video;
  #actions;
  #enabled = false;
  #isPlaying = false;
  #scrubbing = false;

  // actions: play(), pause(), seek(seconds), setRate(rate)
  constructor(video, actions) {
    this.#video = video;
    this.#actions = actions;
    for (const rate of kRates) this.#addRate(rate);
    byId("play").addEventListener("click", () => this.#togglePlay());
    video.addEventListener("click", () => this.#togglePlay());
    byId("rate").addEventListener("change", (event) => this.#enabled && actions.setRate(Number(event.target.value)));
    this.#listenToSeekBar();
    this.#listenToSound();
    byId("full").addEventListener("click", () => this.#toggleFullScreen());
    document.addEventListener("keydown", (event) => this.#onKey(event));
    for (const type of ["timeupdate", "durationchange", "emptied", "seeking", "ended", "loadedmetadata"]) {
      video.addEventListener(type, () => this.#renderTime());
    }
    this.#listenToBuffering();
  }

  // enabled: whether this viewer steers; isPlaying and rate: what the session does
  render({ enabled, isPlaying, rate }) {
    this.#enabled = enabled;
    this.#isPlaying = isPlaying;
    setIcon(byId("play-icon"), isPlaying ? "pause" : "play");
    byId("play").setAttribute("aria-label", isPlaying ? "Pause" : "Play");
    for (const id of ["play", "seek", "rate"]) {
      byId(id).disabled = !enabled;
      byId(id).title = enabled ? "" : "The leader steers the film";
    }
    this.#addRate(rate);
    byId("rate").value = String(rate);
    this.#renderTime();
  }

  #togglePlay() {
    if (!this.#enabled) return;
    if (this.#isPlaying) this.#actions.pause();
    else this.#actions.play();
  }

  #seekTo(seconds) {
    if (this.#enabled) this.#actions.seek(Math.min(Math.max(0, seconds), this.#video.duration || 0));
  }

  #listenToSeekBar() {
    const bar = byId("seek");
    bar.addEventListener("input", () => {
      this.#scrubbing = true;
      this.#renderPosition(Number(bar.value));
    });
    bar.addEventListener("change", () => {
      this.#scrubbing = false;
      this.#seekTo(Number(bar.value));
    });
  }

  #listenToSound() {
    byId("mute").addEventListener("click", () => (this.#video.muted = !this.#video.muted));
    byId("volume").addEventListener("input", (event) => {
      this.#video.volume = Number(event.target.value);
      this.#video.muted = this.#video.volume === 0;
    });
    this.#video.addEventListener("volumechange", () => {
      const muted = this.#video.muted;
      setIcon(byId("mute-icon"), muted ? "muted" : "volume");
      byId("mute").setAttribute("aria-pressed", String(muted));
      byId("volume").value = String(muted ? 0 : this.#video.volume);
      this.#fill(byId("volume"), 1);
    });
    this.#fill(byId("volume"), 1);
  }

  #listenToBuffering() {
    const show = (shown) => () => (byId("buffering").hidden = !shown);
    for (const type of ["waiting", "stalled"]) this.#video.addEventListener(type, () => this.#video.readyState < 3 && !this.#video.paused && show(true)());
    for (const type of ["playing", "canplay", "pause", "emptied", "error"]) this.#video.addEventListener(type, show(false));
  }

  #toggleFullScreen() {
    const stage = byId("stage");
    if (document.fullscreenElement) document.exitFullscreen();
    else if (stage.requestFullscreen) stage.requestFullscreen().catch(() => {});
    else this.#video.webkitEnterFullscreen?.(); // phones that put only a video on the full screen
  }

  #onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || byId("room").hidden) return;
    if (event.target.closest("input, select, textarea") || (event.key === " " && event.target.closest("button, a"))) return;
    const keys = {
      " ": () => this.#togglePlay(),
      k: () => this.#togglePlay(),
      ArrowLeft: () => this.#seekTo(this.#video.currentTime - kStep),
      ArrowRight: () => this.#seekTo(this.#video.currentTime + kStep),
      m: () => byId("mute").click(),
      f: () => this.#toggleFullScreen(),
    };
    if (!Object.hasOwn(keys, event.key)) return;
    event.preventDefault();
    keys[event.key]();
  }

  #renderTime() {
    const duration = Number.isFinite(this.#video.duration) ? this.#video.duration : 0;
    byId("seek").max = String(duration);
    byId("time-all").textContent = clockText(duration || NaN);
    if (!this.#scrubbing) this.#renderPosition(this.#video.currentTime);
  }

  #renderPosition(position) {
    const bar = byId("seek");
    bar.value = String(position);
    bar.setAttribute("aria-valuetext", `${clockText(position)} of ${byId("time-all").textContent}`);
    this.#fill(bar, Number(bar.max));
    byId("time-now").textContent = clockText(position);
  }

  // The coloured part of a slider.
  #fill(bar, max) {
    bar.style.setProperty("--fill", `${max > 0 ? (100 * Number(bar.value)) / max : 0}%`);
  }

  #addRate(rate) {
    const list = byId("rate");
    if ([...list.options].some((option) => Number(option.value) === rate)) return;
    const option = new Option(`${rate}×`, String(rate));
    const after = [...list.options].find((other) => Number(other.value) > rate);
    list.insertBefore(option, after ?? null);
  }
}
