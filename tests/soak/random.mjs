// Chance that a seed repeats: the same seed makes the same choices, as far as the machine's timing lets it.

export class Random {
  #state;

  constructor(seed) { this.#state = seed >>> 0; }

  /** A number from 0 up to, not including, 1 (mulberry32). */
  next() {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** An integer from `low` to `high`, both included. */
  int(low, high) { return low + Math.floor(this.next() * (high - low + 1)); }

  chance(probability) { return this.next() < probability; }

  pick(list) { return list[this.int(0, list.length - 1)]; }

  /** A key of `weights`, each as probable as its number says. */
  weighted(weights) {
    let left = this.next() * Object.values(weights).reduce((sum, weight) => sum + weight, 0);
    for (const [key, weight] of Object.entries(weights)) {
      left -= weight;
      if (left < 0) return key;
    }
    return Object.keys(weights).at(-1);
  }
}
