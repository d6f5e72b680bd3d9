// Rules of the operator's own, in Lua: hooks, events, calls.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { io } from 'socket.io-client';
import { ask, checkConfiguration, clear, close, configuration, connect, describe, it, join, open, Polling, received,
  repoRoot, request, rest, suite, unique, until, waitFor } from './harness/index.mjs';

const kRounds = Number(process.env.MEDIASYNC_HOOK_ROUNDS ?? 60); // of 500 handlers
const modules = '/usr/lib/nginx/modules';
const main = `load_module ${modules}/ndk_http_module.so; load_module ${modules}/ngx_http_lua_module.so;`;
const rules = path.join(repoRoot, 'tests/client/lua/rules.lua');
const http = `lua_package_path "${repoRoot}/lua/?.lua;;"; lua_shared_dict told 1m; lua_shared_dict bans 1m; init_worker_by_lua_file ${rules};`;
// What a test asks of the library, from the content of a request on any worker.
const locations = `
location = /lua { client_body_buffer_size 64k; content_by_lua_block {
  local mediasync = require "resty.mediasync"
  local cjson = require "cjson"
  ngx.req.read_body()
  local call = cjson.decode(ngx.req.get_body_data())
  local result, code, message = mediasync[call[1]](unpack(call, 2))
  ngx.say(cjson.encode { result = result, code = code, message = message })
} }
location = /told { content_by_lua_block {
  local list = {}
  while true do
    local one = ngx.shared.told:lpop(ngx.var.arg_hook)
    if not one then break end
    list[#list + 1] = one
  end
  ngx.print("[" .. table.concat(list, ",") .. "]")
} }
location = /port { content_by_lua_block { ngx.shared.told:set("port", ngx.var.server_port) ngx.say("ok") } }
location = /allowed { return 200 "yes"; }
`;
const sync = 'mediasync_hooks on timeout=400ms; mediasync_hook_variables $arg_who $remote_addr;';
const options = { main, http, locations, sync };

const lua = async (server, ...call) =>
  (await request(server, { method: 'POST', path: '/lua', body: JSON.stringify(call) })).json();
const told = async (server, hook) => (await request(server, { path: `/told?hook=${hook}` })).json();
const with_ = (auth, transport) => ({ auth, transport });
const enter = (socket, sessionId, username, userId = username) => ask(socket, 'join_session', { sessionId, userId, username });

/** Everything in the error log that is not of the rules' own making. */
const errors = (server) => fs.readFileSync(path.join(server.prefix, 'error.log'), 'utf8').split('\n')
  .filter((line) => line.includes('[error]') && line.includes('mediasync:'));

