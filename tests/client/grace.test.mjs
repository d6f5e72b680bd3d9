// Who was sent away by the server itself has longer to come back than who went.
import assert from 'node:assert/strict';
import { clear, close, describe, enter, it, received, Server, state, unique, until, userOf, waitFor, workerAgent } from
  './harness/index.mjs';

const kZone = 'disconnect_grace=300ms restart_grace=60s';
const kShort = 'disconnect_grace=300ms restart_grace=900ms';

const isConnected = async (socket, userId) => userOf(await state(socket), userId)?.isConnected;

/** A user who comes and goes: the grace of who goes is over when the others have heard of it. */
async function graceOfAnother(server, member) {
  const { sessionId } = await state(member);
  const userId = unique('goer');
  const goer = await enter(server, { sessionId, userId, username: 'G' });
  await close(goer);
  await waitFor(member, 'user_left', (left) => left.userId === userId);
}

async function withServer(options, body) {
  const server = await Server.start({ workers: 2, ...options });
  try {
    await body(server);
  } finally {
    await server.stop({ allow: /exited on signal 9/ });
  }
}

// How the server sends the first user away: [options of the server, of that user, what is done].
const ways = {
  'the death of its worker': [{}, (server) => ({ agent: workerAgent(server, server.workerPids()[0]) }),
    (server) => process.kill(server.workerPids()[0], 'SIGKILL')],
  'a reload over TLS': [{ tls: true }, () => ({ tls: true }), (server) => server.signal('SIGHUP')],
};

for (const [way, [options, ofUser, act]] of Object.entries(ways)) {
  describe(`a leader who is sent away by ${way}`, () => {
    async function scene(server) {
      const sessionId = unique('room');
      const leader = await enter(server, { sessionId, userId: 'lea', username: 'L' }, ofUser(server));
      const member = await enter(server, { sessionId, userId: 'mel', username: 'M' },
        { agent: workerAgent(server, server.workerPids()[1]) });
      clear(member);
      await act(server);
      await waitFor(leader, 'disconnect');
      await until('the leader to be missed', async () => (await isConnected(member, 'lea')) === false);
      return { sessionId, member };
    }

    it('leads on when it comes back after the grace of others, and nobody has heard of it', async () => {
      await withServer({ ...options, zone: kZone }, async (server) => {
        const { sessionId, member } = await scene(server);
        await graceOfAnother(server, member);
        const { isLeader } = (await enter(server, { sessionId, userId: 'lea', username: 'L' })).joined;
        assert.equal(isLeader, true);
        assert.equal(await isConnected(member, 'lea'), true);
        assert.deepEqual(received(member, 'user_left').filter((left) => left.userId === 'lea'), []);
        assert.deepEqual(received(member, 'user_joined').filter((joined) => joined.userId === 'lea'), []);
        assert.deepEqual(received(member, 'leadership_changed'), []);
      });
    });

    it('is given up when its own grace is over', async () => {
      await withServer({ ...options, zone: kShort }, async (server) => {
        const { member } = await scene(server);
        await waitFor(member, 'user_left', (left) => left.userId === 'lea');
        assert.equal((await waitFor(member, 'leadership_changed')).newLeaderId, 'mel');
      });
    });
  });
}
