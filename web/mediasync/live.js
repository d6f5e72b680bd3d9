// Live streams are counted by the calendar, where that is known: each player has another zero. So are those that have ended
// meanwhile.

const kCalendar = 1e8; // a position beyond this is a time of the calendar
const kBehindLive = 10; // seconds before the end of a live stream, for players that don't know better

export class Live {
  #media;
  #hls;
  #position;

  // hls: hls.js, or what returns it. position(): where the session is
  constructor(media, hls, position) {
    this.#media = media;
    this.#hls = typeof hls === "function" ? hls : () => hls;
    this.#position = position;
  }

  // The playlist that hls.js plays, as hls.js describes it; null without hls.js.
  get #playlist() {
    const hls = this.#hls();
    return hls?.latestLevelDetails ?? hls?.levels?.[hls.currentLevel]?.details ?? null;
  }

  // hls.js gives live streams a duration that grows, unless it is told otherwise.
  get is() {
    return this.#playlist?.live ?? this.#media.duration === Infinity;
  }

  // Positions are times of the calendar, also when the stream has ended.
  get isDated() {
    return this.is || this.#position() > kCalendar;
  }

  // Seconds to add to currentTime. Dates may jump between fragments, so the fragment that the session is in counts.
  get offset() {
    if (!this.isDated) return 0;
    const position = this.#position();
    const dated = (this.#playlist?.fragments ?? []).filter((fragment) => fragment.programDateTime);
    const now = dated.findLast((fragment) => fragment.programDateTime / 1000 <= position) ?? dated[0];
    if (now) return now.programDateTime / 1000 - now.start;
    const start = this.#media.getStartDate?.().getTime();
    return Number.isFinite(start) ? start / 1000 : 0;
  }

  // The range that can be played, as {start, end} in the session's positions; null if it is not known.
  get range() {
    const { seekable } = this.#media;
    if (seekable.length === 0) return null;
    const { offset } = this;
    const start = this.#playlist?.fragments?.[0]?.start ?? seekable.start(0); // what is buffered can be sought, and ends soon
    return { start: offset + start, end: offset + seekable.end(seekable.length - 1) };
  }

  // The position of those who watch live; undefined if the stream is not live or the position is not known.
  get edge() {
    const { range } = this;
    if (!this.is || !range) return undefined;
    const known = this.#hls()?.liveSyncPosition;
    return known == null ? Math.max(range.start, range.end - kBehindLive) : this.offset + known;
  }

  // The position to go on from if the session stands outside of the range; else undefined.
  get nearest() {
    const { range } = this;
    if (!this.is || !range) return undefined;
    const at = this.#position();
    return at >= range.start && at <= range.end ? undefined : this.edge;
  }

  // Pages that know only of the element say where that is.
  toSession(position) {
    const { offset } = this;
    return offset > kCalendar && position < kCalendar ? position + offset : position;
  }
}
