// systemd's and AppArmor's own tools on what the package has for them. Neither needs a system that runs with them.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { repoRoot } from '../client/harness/nginx.mjs';

const run = (program, ...args) => spawnSync(program, args, { encoding: 'utf8' });

function unitWithDropIn(t) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mediasync-systemd-'));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  const unit = path.join(folder, 'nginx.service');
  fs.copyFileSync('/lib/systemd/system/nginx.service', unit);
  fs.mkdirSync(`${unit}.d`);
  fs.copyFileSync(path.join(repoRoot, 'systemd/mediasync.conf'), path.join(`${unit}.d`, 'mediasync.conf'));
  return unit;
}

test('systemd takes the drop-in, and finds little to blame', (t) => {
  const unit = unitWithDropIn(t);
  const verified = run('systemd-analyze', 'verify', unit);
  assert.equal(verified.stdout + verified.stderr, '');
  const { stdout } = run('systemd-analyze', 'security', '--offline=true', unit);
  const [, exposure] = stdout.match(/Overall exposure level for nginx\.service: ([\d.]+)/);
  t.diagnostic(`exposure ${exposure}`);
  assert.ok(Number(exposure) < 4, stdout);
});

test('the drop-in lets NGINX start without folders that may be missing, write to caches, and keep owners', () => {
  const text = fs.readFileSync(path.join(repoRoot, 'systemd/mediasync.conf'), 'utf8');
  const paths = [...text.matchAll(/^ReadWritePaths=(.*)$/gm)].flatMap(([, list]) => list.split(' '));
  for (const name of ['-/var/lib/mediasync', '-/var/cache', '-/var/log/nginx', '/run']) assert.ok(paths.includes(name), name);
  for (const name of paths) assert.ok(name.startsWith('-') || name === '/run', name);
  assert.doesNotMatch(text, /^StateDirectory/m);
});

test('AppArmor takes the profile', () => {
  const { status, stderr } = run('apparmor_parser', '--skip-kernel-load', '--skip-cache', path.join(repoRoot, 'apparmor/usr.sbin.nginx'));
  assert.equal(status, 0, stderr);
});
