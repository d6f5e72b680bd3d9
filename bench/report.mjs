// Writes the results into docs/performance.md, between two marks, and their plots beside it.
import fs from 'node:fs';
import path from 'node:path';
import { root } from './contenders.mjs';
import { plot } from './plots.mjs';
import { scenarios } from './scenarios.mjs';
import { summarise } from './statistics.mjs';
import { markdown, rowsOf } from './table.mjs';

const kPage = path.join(root, 'docs/performance.md');
const kPlots = path.join(root, 'docs/performance');
const kBegin = '<!-- results: written by scripts/bench -->';
const kEnd = '<!-- end of results -->';

function conditions({ machine, rounds, quick, others }) {
  const versions = ['nginx', 'nchan', 'node', 'socket.io', 'ws', 'eiows'].map((name) => `${name} ${machine[name]}`).join(', ');
  return `${machine.date}, at ${machine.commit}. ${machine.processor}, ${machine.memory}, Linux ${machine.kernel}, ` +
    `TCP congestion control ${machine.congestion}. ${versions}. Medians of ${rounds} ${quick ? 'short ' : ''}rounds; ± is half of what lies ` +
    `between the lowest and the highest. Before the measurements other programs took ${(others.median * 100).toFixed(0)} % ` +
    `of the processors in the median, ${(others.max * 100).toFixed(0)} % at the most.`;
}

function section(name, rounds) {
  const scenario = scenarios[name];
  const summaries = summarise(scenario, rounds);
  const picture = plot(scenario, summaries);
  if (picture) fs.writeFileSync(path.join(kPlots, `${name}.svg`), picture);
  return [`### ${scenario.is}`, '', `\`scripts/bench ${name}\``, '',
    ...(picture ? [`![${scenario.is}](performance/${name}.svg)`, ''] : []),
    markdown(rowsOf(scenario, summaries, rounds))].join('\n');
}

export function writeReport(results) {
  fs.mkdirSync(kPlots, { recursive: true });
  const text = [conditions(results), ...Object.entries(results.scenarios).map(([name, rounds]) => section(name, rounds))];
  const page = fs.readFileSync(kPage, 'utf8');
  const [before, rest] = page.split(kBegin);
  const after = rest.split(kEnd)[1];
  fs.writeFileSync(kPage, `${before}${kBegin}\n\n${text.join('\n\n')}\n\n${kEnd}${after}`);
}
