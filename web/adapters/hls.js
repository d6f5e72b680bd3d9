// Films in segments, by hls.js: recorded ones and live streams. Browsers that play them by themselves, and know where a live stream is
// by the calendar, do so: Safari.
//
//   import Hls from "hls.js";
//   import { hlsSource } from "@mediasync/client/hls.js";
//   new MediaSync(video, { ...who, ...hlsSource(Hls) });

import { loadNatively } from "../mediasync/film.js";

const kType = "application/vnd.apple.mpegurl";
const kRecoveries = 3; // by the same player, before it is made anew
const kMediaErrorsMs = 10_000; // so soon after another one the first remedy did not help

const kMissingPart = "A part of the film is missing on the server.";
const kPlaylist = "playlist"; // what could not be had; of a piece its type
const kHasData = 3; // HAVE_FUTURE_DATA
const kOwn = 0.5; // seconds
const kExact = 0.02;

// MediaSync tries again by itself, and says so meanwhile: hls.js gives up sooner than it would alone.
const kErrorRetry = { maxNumRetry: 2, retryDelayMs: 500, maxRetryDelayMs: 2000 };
const kTimeoutRetry = { maxNumRetry: 1, retryDelayMs: 0, maxRetryDelayMs: 0 };
const policy = (maxLoadTimeMs) =>
  ({ default: { maxTimeToFirstByteMs: 8000, maxLoadTimeMs, timeoutRetry: kTimeoutRetry, errorRetry: kErrorRetry } });

const kConfig = {
  manifestLoadPolicy: policy(20_000),
  keyLoadPolicy: policy(20_000),
  playlistLoadPolicy: policy(20_000),
  fragLoadPolicy: policy(120_000),
};

export const isPlaylist = (url) => /\.m3u8$/i.test(new URL(url, globalThis.location?.href).pathname);

const playsLive = (media) => media.canPlayType(kType) !== "" && media.getStartDate !== undefined;

// Hls: the library's class, or a function that resolves to it, called when the first playlist comes. config: for each player.
// Returns the options "load" and "hls" of MediaSync.
export function hlsSource(Hls, config = {}) {
  let player = null;
  const load = async (state, media, film) => {
    const { mediaUrl } = state;
    if (!isPlaylist(mediaUrl) || playsLive(media)) return loadNatively(state, media, film);
    const Library = Hls.isSupported ? Hls : await Hls();
    if (film.signal.aborted) return undefined;
    if (!Library.isSupported()) return loadNatively(state, media, film);
    player?.close();
    player = new HlsPlayer(Library, { ...kConfig, ...config }, media, film);
    return player.open(mediaUrl);
  };
  return { load, hls: () => player?.hls ?? null };
}

class HlsPlayer {
  #Hls;
  #media;
  #film;
  #broken = null; // what could not be had: kPlaylist, or the type of a fragment
  #recoveries = 0;
  #mediaErrorAt = -Infinity;
  #reject = null; // while it is being opened

  hls;

