// The rules in lua/examples/, as an operator would load them; and users that NGINX's auth_request knows, without Lua.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { after, ask, before, close, configuration, connect, deadline, describe, it, join, kPatience, open, Polling,
  received, refused, repoRoot, request, suite, unique, until, waitFor, workerAgent } from './harness/index.mjs';

const modules = '/usr/lib/nginx/modules';
const kinds = ['polling', 'websocket', 'upgrade'];
const joining = (sessionId, userId, more = {}) => ({ sessionId, userId, username: userId, ...more });
const problems = (server) => server.errorLog().split('\n').filter((line) => /\[(?:warn|error)\]/.test(line));

/**
 * A suite with one of the rules. `env()` is asked when NGINX is started; `log` is what its error log must hold when all
 * is done, each once and in this order.
 */
function example(name, { title = '', env = () => ({}), http: more = '', locations = '', log = [] }, body) {
  const config = (server) => configuration({
    main: `load_module ${modules}/ndk_http_module.so; load_module ${modules}/ngx_http_lua_module.so;
      ${Object.entries(env()).map(([variable, value]) => `env "${variable}=${value}";`).join(' ')}`,
    http: `lua_package_path "${repoRoot}/lua/?.lua;;"; lua_socket_log_errors off; ${more}
      init_worker_by_lua_file ${repoRoot}/lua/examples/${name}.lua;`,
    sync: 'mediasync_hooks on;',
    locations,
  }, { http: server.port });
  suite(`${name}.lua${title}`, { config, workerCounts: [2] }, (server) => {
    body(server);
    it('leaves nothing in the error log but what was provoked', () => {
      const lines = problems(server());
      assert.equal(lines.length, log.length, lines.join('\n'));
      log.forEach((pattern, i) => assert.match(lines[i], pattern));
    });
  });
}

/** A location that ends the session of its argument. */
const ending = `location = /end { content_by_lua_block {
  assert(require "resty.mediasync".end_session(ngx.req.get_uri_args().session))
} }`;
const end = async (server, sessionId) =>
  assert.equal((await request(server, { path: `/end?session=${sessionId}` })).status, 200);

/** An HTTP server of the operator's, as {port, stop}. */
async function serve(handler) {
  const server = http.createServer(handler).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const stop = async () => {
    if (!server.listening) return;
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  };
  return { port: server.address().port, stop };
}

/** What the client is told that cannot connect. */
async function notConnected(server, options) {
  const socket = open(server, options);
  await waitFor(socket, 'connect_error');
  return received(socket, 'connect_error')[0];
}

// ---- jwt.lua

const kLeeway = 5; // seconds, as there
const secret = 'a key that is not shorter than its signatures';
const now = () => Math.floor(Date.now() / 1000);
const base64url = (value) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

function jwt(claims, { header = { alg: 'HS256', typ: 'JWT' }, key = secret, hash = 'sha256' } = {}) {
  const text = `${base64url(header)}.${base64url(claims)}`;
  return `${text}.${createHmac(hash, key).update(text).digest('base64url')}`;
}
const tokenOf = (sub, more = {}, how = {}) => jwt({ sub, exp: now() + 60, ...more }, how);
const headed = (header, how = {}) => tokenOf('ann', {}, { header, ...how });

/** `token` with one bit of its signature flipped. */
function damaged(token) {
  const [header, payload, signature] = token.split('.');
  const bytes = Buffer.from(signature, 'base64url');
  bytes[31] ^= 1;
  return `${header}.${payload}.${bytes.toString('base64url')}`;
}

const unsigned = (header) => headed(header).replace(/[^.]*$/, '');
const swapped = () => [tokenOf('eve').split('.'), tokenOf('ann').split('.')]
  .reduce(([header, , signature], [, payload]) => `${header}.${payload}.${signature}`);

