// Decides what the leader does when somebody's film stalls. No DOM and no timers: time is a parameter, in seconds.
//
// "wait": the session pauses until all go on, but nobody is waited for longer than the limit, and who was is not waited for
// again until it has gone on. "carry-on": the others play, and who stalled catches up.

export class BufferingPolicy {
  #stalled = new Map(); // id → {since, isGivenUp}
  #holds = false;

  // mode: "wait" or "carry-on"; limit: seconds
  constructor(mode, limit) {
    this.mode = mode;
    this.limit = limit;
  }

  report(id, isBuffering, now) {
    if (!isBuffering) this.#stalled.delete(id);
    else if (!this.#stalled.has(id)) this.#stalled.set(id, { since: now, isGivenUp: false });
  }

  // Somebody has commanded something: that counts, and nobody is waited for until the next stall.
  overrule() {
    this.#holds = false;
    for (const one of this.#stalled.values()) one.isGivenUp = true;
  }

  reset() {
    this.#stalled.clear();
    this.#holds = false;
  }

  get holds() {
    return this.#holds;
  }

  // Whom the session waits for.
  get waitsFor() {
    return [...this.#stalled].filter(([, one]) => !one.isGivenUp).map(([id]) => id);
  }

  // "pause" or "resume" when the session has to, else null. To be asked now and then.
  decide(isPlaying, now) {
    for (const one of this.#stalled.values()) {
      if (now - one.since >= this.limit) one.isGivenUp = true;
    }
    const waits = this.mode === "wait" && this.waitsFor.length > 0;
    if (waits && isPlaying && !this.#holds) {
      this.#holds = true;
      return "pause";
    }
    if (!waits && this.#holds) {
      this.#holds = false;
      return "resume";
    }
    return null;
  }
}
