// The last things that happened to somebody, for whoever has to explain a finding.

export class Trail {
  #notes = [];

  constructor({ kept = 40 } = {}) { this.kept = kept; }

  note(now, text) {
    this.#notes.push({ now, text });
    if (this.#notes.length > this.kept) this.#notes.shift();
  }

  /** What was heard of the journal: numbers in a row are one note. */
  heard(now, number) {
    const last = this.#notes.at(-1);
    if (last?.to === number - 1) Object.assign(last, { now, to: number, text: `heard ${last.from}..${number}` });
    else {
      this.note(now, `heard ${number}`);
      Object.assign(this.#notes.at(-1), { from: number, to: number });
    }
  }

  /** What happened in the `ms` before `now`, here and in `others`, each with how many ms ago. */
  describe(now, ms, ...others) {
    return [this, ...others].flatMap((trail) => trail.#notes)
      .filter((note) => now - note.now <= ms)
      .sort((a, b) => a.now - b.now)
      .map((note) => `${now - note.now} ${note.text}`)
      .join(', ') || 'nothing';
  }
}
