// A connection moves from one worker to another while the first one still has something of it.
import assert from 'node:assert/strict';
import { configuration, describe, enter, fence, frame, it, kText, pinnedSocket, Polling, RawConnection, rawWebSocket,
  received, request, room, Server, suite, unique, until, upgradeRequest, waitFor, workerCounts } from './harness/index.mjs';

/** A raw keep-alive connection of the worker `pid`. */
async function rawOn(server, pid) {
  const { socket } = await pinnedSocket(server, (candidate) => candidate === pid);
  const forget = server.onStop(() => socket.destroy());
  socket.on('close', forget);
  return new RawConnection(socket);
}

/** A GET as bytes. */
const get = (path) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;

/** Requests handled after everything that each of the workers `pids` was sent before. */
async function settled(server, pids) {
  for (const pid of pids) {
    const raw = await rawOn(server, pid);
    raw.write(get('/worker'));
    assert.equal((await raw.response()).body, `${pid}`);
    raw.destroy();
  }
}

/** Joins `sessionId` as `userId` over polling, and empties what there is to collect. */
async function joinByPolling(polling, { sessionId, userId }, options) {
  await polling.post(`42${JSON.stringify(['join_session', { sessionId, userId, username: userId }])}`, options);
  await polling.event('session_joined', options);
}

/** Sends the probe on a connection with an upgrade request; the connection is on WebSocket afterwards. */
async function upgradeOn(raw, server, polling) {
  raw.write(upgradeRequest(server, { path: polling.url('websocket') }));
  const answer = await raw.response();
  assert.equal(answer?.status, 101, `the upgrade was answered ${answer?.status}: ${answer?.body}`);
  raw.write(frame(kText, '2probe'));
  await raw.message((text) => text === '3probe');
  raw.write(frame(kText, '5'));
}

/** Waits for an answer: the upgrade is complete by then. */
async function answers(raw) {
  raw.write(frame(kText, '42["heartbeat"]'));
  await raw.message((text) => text.startsWith('42["heartbeat_ack"'));
}

/** Both directions work: an ack, and an event of the leader. */
async function works(raw, leader) {
  await answers(raw);
  const told = raw.message((text) => text.startsWith('42["playback_sync"'));
  await Promise.all([fence(leader, [leader]), told]);
}

