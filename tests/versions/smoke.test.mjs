// What each NGINX that the module is built for is put through: stock clients by every transport watch together, over a
// reload. NGINX_BIN says which NGINX.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, clear, configuration, connect, describe, enter, fence, it, received, request, rest, Server, state,
  unique, userOf, waitFor } from '../client/harness/index.mjs';
import { askVersion, connectVersion, versions } from '../client/harness/versions.mjs';

const kTransports = ['polling', 'websocket', 'upgrade'];
const hasTls = /--with-http_ssl_module/.test(spawnSync(process.env.NGINX_BIN ?? 'nginx', ['-V']).stderr);

const options = { workers: 2, tls: hasTls, probePath: '/status', sync: 'mediasync_eio3 on; mediasync_deflate on;',
  // Without PCRE there is no "return" either.
  config: (server) => configuration(options, { http: server.port, tls: server.tlsPort })
    .replace(/location = \/worker.*/, '') };

/** The leader, by WebSocket, and a follower by each transport. */
async function audience(server, more = {}) {
  const sessionId = unique('room');
  const members = [];
  for (const transport of ['websocket', ...kTransports]) {
    members.push(await enter(server, { sessionId, userId: unique(transport) }, { transport, ...more }));
  }
  return { sessionId, members };
}

async function watchTogether(members) {
  const [leader] = members;
  leader.emit('load_media', { mediaUrl: '/films/a.mp4', mediaTitle: 'A' });
  leader.emit('sync_playback', { position: 12.5, isPlaying: true, playbackRate: 1.5 });
  for (const member of members) {
    assert.equal((await waitFor(member, 'media_loaded')).mediaTitle, 'A');
    const sync = await waitFor(member, 'playback_sync', (one) => one.position === 12.5);
    assert.deepEqual([sync.isPlaying, sync.playbackRate, sync.mediaUrl], [true, 1.5, '/films/a.mp4']);
    assert.equal((await state(member)).users.length, members.length);
  }
  await fence(leader, members);
}

describe('this NGINX', () => {
  let server;
  before(async () => { server = await Server.start(options); });
  after(async () => { await server?.stop(); });

  it('lets clients watch together by every transport', async () => {
    await watchTogether((await audience(server)).members);
  });

  it('lets them watch together over TLS', { skip: !hasTls && 'built without TLS' }, async () => {
    await watchTogether((await audience(server, { tls: true })).members);
  });

  for (const version of Object.keys(versions)) {
    it(`serves socket.io-client ${version}`, async () => {
      for (const transport of kTransports) {
        const socket = await connectVersion(server, version, { transport });
        const ack = await askVersion(socket, 'join_session', { sessionId: unique('room'), userId: 'u', username: 'U' });
        assert.equal(ack.success, true);
        await waitFor(socket, 'session_joined');
        assert.equal((await askVersion(socket, 'heartbeat')).success, true);
      }
    });
  }

  it('answers over REST what clients do', async () => {
    const created = await rest(server, 'POST', '/api/sessions', { creatorId: 'boss', creatorName: 'Boss' });
    assert.equal(created.status, 201);
    const { sessionId } = created.json();
    await enter(server, { sessionId, userId: 'boss', username: 'Boss' });
    const shown = await request(server, { path: `/api/sessions/${sessionId}` });
    assert.equal(shown.status, 200);
    assert.equal(userOf(shown.json().session, 'boss').isConnected, true);
    assert.equal((await request(server, { path: '/api/sessions/nowhere' })).status, 404);
  });

  it('shows its status', async () => {
    await enter(server, { sessionId: unique('room'), userId: 'u', username: 'U' });
    const shown = (await request(server, { path: '/status' })).json();
    assert.ok(shown.sessions > 0, JSON.stringify(shown));
    assert.ok(shown.connections > 0, JSON.stringify(shown));
  });

  it('goes on over a reload as if there were none', async () => {
    const { sessionId, members } = await audience(server);
    await watchTogether(members);
    members.forEach(clear);
    await server.reload();
    await fence(members[0], members);
    for (const member of members) assert.deepEqual(received(member, 'disconnect'), [], member.label);
    const newcomer = await connect(server);
    newcomer.emit('join_session', { sessionId, userId: 'late', username: 'Late' });
    assert.equal((await waitFor(newcomer, 'session_joined')).session.users.length, members.length + 1);
    await fence(members[0], [...members, newcomer]);
  });
});
