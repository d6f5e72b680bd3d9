// The dashboard and the alert rules in monitoring/, by Debian's Prometheus.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { promisify } from 'node:util';
import { after, ask, before, connect, describe, it, kPatience, repoRoot, request, rest, room, Server, until } from './harness/index.mjs';
import { samples } from './harness/scrape.mjs';

const run = promisify(execFile);
const monitoring = path.join(repoRoot, 'monitoring');
const dashboard = JSON.parse(fs.readFileSync(path.join(monitoring, 'grafana.json'), 'utf8'));
const rules = fs.readFileSync(path.join(monitoring, 'alerts.yml'), 'utf8');

async function freePort() {
  const probe = net.createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');
  return port;
}

/** A Prometheus that looks at `server` twice a second. */
async function startPrometheus(server) {
  const port = await freePort();
  const folder = path.join(server.prefix, 'prometheus');
  fs.mkdirSync(folder);
  fs.writeFileSync(path.join(folder, 'prometheus.yml'), `
global: { scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 1s }
rule_files: [${path.join(monitoring, 'alerts.yml')}]
scrape_configs:
  - { job_name: mediasync, metrics_path: /metrics, static_configs: [{ targets: ['127.0.0.1:${server.port}'] }] }
`);
  const child = spawn('prometheus', [`--config.file=${folder}/prometheus.yml`, `--storage.tsdb.path=${folder}/data`,
    `--web.listen-address=127.0.0.1:${port}`], { stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  child.stderr.on('data', (chunk) => { log += chunk; });
  const ended = once(child, 'exit');
  const get = async (where) => (await request({ port }, { path: where })).json();
  await until('Prometheus to answer', async () => {
    assert.equal(child.exitCode, null, log);
    return get('/api/v1/status/runtimeinfo').then(({ status }) => status === 'success', () => false);
  });
  return {
    get,
    query: (text) => get(`/api/v1/query?query=${encodeURIComponent(text)}`),
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

const panels = dashboard.panels.filter(({ type }) => type !== 'row');
/** What Grafana makes of a query: all servers and zones, and a range of four scrapes. */
const filled = (expr) => expr.replaceAll('$instance', '.*').replaceAll('$zone', '.*').replaceAll('$__rate_interval', '10s');
// They have values only when something is wrong, or where there is Lua.
const kMayBeEmpty = /Lua hooks/;

describe('the alert rules', () => {
  it('fire when they should, by promtool', async () => {
    const { stdout } = await run('promtool', ['test', 'rules', path.join(monitoring, 'alerts_test.yml')], { timeout: 4 * kPatience });
    assert.match(stdout, /SUCCESS/);
    await run('promtool', ['check', 'rules', path.join(monitoring, 'alerts.yml')], { timeout: 4 * kPatience });
  });

  it('are each tested', () => {
    const tests = fs.readFileSync(path.join(monitoring, 'alerts_test.yml'), 'utf8');
    for (const [, name] of rules.matchAll(/alert: (\w+)/g)) assert.match(tests, new RegExp(`alertname: ${name}\n`), name);
  });

  it('are each explained', () => {
    const docs = fs.readFileSync(path.join(repoRoot, 'docs/monitoring.md'), 'utf8');
    for (const [, name] of rules.matchAll(/alert: (\w+)/g)) assert.ok(docs.includes(`\`${name}\``), name);
  });
});

describe('the dashboard', () => {
  let server;
  let prometheus;
  const stop = async () => {
    await prometheus?.stop();
    await server?.stop();
  };
  before(async () => {
    server = await Server.start({ workers: 2, zone: 'state=rooms.state', http: 'mediasync_zone zone=other:2m;',
      sync: 'mediasync_ping_interval 500ms;', locations: 'location = /metrics { mediasync_status * format=prometheus; }' });
    prometheus = await startPrometheus(server);
  }, stop);
  after(stop);

  it('asks Prometheus for what is there, and gets an answer for each panel', async () => {
    const { leader, followers: [follower] } = await room(server);
    const work = async () => {
      await ask(leader, 'sync_playback', { position: Math.random() * 100, isPlaying: true });
      await ask(follower, 'sync_playback', { position: 1, isPlaying: true });
      await ask(follower, 'report_desync', { reportedPosition: 1, reportedTime: null });
      await rest(server, 'GET', '/api/sessions/nope');
      await rest(server, 'GET', '/api/sessions', undefined, { headers: { Origin: 'https://evil.example' } });
      await request(server, { path: '/socket.io/?EIO=3&transport=polling' });
      (await connect(server, { transport: 'polling' })).close();
    };
    for (const panel of panels) {
      for (const { expr } of panel.targets) {
        let answer;
        const isFilled = () => answer.status === 'success' && (kMayBeEmpty.test(panel.title) ||
          (answer.data.result.length > 0 && answer.data.result.every(({ value }) => Number.isFinite(Number(value[1])))));
        await until(`values for "${panel.title}": ${expr}`, async () => {
          await work();
          answer = await prometheus.query(filled(expr));
          assert.equal(answer.status, 'success', `${expr}: ${answer.error}`);
          return isFilled();
        });
      }
    }
  });

  it('asks for the servers that are chosen, and tells them apart', () => {
    for (const { title, targets } of panels) {
      for (const { expr, legendFormat } of targets) {
        assert.match(expr, /\{instance=~"\$instance"/, title);
        if (/\{\{zone\}\}|\{\{version\}\}/.test(legendFormat)) assert.match(legendFormat, /\{\{instance\}\}/, title);
        assert.doesNotMatch(expr, /by \(zone\)/, title);
      }
    }
  });

  it('names figures that there are', async () => {
    const known = new Set(samples((await request(server, { path: '/metrics' })).body).map(({ name }) => name));
    const used = new Set([...`${JSON.stringify(dashboard)}${rules}`.matchAll(/\bmediasync_[a-z_]+/g)].map(([name]) => name));
    for (const name of used) assert.ok(known.has(name), name);
    assert.ok(used.size > 20);
  });

  it('has alert rules that Prometheus takes, and none fires in peace', async () => {
    const { data } = await prometheus.get('/api/v1/rules');
    const all = data.groups.flatMap((group) => group.rules);
    assert.equal(all.length, rules.match(/alert:/g).length);
    for (const rule of all) assert.notEqual(rule.health, 'err', `${rule.name}: ${rule.lastError}`);
    const paging = all.filter(({ state, labels }) => state === 'firing' && labels.severity === 'page').map(({ name }) => name);
    assert.deepEqual(paging, []);
  });
});

describe('docs/monitoring.md', () => {
  it('explains every figure', async () => {
    const docs = fs.readFileSync(path.join(repoRoot, 'docs/monitoring.md'), 'utf8');
    const server = await Server.start({ workers: 1, locations: 'location = /metrics { mediasync_status rooms format=prometheus; }' });
    try {
      const { body } = await request(server, { path: '/metrics' });
      for (const [, name] of body.matchAll(/^# TYPE mediasync_(\w+) /gm)) assert.ok(docs.includes(`\`${name}\``), name);
    } finally {
      await server.stop();
    }
  });
});
