// mediasync_user: NGINX says who a client is, and nobody is taken for another.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ask, checkConfiguration, clear, configuration, connect, join, kPatience, open, Polling, rest, suite, unique, until,
  waitFor } from './harness/index.mjs';

const alive = (pid) => { try { return process.kill(pid, 0); } catch { return false; } };
const as = (token) => ({ extraHeaders: { 'X-Token': token } });
const header = (token) => ({ headers: { 'X-Token': token } });

suite('a location that knows its users', {
  http: 'map $http_x_token $who { default ""; ann-token ann; bob-token bob; }',
  sync: 'mediasync_user $who;',
  api: 'mediasync_user $who;',
  locations: 'location /open/ { mediasync rooms; }',
}, (server) => {
  for (const transport of ['polling', 'websocket', 'upgrade']) {
    it(`lets everyone join as who they are, over ${transport}`, async () => {
      const sessionId = unique('room');
      const ann = await connect(server(), { transport, ...as('ann-token') });
      const foreign = await ask(ann, 'join_session', { sessionId, userId: 'bob', username: 'B' });
      assert.deepEqual([foreign.success, foreign.code], [false, 'FOREIGN_USER']);
      assert.equal((await waitFor(ann, 'error')).code, 'FOREIGN_USER');
      const joined = await join(ann, { sessionId, userId: 'ann', username: 'A' });
      assert.equal(joined.isLeader, true);
      const bob = await connect(server(), { transport, ...as('bob-token') });
      await join(bob, { sessionId, userId: 'bob', username: 'B' });
      await waitFor(ann, 'user_joined');
      clear(ann);
      const stolen = await ask(bob, 'join_session', { sessionId, userId: 'ann', username: 'A' });
      assert.equal(stolen.code, 'FOREIGN_USER');
      assert.deepEqual(ann.inbox, []);
    });

    it(`lets nobody in who is not known, over ${transport}`, async () => {
      const nobody = open(server(), { transport, ...as('wrong') });
      await waitFor(nobody, 'connect_error');
      assert.equal(nobody.connected, false);
    });
  }

  it('answers unknown clients with 403, code 4', async () => {
    await assert.rejects(Polling.open(server()), /403.*"code":4/);
  });

  it('takes a sid from its user alone, on any worker', async () => {
    const ann = await Polling.open(server(), header('ann-token'));
    for (let i = 0; i < 6; i++) {
      for (const answer of [await ann.poll(header('bob-token')), await ann.post('42["heartbeat"]', header('bob-token'))]) {
        assert.equal(answer.status, 400);
        assert.equal(answer.json().code, 1);
      }
    }
    assert.equal((await ann.post('42["heartbeat"]')).status, 403);
    const elsewhere = new Polling(server(), ann.sid, ann.handshake, '/open/');
    assert.equal((await elsewhere.poll()).json().code, 1);
    assert.equal((await ann.post('42["heartbeat"]', header('ann-token'))).status, 200);
    await ann.event('heartbeat_ack', header('ann-token'));
  });

  it('gives what was lost back to its user alone', async () => {
    const ann = await connect(server(), { transport: 'websocket', ...as('ann-token') });
    await join(ann, { sessionId: unique('room'), userId: 'ann', username: 'A' });
    const { id, _pid: pid, _lastOffset: offset } = ann;
    assert.ok(pid && offset);
    ann.io.engine.close();
    for (const stranger of [as('bob-token'), { path: '/open/' }]) {
      const thief = await connect(server(), { ...stranger, auth: { pid, offset } });
      assert.notEqual(thief.id, id);
      assert.equal((await ask(thief, 'request_session_state')).code, 'NOT_IN_SESSION');
    }
    const back = await connect(server(), { ...as('ann-token'), auth: { pid, offset } });
    assert.equal(back.id, id);
    assert.equal((await ask(back, 'request_session_state')).success, true);
  });

  it('creates sessions over REST for their creators', async () => {
    const body = { creatorId: 'ann', creatorName: 'A' };
    const create = (token) => rest(server(), 'POST', '/api/sessions', body, header(token));
    assert.equal((await create('ann-token')).status, 201);
    for (const token of ['bob-token', 'wrong']) {
      const answer = await create(token);
      assert.equal(answer.status, 403);
      assert.equal(answer.json().success, false);
    }
  });

  it('knows them after a reload as before', async () => {
    const ann = await connect(server(), { transport: 'websocket', ...as('ann-token') });
    const lost = [];
    ann.on('disconnect', (why) => lost.push(why));
    const old = await server().reload();
    await until('the old workers to exit', async () => !old.some((pid) => alive(pid)), 2 * kPatience);
    assert.deepEqual(lost, []);
    const sessionId = unique('room');
    assert.equal((await ask(ann, 'join_session', { sessionId, userId: 'bob', username: 'B' })).code, 'FOREIGN_USER');
    await join(ann, { sessionId, userId: 'ann', username: 'A' });
  });
});

describe('mediasync_user', () => {
  it('is inherited, and can be off', async () => {
    const { ok, output } = await checkConfiguration(configuration({ workers: 1,
      http: 'mediasync_user $remote_user;', sync: 'mediasync_user off;' }, { http: 18080 }));
    assert.ok(ok, output);
  });

  it('is refused with a variable that is none, and twice', async () => {
    for (const [sync, words] of [['mediasync_user $nosuch;', /unknown "nosuch" variable/],
      ['mediasync_user off; mediasync_user $remote_user;', /"mediasync_user" directive is duplicate/]]) {
      const { ok, output } = await checkConfiguration(configuration({ workers: 1, sync }, { http: 18080 }));
      assert.equal(ok, false);
      assert.match(output, words);
    }
  });
});
