// The documents and the configurations that are shipped: what they must not leave out.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it, repoRoot } from './harness/index.mjs';

const inFolder = (folder, pattern) => fs.readdirSync(path.join(repoRoot, folder)).filter((name) => pattern.test(name))
  .map((name) => path.join(folder, name));

describe('servers of the recipes that only others on the same machine ask', () => {
  it('listen there alone', () => {
    let found = 0;
    for (const name of inFolder('docs/recipes', /\.md$/)) {
      const text = fs.readFileSync(path.join(repoRoot, name), 'utf8');
      for (const [, port] of text.matchAll(/127\.0\.0\.1:(\d+)/g)) {
        for (const [line] of text.matchAll(new RegExp(`^ *listen +(?:\\S*:)?${port};`, 'gm'))) {
          assert.match(line, /listen +127\.0\.0\.1:/, `${name}: ${line.trim()}`);
          found += 1;
        }
      }
    }
    assert.ok(found > 2, `${found} found`);
  });
});
