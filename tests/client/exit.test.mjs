// QUIT and reload end the old workers, whatever their clients are in the middle of, and nothing is left open.
import assert from 'node:assert/strict';
import { connect, describe, fence, frame, it, kPing, kPong, kSeparator, pinnedSocket, Polling, RawConnection,
  rawWebSocket, request, room, Server, until, workerCounts } from './harness/index.mjs';

function alive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Requests on the raw connection's worker, so that what was sent there before has been seen. */
async function settled(server, pid) {
  for (let i = 0; i < 3; i++) {
    const { socket } = await pinnedSocket(server, (candidate) => candidate === pid);
    assert.equal((await request(server, { path: '/worker', socket })).worker, pid);
    socket.destroy();
  }
}

/** A connection of the worker `pid` with `bytes` sent on it. */
async function sentOn(server, pid, bytes) {
  const { socket } = await pinnedSocket(server, (candidate) => candidate === pid);
  socket.on('close', server.onStop(() => socket.destroy()));
  const raw = new RawConnection(socket);
  await raw.send(bytes);
  return raw;
}

/** The WebSocket works. */
async function answers(raw) {
  raw.write(frame(kPing, 'x'));
  assert.equal((await raw.frame()).opcode, kPong);
}

/** Idle WebSockets: each is closed with 1001, but over plain TCP a reload lets them be. */
const idleWebSockets = (tls) => async (server, isReload) => {
  const raws = await Promise.all(Array.from({ length: 12 }, (_, i) => rawWebSocket(server, { tls, bare: i % 3 === 0 })));
  return async () => {
    for (const raw of raws) {
      if (!isReload || tls) assert.equal((await raw.closing()).code, 1001, 'going away');
      else await answers(raw);
    }
  };
};

/** Held polls, one on each worker: each is answered with a noop, and the client polls on. */
async function heldPolls(server, isReload) {
  const held = await Promise.all(server.workerPids().map(async (pid) => {
    const polling = await Polling.open(server);
    const raw = await sentOn(server, pid, `GET ${polling.url()} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await settled(server, pid);
    return { polling, raw };
  }));
  return async () => {
    for (const { polling, raw } of held) {
      const answer = await raw.response();
      assert.deepEqual([answer?.status, answer?.body], [200, '6']);
      await raw.ended();
      if (!isReload) continue;
      assert.equal((await polling.post('42["heartbeat"]')).body, 'ok');
      assert.equal((await polling.event('heartbeat_ack'))[0], 'heartbeat_ack');
    }
  };
}

/** A POST whose answers nobody collects, on each worker: it ends somehow, and soon. */
async function waitingPosts(server) {
  const body = Array.from({ length: 50000 }, () => '421["heartbeat"]').join(kSeparator);
  assert.ok(body.length < 1000000);
  const posts = [];
  for (const pid of server.workerPids()) {
    const polling = await Polling.open(server);
    const raw = await sentOn(server, pid,
      `POST ${polling.url()} HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    const post = { raw, isAnswered: false };
    post.answer = raw.response().then((answer) => { post.isAnswered = true; return answer; });
    post.answer.catch(() => {});
    await settled(server, pid);
    posts.push(post);
  }
  for (const post of posts) assert.equal(post.isAnswered, false, 'the POST waits');
  return async () => {
    for (const { answer } of posts) assert.ok([undefined, 200, 400, 503].includes((await answer)?.status));
  };
}

/** A handshake for an upgrade whose probe is still to come, beside a held poll. */
async function probes(server, isReload) {
  const raws = [];
  const upgraded = [];
  for (const pid of server.workerPids()) {
    const polling = await Polling.open(server);
    raws.push(await sentOn(server, pid, `GET ${polling.url()} HTTP/1.1\r\nHost: x\r\n\r\n`));
    await settled(server, pid);
    upgraded.push(await rawWebSocket(server, { bare: true }));
    const upgrading = await RawConnection.open(server);
    upgrading.write(`GET ${polling.url('websocket')} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n');
    assert.equal((await upgrading.response())?.status, 101);
    raws.push(upgrading);
  }
  return async () => {
    for (const raw of raws) await raw.ended();
    for (const raw of upgraded) await (isReload ? answers(raw) : raw.ended());
  };
}

/** Half a body, on each worker. NGINX waits for clients in the middle of a request; this one gives up. */
async function unfinishedBodies(server) {
  const raws = [];
  for (const pid of server.workerPids()) {
    const polling = await Polling.open(server);
    raws.push(await sentOn(server, pid, `POST ${polling.url()} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n42["hea`));
    await settled(server, pid);
  }
  return async () => { for (const raw of raws) raw.destroy(); };
}

async function everything(server, isReload) {
  const checks = [];
  for (const begin of [idleWebSockets(false), idleWebSockets(true), heldPolls, waitingPosts, probes]) {
    checks.push(await begin(server, isReload));
  }
  for (const transport of ['websocket', 'upgrade']) await connect(server, { transport, tls: transport === 'upgrade' });
  return async () => { for (const check of checks) await check(); };
}

const situations = {
  'idle WebSockets': idleWebSockets(false),
  'idle WebSockets over TLS': idleWebSockets(true),
  'held polls': heldPolls,
  'posts that wait': waitingPosts,
  'upgrades that have begun': probes,
  'unfinished bodies': unfinishedBodies,
  'all of that at once': everything,
};

for (const workers of workerCounts(2, 4)) {
  describe(`the end of workers (${workers} workers)`, () => {
    for (const [title, begin] of Object.entries(situations)) {
      it(`comes with QUIT under ${title}`, async () => {
        const server = await Server.start({ workers, tls: true });
        let stopping;
        try {
          const check = await begin(server, false);
          stopping = server.stop({ keepClients: true });
          await Promise.all([stopping, check()]);
        } finally {
          await (stopping ?? server.stop());
        }
      });

      it(`comes with a reload under ${title}, twice`, async () => {
        const server = await Server.start({ workers, tls: true });
        try {
          for (let round = 0; round < 2; round++) {
            const check = await begin(server, true);
            const old = await server.reload();
            await check();
            await until('the old workers to end', () => !old.some(alive));
          }
          const { leader, members } = await room(server, { transport: ['websocket', 'polling'] });
          await fence(leader, members);
        } finally {
          await server.stop();
        }
      });
    }
  });
}
