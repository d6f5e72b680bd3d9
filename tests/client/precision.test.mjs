// What players need to be in step: precise times, commands that begin together, and who has stalled.
import assert from 'node:assert/strict';
import { Server, after, before, connect, describe, it, join, suite, unique, waitFor } from './harness/index.mjs';

suite('what players need to be in step', {}, (server) => {
  const now = () => (performance.timeOrigin + performance.now()) / 1000;

  it('answers probes with precise times, each by its number', async () => {
    const socket = await connect(server());
    const sent = now();
    for (const probe of [5, -1.5, 7]) socket.emit('heartbeat', { probe });
    const answers = [];
    for (let i = 0; i < 3; i++) answers.push(await waitFor(socket, 'heartbeat_ack'));
    const received = now();
    assert.deepEqual(answers.map(({ probe }) => probe), [5, -1.5, 7]);
    for (const { receivedAt, sentAt, roundTrip, timestamp } of answers) {
      assert.ok(receivedAt >= sent - 0.01 && receivedAt <= sentAt && sentAt <= received + 0.01);
      assert.ok(Math.abs(timestamp - sentAt) < 0.1);
      assert.ok(roundTrip > 0 && roundTrip < 1, `${roundTrip}`);
    }
    const answer = await socket.emitWithAck('heartbeat', { probe: 9 });
    assert.deepEqual(Object.keys(answer).sort(), ['probe', 'receivedAt', 'roundTrip', 'sentAt', 'success', 'timestamp']);
    await waitFor(socket, 'heartbeat_ack');
  });

  it('answers them over polling as well, without the kernel\'s round trip', async () => {
    const socket = await connect(server(), { transport: 'polling' });
    socket.emit('heartbeat', { probe: 1 });
    const answer = await waitFor(socket, 'heartbeat_ack');
    assert.deepEqual(Object.keys(answer).sort(), ['probe', 'receivedAt', 'sentAt', 'timestamp']);
  });

  it('answers plain heartbeats as ever', async () => {
    const socket = await connect(server());
    for (const data of [undefined, null, {}, { probe: 'x' }, 5]) {
      socket.emit('heartbeat', data);
      assert.deepEqual(Object.keys(await waitFor(socket, 'heartbeat_ack')), ['timestamp']);
    }
  });

  it('holds a command until it begins', async () => {
    const sessionId = unique('room');
    const leader = await connect(server());
    const follower = await connect(server());
    await join(leader, { sessionId, userId: 'ann' });
    await join(follower, { sessionId, userId: 'bob' });
    const executeAt = Math.round((now() + 0.4) * 1000) / 1000;
    leader.emit('sync_playback', { position: 10, isPlaying: true, executeAt });
    for (const socket of [leader, follower]) {
      const sync = await waitFor(socket, 'playback_sync');
      assert.deepEqual([sync.position, sync.isPlaying, sync.executeAt, sync.lastUpdateTime], [10, true, executeAt, executeAt]);
    }
    const late = await connect(server());
    const { session } = await join(late, { sessionId, userId: 'cat' });
    assert.ok(session.playbackState.position < 10.4);
    await new Promise((resolve) => { setTimeout(resolve, 700); });
    late.emit('request_session_state');
    const { position, lastUpdateTime } = (await waitFor(late, 'session_state')).playbackState;
    assert.ok(Math.abs(position - 10 - (lastUpdateTime - executeAt)) < 0.002, `${position}`);
  });

  it('refuses a beginning that is no number', async () => {
    const leader = await connect(server());
    await join(leader, { sessionId: unique('room'), userId: 'ann' });
    leader.emit('sync_playback', { position: 1, isPlaying: true, executeAt: 'soon' });
    assert.equal((await waitFor(leader, 'error')).code, 'INVALID_EXECUTE_AT');
  });

  it('tells everyone who has stalled', async () => {
    const sessionId = unique('room');
    const ann = await connect(server());
    const bob = await connect(server());
    await join(ann, { sessionId, userId: 'ann' });
    await join(bob, { sessionId, userId: 'bob' });
    for (const isBuffering of [true, false]) {
      assert.deepEqual(await bob.emitWithAck('report_buffering', { isBuffering }), { success: true });
      for (const socket of [ann, bob]) {
        const told = await waitFor(socket, 'user_buffering');
        assert.deepEqual([told.userId, told.isBuffering], ['bob', isBuffering]);
        assert.ok(Math.abs(told.timestamp - now()) < 5);
      }
    }
    bob.emit('report_buffering', {});
    assert.equal((await waitFor(bob, 'error')).code, 'INVALID_IS_BUFFERING');
  });

  it('passes on why, and tells nobody what changes nothing', async () => {
    const sessionId = unique('room');
    const ann = await connect(server());
    const bob = await connect(server());
    await join(ann, { sessionId, userId: 'ann' });
    await join(bob, { sessionId, userId: 'bob' });
    const told = [];
    ann.on('user_buffering', (event) => told.push([event.userId, event.isBuffering, event.problem]));
    const reports = [
      { isBuffering: true }, { isBuffering: true }, { isBuffering: true, problem: 'network' },
      { isBuffering: true, problem: 'network' }, { isBuffering: true, problem: 'missing' },
      { isBuffering: true, problem: 'unsupported' }, { isBuffering: false }, { isBuffering: false, problem: null },
    ];
    for (const report of reports) assert.deepEqual(await bob.emitWithAck('report_buffering', report), { success: true });
    assert.deepEqual(await ann.emitWithAck('report_buffering', { isBuffering: false }), { success: true });
    await waitFor(ann, 'user_buffering', (event) => event.userId === 'ann');
    assert.deepEqual(told, [
      ['bob', true, undefined], ['bob', true, 'network'], ['bob', true, 'missing'], ['bob', true, 'unsupported'],
      ['bob', false, undefined], ['ann', false, undefined],
    ]);
    const refused = await bob.emitWithAck('report_buffering', { isBuffering: true, problem: 'aliens' });
    assert.equal(refused.code, 'INVALID_PROBLEM');
  });
});

describe('a location with milliseconds', () => {
  let server;
  before(async () => { server = await Server.start({ sync: 'mediasync_timestamps milliseconds;' }); });
  after(() => server?.stop());

  it('takes and gives them', async () => {
    const leader = await connect(server);
    await join(leader, { sessionId: unique('room'), userId: 'ann' });
    const executeAt = Date.now() + 300;
    leader.emit('sync_playback', { position: 1, isPlaying: true, executeAt });
    assert.equal((await waitFor(leader, 'playback_sync')).executeAt, executeAt);
    leader.emit('heartbeat', { probe: 1 });
    const { receivedAt, sentAt } = await waitFor(leader, 'heartbeat_ack');
    assert.ok(Math.abs(receivedAt - Date.now()) < 5000 && sentAt >= receivedAt);
  });
});
