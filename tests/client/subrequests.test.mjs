// Subrequests of a WebSocket's handshake, by every module that makes some: none takes the socket away, whenever and
// however it ends. And filters that wait for the end of a body.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import { once } from 'node:events';
import path from 'node:path';
import { afterEach } from 'node:test';
import { after, before, closePayload, describe, frame, it, kClose, kText, Polling, RawConnection, rawWebSocket, request,
  Server, until, upgradeRequest } from './harness/index.mjs';

const modules = '/usr/lib/nginx/modules';
const main = ['ndk_http', 'ngx_http_lua', 'ngx_http_js'].map((name) => `load_module ${modules}/${name}_module.so;`).join('\n');

/** Takes the requests of subrequests, and answers them when it is told to. */
async function slowServer() {
  const waiting = new Set();
  const listener = net.createServer((socket) => {
    waiting.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => waiting.delete(socket));
  }).listen(0, '127.0.0.1');
  await once(listener, 'listening');
  return {
    port: listener.address().port,
    waits: (count) => until(`${count} subrequests`, () => waiting.size >= count),
    answer(text) {
      for (const socket of waiting) {
        if (text === null) socket.resetAndDestroy(); else socket.end(text);
      }
    },
    close() {
      for (const socket of waiting) socket.destroy();
      listener.close();
    },
  };
}

const targets = {
  'return-404': 'return 404;',
  'return-500': 'return 500;',
  'return-204': 'return 204;',
  'return-301': 'return 301 /x;',
  'return-444': 'return 444;',
  'closed-port': 'proxy_pass http://127.0.0.1:1;',
  'missing-file': 'root nowhere;',
  denied: 'deny all;',
  works: 'proxy_pass $scheme://127.0.0.1:$server_port/worker;',
  lua: 'access_by_lua_block { ngx.exit(503) }',
};

// Each has `echo` appended.
const others = {
  'mirror-body': 'mirror /m/return-404; mirror_request_body off;',
  'mirror-two': 'mirror /m/return-404; mirror /m/works; mirror /m/closed-port;',
  'mirror-limited': 'mirror /m/return-404; limit_conn viewers 1000;',
  'mirror-444-limited': 'mirror /m/return-444; limit_conn viewers 1000;',
  authorized: 'auth_request /m/works;',
  'authorized-mirrored': 'auth_request /m/works; mirror /m/closed-port;',
  'lua-capture': `access_by_lua_block { ngx.location.capture("/m/return-404") ngx.location.capture("/m/closed-port")
    ngx.location.capture_multi { { "/m/return-500" }, { "/m/works" } } }`,
  'lua-thread': 'rewrite_by_lua_block { ngx.thread.spawn(function() ngx.location.capture("/m/return-404") end) }',
  'lua-body-filter': 'header_filter_by_lua_block { ngx.header.content_length = nil } body_filter_by_lua_block { local x = ngx.arg[1] }',
  njs: 'js_set $detached main.detached; add_header X-Detached $detached always;',
  ssi: 'ssi on; ssi_types *;',
  'ssi-last-modified': 'ssi on; ssi_types *; ssi_silent_errors on; ssi_last_modified on;',
  addition: 'add_before_body /m/works; add_after_body /m/return-404; addition_types *;',
  slice: 'slice 1k;',
  sub: 'sub_filter_types *; sub_filter sid SID; sub_filter_once off;',
  gzip: 'gzip on; gzip_types *; gzip_min_length 0; gunzip on;',
  'post-action': 'post_action /m/return-404;',
  'post-action-limited': 'post_action /m/closed-port; limit_conn viewers 1000;',
  late: 'mirror /m/slow;',
  'late-limited': 'mirror /m/slow; limit_conn viewers 1000;',
};

const script = `export default { detached };
function detached(r) { r.subrequest('/m/return-404', { detached: true }); return 'yes'; }
`;