const kRefusedTokens = [
  ['none at all', () => undefined, 'NO_TOKEN'],
  ['null', () => null, 'NO_TOKEN'],
  ['a number', () => 7, 'NO_TOKEN'],
  ['an object', () => ({ alg: 'none' }), 'NO_TOKEN'],
  ['nothing', () => '', 'BAD_TOKEN'],
  ['garbage', () => 'garbage', 'BAD_TOKEN'],
  ['only dots', () => '..', 'BAD_TOKEN'],
  ['no signature', () => unsigned({ alg: 'HS256' }), 'BAD_TOKEN'],
  ['a fourth part', () => `${tokenOf('ann')}.e30`, 'BAD_TOKEN'],
  ['bad base64', () => 'a.b.c', 'BAD_TOKEN'],
  ['bytes that are none of base64', () => tokenOf('ann').replace('.', '+/=.'), 'BAD_TOKEN'],
  ['a header that is no JSON', () => headed('{"alg":"HS256"'), 'BAD_TOKEN'],
  ['a header that is a list', () => headed(['HS256']), 'BAD_TOKEN'],
  ['a header that is null', () => headed('null'), 'BAD_TOKEN'],
  ['claims that are no JSON', () => jwt('ann'), 'BAD_TOKEN'],
  ['claims that are a text', () => jwt('"ann"'), 'BAD_TOKEN'],
  ['another key', () => tokenOf('ann', {}, { key: 'another key' }), 'BAD_TOKEN'],
  ['another bit', () => damaged(tokenOf('ann')), 'BAD_TOKEN'],
  ['the signature of another', swapped, 'BAD_TOKEN'],
  ['alg none', () => headed({ alg: 'none' }), 'BAD_TOKEN'],
  ['alg none, and no signature', () => unsigned({ alg: 'none' }), 'BAD_TOKEN'],
  ['another alg', () => headed({ alg: 'HS512' }, { hash: 'sha512' }), 'BAD_TOKEN'],
  ['no alg', () => headed({}), 'BAD_TOKEN'],
  ['something critical', () => headed({ alg: 'HS256', crit: ['b64'] }), 'BAD_TOKEN'],
  ['no user', () => jwt({ exp: now() + 60 }), 'BAD_TOKEN'],
  ['a user that is a number', () => tokenOf(7), 'BAD_TOKEN'],
  ['no end', () => jwt({ sub: 'ann' }), 'BAD_TOKEN'],
  ['an end that is a text', () => tokenOf('ann', { exp: String(now() + 60) }), 'BAD_TOKEN'],
  ['a beginning that is a text', () => tokenOf('ann', { nbf: 'now' }), 'BAD_TOKEN'],
  ['an end that has come', () => tokenOf('ann', { exp: now() - 60 }), 'TOKEN_EXPIRED'],
  ['a beginning that has yet to come', () => tokenOf('ann', { nbf: now() + 60 }), 'TOKEN_TOO_EARLY'],
];

const counting = `location = /subjects { content_by_lua_block {
  ngx.print(#ngx.shared.jwt_subjects:get_keys())
} }`;

example('jwt', {
  env: () => ({ JWT_SECRET: secret }),
  http: 'lua_shared_dict jwt_subjects 1m;',
  locations: counting,
}, (server) => {
  for (const transport of kinds) {
    it(`lets in whom a token names, as nobody else, over ${transport}`, async () => {
      const sessionId = unique('room');
      const socket = await connect(server(), { transport, auth: { token: tokenOf('ann', { nbf: now() }) } });
      await refused(socket, 'join_session', [joining(sessionId, 'bob')], 'FOREIGN_USER');
      await refused(socket, 'join_session', [null], 'INVALID_PAYLOAD');
      assert.equal((await join(socket, joining(sessionId, 'ann'))).userId, 'ann');
      await close(socket);
    });

    it(`refuses every other token, over ${transport}`, async () => {
      const answers = await Promise.all(kRefusedTokens.map(([, token]) =>
        notConnected(server(), { transport, auth: { token: token() } })));
      assert.deepEqual(answers.map((error, i) => [kRefusedTokens[i][0], error.data?.code]),
        kRefusedTokens.map(([what, , code]) => [what, code]));
    });
  }

  it('keeps nobody out for clocks that differ a little, or for a time with a fraction', async () => {
    const token = tokenOf('ann', { nbf: now() + kLeeway, exp: now() - kLeeway + 3.5 });
    await close(await connect(server(), { auth: { token } }));
  });

  it('lets nobody join by a token that has expired since', async () => {
    const exp = now() - kLeeway + 3;
    const socket = await connect(server(), { auth: { token: tokenOf('ann', { exp }) } });
    await until('the token to expire', () => now() > exp + kLeeway);
    await refused(socket, 'join_session', [joining(unique('room'), 'ann')], 'TOKEN_EXPIRED');
  });

  it('knows at any worker whose connection it is, until that ends', async () => {
    const [one, other] = server().workerPids().map((pid) => ({ agent: workerAgent(server(), pid) }));
    const polling = await Polling.open(server(), { connectNamespace: false, ...one });
    await polling.post(`40${JSON.stringify({ token: tokenOf('ann') })}`, one);
    await polling.packets((packet) => packet.startsWith('40'), other);
    await polling.post(`42${JSON.stringify(['join_session', joining(unique('room'), 'bob')])}`, other);
    assert.equal((await polling.event('error', one))[1].code, 'FOREIGN_USER');
    await polling.post(`42${JSON.stringify(['join_session', joining(unique('room'), 'ann')])}`, other);
    assert.equal((await polling.event('session_joined', one))[1].userId, 'ann');
    await polling.post('1', other);
    await until('all to be forgotten', async () => (await request(server(), { path: '/subjects' })).body === '0');
  });
});

