// Any worker serves any request; workers may die and be replaced.
import assert from 'node:assert/strict';
import { ask, clear, close, connect, deadline, describe, enter, fence, fenceAtLast, frame, it, join, kPatience, kText,
  open, pinnedSocket, Polling, RawConnection, received, request, requestOn, rest, room, Server, state, suite, unique,
  until, upgradeRequest, userOf, waitFor, workerAgent, workerCounts } from './harness/index.mjs';

/** The pids of all workers. */
function pids(server) {
  const all = server.workerPids();
  assert.equal(all.length, server.options.workers);
  return all;
}
const at = (list, i) => list[i % list.length];

/** The agent option of a stock client whose connections all belong to `pid`. */
const on = (server, pid) => ({ agent: workerAgent(server, pid) });

suite('one sid on several workers', { workerCounts: workerCounts(2, 4) }, (server) => {
  it('is handshaken, posted to, polled and upgraded on different ones', async () => {
    const workers = pids(server());
    const opening = await requestOn(server(), at(workers, 0), { path: '/socket.io/?EIO=4&transport=polling' });
    assert.equal(opening.worker, at(workers, 0));
    const { sid } = JSON.parse(opening.body.slice(1));
    const path = `/socket.io/?EIO=4&transport=polling&sid=${sid}`;

    const posted = await requestOn(server(), at(workers, 1), { method: 'POST', path, body: '40' });
    assert.deepEqual([posted.status, posted.body, posted.worker], [200, 'ok', at(workers, 1)]);
    const polled = await requestOn(server(), at(workers, 2), { path });
    assert.match(polled.body, /^40\{/);
    assert.equal(polled.worker, at(workers, 2));

    // A poll is held on one worker while another takes the packet that answers it.
    const held = requestOn(server(), at(workers, 0), { path });
    const joining = `42${JSON.stringify(['join_session', { sessionId: unique('s'), userId: 'u', username: 'U' }])}`;
    assert.equal((await requestOn(server(), at(workers, 3), { method: 'POST', path, body: joining })).worker, at(workers, 3));
    assert.match((await held).body, /^42\["session_joined"/);

    // The upgrade, on yet another worker than the held poll.
    const waiting = requestOn(server(), at(workers, 1), { path });
    const { socket } = await pinnedSocket(server(), (pid) => pid === at(workers, 0));
    const raw = new RawConnection(socket);
    raw.write(upgradeRequest(server(), { path: `/socket.io/?EIO=4&transport=websocket&sid=${sid}` }));
    const answer = await raw.response();
    assert.deepEqual([answer.status, answer.worker], [101, at(workers, 0)]);
    raw.write(frame(kText, '2probe'));
    assert.equal(await raw.message(), '3probe');
    assert.equal((await deadline(waiting, kPatience, 'the poll on another worker to be released')).body, '6');
    raw.write(frame(kText, '5'));
    raw.write(frame(kText, '42["request_session_state"]'));
    await raw.message((text) => text.startsWith('42["session_state"'));
    raw.destroy();
  });

  it('takes each request on a random worker', async () => {
    const polling = await Polling.open(server());
    const seen = new Set();
    for (let i = 0; i < 400 && (i < 20 || seen.size < 2); i++) {
      seen.add((await polling.post('42["heartbeat"]')).worker);
      const answer = await polling.poll();
      assert.match(answer.body, /heartbeat_ack/);
      seen.add(answer.worker);
    }
    assert.ok(seen.size >= 2, 'at least two workers answered');
  });

  it('is closed from any worker, and then unknown to all', async () => {
    const workers = pids(server());
    const polling = await Polling.open(server());
    const held = requestOn(server(), at(workers, 0), { path: polling.url() });
    await requestOn(server(), at(workers, 1), { method: 'POST', path: polling.url(), body: '1' });
    await deadline(held, kPatience, 'the poll on another worker to be released');
    for (const pid of workers) {
      await until(`worker ${pid} to answer 400`, async () =>
        (await requestOn(server(), pid, { path: polling.url() })).status === 400);
    }
  });
});

suite('one session on several workers', { workerCounts: workerCounts(2, 4), zone: 'disconnect_grace=300ms' }, (server) => {
  for (const transport of ['polling', 'websocket']) {
    it(`carries everything from a leader on one to followers on the others over ${transport}`, async () => {
      const workers = pids(server());
      const { leader, members, followers } = await room(server(), { followers: workers.length, transport,
        options: (i) => on(server(), at(workers, i)) });
      for (let i = 0; i < 300; i++) leader.emit('sync_playback', { position: i, isPlaying: true });
      for (const member of members) {
        await waitFor(member, 'playback_sync', (sync) => sync.position === 299);
        assert.deepEqual(received(member, 'playback_sync').map((sync) => sync.position), Array.from({ length: 300 }, (_, i) => i));
      }
      const seen = await Promise.all(members.map(state));
      for (const one of seen) assert.deepEqual(one.users.map((user) => [user.id, user.isConnected, user.isLeader]),
        seen[0].users.map((user) => [user.id, user.isConnected, user.isLeader]));

      await ask(leader, 'leave_session');
      for (const follower of followers) {
        assert.equal((await waitFor(follower, 'leadership_changed')).newLeaderId, followers[0].userId);
      }
      await ask(followers[0], 'sync_playback', { position: 1000, isPlaying: false });
      for (const follower of followers) await waitFor(follower, 'playback_sync', (sync) => sync.position === 1000);
    });
  }

  it('counts two tabs on two workers as one user', async () => {
    const workers = pids(server());
    const { sessionId, leader, followers: [tab1] } = await room(server(), { options: () => on(server(), workers[0]) });
    const tab2 = await enter(server(), { sessionId, userId: tab1.userId, username: 'F' }, on(server(), workers[1]));
    tab1.disconnect();
    await fence(leader, [leader, tab2]);
    assert.deepEqual(received(leader, 'user_joined'), []);
    assert.equal(userOf(await state(leader), tab2.userId).isConnected, true);
  });

  it('is created, joined and shown over REST on any', async () => {
    const workers = pids(server());
    const made = await requestOn(server(), workers[0], { method: 'POST', path: '/api/sessions',
      headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ creatorId: 'boss', creatorName: 'Boss' }) });
    assert.equal(made.worker, workers[0]);
    const { sessionId } = made.json();
    await enter(server(), { sessionId, userId: 'boss', username: 'Boss' }, on(server(), workers.at(-1)));
    for (const pid of workers) {
      const shown = await requestOn(server(), pid, { path: `/api/sessions/${sessionId}` });
      assert.equal(shown.worker, pid);
      assert.equal(shown.json().session.connectedCount, 1);
    }
  });

  it('goes on for both when a leader and a follower talk at once from different workers', async () => {
    const workers = pids(server());
    const { leader, followers: [follower] } = await room(server(), { options: (i) => on(server(), at(workers, i)) });
    const asked = Array.from({ length: 200 }, (_, i) => Promise.all([
      ask(leader, 'sync_playback', { position: i, isPlaying: true }),
      ask(follower, 'report_desync', { reportedPosition: i, reportedTime: i }),
    ]));
    for (const [first, second] of await Promise.all(asked)) assert.ok(first.success && second.success);
    await waitFor(follower, 'playback_sync', (sync) => sync.position === 199);
    assert.equal(received(follower, 'playback_sync').length, 200);
  });

  it('survives a crowd that joins and leaves everywhere at once', async () => {
    const { sessionId, leader } = await room(server(), { followers: 0 });
    const crowd = await Promise.all(Array.from({ length: 40 }, (_, i) => enter(server(),
      { sessionId, userId: `c${i}`, username: `C ${i}` }, { transport: i % 4 === 0 ? 'polling' : 'websocket' })));
    for (let i = 0; i < 40; i++) await waitFor(leader, 'user_joined', (one) => one.userId === `c${i}`);
    const full = await state(leader);
    assert.equal(full.userCount, 41);
    assert.equal(full.connectedCount, 41);
    await Promise.all(crowd.map((one) => ask(one, 'leave_session')));
    for (let i = 0; i < 40; i++) await waitFor(leader, 'user_left', (one) => one.userId === `c${i}`);
    assert.equal((await state(leader)).userCount, 1);
    assert.equal(received(leader, 'user_left').length, 40);
  });
});

