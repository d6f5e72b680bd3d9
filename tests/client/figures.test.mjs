// What operators are shown at 3 am: each figure moves by what real clients do, one scrape has all zones, and Prometheus
// finds nothing to complain about.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { ask, checkConfiguration, configuration, connect, describe, it, pinnedSocket, RawConnection, repoRoot, request,
  rest, room, Server, suite, unique, until, upgradeRequest, waitFor } from './harness/index.mjs';
import { samples, valueOf } from './harness/scrape.mjs';

const kSessions = '/api/sessions';
const kCreate = { creatorId: 'boss', creatorName: 'Boss' };

suite('figures', {
  workerCounts: [2],
  http: 'mediasync_zone zone=other:2m;',
  sync: 'mediasync_ping_interval 500ms;',
  locations: `
    location = /metrics { mediasync_status rooms other format=prometheus; }
    location = /all { mediasync_status *; }
    location /other.io/ { mediasync other; mediasync_max_connections 1; }
    location /films/ { root html; mediasync_member rooms $arg_session nobody; }
    location /guarded/ { mediasync_api rooms; deny all; }
    location /named/ { mediasync rooms; mediasync_user $remote_user; }`,
}, (server) => {
  const scrape = async () => samples((await request(server(), { path: '/metrics' })).body);
  /** By how much a figure has grown after `act`. */
  async function growth(name, labels, act) {
    const value = async () => valueOf(await scrape(), name, { zone: 'rooms', ...labels });
    const before = await value();
    await act();
    // NGINX counts when it logs, which may be after the client has its answer.
    await until(`${name} to grow`, async () => await value() > before);
    return await value() - before;
  }
  const engine = (query, options = {}) => request(server(), { path: `/socket.io/?${query}`, ...options });

  it('come for all zones at once, and promtool finds no fault', async () => {
    await room(server());
    const answer = await request(server(), { path: '/metrics' });
    assert.match(answer.headers['content-type'], /^text\/plain; version=0\.0\.4/);
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: answer.body, encoding: 'utf8' });
    assert.deepEqual([status, stdout, stderr], [0, '', '']);
    const all = samples(answer.body);
    const zones = (name) => new Set(all.filter((one) => one.name === name).map((one) => one.labels.zone));
    for (const { name } of all) {
      if (name !== 'mediasync_build_info') assert.deepEqual(zones(name), new Set(['rooms', 'other']), name);
    }
    assert.ok(all.length < 600, `${all.length} samples: labels are bounded`);
  });

  it('come as JSON, of one zone or of all', async () => {
    const one = (await request(server(), { path: '/status' })).json();
    assert.equal(one.zone, 'rooms');
    assert.equal(typeof one.version, 'string');
    assert.equal(typeof one.refusals_total, 'number');
    assert.equal(typeof one.refusals_by_code.NOT_LEADER, 'number');
    assert.ok(Math.abs(one.start_time_seconds * 1000 - Date.now()) < 600_000);
    const all = (await request(server(), { path: '/all' })).json();
    assert.deepEqual(all.zones.map(({ zone }) => zone), ['rooms', 'other']);
    assert.deepEqual(Object.keys(all.zones[0]), Object.keys(one));
  });

  it('name every code that the documentation has for events', async () => {
    const docs = fs.readFileSync(path.join(repoRoot, 'docs/api.md'), 'utf8');
    const table = docs.slice(docs.indexOf('## Error codes'), docs.indexOf('## REST'));
    const codes = [...table.matchAll(/^\| `([A-Z_]+)` \| (?!Not about an event)/gm)].map(([, code]) => code);
    assert.ok(codes.length > 20);
    const known = (await request(server(), { path: '/status' })).json().refusals_by_code;
    for (const code of codes) assert.ok(code in known, code);
  });

  it('tell refused events by their code', async () => {
    const { followers: [follower] } = await room(server());
    assert.equal(await growth('refusals_total', { code: 'NOT_LEADER' },
      () => ask(follower, 'sync_playback', { position: 1, isPlaying: true })), 1);
  });

  it('tell why handshakes were turned away', async () => {
    const refused = (reason, act) => growth('handshakes_refused_total', { reason }, act);
    assert.equal(await refused('revision_3', () => engine('EIO=3&transport=polling')), 1);
    assert.equal(await refused('revision_3', () => engine('transport=polling')), 1);
    assert.equal(await refused('revision', () => engine('EIO=9&transport=polling')), 1);
    assert.equal(await refused('transport', () => engine('EIO=4&transport=pigeon')), 1);
    assert.equal(await refused('method', () => engine('EIO=4&transport=polling', { method: 'POST', body: '40' })), 1);
    assert.equal(await refused('malformed', () => engine('EIO=4&transport=websocket')), 1);
    const foreign = { headers: { Origin: 'https://evil.example' } };
    assert.equal(await refused('origin', () => engine('EIO=4&transport=polling', foreign)), 1);
    assert.equal(await refused('user', () => request(server(), { path: '/named/?EIO=4&transport=polling' })), 1);
    const other = () => request(server(), { path: '/other.io/?EIO=4&transport=polling' });
    assert.equal((await other()).status, 200);
    assert.equal(await growth('handshakes_refused_total', { zone: 'other', reason: 'connections' }, other), 1);
  });

  it('tell apart what is forbidden', async () => {
    const foreign = { headers: { Origin: 'https://evil.example' } };
    assert.equal(await growth('forbidden_total', { reason: 'origin' },
      () => rest(server(), 'GET', kSessions, undefined, foreign)), 1);
    assert.equal(await growth('forbidden_total', { reason: 'origin' }, () => engine('EIO=4&transport=polling', foreign)), 1);
    assert.equal(await growth('forbidden_total', { reason: 'member' },
      () => request(server(), { path: '/films/a.mp4?session=x' })), 1);
  });

  it('count sids that nobody has, of all requests', async () => {
    const sid = 'AAAAAAAAAAAAAAAAAAAAAA';
    assert.equal(await growth('unknown_sids_total', {}, async () => {
      assert.equal((await engine(`EIO=4&transport=polling&sid=${sid}`)).status, 400);
      assert.equal((await engine('EIO=4&transport=polling&sid=short')).status, 400);
      assert.equal((await engine(`EIO=4&transport=polling&sid=${sid}`, { method: 'POST', body: '40' })).status, 400);
      const raw = await RawConnection.open(server());
      raw.write(upgradeRequest(server(), { path: `/socket.io/?EIO=4&transport=websocket&sid=${sid}` }));
      assert.equal((await raw.response()).status, 400);
      raw.destroy();
    }), 4);
  });

  it("count REST's answers by status, those of NGINX as well", async () => {
    const answers = (status, act) => growth('rest_responses_total', { status }, act);
    assert.equal(await answers('201', () => rest(server(), 'POST', kSessions, kCreate)), 1);
    assert.equal(await answers('200', () => rest(server(), 'GET', kSessions)), 1);
    assert.equal(await answers('400', () => rest(server(), 'POST', kSessions, [])), 1);
    assert.equal(await answers('404', () => rest(server(), 'GET', `${kSessions}/nope`)), 1);
    assert.equal(await answers('405', () => rest(server(), 'DELETE', kSessions)), 1);
    assert.equal(await answers('403', () => rest(server(), 'GET', '/guarded/')), 1);
  });

  it('show connections by transport and revision', async () => {
    const count = async (transport) => valueOf(await scrape(), 'transport_connections', { zone: 'rooms', transport, revision: '4' });
    const before = await count('websocket');
    const socket = await connect(server());
    assert.equal(await count('websocket'), before + 1);
    const polling = await count('polling');
    const other = await connect(server(), { transport: 'polling' });
    assert.equal(await count('polling'), polling + 1);
    socket.close();
    other.close();
    await until('them to be gone', async () => (await count('websocket')) === before && (await count('polling')) === polling);
  });

  it('measure heartbeats, commands, broadcasts, and how far viewers are from the timeline', async () => {
    const { leader, followers: [follower] } = await room(server());
    const count = async (name) => valueOf(await scrape(), `${name}_seconds_count`, { zone: 'rooms' });
    const [commands, broadcasts, distances] = [await count('command'), await count('broadcast'), await count('desync')];
    await ask(leader, 'sync_playback', { position: 50, isPlaying: false });
    await waitFor(follower, 'playback_sync');
    await ask(follower, 'report_desync', { reportedPosition: 47, reportedTime: null });
    assert.ok(await count('command') >= commands + 2);
    assert.ok(await count('broadcast') >= broadcasts + 1);
    const all = await scrape();
    assert.equal(valueOf(all, 'desync_seconds_count', { zone: 'rooms' }), distances + 1);
    assert.equal(valueOf(all, 'desync_seconds_bucket', { zone: 'rooms', le: '4.194304' }), distances + 1);
    assert.equal(valueOf(all, 'desync_seconds_bucket', { zone: 'rooms', le: '2.097152' }), distances);
    await until('a heartbeat', async () => await count('heartbeat') > 0);
  });

  it('show the lag of each worker', async () => {
    const lags = (await scrape()).filter((one) => one.name === 'mediasync_worker_lag_seconds' && one.labels.zone === 'rooms');
    assert.equal(lags.length, 2);
    for (const { value } of lags) assert.ok(value >= 0 && value < 60, `${value}`);
    const [victim, other] = server().workerPids();
    const { socket } = await pinnedSocket(server(), (pid) => pid === other);
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    agent.createConnection = () => socket;
    process.kill(victim, 'SIGSTOP');
    try {
      await until('one to lag', async () => Math.max(
        ...samples((await request(server(), { path: '/metrics', agent })).body)
          .filter((one) => one.name === 'mediasync_worker_lag_seconds').map(({ value }) => value)) >= 1);
    } finally {
      process.kill(victim, 'SIGCONT');
      agent.destroy();
    }
  });
});