suite('hooks in Lua', options, (server) => {
  for (const transport of ['polling', 'websocket', 'upgrade']) {
    it(`decide who connects, over ${transport}`, async () => {
      await close(await connect(server(), with_({ token: 'right' }, transport)));
      await close(await connect(server(), with_({ token: 'slow' }, transport)));
      const wrong = open(server(), with_({ token: 'wrong' }, transport));
      const [error] = await new Promise((resolve) => wrong.once('connect_error', (...args) => resolve(args)));
      assert.equal(error.message, 'That token is wrong');
      assert.deepEqual(error.data, { code: 'BAD_TOKEN' });
      const nobody = open(server(), { transport, query: { who: 'nobody' } });
      const [refused] = await new Promise((resolve) => nobody.once('connect_error', (...args) => resolve(args)));
      assert.equal(refused.data.code, 'NOBODY');
      const never = open(server(), with_({ token: 'never' }, transport));
      const [late] = await new Promise((resolve) => never.once('connect_error', (...args) => resolve(args)));
      assert.equal(late.data.code, 'HOOK_FAILED');
    });

    it(`decide who joins and as what, over ${transport}`, async () => {
      const sessionId = unique('room');
      const socket = await connect(server(), { transport });
      for (const [username, code] of [['secret', 'WRONG_PASSWORD'], ['refused', 'REFUSED_BY_SOCKET'], ['throws', 'HOOK_FAILED'], ['exits', 'HOOK_FAILED'],
        ['number', 'HOOK_FAILED'], ['broken', 'INVALID_USER_ID']]) {
        const answer = await enter(socket, sessionId, username);
        assert.deepEqual([username, answer.success, answer.code], [username, false, code]);
        assert.equal((await waitFor(socket, 'error')).code, code);
        clear(socket);
      }
      assert.equal((await enter(socket, sessionId, 'renamed')).success, true);
      const joined = await waitFor(socket, 'session_joined');
      assert.equal(joined.session.users[0].username, 'Renamed');
      await close(socket);
    });
  }

  it('have a say in commands, and the rules of the session have the last word', async () => {
    const sessionId = unique('room');
    const ann = await connect(server());
    const bob = await connect(server(), { transport: 'polling' });
    await enter(ann, sessionId, 'ann');
    await enter(bob, sessionId, 'bob');
    const film = (mediaUrl) => ask(ann, 'load_media', { mediaUrl });
    assert.equal((await film('https://films.example.org/forbidden')).code, 'FORBIDDEN_FILM');
    assert.equal((await film('https://films.example.org/sleep')).code, 'HOOK_FAILED');
    assert.equal((await film('https://films.example.org/fine')).success, true);
    await waitFor(bob, 'media_loaded');
    assert.equal((await ask(bob, 'sync_playback', { position: 1, isPlaying: true })).code, 'HOOK_SAYS_NO');
    assert.deepEqual(received(bob, 'playback_sync'), []);
  });

  it('may ask a service over a cosocket', async () => {
    await request(server(), { path: '/port' });
    const socket = await connect(server());
    assert.equal((await enter(socket, unique('room'), 'socket')).success, true);
  });

  it('keep the order of what comes behind', async () => {
    const socket = open(server(), { transport: 'websocket', auth: { token: 'slow' } });
    const sessionId = unique('room');
    const answers = [];
    socket.on('connect', () => {
      socket.emit('join_session', { sessionId, userId: 'u', username: 'U' }, () => answers.push('join'));
      socket.emit('load_media', { mediaUrl: 'https://films.example.org/a' }, () => answers.push('load'));
      socket.emit('heartbeat', () => answers.push('heartbeat'));
    });
    await until('three answers', () => answers.length === 3);
    assert.deepEqual(answers, ['join', 'load', 'heartbeat']);
  });

  it('are not asked about what is too long', async () => {
    const long = open(server(), with_({ token: 'x'.repeat(9000) }, 'websocket'));
    const [error] = await new Promise((resolve) => long.once('connect_error', (...args) => resolve(args)));
    assert.equal(error.data.code, 'AUTH_TOO_LONG');
    const socket = await connect(server());
    assert.equal((await new Promise((resolve) => socket.emit('chat', 'x'.repeat(80000), resolve))).code, 'HOOK_FAILED');
    const flooder = open(server(), { ...with_({ token: 'wrong' }, 'websocket'), reconnection: false });
    await new Promise((resolve) => flooder.once('connect_error', resolve));
  });

  it('hold up nobody else: 2,000 asleep', async () => {
    const asleep = [];
    const refused = [];
    for (let i = 0; i < 2000; i++) {
      const one = open(server(), with_({ token: 'never' }, 'websocket'));
      asleep.push(one);
      refused.push(new Promise((resolve) => one.once('connect_error', resolve)));
    }
    const socket = await connect(server());
    assert.equal((await enter(socket, unique('room'), 'awake')).success, true);
    for (const error of await Promise.all(refused)) assert.equal(error.data?.code, 'HOOK_FAILED');
    asleep.forEach((one) => one.close());
  });

  it('are told who left, who leads, which sessions came and went', async () => {
    const sessionId = unique('room');
    for (const hook of ['leave', 'leadership', 'session_created', 'session_ended', 'disconnect']) await told(server(), hook);
    const ann = await connect(server());
    const bob = await connect(server());
    await enter(ann, sessionId, 'ann');
    await enter(bob, sessionId, 'bob');
    await ask(ann, 'leave_session');
    const { id } = bob;
    await close(bob);
    const notices = {};
    await until('all to be told', async () => {
      for (const hook of ['leave', 'leadership', 'session_created', 'disconnect']) {
        (notices[hook] ??= []).push(...(await told(server(), hook)));
      }
      return ['leave', 'leadership', 'session_created'].every((hook) =>
        notices[hook].some((one) => one.sessionId === sessionId)) && notices.disconnect.some((one) => one.socket.id === id);
    });
    assert.deepEqual(notices.session_created.filter((one) => one.sessionId === sessionId), [{ sessionId, userId: 'ann' }]);
    assert.deepEqual(notices.leadership.filter((one) => one.sessionId === sessionId), [{ sessionId, userId: 'bob' }]);
  });

  it('log an error of theirs once, with a traceback', async () => {
    const before = errors(server()).length;
    const socket = await connect(server());
    await enter(socket, unique('room'), 'throws');
    const lines = errors(server()).slice(before);
    assert.equal(lines.length, 1);
    assert.match(lines[0], /rules\.lua:\d+: no such luck/);
    assert.match(fs.readFileSync(path.join(server().prefix, 'error.log'), 'utf8'), /stack traceback:/);
  });
});

