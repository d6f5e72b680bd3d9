// CMakeLists.txt says which version this is; everything else that names one agrees.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '../..');
const read = (file) => fs.readFileSync(path.join(root, file), 'utf8');
const version = read('CMakeLists.txt').match(/^project\(mediasync VERSION (\S+)/m)[1];

const kPlaces = {
  'lua/resty/mediasync.lua': /_VERSION = "([^"]+)"/,
  'web/package.json': /^ {2}"version": "([^"]+)"/m,
  'web/package-lock.json': /"": \{\s+"name": "@mediasync\/client",\s+"version": "([^"]+)"/,
  'debian/changelog': /^mediasync \(([^-]+)-\S+\)/,
  'CHANGELOG.md': /^## (\S+)/m,
  'docs/directives.md': /^\| notice \| `mediasync ([^`]+)` \|/m,
  'SECURITY.md': /begins with `mediasync ([^`]+)`/,
};

for (const [file, pattern] of Object.entries(kPlaces)) {
  test(`${file} is of the version that CMakeLists.txt says`, () => {
    assert.equal(read(file).match(pattern)?.[1], version);
  });
}

test('the lock file of web/ agrees with itself', () => {
  assert.equal(JSON.parse(read('web/package-lock.json')).version, version);
});

test('docs/versions.md says that this version gets fixes', () => {
  const minor = version.split('.').slice(0, 2).join('.');
  assert.match(read('docs/versions.md'), new RegExp(`^\\| ${minor.replace('.', '\\.')} \\| gets fixes \\|$`, 'm'));
});
