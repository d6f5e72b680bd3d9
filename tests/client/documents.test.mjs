// The documents and the configurations that are shipped: what they must not leave out.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it, repoRoot, request, Server } from './harness/index.mjs';

const inFolder = (folder, pattern) => fs.readdirSync(path.join(repoRoot, folder)).filter((name) => pattern.test(name))
  .map((name) => path.join(folder, name));
const files = ['README.md', 'nginx.conf.example', 'container/nginx.conf', ...inFolder('nginx', /\.conf\.in$/), ...inFolder('docs', /\.md$/),
  ...inFolder('docs/recipes', /\.md$/)];

describe('configurations that let in who is on the same machine', () => {
  it('say that behind a proxy this is everybody', () => {
    let found = 0;
    for (const name of files) {
      const lines = fs.readFileSync(path.join(repoRoot, name), 'utf8').split('\n');
      for (const [i, line] of lines.entries()) {
        if (!/^[^`]*\ballow +127\.0\.0\.1;/.test(line)) continue;
        assert.match(lines.slice(Math.max(0, i - 12), i + 1).join('\n'), /set_real_ip_from/, `${name}:${i + 1}`);
        found += 1;
      }
    }
    assert.ok(found > 5, `${found} found`);
  });

  it('do not let them be admins where viewers are served', () => {
    for (const name of files) {
      const text = fs.readFileSync(path.join(repoRoot, name), 'utf8');
      for (const [block] of text.matchAll(/location [^{}]*\{[^{}]*mediasync_admin[^{}]*\}/g)) assert.doesNotMatch(block, /allow/, name);
    }
  });
});

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

describe('the films of nginx/watch.conf', () => {
  it('are those in their folder, with a slash behind its name and without', async () => {
    const [films] = /^location \/films\/ \{\n.*?^\}$/ms.exec(fs.readFileSync(path.join(repoRoot, 'nginx/watch.conf.in'), 'utf8'));
    for (const folder of ['films', 'films/']) {
      const server = await Server.start({ workers: 1, locations: `set $mediasync_films ${folder}; ${films}` });
      try {
        for (const name of ['films', 'films-private']) {
          fs.mkdirSync(path.join(server.prefix, name));
          fs.writeFileSync(path.join(server.prefix, name, 'one.mp4'), 'x');
        }
        const statusOf = async (where) => (await request(server, { path: where })).status;
        assert.deepEqual([await statusOf('/films/one.mp4'), await statusOf('/films/-private/one.mp4')], [200, 404], folder);
      } finally {
        await server.stop();
      }
    }
  });
});

describe('docs/quick-reference.md, which is mediasync(7)', () => {
  it('names every endpoint', () => {
    const text = fs.readFileSync(path.join(repoRoot, 'docs/quick-reference.md'), 'utf8');
    for (const name of ['mediasync', 'mediasync_api', 'mediasync_status', 'mediasync_admin', 'mediasync_member']) {
      assert.match(text, new RegExp(`\\b${name} [^;\`]*;`), name);
    }
  });
});
