// From the frames that pages showed to how far apart they were. Times in seconds of the machine's clock, errors in seconds.

const kGrid = 0.1;
const kSmooth = 0.3; // to either side
const kGap = 0.25; // no new frame for so long: the picture stands
const kInStep = 0.025;
const kFor = 1.5; // in step for so long: it has arrived

/** Where the session is: what was commanded, [{at, position, rate}], in order. */
export class Timeline {
  #commands = [];

  add(at, position, rate = 1) { this.#commands.push({ at, position, rate }); }

  positionAt(time) {
    const last = this.#commands.findLast(({ at }) => at <= time) ?? this.#commands[0];
    return last.position + Math.max(0, time - last.at) * last.rate;
  }
}

/** A page's error at any time, from its frames [[epoch ms, media seconds]]. */
export class Track {
  #frames;
  #timeline;

  constructor(frames, timeline) {
    this.#timeline = timeline;
    this.#frames = frames.map(([ms, mediaTime]) => ({ at: ms / 1000, mediaTime }));
  }

  #indexAt(time) {
    let low = 0;
    let high = this.#frames.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#frames[middle].at <= time) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  #errorOf({ at, mediaTime }) { return mediaTime - this.#timeline.positionAt(at); }

  /** As the eye has it: between two frames in between. Null before the first. */
  raw(time) {
    const index = this.#indexAt(time);
    if (index < 0) return null;
    const frame = this.#frames[index];
    const next = this.#frames[index + 1];
    if (!next || next.at - frame.at > kGap) return frame.mediaTime - this.#timeline.positionAt(time);
    const share = (time - frame.at) / (next.at - frame.at);
    return this.#errorOf(frame) * (1 - share) + this.#errorOf(next) * share;
  }

  /** The mean of some frames: without the steps that screens make. */
  smooth(time) {
    const from = this.#indexAt(time - kSmooth) + 1;
    const to = this.#indexAt(time + kSmooth);
    if (to - from < 5) return this.raw(time);
    let sum = 0;
    for (let i = from; i <= to; i++) sum += this.#errorOf(this.#frames[i]);
    return sum / (to - from + 1);
  }

  /** When frames came again after the longest time without, between `from` and `to`. */
  endOfLongestGap(from, to) {
    const within = this.#frames.filter(({ at }) => at > from && at < to);
    let longest = { gap: 0, end: from };
    within.forEach(({ at }, i) => {
      const gap = i > 0 ? at - within[i - 1].at : 0;
      if (gap > longest.gap) longest = { gap, end: at };
    });
    return longest.end;
  }

  get count() { return this.#frames.length; }
}

export const quantile = (sorted, share) =>
  (sorted.length === 0 ? NaN : sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]);

const bySize = (list) => list.map(Math.abs).sort((a, b) => a - b);

function* grid(from, to) {
  for (let at = from; at < to; at += kGrid) yield at;
}

/**
 * Distances between all pairs of pages over [from, to) stretches, in order of size. `errors`: of each page, a function of the
 * time; null: not known then.
 */
export function distances(errors, stretches) {
  const all = [];
  for (const [from, to] of stretches) {
    for (const at of grid(from, to)) {
      const now = errors.map((errorAt) => errorAt(at)).filter((error) => error !== null);
      now.forEach((error, i) => now.slice(i + 1).forEach((other) => all.push(error - other)));
    }
  }
  return bySize(all);
}

/** Seconds from `from` until `track` is in step with all others and stays so; null when it does not before `to`. */
export function timeToConverge(track, others, from, to) {
  let since = null;
  for (const at of grid(from, to)) {
    const own = track.smooth(at);
    const apart = own === null ? Infinity : Math.max(...others.map((other) => Math.abs(own - (other.smooth(at) ?? Infinity))));
    if (apart > kInStep) since = null;
    else since ??= at;
    if (since !== null && at - since >= kFor) return since - from;
  }
  return null;
}