suite('events in Lua', options, (server) => {
  for (const transport of ['polling', 'websocket', 'upgrade']) {
    it(`reach the session, in order, and are acknowledged, over ${transport}`, async () => {
      const sessionId = unique('room');
      const ann = await connect(server(), { transport });
      const bob = await connect(server(), { transport: 'polling' });
      const early = await new Promise((resolve) => ann.emit('chat', 'hello', resolve));
      assert.equal(early.code, 'NOT_IN_SESSION');
      await enter(ann, sessionId, 'ann');
      await enter(bob, sessionId, 'bob');
      const answer = await new Promise((resolve) => ann.emit('chat', 'hello', { loud: true }, (...args) => resolve(args)));
      assert.deepEqual(answer, ['delivered', 5]);
      for (const one of [ann, bob]) {
        assert.deepEqual(await waitFor(one, 'chat'), { from: 'ann', text: 'hello', options: { loud: true } });
      }
      const thrown = await new Promise((resolve) => ann.emit('chat', 'throw', resolve));
      assert.equal(thrown.code, 'HOOK_FAILED');
      clear(ann);
      clear(bob);
      ann.emit('chat', 'private');
      assert.equal(await waitFor(ann, 'chat'), 'psst');
      assert.deepEqual(received(bob, 'chat'), []);
    });
  }

  for (const transport of ['polling', 'websocket']) {
    it(`are answered by the client, over ${transport}`, async () => {
      const socket = await connect(server(), { transport });
      const asked = new Promise((resolve) => {
        socket.on('present?', (who, answer) => { resolve(who); answer('here'); });
      });
      assert.equal(await new Promise((resolve) => socket.emit('roll_call', 'ann', resolve)), 1);
      assert.equal(await asked, 'ann');
      assert.equal(await waitFor(socket, 'noted'), 'here');

      const votes = socket.io.socket('/votes'); // connects by itself
      votes.on('vote_now', (what, answer) => answer(`yes to ${what}`, null));
      const voted = new Promise((resolve) => votes.once('voted', (...args) => resolve(args)));
      votes.emit('call_vote', 'pizza');
      assert.deepEqual(await voted, ['/votes', 'yes to pizza', null]);
      votes.disconnect();
      await close(socket);
    });
  }

  it('survive answers that nobody asked for, that come twice, and a handler that throws', async () => {
    const socket = await connect(server(), { transport: 'websocket' });
    const before = errors(server()).length;
    socket.on('present?', (who, answer) => answer(who));
    socket.emit('roll_call', 'throw', () => {});
    await until('the error to be logged', () => errors(server()).length > before);
    socket.io.engine.write('37["never asked"]');
    socket.io.engine.write('34294967296["never asked"]');
    socket.io.engine.write('39007199254740991["never asked"]');
    socket.emit('roll_call', 'fine', () => {});
    assert.equal(await waitFor(socket, 'noted'), 'fine');
    assert.equal(errors(server()).length, before + 1);
    await close(socket);
  });

  for (const transport of ['polling', 'websocket', 'upgrade']) {
    it(`take and give bytes, over ${transport}`, async () => {
      const sessionId = unique('room');
      const ann = await connect(server(), { transport });
      const bob = await connect(server(), { transport: 'polling' });
      await enter(ann, sessionId, 'ann');
      await enter(bob, sessionId, 'bob');
      const bytes = Buffer.from([0, 1, 128, 255, 10, 34]);
      const about = { frame: Buffer.from('\u0000é'), text: 'no bytes' };
      const answer = await new Promise((resolve) => ann.emit('picture', bytes, about, (...args) => resolve(args)));
      assert.deepEqual(answer, [bytes, 6, 2]);
      const picture = await waitFor(ann, 'picture');
      assert.deepEqual(picture, { parts: [Buffer.from(bytes).reverse(), about.frame], text: 'no bytes' });
      for (const one of [ann, bob]) assert.deepEqual(await waitFor(one, 'shown'), bytes);

      ann.on('sketch?', (what, reply) => reply(Buffer.concat([what, bytes]), { last: Buffer.from([7]) }));
      ann.emit('sketch', 'a cat', () => {});
      const sketched = new Promise((resolve) => ann.once('sketched', (...args) => resolve(args)));
      assert.deepEqual(await sketched, [11, Buffer.concat([Buffer.from('a cat'), bytes, Buffer.from([7])])]);
      await close(ann);
      await close(bob);
    });
  }

  it('sign links to films, as secure_link checks them', async () => {
    const socket = await connect(server());
    await enter(socket, unique('room'), 'ann');
    const link = await new Promise((resolve) => socket.emit('film_link', resolve));
    const text = `${link.expires} ann a secret of yours`;
    assert.deepEqual(link, { user: 'ann', expires: link.expires, md5: createHash('md5').update(text).digest('base64url') });
    await close(socket);
  });

  it('say so when bytes are too many, or not wanted', async () => {
    const socket = await connect(server(), { transport: 'websocket' });
    const send = (...args) => new Promise((resolve) => socket.emit(...args, resolve));
    assert.equal(await send('too_much', 'many'), 'INVALID_ARGUMENT');
    assert.equal(await send('too_much', 'long'), 'EVENT_TOO_LONG');
    assert.equal(await send('too_much', 'circle'), 'INVALID_ARGUMENT');
    assert.equal(await send('too_much', 'fake'), 'INVALID_ARGUMENT');
    assert.equal((await send('too_much', 'result')).code, 'HOOK_FAILED');
    assert.equal((await send('unheard_of', Buffer.from('x'))).code, 'BINARY_UNSUPPORTED');
    assert.equal((await send('heartbeat', Buffer.from('x'))).code, 'BINARY_UNSUPPORTED');
    assert.equal((await send('picture', Buffer.alloc(60000), {})).code, 'BINARY_TOO_LONG');
    for (const broken of ['{"_placeholder":true,"num":1}', '{"_placeholder":true,"num":-1}', '{"_placeholder":true}']) {
      const hostile = await connect(server(), { transport: 'websocket' });
      const gone = new Promise((resolve) => hostile.once('disconnect', resolve));
      hostile.io.engine.write(`51-["picture",${broken}]`);
      hostile.io.engine.write(Buffer.from('x'));
      assert.equal(await gone, 'transport close');
      hostile.close();
    }
    await close(socket);
  });

  it('have namespaces of their own', async () => {
    const url = `http://127.0.0.1:${server().port}/votes`;
    const votes = io(url, { transports: ['websocket'], forceNew: true });
    try {
      await new Promise((resolve) => votes.on('connect', resolve));
      const counted = new Promise((resolve) => votes.on('counted', (...args) => resolve(args)));
      const answer = await new Promise((resolve) => votes.emit('vote', 'yes', resolve));
      assert.deepEqual(answer, { choice: 'yes' });
      assert.deepEqual((await counted).slice(0, 2), ['yes', '/votes']);
      const unknown = new Promise((resolve) => votes.on('error', resolve));
      const refused = await new Promise((resolve) => votes.emit('join_session', {}, resolve));
      assert.equal(refused.code, 'UNKNOWN_EVENT');
      assert.equal((await unknown).code, 'UNKNOWN_EVENT');
    } finally {
      votes.close();
    }
    const other = io(`http://127.0.0.1:${server().port}/other`, { transports: ['websocket'], forceNew: true, reconnection: false });
    const [error] = await new Promise((resolve) => other.once('connect_error', (...args) => resolve(args)));
    assert.equal(error.message, 'Invalid namespace');
    other.close();
  });
});

