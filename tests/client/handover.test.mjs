// WebSockets over plain TCP go from the workers of one configuration to those of the next: a reload is nothing to a
// client. MEDIASYNC_RELOADS says how many there are in a row.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { configuration, connect, describe, enter, fence, fenceAtLast, frame, it, kPing, kPong, kText, rawWebSocket,
  received, request, Server, unique, until, waitFor, workerCounts } from './harness/index.mjs';
import { descriptorsOf, Generations } from './harness/processes.mjs';

const kReloads = Number(process.env.MEDIASYNC_RELOADS ?? 20);
const kPlayEvery = Math.max(3, kReloads / 50); // ms; everything that anyone hears is kept to the end

function alive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

const status = async (server) => (await request(server, { path: '/status' })).json();
const ended = (old) => until('the old workers to end', () => !old.some(alive));

/**
 * Reloads as often as it says, each time when the old workers are gone; never are there workers of three
 * configurations. Returns the longest time that old workers took to go.
 */
async function reloads(server, count) {
  const generations = new Generations(server.pid);
  const looking = setInterval(() => generations.look(Date.now()), 10);
  try {
    for (let i = 0; i < count; i++) {
      generations.reloading(Date.now());
      await ended(await server.reload());
    }
  } finally {
    clearInterval(looking);
  }
  generations.look(Date.now());
  assert.ok(generations.most <= 2, `${generations.most} generations of workers at a time`);
  return generations.longestLife;
}

/** A leader who plays on and on. end() resolves to the last position. */
function plays(leader) {
  let position = 0;
  const timer = setInterval(() => leader.emit('sync_playback', { position: ++position, isPlaying: true }), kPlayEvery);
  return { end() { clearInterval(timer); return position; } };
}

const upTo = (n) => Array.from({ length: n }, (_, i) => i + 1);

/** Everyone heard every position, once and in order, and nobody was disconnected. */
async function heardAll(members, last) {
  for (const member of members) {
    await waitFor(member, 'playback_sync', (sync) => sync.position === last);
    assert.deepEqual(received(member, 'playback_sync').map((sync) => sync.position), upTo(last), member.label);
    for (const event of ['disconnect', 'connect_error', 'user_left', 'error']) {
      assert.deepEqual(received(member, event), [], `${event} at ${member.label}`);
    }
    assert.equal(received(member, 'connect').length, 1);
  }
}