/** A stock client that reconnects fast and joins again each time, as the documentation's example would. */
async function resident(server, data, options) {
  const socket = open(server, { reconnection: true, reconnectionDelay: 50, reconnectionDelayMax: 200, name: data.userId, ...options });
  socket.userId = data.userId;
  socket.on('connect', () => socket.emit('join_session', data));
  await waitFor(socket, 'session_joined');
  return socket;
}

for (const workers of workerCounts(2, 4)) {
  describe(`the death of a worker (${workers} workers)`, () => {
    it('leaves sessions whole: its clients reconnect, the others notice nothing', async () => {
      const server = await Server.start({ workers, zone: 'disconnect_grace=60s' });
      try {
        const [victim, survivor] = pids(server);
        const sessionId = unique('room');
        // Reconnects may go to any worker, hence no agent: the victims are found by where they happen to be.
        const leader = await enter(server, { sessionId, userId: 'lea', username: 'Lea' }, on(server, survivor));
        const lost = [];
        for (let i = 0; i < 3; i++) {
          const agent = workerAgent(server, victim);
          const socket = await resident(server, { sessionId, userId: `lost${i}`, username: `L ${i}` },
            { transport: i === 2 ? 'polling' : 'websocket', agent });
          delete socket.io.opts.agent;
          lost.push(socket);
        }
        await ask(leader, 'load_media', { mediaUrl: 'u', mediaId: 'kept', mediaTitle: 't', mediaDuration: 100 });
        lost.forEach(clear);
        process.kill(victim, 'SIGKILL');
        // Stock clients take a cut poll for a lost connection, too.
        for (const socket of lost) {
          await waitFor(socket, 'disconnect');
          const joined = await waitFor(socket, 'session_joined', () => true, 2 * kPatience);
          assert.equal(joined.session.playbackState.mediaId, 'kept');
          assert.equal(joined.session.leaderId, 'lea');
        }
        await until('a new worker', async () => server.workerPids().length === workers && !server.workerPids().includes(victim));
        await until('everyone to be back', async () => (await state(leader)).connectedCount === 4);
        assert.equal(leader.connected, true);
        assert.deepEqual(received(leader, 'user_left'), []);
        await fenceAtLast(leader, [leader, ...lost]);
      } finally {
        await server.stop({ allow: /exited on signal 9/ });
      }
    });

    it('marks the users who do not come back and lets the grace run, once', async () => {
      const server = await Server.start({ workers, zone: 'disconnect_grace=300ms restart_grace=300ms' });
      try {
        const [victim, survivor] = pids(server);
        const { leader, followers } = await room(server, { followers: 3,
          options: (i) => on(server, i === 0 ? victim : i === 1 ? survivor : victim) });
        const [watcher, goner1, goner2] = followers;
        process.kill(victim, 'SIGKILL');
        for (const gone of [leader, goner1, goner2]) {
          await waitFor(watcher, 'user_left', (left) => left.userId === gone.userId, 2 * kPatience);
          assert.equal(userOf(await state(watcher), gone.userId).isConnected, false);
        }
        assert.equal((await waitFor(watcher, 'leadership_changed')).newLeaderId, watcher.userId);
        // The marker: another whole grace on top.
        const { sessionId } = await state(watcher);
        const marker = await enter(server, { sessionId, userId: 'marker', username: 'M' });
        await close(marker);
        await waitFor(watcher, 'user_left', (left) => left.userId === 'marker');
        assert.equal(received(watcher, 'user_left').length, 4);
        assert.equal(received(watcher, 'leadership_changed').length, 1);
      } finally {
        await server.stop({ allow: /exited on signal 9/ });
      }
    });

    it('again and again under load leaves a server that works', async () => {
      const server = await Server.start({ workers, zone: 'disconnect_grace=60s' });
      try {
        const sessionId = unique('room');
        const everyone = await Promise.all(Array.from({ length: 12 }, (_, i) => resident(server,
          { sessionId, userId: `u${i}`, username: `U ${i}` }, { transport: i % 3 === 0 ? 'polling' : 'websocket' })));
        for (let round = 0; round < 4; round++) {
          // The kernel's list of children may miss some while others come and go.
          const victim = await until('a worker to kill', () => server.workerPids()[round % workers]);
          for (const socket of everyone) for (let i = 0; i < 50; i++) socket.emit('sync_playback', { position: i, isPlaying: true });
          process.kill(victim, 'SIGKILL');
          await until('a new worker', async () =>
            server.workerPids().length === workers && !server.workerPids().includes(victim));
        }
        await until('everyone to be back', async () => {
          const shown = await request(server, { path: `/api/sessions/${sessionId}` });
          return shown.json().session.connectedCount === 12;
        }, 3 * kPatience);
        const fresh = await room(server, { followers: 2, transport: ['websocket', 'polling'] });
        await fence(fresh.leader, fresh.members);
      } finally {
        await server.stop({ allow: /exited on signal 9/ });
      }
    });
  });

  describe(`a reload (${workers} workers)`, () => {
    it('keeps sessions and users; clients stay or reconnect by themselves', async () => {
      const server = await Server.start({ workers, zone: 'disconnect_grace=60s' });
      try {
        const sessionId = unique('room');
        const kinds = ['websocket', 'polling', 'upgrade'];
        const everyone = [];
        for (let i = 0; i < 6; i++) {
          everyone.push(await resident(server, { sessionId, userId: `u${i}`, username: `U ${i}` }, { transport: kinds[i % 3] }));
        }
        const [leader] = everyone;
        await ask(leader, 'load_media', { mediaUrl: 'u', mediaId: 'kept', mediaTitle: 't', mediaDuration: 100 });
        const before = (await request(server, { path: `/api/sessions/${sessionId}` })).json().session;

        for (let round = 0; round < 2; round++) {
          everyone.forEach(clear);
          const old = await server.reload();
          await until('the old workers to exit', async () => !old.some(alive), 2 * kPatience);
          await fenceAtLast(leader, everyone);
          const after = (await request(server, { path: `/api/sessions/${sessionId}` })).json().session;
          assert.equal(after.connectedCount, 6);
          assert.equal(after.createdAt, before.createdAt);
          assert.equal(after.leaderId, 'u0');
          assert.equal(after.playbackState.mediaId, 'kept');
          assert.deepEqual(after.users.map((user) => [user.id, user.joinedAt]), before.users.map((user) => [user.id, user.joinedAt]));
          for (const socket of everyone) assert.deepEqual(received(socket, 'user_left'), []);
        }
      } finally {
        await server.stop();
      }
    });

    it('lets the old workers go although clients are connected, and loses no REST-made session', async () => {
      const server = await Server.start({ workers });
      try {
        const { sessionId } = (await rest(server, 'POST', '/api/sessions', { creatorId: 'a', creatorName: 'A' })).json();
        const idle = await Promise.all([connect(server), connect(server, { transport: 'polling' })]);
        const old = await server.reload();
        await until('the old workers to exit', async () => !old.some(alive), 2 * kPatience);
        assert.equal((await request(server, { path: `/api/sessions/${sessionId}` })).status, 200);
        idle.forEach((socket) => socket.disconnect());
        const socket = await connect(server);
        await join(socket, { sessionId, userId: 'b', username: 'B' });
      } finally {
        await server.stop();
      }
    });

    it('is no obstacle to QUIT under connected clients', async () => {
      const server = await Server.start({ workers });
      try {
        await Promise.all(['websocket', 'polling', 'upgrade'].map((transport) => connect(server, { transport })));
        await room(server);
      } finally {
        await server.stop({ keepClients: true });
      }
    });
  });
}

function alive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