const kEcho = 'mediasync_engine_echo rooms;';
const locationsOf = (slow) => [
  ...Object.entries(targets).map(([name, what]) => `location = /m/${name} { internal; ${what} }
    location /mirror-${name}/ { ${kEcho} mirror /m/${name}; }`),
  ...Object.entries(others).map(([name, what]) => `location /${name}/ { ${kEcho} ${what} }`),
  `location = /m/slow { internal; proxy_pass http://127.0.0.1:${slow.port}; proxy_http_version 1.1; }`,
  'location = /nginx { stub_status; }',
].join('\n');
const places = [...Object.keys(targets).map((name) => `mirror-${name}`),
  ...Object.keys(others).filter((name) => !name.startsWith('late'))];

const at = (location) => `/${location}/?EIO=4&transport=websocket`;
const opened = new Set();

async function open(server, location, tls = false) {
  const raw = await rawWebSocket(server, { path: at(location), bare: true, tls });
  opened.add(raw);
  return raw;
}

async function echoes(raw, text) {
  raw.write(frame(kText, `4${text}`));
  await raw.message((message) => message === `4${text}`);
}

async function leave(raw) {
  raw.write(frame(kClose, closePayload(1000)));
  await raw.ended();
}

const active = async (server) =>
  Number(/Active connections: (\d+)/.exec((await request(server, { path: '/nginx' })).body)[1]);
const connections = async (server) => (await request(server, { path: '/status' })).json().connections;

describe('a WebSocket and subrequests', () => {
  let slow;
  let server;
  before(async () => {
    slow = await slowServer();
    server = await Server.start({
      workers: 2,
      tls: true,
      main,
      http: `limit_conn_zone $binary_remote_addr zone=viewers:1m; js_path .; js_import main from tmp/main.js;
        log_format one '$uri $status';`,
      server: 'access_log access.log one;',
      locations: locationsOf(slow),
      prepare: (prefix) => fs.writeFileSync(path.join(prefix, 'tmp/main.js'), script),
    });
  });
  after(async () => {
    slow?.close();
    await server?.stop();
  });

  // What a test that failed has left.
  afterEach(() => {
    for (const raw of opened) raw.destroy();
    opened.clear();
    slow.answer(null);
  });

  const allGone = async () => {
    await until('no connection to be left', async () => (await connections(server)) === 0);
    await until('NGINX to have closed them', async () => (await active(server)) === 1);
  };

  for (const place of places) {
    for (const tls of [false, true]) {
      it(`lives on in /${place}/ ${tls ? 'over TLS' : ''}`, async () => {
        const raw = await RawConnection.open(server, { tls });
        opened.add(raw);
        raw.write(Buffer.concat([Buffer.from(upgradeRequest(server, { path: at(place) })), frame(kText, '4early')]));
        assert.equal((await raw.response()).status, 101);
        await raw.message((message) => message === '4early');
        for (let i = 0; i < 5; i++) await echoes(raw, `text ${i}`);
        const lost = await open(server, place, tls);
        await echoes(lost, 'hello');
        lost.destroy();
        await leave(raw);
        await allGone();
      });
    }
  }

  for (const name of Object.keys(targets).filter((one) => one !== 'return-444')) {
    it(`leaves polling in /mirror-${name}/ alone`, async () => {
      const polling = await Polling.open(server, { path: `/mirror-${name}/`, connectNamespace: false });
      for (let i = 0; i < 3; i++) {
        const polled = polling.poll();
        assert.equal((await polling.post(`4text ${i}`)).status, 200);
        assert.equal((await polled).body, `4text ${i}`);
      }
      await polling.post('1');
    });
  }

  // How a subrequest ends that is still at work when the WebSocket is open.
  const ends = {
    'with an error page': 'HTTP/1.1 500 Broken\r\nContent-Length: 3\r\n\r\nno\n',
    'with an answer': 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes',
    'with no HTTP': 'nonsense\r\n\r\n',
    'with a reset': null,
  };
  for (const place of ['late', 'late-limited']) {
    for (const [title, answer] of Object.entries(ends)) {
      for (const tls of [false, true]) {
        it(`lives on when a subrequest of /${place}/ ends late ${title}${tls ? ', over TLS' : ''}`, async () => {
          const raw = await open(server, place, tls);
          await slow.waits(1);
          await echoes(raw, 'before');
          slow.answer(answer);
          await until('the subrequest to be over', async () => (await active(server)) <= (place === 'late' ? 2 : 3));
          for (let i = 0; i < 5; i++) await echoes(raw, `after ${i}`);
          await leave(raw);
          await allGone();
        });
      }
    }
  }

  for (const tls of [false, true]) {
    it(`may end before its subrequest does${tls ? ', over TLS' : ''}`, async () => {
      for (const place of ['late', 'late-limited']) {
        const raw = await open(server, place, tls);
        await slow.waits(1);
        await echoes(raw, 'before');
        await leave(raw);
        await until('it to be gone', async () => (await connections(server)) === 0);
        slow.answer(null);
        await allGone();
      }
    });
  }

  it('is in the access log once, while the subrequest is at work and afterwards', async () => {
    const lines = () => fs.readFileSync(path.join(server.prefix, 'access.log'), 'utf8').split('\n')
      .filter((line) => line === '/late/ 101').length;
    const earlier = lines();
    const raw = await open(server, 'late');
    await slow.waits(1);
    assert.equal(lines(), earlier + 1);
    slow.answer(null);
    await until('the subrequest to be over', async () => (await active(server)) === 2);
    await leave(raw);
    await allGone();
    assert.equal(lines(), earlier + 1);
  });

  it('goes to the workers of the next configuration while its subrequest is at work', async () => {
    const raws = [];
    for (let i = 0; i < 8; i++) raws.push(await open(server, i % 2 === 0 ? 'late' : 'mirror-return-404'));
    await slow.waits(4);
    for (const raw of raws) await echoes(raw, 'before');
    const { handovers_total: handovers } = (await request(server, { path: '/status' })).json();
    server.signal('SIGHUP');
    await until('them to be handed over', async () =>
      (await request(server, { path: '/status' })).json().handovers_total === handovers + raws.length);
    for (const raw of raws) await echoes(raw, 'handed over');
    slow.answer(null);
    for (const raw of raws) await echoes(raw, 'after');
    await Promise.all(raws.map(leave));
    await allGone();
  });
});