example('jwt', {
  title: ' without a good key',
  env: () => ({ JWT_SECRET: 'short' }),
  http: 'lua_shared_dict jwt_subjects 1m;',
  log: Array(2).fill(/init_worker_by_lua_file error: .*jwt\.lua:\d+: JWT_SECRET is not set, or shorter than 32 bytes/),
}, (server) => {
  it('lets nobody in', async () => {
    for (const transport of kinds) {
      const error = await notConnected(server(), { transport, auth: { token: tokenOf('ann', {}, { key: 'short' }) } });
      assert.equal(error.data.code, 'HOOK_FAILED');
    }
  });
});

// ---- redis.lua

class Redis {
  static async start() {
    const redis = new Redis();
    const probe = net.createServer().listen(0, '127.0.0.1');
    await once(probe, 'listening');
    redis.port = probe.address().port;
    probe.close();
    await once(probe, 'close');
    await redis.start();
    return redis;
  }

  async start() {
    this.child = spawn('redis-server', ['--bind', '127.0.0.1', '--port', this.port, '--save', '', '--appendonly', 'no'],
      { stdio: ['ignore', 'pipe', 'inherit'] });
    const { child } = this;
    process.once('exit', () => child.kill('SIGKILL'));
    let out = '';
    await deadline(new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', () => reject(new Error(`redis-server has ended: ${out}`)));
      child.stdout.on('data', (chunk) => {
        out += chunk;
        if (/Ready to accept connections/.test(out)) resolve();
      });
    }), kPatience, 'redis-server to be ready');
  }

  do(...command) { execFileSync('redis-cli', ['-p', this.port, ...command], { timeout: kPatience }); }

  async stop() {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const gone = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await deadline(gone, kPatience, 'redis-server to end');
  }
}

describe('with a Redis', () => {
  let redis;
  before(async () => { redis = await Redis.start(); });
  after(() => redis?.stop());

  example('redis', {
    env: () => ({ REDIS_PORT: redis.port }),
    log: [/\[lua\] redis\.lua:\d+: .*redis: WRONGTYPE/, /redis: timeout,/, /redis: connection refused,/],
  }, (server) => {
    for (const transport of kinds) {
      it(`lets members join, and nobody else, over ${transport}`, async () => {
        const sessionId = unique('room');
        redis.do('SADD', `members:${sessionId}`, 'ann');
        const ann = await connect(server(), { transport });
        const bob = await connect(server(), { transport });
        await refused(bob, 'join_session', [joining(sessionId, 'bob')], 'NOT_A_MEMBER');
        await refused(bob, 'join_session', [joining(unique('room'), 'ann')], 'NOT_A_MEMBER');
        await join(ann, joining(sessionId, 'ann'));
        assert.deepEqual(ann.inbox.filter((one) => one.event === 'user_joined'), []);
      });
    }

    it('asks for ids of any kind as they are', async () => {
      const sessionId = `${unique('room')} * $1 "x" ü`;
      const userId = 'ann\u2028 ü * $3';
      redis.do('SADD', `members:${sessionId}`, userId);
      const socket = await connect(server());
      await refused(socket, 'join_session', [joining(sessionId, 'ann')], 'NOT_A_MEMBER');
      await join(socket, joining(sessionId, userId));
    });

    it('lets nobody join while Redis errs, hangs or is down, and goes on when it is back', async () => {
      const sessionId = unique('room');
      const socket = await connect(server());
      redis.do('SET', `members:${sessionId}`, 'not a set');
      await refused(socket, 'join_session', [joining(sessionId, 'ann')], 'CANNOT_CHECK');
      redis.do('DEL', `members:${sessionId}`);
      redis.do('SADD', `members:${sessionId}`, 'ann');
      redis.child.kill('SIGSTOP');
      await refused(socket, 'join_session', [joining(sessionId, 'ann')], 'CANNOT_CHECK');
      redis.child.kill('SIGCONT');
      await redis.stop();
      await refused(socket, 'join_session', [joining(sessionId, 'ann')], 'CANNOT_CHECK');
      await redis.start();
      redis.do('SADD', `members:${sessionId}`, 'ann');
      await join(socket, joining(sessionId, 'ann'));
    });
  });
});

