// Runs test files as "node --test" does, several at once, but in the order in which they are given: that sorts them.
//
//   node scripts/lib/run-tests.mjs AT_ONCE FILE…
import path from 'node:path';
import { run } from 'node:test';
import { tap } from 'node:test/reporters';

const [atOnce, ...files] = process.argv.slice(2);
run({ concurrency: Number(atOnce), files: files.map((file) => path.resolve(file)) })
  .on('test:fail', () => { process.exitCode = 1; })
  .compose(tap)
  .pipe(process.stdout);
