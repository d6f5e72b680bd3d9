// Whether something grows: samples of the same population, early and late, are compared.

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * Compares medians of the second and of the last quarter of `samples`, objects with the numeric fields that `bounds`
 * names; a bound is {share, more}: how much the late median may exceed the early one, in parts of it and beyond.
 * Returns {name: {early, late, isGrown}}; empty for fewer than 8 samples, too few to tell anything.
 */
export function growth(samples, bounds) {
  if (samples.length < 8) return {};
  const quarter = samples.length >> 2;
  const early = samples.slice(quarter, 2 * quarter);
  const late = samples.slice(-quarter);
  return Object.fromEntries(Object.entries(bounds).map(([name, { share, more }]) => {
    const before = median(early.map((sample) => sample[name]));
    const after = median(late.map((sample) => sample[name]));
    return [name, { early: before, late: after, isGrown: after > before * (1 + share) + more }];
  }));
}
