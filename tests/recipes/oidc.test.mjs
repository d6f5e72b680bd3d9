// docs/recipes/oidc.md, with a stand-in for oauth2-proxy: its endpoints, statuses and headers as documented for auth_request.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from '../client/harness/tests.mjs';
import { ask, connect } from '../client/harness/client.mjs';
import { request } from '../client/harness/http.mjs';
import { assertJoinsAs, assertStaysOut, statusOf } from './harness/clients.mjs';
import { filesOf } from './harness/page.mjs';
import { openSite } from './harness/site.mjs';
import { StandIn } from './harness/stand_in.mjs';
import { assertNoProblems, chromium, haveFilm, watchTogether } from './harness/watching.mjs';

const cookieOf = (user) => `_oauth2_proxy=session-of-${user}`;

/** Its login page logs in whoever ?as= says, as an identity provider would at the end. */
function oauth2Proxy({ headers }, url) {
  const user = /_oauth2_proxy=session-of-(\w+)/.exec(headers.cookie ?? '')?.[1];
  switch (url.pathname) {
    case '/oauth2/auth': {
      if (!user) return { status: 401 };
      const known = user === 'nameless' ? {} : { 'X-Auth-Request-User': user, 'X-Auth-Request-Email': `${user}@example.org` };
      return { status: 202, headers: { ...known, ...(user === 'late' && { 'Set-Cookie': `${cookieOf('renewed')}; Path=/` }) } };
    }
    case '/oauth2/sign_in': return { status: 200, headers: { 'Content-Type': 'text/html' },
      body: `<form action="/oauth2/callback"><input name="rd" value="${url.searchParams.get('rd')}"><input name="as"><button>Sign in</button></form>` };
    case '/oauth2/callback': return { status: 302, headers: { Location: url.searchParams.get('rd'),
      'Set-Cookie': `${cookieOf(url.searchParams.get('as'))}; Path=/; HttpOnly` } };
    default: return { status: 404 };
  }
}

describe('OpenID Connect', { concurrency: 1 }, () => {
  const scene = chromium();
  let proxy;
  let site;
  const stop = async () => {
    await site?.stop();
    proxy?.stop();
  };
  before(async () => {
    proxy = await StandIn.open(oauth2Proxy);
    site = await openSite('recipes/oidc.md', { ports: { 4180: proxy.port }, prepare: (prefix) => {
      fs.writeFileSync(path.join(prefix, 'srv/watch/index.html'), filesOf('recipes/basic-auth.md')['/srv/watch/index.html']);
    } });
  }, stop);
  after(stop);

  it('lets in who has logged in, as the user whom the proxy names', async () => {
    await assertJoinsAs(site, { Cookie: cookieOf('ada') }, 'ada');
    await assertStaysOut(site, {}, 401);
    await assertStaysOut(site, { Cookie: cookieOf('nameless') }, 403);
    for (const name of ['/me', '/films/demo.mp4']) assert.equal(await statusOf(site, name), 401);
    // A header of the client does not count.
    const headers = { 'X-Auth-Request-User': 'eve', Cookie: cookieOf('nameless') };
    assert.equal(await statusOf(site, '/socket.io/?EIO=4&transport=polling', headers), 403);
    assert.equal(await statusOf(site, '/oauth2/auth', { Cookie: cookieOf('ada') }), 404);
  });

  it('sends pages to the login, and back, and renews the cookie', async () => {
    const away = await request(site, { path: '/?evening' });
    assert.equal(away.status, 302);
    assert.equal(new URL(away.headers.location, site.url).searchParams.get('rd'), `${site.url}/?evening`);
    const late = await request(site, { path: '/', headers: { Cookie: cookieOf('late') } });
    assert.deepEqual(late.headers['set-cookie'], [`${cookieOf('renewed')}; Path=/`]);
  });

  it('gives films to members', async () => {
    const ada = await connect(site, { extraHeaders: { Cookie: cookieOf('ada') } });
    await ask(ada, 'join_session', { sessionId: 'evening', userId: 'ada', username: 'Ada' });
    await ask(ada, 'load_media', { mediaUrl: '/films/demo.mp4' });
    const film = (user) => statusOf(site, '/films/demo.mp4', { Cookie: `${cookieOf(user)}; session=evening`, Range: 'bytes=0-9' });
    assert.equal(await film('ada'), 206);
    assert.equal(await film('bob'), 403);
  });

  it('plays for two who log in, in Chromium', async () => {
    const enter = async (user) => {
      const page = await scene.open(`${site.url}/?movies`);
      await page.evaluate((name) => { document.querySelector('[name=as]').value = name; document.querySelector('form').submit(); }, user);
      await haveFilm([page]);
      return page;
    };
    const ada = await enter('ada');
    const bob = await enter('bob');
    await watchTogether(ada, [bob]);
    await assertNoProblems(ada, bob);
  });
});