for (const workers of workerCounts(2, 4)) {
  describe(`the handover of WebSockets (${workers} workers)`, () => {
    it(`lets ${kReloads} reloads in a row go unnoticed`, { timeout: 60000 + 5000 * kReloads }, async (t) => {
      const server = await Server.start({ workers, sync: 'mediasync_deflate on; mediasync_deflate_min_length 1;' });
      try {
        const sessionId = unique('room');
        const members = [];
        for (let i = 0; i < 10; i++) {
          members.push(await enter(server, { sessionId, userId: `u${i}`, username: `U ${i}` },
            { transport: i % 2 === 0 ? 'websocket' : 'upgrade', perMessageDeflate: i % 3 === 0 }));
        }
        await reloads(server, 2);
        const master = descriptorsOf(server.pid);
        const busiest = Math.max(...server.workerPids().map(descriptorsOf));
        const before = (await status(server)).handovers_total;
        const playing = plays(members[0]);
        const longest = await reloads(server, kReloads);
        const last = playing.end();
        await heardAll(members, last);
        t.diagnostic(`${last} events to each of ${members.length}, old workers went in ${longest} ms`);
        assert.ok(longest < 4000, `old workers were there for ${longest} ms`);
        assert.equal((await status(server)).handovers_total - before, kReloads * members.length);
        assert.ok(descriptorsOf(server.pid) <= master, 'descriptors of the master');
        for (const pid of server.workerPids()) {
          assert.ok(descriptorsOf(pid) <= busiest + members.length, 'descriptors of a worker');
        }
        await fence(members[0], members);
      } finally {
        await server.stop();
      }
    });

    it('comes in time when one reload follows at the heels of the other', async () => {
      const server = await Server.start({ workers });
      try {
        const sessionId = unique('room');
        const members = [];
        for (let i = 0; i < 6; i++) members.push(await enter(server, { sessionId, userId: `u${i}`, username: `U ${i}` }));
        const playing = plays(members[0]);
        const old = server.workerPids();
        for (let i = 0; i < 8; i++) {
          server.signal('SIGHUP');
          await new Promise((resolve) => { setTimeout(resolve, 40 * i); });
        }
        await ended(old);
        await until('the last generation', () => server.workerPids().length === workers);
        await heardAll(members, playing.end());
      } finally {
        await server.stop();
      }
    });

    it('carries hundreds at once', async () => {
      const server = await Server.start({ workers });
      try {
        const sessionId = unique('room');
        const raws = await Promise.all(Array.from({ length: 600 }, () => rawWebSocket(server)));
        const leader = await enter(server, { sessionId, userId: 'lea', username: 'Lea' });
        await reloads(server, 3);
        for (const raw of raws) raw.write(frame(kText, '421["heartbeat"]'));
        await Promise.all(raws.map((raw) => raw.message((text) => text.startsWith('431['))));
        assert.equal((await status(server)).handovers_total, 3 * (raws.length + 1));
        await fence(leader, [leader]);
        raws.forEach((raw) => raw.destroy());
      } finally {
        await server.stop();
      }
    });

    it('loses no byte of frames that are pipelined, however they are cut', async () => {
      const server = await Server.start({ workers });
      try {
        const raw = await rawWebSocket(server);
        const kFrames = 20000;
        const bytes = Buffer.concat(Array.from({ length: kFrames }, (_, i) => frame(i % 50 === 0 ? kPing : kText,
          i % 50 === 0 ? `${i}` : `42${i}["heartbeat"]`)));
        const answered = (async () => {
          const acks = [];
          const pongs = [];
          while (acks.length + pongs.length < kFrames) {
            const one = await raw.frame();
            if (one.opcode === kPong) pongs.push(Number(one.payload));
            else if (one.opcode !== kText) assert.fail(`opcode ${one.opcode}`);
            else if (/^43\d/.test(one.payload)) acks.push(parseInt(one.payload.toString().slice(2), 10));
          }
          assert.deepEqual(pongs, upTo(kFrames).map((i) => i - 1).filter((i) => i % 50 === 0));
          assert.deepEqual(acks, upTo(kFrames).map((i) => i - 1).filter((i) => i % 50 !== 0));
        })();
        let isDone = false;
        const writing = (async () => {
          for (let at = 0, size = 1; at < bytes.length; at += size) {
            size = 1 + ((at * 7919) % 1500);
            await raw.send(bytes.subarray(at, at + size));
            if (at % 5 === 0) await new Promise((resolve) => { setTimeout(resolve, 1); });
          }
          isDone = true;
        })();
        let count = 0;
        for (; count < 3 || (!isDone && count < 40); count++) await ended(await server.reload());
        await Promise.all([writing, answered]);
        assert.equal((await status(server)).handovers_total, count);
        raw.destroy();
      } finally {
        await server.stop();
      }
    });

    it('takes commands that wait for a slow reader along, and what came behind them', async () => {
      const options = { workers, zone: 'log=16k' };
      const server = await Server.start({ ...options, config: ({ port }) =>
        configuration(options, { http: port }).replace('backlog=2048', 'backlog=2048 sndbuf=16k') });
      try {
        const sessionId = unique('room');
        const leader = await enter(server, { sessionId, userId: 'lea', username: 'Lea' });
        const reader = await rawWebSocket(server);
        const joining = ['join_session', { sessionId, userId: 'slow', username: 'S' }];
        reader.write(frame(kText, `42${JSON.stringify(joining)}`));
        await reader.message((text) => text.startsWith('42["session_joined"'));
        reader.socket.pause();
        const kCount = 300;
        let answered = 0;
        for (let i = 0; i < kCount; i++) {
          leader.emit('load_media', { mediaUrl: `/${'x'.repeat(1900)}`, mediaId: `${i}` }, () => { answered++; });
        }
        let seen = [];
        await until('a command to wait', () => {
          seen = [answered, ...seen].slice(0, 20);
          return answered > 0 && seen.length === 20 && seen.every((one) => one === answered);
        });
        const before = answered;
        const start = Date.now();
        const old = await server.reload();
        const isInTime = Date.now() - start < 1000; // the reader is waited for 2 s
        await until('both to be handed over', async () => (await status(server)).handovers_total === 2);
        // No more have got on than fit into a log, which the socket of the reader may take.
        if (isInTime) assert.ok(answered - before <= 16, `${answered - before} were carried out first`);
        await until('all answers', () => answered === kCount);
        await waitFor(leader, 'media_loaded', ({ mediaId }) => mediaId === `${kCount - 1}`);
        await ended(old);
        assert.deepEqual(received(leader, 'media_loaded').map((media) => Number(media.mediaId) + 1), upTo(kCount));
        assert.deepEqual(received(leader, 'disconnect'), []);
        reader.destroy();
      } finally {
        await server.stop();
      }
    });

    it('is for plain TCP: over TLS there is the goodbye, and clients come back', async () => {
      const server = await Server.start({ workers, tls: true, zone: 'disconnect_grace=60s' });
      try {
        const sessionId = unique('room');
        const plain = await enter(server, { sessionId, userId: 'plain', username: 'P' });
        const secure = await enter(server, { sessionId, userId: 'secure', username: 'S' },
          { tls: true, reconnection: true, reconnectionDelay: 50, reconnectionDelayMax: 200 });
        const raw = await rawWebSocket(server, { tls: true });
        await reloads(server, 1);
        assert.equal((await raw.closing()).code, 1001);
        await waitFor(secure, 'disconnect');
        await until('the client to be back', () => secure.connected);
        assert.equal(secure.recovered, true);
        await fenceAtLast(plain, [plain, secure]);
        assert.deepEqual(received(plain, 'disconnect'), []);
        assert.deepEqual(received(plain, 'user_left'), []);
      } finally {
        await server.stop();
      }
    });

    it('needs a location of the same name: without, there is the goodbye', async () => {
      const server = await Server.start({ workers, locations: 'location /other/ { mediasync rooms; }' });
      try {
        const kept = await connect(server);
        const lost = await connect(server, { path: '/other/' });
        const file = path.join(server.prefix, 'nginx.conf');
        const text = fs.readFileSync(file, 'utf8');
        fs.writeFileSync(file, text.replace('location /other/ { mediasync rooms; }', '')
          .replace('mediasync rooms; ', 'mediasync rooms; mediasync_max_payload 5000; mediasync_ping_interval 60s; '));
        await reloads(server, 1);
        await waitFor(lost, 'disconnect');
        fs.writeFileSync(file, text);
        await reloads(server, 1);
        assert.deepEqual(received(kept, 'disconnect'), []);
      } finally {
        await server.stop();
      }
    });

    it('says goodbye when the zone, which has no sessions to lose, or the port is another', async () => {
      const server = await Server.start({ workers });
      try {
        const file = path.join(server.prefix, 'nginx.conf');
        const text = fs.readFileSync(file, 'utf8');
        const first = await rawWebSocket(server);
        fs.writeFileSync(file, text.replace('rooms:8m', 'rooms:9m'));
        await reloads(server, 1);
        assert.equal((await first.closing()).code, 1001);
        const second = await rawWebSocket(server);
        fs.writeFileSync(file, text.replace('rooms:8m', 'rooms:9m')
          .replace(/listen 127.0.0.1:[^;]*;/, `listen unix:${server.prefix}/elsewhere;`));
        const old = server.workerPids();
        server.signal('SIGHUP');
        assert.equal((await second.closing()).code, 1001);
        await ended(old);
      } finally {
        await server.stop();
      }
    });
  });
}
