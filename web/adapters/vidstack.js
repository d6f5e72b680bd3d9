// Vidstack, its web components: https://vidstack.io
//
//   import Hls from "hls.js";
//   import { hlsSource } from "@mediasync/client/hls.js";
//   import { openVidstack } from "@mediasync/client/vidstack.js";
//   const mediasync = await openVidstack(document.querySelector("media-player"),
//     { sessionId: "film-night", username: "Ada", ...hlsSource(Hls) });
//
// Films are opened in the <video> of Vidstack's provider, by MediaSync: Vidstack is told of each film that there is another one.

import { MediaSync } from "../mediasync.js";
import { loadNatively } from "../mediasync/film.js";
import { connectControls } from "./controls.js";

let films = 0;
const nextSource = () => ({ src: `mediasync:${++films}`, type: "video/mp4" });

// Resolves when the provider is there. player: a <media-player> whose `src` the page leaves alone.
export async function openVidstack(player, options) {
  return new VidstackSync(player, await providerOf(player), options);
}

class VidstackSync extends MediaSync {
  #listeners;

  constructor(player, provider, options) {
    const { load = loadNatively } = options;
    const listeners = new AbortController();
    const { signal } = listeners;
    super(provider.video, { ...options, load: async (state, media, film) => {
      await renew(player, provider, film.signal);
      if (film.signal.aborted) return undefined;
      return load(state, media, film);
    } });
    this.#listeners = listeners;
    const steer = (is) => {
      for (const slider of player.querySelectorAll("media-time-slider, media-speed-slider")) slider.disabled = !is;
      for (const menu of player.querySelectorAll("media-speed-radio-group")) menu.inert = !is;
    };
    connectControls(this, provider.video, { root: player, steer, signal });
    player.addEventListener("can-play", () => steer(this.isLeader), { signal });
    player.addEventListener("provider-change", () => player.provider !== provider && this.close(), { signal });
  }

  close() {
    this.#listeners.abort();
    super.close();
  }
}

// The provider of a source that Vidstack takes for a film in one file, and does not open.
function providerOf(player) {
  return new Promise((resolve) => {
    const onProvider = ({ detail: provider }) => {
      if (!provider?.video) return;
      player.removeEventListener("provider-change", onProvider);
      provider.loadSource = async (source) => {
        provider.currentSrc = source;
      };
      resolve(provider);
    };
    player.addEventListener("provider-change", onProvider);
    player.src = nextSource();
    player.load = "eager";
  });
}

// Vidstack forgets what it knows of the film before. Resolves when it has.
function renew(player, provider, signal) {
  return new Promise((resolve) => {
    player.addEventListener("source-change", () => resolve(), { once: true, signal });
    signal.addEventListener("abort", () => resolve());
    player.src = nextSource();
  });
}