// ---- http_service.lua

describe('with an HTTP service', () => {
  let service;
  const asked = [];
  before(async () => {
    service = await serve((req, res) => {
      const { pathname, searchParams } = new URL(req.url, 'http://service');
      const about = { path: pathname, session: searchParams.get('session'), user: searchParams.get('user') };
      asked.push(about);
      if (about.user === 'mute') return;
      res.writeHead({ bob: 403, eve: 500 }[about.user] ?? 200).end();
    });
  });
  after(() => service?.stop());

  example('http_service', {
    env: () => ({ SERVICE_PORT: service.port }),
    log: [/\[lua\] http_service\.lua:\d+: .*service: the answer was: HTTP\/1\.1 500/, /service: timeout,/,
      /service: connection refused,/],
  }, (server) => {
    for (const transport of kinds) {
      it(`lets join whom the service allows, over ${transport}`, async () => {
        const sessionId = unique('room');
        const socket = await connect(server(), { transport });
        await refused(socket, 'join_session', [joining(sessionId, 'bob')], 'NOT_ALLOWED');
        await join(socket, joining(sessionId, 'ann'));
        assert.deepEqual(asked.splice(0), [{ path: '/allowed', session: sessionId, user: 'bob' },
          { path: '/allowed', session: sessionId, user: 'ann' }]);
      });
    }

    it('asks for ids of any kind as they are', async () => {
      const sessionId = `${unique('room')}&user=ann#%20+/?ü`;
      const userId = 'x HTTP/1.0&session=other&user=bob';
      const socket = await connect(server());
      await join(socket, joining(sessionId, userId));
      assert.deepEqual(asked.splice(0), [{ path: '/allowed', session: sessionId, user: userId }]);
    });

    it('lets nobody join while the service errs, hangs or is down', async () => {
      const socket = await connect(server());
      for (const userId of ['eve', 'mute']) {
        await refused(socket, 'join_session', [joining(unique('room'), userId)], 'CANNOT_CHECK');
      }
      await service.stop();
      await refused(socket, 'join_session', [joining(unique('room'), 'ann')], 'CANNOT_CHECK');
    });
  });
});

// ---- webhook.lua

