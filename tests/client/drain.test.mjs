// A reload sends the clients that cannot be handed over away one by one: WebSockets over TLS, and polls that wait.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { checkConfiguration, clear, configuration, describe, enter, fence, it, Polling, rawWebSocket, received, request, Server, unique,
  until, waitFor } from './harness/index.mjs';

const kDrain = 2000;

const alive = (pid) => { try { return process.kill(pid, 0); } catch { return false; } };
const ended = (old) => until('the old workers to end', () => !old.some(alive));
const upTo = (n) => Array.from({ length: n }, (_, i) => i + 1);

/** Of times after `start`: spread over the whole drain, no half-second of it with too few or too many. */
function assertSpread(times, start, what) {
  const after = times.map((time) => time - start).sort((a, b) => a - b);
  const quarters = [0, 0, 0, 0];
  // The first comes a little after the signal, when new workers have started.
  for (const time of after) quarters[Math.min(3, Math.floor((time - after[0]) / (kDrain / 4)))]++;
  const about = `${what}: ${quarters} of ${times.length}, ${after[0]} to ${after.at(-1)} ms`;
  for (const count of quarters) {
    assert.ok(count >= times.length / 12 && count <= times.length / 2, about);
  }
  assert.ok(after.at(-1) < 2 * kDrain + 2000, about);
}

async function serverFor(options, body) {
  const server = await Server.start(options);
  try {
    await body(server);
  } finally {
    await server.stop();
  }
}

describe('the drain of a reload', () => {
  // They do not come back here: several hundred TLS handshakes would keep this process from looking at its clock.
  it('spreads the end of WebSockets over TLS', async () => {
    await serverFor({ workers: 2, tls: true }, async (server) => {
      const raws = [];
      for (let i = 0; i < 300; i++) raws.push(await rawWebSocket(server, { tls: true }));
      const ends = [];
      const closing = raws.map(async (raw, i) => {
        const { code } = await raw.closing(() => ends.push({ at: Date.now(), i }));
        return code;
      });
      const start = Date.now();
      const old = await server.reload();
      assert.deepEqual([...new Set(await Promise.all(closing))], [1001]);
      await ended(old);
      assertSpread(ends.map(({ at }) => at), start, 'WebSockets');
      const order = ends.map(({ i }) => i);
      assert.notDeepEqual(order, [...order].sort((a, b) => a - b));
    });
  });

  it('lets all who were sent away over TLS come back to what they had, and hear everything once', async () => {
    await serverFor({ workers: 2, tls: true, zone: 'disconnect_grace=60s', zoneSize: '16m' }, async (server) => {
      const sessionId = unique('room');
      const leader = await enter(server, { sessionId, userId: 'lea', username: 'Lea' });
      const members = [];
      const kMembers = 200;
      for (let i = 0; i < kMembers; i++) {
        members.push(await enter(server, { sessionId, userId: `u${i}`, username: `U ${i}` },
          { tls: true, reconnection: true, reconnectionDelay: 100, reconnectionDelayMax: 200 }));
      }
      await fence(leader, members);
      const ends = [];
      for (const member of members) {
        clear(member);
        member.on('disconnect', () => ends.push(Date.now()));
      }
      clear(leader);
      let position = 0;
      const playing = setInterval(() => leader.emit('sync_playback', { position: ++position, isPlaying: true }), 100);
      const old = await server.reload();
      await until('everyone to be sent away', () => ends.length >= kMembers);
      await ended(old);
      await until('everyone to be back', () => members.every((member) => member.connected));
      clearInterval(playing);
      leader.emit('sync_playback', { position: ++position, isPlaying: false });
      for (const member of members) {
        await waitFor(member, 'playback_sync', (sync) => sync.position === position);
        assert.equal(member.recovered, true);
        assert.deepEqual(received(member, 'playback_sync').map((sync) => sync.position), upTo(position));
        assert.equal(received(member, 'disconnect').length, 1);
        for (const event of ['user_left', 'user_joined']) assert.deepEqual(received(member, event), []);
      }
      assert.ok(ends.at(-1) - ends[0] > kDrain / 2, `sent away within ${ends.at(-1) - ends[0]} ms`);
      assert.deepEqual(received(leader, 'disconnect'), []);
      assert.deepEqual(received(leader, 'user_left'), []);
    });
  });

  it('spreads the end of polls that wait, and they go on', async () => {
    await serverFor({ workers: 2, locations: 'location = /nginx { stub_status; }' }, async (server) => {
      const pollings = [];
      for (let i = 0; i < 120; i++) pollings.push(await Polling.open(server));
      const waiting = pollings.map(async (polling) => {
        const answer = await polling.poll();
        return { body: answer.body, at: Date.now() };
      });
      await until('all polls to wait', async () =>
        Number(/Writing: (\d+)/.exec((await request(server, { path: '/nginx' })).body)[1]) > pollings.length);
      const start = Date.now();
      const old = await server.reload();
      const answers = await Promise.all(waiting);
      await ended(old);
      assert.deepEqual([...new Set(answers.map(({ body }) => body))], ['6']);
      assertSpread(answers.map(({ at }) => at), start, 'polls');
      for (const polling of pollings) {
        await polling.post('42["heartbeat"]');
        await polling.event('heartbeat_ack');
      }
    });
  });

  it('costs no time when everyone can be handed over, and is as long as it says', async () => {
    await serverFor({ workers: 2, tls: true, zone: 'drain=60s disconnect_grace=60s' }, async (server) => {
      const member = await enter(server, { sessionId: unique('room'), userId: 'ann', username: 'Ann' });
      const start = Date.now();
      await ended(await server.reload());
      assert.ok(Date.now() - start < 10000, `old workers were there for ${Date.now() - start} ms`);
      assert.deepEqual(received(member, 'disconnect'), []);

      const file = path.join(server.prefix, 'nginx.conf');
      fs.writeFileSync(file, fs.readFileSync(file, 'utf8').replace('drain=60s', 'drain=0'));
      await ended(await server.reload());
      const secure = await enter(server, { sessionId: unique('room'), userId: 'bob', username: 'Bob' },
        { tls: true, reconnection: true, reconnectionDelay: 50 });
      const again = Date.now();
      const old = await server.reload();
      await waitFor(secure, 'disconnect');
      await ended(old);
      assert.ok(Date.now() - again < 10000, `old workers were there for ${Date.now() - again} ms`);
      await until('the client to be back', () => secure.connected);
      assert.equal(secure.recovered, true);
    });
  });

  it('is refused when it is too long, or no time', async () => {
    for (const [drain, isValid] of [['60s', true], ['0', true], ['61s', false], ['x', false], ['', false]]) {
      const { ok, output } = await checkConfiguration(configuration({ workers: 1, zone: `drain=${drain}` },
        { http: 18080 }));
      assert.equal(ok, isValid, output);
      if (!isValid) assert.ok(output.includes(`invalid parameter "drain=${drain}"`), output);
    }
  });
});
