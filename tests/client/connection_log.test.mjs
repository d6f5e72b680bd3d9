// mediasync_log: a line for each connection when it has ended, and a count of each reason.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { ask, close, closePayload, connect, describe, enter, frame, it, kClose, kText, Polling, rawWebSocket,
  repoRoot, request, Server, suite, unique, until, waitFor } from './harness/index.mjs';

const modules = '/usr/lib/nginx/modules';

const formats = `log_format ended escape=json '{"address":"$remote_addr","session":"$mediasync_session","user":"$mediasync_user",'
  '"socket":"$mediasync_socket","transport":"$mediasync_transport","protocol":"$mediasync_protocol",'
  '"duration":"$mediasync_duration","bytesIn":"$mediasync_bytes_received","bytesOut":"$mediasync_bytes_sent",'
  '"messagesIn":"$mediasync_messages_received","messagesOut":"$mediasync_messages_sent","reason":"$mediasync_reason",'
  '"code":"$mediasync_close_code","recovered":"$mediasync_recovered","time":"$request_time","status":"$status"}';`;
const http = `${formats} mediasync_log ended.log ended;`;

const textOf = (server, file = 'ended.log') => {
  try {
    return fs.readFileSync(path.join(server.prefix, file), 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return '';
    throw error;
  }
};
/** The lines of a file that are written to its end. */
const linesOf = (server, file) => textOf(server, file).split('\n').slice(0, -1);
const endings = (server, file) => linesOf(server, file).map((line) => JSON.parse(line));
const about = (server, user, file) => endings(server, file).filter((line) => line.user === user);
/** The one line about that user. */
const ending = async (server, user, file) => {
  await until(`a line about ${user}`, () => about(server, user, file).length > 0);
  const lines = about(server, user, file);
  assert.equal(lines.length, 1, JSON.stringify(lines));
  return lines[0];
};
const status = async (server) => (await request(server, { path: '/status' })).json();
const member = (server, options = {}) => enter(server, { sessionId: unique('room'), userId: unique('user'), username: 'U' }, options);

/** A raw WebSocket in a session; it counts the bytes that it sends. */
async function rawMember(server, options = {}) {
  const raw = await rawWebSocket(server, { bare: true, ...options });
  raw.userId = unique('raw');
  raw.sent = 0;
  raw.say = (data) => { raw.sent += data.length; raw.write(data); };
  raw.say(frame(kText, '40'));
  await raw.message((text) => text.startsWith('40'));
  raw.say(frame(kText, `42${JSON.stringify(['join_session', { sessionId: unique('room'), userId: raw.userId, username: 'R' }])}`));
  await raw.message((text) => text.startsWith('42["session_joined"'));
  return raw;
}

const fast = `location /fast/ { mediasync rooms; mediasync_ping_interval 300ms; mediasync_ping_timeout 200ms; }
  location /small/ { mediasync rooms; mediasync_max_payload 1000; }
  location /off/ { mediasync rooms; mediasync_log off; }
  location /default/ { mediasync rooms; mediasync_log default.log; }`;

suite('mediasync_log', { http, locations: fast }, (server) => {
  for (const [transport, last] of [['websocket', 'websocket'], ['polling', 'polling'], ['upgrade', 'websocket']]) {
    it(`has one line of a client over ${transport} that says goodbye`, async () => {
      const before = await status(server());
      const start = Date.now();
      const socket = await member(server(), { transport });
      const joined = Date.now();
      const { id, userId } = socket;
      for (let i = 0; i < 10; i++) await ask(socket, 'heartbeat');
      const sessionId = socket.joined.session.sessionId;
      const leaving = Date.now();
      await close(socket);
      const line = await ending(server(), userId);
      const took = Number(line.duration) * 1000;
      assert.ok(took >= leaving - joined - 5 && took <= Date.now() - start + 5, `${line.duration} s`);
      assert.match(line.duration, /^\d+\.\d{3}$/);
      assert.equal(line.session, sessionId);
      assert.equal(line.socket, id);
      assert.equal(line.address, '127.0.0.1');
      assert.equal(line.transport, last);
      assert.equal(line.protocol, '4');
      assert.equal(line.reason, 'client disconnect');
      assert.equal(line.code, last === 'websocket' ? '1005' : '');
      assert.equal(line.recovered, '0');
      assert.equal(line.status, last === 'websocket' ? '101' : '200');
      assert.ok(Number(line.messagesIn) >= 13 && Number(line.messagesIn) <= 16, line.messagesIn);
      assert.ok(Number(line.messagesOut) >= 13, line.messagesOut);
      assert.ok(Number(line.bytesIn) > 10 * 16 && Number(line.bytesOut) > 10 * 16, JSON.stringify(line));
      const now = await status(server());
      assert.equal(now.connections_ended_by_reason['client disconnect'], before.connections_ended_by_reason['client disconnect'] + 1);
    });
  }

  it('counts the bytes of a WebSocket', async () => {
    const raw = await rawMember(server());
    raw.say(frame(kClose, closePayload(4321, 'enough')));
    await raw.ended();
    const line = await ending(server(), raw.userId);
    assert.equal(line.bytesIn, String(raw.sent));
    assert.equal(line.messagesIn, '2');
    assert.equal(line.code, '4321');
  });

  it('counts the bytes of polls and POSTs, on whichever worker', async () => {
    const polling = await Polling.open(server());
    const userId = unique('poller');
    let sent = 2;
    const say = async (body) => {
      sent += body.length;
      return polling.post(body);
    };
    await say(`42${JSON.stringify(['join_session', { sessionId: 'r', userId, username: 'P' }])}`);
    await polling.event('session_joined');
    for (let i = 0; i < 6; i++) {
      await say('42["heartbeat"]');
      await polling.event('heartbeat_ack');
    }
    await say('1');
    const line = await ending(server(), userId);
    assert.equal(line.bytesIn, String(sent));
    assert.equal(line.messagesIn, '9');
    assert.equal(line.messagesOut, '9'); // open, connect, session_joined, six answers
    assert.equal(line.reason, 'client disconnect');
  });

  it('tells who broke the connection, was silent, sent nonsense, or too much', async () => {
    const before = (await status(server())).connections_ended_by_reason;
    const broken = await rawMember(server());
    broken.destroy();
    const silent = await rawMember(server(), { path: '/fast/?EIO=4&transport=websocket' });
    const hostile = await rawMember(server());
    hostile.write(Buffer.from([0x81, 0x01, 0x78])); // not masked
    const large = await rawMember(server(), { path: '/small/?EIO=4&transport=websocket' });
    large.write(frame(kText, `4${'x'.repeat(2000)}`));
    const expected = [[broken, 'transport close', '1006'], [silent, 'ping timeout', '1000'],
      [hostile, 'protocol error', '1002'], [large, 'payload too large', '1009']];
    for (const [{ userId }, reason, code] of expected) {
      const line = await ending(server(), userId);
      assert.deepEqual([line.reason, line.code], [reason, code]);
    }
    const { connections_ended_by_reason: now } = await status(server());
    for (const [, reason] of expected) assert.equal(now[reason], before[reason] + 1, reason);
  });

  it('tells of a client that came back before it was missed, and that it has recovered', async () => {
    const socket = await member(server());
    const { userId } = socket;
    const again = await connect(server(), { auth: { pid: socket._pid, offset: socket._lastOffset } });
    assert.equal(again._pid, socket._pid, 'it has recovered');
    assert.equal((await ending(server(), userId)).reason, 'replaced');
    await close(again);
    await until('a line about the other', () => about(server(), userId).length === 2);
    const last = about(server(), userId)[1];
    assert.deepEqual([last.reason, last.recovered], ['client disconnect', '1']);
  });

  it('escapes what clients call themselves, as access_log does', async () => {
    const userId = unique('a"b\\c é\u2028');
    await close(await enter(server(), { sessionId: 'r', userId, username: 'U' }, { path: '/default/' }));
    const safe = userId.replace(/["\\]|[^ -~]/gu, (c) =>
      [...Buffer.from(c)].map((byte) => `\\x${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''));
    await until('the line', () => textOf(server(), 'default.log').includes(`"${safe}"`));
  });

  it('has a format of its own when none is named', async () => {
    const socket = await member(server(), { path: '/default/' });
    const sessionId = socket.joined.session.sessionId;
    await close(socket);
    const own = () => linesOf(server(), 'default.log').filter((line) => line.includes(socket.userId));
    await until('the line', () => own().length > 0);
    assert.match(own()[0], new RegExp(String.raw`^127\.0\.0\.1 \[\d\d/\w+/\d{4}:[\d:]+ [+-]\d{4}\] "${sessionId}" "${socket.userId}" ` +
      String.raw`websocket \d+\.\d{3} \d+ \d+ \d+ \d+ "client disconnect" 1005$`));
  });

  it('is off where it says so, and there are counts nevertheless', async () => {
    const before = (await status(server())).connections_ended_by_reason['client disconnect'];
    const socket = await member(server(), { path: '/off/' });
    await close(socket);
    const marker = await member(server());
    await close(marker);
    await ending(server(), marker.userId);
    assert.ok(!textOf(server()).includes(socket.userId));
    await until('both to be counted', async () =>
      (await status(server())).connections_ended_by_reason['client disconnect'] >= before + 2);
  });

  it('goes on in a new file after USR1', async () => {
    const first = await member(server());
    await close(first);
    await ending(server(), first.userId);
    const file = path.join(server().prefix, 'ended.log');
    fs.renameSync(file, `${file}.1`);
    const socket = await member(server());
    server().signal('SIGUSR1');
    await until('a new file', () => fs.existsSync(file));
    await until('all to have it', () => server().workerPids().every((pid) => fs.readdirSync(`/proc/${pid}/fd`).every((fd) => {
      try {
        return !fs.readlinkSync(`/proc/${pid}/fd/${fd}`).endsWith('ended.log.1');
      } catch {
        return true; // closed meanwhile
      }
    })));
    await close(socket);
    assert.equal((await ending(server(), socket.userId)).reason, 'client disconnect');
    assert.equal(about(server(), socket.userId, 'ended.log.1').length, 0);
    assert.equal(about(server(), first.userId, 'ended.log.1').length, 1);
  });
});

/** Whatever has begun is there, or has ended once. */
const addsUp = (server) => until('the counts to add up', async () => {
  const now = await status(server);
  const ended = Object.values(now.connections_ended_by_reason).reduce((sum, count) => sum + count);
  return now.handshakes_total === now.connections + ended;
});

describe('mediasync_log over reloads and deaths', () => {
  it('counts each end once, over reloads, with clients that come and go', async () => {
    const server = await Server.start({ http });
    try {
      for (let round = 0; round < 3; round++) {
        const members = await Promise.all(Array.from({ length: 12 }, (_, i) =>
          member(server, { transport: ['websocket', 'polling', 'upgrade'][i % 3] })));
        await server.reload();
        await Promise.all(members.slice(round).map(close));
        await addsUp(server);
      }
      const { handshakes_total: begun, connections } = await status(server);
      await until('a line for each', () => linesOf(server).length === begun - connections);
    } finally {
      await server.stop();
    }
  });

  it('has one line of a WebSocket that was handed over, with all that it did', async () => {
    const server = await Server.start({ http });
    try {
      const raw = await rawMember(server);
      const polling = await Polling.open(server);
      const poller = unique('poller');
      await polling.post(`42${JSON.stringify(['join_session', { sessionId: 'r', userId: poller, username: 'P' }])}`);
      await polling.event('session_joined');
      const start = Date.now();
      await server.reload();
      await until('the handover', async () => (await status(server)).handovers_total === 1);
      await server.reload();
      await until('the other', async () => (await status(server)).handovers_total === 2);
      const took = Date.now() - start;
      raw.say(frame(kText, '42["heartbeat"]'));
      await raw.message((text) => text.startsWith('42["heartbeat_ack"'));
      assert.equal(textOf(server), '');
      raw.say(frame(kClose, closePayload(1000)));
      await polling.post('42["heartbeat"]');
      await polling.event('heartbeat_ack');
      await polling.post('1');
      const line = await ending(server, raw.userId);
      assert.deepEqual([line.reason, line.code, line.bytesIn, line.messagesIn], ['client disconnect', '1000', String(raw.sent), '3']);
      assert.ok(Number(line.duration) * 1000 >= took, `${line.duration} s of ${took} ms`);
      assert.equal((await ending(server, poller)).messagesIn, '4');
      assert.equal((await status(server)).connections_ended_by_reason['client disconnect'], 2);
    } finally {
      await server.stop();
    }
  });

  it('tells of those that a reload closes, over TLS', async () => {
    const server = await Server.start({ http, tls: true });
    try {
      const socket = await member(server, { tls: true });
      await server.reload();
      await waitFor(socket, 'disconnect');
      const line = await ending(server, socket.userId);
      assert.deepEqual([line.reason, line.code, line.address], ['reload', '1001', '127.0.0.1']);
    } finally {
      await server.stop();
    }
  });

  it('tells of those that the end of NGINX closes', async () => {
    const server = await Server.start({ http });
    const socket = await member(server);
    await server.stop({ keepClients: true, keepFiles: true });
    try {
      const line = await ending(server, socket.userId);
      assert.deepEqual([line.reason, line.code], ['shutdown', '1001']);
    } finally {
      socket.disconnect();
      fs.rmSync(server.prefix, { recursive: true });
    }
  });

  it('tells of those whose worker was killed what others know of them', async () => {
    const server = await Server.start({ http, workers: 2 });
    try {
      const raw = await rawMember(server);
      process.kill(raw.worker, 'SIGKILL');
      const line = await ending(server, raw.userId);
      assert.deepEqual([line.reason, line.bytesIn, line.messagesOut, line.address], ['worker died', '', '', '127.0.0.1']);
      assert.equal((await status(server)).connections_ended_by_reason['worker died'], 1);
    } finally {
      await server.stop({ allow: /exited on signal 9/ });
    }
  });
});

describe('mediasync_log in its ways', () => {
  it('takes conditions, several files, buffers, and paths with variables', async () => {
    const server = await Server.start({
      http: `${formats}
        map $mediasync_reason $is_loud { default 0; "protocol error" 1; }
        mediasync_log loud.log ended if=$is_loud;
        mediasync_log buffered.log ended buffer=64k flush=100ms;
        mediasync_log by-$mediasync_transport.log ended;`,
    });
    try {
      const quiet = await member(server, { transport: 'polling' });
      await close(quiet);
      const hostile = await rawMember(server);
      hostile.write(Buffer.from([0x81, 0x01, 0x78]));
      assert.equal((await ending(server, hostile.userId, 'loud.log')).reason, 'protocol error');
      await ending(server, quiet.userId, 'by-polling.log');
      await ending(server, hostile.userId, 'by-websocket.log');
      await ending(server, quiet.userId, 'buffered.log');
      await ending(server, hostile.userId, 'buffered.log');
      assert.equal(linesOf(server, 'loud.log').length, 1);
    } finally {
      await server.stop();
    }
  });

  it('has the last lines of buffers when NGINX is stopped at once', async () => {
    const server = await Server.start({ http: `${formats}
      mediasync_log buffered.log ended buffer=64k flush=1h;` });
    const lea = await rawMember(server);
    await server.stop({ keepClients: true, keepFiles: true, signal: 'SIGTERM' });
    assert.equal(linesOf(server, 'buffered.log').filter((line) => line.includes(lea.userId) && line.includes('shutdown')).length, 1);
    fs.rmSync(server.prefix, { recursive: true });
  });

  it('takes any variable of NGINX, of which most have nothing to say', async () => {
    const names = ['arg_a', 'args', 'binary_remote_addr', 'body_bytes_sent', 'bytes_sent', 'connection', 'connection_requests',
      'content_length', 'content_type', 'cookie_a', 'document_root', 'document_uri', 'host', 'hostname', 'http_user_agent',
      'http_x_forwarded_for', 'https', 'is_args', 'limit_rate', 'msec', 'nginx_version', 'pid', 'pipe', 'proxy_add_x_forwarded_for',
      'proxy_protocol_addr', 'query_string', 'realip_remote_addr', 'realpath_root', 'remote_addr', 'remote_port', 'remote_user',
      'request', 'request_body', 'request_body_file', 'request_completion', 'request_filename', 'request_id', 'request_length',
      'request_method', 'request_time', 'request_uri', 'scheme', 'sent_http_content_type', 'sent_http_last_modified',
      'sent_http_x_worker', 'sent_trailer_a', 'server_addr', 'server_name', 'server_port', 'server_protocol', 'ssl_protocol',
      'ssl_session_id', 'status', 'tcpinfo_rtt', 'time_iso8601', 'time_local', 'upstream_addr', 'upstream_response_time', 'uri',
      'mediasync_member', 'mediasync_reason'];
    const server = await Server.start({
      tls: true,
      http: `log_format all escape=json '{${names.map((name) => `"${name}":"$${name}"`).join(',')}}'; mediasync_log all.log all;
        log_format reason "$status [$mediasync_reason]"; access_log access.log reason;`,
      locations: `root tmp; location /alias/ { alias tmp/; mediasync rooms; }
        location ~ ^/regex/(?<part>.*) { alias tmp/$part; mediasync rooms; }`,
    });
    try {
      for (const options of [{ tls: true }, { path: '/alias/' }, { path: '/regex/' }, { transport: 'polling' }]) {
        const before = linesOf(server, 'all.log').length;
        await close(await connect(server, options));
        await until('the line', () => linesOf(server, 'all.log').length === before + 1);
        const line = endings(server, 'all.log').at(-1);
        assert.equal(line.mediasync_reason, 'client disconnect', JSON.stringify(line));
        assert.deepEqual([line.remote_addr, line.server_name, line.request_method], ['127.0.0.1', 'localhost', '']);
      }
      for (const line of linesOf(server, 'access.log')) assert.match(line, /^\d+ \[-\]$/);
    } finally {
      await server.stop();
    }
  });

  it('tells of whom a script has disconnected', async () => {
    const server = await Server.start({
      main: `load_module ${modules}/ndk_http_module.so; load_module ${modules}/ngx_http_lua_module.so;`,
      http: `${http} lua_package_path "${path.join(repoRoot, 'lua')}/?.lua;;";
        init_worker_by_lua_block { require("resty.mediasync").on("/", "bye", function(socket) socket:disconnect() end) }`,
      sync: 'mediasync_hooks on;',
    });
    try {
      const socket = await member(server);
      const polling = await member(server, { transport: 'polling' });
      for (const one of [socket, polling]) {
        one.emit('bye');
        await waitFor(one, 'disconnect');
        assert.equal((await ending(server, one.userId)).reason, 'kicked');
      }
    } finally {
      await server.stop();
    }
  });

  it('has counts for Prometheus, one for each reason', async () => {
    const server = await Server.start({ locations: 'location = /metrics { mediasync_status rooms format=prometheus; }' });
    try {
      await close(await connect(server));
      const text = async () => (await request(server, { path: '/metrics' })).body;
      await until('the count', async () =>
        /^mediasync_connections_ended_total\{zone="rooms",reason="client disconnect"\} 1$/m.test(await text()));
      const all = await text();
      assert.equal(all.match(/^# TYPE mediasync_connections_ended_total counter$/gm).length, 1);
      const reasons = [...all.matchAll(/^mediasync_connections_ended_total\{zone="rooms",reason="([^"]*)"\} \d+$/gm)].map(([, r]) => r);
      assert.deepEqual(reasons, Object.keys((await status(server)).connections_ended_by_reason));
      assert.ok(reasons.length >= 10 && new Set(reasons).size === reasons.length, reasons.join());
    } finally {
      await server.stop();
    }
  });
});
