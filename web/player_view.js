// The player's controls: they show what the session does, and for the leader they steer it.

import { byId, clockText, setIcon, timeOfDay } from "./dom.js";

const kRates = [0.5, 0.75, 1, 1.25, 1.5, 2];
const kStep = 5; // seconds per arrow key
const kCalendar = 1e8; // positions of live streams with dates are times of the calendar
const kLive = 20; // so near to the end of a live stream, in seconds, is live

export class PlayerView {
  #video;
  #actions;
  #enabled = false;
  #isPlaying = false;
  #isAway = false;
  #scrubbing = false;

  // actions: play(), pause(), start(), seek(position), seekBy(seconds), goLive(), setRate(rate), and timeline(): {start, end,
  // position, isLive} of the film in the session's positions, or null
  constructor(video, actions) {
    this.#video = video;
    this.#actions = actions;
    for (const rate of kRates) this.#addRate(rate);
    byId("play").addEventListener("click", () => this.#togglePlay());
    video.addEventListener("click", () => this.#togglePlay());
    byId("rate").addEventListener("change", (event) => this.#enabled && actions.setRate(Number(event.target.value)));
    byId("live").addEventListener("click", () => actions.goLive());
    this.#listenToSeekBar();
    this.#listenToSound();
    byId("full").addEventListener("click", () => this.#toggleFullScreen());
    document.addEventListener("keydown", (event) => this.#onKey(event));
    for (const type of ["timeupdate", "durationchange", "emptied", "seeking", "ended", "loadedmetadata"]) {
      video.addEventListener(type, () => this.#renderTime());
    }
    this.#listenToBuffering();
  }

  // enabled: whether this viewer steers; isAway: the film stands here while it plays for the others; isPlaying and rate: what the
  // session does
  render({ enabled, isAway, isPlaying, rate }) {
    this.#enabled = enabled;
    this.#isAway = isAway;
    this.#isPlaying = isPlaying && !isAway;
    setIcon(byId("play-icon"), this.#isPlaying ? "pause" : "play");
    byId("play").setAttribute("aria-label", this.#isPlaying ? "Pause" : "Play");
    for (const [id, isUsable] of [["play", enabled || isAway], ["seek", enabled], ["rate", enabled], ["live", enabled]]) {
      byId(id).disabled = !isUsable;
      byId(id).title = isUsable ? "" : "Only the leader controls the film";
    }
    this.#addRate(rate);
    byId("rate").value = String(rate);
    this.#renderTime();
  }

  #togglePlay() {
    if (this.#isAway) this.#actions.start();
    else if (!this.#enabled) return;
    else if (this.#isPlaying) this.#actions.pause();
    else this.#actions.play();
  }

  #seekBy(seconds) {
    if (this.#enabled) this.#actions.seekBy(seconds);
  }

  #listenToSeekBar() {
    const bar = byId("seek");
    bar.addEventListener("input", () => {
      this.#scrubbing = true;
      this.#renderPosition(Number(bar.value));
    });
    bar.addEventListener("change", () => {
      this.#scrubbing = false;
      if (this.#enabled) this.#actions.seek(Number(bar.value));
    });
    bar.addEventListener("keydown", (event) => this.#onArrow(event));
  }

  // The seek bar's own steps are a share of the film.
  #onArrow(event) {
    const step = { ArrowLeft: -kStep, ArrowRight: kStep, ArrowDown: -kStep, ArrowUp: kStep }[event.key];
    if (!step) return;
    event.preventDefault();
    this.#seekBy(step);
  }

  #listenToSound() {
    byId("volume").hidden = !this.#takesVolume();
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

  // Phones leave it to their keys.
  #takesVolume() {
    const { volume } = this.#video;
    this.#video.volume = 0.5;
    const takes = this.#video.volume === 0.5;
    this.#video.volume = volume;
    return takes;
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
      ArrowLeft: () => this.#seekBy(-kStep),
      ArrowRight: () => this.#seekBy(kStep),
      m: () => byId("mute").click(),
      f: () => this.#toggleFullScreen(),
    };
    if (!Object.hasOwn(keys, event.key)) return;
    event.preventDefault();
    keys[event.key]();
  }

  #renderTime() {
    const { start, end, position, isLive } = this.#actions.timeline() ?? { start: 0, end: 0, position: 0, isLive: false };
    byId("seek").min = String(start);
    byId("seek").max = String(end);
    byId("time-all").hidden = isLive;
    byId("time-all").textContent = ` / ${clockText(end || NaN)}`;
    byId("live").hidden = !isLive;
    byId("live").dataset.isLive = String(end - position < kLive);
    byId("live-label").textContent = end - position < kLive ? "Live" : "Go live";
    if (!this.#scrubbing) this.#renderPosition(position);
  }

  // Live streams show the time of day, which is the same for all viewers.
  #renderPosition(position) {
    const bar = byId("seek");
    const text = position > kCalendar ? timeOfDay(position) : clockText(position);
    bar.value = String(position);
    bar.setAttribute("aria-valuetext", `${text}${byId("time-all").hidden ? "" : byId("time-all").textContent.replace("/", "of")}`);
    this.#fill(bar, Number(bar.max), Number(bar.min));
    byId("time-now").textContent = text;
  }

  // The coloured part of a slider.
  #fill(bar, max, min = 0) {
    bar.style.setProperty("--fill", `${max > min ? (100 * (Number(bar.value) - min)) / (max - min) : 0}%`);
  }

  #addRate(rate) {
    const list = byId("rate");
    if ([...list.options].some((option) => Number(option.value) === rate)) return;
    const option = new Option(`${rate}×`, String(rate));
    const after = [...list.options].find((other) => Number(other.value) > rate);
    list.insertBefore(option, after ?? null);
  }
}
