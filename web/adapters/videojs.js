// video.js 8, with VHS for films in segments: https://videojs.org
//
//   import videojs from "video.js";
//   import { VideojsSync } from "@mediasync/client/videojs.js";
//   const mediasync = new VideojsSync(videojs("film"), { sessionId: "film-night", username: "Ada" });

import { MediaSync } from "../mediasync.js";
import { connectControls } from "./controls.js";

const kRecoveries = 3; // by VHS alone, before the film is opened anew
const kHasData = 3; // HAVE_FUTURE_DATA

export class VideojsSync extends MediaSync {
  #listeners;

  // Further option: source(state), what player.src() is given for a film.
  constructor(player, { source = ({ mediaUrl }) => mediaUrl, ...options }) {
    const media = player.tech(true).el();
    const listeners = new AbortController();
    let opened = null;
    const load = (state, _media, film) => {
      opened = new Opened(player, media, film);
      return opened.open(source(state));
    };
    super(media, { hls: () => opened?.playlist ?? null, load, ...options });
    this.#listeners = listeners;
    const { signal } = listeners;
    const steer = (is) => {
      const { progressControl, playbackRateMenuButton } = player.controlBar ?? {};
      for (const part of [progressControl, playbackRateMenuButton]) part?.[is ? "enable" : "disable"]();
    };
    connectControls(this, media, { root: player.el(), steer, signal });
    player.one("dispose", () => this.close());
  }

  close() {
    this.#listeners.abort();
    super.close();
  }
}

// One film in the player, until its signal aborts.
class Opened {
  #player;
  #media;
  #film;
  #reject = null; // while it is being opened
  #isFailing = false;
  #recoveries = 0;
  #shift = 0; // by how much pieces begin later than VHS plans them; it is known once they are transmuxed

  constructor(player, media, film) {
    this.#player = player;
    this.#media = media;
    this.#film = film;
    const tech = player.tech(true);
    this.#on(player, "error", () => this.#onError());
    this.#on(tech, "retryplaylist", () => this.#onRetry());
    media.addEventListener("progress", () => this.#onProgress(), { signal: film.signal });
    this.#excuseJumps(tech);
  }

  // Resolves when the length of the film is known, or that it has none: of a live stream VHS fetches the playlist alone before it
  // plays.
  open(source) {
    return new Promise((resolve, reject) => {
      this.#reject = reject;
      const { signal } = this.#film;
      const opened = () => {
        this.#reject = null;
        resolve({ recover: (trouble) => this.#recover(trouble) });
      };
      this.#media.addEventListener("loadedmetadata", opened, { once: true, signal });
      const openedIfLive = () => !signal.aborted && this.playlist?.latestLevelDetails.live && opened();
      this.#media.addEventListener("loadstart", () => {
        this.#vhs?.playlists?.one("loadedmetadata", openedIfLive);
        openedIfLive();
      }, { signal });
      this.#player.error(null);
      this.#player.preload("auto");
      this.#player.src(source);
    });
  }

  get #vhs() {
    return this.#player.tech(true)?.vhs ?? null;
  }

  // The facts of live streams that MediaSync needs, in the form of hls.js; null if VHS does not play here.
  get playlist() {
    const media = this.#vhs?.playlists?.media();
    if (!media) return null;
    const seekable = this.#player.seekable();
    const [first, last] = seekable.length ? [seekable.start(0), seekable.end(seekable.length - 1)] : [0, null];
    const { segments = [] } = media;
    const begun = segments.findLast((segment) => segment.videoTimingInfo && segment.start !== undefined);
    if (begun) this.#shift = transmuxedStart(begun) - begun.start;
    const fragments = withStarts(segments, first, this.#shift);
    return { latestLevelDetails: { live: !media.endList, fragments }, liveSyncPosition: last };
  }

  #on(target, type, act) {
    target.on(type, act);
    this.#film.signal.addEventListener("abort", () => target.off(type, act));
  }

  // The element's own errors MediaSync sees by itself, and tells in its own way.
  #onError() {
    const error = this.#player.error();
    if (!error) return;
    this.#player.error(null);
    if (this.#reject) this.#reject(this.#media.error ?? errorOf(error));
    else if (!this.#media.error) this.#film.fail(errorOf(error));
  }

  // VHS tries again for ever, and says nothing; once is nothing.
  #onRetry() {
    if (this.#isFailing) this.#film.fail({ kind: "network" });
    this.#isFailing = true;
  }

  #onProgress() {
    if (!this.#isFailing || this.#reject) return;
    this.#isFailing = false;
    this.#recoveries = 0;
    this.#film.mended();
  }

  #recover(trouble) {
    if (trouble?.kind !== "network" || !this.#isFailing || this.#recoveries >= kRecoveries) return false;
    if (this.#media.readyState < kHasData) this.#recoveries += 1;
    return true;
  }

  // VHS jumps over gaps, and to the live end. What the viewer does comes by the player.
  #excuseJumps(tech) {
    const player = this.#player;
    const own = { player: player.currentTime, tech: tech.setCurrentTime };
    let isViewer = false;
    player.currentTime = (...seconds) => {
      isViewer = true;
      try {
        return own.player.apply(player, seconds);
      } finally {
        isViewer = false;
      }
    };
    tech.setCurrentTime = (seconds) => {
      own.tech.call(tech, seconds);
      if (!isViewer) this.#film.moved();
    };
    this.#film.signal.addEventListener("abort", () => {
      delete player.currentTime;
      delete tech.setCurrentTime;
    });
  }
}

const errorOf = ({ code, status, message }) =>
  Object.assign(new Error(message), status >= 400 ? { status } : code === 2 ? { kind: "network" } : { code });

const transmuxedStart = ({ videoTimingInfo: { transmuxedPresentationStart, transmuxerPrependedSeconds } }) =>
  transmuxedPresentationStart + transmuxerPrependedSeconds;

// The starts of segments on the player's timeline: VHS knows those that it has loaded, and no others.
function withStarts(segments, first, shift) {
  const known = segments.map((segment) => {
    if (segment.videoTimingInfo) return transmuxedStart(segment);
    return segment.start === undefined ? undefined : segment.start + shift;
  });
  const anchor = Math.max(0, known.findIndex((start) => start !== undefined));
  let next = known[anchor] ?? first + shift;
  for (let i = 0; i < anchor; i++) next -= segments[i].duration;
  return segments.map(({ duration, dateTimeObject }, i) => {
    const start = known[i] ?? next;
    next = start + duration;
    return { start, programDateTime: dateTimeObject?.getTime() ?? null };
  });
}
