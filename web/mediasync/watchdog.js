// Notices a film that stands though it could play, and says what to try, from what disturbs least to what helps most. No DOM: it is
// told what is so, and times are parameters, in seconds.

const kStuck = 2; // without moving
const kWell = 5; // moving for so long: the next time begins with the least again
const kStarved = 10; // without data and without any arriving; doubled each time
const kAsleep = 1.5; // between two looks: the page was asleep, and its film with it

const kSteps = ["nudge", "seek", "restart", "reload"];

export class Watchdog {
  #position = null;
  #lookedAt = -Infinity;
  #stoodSince = null;
  #movedSince = null;
  #step = 0;
  #starvedSince = null;
  #patience = kStarved;

  counts = { nudge: 0, seek: 0, restart: 0, reload: 0 };

  // position: of the element; isDue: it is told to play and has the data; isStarved: it is told to play and has none, and none arrives.
  // Answers null, or one of "nudge" (a tiny seek), "seek" (to where the session is), "restart" (pause and play), "reload".
  look(now, { position, isDue, isStarved }) {
    const slept = now - this.#lookedAt > kAsleep;
    this.#lookedAt = now;
    if (position !== this.#position || slept) this.#noteMotion(now, position);
    if (!isDue || slept) this.#stoodSince = null;
    else this.#stoodSince ??= now;
    if (!isStarved || slept) this.#starvedSince = null;
    else this.#starvedSince ??= now;
    return this.#answer(now);
  }

  #noteMotion(now, position) {
    this.#position = position;
    this.#stoodSince = null;
    this.#movedSince ??= now;
    if (now - this.#movedSince < kWell) return;
    this.#step = 0;
    this.#patience = kStarved;
  }

  #answer(now) {
    const lasted = (since, limit) => since !== null && now - since >= limit;
    if (lasted(this.#stoodSince, this.#step < kSteps.length ? kStuck : this.#patience)) {
      return this.#try(kSteps[Math.min(this.#step, kSteps.length - 1)]);
    }
    return lasted(this.#starvedSince, this.#patience) ? this.#try("reload") : null;
  }

  #try(step) {
    this.#stoodSince = this.#starvedSince = this.#movedSince = null;
    this.#step += 1;
    if (step === "reload") this.#patience *= 2;
    this.counts[step] += 1;
    return step;
  }
}
