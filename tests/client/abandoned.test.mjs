// What nobody is in keeps nobody out: neither the server's memory nor the places of a session.
import assert from 'node:assert/strict';
import { ask, close, connect, enter, fence, frame, it, kText, rawWebSocket, request, room, suite, unique, until } from
  './harness/index.mjs';

const status = async (server) => (await request(server, { path: '/status' })).json();
const event = (name, data, ack = '') => frame(kText, `42${ack}${JSON.stringify(data === undefined ? [name] : [name, data])}`);

suite('a program that makes session after session', { zoneSize: '2m' }, (server) => {
  it('keeps nobody out, and leaves no more than the state of each', async () => {
    const present = await room(server());
    const long = event('load_media', { mediaUrl: 'u'.repeat(2000), mediaTitle: 't'.repeat(500) });
    const raw = await rawWebSocket(server());
    for (let i = 1; i <= 60; i++) {
      raw.write(event('join_session', { sessionId: unique('bad'), userId: 'bad', username: 'Bad' }));
      for (let n = 0; n < 46; n++) raw.write(long);
      raw.write(event('leave_session', undefined, i));
      await raw.message((text) => text.startsWith(`43${i}[`));
    }
    for (let i = 0; i < 20; i++) {
      const late = await enter(server(), { sessionId: unique('late'), userId: 'late', username: 'Late' });
      await close(late);
    }
    await fence(present.leader, present.members);
    // 60 logs alone would be 7 MB.
    const { zone_free_bytes: free, zone_size_bytes: size } = await status(server());
    assert.ok(free > size / 3, `${free} of ${size} bytes are left`);
  });
});

suite('a session full of users who went', { sync: 'mediasync_max_users 5;' }, (server) => {
  it('lets in who comes, as long as not all are there', async () => {
    const { sessionId, leader } = await room(server(), { followers: 0 });
    for (let i = 0; i < 10; i++) {
      const gone = await enter(server(), { sessionId, userId: unique('gone'), username: 'Gone' });
      await close(gone);
      await until('it to be noticed', async () => {
        const { session } = (await request(server(), { path: `/api/sessions/${sessionId}` })).json();
        return session.connectedCount === 1;
      });
    }
    for (let i = 0; i < 4; i++) {
      const late = await enter(server(), { sessionId, userId: unique('late'), username: 'Late' });
      assert.equal(late.joined.session.userCount, 5);
    }
    const more = await connect(server());
    const answer = await ask(more, 'join_session', { sessionId, userId: 'more', username: 'More' });
    assert.equal(answer.code, 'SESSION_FULL');
    assert.ok(leader.connected);
  });
});