// Parts of a page come in its order: those whose turn has not come wait with their pieces.
describe('the list of sessions as parts of a page', () => {
  const kSessions = 1500; // several pieces
  const part = '<!--#include virtual="/api/sessions" -->';
  let server;
  before(async () => {
    server = await Server.start({
      workers: 1,
      main,
      zoneSize: '32m',
      server: 'mediasync_limit_sessions off; mediasync_limit_replies off; subrequest_output_buffer_size 4m;',
      locations: `location = /nginx { stub_status; }
        location = /page { ssi on; default_type text/html; return 200 '${part}\n${part}\n${part}'; }
        location = /captured { content_by_lua_block { ngx.print(ngx.location.capture("/api/sessions").body) } }
        location = /mirrored { mirror /api/sessions; return 204; }`,
    });
    for (let i = 0; i < kSessions; i++) {
      const { status } = await request(server, {
        method: 'POST', path: '/api/sessions', body: JSON.stringify({ creatorId: `user-${i}`, creatorName: 'Ada' }),
        headers: { 'Content-Type': 'application/json' },
      });
      assert.equal(status, 201);
    }
  });
  after(() => server?.stop());

  const isWhole = (text) => assert.equal(JSON.parse(text).sessions.length, kSessions);

  it('is whole in each of three parts', async () => {
    const { body } = await request(server, { path: '/page' });
    const parts = body.split('\n');
    assert.equal(parts.length, 3);
    parts.forEach(isWhole);
  });

  it('is whole when a script captures it', async () => {
    isWhole((await request(server, { path: '/captured' })).body);
  });

  it('is made for nobody when a request is mirrored', async () => {
    assert.equal((await request(server, { path: '/mirrored' })).status, 204);
    await until('NGINX to have ended it', async () => (await active(server)) === 1);
  });
});
