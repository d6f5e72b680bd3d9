// The npm package as it is published.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import vm from 'node:vm';
import zlib from 'node:zlib';
import { fileURLToPath } from 'node:url';

const web = path.join(path.dirname(fileURLToPath(import.meta.url)), '../../web');
const kMostBytes = 12_000; // of the library, gzipped

test('the package has everything that the library loads, its types, and one small file of it all', async (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mediasync-package-'));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  const [packed] = JSON.parse(execFileSync('npm', ['pack', '--json', '--silent', '--pack-destination', folder], { cwd: web }));
  execFileSync('tar', ['-xzf', path.join(folder, packed.filename), '-C', folder]);
  const root = path.join(folder, 'package');
  const { exports, types, license } = JSON.parse(fs.readFileSync(path.join(root, 'package.json')));
  assert.ok(fs.existsSync(path.join(root, types)));
  for (const target of Object.values(exports).flatMap((one) => (typeof one === 'string' ? [one] : Object.values(one)))) {
    assert.ok(fs.existsSync(path.join(root, target)), `${target} is missing`);
  }
  assert.equal(license, 'BSD-2-Clause');
  for (const file of ['README.md', 'LICENSE']) assert.ok(fs.existsSync(path.join(root, file)), `${file} is missing`);

  const source = await import(path.join(root, exports['.'].default));
  const small = await import(path.join(root, exports['./mediasync.min.js'].default));
  assert.deepEqual(Object.keys(small).sort(), Object.keys(source).sort());
  assert.equal(typeof small.MediaSync, 'function');
  assert.throws(() => new small.MediaSync({}, {}), TypeError);

  const page = {};
  vm.runInNewContext(fs.readFileSync(path.join(root, exports['./mediasync.global.js']), 'utf8'), { globalThis: page, EventTarget, AbortController });
  assert.equal(typeof page.MediaSync, 'function');

  const size = zlib.gzipSync(fs.readFileSync(path.join(root, 'mediasync.min.js'))).length;
  t.diagnostic(`mediasync.min.js: ${size} bytes gzipped`);
  assert.ok(size < kMostBytes, `${size} bytes`);
});
