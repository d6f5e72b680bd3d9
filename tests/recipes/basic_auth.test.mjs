// docs/recipes/basic-auth.md.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from '../client/harness/tests.mjs';
import { ask, connect } from '../client/harness/client.mjs';
import { assertJoinsAs, assertStaysOut, statusOf } from './harness/clients.mjs';
import { blocksOf } from './harness/page.mjs';
import { openSite } from './harness/site.mjs';
import { assertNoProblems, chromium, haveFilm, watchTogether } from './harness/watching.mjs';

const basic = (name, password = 'her password') => ({ Authorization: `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}` });

describe('basic auth', { concurrency: 1 }, () => {
  let site;
  before(async () => {
    site = await openSite('recipes/basic-auth.md', { prepare: (prefix) => {
      const [command] = blocksOf('recipes/basic-auth.md', 'sh');
      for (const name of ['ada', 'bob']) {
        execFileSync('sh', ['-ec', command.replace('ada:', `${name}:`).replace('/etc/nginx/users', path.join(prefix, 'etc/nginx/users'))]);
      }
    } });
  });
  after(() => site?.stop());

  it('lets nobody in without a password, and each as the user of that name', async () => {
    for (const headers of [{}, basic('ada', 'another'), basic('eve')]) await assertStaysOut(site, headers, 401);
    for (const name of ['/', '/me', '/films/demo.mp4']) assert.equal(await statusOf(site, name), 401);
    await assertJoinsAs(site, basic('ada'), 'ada');
  });

  it('gives films to members of a session that watches them, and to no others', async () => {
    const film = (name, session) => statusOf(site, '/films/demo.mp4', { ...basic(name), Cookie: `session=${session}`, Range: 'bytes=0-9' });
    const ada = await connect(site, { extraHeaders: basic('ada') });
    await ask(ada, 'join_session', { sessionId: 'evening', userId: 'ada', username: 'Ada' });
    assert.equal(await film('ada', 'evening'), 403);
    assert.equal((await ask(ada, 'load_media', { mediaUrl: '/etc/passwd' })).code, 'MEDIA_NOT_ALLOWED');
    await ask(ada, 'load_media', { mediaUrl: '/films/demo.mp4' });
    assert.equal(await film('ada', 'evening'), 206);
    assert.equal(await film('bob', 'evening'), 403);
    await ask(ada, 'leave_session');
    assert.equal(await film('ada', 'evening'), 403);
  });

  describe('in Chromium', () => {
    const scenes = ['ada', 'bob'].map((username) => chromium({ context: { httpCredentials: { username, password: 'her password' } } }));

    it('plays for two who gave their passwords', async () => {
      const ada = await scenes[0].open(site.url);
      await haveFilm([ada]);
      const bob = await scenes[1].open(site.url);
      await haveFilm([bob]);
      await watchTogether(ada, [bob]);
      await assertNoProblems(ada, bob);
      assert.ok(fs.readFileSync(path.join(site.prefix, 'access.log'), 'utf8').includes(' - bob '));
    });
  });
});
