// mediasync_admin: what somebody can do at night without Lua.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { checkConfiguration, configuration, connect, describe, it, received, repoRoot, request, rest, room, state, suite, until,
  waitFor } from './harness/index.mjs';
import { freePort } from './harness/nginx.mjs';

const locations = 'location /admin { mediasync_admin rooms; } location /closed { mediasync_admin rooms; deny all; }';

suite("an admin's hands", { locations }, (server) => {
  const admin = (method, path, json, options) => rest(server(), method, `/admin${path}`, json, options);
  const assertRefused = (answer, status, message) => {
    assert.equal(answer.status, status, answer.body);
    assert.match(answer.headers['content-type'], /^application\/json/);
    const body = answer.json();
    assert.equal(body.success, false);
    assert.match(body.message, message);
  };

  it('end a session', async () => {
    const { sessionId, leader, followers: [follower] } = await room(server());
    const other = await room(server());
    const answer = await admin('DELETE', `/sessions/${sessionId}`);
    assert.deepEqual([answer.status, answer.json()], [200, { success: true, message: 'Session ended' }]);
    for (const socket of [leader, follower]) {
      assert.equal((await waitFor(socket, 'error')).code, 'SESSION_CLOSED');
      await waitFor(socket, 'user_left');
    }
    await until('it to be gone', async () => (await request(server(), { path: `/api/sessions/${sessionId}` })).status === 404);
    assert.equal((await request(server(), { path: `/api/sessions/${other.sessionId}` })).status, 200);
    assert.ok(leader.connected, 'its connection stays');
    assertRefused(await admin('DELETE', `/sessions/${sessionId}`), 404, /^Session not found$/);
  });

  it('remove a user', async () => {
    const { sessionId, leader, followers: [follower] } = await room(server(), { followers: 2 });
    const { users } = await state(follower);
    const victim = users.find(({ isLeader }) => isLeader).id;
    const answer = await admin('DELETE', `/sessions/${sessionId}/users/${encodeURIComponent(victim)}`);
    assert.deepEqual([answer.status, answer.json()], [200, { success: true, message: 'User removed' }]);
    assert.equal((await waitFor(leader, 'error')).code, 'KICKED');
    assert.equal((await waitFor(follower, 'user_left', (left) => left.userId === victim)).userId, victim);
    await waitFor(follower, 'leadership_changed');
    assertRefused(await admin('DELETE', `/sessions/${sessionId}/users/nobody`), 404, /no such user/);
  });

  it('tell everybody something, over each transport, in a session or in none', async () => {
    const { leader, followers: [follower] } = await room(server());
    const polling = await connect(server(), { transport: 'polling' });
    const answer = await admin('POST', '/messages', { message: 'The server restarts at four' });
    assert.equal(answer.status, 200);
    assert.ok(answer.json().sent >= 3);
    for (const socket of [leader, follower, polling]) {
      const message = await waitFor(socket, 'server_message');
      assert.equal(message.message, 'The server restarts at four');
      assert.ok(Math.abs(message.timestamp - Date.now() / 1000) < 600);
    }
  });

  it('tell the members of one session, by an event of any name', async () => {
    const { sessionId, leader } = await room(server());
    const other = await room(server());
    const answer = await admin('POST', `/sessions/${sessionId}/messages`, { message: 'Hello', event: 'notice' });
    assert.deepEqual([answer.status, answer.json()], [200, { success: true, sent: 2, complete: true }]);
    assert.equal((await waitFor(leader, 'notice')).message, 'Hello');
    assert.equal(received(other.leader, 'notice').length, 0);
    assertRefused(await admin('POST', '/sessions/nowhere/messages', { message: 'Hello' }), 404, /^Session not found$/);
  });

  it('send no event at which clients would end their connection, or that they take for another', async () => {
    const { sessionId, leader } = await room(server());
    const names = ['connect', 'connect_error', 'disconnect', 'disconnecting', 'newListener', 'removeListener', 'playback_sync', 'error'];
    for (const event of names) {
      for (const path of ['/messages', `/sessions/${sessionId}/messages`]) {
        assertRefused(await admin('POST', path, { message: 'x', event }), 400, /^event must not be/);
      }
    }
    assert.equal((await admin('POST', '/messages', { message: 'the last one' })).status, 200);
    await waitFor(leader, 'server_message', ({ message }) => message === 'the last one');
    assert.ok(leader.connected);
    for (const event of names) assert.equal(received(leader, event).length, 0, event);
  });

  it('answer what they cannot take as REST does', async () => {
    assertRefused(await admin('GET', ''), 404, /No such path/);
    assertRefused(await admin('DELETE', '/sessions'), 404, /No such path/);
    const wrong = await admin('GET', '/sessions/x');
    assertRefused(wrong, 405, /Method not allowed/);
    assert.equal(wrong.headers.allow, 'DELETE, OPTIONS');
    assertRefused(await admin('POST', '/messages', { message: '' }), 400, /message must be/);
    assertRefused(await admin('POST', '/messages', { message: 'x', event: 7 }), 400, /event must be/);
    assertRefused(await request(server(), { method: 'POST', path: '/admin/messages', body: '{',
      headers: { 'Content-Type': 'application/json' } }), 400, /JSON/);
    assert.equal((await admin('DELETE', '/sessions/x')).status, 404);
    assert.equal((await rest(server(), 'DELETE', '/closed/sessions/x')).status, 403, 'access rules go before');
  });

  it('do nothing for pages of others', async () => {
    const { sessionId, leader } = await room(server());
    // What a form can send.
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', undefined]) {
      const answer = await request(server(), { method: 'POST', path: '/admin/messages', body: '{"message":"evil"}',
        headers: type ? { 'Content-Type': type } : {} });
      assertRefused(answer, 415, /application\/json/);
    }
    // What a script may, once a preflight is answered in the right way.
    const foreign = { headers: { Origin: 'https://evil.example' } };
    assertRefused(await admin('DELETE', `/sessions/${sessionId}`, undefined, foreign), 403, /origin/);
    assertRefused(await admin('POST', '/messages', { message: 'evil' }, foreign), 403, /origin/);
    const preflight = await admin('OPTIONS', `/sessions/${sessionId}`, undefined, { headers: { Origin: server().origin } });
    assert.equal(preflight.status, 204);
    assert.equal(preflight.headers.allow, 'DELETE, OPTIONS');
    for (const name of Object.keys(preflight.headers)) assert.doesNotMatch(name, /^access-control/);
    assert.equal((await request(server(), { path: `/api/sessions/${sessionId}` })).status, 200);
    assert.equal(received(leader, 'server_message').length, 0);
  });
});

