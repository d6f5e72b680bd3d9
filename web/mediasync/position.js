// Estimates where a player is from what can be observed: readings of currentTime, and the frames that were shown
// (requestVideoFrameCallback). Both are uneven, so a short stretch is averaged, with the speed taken out. Frames say what
// people see, but step by the interval of the screen, and browsers pace them anew when the speed changes: to follow them is to
// chase one's own corrections. So what steers is the reading, put right where frames are behind it by more than screens and
// hiccups make. No DOM: times are parameters, in seconds.

const kSpan = 0.6;
const kEnough = 12; // observations; where they are rarer, the stretch is longer …
const kLongSpan = 5; // … up to this
const kFewest = 4;
const kTrim = 0.2; // of the observations at either end: frames that came late
const kStale = 2.5;
const kLagLooks = 600; // over so many looks the lag of frames is averaged …
const kLagKept = 60; // … of which so many from before a restart, when browsers pace frames anew
const kMostLag = 0.1;
const kUneven = 0.04; // frames so far behind or ahead are no reason for anything: nobody sees that beside the sound …
const kLate = 0.06; // … and from here on the screen is late, until it is less than that again
const kUneasy = 1.2; // after a restart, the first frames say little

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

  // Has been watched for a whole stretch.
  isSettled(now) {
    return this.isFresh(now) && this.#kept.at(-1).at - this.#kept[0].at > kSpan * 0.8;
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
  #restartedAt = -Infinity;
  #played = 0; // by the speeds until #rateSince
  #isSteady = true;
  #lag = 0; // of frames behind readings
  #looks = 0;
  #isLate = false; // the lag is the screen's, and made good

  // The player goes on from somewhere else, or begins to play.
  restart(at, rate) {
    this.#readings.clear();
    this.#played = 0;
    this.#restartedAt = at;
    this.#looks = Math.min(kLagKept, this.#looks);
    this.#setRate(at, rate);
  }

  // isSteady: this is the session's speed, and no correction.
  setRate(at, rate, isSteady) {
    this.#played = this.#playedAt(at);
    this.#setRate(at, rate);
    this.#isSteady = isSteady;
  }

  // The frame of `mediaTime` is on the screen from `at` on, which may be a moment ahead.
  frame(at, mediaTime) {
    this.#frames.add(at, mediaTime - this.#playedAt(at));
  }

  reading(at, currentTime) {
    this.#readings.add(at, currentTime - this.#playedAt(at));
  }

  // {position, error}, or null while too little has been seen.
  at(now) {
    if (!this.#readings.isFresh(now)) return null;
    const { mean, error } = this.#readings.summary();
    if (this.#isSteady && this.#frames.isSettled(now) && now - this.#restartedAt > kUneasy) this.#learnLag(mean);
    return { position: mean + (this.#isLate ? this.#lag : 0) + this.#playedAt(now), error };
  }

  #learnLag(mean) {
    const lag = Math.max(-kMostLag, Math.min(kMostLag, this.#frames.summary().mean - mean));
    this.#looks = Math.min(kLagLooks, this.#looks + 1);
    this.#lag += (lag - this.#lag) / this.#looks;
    this.#isLate = Math.abs(this.#lag) > (this.#isLate ? kUneven : kLate);
  }

  #setRate(at, rate) {
    this.#frames.clear();
    this.#rate = rate;
    this.#rateSince = at;
  }

  #playedAt(at) {
    return this.#played + this.#rate * (at - this.#rateSince);
  }
}