describe('with a service that is told', () => {
  let service;
  const posts = [];
  const failing = new Map(); // session to how many posts about it fail
  const about = (sessionId, event) => posts.filter((one) => one.sessionId === sessionId && one.event === event);
  before(async () => {
    service = await serve(async (req, res) => {
      let body = '';
      for await (const chunk of req) body += chunk;
      const post = JSON.parse(body);
      posts.push({ ...post, request: `${req.method} ${req.url} ${req.headers['content-type']}` });
      const left = failing.get(post.sessionId) ?? 0;
      failing.set(post.sessionId, left - 1);
      if (left > 0) res.writeHead(503).end();
      else res.writeHead(204).end();
    });
  });
  after(() => service?.stop());

  example('webhook', {
    env: () => ({ WEBHOOK_URL: `http://127.0.0.1:${service.port}/events?of=films` }),
    locations: ending,
    log: [/\[lua\] webhook\.lua:\d+: .*webhook: the answer was: HTTP\/1\.1 503 .*, lost: \{.*"session_created"/,
      /webhook: connection refused, lost: /],
  }, (server) => {
    const begin = async (sessionId) => {
      const socket = await connect(server());
      await join(socket, joining(sessionId, 'ann'));
      return socket;
    };

    it('tells what becomes of a session', async () => {
      const sessionId = unique('room "x" ü');
      const ann = await begin(sessionId);
      const bob = await connect(server(), { transport: 'polling' });
      await join(bob, joining(sessionId, 'bob'));
      await ask(ann, 'leave_session');
      await until('the leave', () => about(sessionId, 'leave').length > 0);
      await end(server(), encodeURIComponent(sessionId));
      await until('the end', () => about(sessionId, 'session_ended').length > 0);
      await until('the leave of bob', () => about(sessionId, 'leave').length > 1);
      await until('the new leader', () => about(sessionId, 'leadership').length > 0);
      const told = posts.filter((one) => one.sessionId === sessionId);
      assert.deepEqual(told.map(({ event, userId = null }) => `${event} ${userId}`).sort(),
        ['leadership bob', 'leave ann', 'leave bob', 'session_created ann', 'session_ended null']);
      assert.equal(new Set(told.map((one) => one.id)).size, told.length);
      for (const one of told) {
        assert.equal(one.request, 'POST /events?of=films application/json');
        assert.ok(Math.abs(one.time - now()) < 10, `${one.time}`);
      }
    });

    it('tells again what was not taken, until it is or three times, and says then once that it is lost', async () => {
      const [taken, lost] = [unique('room'), unique('room')];
      failing.set(taken, 1);
      failing.set(lost, 100);
      await begin(taken);
      await until('the second try', () => about(taken, 'session_created').length > 1);
      assert.deepEqual(problems(server()), []);
      await begin(lost);
      await until('a line in the error log', () => problems(server()).length > 0);
      assert.equal(about(lost, 'session_created').length, 3);
      const [first, second, ...more] = about(taken, 'session_created');
      assert.deepEqual(second, first);
      assert.deepEqual(more, []);
    });

    it('holds up no client while the service is down', async () => {
      await service.stop();
      const ann = await begin(unique('room'));
      assert.equal((await ask(ann, 'heartbeat')).success, true);
      await until('a line in the error log', () => problems(server()).length > 1);
    });
  });
});

// ---- room_password.lua

const kBeginning = 2; // seconds, as there

example('room_password', {
  http: 'lua_shared_dict room_passwords 1m;',
  locations: `${ending} location = /passwords { content_by_lua_block {
    ngx.print(#ngx.shared.room_passwords:get_keys(), " ", ngx.shared.room_passwords:get(ngx.var.arg_session))
  } }`,
}, (server) => {
  const enter = (socket, sessionId, userId, password) =>
    ask(socket, 'join_session', joining(sessionId, userId, password === undefined ? {} : { password }));

  for (const transport of kinds) {
    it(`lets join who has the password of the first, over ${transport}`, async () => {
      const sessionId = unique('room');
      const ann = await connect(server(), { transport });
      const bob = await connect(server(), { transport });
      const joined = join(ann, joining(sessionId, 'ann', { password: 'popcorn ü' }));
      assert.doesNotMatch(JSON.stringify(await joined), /popcorn/);
      await refused(bob, 'join_session', [joining(sessionId, 'bob', { password: 'nachos' })], 'WRONG_PASSWORD');
      await refused(bob, 'join_session', [joining(sessionId, 'bob')], 'WRONG_PASSWORD');
      assert.equal((await enter(bob, sessionId, 'bob', 'popcorn ü')).success, true);
      assert.doesNotMatch(JSON.stringify(await waitFor(ann, 'user_joined')), /popcorn/);
      assert.deepEqual(received(ann, 'user_joined').length, 1);
      assert.doesNotMatch((await request(server(), { path: `/passwords?session=${sessionId}` })).body, /popcorn/);
      assert.equal((await enter(ann, sessionId, 'ann', 'nachos')).code, 'WRONG_PASSWORD');
    });
  }

  it('takes none that is only alike, and takes its time', async () => {
    const sessionId = unique('room');
    const ann = await connect(server());
    const bob = await connect(server());
    assert.equal((await enter(ann, sessionId, 'ann', 'popcorn')).success, true);
    const start = Date.now();
    const guesses = ['POPCORN', 'popcor', 'popcorn ', '', null, 7, ['popcorn'], true];
    const answers = await Promise.all(guesses.map((password) => enter(bob, sessionId, 'bob', password)));
    assert.deepEqual(answers.map((answer) => answer.code), guesses.map(() => 'WRONG_PASSWORD'));
    assert.ok(Date.now() - start >= guesses.length * 95, `${guesses.length} guesses took ${Date.now() - start} ms`);
  });

  it('takes the password of one, when many come at once', async () => {
    const sessionId = unique('room');
    const sockets = await Promise.all(Array.from({ length: 8 }, () => connect(server())));
    const answers = await Promise.all(sockets.map((socket, i) => enter(socket, sessionId, `user${i}`, `secret${i}`)));
    assert.equal(answers.filter((answer) => answer.success).length, 1);
    assert.equal(answers.filter((answer) => answer.code === 'WRONG_PASSWORD').length, 7);
  });

  it('leaves a session open that was begun without one', async () => {
    const sessionId = unique('room');
    const [ann, bob, eve] = await Promise.all(['websocket', 'polling', 'websocket'].map((transport) =>
      connect(server(), { transport })));
    assert.equal((await enter(ann, sessionId, 'ann')).success, true);
    assert.equal((await enter(bob, sessionId, 'bob', 'mine')).success, true);
    assert.equal((await enter(eve, sessionId, 'eve', '')).success, true);
  });

  it('refuses one that is too long', async () => {
    const socket = await connect(server());
    assert.equal((await enter(socket, unique('room'), 'ann', 'x'.repeat(129))).code, 'WRONG_PASSWORD');
    assert.equal((await enter(socket, unique('room'), 'ann', 'x'.repeat(128))).success, true);
  });

  it('keeps it over a reload and while everybody is away, and forgets it when the session has ended', async () => {
    const [kept, ended] = [unique('room'), unique('room')];
    const about = (sessionId) => request(server(), { path: `/api/sessions/${sessionId}` });
    const ann = await connect(server());
    const eve = await connect(server());
    assert.equal((await enter(ann, kept, 'ann', 'popcorn')).success, true);
    assert.equal((await enter(eve, ended, 'eve', 'popcorn')).success, true);
    const given = now();
    await server().reload();
    await close(ann);
    await until('all to be away', async () => (await about(kept)).json().session.connectedCount === 0);
    await end(server(), ended);
    assert.equal((await waitFor(eve, 'error')).code, 'SESSION_CLOSED');
    await until('the session to be gone', async () => (await about(ended)).status === 404);
    await until('the password to be too old for a session that begins', () => now() > given + kBeginning);
    const bob = await connect(server());
    assert.equal((await enter(bob, kept, 'bob', 'nachos')).code, 'WRONG_PASSWORD');
    assert.equal((await enter(bob, ended, 'bob', 'nachos')).success, true);
    assert.equal((await enter(eve, ended, 'eve', 'popcorn')).code, 'WRONG_PASSWORD');
    assert.equal((await enter(eve, ended, 'eve', 'nachos')).success, true);
    ann.connect();
    assert.equal((await enter(ann, kept, 'ann', 'popcorn')).success, true);
  });
});

// ---- no Lua: auth_request

suite('auth_request', {
  workerCounts: [2],
  http: 'map $cookie_token $known { default ""; ann-token ann; bob-token bob; }',
  server: 'auth_request_set $who $upstream_http_x_user;',
  sync: 'auth_request /authenticate; mediasync_user $who;',
  locations: `
    location = /authenticate { internal; proxy_pass http://127.0.0.1:$server_port/users; proxy_pass_request_body off;
      proxy_set_header Content-Length ""; }
    location = /users { if ($known = "") { return 401; } add_header X-User $known; return 204; }`,
}, (server) => {
  const as = (token) => ({ extraHeaders: { Cookie: `token=${token}` } });

  for (const transport of kinds) {
    it(`lets in who has a cookie, as that user alone, over ${transport}`, async () => {
      const sessionId = unique('room');
      const socket = await connect(server(), { transport, ...as('ann-token') });
      await refused(socket, 'join_session', [joining(sessionId, 'bob')], 'FOREIGN_USER');
      assert.equal((await join(socket, joining(sessionId, 'ann'))).userId, 'ann');
    });
  }

  for (const [transport, told] of [['polling', (error) => error.description],
    ['websocket', (error) => Number(/\d+$/.exec(error.description.message))]]) {
    it(`keeps out who has none, over ${transport}`, async () => {
      for (const options of [{}, as('wrong-token')]) {
        assert.equal(told(await notConnected(server(), { transport, ...options })), 401);
      }
    });
  }

  it('looks at each request of a polling client', async () => {
    const cookie = (token) => ({ headers: { Cookie: `token=${token}` } });
    const polling = await Polling.open(server(), cookie('ann-token'));
    const heartbeat = '42["heartbeat"]';
    assert.equal((await polling.post(heartbeat)).status, 401);
    assert.equal((await polling.poll()).status, 401);
    assert.equal((await polling.post(heartbeat, cookie('bob-token'))).status, 400, 'the connection of another');
    assert.equal((await polling.post(heartbeat, cookie('ann-token'))).status, 200);
    await polling.event('heartbeat_ack', cookie('ann-token'));
  });
});
