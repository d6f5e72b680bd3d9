// The HTTP request of a WebSocket: what NGINX and its other modules make of it once the handshake is out.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { closePayload, frame, it, kClose, kText, RawConnection, rawWebSocket, request, suite, until,
  upgradeRequest } from './harness/index.mjs';

const at = (location) => `/${location}/?EIO=4&transport=websocket`;
const headers = { 'X-Real-IP': '192.0.2.7' };
const echo = 'mediasync_engine_echo rooms;';
const options = {
  workerCounts: [1],
  tls: true,
  http: `limit_conn_zone $binary_remote_addr zone=viewers:1m;
    log_format one '$uri $remote_addr $status $bytes_sent $request_time';`,
  server: 'access_log access.log one;',
  locations: `location /plain/ { ${echo} }
    location /limited/ { ${echo} limit_conn viewers 3; limit_conn_status 429; }
    location /mirrored/ { ${echo} mirror /copy; }
    location /authorized/ { ${echo} auth_request /permit; }
    location /behind/ { ${echo} set_real_ip_from 127.0.0.1; real_ip_header X-Real-IP; }
    location /reset/ { ${echo} lingering_close off; }
    location = /copy { internal; proxy_pass $scheme://127.0.0.1:$server_port/worker; }
    location = /permit { internal; proxy_pass $scheme://127.0.0.1:$server_port/worker; }
    location = /nginx { stub_status; }`,
};

const lines = (server, location) => fs.readFileSync(path.join(server.prefix, 'access.log'), 'utf8').split('\n')
  .filter((line) => line.startsWith(`/${location}/ `));

async function echoes(raw, text) {
  raw.write(frame(kText, `4${text}`));
  await raw.message((message) => message === `4${text}`);
}

async function leave(raw) {
  raw.write(frame(kClose, closePayload(1000)));
  await raw.ended();
}

async function nginxStatus(server) {
  const { body } = await request(server, { path: '/nginx' });
  return Object.fromEntries([['Active', 'Active connections'], ['Reading'], ['Writing'], ['Waiting']]
    .map(([name, title = name]) => [name, Number(new RegExp(`${title}: (\\d+)`).exec(body)[1])]));
}

const kQuiet = { Active: 1, Reading: 0, Writing: 1, Waiting: 0 };  // but for who asks

const settles = (server, expected) => until(JSON.stringify(expected), async () =>
  JSON.stringify(await nginxStatus(server)) === JSON.stringify(expected));

suite('the request of a WebSocket', options, (server) => {
  for (const location of ['plain', 'limited', 'mirrored', 'authorized', 'behind']) {
    for (const tls of [false, true]) {
      it(`is in the access log when it is open, and only once, in /${location}/ ${tls ? 'over TLS' : ''}`, async () => {
        const before = lines(server(), location).length;
        const raw = await rawWebSocket(server(), { path: at(location), headers, bare: true, tls });
        await until('the line', () => lines(server(), location).length === before + 1);
        await echoes(raw, 'hello');
        await leave(raw);
        await until('its end', async () => (await nginxStatus(server())).Active === 1);
        const all = lines(server(), location);
        assert.equal(all.length, before + 1);
        assert.equal(all.at(-1).split(' ')[1], location === 'behind' ? '192.0.2.7' : '127.0.0.1');
        assert.match(all.at(-1), / 101 \d{2,3} 0\.\d+$/);
      });
    }

    it(`may be long, with frames right behind it, in /${location}/`, async () => {
      const raw = await RawConnection.open(server());
      const long = Object.fromEntries([1, 2, 3, 4].map((i) => [`X-Long-${i}`, 'x'.repeat(3000)]));
      raw.write(Buffer.concat([
        Buffer.from(upgradeRequest(server(), { path: at(location), headers: long })),
        ...Array.from({ length: 100 }, (_, i) => frame(kText, `4early ${i}`)),
      ]));
      assert.equal((await raw.response()).status, 101);
      for (let i = 0; i < 100; i++) await raw.message((message) => message === `4early ${i}`);
      await echoes(raw, 'late');
      await leave(raw);
    });

    it(`may follow others on the connection, in /${location}/`, async () => {
      const raw = await RawConnection.open(server());
      const get = `GET /worker HTTP/1.1\r\nHost: localhost\r\nX-Long: ${'x'.repeat(3000)}\r\n\r\n`;
      raw.write(get + get + upgradeRequest(server(), { path: at(location) }));
      assert.equal((await raw.response()).status, 200);
      assert.equal((await raw.response()).status, 200);
      assert.equal((await raw.response()).status, 101);
      await echoes(raw, 'hello');
      await leave(raw);
    });
  }

  it('is counted by limit_conn for as long as the WebSocket is open', async () => {
    await until('the others to be gone', async () => (await nginxStatus(server())).Active === 1);
    const raws = [];
    for (let i = 0; i < 3; i++) raws.push(await rawWebSocket(server(), { path: at('limited'), bare: true }));
    for (const raw of raws) await echoes(raw, 'here');
    const refused = await RawConnection.open(server());
    refused.write(upgradeRequest(server(), { path: at('limited') }));
    assert.equal((await refused.response()).status, 429);
    refused.destroy();
    await leave(raws.pop());
    await until('there to be room again', async () => {
      const raw = await RawConnection.open(server());
      raws.push(raw);
      raw.write(upgradeRequest(server(), { path: at('limited') }));
      return (await raw.response()).status === 101;
    });
    for (const raw of raws) raw.destroy();
  });

  for (const location of ['plain', 'mirrored', 'authorized', 'behind']) {
    it(`no longer counts as one that is answered, in /${location}/: the connection is active alone`, async () => {
      await settles(server(), kQuiet);
      const raws = [];
      for (let i = 0; i < 20; i++) {
        raws.push(await rawWebSocket(server(), { path: at(location), headers, bare: true, tls: i % 2 === 0 }));
      }
      for (const raw of raws) await echoes(raw, 'hello');
      await settles(server(), { ...kQuiet, Active: 21 });
      for (const raw of raws.slice(0, 10)) raw.destroy();
      await Promise.all(raws.slice(10).map(leave));
      await settles(server(), kQuiet);
    });
  }

  it('has its say about lingering when the WebSocket ends', async () => {
    const raw = await rawWebSocket(server(), { path: at('reset'), bare: true });
    await leave(raw);
  });
});

suite('WebSockets that other workers have taken over', { ...options, tls: false, workerCounts: [2] }, (server) => {
  it('are counted as connections, and are not logged again', async () => {
    const raws = [];
    for (let i = 0; i < 12; i++) raws.push(await rawWebSocket(server(), { path: at('plain'), bare: true }));
    for (const raw of raws) await echoes(raw, 'before');
    for (let i = 0; i < 3; i++) {
      const old = await server().reload();
      await until('the old workers to end', () => old.every((pid) => !server().workerPids().includes(pid)), 20000);
      for (const raw of raws) await echoes(raw, `reload ${i}`);
      await settles(server(), { ...kQuiet, Active: 13 });
    }
    await Promise.all(raws.slice(0, 6).map(leave));
    for (const raw of raws.slice(6)) raw.destroy();
    await settles(server(), kQuiet);
    assert.equal(lines(server(), 'plain').length, 12);
  });
});
