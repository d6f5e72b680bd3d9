// Attaches films to a <video>: files, and HLS with hls.js or, in Safari, natively.

const kHlsType = "application/vnd.apple.mpegurl";

const isPlaylist = (url) => /\.m3u8$/i.test(new URL(url, location.href).pathname);

let hlsLibrary = null;

// Loads hls.js once, when the first playlist needs it.
function loadHls() {
  hlsLibrary ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = "/vendor/hls.min.js";
    script.addEventListener("load", () => resolve(window.Hls));
    script.addEventListener("error", () => {
      hlsLibrary = null;
      reject(new Error("The HLS player could not be loaded"));
    });
    document.head.append(script);
  });
  return hlsLibrary;
}

export class Media {
  #video;
  #hls = null;
  #attempt = 0;
  #url = null;

  constructor(video) {
    this.#video = video;
  }

  // The URL that was attached last, whether it could be played or not; null when there is none.
  get url() {
    return this.#url;
  }

  get isLive() {
    return this.#hls?.latestLevelDetails?.live ?? this.#video.duration === Infinity;
  }

  // The hls.js that plays it, if one does.
  get hls() {
    return this.#hls;
  }

  // Resolves when the film's duration is known; to false when another attach() or detach() came between. Rejects when
  // the film cannot be played here.
  async attach(url) {
    const attempt = this.#begin(url);
    if (!/^https?:$/.test(new URL(url, location.href).protocol)) throw new Error("This is not a film's address");
    try {
      if (!isPlaylist(url)) await this.#attachNative(url);
      else if (!this.#playsLive) await this.#attachHls(url, attempt);
      else await this.#attachNative(url).catch((error) => attempt === this.#attempt && this.#attachHls(url, attempt, error));
    } catch (error) {
      if (attempt !== this.#attempt) return false;
      throw error;
    }
    return attempt === this.#attempt;
  }

  detach() {
    this.#begin(null);
  }

  // Natively, and says where a live stream is by the calendar: Safari does. Others that play HLS don't say.
  get #playsLive() {
    return this.#video.canPlayType(kHlsType) !== "" && this.#video.getStartDate !== undefined;
  }

  #begin(url) {
    this.#hls?.destroy();
    this.#hls = null;
    this.#url = url;
    this.#video.removeAttribute("src");
    this.#video.load();
    return ++this.#attempt;
  }

  #attachNative(url) {
    const known = this.#metadata();
    this.#video.src = url;
    return known;
  }

  async #attachHls(url, attempt, nativeError) {
    const Hls = await loadHls();
    if (attempt !== this.#attempt) return;
    if (!Hls.isSupported()) throw nativeError ?? new Error("This browser cannot play HLS");
    const hls = (this.#hls = new Hls());
    const failed = new Promise((_, reject) => {
      hls.on(Hls.Events.ERROR, (_event, data) => {
        if (!data.fatal) return;
        if (data.type === Hls.ErrorTypes.MEDIA_ERROR) hls.recoverMediaError();
        else reject(new Error("The film could not be loaded"));
      });
    });
    failed.catch(() => {}); // a failure after the metadata is known shows in the video's own state
    const known = this.#metadata();
    hls.loadSource(url);
    hls.attachMedia(this.#video);
    await Promise.race([known, failed]);
  }

  // Settles with the next outcome of loading.
  #metadata() {
    const outcome = new AbortController();
    return new Promise((resolve, reject) => {
      const on = (type, settle) =>
        this.#video.addEventListener(type, () => (outcome.abort(), settle()), { signal: outcome.signal });
      on("loadedmetadata", resolve);
      on("error", () => reject(new Error("This browser cannot play the film")));
    });
  }
}