  constructor(Hls, config, media, film) {
    this.#Hls = Hls;
    this.#media = media;
    this.#film = film;
    this.hls = new Hls(config);
    const { signal } = film;
    signal.addEventListener("abort", () => this.close());
    const { Events } = Hls;
    this.hls.on(Events.ERROR, (_event, data) => this.#onError(data));
    this.hls.on(Events.FRAG_BUFFERED, (_event, { frag }) => [frag.type, kPlaylist].includes(this.#broken) && this.#onGood());
    this.hls.on(Events.LEVEL_LOADED, () => this.#broken === kPlaylist && this.#onGood());
    for (const event of [Events.FRAG_BUFFERED, Events.LEVEL_LOADED, Events.LEVEL_UPDATED]) this.hls.on(event, () => this.#excuse());
    media.addEventListener("seeking", () => this.#isOverHole && film.moved(), { signal, capture: true }); // the player sees it next
    // The segments at the session's present position may exist.
    media.addEventListener("seeking", () => this.#broken && this.hls.startLoad(), { signal });
  }

  // Resolves when the stream's length is known.
  open(url) {
    return new Promise((resolve, reject) => {
      this.#reject = reject;
      const opened = () => {
        this.#reject = null;
        resolve({ recover: (trouble) => this.#recover(trouble) });
      };
      const { signal } = this.#film;
      signal.addEventListener("abort", () => reject(signal.reason));
      this.#media.addEventListener("loadedmetadata", opened, { once: true, signal });
      this.hls.loadSource(url);
      this.hls.attachMedia(this.#media);
    });
  }

  // It goes to where a stream begins, or to its live end, by itself.
  #excuse() {
    const { seeking, currentTime } = this.#media;
    const isOwn = [this.hls.liveSyncPosition, this.hls.startPosition].some((at) => at !== null && Math.abs(currentTime - at) < kOwn);
    if (seeking && isOwn) this.#film.moved();
  }

  // It jumps from where nothing can be had to a little behind the next beginning of what is buffered, and does not always tell.
  get #isOverHole() {
    const { buffered, currentTime } = this.#media;
    const begins = Array.from(buffered, (_, i) => buffered.start(i));
    return begins.some((begin) => Math.abs(begin + this.hls.config.skipBufferHolePadding - currentTime) < kExact);
  }

  close() {
    this.hls?.destroy();
    this.hls = null;
  }

  #onGood() {
    this.#broken = null;
    this.#recoveries = 0;
    this.#film.mended();
  }

  #onError(data) {
    const { ErrorDetails, ErrorTypes } = this.#Hls;
    if ([ErrorDetails.BUFFER_SEEK_OVER_HOLE, ErrorDetails.BUFFER_NUDGE_ON_STALL].includes(data.details)) this.#film.moved();
    if (!data.fatal) return;
    this.#broken = data.frag?.type ?? kPlaylist;
    if (data.type === ErrorTypes.NETWORK_ERROR) this.#fail(networkError(data));
    else if (data.type !== ErrorTypes.MEDIA_ERROR || this.#reject || !this.#recoverMedia()) this.#fail(mediaError(data));
  }

  #fail(error) {
    if (this.#reject) this.#reject(error);
    else this.#film.fail(error);
  }

  // hls.js fetches nothing more after a fatal error, and plays what it has. While that lasts nothing is made anew.
  #recover(trouble) {
    if (trouble?.kind !== "network" || this.#recoveries >= kRecoveries) return false;
    if (this.#media.readyState < kHasData) this.#recoveries += 1;
    this.hls.startLoad();
    return true;
  }

  // The remedies of hls.js, the second one soon after the first. It seeks back by itself, which nobody else has meant.
  #recoverMedia() {
    const sinceLast = performance.now() - this.#mediaErrorAt;
    if (sinceLast < kMediaErrorsMs / 2) return false;
    if (sinceLast < kMediaErrorsMs) this.hls.swapAudioCodec();
    this.#mediaErrorAt = performance.now();
    const { currentTime } = this.#media;
    const mended = new AbortController();
    const { signal } = mended;
    this.#film.signal.addEventListener("abort", () => mended.abort(), { signal });
    this.#media.addEventListener("seeking", () => this.#film.moved(), { once: true, capture: true, signal });
    this.#media.addEventListener("loadeddata", () => mended.abort(), { signal });
    this.hls.recoverMediaError();
    this.hls.startLoad(currentTime); // it has stopped, as after any fatal error
    return true;
  }
}

// A playlist that is not there is a film that is not there; a piece may be missing alone, and what follows it be there. Without an
// answer it is the network.
function networkError({ details, response }) {
  const status = response?.code;
  const error = new Error(details);
  if (details === "manifestParsingError") return Object.assign(error, { kind: "unsupported" });
  const isPart = !details.startsWith("manifest"); // a live playlist may be half written, or its maker begin anew
  if (!isPart && status >= 400) return Object.assign(error, { status });
  const isMissing = status === 404 || status === 410;
  return Object.assign(error, { kind: "network", ...(isPart && isMissing && { text: kMissingPart }) });
}

// Codecs that the browser lacks are lacking next time, too.
function mediaError({ details }) {
  const error = new Error(details);
  return Object.assign(error, /codec/i.test(details) ? { kind: "unsupported" } : { code: 3 });
}
