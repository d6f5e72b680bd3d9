// Workers that are alive and stand still: stopped here, as a debugger, a slow disk or a loop in Lua would hold them up. The
// others, and their clients, wait for them no longer than for a slow member.
import assert from 'node:assert/strict';
import { ask, describe, enter, it, kPatience, request, rest, Server, unique, until } from './harness/index.mjs';

const status = async (server) => (await request(server, { path: '/status' })).json();
const stop = (pid) => process.kill(pid, 'SIGSTOP');

/** Whether an event is answered soon. */
async function isServed(socket) {
  const answer = ask(socket, 'heartbeat').then(() => true, () => false);
  return Promise.race([answer, new Promise((resolve) => { setTimeout(resolve, 700, false); })]);
}

/** Stops a worker that does not have that client, and returns its pid. */
async function stopAnother(server, socket) {
  for (const pid of server.workerPids()) {
    stop(pid);
    if (await isServed(socket)) return pid;
    process.kill(pid, 'SIGCONT');
  }
  throw new Error('every worker has that client');
}

/** A leader, and members on each of two workers. */
async function room(server) {
  const sessionId = unique('room');
  const leader = await enter(server, { sessionId, userId: 'lea', username: 'Lea' });
  const members = [];
  for (let i = 0; i < 8; i++) {
    members.push(await enter(server, { sessionId, userId: `m${i}`, username: `M ${i}` }));
  }
  return { sessionId, leader, members };
}

describe('a worker that stands still', () => {
  it('does not hold up the leader of its members, nor a reload, nor newcomers', async () => {
    const server = await Server.start({ workers: 2, zone: 'log=16k' });
    const { sessionId, leader } = await room(server);
    const stopped = await stopAnother(server, leader);
    // Several times what the log holds.
    const url = 'u'.repeat(500);
    for (let i = 0; i < 300; i++) {
      assert.equal((await ask(leader, 'load_media', { mediaUrl: `${url}${i}` })).success, true);
    }
    server.signal('SIGHUP');
    await until('workers of the next configuration', () => server.workerPids().length >= 3);
    await until('the leader to be served by one of them', async () => leader.connected && isServed(leader));
    const late = await enter(server, { sessionId, userId: 'late', username: 'Late' }, { forceNew: true });
    assert.equal((await ask(late, 'leave_session')).success, true);
    process.kill(stopped, 'SIGCONT');
    await until('the old worker to end', () => !server.workerPids().includes(stopped));
    await server.stop();
  });

  it('and writes the state file does not hold up acknowledgements', async () => {
    const server = await Server.start({ workers: 2, zone: 'state=watch.state sync=always' });
    try {
      for (const pid of server.workerPids()) {
        stop(pid);
        // By whichever worker is left; a request that the stopped one takes is not answered before it goes on.
        let made = null;
        await until('a session to be made', async () => {
          const answer = rest(server, 'POST', '/api/sessions', { creatorId: 'c', creatorName: 'Cleo' });
          made = await Promise.race([answer, new Promise((resolve) => { setTimeout(resolve, 3500, null); })]);
          return made !== null;
        }, 3 * kPatience);
        assert.equal(made.status, 201);
        process.kill(pid, 'SIGCONT');
      }
      assert.ok((await status(server)).state_unwritten_total > 0);
    } finally {
      for (const pid of server.workerPids()) process.kill(pid, 'SIGCONT');
    }
    await server.stop();
  });

  it('does not keep the others from ending, and has nothing lost', async () => {
    const server = await Server.start({ workers: 2, zone: 'state=watch.state sync=always' });
    const made = (await rest(server, 'POST', '/api/sessions', { creatorId: 'c', creatorName: 'Cleo' })).json();
    const [first, second] = server.workerPids();
    stop(first);
    server.signal('SIGQUIT');
    await until('the other worker to end', () =>
      new RegExp(`${second}#\\d+: exit$`, 'm').test(server.errorLog()));
    process.kill(first, 'SIGCONT');
    await server.stop({ keepFiles: true, signal: 0 });
    const next = await Server.start({ zone: 'state=watch.state sync=always', after: server });
    assert.equal((await request(next, { path: `/api/sessions/${made.sessionId}` })).status, 200);
    await next.stop();
  });
});
