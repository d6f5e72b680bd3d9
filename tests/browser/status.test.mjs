// mediasync_status as a page: numbers without scripts, plots that move with them, and nothing from elsewhere.
import assert from 'node:assert/strict';
import { launchChromium } from '../client/harness/demo.mjs';
import { ask, request, room, Server } from '../client/harness/index.mjs';
import { after, before, describe, it } from '../client/harness/tests.mjs';
import { eventually } from './stage.mjs';

const kPhone = { width: 360, height: 740 };

describe('the status page', () => {
  let server;
  let chromium;
  const stop = async () => {
    await chromium?.stop();
    await server?.stop();
  };
  before(async () => {
    server = await Server.start({ workers: 2, http: 'mediasync_zone zone=other:2m;',
      locations: 'location = /night { mediasync_status *; } location = /barred { mediasync_status rooms; deny all; }' });
    chromium = await launchChromium();
  }, stop);
  after(stop);

  /** A page, and what it complained about or asked others for. */
  async function open(options = {}) {
    const context = await chromium.browser.newContext(options);
    const page = await context.newPage();
    const trouble = [];
    page.on('console', (message) => { if (message.type() === 'error') trouble.push(message.text()); });
    page.on('pageerror', (error) => trouble.push(error.message));
    page.on('request', (asked) => {
      const url = new URL(asked.url());
      if (url.origin !== server.url || !['/night'].includes(url.pathname)) {
        if (url.pathname !== '/favicon.ico') trouble.push(`asked for ${url}`);
      }
    });
    await page.goto(`${server.url}/night`);
    return { page, trouble, close: () => context.close() };
  }
  const tile = (page, figure) => page.locator(`section[data-zone="rooms"] .tile[data-figure="${figure}"]`);
  const pathOf = (page, figure) => tile(page, figure).locator('path').getAttribute('d');

  it('is for those who ask for HTML, and allow-listed like the JSON', async () => {
    const as = async (accept, path = '/night') => (await request(server, { path, headers: accept ? { Accept: accept } : {} }));
    const html = await as('text/html,application/xhtml+xml,*/*;q=0.8');
    assert.match(html.headers['content-type'], /^text\/html; charset=utf-8/);
    assert.match(html.headers['content-security-policy'], /^default-src 'none'; /);
    assert.equal(html.headers.vary, 'Accept');
    for (const accept of [undefined, '*/*', 'application/json']) {
      assert.match((await as(accept)).headers['content-type'], /^application\/json/, accept);
    }
    assert.match((await as(undefined, '/night?format=html')).headers['content-type'], /^text\/html/);
    assert.match((await as('text/html', '/night?format=json')).headers['content-type'], /^application\/json/);
    assert.match((await as(undefined, '/night?format=prometheus')).headers['content-type'], /^text\/plain; version/);
    assert.equal((await as('text/html', '/barred')).status, 403);
  });

  it('shows the numbers without JavaScript', async () => {
    await room(server);
    const { page, trouble, close } = await open({ javaScriptEnabled: false });
    assert.ok(Number(await tile(page, 'sessions').locator('b').innerText()) >= 1);
    assert.match(await page.locator('section[data-zone="other"] .tile[data-figure="zone_free_bytes"]').innerText(), /[KM]B/);
    assert.match(await page.locator('#state').innerText(), /need JavaScript/);
    assert.deepEqual(trouble, []);
    await close();
  });

  it('moves, and shows what happens', async () => {
    const { leader, followers: [follower] } = await room(server);
    const { page, trouble, close } = await open();
    const sessions = Number(await tile(page, 'sessions').locator('b').innerText());
    await room(server);
    await eventually('one session more', async () => Number(await tile(page, 'sessions').locator('b').innerText()) === sessions + 1);
    await eventually('a plot', async () => /^M.*L/.test(await pathOf(page, 'sessions') ?? ''));
    const before = await pathOf(page, 'sessions');
    await eventually('it to move', async () => await pathOf(page, 'sessions') !== before);
    await eventually('a rate', async () => {
      await ask(leader, 'sync_playback', { position: 1, isPlaying: true });
      return /^[1-9.][\d.,]*\/s$/.test(await tile(page, 'commands_total').locator('b').innerText());
    });
    const sockets = page.locator('section[data-zone="rooms"] td[data-figure="transport_connections_by_transport/websocket"]');
    const connected = Number(await sockets.innerText());
    await room(server);
    await eventually('two connections more', async () => Number(await sockets.innerText()) === connected + 2);
    const refusals = page.locator('section[data-zone="rooms"] td[data-figure="refusals_by_code/NOT_LEADER"]');
    assert.equal(await refusals.isVisible(), false);
    await ask(follower, 'sync_playback', { position: 1, isPlaying: true });
    await eventually('the refusal', async () => await refusals.isVisible() && await refusals.innerText() === '1');
    assert.deepEqual(trouble, []);
    await close();
  });

  it('lists the workers that there are, after a reload too', async () => {
    const { page, trouble, close } = await open();
    const listed = () => page.locator('section[data-zone="rooms"] td[data-figure^="worker_lag_seconds_by_worker/"]')
      .evaluateAll((cells) => cells.map((cell) => cell.parentElement.innerText.replace(/\s+/g, ' ').trim()));
    const slots = async () => (await listed()).map((row) => /^in slot (\d+) \S/.exec(row)?.[1]);
    const before = await slots();
    assert.equal(before.length, 2);
    await server.reload();
    await eventually('the new workers, and no others', async () => {
      const { zones } = (await request(server, { path: '/night?format=json' })).json();
      const now = Object.keys(zones.find(({ zone }) => zone === 'rooms').worker_lag_seconds_by_worker);
      const there = await slots();
      return now.length === 2 && JSON.stringify(there) === JSON.stringify(now) && !there.some((slot) => before.includes(slot));
    });
    assert.deepEqual(trouble, []);
    await close();
  });

  it('fits a phone', async () => {
    const { page, close } = await open({ viewport: kPhone });
    await page.locator('details').first().locator('summary').click();
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), 'nothing sticks out');
    await close();
  });

  it('says when the server does not answer, and goes on when it does', async () => {
    const { page, close } = await open();
    await eventually('the first figures', async () => /as of/.test(await page.locator('#state').innerText()));
    await page.route('**/night?format=json', (route) => route.fulfill({ status: 503 }));
    await eventually('the trouble', async () => /No newer figures: the server answers 503/.test(await page.locator('#state').innerText()));
    await page.unroute('**/night?format=json');
    await eventually('newer figures', async () => /as of/.test(await page.locator('#state').innerText()));
    await close();
  });
});