suite('calls from Lua, on any worker', options, (server) => {
  it('list, show, create, emit, load, appoint, kick and end', async () => {
    const created = await lua(server(), 'create_session', 'ann', 'Ann');
    const { sessionId } = created.result;
    const ann = await connect(server());
    const bob = await connect(server(), { transport: 'polling' });
    await enter(ann, sessionId, 'ann');
    await enter(bob, sessionId, 'bob');
    assert.ok((await lua(server(), 'sessions', {})).result.sessions.some((one) => one.sessionId === sessionId));
    assert.equal((await lua(server(), 'session', sessionId)).result.users.length, 2);
    assert.equal((await lua(server(), 'emit', sessionId, 'news', 'all', 7)).result, 2);
    assert.equal(await waitFor(ann, 'news'), 'all');
    assert.equal(await waitFor(bob, 'news'), 'all');
    assert.equal((await lua(server(), 'emit_to_user', sessionId, 'bob', 'only', { a: null })).result, 1);
    assert.deepEqual(await waitFor(bob, 'only'), { a: null });
    await lua(server(), 'load_media', sessionId, { mediaUrl: 'https://films.example.org/x', mediaTitle: 'X' });
    assert.equal((await waitFor(ann, 'media_loaded')).mediaTitle, 'X');
    await lua(server(), 'set_leader', sessionId, 'bob');
    assert.equal((await waitFor(ann, 'leadership_changed')).newLeaderId, 'bob');
    assert.equal((await lua(server(), 'kick', sessionId, 'ann')).result, true);
    assert.equal((await waitFor(ann, 'error')).code, 'KICKED');
    assert.equal((await waitFor(bob, 'user_left')).userId, 'ann');
    assert.equal((await ask(ann, 'load_media', { mediaUrl: 'x' })).code, 'NOT_IN_SESSION');
    assert.equal((await lua(server(), 'end_session', sessionId)).result, true);
    assert.equal((await waitFor(bob, 'error')).code, 'SESSION_CLOSED');
    await until('the session to be gone', async () => (await rest(server(), 'GET', `/api/sessions/${sessionId}`)).status === 404);
    await until('that to be told', async () => (await told(server(), 'session_ended')).some((one) => one.sessionId === sessionId));
  });

  it('reach everybody, in a session or not, on every worker', async () => {
    const sockets = [];
    for (let i = 0; i < 12; i++) sockets.push(await connect(server(), { transport: i % 2 ? 'polling' : 'websocket' }));
    await enter(sockets[0], unique('room'), 'ann');
    const { result } = await lua(server(), 'emit_to_all', 'notice', 'maintenance', { at: 5 });
    assert.ok(result >= sockets.length, `sent to ${result}`);
    for (const socket of sockets) {
      await waitFor(socket, 'notice');
      assert.deepEqual(received(socket, 'notice').length, 1);
    }
    assert.equal((await lua(server(), 'emit_to_all', 'notice', 'x'.repeat(40000))).code, 'EVENT_TOO_LONG');
    await Promise.all(sockets.map(close));
  });

  it('ban: a user is kicked, and stays out until it may come back', async () => {
    const room = unique('room');
    const ann = await connect(server(), { transport: 'polling' });
    const bob = await connect(server(), { transport: 'websocket' });
    await enter(ann, room, 'ann');
    await enter(bob, room, 'bob');
    assert.equal((await lua(server(), 'ban', room, 'bob')).result, true);
    assert.equal((await waitFor(bob, 'error')).code, 'KICKED');
    await waitFor(ann, 'user_left');
    assert.equal((await enter(bob, room, 'bob')).code, 'BANNED');
    assert.equal((await enter(bob, unique('room'), 'bob')).success, true, 'elsewhere it may be');
    await lua(server(), 'kick', 'none', 'bob');
    assert.equal((await lua(server(), 'unban', room, 'bob')).result, true);
    const again = await connect(server(), { transport: 'websocket' });
    assert.equal((await enter(again, room, 'bob')).success, true);
    assert.equal((await lua(server(), 'ban', room, 'nobody-there', 1)).result, true, 'before it has come');
    const other = await connect(server(), { transport: 'websocket' });
    assert.equal((await enter(other, room, 'nobody-there')).code, 'BANNED');
    await until('the ban to end', async () => (await enter(other, room, 'nobody-there')).success);
    await Promise.all([ann, bob, again, other].map(close));
  });

  it('follow what members are told, each event once', async () => {
    const room = unique('room');
    await told(server(), 'session_event');
    const ann = await connect(server(), { transport: 'websocket' });
    const bob = await connect(server(), { transport: 'polling' });
    await enter(ann, room, 'ann');
    await enter(bob, room, 'bob');
    await ask(ann, 'load_media', { mediaUrl: 'https://films.example.org/f.mp4' });
    await ask(ann, 'sync_playback', { position: 12, isPlaying: true });
    await lua(server(), 'emit', room, 'chat', 'hi', null);
    await ask(bob, 'leave_session');
    const seen = [];
    await until('the events to be told', async () => {
      seen.push(...(await told(server(), 'session_event')).filter((one) => one.sessionId === room));
      return seen.some((one) => one.event === 'user_left');
    });
    const times = (event) => seen.filter((one) => one.event === event).length;
    for (const event of ['chat', 'media_loaded', 'user_left']) assert.equal(times(event), 1, event);
    assert.ok(seen.some((one) => one.event === 'user_joined' && one.arguments[0].userId === 'bob'));
    const sync = seen.findLast((one) => one.event === 'playback_sync').arguments[0];
    assert.equal(sync.isPlaying, true);
    assert.equal(seen.find((one) => one.event === 'media_loaded').arguments[0].mediaUrl, 'https://films.example.org/f.mp4');
    assert.deepEqual(seen.find((one) => one.event === 'chat').arguments, ['hi', null]);
    await Promise.all([ann, bob].map(close));
  });

  it('say what is wrong', async () => {
    for (const [call, code] of [[['session', 'nowhere'], 'SESSION_NOT_FOUND'], [['emit', 'nowhere', 'x'], 'SESSION_NOT_FOUND'],
      [['kick', 'nowhere', 'x'], 'SESSION_NOT_FOUND'], [['emit_to', 'rubbish', 'x'], 'INVALID_ARGUMENT'],
      [['emit_to', 'ffff-1-1', 'x'], 'NOT_CONNECTED'], [['emit_to', '0-ffffffff-1', 'x'], 'NOT_CONNECTED'],
      [['create_session', '', 'x'], 'INVALID_ARGUMENT'], [['load_media', 'nowhere', {}], 'SESSION_NOT_FOUND'],
      [['session', ''], 'INVALID_SESSION_ID'], [['emit', 'x'.repeat(200), 'x'], 'INVALID_SESSION_ID'],
      [['emit', 'nowhere', 'disconnect'], 'INVALID_ARGUMENT'], [['emit_to_all', 'connect_error'], 'INVALID_ARGUMENT']]) {
      assert.deepEqual([call, (await lua(server(), ...call)).code], [call, code]);
    }
  });
});

