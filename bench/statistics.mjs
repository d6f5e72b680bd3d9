// Medians and how far apart the rounds were.

export const figureOf = (run, key) => key.split('.').reduce((value, name) => value?.[name], run);

export function summary(values) {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  if (sorted.length === 0) return null;
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  return { median, min: sorted[0], max: sorted.at(-1), spread: median ? (sorted.at(-1) - sorted[0]) / median : 0 };
}

/** {contender: {figure key: summary}} of the rounds of a scenario in which all went well. */
export function summarise(scenario, rounds) {
  return Object.fromEntries(scenario.of.filter((name) => rounds[name]).map((name) => {
    const good = rounds[name].filter((run) => run.ok);
    return [name, Object.fromEntries(scenario.figures.map(({ key }) =>
      [key, summary(good.map((run) => figureOf(run, key)))]))];
  }));
}
