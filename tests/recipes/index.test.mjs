// docs/recipes as a whole: every page is listed and has a test, its links lead somewhere, and what is not run says so.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { repoRoot } from '../client/harness/nginx.mjs';
import { filesOf, read } from './harness/page.mjs';

const folder = path.join(repoRoot, 'docs/recipes');
const pages = fs.readdirSync(folder).filter((name) => name !== 'README.md');
const tests = fs.readdirSync(path.join(repoRoot, 'tests/recipes')).filter((name) => name.endsWith('.test.mjs'))
  .map((name) => fs.readFileSync(path.join(repoRoot, 'tests/recipes', name), 'utf8')).join('\n');

test('every recipe is in the list, and run by a test', () => {
  const list = read('recipes/README.md');
  for (const page of pages) {
    assert.ok(list.includes(`(${page})`), `${page} is not in the list`);
    assert.ok(tests.includes(`'recipes/${page}'`), `${page} has no test`);
  }
  for (const [, player] of list.matchAll(/\(\.\.\/players\/(\w+)\.md\)/g)) assert.ok(tests.includes(`'${player}'`), `${player} has no test`);
});

test('every block of a recipe is a file that its test lays out, or is said not to be run', () => {
  for (const page of pages) {
    const text = read(`recipes/${page}`);
    const files = Object.values(filesOf(`recipes/${page}`));
    for (const [, language, code] of text.matchAll(/^```(\w+)\n(.*?)^```$/gms)) {
      if (files.includes(code) || language === 'sh') continue; // commands are run by the tests that have them
      const section = text.slice(0, text.indexOf(code)).split(/^## /m).at(-1);
      assert.match(section, /was not run/, `a block of ${page} is no file: ${code.slice(0, 80)}`);
    }
  }
});

test('links lead somewhere', () => {
  for (const page of ['README.md', ...pages]) {
    for (const [, target, anchor] of read(`recipes/${page}`).matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)/g)) {
      const file = path.join(folder, target || page);
      assert.ok(fs.existsSync(file), `${page}: ${target}`);
      if (!anchor) continue;
      const heads = [...fs.readFileSync(file, 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, head]) => head.toLowerCase().replace(/[^\w\s-]/g, '').replace(/\s/g, '-'));
      assert.ok(heads.includes(anchor), `${page}: ${target}#${anchor}`);
    }
  }
});
