// Opens the session's film in the element, and opens it again for as long as it is wanted and may come back.

import { diagnose, isPassing } from "./diagnosis.js";

const kBackOffMs = [1000, 2000, 4000, 8000, 15000];
const kDamages = 2; // so often a film that does not play is opened anew …
const kDamageMs = 30_000; // … within so long; then the browser cannot play it
const kOpenMs = 30_000; // what is not open by then has got no answer

export class Film {
  #media;
  #load;
  #hooks;
  #state = null; // what was asked for
  #attempt = null; // AbortController of the present one
  #source = null; // what the load has answered
  #isOpen = false;
  #trouble = null;
  #failures = 0;
  #damagedAt = []; // times
  #timer = null;
  #isSuspended = false; // somebody else opens films in the element
  #isWanted = false; // it is to be opened when that is over
  #listeners = new AbortController();

  // load(state, media, film): see the option of MediaSync. hooks: onOpened(), onLost(): it is open no more,
  // onTrouble(trouble): once for each kind, onMended(), onMoved(): its player has jumped to mend something
  constructor(media, load, hooks) {
    this.#media = media;
    this.#load = load;
    this.#hooks = hooks;
    const { signal } = this.#listeners;
    const on = (type, act) => media.addEventListener(type, () => this.#isOpen && !this.#isSuspended && act(), { signal });
    on("error", () => media.error && this.#fail(media.error, true));
    on("playing", () => this.#source?.recover || this.#noteWell()); // others play what they have, and fetch no more
    globalThis.addEventListener?.("online", () => this.retry(), { signal });
  }

  get url() {
    return this.#state?.mediaUrl ?? null;
  }

  // The element has it, though it may be without data at the moment.
  get isOpen() {
    return this.#isOpen;
  }

  get isOpening() {
    return this.url !== null && !this.#isOpen && this.#trouble === null;
  }

  // {kind, message, error} while it cannot be fetched or played, else null.
  get trouble() {
    return this.#trouble;
  }

  // state: of the session; without a film it is let go.
  open(state) {
    this.#state = state;
    this.#failures = 0;
    this.#damagedAt = [];
    this.#trouble = null;
    this.#begin();
  }

  // Without waiting any longer, when it is in trouble. From a click, a reconnect, a change of the network.
  retry() {
    if (!this.#trouble) return;
    this.#failures = Math.min(this.#failures, 1);
    this.#again();
  }

  // The element does not get anywhere with it.
  reopen() {
    if (this.url) this.#begin();
  }

  suspend() {
    this.#isSuspended = true;
  }

  resume() {
    this.#isSuspended = false;
    if (this.#isWanted) this.#begin();
  }

  close() {
    this.#state = null;
    this.#end();
    this.#listeners.abort();
  }

  #end() {
    clearTimeout(this.#timer);
    this.#attempt?.abort();
    this.#attempt = this.#source = null;
    this.#isOpen = false;
  }

  async #begin() {
    this.#end();
    this.#isWanted = this.#isSuspended;
    if (!this.url || this.#isSuspended) return;
    const own = (this.#attempt = new AbortController());
    const isOwn = () => this.#attempt === own;
    const film = {
      signal: own.signal,
      fail: (error) => isOwn() && this.#fail(error, false),
      mended: () => isOwn() && this.#noteWell(),
      moved: () => isOwn() && this.#hooks.onMoved(),
    };
    this.#timer = setTimeout(() => this.#fail({ kind: "network" }, true), kOpenMs);
    try {
      const source = await this.#load(this.#state, this.#media, film);
      if (!isOwn()) return;
      clearTimeout(this.#timer);
      this.#source = source ?? null;
      this.#isOpen = true;
      this.#hooks.onOpened();
      if (this.#media.readyState > 0) this.#mended();
    } catch (error) {
      if (isOwn()) this.#fail(error, true);
    }
  }

  // isDead: the element plays on no more until it is opened again.
  async #fail(error, isDead) {
    const own = this.#attempt;
    clearTimeout(this.#timer);
    if (isDead) {
      this.#isOpen = false;
      this.#hooks.onLost();
    }
    const found = await diagnose(error, this.url);
    if (this.#attempt !== own) return;
    clearTimeout(this.#timer);
    this.#failures += 1;
    if (found.kind === "unsupported" && this.#mayPass()) return this.#wait();
    const isNew = this.#trouble?.kind !== found.kind;
    this.#trouble = found;
    if (isPassing(found.kind)) this.#wait();
    if (isNew) this.#hooks.onTrouble(found);
  }

  #wait() {
    const backOff = kBackOffMs[Math.min(this.#failures, kBackOffMs.length) - 1];
    this.#timer = setTimeout(() => this.#again(), backOff * (0.75 + 0.5 * Math.random())); // not all viewers at once
  }

  // The source may go on where it was; else the film is opened anew.
  #again() {
    clearTimeout(this.#timer);
    if (this.#isSuspended || !this.#isOpen || !this.#source?.recover?.(this.#trouble)) this.#begin();
  }

  // It may have been damaged on the way, or been asked for at a bad moment.
  #mayPass() {
    const now = performance.now();
    this.#damagedAt = [...this.#damagedAt.filter((at) => now - at < kDamageMs), now];
    return this.#damagedAt.length <= kDamages;
  }

  // It plays, or its data arrives.
  #noteWell() {
    this.#failures = 0;
    this.#mended();
  }

  #mended() {
    clearTimeout(this.#timer);
    if (!this.#trouble) return;
    this.#trouble = null;
    this.#hooks.onMended();
  }
}

// The default of the option "load". It is ready when its length is known, or when the browser wants a click before it fetches even
// that: phones do.
export function loadNatively({ mediaUrl }, media, { signal }) {
  return new Promise((resolve, reject) => {
    const outcome = new AbortController();
    const on = (type, settle) =>
      media.addEventListener(type, () => (outcome.abort(), settle()), { signal: outcome.signal });
    signal.addEventListener("abort", () => (outcome.abort(), reject(signal.reason)));
    on("loadedmetadata", resolve);
    on("suspend", resolve);
    on("error", () => reject(media.error));
    media.preload = "auto";
    media.src = mediaUrl;
  });
}
