// "if" and "limit_except" blocks inside an endpoint belong to it.
import assert from 'node:assert/strict';
import { checkConfiguration, configuration, connect, describe, fence, fits, it, join, rawWebSocket, request, rest,
  room, suite } from './harness/index.mjs';

const locations = `
    location /if/ { mediasync rooms; mediasync_timestamps milliseconds; if ($arg_x) { add_header X-If yes always; } }
    location /if-set/ { mediasync rooms; if ($arg_x) { set $y 1; } }
    location /except/ { mediasync rooms; mediasync_timestamps milliseconds; limit_except GET HEAD { allow all; } }
    location /except-deny/ { mediasync rooms; limit_except GET HEAD { deny all; } }
    location /if-api/sessions { mediasync_api rooms; client_max_body_size 2k; if ($arg_x) { add_header X-If yes always; } }
    location /except-api/sessions { mediasync_api rooms; client_max_body_size 2k; limit_except GET HEAD { allow all; } }
    location /except-deny-api/sessions { mediasync_api rooms; limit_except GET HEAD { deny all; } }
    location = /if-status { mediasync_status rooms format=prometheus; if ($arg_x) { add_header X-If yes always; } }
    location = /except-status { mediasync_status rooms; limit_except GET HEAD { allow all; } }
    location /both/ { mediasync rooms; if ($arg_x) { add_header X-If yes always; } limit_except GET HEAD { allow all; } }`;
const kCreate = { creatorId: 'boss', creatorName: 'Boss' };