suite('many hooks', { ...options, sync: `${sync} mediasync_limit_events off;`, workerCounts: [2] }, (server) => {
  it('leave nothing behind', { skip: process.env.MEDIASYNC_PRELOAD && 'sanitizers keep what is freed' }, async (t) => {
    const socket = await connect(server(), { transport: 'websocket' });
    const pid = (await ask(socket, 'pid')).pid;
    const rss = () => Number(/^VmRSS:\s*(\d+)/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);
    const began = performance.now();
    const send = (count) => Promise.all(Array.from({ length: count }, () => new Promise((resolve) => { socket.emit('noop', resolve); })));
    const rounds = async (count) => {
      for (let i = 0; i < count; i++) await send(500);
    };
    await rounds(40); // until the timer of the handlers has been replaced at least once, what it holds grows
    const before = rss();
    await rounds(kRounds);
    const grown = rss() - before;
    t.diagnostic(`${kRounds * 500} handlers ran, the worker grew by ${grown} KB (${((kRounds + 40) * 500 / (performance.now() - began)).toFixed(1)} a ms)`);
    assert.ok(grown < 4096, `${grown} KB`);
    await close(socket);
  });
});

suite('hooks across a reload', { ...options, workerCounts: [2] }, (server) => {
  it('are asked again by the new workers, and hold up nothing', async () => {
    const waiting = open(server(), with_({ token: 'never' }, 'websocket'));
    await until('the connection', async () => (await (await request(server(), { path: '/status' })).json()).connections > 0);
    const socket = await connect(server());
    await server().reload();
    assert.equal((await enter(socket, unique('room'), 'after')).success, true);
    const [error] = await new Promise((resolve) => waiting.once('connect_error', (...args) => resolve(args)));
    assert.equal(error.data?.code, 'HOOK_FAILED');
  });
});

describe('nginx -t', () => {
  const check = (extra) => checkConfiguration(configuration({ ...options, ...extra }, { http: 1 }));

  it('accepts hooks where Lua is loaded, and says what is missing where it is not', async () => {
    assert.ok((await check({})).ok);
    const without = await check({ main: '', http: '', locations: '' });
    assert.match(without.output, /"mediasync_hooks on" needs lua-nginx-module, which is not loaded/);
  });

  for (const [directive, message] of [
    ['mediasync_hooks maybe;', /it must be "on" or "off"/],
    ['mediasync_hooks on timeout=0;', /invalid parameter "timeout=0"/],
    ['mediasync_hooks on on_failure=perhaps;', /invalid parameter "on_failure=perhaps"/],
    ['mediasync_hooks on timeout=30s;', /timeout of "mediasync_hooks" must be less than "mediasync_ping_timeout"/],
    ['mediasync_hooks on; mediasync_hooks off;', /"mediasync_hooks" directive is duplicate/],
    ['mediasync_hook_variables remote_addr;', /invalid variable name "remote_addr"/],
  ]) {
    it(`refuses ${directive}`, async () => {
      assert.match((await check({ sync: directive })).output, message);
    });
  }
});
