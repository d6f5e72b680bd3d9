// Where a player is, from what can be seen of it: frames that were shown (requestVideoFrameCallback), or else readings of
// currentTime. Either is uneven, a frame by up to the interval of the screen, so a short stretch is averaged, with the speed
// taken out. No DOM: times are parameters, in seconds.

const kSpan = 0.6;
const kEnough = 12; // observations; where they are rarer, the stretch is longer …
const kLongSpan = 3; // … up to this
const kFewest = 4;
const kTrim = 0.2; // of the observations at either end: frames that came late
const kStale = 0.7; // without a frame for so long, readings count
const kLagWeight = 0.1;

// Observations of one kind, each as what is left of the position when all that was to be played is taken off.
class Window {
  #kept = [];

  clear() {
    this.#kept = [];
  }

  add(at, rest) {
    this.#kept.push({ at, rest });
    const isTooOld = ({ at: seenAt }) => at - seenAt > (this.#kept.length > kEnough ? kSpan : kLongSpan);
    while (isTooOld(this.#kept[0])) this.#kept.shift();
  }

  isFresh(now) {
    return this.#kept.length >= kFewest && now - this.#kept.at(-1).at < kStale;
  }

  // {mean, error}: the error is what the mean may well be off by.
  summary() {
    const sorted = this.#kept.map((one) => one.rest).sort((a, b) => a - b);
    const cut = Math.floor(sorted.length * kTrim);
    const used = sorted.slice(cut, sorted.length - cut);
    const mean = used.reduce((sum, rest) => sum + rest, 0) / used.length;
    const variance = sorted.reduce((sum, rest) => sum + (rest - mean) ** 2, 0) / sorted.length;
    return { mean, error: Math.sqrt(variance / sorted.length) };
  }
}

export class PositionEstimator {
  #frames = new Window();
  #readings = new Window();
  #rate = 1;
  #rateSince = 0;
  #played = 0; // by the speeds until #rateSince
  #lag = 0; // of frames behind readings

  // The player goes on from somewhere else, or begins to play.
  restart(at, rate) {
    this.#frames.clear();
    this.#readings.clear();
    this.#rate = rate;
    this.#rateSince = at;
    this.#played = 0;
  }

  setRate(at, rate) {
    this.#played = this.#playedAt(at);
    this.#rateSince = at;
    this.#rate = rate;
  }

  // The frame of `mediaTime` is on the screen from `at` on, which may be a moment ahead.
  frame(at, mediaTime) {
    this.#frames.add(at, mediaTime - this.#playedAt(at));
  }

  reading(at, currentTime) {
    this.#readings.add(at, currentTime - this.#playedAt(at));
  }

  // {position, error, byFrames}, or null while too little has been seen.
  at(now) {
    const hasFrames = this.#frames.isFresh(now);
    const hasReadings = this.#readings.isFresh(now);
    if (!hasFrames && !hasReadings) return null;
    const seen = (hasFrames ? this.#frames : this.#readings).summary();
    if (hasFrames && hasReadings) {
      this.#lag += kLagWeight * (seen.mean - this.#readings.summary().mean - this.#lag);
    }
    const lag = hasFrames ? 0 : this.#lag;
    return { position: seen.mean + lag + this.#playedAt(now), error: seen.error, byFrames: hasFrames };
  }

  #playedAt(at) {
    return this.#played + this.#rate * (at - this.#rateSince);
  }
}
