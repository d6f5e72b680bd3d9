// docs/recipes/jellyfin.md, with a stand-in for Jellyfin.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { after, before, describe, it } from '../client/harness/tests.mjs';
import { ask, connect } from '../client/harness/client.mjs';
import { request, rest } from '../client/harness/http.mjs';
import { assertJoinsAs, assertStaysOut, statusOf } from './harness/clients.mjs';
import { filmId, Jellyfin, kPassword } from './harness/jellyfin.mjs';
import { openSite } from './harness/site.mjs';
import { assertNoProblems, chromium, eventually, haveFilm, watchTogether } from './harness/watching.mjs';

describe('Jellyfin', { concurrency: 1 }, () => {
  const scene = chromium();
  let jellyfin;
  let site;
  const stop = async () => {
    await site?.stop();
    jellyfin?.stop();
  };
  before(async () => {
    jellyfin = await Jellyfin.open(['ada', 'bob', 'child']);
    site = await openSite('recipes/jellyfin.md', { ports: { 8096: jellyfin.port }, modules: ['ngx_http_js_module'],
      prepare: (prefix) => fs.mkdirSync(path.join(prefix, 'var/cache'), { recursive: true }) });
  }, stop);
  after(stop);

  const login = (Username, Pw = kPassword) => rest(site, 'POST', '/login', { Username, Pw });
  const headersOf = async (name) => {
    const answer = await login(name);
    assert.equal(answer.status, 200);
    const [cookie] = answer.headers['set-cookie'];
    assert.match(cookie, /^jellyfin=[0-9a-f]{32}; Path=\/; HttpOnly; SameSite=Lax$/);
    assert.equal(answer.body, '{}');
    return { Cookie: cookie.split(';')[0] };
  };
  const film = (headers, id, session) => statusOf(site, `/films/${id}`, { Cookie: `${headers.Cookie}; session=${session}`, Range: 'bytes=0-9' });

  it('lets in its users by their passwords, each as who they are', async () => {
    for (const answer of [await login('ada', 'another'), await login('eve'), await rest(site, 'POST', '/login', 'no object')]) {
      assert.equal(answer.status, 401);
      assert.equal(answer.headers['set-cookie'], undefined);
    }
    const ada = await headersOf('ada');
    await assertJoinsAs(site, ada, filmId('ada'));
    const me = await request(site, { path: '/me', headers: ada });
    assert.deepEqual(me.json(), { id: filmId('ada'), name: 'ada' });
    for (const headers of [{}, { Cookie: `jellyfin=${'0'.repeat(32)}` }, { Cookie: 'jellyfin=0", Token="1' }]) {
      await assertStaysOut(site, headers, 401);
      for (const name of ['/me', '/library', `/films/${filmId('The demo')}`]) assert.equal(await statusOf(site, name, headers), 401, name);
    }
    for (const name of ['/auth/user', '/auth/viewer', '/ask/Users/Me', '/ask/login']) assert.equal(await statusOf(site, name, ada), 404, name);
  });

  it('takes no login from a form on another page, and tells Jellyfin whose it is', async () => {
    const body = JSON.stringify({ Username: 'ada', Pw: kPassword });
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', undefined]) {
      const answer = await request(site, { method: 'POST', path: '/login', body, headers: type ? { 'Content-Type': type } : {} });
      assert.equal(answer.status, 415);
      assert.equal(answer.headers['set-cookie'], undefined);
    }
    await headersOf('ada');
    const { headers } = jellyfin.requests.filter(({ url }) => url.endsWith('/AuthenticateByName')).at(-1);
    assert.equal(headers['x-forwarded-for'], '127.0.0.1');
  });

  it('counts the guesses of an address', async (t) => {
    const agent = new http.Agent({ localAddress: '127.0.0.77' });
    t.after(() => agent.destroy());
    const guesses = await Promise.all(Array.from({ length: 30 }, () => request(site, { method: 'POST', path: '/login', agent,
      json: { Username: 'ada', Pw: 'a guess' } })));
    const statuses = guesses.map(({ status }) => status);
    assert.ok(statuses.includes(401) && statuses.includes(429), statuses.join());
    assert.ok(statuses.every((status) => [401, 429].includes(status)), statuses.join());
  });

  it('shows each the own library', async () => {
    const names = async (user) => (await request(site, { path: '/library', headers: await headersOf(user) })).json().Items.map(({ Name }) => Name);
    assert.deepEqual(await names('ada'), ['The demo', 'For adults', 'An old one']);
    assert.deepEqual(await names('child'), ['The demo', 'An old one']);
  });

  it('gives a film to members of a session that has it, who may see it, and to no others', async () => {
    const [ada, bob, child] = [await headersOf('ada'), await headersOf('bob'), await headersOf('child')];
    const enter = async (headers, name) => {
      const socket = await connect(site, { extraHeaders: headers });
      assert.equal((await ask(socket, 'join_session', { sessionId: 'evening', userId: filmId(name), username: name })).success, true);
      return socket;
    };
    const leader = await enter(ada, 'ada');
    await enter(child, 'child');
    const id = filmId('For adults');
    assert.equal(await film(ada, id, 'evening'), 403);
    for (const mediaUrl of ['/jellyfin/System/Info', '/library', 'https://elsewhere.example/a.mp4']) {
      assert.equal((await ask(leader, 'load_media', { mediaUrl })).code, 'MEDIA_NOT_ALLOWED', mediaUrl);
    }
    await ask(leader, 'load_media', { mediaUrl: `/films/${id}` });
    assert.equal(await film(ada, id, 'evening'), 206);
    assert.equal(await film(bob, id, 'evening'), 403, 'not in the session');
    assert.equal(await film(child, id, 'evening'), 403, 'not in the library');
    assert.equal(await film(ada, filmId('The demo'), 'evening'), 403, 'not loaded');
    await ask(leader, 'load_media', { mediaUrl: `/films/${filmId('The demo')}` });
    assert.equal(await film(child, filmId('The demo'), 'evening'), 206);
  });

  it('asks Jellyfin seldom while a film is read', async () => {
    const ada = await headersOf('ada');
    const asked = () => jellyfin.requests.filter(({ url }) => url.endsWith('/Users/Me')).length;
    const before = asked();
    for (let i = 0; i < 20; i++) assert.equal(await film(ada, filmId('The demo'), 'none'), 403);
    assert.ok(asked() - before <= 2, `${asked() - before} times`);
  });

  it('has its own page below /jellyfin/', async () => {
    assert.equal((await request(site, { path: '/jellyfin/web/' })).body, 'Jellyfin');
  });

  it('plays for two in Chromium, with no token in any address, page or event', async () => {
    const enter = async (name) => {
      const page = await scene.open(`${site.url}/?movies`);
      await eventually('the login to be asked for', () => page.evaluate(() => document.querySelector('#login')?.hidden === false));
      await page.evaluate((user, password) => {
        const form = document.querySelector('#login');
        form.Username.value = user;
        form.Pw.value = password;
        form.requestSubmit();
      }, name, kPassword);
      await eventually('the library to be there', () => page.evaluate(() => document.querySelectorAll('#library button').length > 0));
      return page;
    };
    const ada = await enter('ada');
    await eventually('Ada to lead', () => ada.evaluate(() => !document.querySelector('#library').hidden));
    const bob = await enter('bob');
    assert.deepEqual(await ada.evaluate(() => [...document.querySelectorAll('#library button')].map((one) => one.textContent)), ['The demo', 'For adults']);
    await ada.evaluate(() => document.querySelector('#library button').click());
    await haveFilm([ada, bob], new RegExp(`/films/${filmId('The demo')}$`));
    await watchTogether(ada, [bob]);
    const told = fs.readFileSync(path.join(site.prefix, 'access.log'), 'utf8') + jellyfin.requests.map(({ url }) => url).join('\n') +
      await ada.evaluate(() => document.cookie + document.documentElement.outerHTML);
    for (const token of jellyfin.tokens.keys()) assert.ok(!told.includes(token));
    await assertNoProblems(ada, bob);
  });
});
