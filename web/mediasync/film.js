// Opens the session's film in the element, and opens it again for as long as it is wanted and may come back.

import { diagnose, isDamaged, isPassing } from "./diagnosis.js";

const kBackOffMs = [1000, 2000, 4000, 8000, 15000];
const kDamages = 2; // so often a film that turns out to be damaged is opened anew …
const kDamageMs = 30_000; // … within so long; then the browser cannot play it

const wait = (ms) => ms * (0.75 + 0.5 * Math.random()); // not all viewers at once

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
  #listeners = new AbortController();

  isSuspended = false; // somebody else opens films in the element

  // load(state, media, film): see the option of MediaSync. hooks: onOpened(), onLost(): it is open no more,
  // onTrouble(trouble): once for each kind, onMended(), onMoved(): its player has jumped to mend something
  constructor(media, load, hooks) {
    this.#media = media;
    this.#load = load;
    this.#hooks = hooks;
    const { signal } = this.#listeners;
    const on = (type, act) => media.addEventListener(type, () => this.#isOpen && !this.isSuspended && act(), { signal });
    on("error", () => media.error && this.#fail(media.error, true));
    on("playing", () => this.#noteWell());
    globalThis.addEventListener?.("online", () => this.retry(), { signal });
  }

  get url() {
    return this.#state?.mediaUrl ?? null;
  }

  // The element has it, though it may be without data at the moment.
  get isOpen() {
    return this.#isOpen;
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
    if (!this.url) return;
    const own = (this.#attempt = new AbortController());
    const isOwn = () => this.#attempt === own;
    const film = {
      signal: own.signal,
      fail: (error) => isOwn() && this.#fail(error, false),
      mended: () => isOwn() && this.#noteWell(),
      moved: () => isOwn() && this.#hooks.onMoved(),
    };
    try {
      const source = await this.#load(this.#state, this.#media, film);
      if (!isOwn()) return;
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
    this.#failures += 1;
    if (isDamaged(error) && this.#mayPass()) return this.#begin();
    const isNew = this.#trouble?.kind !== found.kind;
    this.#trouble = found;
    if (isPassing(found.kind)) this.#timer = setTimeout(() => this.#again(), wait(this.#backOff));
    if (isNew) this.#hooks.onTrouble(found);
  }

  get #backOff() {
    return kBackOffMs[Math.min(this.#failures, kBackOffMs.length) - 1];
  }

  // The source may go on where it was; else the film is opened anew.
  #again() {
    clearTimeout(this.#timer);
    if (!this.#isOpen || !this.#source?.recover?.(this.#trouble)) this.#begin();
  }

  // Damage may have come about on the way, once.
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
    signal.addEventListener("abort", () => outcome.abort());
    on("loadedmetadata", resolve);
    on("suspend", resolve);
    on("error", () => reject(media.error));
    media.preload = "auto";
    media.src = mediaUrl;
  });
}