suite('changes by an admin', { workerCounts: [2], zone: 'state=rooms.state sync=always', locations }, (server) => {
  it('are answered when they are in the state file', async () => {
    const { sessionId } = await room(server());
    assert.equal((await rest(server(), 'DELETE', `/admin/sessions/${sessionId}`)).status, 200);
    await until('it to be gone', async () => (await request(server(), { path: `/api/sessions/${sessionId}` })).status === 404);
  });
});

const documented = /^server \{\n    listen 127\.0\.0\.1:8081;\n.*?^\}$/ms.exec(fs.readFileSync(`${repoRoot}/docs/directives.md`, 'utf8'));
const port = await freePort();
suite("an admin's server, as the documentation has it", { workerCounts: [2],
  http: documented?.[0].replace('8081', port).replace('watch', 'rooms'),
  locations: 'location /edge/ { proxy_pass http://127.0.0.1:$server_port/; }' }, (server) => {
  it('takes commands, and no proxy of the viewers leads to it', async () => {
    assert.ok(documented);
    const { leader } = await room(server());
    assert.equal((await rest({ port }, 'POST', '/admin/messages', { message: 'Hello' })).status, 200);
    assert.equal((await waitFor(leader, 'server_message')).message, 'Hello');
    for (const path of ['/admin/messages', '/edge/admin/messages']) {
      assert.equal((await rest(server(), 'POST', path, { message: 'evil' })).status, 404);
    }
  });
});

describe('mediasync_admin', () => {
  it('is off unless a location says so, and wants a prefix', async () => {
    const check = (location) => checkConfiguration(configuration({ locations: location }, { http: 8080 }));
    assert.match((await check('location ~ ^/a { mediasync_admin rooms; }')).output, /must be in a location given by a prefix/);
    assert.match((await check('location /a { mediasync_admin nosuch; }')).output, /zone "nosuch" is unknown/);
    const { ok, output } = await check('location /a/ { mediasync_admin rooms; limit_except DELETE { deny all; } }');
    assert.ok(ok, output);
  });
});
