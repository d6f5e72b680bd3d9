// docs/recipes/jwt.md.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from '../client/harness/tests.mjs';
import { ask, connect } from '../client/harness/client.mjs';
import { assertJoinsAs, assertStaysOut, statusOf } from './harness/clients.mjs';
import { blocksOf, filesOf } from './harness/page.mjs';
import { openSite, placed } from './harness/site.mjs';
import { assertNoProblems, chromium, haveFilm, watchTogether } from './harness/watching.mjs';

const kPage = 'recipes/jwt.md';
let key;
const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
const inAMinute = () => Math.floor(Date.now() / 1000) + 60;

function tokenFor(claims, { header = { alg: 'HS256', typ: 'JWT' }, secret = key } = {}) {
  const signed = `${part(header)}.${part({ exp: inAMinute(), ...claims })}`;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}
const cookie = (token) => ({ Cookie: `token=${token}` });
const bearer = (token) => ({ Authorization: `Bearer ${token}` });

describe('JSON Web Tokens', { concurrency: 1 }, () => {
  const scene = chromium();
  let site;
  before(async () => {
    site = await openSite(kPage, { modules: ['ngx_http_js_module'], prepare: (prefix) => {
      execFileSync('sh', ['-c', placed(blocksOf(kPage, 'sh')[0], prefix, {})]);
      const file = path.join(prefix, 'etc/nginx/jwk.json');
      assert.equal(fs.statSync(file).mode & 0o777, 0o600);
      key = Buffer.from(JSON.parse(fs.readFileSync(file, 'utf8')).k, 'base64url');
      assert.equal(key.length, 32);
      fs.writeFileSync(path.join(prefix, 'srv/watch/index.html'), filesOf('recipes/basic-auth.md')['/srv/watch/index.html']);
    } });
  });
  after(() => site?.stop());

  it('let in who has a good one, in a cookie or a header, as the user whom it names', async () => {
    await assertJoinsAs(site, cookie(tokenFor({ sub: 'ada' })), 'ada');
    await assertJoinsAs(site, bearer(tokenFor({ sub: 'bob' })), 'bob');
  });

  it('let nobody in who has none, or one that is bad', async () => {
    const good = tokenFor({ sub: 'ada' });
    const bad = ['', 'x', 'x.y.z', good.slice(0, -2), `${good}.`, tokenFor({ sub: 'ada' }, { secret: 'another' }),
      tokenFor({ sub: 'ada' }, { header: { alg: 'none' } }), `${part({ alg: 'none' })}.${good.split('.')[1]}.`, tokenFor({ sub: 'ada', exp: 1 }),
      tokenFor({ sub: 'ada', exp: undefined }), tokenFor({ sub: 'ada', nbf: inAMinute() }), tokenFor({}), tokenFor({ sub: '' }),
      tokenFor({ sub: '","admin":"' }), good.replace(/\.[^.]+\./, `.${part({ sub: 'eve', exp: inAMinute() })}.`)];
    for (const token of bad) {
      for (const name of ['/', '/me', '/films/demo.mp4']) assert.equal(await statusOf(site, name, cookie(token)), 401, `${name} with ${token}`);
    }
    for (const token of bad.slice(0, 2)) await assertStaysOut(site, bearer(token), 401);
    assert.equal(await statusOf(site, '/user', cookie(good)), 404);
  });

  it('let nobody in as long as there is no key', async (t) => {
    const empty = await openSite(kPage, { modules: ['ngx_http_js_module'], prepare: (prefix) =>
      fs.writeFileSync(path.join(prefix, 'etc/nginx/jwk.json'), '{ "kty": "oct", "alg": "HS256", "k": "" }') });
    t.after(() => empty.stop());
    assert.equal(await statusOf(empty, '/me', cookie(tokenFor({ sub: 'ada' }, { secret: '' }))), 401);
  });

  it('give films to members', async () => {
    const ada = await connect(site, { extraHeaders: cookie(tokenFor({ sub: 'ada' })) });
    await ask(ada, 'join_session', { sessionId: 'evening', userId: 'ada', username: 'Ada' });
    await ask(ada, 'load_media', { mediaUrl: '/films/demo.mp4' });
    const film = (sub) => statusOf(site, '/films/demo.mp4', { Cookie: `token=${tokenFor({ sub })}; session=evening`, Range: 'bytes=0-9' });
    assert.equal(await film('ada'), 206);
    assert.equal(await film('bob'), 403);
  });

  it('play for two in Chromium', async () => {
    const enter = async (sub) => {
      const page = await scene.open(site.url); // is refused, and is a page of this host nevertheless
      await page.evaluate((token) => { document.cookie = `token=${token}; path=/`; location.href = '/?movies'; }, tokenFor({ sub, exp: inAMinute() + 600 }));
      return page;
    };
    const ada = await enter('ada');
    await haveFilm([ada]);
    const bob = await enter('bob');
    await haveFilm([bob]);
    await watchTogether(ada, [bob]);
    await assertNoProblems(ada, bob);
  });
});
