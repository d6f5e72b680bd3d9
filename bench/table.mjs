// Results as tables, for a terminal and for Markdown.
import { contenders } from './contenders.mjs';

export function number(value) {
  if (value === null || value === undefined) return '–';
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en-US');
  return value.toPrecision(value < 1 ? 2 : 3);
}

function withSpread(summary) {
  if (!summary) return '–';
  return summary.spread > 0 ? `${number(summary.median)} ±${Math.round(summary.spread * 50)} %` : number(summary.median);
}

/** How many times better mediasync is than that contender, by the first figure of the scenario. */
function ratio({ key, isMoreBetter }, mediasync, other) {
  const [ours, theirs] = [mediasync?.[key]?.median, other?.[key]?.median];
  if (!ours || !theirs) return '–';
  return `× ${number(isMoreBetter ? ours / theirs : theirs / ours)}`;
}

/** Header and rows of a scenario's results. */
export function rowsOf(scenario, summaries, rounds) {
  const head = ['', ...scenario.figures.map(({ is }) => is), 'mediasync is better by', 'rounds'];
  const rows = Object.entries(summaries).map(([name, summary]) => [
    contenders[name].is,
    ...scenario.figures.map(({ key }) => withSpread(summary[key])),
    name === 'mediasync' ? '' : ratio(scenario.figures[0], summaries.mediasync, summary),
    `${rounds[name].filter((run) => run.ok).length} of ${rounds[name].length}`,
  ]);
  return { head, rows };
}

export function plain({ head, rows }) {
  const widths = head.map((_, i) => Math.max(...[head, ...rows].map((row) => row[i].length)));
  return [head, ...rows].map((row) => row.map((cell, i) =>
    i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])).join('  ')).join('\n');
}

export function markdown({ head, rows }) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n');
}
