// Measures, prints tables and keeps the results; scripts/bench says how it is called.
import fs from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { contenders, root } from './contenders.mjs';
import { describeMachine, otherLoad } from './machine.mjs';
import { measure } from './measure.mjs';
import { writeReport } from './report.mjs';
import { scenarios } from './scenarios.mjs';
import { summarise, summary } from './statistics.mjs';
import { plain, rowsOf } from './table.mjs';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string' },
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    report: { type: 'boolean', default: false },
  },
});
const names = positionals.length > 0 ? positionals : Object.keys(scenarios);
const rounds = Number(options.rounds ?? (options.quick ? 1 : 5));
const only = options.only?.split(',');

for (const [given, known] of [[names, scenarios], [only ?? [], contenders]]) {
  const unknown = given.find((name) => !known[name]);
  if (unknown) {
    console.error(`bench: there is no ${unknown}; there are: ${Object.keys(known).join(' ')}`);
    process.exit(1);
  }
}

const loads = [];

async function runScenario(name) {
  const scenario = scenarios[name];
  const taking = scenario.of.filter((contender) => !only || only.includes(contender));
  const runs = Object.fromEntries(taking.map((contender) => [contender, []]));
  console.log(`\n${name}: ${scenario.is}`);
  for (let round = 0; round < rounds; round++) {
    for (const contender of taking) {
      loads.push(await otherLoad());
      const run = await measure(contender, scenario, options.quick);
      runs[contender].push(run);
      if (!run.ok) console.log(`  ${contender}, round ${round + 1}: ${JSON.stringify(run)}`);
    }
  }
  console.log(plain(rowsOf(scenario, summarise(scenario, runs), runs)));
  return runs;
}

const results = { machine: describeMachine(), rounds, quick: options.quick, scenarios: {} };
for (const name of names) results.scenarios[name] = await runScenario(name);
results.others = summary(loads);

const folder = path.join(root, 'build/bench/results');
fs.mkdirSync(folder, { recursive: true });
const file = path.join(folder, `${new Date().toISOString().replace(/[:.]/g, '-')}.json`);
fs.writeFileSync(file, JSON.stringify(results, null, 1));
console.log(`\n${file}`);
if (options.report) writeReport(results);
const failed = Object.values(results.scenarios).flatMap((runs) => Object.entries(runs))
  .some(([contender, runs]) => contender.startsWith('mediasync') && runs.some((run) => !run.ok));
process.exit(failed ? 1 : 0);