describe('a full zone', () => {
  it('is said in the error log with its name, and shows no memory for newcomers', async () => {
    const server = await Server.start({ workers: 1, zoneSize: '1m' });
    try {
      const status = async () => (await request(server, { path: '/status' })).json();
      assert.ok((await status()).zone_free_bytes > 0);
      for (let refused = 0; refused < 100;) {
        const answer = await rest(server, 'POST', kSessions, { creatorId: 'x'.repeat(128), creatorName: 'y'.repeat(256) });
        refused = answer.status === 507 ? refused + 1 : 0;
      }
      const full = await status();
      assert.equal(full.zone_free_bytes, 0);
      assert.ok(full.zone_full_total >= 100);
      assert.ok(full.rest_responses_by_status['507'] >= 100);
      const socket = await connect(server);
      const refusal = await ask(socket, 'join_session', { sessionId: unique('n'), userId: 'x'.repeat(128), username: 'y'.repeat(256) });
      assert.equal(refusal.code, 'ZONE_FULL');
      assert.ok((await status()).zone_full_total > full.zone_full_total);
      const lines = () => server.errorLog().match(/\[error\].* mediasync_zone "rooms" is full: .*/g) ?? [];
      await until('the line', () => lines().length > 0);
      assert.match(lines()[0], /is full: sessions, users or connections refused: \d+$/);
      assert.equal(lines().length, 1, 'once a minute');
    } finally {
      await server.stop();
    }
  });
});