suite('a poll that is cut while its connection is upgraded on another worker', { workerCounts: workerCounts(2, 4) }, (server, workers) => {
  /** A member whose poll is held by A, and connections to cut and to upgrade. */
  async function heldPoll(sessionId, userId, a, b) {
    const polling = await Polling.open(server());
    await joinByPolling(polling, { sessionId, userId });
    const [poll, upgrade] = [await rawOn(server(), a), await rawOn(server(), b)];
    poll.write(get(polling.url()));
    await settled(server(), [a]);
    return { polling, poll, upgrade };
  }

  /**
   * Upgrades, and says whether that went well: a poll that is seen to be cut before ends the connection, as it should.
   * Afterwards the client is on WebSocket either way.
   */
  async function upgradedOrBack({ polling, upgrade }, { sessionId, userId }) {
    try {
      await upgradeOn(upgrade, server(), polling);
      await answers(upgrade);
      return upgrade;
    } catch (error) {
      if (!/answered 400|the connection ended|the server closed with/.test(error.message)) throw error;
    }
    const raw = await rawWebSocket(server());
    raw.write(frame(kText, `42${JSON.stringify(['join_session', { sessionId, userId, username: userId }])}`));
    await raw.message((text) => text.startsWith('42["session_joined"'));
    return raw;
  }

  it('harms nobody when its worker learns of the cut last', async () => {
    const pids = server().workerPids();
    assert.equal(pids.length, workers);
    const { sessionId, leader } = await room(server(), { followers: 0 });
    for (let round = 0; round < 6; round++) {
      const [a, b] = [pids[round % workers], pids[(round + 1) % workers]];
      const { polling, poll, upgrade } = await heldPoll(sessionId, `u${round}`, a, b);
      process.kill(a, 'SIGSTOP');
      try {
        poll.destroy();
        await upgradeOn(upgrade, server(), polling);
        await answers(upgrade);
      } finally {
        process.kill(a, 'SIGCONT');
      }
      await works(upgrade, leader);
      await settled(server(), [a, b]);
      assert.deepEqual(server().workerPids(), pids, 'no worker died');
      await works(upgrade, leader);
      assert.deepEqual(received(leader, 'user_left'), []);
    }
  });

  it('harms nobody, whoever learns of it first', async () => {
    const pids = server().workerPids();
    const { sessionId, leader } = await room(server(), { followers: 0 });
    for (let round = 0; round < 30; round++) {
      const [a, b] = [pids[round % workers], pids[(round + 1) % workers]];
      const held = await heldPoll(sessionId, `u${round}`, a, b);
      const cut = () => held.poll.destroy();
      if (round % 3 === 0) cut();
      const upgrading = upgradedOrBack(held, { sessionId, userId: `u${round}` });
      if (round % 3 === 1) cut();
      if (round % 3 === 2) setImmediate(cut);
      const raw = await upgrading;
      await works(raw, leader);
      assert.deepEqual(server().workerPids(), pids, 'no worker died');
      raw.destroy();
    }
  });

  it('harms nobody when many do so at once', async () => {
    const pids = server().workerPids();
    const { sessionId, leader } = await room(server(), { followers: 0 });
    const everyone = await Promise.all(Array.from({ length: 24 }, (_, i) =>
      heldPoll(sessionId, `u${i}`, pids[i % workers], pids[(i + 1) % workers])));
    leader.emit('sync_playback', { position: 1, isPlaying: true });  // polls are being answered meanwhile
    const raws = await Promise.all(everyone.map((held, i) => {
      const upgrading = upgradedOrBack(held, { sessionId, userId: `u${i}` });
      held.poll.destroy();
      return upgrading;
    }));
    const told = raws.map((raw) => raw.message((text) => text.startsWith('42["playback_sync"') && text.includes('7777')));
    leader.emit('sync_playback', { position: 7777, isPlaying: true });
    await Promise.all(told);
    assert.deepEqual(server().workerPids(), pids);
  });

  it('harms nobody when the next poll goes to another worker instead', async () => {
    const pids = server().workerPids();
    const { sessionId, leader } = await room(server(), { followers: 0 });
    for (let round = 0; round < 6; round++) {
      const [a, b] = [pids[round % workers], pids[(round + 1) % workers]];
      const { polling, poll, upgrade } = await heldPoll(sessionId, `u${round}`, a, b);
      process.kill(a, 'SIGSTOP');
      try {
        poll.destroy();
        upgrade.write(get(polling.url()));
      } finally {
        process.kill(a, 'SIGCONT');
      }
      // Whichever of the two the server saw first: two polls at once end the connection, a poll that was cut does, too.
      assert.ok([200, 400].includes((await upgrade.response())?.status));
      await settled(server(), [a, b]);
      assert.deepEqual(server().workerPids(), pids);
    }
    await fence(leader, [leader]);
  });
});

const kInterval = 500;
const kTimeout = 2000;
const kLonger = 1.5 * (kInterval + kTimeout); // than it takes to give up who does not answer
const kSlow = `location = /slow { limit_rate 100; return 200 "${'x'.repeat(3000)}"; }`;

