// Creating and joining sessions.
import assert from 'node:assert/strict';
import { ask, clear, connect, enter, fence, fits, it, join, received, room, state, suite, transports, unique, userOf,
  waitFor } from './harness/index.mjs';

suite('join_session', {}, (server) => {
  for (const transport of Object.keys(transports)) {
    it(`creates a session and answers with every documented field over ${transport}`, async () => {
      const socket = await connect(server(), { transport });
      const sessionId = unique('session');
      const userId = unique('user');
      const before = Date.now() / 1000;
      const joined = await join(socket, { sessionId, userId, username: 'Älice 🎬', avatar: 'https://example.com/a.png' });

      fits('session_joined', joined);
      assert.equal(joined.sessionId, sessionId);
      assert.equal(joined.userId, userId);
      assert.equal(joined.isLeader, true);
      const { session } = joined;
      assert.equal(session.sessionId, sessionId);
      assert.equal(session.creatorId, userId);
      assert.equal(session.leaderId, userId);
      assert.equal(session.userCount, 1);
      assert.equal(session.connectedCount, 1);
      const [user] = session.users;
      assert.equal(user.id, userId);
      assert.equal(user.username, 'Älice 🎬');
      assert.equal(user.avatar, 'https://example.com/a.png');
      assert.equal(user.isConnected, true);
      assert.equal(user.isLeader, true);
      assert.ok(Math.abs(user.lastSeen - before) < 5, 'lastSeen is now, in seconds');
      assert.ok(Math.abs(Date.parse(user.joinedAt) / 1000 - before) < 5, 'joinedAt is now');
      assert.deepEqual({ ...session.playbackState, lastUpdateTime: 0 }, { mediaUrl: null, mediaId: null,
        mediaTitle: null, mediaDuration: null, position: 0, isPlaying: false, playbackRate: 1, lastUpdateTime: 0 });
    });

    it(`lets a second user join as a follower and tells only the others over ${transport}`, async () => {
      const { sessionId, leader } = await room(server(), { followers: 0, transport });
      const follower = await enter(server(), { sessionId, userId: 'bob', username: 'Bob' }, { transport });

      const told = await waitFor(leader, 'user_joined');
      fits('user_joined', told);
      assert.deepEqual({ ...told, timestamp: 0 }, { userId: 'bob', username: 'Bob', avatar: null, timestamp: 0 });
      fits('session_joined', follower.joined);
      assert.equal(follower.joined.isLeader, false);
      assert.equal(follower.joined.session.leaderId, leader.userId);
      assert.deepEqual(follower.joined.session.users.map((user) => user.id), [leader.userId, 'bob']);
      assert.equal(userOf(follower.joined.session, 'bob').isLeader, false);

      await fence(leader, [leader, follower]);
      assert.deepEqual(received(follower, 'user_joined'), [], 'nobody is told of oneself');
      assert.equal(received(leader, 'user_joined').length, 0 + 1);
    });
  }

  it('shows an absent avatar, and one given as null, as null', async () => {
    const socket = await connect(server());
    const sessionId = unique('session');
    const first = await join(socket, { sessionId, userId: 'u', username: 'U' });
    assert.equal(first.session.users[0].avatar, null);
    const second = await join(socket, { sessionId, userId: 'u', username: 'U', avatar: null });
    assert.equal(second.session.users[0].avatar, null);
  });

  it('refreshes name and avatar when the same user joins the same session again', async () => {
    const { sessionId, leader, followers: [follower] } = await room(server());
    const again = await join(follower, { sessionId, userId: follower.userId, username: 'Renamed', avatar: 'https://x/y' });
    fits('session_joined', again);
    assert.equal(again.isLeader, false);
    assert.equal(userOf(again.session, follower.userId).username, 'Renamed');

    const seen = userOf(await state(leader), follower.userId);
    assert.equal(seen.username, 'Renamed');
    assert.equal(seen.avatar, 'https://x/y');
    await fence(leader, [leader, follower]);
    assert.deepEqual(received(leader, 'user_joined'), [], 'a refresh is no arrival');
  });

  it('refuses a second session with ALREADY_IN_SESSION and keeps the first', async () => {
    const { sessionId, leader, followers: [follower] } = await room(server());
    const other = unique('other');
    const ack = await ask(follower, 'join_session', { sessionId: other, userId: follower.userId, username: 'X' });
    const error = await waitFor(follower, 'error');
    assert.equal(error.message, 'Already in a session. Leave current session first.');
    assert.equal(error.code, 'ALREADY_IN_SESSION');
    assert.equal(error.event, 'join_session');
    assert.deepEqual(ack, { success: false, code: error.code, message: error.message });
    await fence(leader, [follower]);
    assert.equal((await state(follower)).sessionId, sessionId);
  });

  it('refuses to become another user of the same session on one connection', async () => {
    const { sessionId, followers: [follower] } = await room(server());
    const ack = await ask(follower, 'join_session', { sessionId, userId: 'someone-else', username: 'X' });
    assert.equal(ack.code, 'ALREADY_IN_SESSION');
    assert.equal(userOf(await state(follower), 'someone-else'), undefined);
  });

  it('takes another session after leaving the first', async () => {
    const { followers: [follower] } = await room(server());
    assert.equal((await ask(follower, 'leave_session')).success, true);
    const joined = await join(follower, { sessionId: unique('next'), userId: 'u', username: 'U' });
    assert.equal(joined.isLeader, true);
  });

  it('counts two tabs of one user as one user who leaves only with the last tab', async () => {
    const { sessionId, leader, followers: [tab1] } = await room(server());
    const tab2 = await enter(server(), { sessionId, userId: tab1.userId, username: 'Fred 1' });
    assert.equal(tab2.joined.session.userCount, 2);
    await fence(leader, [leader, tab1, tab2]);
    assert.deepEqual(received(leader, 'user_joined'), [], 'a second tab is no arrival');

    tab1.disconnect();
    // The marker is a later arrival: by then the server has handled the tab's end.
    await enter(server(), { sessionId, userId: 'marker', username: 'Marker' });
    await waitFor(leader, 'user_joined', (event) => event.userId === 'marker');
    assert.equal(userOf(await state(tab2), tab1.userId).isConnected, true);
    assert.deepEqual(received(leader, 'user_left'), []);
  });

  it('delivers an event to both tabs of a user', async () => {
    const { sessionId, leader, followers: [tab1] } = await room(server());
    const tab2 = await enter(server(), { sessionId, userId: tab1.userId, username: 'F' }, { transport: 'polling' });
    clear(tab2);
    leader.emit('sync_playback', { position: 12.5, isPlaying: true });
    for (const tab of [tab1, tab2]) assert.equal((await waitFor(tab, 'playback_sync')).position, 12.5);
  });

  it('takes any text as id: the documented example, 128 bytes, other scripts, quotes', async () => {
    for (const id of ['my-session-id', 'x'.repeat(128), 'ü'.repeat(64), 'кино 🍿', 'a"b\\c/d', '__proto__', ' ']) {
      const socket = await connect(server());
      const joined = await join(socket, { sessionId: id, userId: id, username: id });
      assert.equal(joined.sessionId, id);
      assert.equal(joined.userId, id);
      assert.equal(joined.session.leaderId, id);
      assert.equal((await ask(socket, 'leave_session')).success, true);
      socket.disconnect();
    }
  });

  it('keeps two sessions apart', async () => {
    const one = await room(server());
    const two = await room(server());
    one.leader.emit('sync_playback', { position: 1, isPlaying: true });
    await waitFor(one.followers[0], 'playback_sync');
    await fence(two.leader, two.members);
    assert.equal(received(two.followers[0], 'playback_sync').length, 1, 'only its own marker');
  });

  it('lists users in the order of joining', async () => {
    const { leader, members } = await room(server(), { followers: 4, transport: ['websocket', 'polling'] });
    assert.deepEqual((await state(leader)).users.map((user) => user.id), members.map((member) => member.userId));
  });
});
