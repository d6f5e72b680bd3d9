// The distance of this player from the session: a number, and the last minute as a small plot. The band is half a frame of a film
// with 25 a second to either side; what is farther off than the plot is high is drawn at its edge.

import { byId } from "./dom.js";

const kSpanMs = 60_000;
const kWidth = 300; // of the plot, in its own units
const kHeight = 72;
const kRange = 0.106; // seconds from the middle to the edge: half a frame is then as the band is drawn
const kRenderMs = 250;

const kStates = {
  loading: "opening the film",
  blocked: "waiting for a click",
  held: "paused here",
  interrupted: "stopped by this device",
  retrying: "waiting for the network",
  buffering: "waiting for data",
  waiting: "waiting for another viewer",
  paused: "paused",
  starting: "starting",
  unplayable: "cannot be played here",
};

const milliseconds = (seconds) => `${Math.abs(seconds * 1000).toFixed(1)} ms`;

const offsetText = (ms) => (ms === 0 ? "in time" : `${Math.abs(ms)} ms ${ms > 0 ? "late" : "early"}`);

export class SyncView {
  #seen = []; // {at, error}
  #renderedAt = -Infinity;
  #state = null;

  // audioOffset: by how many seconds this device's sound is late, as it was set before; setAudioOffset(seconds)
  constructor(audioOffset, setAudioOffset) {
    const slider = byId("audio-offset");
    const show = () => (byId("audio-offset-text").textContent = offsetText(Number(slider.value)));
    slider.value = String(Math.round(audioOffset * 1000));
    slider.addEventListener("input", () => {
      setAudioOffset(Number(slider.value) / 1000);
      show();
    });
    show();
  }

  // error: seconds behind the session, or null; stats: of MediaSync
  add(error, stats) {
    const at = performance.now();
    this.#seen.push({ at, error: stats.state === "playing" ? error : null });
    while (at - this.#seen[0].at > kSpanMs) this.#seen.shift();
    if (at - this.#renderedAt >= kRenderMs || stats.state !== this.#state) this.#render(at, stats);
  }

  clear() {
    this.#seen = [];
    byId("sync-panel").hidden = true;
  }

  #render(at, stats) {
    this.#renderedAt = at;
    this.#state = stats.state;
    byId("sync-panel").hidden = stats.state === "empty";
    byId("sync-error").textContent = this.#text(stats);
    byId("sync-line").setAttribute("points", this.#points(at));
    const { roundTrip } = stats.clock;
    const server = roundTrip === null ? "clock not measured yet" : `round trip ${milliseconds(roundTrip)}`;
    byId("sync-detail").textContent = `${server}, speed ${stats.rate.toFixed(3)}`;
  }

  #text({ state, error }) {
    if (state !== "playing") return kStates[state] ?? "";
    if (error === null) return "…";
    return `${milliseconds(error)} ${error < 0 ? "ahead" : "behind"}`;
  }

  // Gaps are left out of the line: it goes on after them.
  #points(now) {
    return this.#seen.filter(({ error }) => error !== null).map(({ at, error }) => {
      const x = kWidth * (1 - (now - at) / kSpanMs);
      const y = (kHeight / 2) * (1 + Math.max(-1, Math.min(1, error / kRange)));
      return `${x.toFixed(1)},${y.toFixed(1)}`;
    }).join(" ");
  }
}
