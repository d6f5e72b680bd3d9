// Bar charts as SVG: the first figure of a scenario, a bar for each contender, and a line for how far rounds were apart.
import { contenders } from './contenders.mjs';
import { number } from './table.mjs';

const kWidth = 720, kLabels = 170, kValues = 90, kBar = 22, kGap = 10, kTop = 54;
const kColours = { mediasync: '#2166ac', floor: '#999999', 'floor-batched': '#bbbbbb' };
const kOther = '#d6a35c';

const escape = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

function bar([name, { median, min, max }], row, scale) {
  const y = kTop + row * (kBar + kGap);
  const middle = y + kBar / 2;
  const x = (value) => (kLabels + value * scale).toFixed(1);
  const colour = kColours[name.replace(/-2$/, '')] ?? kOther;
  return `
  <text x="${kLabels - 8}" y="${middle + 4}" text-anchor="end">${escape(contenders[name].is)}</text>
  <rect x="${kLabels}" y="${y}" width="${(median * scale).toFixed(1)}" height="${kBar}" fill="${colour}"/>
  <path d="M${x(min)} ${middle}H${x(max)}M${x(min)} ${middle - 4}v8M${x(max)} ${middle - 4}v8" stroke="#333"/>
  <text x="${(Number(x(max)) + 8).toFixed(1)}" y="${middle + 4}">${number(median)}</text>`;
}

/** Null when there is nothing to draw. */
export function plot(scenario, summaries) {
  const [{ key, is, isMoreBetter }] = scenario.figures;
  const bars = Object.entries(summaries).map(([name, summary]) => [name, summary[key]]).filter(([, value]) => value);
  if (bars.length === 0) return null;
  const scale = (kWidth - kLabels - kValues) / Math.max(...bars.map(([, { max }]) => max));
  const height = kTop + bars.length * (kBar + kGap) + 6;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${kWidth} ${height}" font-family="sans-serif" font-size="13">
  <rect width="${kWidth}" height="${height}" fill="#fff"/>
  <text x="12" y="20" font-weight="bold">${escape(scenario.is)}</text>
  <text x="12" y="40" fill="#555">${escape(is)}, ${isMoreBetter ? 'more' : 'less'} is better</text>${
  bars.map((entry, row) => bar(entry, row, scale)).join('')}
</svg>
`;
}
