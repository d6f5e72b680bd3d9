// Opens films in the page's <video>, for the session and, for the leader, before the session hears of them.

import { hlsSource } from "./adapters/hls.js";

// Loads hls.js once, when the first playlist needs it.
let hlsLibrary = null;

function loadHls() {
  hlsLibrary ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = "/vendor/hls.min.js";
    script.addEventListener("load", () => resolve(window.Hls));
    script.addEventListener("error", () => {
      hlsLibrary = null;
      reject(Object.assign(new Error("The HLS player could not be loaded"), { kind: "network" }));
    });
    document.head.append(script);
  });
  return hlsLibrary;
}

export class Media {
  #video;
  #source = hlsSource(loadHls);
  #film = null; // whom the source tells how it goes on
  #attempt = new AbortController();
  #tried = null; // what was opened ahead of the session: {url, source}

  constructor(video) {
    this.#video = video;
  }

  // The hls.js that plays the film, if one does.
  get hls() {
    return this.#source.hls();
  }

  // The option "load" of MediaSync. What was opened ahead is taken as it is.
  async load(state, film) {
    this.#film = film;
    film.signal.addEventListener("abort", () => this.#film === film && (this.#film = null));
    const tried = this.#tried;
    this.#tried = null;
    return tried?.url === state.mediaUrl && !this.#video.error ? tried.source : this.#open(state.mediaUrl);
  }

  // Opens a film that the session does not have yet. Resolves when its duration is known; to false when another one came between.
  // Rejects when it cannot be played here.
  async tryOut(url) {
    if (!/^https?:$/.test(new URL(url, location.href).protocol)) throw new Error("This is not a film's address");
    this.#film = null;
    this.#tried = null;
    const attempt = this.#begin();
    try {
      this.#tried = { url, source: await this.#openAs(attempt, url) };
    } catch (error) {
      if (!attempt.signal.aborted) throw error;
    }
    return !attempt.signal.aborted;
  }

  detach() {
    this.#film = this.#tried = null;
    this.#begin();
    this.#video.removeAttribute("src");
    this.#video.load();
  }

  #begin() {
    this.#attempt.abort();
    return (this.#attempt = new AbortController());
  }

  #open(url) {
    return this.#openAs(this.#begin(), url);
  }

  #openAs({ signal }, mediaUrl) {
    return this.#source.load({ mediaUrl }, this.#video, {
      signal,
      fail: (error) => this.#film?.fail(error),
      mended: () => this.#film?.mended(),
      moved: () => this.#film?.moved(),
    });
  }
}
