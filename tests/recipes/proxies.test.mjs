// docs/recipes/behind-a-proxy.md and below-a-prefix.md, with an NGINX and a HAProxy in front.
import assert from 'node:assert/strict';
import path from 'node:path';
import { startGroup } from '../browser/browsers/processes.mjs';
import { request, rest } from '../client/harness/http.mjs';
import { after, before, describe, it } from '../client/harness/tests.mjs';
import { open, waitFor } from '../client/harness/client.mjs';
import { filesOf } from './harness/page.mjs';
import { addressSeen, assertRelays, secondsOf } from './harness/relay.mjs';
import { freePorts, openSite } from './harness/site.mjs';
import { assertNoProblems, chromium, eventually, haveFilm, watchTogether } from './harness/watching.mjs';

const kProxies = 'recipes/behind-a-proxy.md';
const kPrefix = 'recipes/below-a-prefix.md';
const kPings = 25 + 20; // seconds; the defaults of ping interval and ping timeout

describe('behind a proxy', { concurrency: 1 }, () => {
  let site;
  let ports;
  before(async () => {
    ports = await freePorts('haproxy');
    site = await openSite(kProxies, { port: '3000', ports: { 8080: ports.haproxy }, only: (name) => !/edge|cloudflare/.test(name) });
  });
  after(() => site?.stop());

  const times = (name, pattern) => secondsOf(filesOf(kProxies)[name], pattern);

  it('works by NGINX', async (t) => {
    const edge = await openSite(kProxies, { port: '8080', ports: { 3000: site.port }, only: (name) => name.includes('edge') });
    t.after(() => edge.stop());
    await assertRelays(edge);
    assert.equal(await addressSeen(site, edge.port, '127.0.0.9'), '127.0.0.9');
    assert.equal(await addressSeen(site, edge.port, '127.0.0.9', { 'X-Forwarded-For': '192.0.2.1' }), '127.0.0.9');
    assert.ok(times('/etc/nginx/conf.d/edge.conf', /proxy_read_timeout (\d+)s/) > kPings);
  });

  it('works by HAProxy', async (t) => {
    const haproxy = startGroup('haproxy', ['-db', '-f', path.join(site.prefix, 'etc/haproxy/haproxy.cfg')], { stdio: 'inherit' });
    t.after(() => haproxy.stop());
    const front = { url: `http://127.0.0.1:${ports.haproxy}`, port: ports.haproxy, onStop: (act) => site.onStop(act) };
    await eventually('HAProxy to listen', () => request(front, { path: '/' }).catch(() => null));
    await assertRelays(front);
    assert.equal(await addressSeen(site, front.port, '127.0.0.9'), '127.0.0.9');
    assert.equal(await addressSeen(site, front.port, '127.0.0.9', { 'X-Forwarded-For': '192.0.2.1' }), '127.0.0.9');
    for (const name of ['client', 'server', 'tunnel']) assert.ok(times('/etc/haproxy/haproxy.cfg', new RegExp(`timeout ${name} +(\\d+)s`)) > kPings);
  });

  it('admits pages of the scheme alone that the proxy names', async () => {
    const ask = async (scheme) => (await request(site, { path: '/socket.io/?EIO=4&transport=polling',
      headers: { Host: 'watch.example.org', Origin: 'https://watch.example.org', 'X-Forwarded-Proto': scheme } })).status;
    assert.deepEqual([await ask('https'), await ask('http')], [200, 403]);
  });

  it("believes Cloudflare's header from nobody else", async (t) => {
    const lines = filesOf(kProxies)['/etc/nginx/cloudflare.conf'];
    const plain = await openSite(kProxies, { port: '3000', only: (name) => name.endsWith('watch.conf'),
      change: (text) => {
        const changed = text.replace(/^ *set_real_ip_from .*\n *real_ip_header .*\n/m, lines);
        assert.notEqual(changed, text);
        return changed;
      } });
    t.after(() => plain.stop());
    assert.equal(await addressSeen(plain, plain.port, '127.0.0.9', { 'CF-Connecting-IP': '192.0.2.1' }), '127.0.0.9');
  });
});

describe('below a prefix', { concurrency: 1 }, () => {
  const scene = chromium();

  /** Clients, REST and two people by way of `front`. */
  async function assertWorks(front) {
    const prefix = '/watch';
    await assertRelays(front, { path: `${prefix}/socket.io` });
    const created = await rest(front, 'POST', `${prefix}/api/sessions`, { creatorId: 'boss', creatorName: 'Boss' });
    assert.equal(created.status, 201);
    const { pathname } = new URL(created.headers.location, front.url);
    assert.equal(pathname, `${prefix}/api/sessions/${created.json().sessionId}`);
    assert.equal((await request(front, { path: pathname })).status, 200);
    const ada = await scene.open(`${front.url}${prefix}/`);
    await haveFilm([ada], /\/watch\/films\/demo\.mp4$/);
    const bob = await scene.open(`${front.url}${prefix}/`);
    await haveFilm([bob]);
    await watchTogether(ada, [bob]);
    await assertNoProblems(ada, bob);
    await Promise.all([ada.close(), bob.close()]);
  }

  it('works by its own path', async (t) => {
    const site = await openSite(kPrefix, { only: (name) => !/edge|inner/.test(name) });
    t.after(() => site.stop());
    await assertWorks(site);
    const lost = open(site, { namespace: '/watch', path: '/watch/socket.io' });
    assert.equal((await waitFor(lost, 'connect_error')).message, 'Invalid namespace');
  });

  it('works by a proxy that takes it away', async (t) => {
    const site = await openSite(kPrefix, { port: '3000', only: (name) => !/edge|conf\.d\/watch/.test(name) });
    t.after(() => site.stop());
    const edge = await openSite(kPrefix, { port: '8080', ports: { 3000: site.port }, only: (name) => name.includes('edge') });
    t.after(() => edge.stop());
    await assertWorks(edge);
    assert.equal(await addressSeen(site, edge.port, '127.0.0.9', {}, '/watch'), '127.0.0.9');
    assert.equal(await addressSeen(site, edge.port, '127.0.0.9', { 'X-Forwarded-For': '192.0.2.1' }, '/watch'), '127.0.0.9');
  });
});
