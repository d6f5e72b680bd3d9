// A reload keeps the sessions of a zone, or is refused with the reason; where they are given up on purpose, it says how
// many there were.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { checkConfiguration, configuration, describe, enter, it, modulePath, rawWebSocket, received, request, rest, Server,
  state, unique, until } from './harness/index.mjs';

const kRefused = /\[emerg\].*mediasync_zone "rooms"/;

/** Runs `body({server, text, reload, refuse, log})` against a server of its own. */
function scene(title, body) {
  it(title, async () => {
    const server = await Server.start({ workers: 2 });
    const file = path.join(server.prefix, 'nginx.conf');
    const text = fs.readFileSync(file, 'utf8');
    const before = () => server.errorLog().length;
    let allow = null;
    try {
      await body({ server, text,
        /** Reloads with that configuration, and returns what the error log says of it. */
        async reload(config) {
          const at = before();
          fs.writeFileSync(file, config);
          await server.reload();
          return server.errorLog().slice(at);
        },
        /** The same, of one that is refused: the workers stay the same. */
        async refuse(config) {
          const at = before();
          const workers = server.workerPids();
          fs.writeFileSync(file, config);
          server.signal('SIGHUP');
          await until('the reload to be refused', () => kRefused.test(server.errorLog().slice(at)));
          allow = kRefused;
          assert.deepEqual(server.workerPids(), workers);
          return server.errorLog().slice(at);
        } });
    } finally {
      await server.stop({ allow });
    }
  });
}

const enterOne = (server) => enter(server, { sessionId: unique('room'), userId: 'ann', username: 'Ann' });
const larger = (text) => text.replace('zone=rooms:8m', 'zone=rooms:9m');
const elsewhere = (server, text) => {
  const copy = path.join(server.prefix, 'other_module.so');
  fs.copyFileSync(modulePath, copy);
  return text.replace(modulePath, copy);
};

describe('a reload with another zone', () => {
  scene('is refused when the size is another and sessions would be lost', async ({ server, text, refuse, reload }) => {
    const ann = await enterOne(server);
    await rest(server, 'POST', '/api/sessions', { creatorId: 'bob', creatorName: 'Bob' });
    for (const config of [larger(text), text.replace('rooms:8m', 'rooms:7m')]) {
      const log = await refuse(config);
      assert.match(log, new RegExp('\\[emerg\\] .*mediasync_zone "rooms" has another size, its sessions \\(2\\) would be lost: ' +
        'NGINX goes on with the old configuration, restart it or give the zone another name in .*nginx.conf:\\d+'));
    }
    assert.equal((await state(ann)).connectedCount, 1);
    await reload(text.replace('mediasync rooms; ', 'mediasync rooms; mediasync_max_payload 5000; '));
    assert.equal((await state(ann)).connectedCount, 1);
    assert.deepEqual(received(ann, 'disconnect'), []);
  });

  scene('is taken when the size is another and there are no sessions', async ({ server, text, reload }) => {
    const ann = await enterOne(server);
    ann.emit('leave_session');
    ann.disconnect();
    const size = async () => (await request(server, { path: '/status' })).json().zone_size_bytes;
    const raw = await rawWebSocket(server);
    const before = await size();
    // Ann's session is remembered, empty as it is.
    const log = await reload(text.replaceAll('rooms', 'halls'));
    assert.match(log, /\[warn\] .*mediasync_zone "rooms" is gone, and its sessions with it: 1$/m);
    assert.equal((await raw.closing()).code, 1001);
    assert.equal(await size(), before);
    const other = await rawWebSocket(server);
    const again = await reload(text.replaceAll('rooms', 'halls').replace('halls:8m', 'halls:9m'));
    assert.match(again, /\[notice\] .*mediasync_zone "halls" held no sessions and is made anew/);
    assert.doesNotMatch(again, /is gone/);
    assert.equal((await other.closing()).code, 1001);
    assert.ok(await size() > before);
    await enterOne(server);
  });

  scene('says what is lost when the zone is not there any more', async ({ server, text, reload }) => {
    await enterOne(server);
    const without = text.replace(/mediasync_zone [^;]*;/, 'limit_req_zone $remote_addr zone=rooms:1m rate=9r/s;')
      .replace(/location [^{]*\{ mediasync[^}]*\}/g, '');
    assert.match(await reload(without), /\[warn\] .*mediasync_zone "rooms" is gone, and its sessions with it: 1$/m);
    assert.doesNotMatch(await reload(without), /mediasync_zone/);
    await reload(text);
    await enterOne(server);
  });

  scene('is refused when the module comes from another file, as long as there are sessions',
    async ({ server, text, refuse, reload }) => {
      const other = elsewhere(server, text);
      assert.match(await reload(other), /\[notice\] .*mediasync_zone "rooms" held no sessions and is made anew/);
      const ann = await enterOne(server);
      const log = await refuse(text);
      assert.match(log, /\[emerg\] .*mediasync_zone "rooms" is of another module file, its sessions \(1\) would be lost: /);
      assert.equal((await state(ann)).connectedCount, 1);
      assert.doesNotMatch(await reload(other), /mediasync_zone/);
      assert.deepEqual(received(ann, 'disconnect'), []);
    });

  it('is no matter for nginx -t, which knows no zone that is there', async () => {
    const { ok, output } = await checkConfiguration(configuration({ workers: 1, zoneSize: '9m' }, { http: 18080 }));
    assert.ok(ok, output);
    assert.doesNotMatch(output, /mediasync_zone/);
  });
});