suite('blocks inside endpoints', { locations }, (server, workers) => {
  /** Runs `body` and sees to it that the same workers serve afterwards. */
  const surviving = (title, body) => it(title, async () => {
    const before = server().workerPids();
    assert.equal(before.length, workers);
    await body();
    // As many fresh connections as it takes to have heard of every worker.
    const seen = new Set();
    for (let i = 0; i < 400 && (i < 8 || seen.size < 2); i++) seen.add((await request(server(), { path: '/status' })).worker);
    assert.deepEqual(server().workerPids(), before);
  });
  const isIf = (answer) => assert.equal(answer.headers['x-if'], 'yes', 'the block was entered');

  /** Engine.IO by hand, with `extra` in every URL. */
  async function converse(path, extra) {
    const url = `${path}?EIO=4&transport=polling${extra}`;
    const opening = await request(server(), { path: url });
    assert.equal(opening.status, 200, opening.body);
    const { sid } = JSON.parse(opening.body.slice(1));
    const post = (body) => request(server(), { method: 'POST', path: `${url}&sid=${sid}`, body });
    const posted = await post('40');
    assert.deepEqual([posted.status, posted.body], [200, 'ok']);
    const polled = await request(server(), { path: `${url}&sid=${sid}` });
    assert.match(polled.body, /^40\{"sid"/);
    const held = request(server(), { path: `${url}&sid=${sid}` });
    assert.equal((await post('42["heartbeat"]')).status, 200);
    const ack = await held;
    assert.equal(ack.status, 200);
    assert.match(ack.body, /^42\["heartbeat_ack"/);
    return { all: [opening, posted, polled, ack], ack: JSON.parse(ack.body.slice(2))[1] };
  }

  for (const [path, extra] of [['/if/', '&x=1'], ['/if/', ''], ['/if-set/', '&x=1'], ['/except/', ''], ['/both/', '&x=1'], ['/both/', '']]) {
    const where = `${path}${extra && ' with the condition met'}`;
    surviving(`leave ${where} serving polling`, async () => {
      const { all, ack } = await converse(path, extra);
      if (path === '/if/' && extra) all.forEach(isIf);
      const isMilliseconds = path === '/if/' || path === '/except/';
      assert.equal(ack.timestamp > 1e12, isMilliseconds, 'the settings are those of the location');
    });

    surviving(`leave ${where} serving WebSocket and upgrades`, async () => {
      const raw = await rawWebSocket(server(), { path: `${path}?EIO=4&transport=websocket${extra}` });
      raw.destroy();
      const query = extra ? { x: '1' } : {};
      for (const transport of ['websocket', 'polling', 'upgrade']) {
        const { leader, members } = await room(server(), { transport, options: () => ({ path, query }) });
        await fence(leader, members);
      }
    });
  }

  surviving('keep limit_except … deny from POST, and leave WebSocket alone', async () => {
    const opening = await request(server(), { path: '/except-deny/?EIO=4&transport=polling' });
    assert.equal(opening.status, 200);
    const { sid } = JSON.parse(opening.body.slice(1));
    const path = `/except-deny/?EIO=4&transport=polling&sid=${sid}`;
    assert.equal((await request(server(), { method: 'POST', path, body: '40' })).status, 403);
    await connect(server(), { path: '/except-deny/' });
    assert.equal((await rest(server(), 'POST', '/except-deny-api/sessions', kCreate)).status, 403);
    assert.equal((await request(server(), { path: '/except-deny-api/sessions' })).status, 200);
  });

  for (const [base, query] of [['/if-api/sessions', '?x=1'], ['/if-api/sessions', ''], ['/except-api/sessions', '']]) {
    surviving(`leave ${base}${query} serving REST`, async () => {
      const made = await rest(server(), 'POST', base + query, kCreate);
      assert.equal(made.status, 201, made.body);
      if (query) isIf(made);
      const { sessionId } = made.json();
      fits('created', made.json());
      assert.equal(made.headers.location, `${base}/${sessionId}`);
      const shown = await request(server(), { path: `${base}/${sessionId}${query}` });
      assert.equal(shown.status, 200, shown.body);
      fits('session', shown.json().session);
      const listed = await request(server(), { path: base + query });
      assert.ok(listed.json().sessions.some((one) => one.sessionId === sessionId));
      assert.equal((await request(server(), { method: 'HEAD', path: base + query })).status, 200);
      assert.equal((await request(server(), { path: `${base}/nope${query}` })).status, 404);
      assert.equal((await request(server(), { method: 'DELETE', path: base + query })).status, 405);
      const large = await rest(server(), 'POST', base + query, { ...kCreate, pad: 'x'.repeat(3000) });
      assert.equal(large.status, 413, 'client_max_body_size of the location counts');
      assert.equal(large.json().success, false);
      const joined = await join(await connect(server()), { sessionId, userId: 'boss' });
      assert.equal(joined.isLeader, true);
    });
  }

  surviving('leave the status serving', async () => {
    for (const path of ['/if-status?x=1', '/if-status']) {
      const answer = await request(server(), { path });
      assert.equal(answer.status, 200);
      assert.match(answer.body, /^mediasync_workers\{zone="rooms"\} \d+$/m, 'the format is that of the location');
      if (path.endsWith('x=1')) isIf(answer);
    }
    const answer = await request(server(), { path: '/except-status' });
    assert.equal(answer.status, 200);
    assert.equal(answer.json().zone, 'rooms');
    for (const path of ['/except-status', '/if-status?x=1', '/if-status']) {
      assert.equal((await request(server(), { method: 'POST', path, body: 'x' })).status, 405, path);
      assert.equal((await request(server(), { method: 'HEAD', path })).status, 200, path);
    }
  });
});

describe('nginx -t', () => {
  /** The verdict on one more location, and the line on which `directive` stands. */
  async function check(location, directive) {
    const text = configuration({ workers: 1, locations: location }, { http: 18080 });
    const line = text.split('\n').findIndex((one) => one.includes(directive)) + 1;
    return { ...await checkConfiguration(text), line };
  }

  for (const location of ['~ ^/rx/sessions', '~* \\.sessions$', '@named']) {
    it(`refuses mediasync_api in location ${location}`, async () => {
      const { ok, output, line } = await check(`location ${location} { mediasync_api rooms; }`, `location ${location} {`);
      assert.equal(ok, false, 'the configuration was taken');
      assert.match(output, new RegExp(`\\[emerg\\] .*"mediasync_api" directive .*prefix.* in \\S*nginx\\.conf:${line}\\n`));
    });
  }

  it('takes mediasync_api in locations with every kind of prefix', async () => {
    const { ok, output } = await check(`location = /a { mediasync_api rooms; } location ^~ /b { mediasync_api rooms; }
      location /c { mediasync_api rooms; }`, 'location = /a');
    assert.ok(ok, output);
  });

  it('takes the other endpoints in locations given by a regular expression', async () => {
    const { ok, output } = await check(`location ~ ^/rx/ { mediasync rooms; } location ~ ^/ry { mediasync_status rooms; }`, 'rx');
    assert.ok(ok, output);
  });

  it('takes if and limit_except inside each endpoint', async () => {
    for (const endpoint of ['mediasync', 'mediasync_api', 'mediasync_status']) {
      const { ok, output } = await check(`location /x/ { if ($arg_x) { set $y 1; } limit_except GET { deny all; } ${endpoint} rooms; }`, 'x');
      assert.ok(ok, output);
    }
  });
});
