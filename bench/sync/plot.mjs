// Plots as SVG, for light and dark pages.

const kWidth = 720;
const kHeight = 250;
const kMargin = { left: 58, right: 14, top: 34, bottom: 34 };
const kColours = ['#1f77b4', '#d95f02', '#2a9d57', '#8e5bb5', '#b8860b', '#c2185b', '#00838f', '#6d4c41'];

const escape = (text) => String(text).replace(/[&<>]/g, (one) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[one]);

function frame(title, xLabel, yLabel, body) {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${kWidth} ${kHeight}" font-family="sans-serif" font-size="11">
<rect width="100%" height="100%" fill="#fff"/>
<text x="${kMargin.left}" y="18" font-size="13" font-weight="bold" fill="#222">${escape(title)}</text>
<text x="${kWidth - kMargin.right}" y="${kHeight - 4}" text-anchor="end" fill="#555">${escape(xLabel)}</text>
<text transform="translate(12 ${kMargin.top + 4}) rotate(-90)" text-anchor="end" fill="#555">${escape(yLabel)}</text>
${body}
</svg>
`;
}

const scaleX = (from, to) => (x) => kMargin.left + ((x - from) / (to - from)) * (kWidth - kMargin.left - kMargin.right);
const scaleY = (low, high) => (y) =>
  kMargin.top + (1 - (Math.max(low, Math.min(high, y)) - low) / (high - low)) * (kHeight - kMargin.top - kMargin.bottom);

function axes(x, y, xTicks, yTicks) {
  const right = kWidth - kMargin.right;
  const bottom = kHeight - kMargin.bottom;
  return [
    ...yTicks.map((tick) => `<path d="M${kMargin.left} ${y(tick)}H${right}" stroke="#ddd"/>` +
      `<text x="${kMargin.left - 6}" y="${y(tick) + 4}" text-anchor="end" fill="#555">${tick}</text>`),
    ...xTicks.map((tick) => `<text x="${x(tick)}" y="${bottom + 15}" text-anchor="middle" fill="#555">${tick}</text>`),
    `<path d="M${kMargin.left} ${bottom}H${right}" stroke="#999"/>`,
  ].join('\n');
}

function legend(names) {
  let next = kMargin.left;
  return names.map((name, i) => {
    const at = next;
    next += 7 * name.length + 32;
    return `<path d="M${at} ${kHeight - 8}h14" stroke="${kColours[i % kColours.length]}" stroke-width="3"/>` +
      `<text x="${at + 18}" y="${kHeight - 4}" fill="#222">${escape(name)}</text>`;
  }).join('');
}

/** series: [{name, points: [[seconds, ms]]}]; marks: [[seconds, text]] */
export function timePlot(title, series, { to, range, marks = [] }) {
  const x = scaleX(0, to);
  const y = scaleY(-range, range);
  const ticks = Array.from({ length: Math.floor(to / 10) + 1 }, (_, i) => i * 10);
  const lines = series.map(({ points }, i) => `<polyline fill="none" stroke="${kColours[i % kColours.length]}" stroke-width="1.4" ` +
    `points="${points.map(([at, ms]) => `${x(at).toFixed(1)},${y(ms).toFixed(1)}`).join(' ')}"/>`);
  const signs = marks.map(([at, text]) => `<path d="M${x(at)} ${kMargin.top}V${kHeight - kMargin.bottom}" stroke="#999" stroke-dasharray="3 3"/>` +
    `<text x="${x(at) + 3}" y="${kMargin.top + 10}" fill="#555">${escape(text)}</text>`);
  const body = [axes(x, y, ticks, [-range, -range / 2, 0, range / 2, range]), ...signs, ...lines,
    legend(series.map(({ name }) => name))].join('\n');
  return frame(title, 'seconds', 'ms from the session', body);
}

/** series: [{name, sorted: distances in ms}]: what share of the time players are no farther apart than that. */
export function sharePlot(title, series) {
  const kLow = 0.5;
  const kHigh = 2000;
  const log = scaleX(Math.log10(kLow), Math.log10(kHigh));
  const x = (ms) => log(Math.log10(Math.max(kLow, Math.min(kHigh, ms))));
  const y = scaleY(0, 100);
  const lines = series.map(({ sorted }, i) => {
    const points = Array.from({ length: 201 }, (_, k) => {
      const share = k / 200;
      return `${x(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]).toFixed(1)},${y(100 * share).toFixed(1)}`;
    });
    return `<polyline fill="none" stroke="${kColours[i % kColours.length]}" stroke-width="2" points="${points.join(' ')}"/>`;
  });
  const body = [axes(x, y, [1, 5, 10, 40, 100, 400, 1000], [0, 25, 50, 75, 100]), ...lines,
    legend(series.map(({ name }) => name))].join('\n');
  return frame(title, 'ms apart', '% of the time', body);
}
