// A follower that never reads costs the server nothing that grows, and the others nothing at all; when it reads again, it
// gets what is true now, not all that was.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, describe, frame, it, kSeparator, kText, Polling, RawConnection, rawWebSocket,
  request, Server, unique, workerCounts } from './harness/index.mjs';

const kUpdates = 10000;
// What a worker may gain meanwhile. All updates as frames are 10 MB.
const kGrowth = 2 * 1024 * 1024;
// As long as a film's address may be, so that no buffer of the kernel takes them all.
const mediaUrl = `https://films.example.org/${'x'.repeat(700)}.mp4`;
// Sanitizers keep what was freed.
const kInstrumented = Boolean(process.env.MEDIASYNC_PRELOAD);

const rss = (pid) => 1024 * Number(/^VmRSS:\s*(\d+)/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);
const status = async (server) => (await request(server, { path: '/status' })).json();
const positionOf = (text) => JSON.parse(text.slice(2))[1].position;
const isSync = (text) => text.startsWith('42["playback_sync"');

function join(raw, sessionId, userId) {
  raw.write(frame(kText, `42${JSON.stringify(['join_session', { sessionId, userId, username: 'Raw' }])}`));
  return raw.message((text) => text.startsWith('42["session_joined"'));
}

async function member(server, sessionId, userId) {
  const raw = await rawWebSocket(server);
  await join(raw, sessionId, userId);
  return raw;
}

/** A WebSocket whose kernel takes little, and which is not read any more. */
async function silentWebSocket(server, sessionId) {
  const raw = await member(server, sessionId, unique('silent'));
  raw.socket.pause();
  return raw;
}

/** The leader says where it is, kUpdates times, as fast as readers follow; `reader` must get each, in order. */
async function play(leader, reader) {
  const send = (from, to) => leader.write(Buffer.concat(Array.from({ length: to - from }, (_, i) =>
    frame(kText, `42${JSON.stringify(['sync_playback', { position: from + i + 1, isPlaying: true, mediaUrl }])}`))));
  for (let sent = 0; sent < kUpdates; sent += 500) {
    send(sent, sent + 500);
    for (let i = sent + 1; i <= sent + 500; i++) assert.equal(positionOf(await reader.message(isSync)), i);
  }
}

