// What runs by the clock runs exactly once, however many workers watch it.
import assert from 'node:assert/strict';
import { ask, close, connect, enter, it, received, request, rest, room, state, suite, unique, until, userOf, waitFor } from
  './harness/index.mjs';

const shown = async (server, sessionId) => request(server, { path: `/api/sessions/${sessionId}` });

// Long enough for a busy machine to do what has to be done within.
const kGrace = 1000;
const kUserTimeout = 2000;
const kSessionTimeout = 1500;

suite('the disconnect grace', { zone: `disconnect_grace=${kGrace}ms user_timeout=10m` }, (server) => {
  it('ends in one user_left and one leadership_changed for each member', async () => {
    const { leader, followers } = await room(server(), { followers: 4, transport: ['websocket', 'polling'] });
    await close(leader);
    for (const follower of followers) {
      await waitFor(follower, 'user_left');
      await waitFor(follower, 'leadership_changed');
    }
    // The marker: a second grace, which ends a whole grace later than the first.
    const last = followers.pop();
    await close(last);
    for (const follower of followers) {
      await waitFor(follower, 'user_left', (left) => left.userId === last.userId);
      assert.deepEqual(received(follower, 'user_left').map((left) => left.userId), [leader.userId, last.userId]);
      assert.equal(received(follower, 'leadership_changed').length, 1);
    }
  });

  it('begins anew with each disconnection', async () => {
    const { sessionId, leader, followers: [follower] } = await room(server());
    let back = follower;
    for (let i = 0; i < 5; i++) {
      await close(back);
      back = await enter(server(), { sessionId, userId: follower.userId, username: 'Fred 1' });
    }
    const parted = Date.now();
    await close(back);
    await waitFor(leader, 'user_left');
    assert.ok(Date.now() - parted >= kGrace - 20, 'a whole grace after the last disconnection');
    assert.equal(received(leader, 'user_left').length, 1);
    assert.deepEqual(received(leader, 'user_joined'), []);
  });

  it('of many users who go at once ends once for each', async () => {
    const { leader, followers } = await room(server(), { followers: 20 });
    followers.forEach((follower) => follower.disconnect());
    for (const follower of followers) await waitFor(leader, 'user_left', (left) => left.userId === follower.userId);
    const marker = await enter(server(), { ...(await state(leader)), userId: 'marker', username: 'M' });
    await close(marker);
    await waitFor(leader, 'user_left', (left) => left.userId === 'marker');
    assert.equal(received(leader, 'user_left').length, 21);
  });
});

suite('the user timeout', { zone: `disconnect_grace=100ms user_timeout=${kUserTimeout}ms` }, (server) => {
  it('removes a user who was given up, without telling anybody twice', async () => {
    const { leader, followers: [follower] } = await room(server());
    await close(follower);
    await waitFor(leader, 'user_left');
    assert.ok(userOf(await state(leader), follower.userId), 'still listed after the grace');
    const seen = await until('the user to be removed', async () => {
      const now = await state(leader);
      return userOf(now, follower.userId) ? null : now;
    });
    assert.equal(seen.userCount, 1);
    assert.equal(received(leader, 'user_left').length, 1);
  });

  it('spares a user who came back', async () => {
    const { sessionId, leader, followers: [returner, goner] } = await room(server(), { followers: 2 });
    await close(returner);
    await waitFor(leader, 'user_left');
    await enter(server(), { sessionId, userId: returner.userId, username: 'R' });
    // The marker: another user, gone later, is removed.
    await close(goner);
    await until('the other to be removed', async () => !userOf(await state(leader), goner.userId));
    assert.equal(userOf(await state(leader), returner.userId)?.isConnected, true);
  });

  it('makes a later return a new entry at the end of the list', async () => {
    const { sessionId, leader, followers: [first, second] } = await room(server(), { followers: 2 });
    await close(first);
    await until('the user to be removed', async () => !userOf(await state(leader), first.userId));
    await enter(server(), { sessionId, userId: first.userId, username: 'Again' });
    assert.deepEqual((await state(leader)).users.map((user) => user.id), [leader.userId, second.userId, first.userId]);
  });
});

const sessionZone = `disconnect_grace=50ms user_timeout=100ms session_timeout=${kSessionTimeout}ms`;

suite('the session timeout', { zone: sessionZone }, (server) => {
  it('removes a session with no connection and no activity', async () => {
    const { sessionId } = (await rest(server(), 'POST', '/api/sessions', { creatorId: 'a', creatorName: 'A' })).json();
    const start = Date.now();
    assert.equal((await shown(server(), sessionId)).status, 200);
    await until('the session to be removed', async () => (await shown(server(), sessionId)).status === 404);
    assert.ok(Date.now() - start > kSessionTimeout - 50, `not before its time: ${Date.now() - start} ms`);
    const list = (await request(server(), { path: '/api/sessions' })).json();
    assert.ok(!list.sessions.some((one) => one.sessionId === sessionId));
  });

  it('counts from the end of the last connection, and the name is free again', async () => {
    const { sessionId, members } = await room(server());
    await Promise.all(members.map(close));
    assert.equal((await shown(server(), sessionId)).status, 200);
    await until('the session to be removed', async () => (await shown(server(), sessionId)).status === 404);
    const again = await enter(server(), { sessionId, userId: 'new', username: 'New' });
    assert.equal(again.joined.isLeader, true);
    assert.equal(again.joined.session.creatorId, 'new');
  });

  it('spares a session with a connection, even an idle one', async () => {
    const { sessionId, leader } = await room(server(), { followers: 0 });
    // The marker: a session that began later has been removed.
    const other = (await rest(server(), 'POST', '/api/sessions', { creatorId: 'a', creatorName: 'A' })).json();
    await until('the other session to be removed', async () => (await shown(server(), other.sessionId)).status === 404);
    assert.equal((await shown(server(), sessionId)).status, 200);
    assert.equal((await ask(leader, 'sync_playback', { position: 1, isPlaying: false })).success, true);
  });

  it('comes again and again for one connection that makes session after session', async () => {
    const socket = await connect(server());
    for (let round = 0; round < 2; round++) {
      const sessionId = unique('round');
      assert.equal((await ask(socket, 'join_session', { sessionId, userId: 'u', username: 'U' })).success, true);
      await ask(socket, 'leave_session');
      await until('the session to be removed', async () => (await shown(server(), sessionId)).status === 404);
    }
  });
});
