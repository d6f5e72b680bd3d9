// What an operator may limit.
import assert from 'node:assert/strict';
import { ask, close, connect, enter, frame, it, kText, rawWebSocket, refused, request, rest, room, state, suite,
  unique } from './harness/index.mjs';

suite('mediasync_max_users', { sync: 'mediasync_max_users 3;' }, (server) => {
  it('refuses the next user with SESSION_FULL, and lets one in when one has left', async () => {
    const { sessionId, leader, followers: [first] } = await room(server(), { followers: 2 });
    const late = await connect(server());
    const data = { sessionId, userId: 'late', username: 'Late' };
    await refused(late, 'join_session', [data], 'SESSION_FULL');
    assert.equal((await state(leader)).userCount, 3);
    await ask(first, 'leave_session');
    assert.equal((await ask(late, 'join_session', data)).success, true);
  });

  it('does not count tabs, nor users who come back', async () => {
    const { sessionId, leader, followers: [first] } = await room(server(), { followers: 2 });
    await enter(server(), { sessionId, userId: leader.userId, username: 'Tab' });
    await close(first);
    const back = await enter(server(), { sessionId, userId: first.userId, username: 'Back' });
    assert.equal(back.joined.session.userCount, 3);
  });
});

suite('mediasync_max_sessions', { sync: 'mediasync_max_sessions 3;', api: 'mediasync_max_sessions 3;' }, (server) => {
  it('refuses new sessions with TOO_MANY_SESSIONS, over REST with a failure, and keeps the present ones', async () => {
    const rooms = [await room(server()), await room(server()), await room(server())];
    const late = await connect(server());
    await refused(late, 'join_session', [{ sessionId: unique('n'), userId: 'u', username: 'U' }], 'TOO_MANY_SESSIONS');
    const made = await rest(server(), 'POST', '/api/sessions', { creatorId: 'a', creatorName: 'A' });
    assert.ok([503, 507].includes(made.status), `${made.status}`);
    assert.equal(made.json().success, false);
    assert.equal((await request(server(), { path: '/api/sessions' })).json().totalSessions, 3);
    assert.equal((await ask(late, 'join_session', { sessionId: rooms[1].sessionId, userId: 'u', username: 'U' })).success, true);
    assert.equal((await ask(rooms[0].leader, 'sync_playback', { position: 1, isPlaying: true })).success, true);
  });
});

suite('mediasync_max_payload', { sync: 'mediasync_max_payload 2000;' }, (server) => {
  it('is told in the handshake, and closes a websocket with 1009', async () => {
    const raw = await rawWebSocket(server());
    assert.equal(raw.handshake.maxPayload, 2000);
    const fits = `42["heartbeat","${'x'.repeat(1900)}"]`;
    raw.write(frame(kText, fits));
    await raw.message((text) => text.startsWith('42["heartbeat_ack"'));
    raw.write(frame(kText, fits.padEnd(2001, ' ')));
    assert.equal((await raw.closing()).code, 1009);
  });

  it('takes a message of exactly that size', async () => {
    const raw = await rawWebSocket(server());
    raw.write(frame(kText, `42["heartbeat","${'x'.repeat(2000 - 18)}"]`));
    await raw.message((text) => text.startsWith('42["heartbeat_ack"'));
  });

  it('does not limit what the server sends', async () => {
    const sessionId = unique('s');
    const crowd = [];
    for (let i = 0; i < 12; i++) {
      crowd.push(await enter(server(), { sessionId, userId: `u${i}`, username: 'x'.repeat(250) }));
    }
    assert.equal((await state(crowd[0])).userCount, 12);
  });
});
