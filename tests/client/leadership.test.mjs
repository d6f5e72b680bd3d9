// Who leads.
import assert from 'node:assert/strict';
import { ask, clear, enter, fence, fits, it, received, refused, request, rest, room, state, suite, until, userOf,
  waitFor } from './harness/index.mjs';

// Long enough for a busy machine to do what has to be done within.
const kGrace = 1000;

suite('leadership', { zone: `disconnect_grace=${kGrace}ms` }, (server) => {
  for (const transport of ['polling', 'websocket']) {
    it(`moves at once when the leader leaves, to the one who joined earliest, over ${transport}`, async () => {
      const { leader, followers } = await room(server(), { followers: 3, transport });
      await ask(leader, 'leave_session');
      for (const follower of followers) {
        const changed = await waitFor(follower, 'leadership_changed');
        fits('leadership_changed', changed);
        assert.equal(changed.newLeaderId, followers[0].userId);
        assert.equal(changed.newLeaderName, 'Fred 1');
      }
      assert.equal((await state(followers[2])).leaderId, followers[0].userId);
      assert.equal((await ask(followers[0], 'sync_playback', { position: 3, isPlaying: true })).success, true);
      await refused(followers[1], 'sync_playback', [{ position: 4, isPlaying: true }], 'NOT_LEADER');
    });

    it(`moves after the grace when the leader's connection is lost over ${transport}`, async () => {
      const { leader, followers } = await room(server(), { followers: 2, transport });
      const lost = Date.now();
      leader.disconnect();
      for (const follower of followers) {
        assert.equal((await waitFor(follower, 'leadership_changed')).newLeaderId, followers[0].userId);
        assert.equal((await waitFor(follower, 'user_left')).userId, leader.userId);
      }
      assert.ok(Date.now() - lost >= kGrace - 20, 'not before the grace ended');
    });
  }

  it('skips users without a connection when it moves', async () => {
    const { leader, followers: [first, second, third] } = await room(server(), { followers: 3 });
    first.disconnect();
    await until('the mark', async () => !userOf(await state(leader), first.userId).isConnected);
    await ask(leader, 'leave_session');
    for (const one of [second, third]) {
      assert.equal((await waitFor(one, 'leadership_changed')).newLeaderId, second.userId);
    }
  });

  it('goes by the time of joining, not of connecting', async () => {
    const { sessionId, leader, followers: [first, second] } = await room(server(), { followers: 2 });
    first.disconnect();
    const back = await enter(server(), { sessionId, userId: first.userId, username: 'Fred 1' });
    await ask(leader, 'leave_session');
    assert.equal((await waitFor(second, 'leadership_changed')).newLeaderId, back.userId);
  });

  it('is kept when the leader is back within the grace', async () => {
    const { sessionId, leader, followers: [follower, marker] } = await room(server(), { followers: 2 });
    leader.disconnect();
    const back = await enter(server(), { sessionId, userId: leader.userId, username: 'Lea' });
    assert.equal(back.joined.isLeader, true);
    marker.disconnect();
    await waitFor(follower, 'user_left', (left) => left.userId === marker.userId);
    assert.deepEqual(received(follower, 'leadership_changed'), []);
    assert.equal((await ask(back, 'sync_playback', { position: 1, isPlaying: false })).success, true);
  });

  it('is refused to those who ask while the leader is connected, with the documented words', async () => {
    const { leader, followers: [follower] } = await room(server());
    const error = await refused(follower, 'request_leadership', [], 'LEADER_ACTIVE');
    assert.equal(error.message, 'Current leader is still active');
    await fence(leader, [leader, follower]);
    assert.deepEqual(received(leader, 'leadership_changed'), []);
  });

  it('is refused while the leader has one tab left', async () => {
    const { sessionId, leader, followers: [follower] } = await room(server());
    const tab2 = await enter(server(), { sessionId, userId: leader.userId, username: 'Lea' });
    leader.disconnect();
    await fence(tab2, [tab2, follower]);
    await refused(follower, 'request_leadership', [], 'LEADER_ACTIVE');
  });

  it('is refused to the leader, and nothing changes', async () => {
    const { leader, followers: [follower] } = await room(server());
    await refused(leader, 'request_leadership', [], /^(ALREADY_LEADER|LEADER_ACTIVE)$/);
    await fence(leader, [leader, follower]);
    assert.deepEqual(received(follower, 'leadership_changed'), []);
  });

  it('goes to any follower who asks inside the grace; the former leader returns as a follower', async () => {
    const { sessionId, leader, followers: [first, second] } = await room(server(), { followers: 2 });
    leader.disconnect();
    await until('the mark', async () => !userOf(await state(second), leader.userId).isConnected);
    assert.equal((await ask(second, 'request_leadership')).success, true);
    for (const one of [first, second]) {
      const changed = await waitFor(one, 'leadership_changed');
      assert.equal(changed.newLeaderId, second.userId);
      assert.equal(changed.newLeaderName, 'Fred 2');
    }
    const back = await enter(server(), { sessionId, userId: leader.userId, username: 'Lea' });
    assert.equal(back.joined.isLeader, false);
    assert.equal(back.joined.session.leaderId, second.userId);
    await refused(back, 'sync_playback', [{ position: 1, isPlaying: true }], 'NOT_LEADER');
    await fence(second, [first, second, back]);
    assert.equal(received(first, 'leadership_changed').length, 1, 'one change in all');
  });

  it('does not come back to a leader who returns after the grace', async () => {
    const { sessionId, leader, followers: [follower] } = await room(server());
    leader.disconnect();
    await waitFor(follower, 'leadership_changed');
    const back = await enter(server(), { sessionId, userId: leader.userId, username: 'Lea' });
    assert.equal(back.joined.isLeader, false);
    await refused(back, 'request_leadership', [], 'LEADER_ACTIVE');
  });

  it('stays as it is while nobody is connected', async () => {
    const { sessionId, leader, followers: [follower] } = await room(server());
    const marker = await room(server());
    follower.disconnect();
    leader.disconnect();
    await until('both to be marked', async () =>
      (await request(server(), { path: `/api/sessions/${sessionId}` })).json().session.connectedCount === 0);
    // The marker: a grace in another session that began later has ended.
    marker.followers[0].disconnect();
    await waitFor(marker.leader, 'user_left');
    const { session } = (await request(server(), { path: `/api/sessions/${sessionId}` })).json();
    assert.equal(session.leaderId, leader.userId);
    const back = await enter(server(), { sessionId, userId: leader.userId, username: 'Lea' });
    assert.equal(back.joined.isLeader, true);
  });

  it('can be requested by the first one in a session that was created over REST', async () => {
    const created = (await rest(server(), 'POST', '/api/sessions', { creatorId: 'boss', creatorName: 'Boss' })).json();
    const guest = await enter(server(), { sessionId: created.sessionId, userId: 'guest', username: 'Guest' });
    assert.equal(guest.joined.isLeader, false);
    assert.equal(guest.joined.session.leaderId, 'boss');
    await refused(guest, 'sync_playback', [{ position: 1, isPlaying: true }], 'NOT_LEADER');
    assert.equal((await ask(guest, 'request_leadership')).success, true);
    assert.equal((await waitFor(guest, 'leadership_changed')).newLeaderId, 'guest');
    assert.equal((await ask(guest, 'sync_playback', { position: 1, isPlaying: true })).success, true);
  });

  it('belongs to the creator who arrives in a session that was created over REST', async () => {
    const created = (await rest(server(), 'POST', '/api/sessions', { creatorId: 'boss', creatorName: 'Boss' })).json();
    const boss = await enter(server(), { sessionId: created.sessionId, userId: 'boss', username: 'Boss' });
    assert.equal(boss.joined.isLeader, true);
    assert.equal(boss.joined.session.userCount, 1, 'the listed creator, not a second entry');
  });

  it('is won by one alone when many ask at the same moment', async () => {
    const { leader, followers } = await room(server(), { followers: 6, transport: ['websocket', 'polling'] });
    leader.disconnect();
    await until('the mark', async () => !userOf(await state(followers[0]), leader.userId).isConnected);
    followers.forEach(clear);
    const acks = await Promise.all(followers.map((follower) => ask(follower, 'request_leadership')));
    assert.equal(acks.filter((ack) => ack.success).length, 1, JSON.stringify(acks));
    const winner = followers[acks.findIndex((ack) => ack.success)];
    await fence(winner, followers);
    for (const follower of followers) {
      assert.deepEqual(received(follower, 'leadership_changed').map((one) => one.newLeaderId), [winner.userId]);
    }
  });

  it('passes along a chain of leavers down to the last one', async () => {
    const { members } = await room(server(), { followers: 3 });
    for (let i = 0; i < 3; i++) {
      await ask(members[i], 'leave_session');
      for (const rest of members.slice(i + 1)) {
        await waitFor(rest, 'leadership_changed', (one) => one.newLeaderId === members[i + 1].userId);
      }
    }
    const last = members[3];
    assert.equal((await state(last)).leaderId, last.userId);
  });
});