for (const workers of workerCounts(1, 2)) {
  describe(`a follower that never reads (${workers} workers)`, () => {
    let server;
    before(async () => { server = await Server.start({ workers }); });
    after(async () => { await server?.stop(); });

    /** A leader and one who reads. */
    async function pair(sessionId) {
      return { leader: await member(server, sessionId, 'leader'), reader: await member(server, sessionId, 'reader') };
    }

    /** Plays, and returns what the worker gained that gained most. */
    async function playTo({ leader, reader }) {
      const pids = server.workerPids();
      const start = pids.map(rss);
      let most = 0;
      const timer = setInterval(() => {
        most = Math.max(most, ...pids.map((pid, i) => rss(pid) - start[i]));
      }, 20);
      const began = performance.now();
      await play(leader, reader);
      clearInterval(timer);
      most = Math.max(most, ...pids.map((pid, i) => rss(pid) - start[i]));
      return { most, ms: performance.now() - began };
    }

    it('over WebSocket', async (t) => {
      const sessionId = unique('room');
      const present = await pair(sessionId);
      // Once without anybody who is slow, so that buffers are there.
      await playTo(present);
      const silent = await silentWebSocket(server, sessionId);
      const { most, ms } = await playTo(present);
      t.diagnostic(`${kUpdates} updates in ${ms.toFixed(0)} ms; the worker grew by ${(most / 1024).toFixed(0)} KB`);
      if (!kInstrumented) assert.ok(most < kGrowth, `${most} bytes`);
      const skipped = (await status(server)).skipped_total;
      silent.socket.resume();
      const positions = [];
      while (positions.at(-1) !== kUpdates) positions.push(positionOf(await silent.message(isSync)));
      t.diagnostic(`it then got ${positions.length} of them, ${(await status(server)).skipped_total - skipped} skipped`);
      assert.ok(positions.every((position, i) => i === 0 || position > positions[i - 1]), 'in order');
      assert.ok(positions.length < kUpdates, 'not all of the past');
      silent.write(frame(kText, '427["request_session_state"]'));
      const state = JSON.parse((await silent.message((text) => text.startsWith('42["session_state"'))).slice(2))[1];
      assert.ok(state.playbackState.position >= kUpdates);
      present.leader.write(frame(kText, '42["sync_playback",{"position":1,"isPlaying":false}]'));
      assert.equal(positionOf(await silent.message(isSync)), 1);
    });

    it('over polling', async (t) => {
      const sessionId = unique('room');
      const present = await pair(sessionId);
      const polling = await Polling.open(server);
      await polling.post(`42${JSON.stringify(['join_session', { sessionId, userId: 'poller', username: 'P' }])}`);
      await polling.event('session_joined');
      const { most, ms } = await playTo(present);
      t.diagnostic(`${kUpdates} updates in ${ms.toFixed(0)} ms; the worker grew by ${(most / 1024).toFixed(0)} KB`);
      if (!kInstrumented) assert.ok(most < kGrowth, `${most} bytes`);
      const answer = await polling.poll();
      assert.equal(answer.status, 200);
      const positions = answer.body.split(kSeparator).filter(isSync).map(positionOf);
      t.diagnostic(`it then got ${positions.length} of them in ${answer.body.length} bytes`);
      assert.equal(positions.at(-1), kUpdates, 'the latest');
      assert.ok(positions.length < kUpdates / 10, 'not all of the past');
      present.leader.write(frame(kText, '42["sync_playback",{"position":1,"isPlaying":false}]'));
      assert.equal((await polling.event('playback_sync'))[1].position, 1);
    });

    it('and whom an event escapes that nothing supersedes: it is told to come back, over WebSocket and polling', async () => {
      const sessionId = unique('room');
      const present = await pair(sessionId);
      const silent = await silentWebSocket(server, sessionId);
      const polling = await Polling.open(server);
      await polling.post(`42${JSON.stringify(['join_session', { sessionId, userId: 'poller', username: 'P' }])}`);
      await polling.event('session_joined');
      await playTo(present);
      await member(server, sessionId, 'newcomer');
      await playTo(present);
      assert.equal((await polling.poll()).body, '1', 'closed');
      silent.socket.resume();
      assert.equal((await silent.closing()).code, 1001);
      const back = JSON.parse((await join(await rawWebSocket(server), sessionId, 'poller')).slice(2))[1];
      assert.equal(back.session.playbackState.position >= kUpdates, true);
      assert.ok(back.session.users.some((user) => user.id === 'newcomer'));
    });

    it('a poll whose answer nobody reads', async (t) => {
      const sessionId = unique('room');
      const present = await pair(sessionId);
      const polling = await Polling.open(server);
      await polling.post(`42${JSON.stringify(['join_session', { sessionId, userId: 'poller', username: 'P' }])}`);
      await polling.event('session_joined');
      const raw = await RawConnection.open(server);
      raw.socket.pause();
      raw.write(`GET ${polling.url()} HTTP/1.1\r\nHost: x\r\n\r\n`);
      const { most } = await playTo(present);
      t.diagnostic(`the worker grew by ${(most / 1024).toFixed(0)} KB`);
      if (!kInstrumented) assert.ok(most < kGrowth, `${most} bytes`);
      raw.destroy();
    });

    it('and asks for the state again and again', async (t) => {
      const sessionId = unique('room');
      const present = await pair(sessionId);
      const silent = await silentWebSocket(server, sessionId);
      silent.write(Buffer.concat(Array.from({ length: kUpdates }, () => frame(kText, '42["request_session_state"]'))));
      const { most } = await playTo(present);
      t.diagnostic(`the worker grew by ${(most / 1024).toFixed(0)} KB`);
      if (!kInstrumented) assert.ok(most < kGrowth, `${most} bytes`);
      silent.destroy();
    });
  });
}
