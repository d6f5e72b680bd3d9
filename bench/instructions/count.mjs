// Instructions that an operation takes, counted by callgrind: the same on every run of a build, however busy the machine
// is. Fails when one takes more than budget.json allows; --update writes what was counted there, with room for other
// compilers.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { root } from '../contenders.mjs';

const program = path.join(root, 'build/bench/bench/instructions/mediasync_instructions');
const budgetFile = path.join(root, 'bench/instructions/budget.json');
const kSlack = 1.15;
/** Counts of the two runs; what comes before the operations is the same in both. */
const kOperations = { heartbeat: [100, 1100], 'broadcast-5': [100, 1100], 'broadcast-1000': [10, 60],
  'join-100': [5, 25], 'join-1000': [5, 15] };

function instructions(operation, count) {
  const { stderr, status } = spawnSync('valgrind',
    ['--tool=callgrind', '--callgrind-out-file=/dev/null', program, operation, String(count)], { encoding: 'utf8' });
  const counted = /Collected : (\d+)/.exec(stderr);
  if (status !== 0 || !counted) throw new Error(`${operation}: ${stderr}`);
  return Number(counted[1]);
}

const counted = Object.fromEntries(Object.entries(kOperations).map(([operation, [few, many]]) =>
  [operation, Math.round((instructions(operation, many) - instructions(operation, few)) / (many - few))]));
if (process.argv.includes('--update')) {
  const budget = Object.fromEntries(Object.entries(counted).map(([name, value]) => [name, Math.ceil(value * kSlack)]));
  fs.writeFileSync(budgetFile, `${JSON.stringify(budget, null, 2)}\n`);
}
const budget = JSON.parse(fs.readFileSync(budgetFile, 'utf8'));
let failed = 0;
for (const [operation, value] of Object.entries(counted)) {
  const isOver = value > budget[operation];
  if (isOver) failed++;
  console.log(`${operation.padEnd(16)} ${String(value).padStart(10)} instructions, ${budget[operation]} allowed${isOver ? ': TOO MANY' : ''}`);
}
console.log(`${Object.keys(counted).length - failed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