describe('the age of what the state file lacks', () => {
  it('stays small while it is written', async () => {
    const server = await Server.start({ workers: 2, zone: 'state=rooms.state' });
    try {
      await room(server);
      const age = async () => (await request(server, { path: '/status' })).json().state_unsaved_age_seconds;
      await until('a write', async () => await age() > 0);
      await until('a newer one', async () => await age() < 1);
    } finally {
      await server.stop();
    }
  });
});

describe('mediasync_status', () => {
  const check = (locations) => checkConfiguration(configuration({ http: 'mediasync_zone zone=other:2m;', locations }, { http: 8080 }));

  it('takes several zones, or all', async () => {
    const { ok, output } = await check(`location /a { mediasync_status rooms other; } location /b { mediasync_status *; }
      location /c { mediasync_status * format=prometheus; } location /d { mediasync_status format=json other; }`);
    assert.ok(ok, output);
  });

  for (const [what, directive, message] of [
    ['a zone that is not there', 'mediasync_status rooms nosuch;', /zone "nosuch" is unknown/],
    ['a zone twice', 'mediasync_status rooms rooms;', /duplicate zone "rooms"/],
    ['zones beside all', 'mediasync_status rooms *;', /must name zones, or "\*" alone/],
    ['no zone', 'mediasync_status format=json;', /must name zones, or "\*" alone/],
    ['another format', 'mediasync_status rooms format=xml;', /invalid parameter "format=xml"/],
    ['a second endpoint', 'mediasync_status rooms; mediasync rooms;', /is duplicate/],
  ]) {
    it(`refuses ${what}`, async () => {
      const { ok, output } = await check(`location /a { ${directive} }`);
      assert.equal(ok, false);
      assert.match(output, message);
    });
  }
});
