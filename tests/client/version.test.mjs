// The error log says which mediasync this is.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { describe, it, repoRoot, Server } from './harness/index.mjs';

describe('the version', () => {
  it('is in the error log once, at the start', async () => {
    const { version } = JSON.parse(fs.readFileSync(`${repoRoot}/web/package.json`, 'utf8'));
    const server = await Server.start({ workers: 1 });
    try {
      await server.reload();
      const lines = server.errorLog().split('\n').filter((line) => line.endsWith(`: mediasync ${version}`));
      assert.equal(lines.length, 1);
      assert.match(lines[0], /\[notice\]/);
    } finally {
      await server.stop();
    }
  });
});