for (const workers of workerCounts(2, 4)) {
  describe(`a worker that is kept alive by a download (${workers} workers)`, () => {
    const start = () => Server.start({ workers, locations: kSlow, zone: 'disconnect_grace=200ms restart_grace=200ms',
      sync: `mediasync_ping_interval ${kInterval}ms; mediasync_ping_timeout ${kTimeout}ms;` });

    /** A slow download on the worker; it goes on until it is destroyed. */
    async function download(server, pid) {
      const raw = await rawOn(server, pid);
      const before = raw.socket.bytesRead;
      raw.write(get('/slow'));
      await until('the download to begin', () => raw.socket.bytesRead > before);
      return raw;
    }

    async function outlives(act) {
      const server = await start();
      try {
        const old = server.workerPids()[0];
        const slow = await download(server, old);
        const watcher = await enter(server, { sessionId: unique('s'), userId: 'watcher', username: 'W' }, { reconnection: true });
        const { sessionId } = watcher.joined.session;
        const { socket } = await pinnedSocket(server, (pid) => pid === old);
        const opening = await request(server, { path: '/socket.io/?EIO=4&transport=polling', socket });
        assert.equal(opening.worker, old);
        const { sid } = JSON.parse(opening.body.slice(1));
        const polling = new Polling(server, sid, null, '/socket.io/');
        // Posts and polls of the old worker, so that it owns the connection.
        const raw = await rawOn(server, old);
        const exchange = async (method, body = '') => {
          raw.write(`${method} ${polling.url()} HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
          const answer = await raw.response();
          assert.equal(answer?.status, 200);
          return answer.body;
        };
        await exchange('POST', '40');
        await exchange('GET');
        await exchange('POST', `42${JSON.stringify(['join_session', { sessionId, userId: 'mover', username: 'M' }])}`);
        await until('the mover to have joined', async () => (await exchange('GET')).includes('session_joined'));
        const connectedCount = async () =>
          (await request(server, { path: `/api/sessions/${sessionId}` })).json().session.users.filter((user) =>
            user.id === 'mover' && user.isConnected).length;
        assert.equal(await connectedCount(), 1);

        const repairs = async () => (await request(server, { path: '/status' })).json().repairs_total;
        const before = await repairs();
        await server.reload();
        // What the old workers had is adopted by the new ones: from now on nothing tells them who goes on with it.
        await until('the old workers to be reaped', async () => await repairs() >= before + workers);
        await act({ server, polling, connectedCount });
        assert.ok(alive(old), 'the old worker is still there');
        assert.ok(slow.socket.bytesRead > 0 && !slow.socket.destroyed);
        slow.destroy();
        await until('the old worker to end', () => !alive(old));
      } finally {
        await server.stop();
      }
    }

    it('does not end what was upgraded on its successor', () => outlives(async ({ server, polling, connectedCount }) => {
      const raw = await RawConnection.open(server);
      await upgradeOn(raw, server, polling);
      const start = performance.now();
      do {
        await raw.message((text) => text === '2');
        assert.equal(await connectedCount(), 1, `${performance.now() - start} ms later`);
      } while (performance.now() - start < kLonger);
      await answers(raw);
      raw.destroy();
    }));

    it('does not end what goes on polling its successor', () => outlives(async ({ polling, connectedCount }) => {
      const start = performance.now();
      do {
        await polling.packets((packet) => packet === '2');
        assert.equal(await connectedCount(), 1, `${performance.now() - start} ms later`);
      } while (performance.now() - start < kLonger);
    }));
  });
}

for (const workers of workerCounts(1, 2, 4)) {
  describe(`listen … deferred (${workers} workers)`, () => {
    const start = () => Server.start({ workers, config: (server) =>
      configuration({ workers, zone: 'disconnect_grace=200ms restart_grace=200ms' }, { http: server.port }).replace('backlog=2048', 'backlog=2048 deferred') });

    for (const isHeld of [true, false]) {
      it(`lets a poll be noticed that is cut ${isHeld ? 'while it is held' : 'at once'}`, async () => {
        const server = await start();
        try {
          const { sessionId, leader } = await room(server, { followers: 0 });
          for (let round = 0; round < 4; round++) {
            const userId = `u${round}`;
            const polling = await Polling.open(server);
            await joinByPolling(polling, { sessionId, userId });
            await waitFor(leader, 'user_joined', (one) => one.userId === userId);
            const raw = await RawConnection.open(server);
            await raw.send(get(polling.url()));
            if (isHeld) await settled(server, server.workerPids());
            raw.destroy();
            // Pings would find out after 45 s only.
            await waitFor(leader, 'user_left', (one) => one.userId === userId);
            const shown = await request(server, { path: `/api/sessions/${sessionId}` });
            assert.equal(shown.json().session.connectedCount, 1);
          }
        } finally {
          await server.stop();
        }
      });
    }

    it('serves stock clients', async () => {
      const server = await start();
      try {
        for (const transport of ['polling', 'websocket', 'upgrade']) {
          const { leader, members } = await room(server, { transport });
          await fence(leader, members);
        }
      } finally {
        await server.stop();
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
