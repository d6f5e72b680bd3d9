// What an admin does, as viewers of the watch page see it.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { newViewer } from '../client/harness/demo.mjs';
import { rest } from '../client/harness/index.mjs';
import { freePort } from '../client/harness/nginx.mjs';
import { describe, it } from '../client/harness/tests.mjs';
import { eventually, part, stage } from './stage.mjs';

describe('an admin, on the watch page', () => {
  const scene = stage();

  /** Takes the "#" away from the server in the example. Returns what reaches it. */
  async function turnOn({ prefix }) {
    const port = await freePort();
    const file = path.join(prefix, 'nginx.conf');
    const text = fs.readFileSync(file, 'utf8');
    const changed = text.replace(/^ *# server \{\n *# +listen 127\.0\.0\.1:8081;\n(?: *# .*\n)*? *# \}$/m,
      (server) => server.replace(/^( *)# /gm, '$1').replace('8081', port));
    assert.notEqual(changed, text);
    fs.writeFileSync(file, changed);
    await scene.server.reload();
    return { port };
  }

  it('tells viewers something, and ends their session', async () => {
    const admin = await turnOn(scene.server);
    const page = await newViewer(scene.chromium.browser, scene.server.url);
    await part(page, 'name-input').fill('Ann');
    await part(page, 'create-button').click();
    await eventually('Ann to have joined', () => page.evaluate(() => window.mediasyncDebug.state.isJoined));
    const told = await rest(admin, 'POST', '/admin/messages', { message: 'The server restarts at four' });
    assert.equal(told.status, 200, told.body);
    await eventually('the message', async () => (await part(page, 'toast').allInnerTexts()).includes('The server restarts at four'));
    const sessionId = new URL(page.url()).searchParams.get('session');
    assert.equal((await rest(admin, 'DELETE', `/admin/sessions/${sessionId}`)).status, 200);
    await eventually('Ann to be told', async () => /no longer in this session/.test(await page.locator('#notice-text').innerText()));
  });
});
