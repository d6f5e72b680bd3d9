// Socket.IO clients of several years watch together: every version by every transport, in sessions with other versions.
import assert from 'node:assert/strict';
import { before } from 'node:test';
import { fits, frame, kText, rawWebSocket, received, suite, unique, until, userOf, waitFor } from './harness/index.mjs';
import { kRetry, scene } from './harness/scene.mjs';
import { askVersion, closeVersion, versions } from './harness/versions.mjs';

const names = Object.keys(versions);
const ways = { polling: 'polling', websocket: 'websocket', 'polling, then an upgrade': undefined };

// Texts that differ in bytes, in code points and in UTF-16 units.
const texts = {
  'emoji outside the basic plane': '🎬🍿 Film 👩‍👩‍👧‍👦 🏳️‍🌈 𝄞',
  'combining marks': 'e\u0301 a\u0328\u0304 नमस्ते Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A',
  'right to left': 'שלום עולם مرحبا \u200fabc\u200e ‮x‬',
  'a bit of all': 'ß日本語한국어 ½ \u2028 \ufeff \uffff "\\/ <b>&amp;',
  'looks like framing': '5:40"2:1 b4AQID 451-["x"] 1:1🎬1:1',
};

/** The n-th version after `version`, around the circle. */
const after = (version, n) => names[(names.indexOf(version) + n) % names.length];

async function refused(socket, event, args, code) {
  const ack = await askVersion(socket, event, ...args);
  const error = await waitFor(socket, 'error', (one) => one?.event === event);
  fits('error', error);
  assert.deepEqual([ack.success, ack.code, ack.message], [false, code, error.message]);
  assert.equal(error.code, code);
}

async function state(socket) {
  socket.emit('request_session_state');
  return waitFor(socket, 'session_state');
}

const positions = (socket) => received(socket, 'playback_sync').map((sync) => sync.position);

const kMembers = 300;
const crowdName = (i) => `${i} 🎬é${'ש'.repeat(i % 30)} ${'𝄞'.repeat(i % 17)}`;

/** A session that lists kMembers users who have gone; nothing but their entries is left. */
async function crowd(server) {
  const sessionId = unique('crowd');
  for (let i = 0; i < kMembers; i += 20) {
    await Promise.all(Array.from({ length: 20 }, async (_, k) => {
      const raw = await rawWebSocket(server);
      const data = { sessionId, userId: `crowd-${i + k}`, username: crowdName(i + k), avatar: `/avatars/${i + k}.png` };
      raw.write(frame(kText, `42${JSON.stringify(['join_session', data])}`));
      await raw.message((text) => text.startsWith('42["session_joined"'));
      raw.destroy();
    }));
  }
  return sessionId;
}

suite('clients of several years', { sync: 'mediasync_eio3 on;', zone: 'disconnect_grace=100ms user_timeout=10m' },
  (server) => {
    let crowded;
    before(async () => { crowded = await crowd(server()); });

    for (const version of names) {
      for (const [way, transport] of Object.entries(ways)) {
        const about = `${version} over ${way}`;

        scene(`${about}: joins, and members of every version are told`, server, async ({ enter }) => {
          const sessionId = unique('room');
          const members = [];
          for (const other of names) members.push(await enter(other, { sessionId }));
          const socket = await enter(version, { sessionId, transport, username: 'Newcomer', avatar: '/a.png' });
          fits('session_joined', socket.joined);
          assert.equal(socket.joined.isLeader, false);
          assert.deepEqual(socket.joined.session.users.map((user) => user.id),
            [...members, socket].map((member) => member.userId));
          for (const member of members) {
            const joined = await waitFor(member, 'user_joined', (event) => event.userId === socket.userId);
            fits('user_joined', joined);
            assert.deepEqual([joined.username, joined.avatar], ['Newcomer', '/a.png']);
          }
        });

        scene(`${about}: leads followers of other versions`, server, async ({ enter }) => {
          const sessionId = unique('room');
          const leader = await enter(version, { sessionId, transport });
          assert.equal(leader.joined.isLeader, true);
          const members = [leader];
          for (let n = 1; n < names.length; n++) {
            const its = [undefined, 'polling', 'websocket'][n % 3];
            members.push(await enter(after(version, n), { sessionId, transport: its }));
          }
          const film = { mediaUrl: '/films/a.mp4', mediaId: 'a', mediaTitle: 'A', mediaDuration: 5400.5 };
          assert.deepEqual(await askVersion(leader, 'load_media', film), { success: true });
          for (let position = 1; position <= 10; position++) {
            leader.emit('sync_playback', { position, isPlaying: true, playbackRate: 1.5 });
          }
          assert.deepEqual(await askVersion(leader, 'sync_playback', { position: 11.125, isPlaying: false }),
            { success: true });
          for (const member of members) {
            const loaded = await waitFor(member, 'media_loaded');
            fits('media_loaded', loaded);
            assert.equal(loaded.mediaTitle, 'A');
            assert.equal(loaded.loadedBy, leader.userId);
            const last = await waitFor(member, 'playback_sync', (sync) => sync.position === 11.125);
            fits('playback_sync', last);
            assert.deepEqual([last.isPlaying, last.playbackRate, last.mediaUrl, last.leaderId],
              [false, 1, '/films/a.mp4', leader.userId]);
            assert.deepEqual(positions(member), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11.125], member.label);
          }
        });

        scene(`${about}: follows leaders of other versions`, server, async ({ enter }) => {
          for (const n of [1, 3, 5]) {
            const sessionId = unique('room');
            const leader = await enter(after(version, n), { sessionId });
            const follower = await enter(version, { sessionId, transport });
            leader.emit('load_media', { mediaUrl: '/b.mp4' });
            for (let position = 1; position <= 5; position++) {
              leader.emit('sync_playback', { position, isPlaying: false });
            }
            await waitFor(follower, 'playback_sync', (sync) => sync.position === 5);
            assert.deepEqual(positions(follower), [1, 2, 3, 4, 5]);
            assert.equal(received(follower, 'media_loaded').length, 1);
          }
        });

        scene(`${about}: asks for leadership, in vain while there is a leader`, server, async ({ enter }) => {
          const sessionId = unique('room');
          const leader = await enter(after(version, 2), { sessionId });
          const [asker, other] = [await enter(version, { sessionId, transport, username: 'Asker' }),
            await enter(after(version, 1), { sessionId })];
          await refused(asker, 'request_leadership', [], 'LEADER_ACTIVE');
          await closeVersion(leader);
          await until('leadership', async () => (await askVersion(asker, 'request_leadership')).success);
          for (const member of [asker, other]) {
            const changed = await waitFor(member, 'leadership_changed');
            fits('leadership_changed', changed);
            assert.deepEqual([changed.newLeaderId, changed.newLeaderName], [asker.userId, 'Asker']);
          }
          assert.equal((await askVersion(asker, 'sync_playback', { position: 3, isPlaying: false })).success, true);
          await waitFor(other, 'playback_sync', (sync) => sync.position === 3);
        });

        scene(`${about}: reports, heartbeats and state are answered and acknowledged`, server, async ({ enter }) => {
          const socket = await enter(version, { sessionId: unique('room'), transport });
          assert.deepEqual(await askVersion(socket, 'report_desync', { reportedPosition: 7.5, reportedTime: 123 }),
            { success: true });
          const recovery = await waitFor(socket, 'desync_recovery');
          fits('desync_recovery', recovery);
          assert.deepEqual([recovery.reportedPosition, recovery.reportedTime], [7.5, 123]);
          const ack = await askVersion(socket, 'heartbeat');
          assert.equal(ack.success, true);
          assert.equal(typeof ack.timestamp, 'number');
          fits('heartbeat_ack', await waitFor(socket, 'heartbeat_ack'));
          assert.deepEqual(await askVersion(socket, 'request_session_state'), { success: true });
          const seen = await waitFor(socket, 'session_state');
          fits('session', seen);
          assert.equal(seen.leaderId, socket.userId);
        });

        scene(`${about}: is told by a code what went wrong`, server, async ({ enter, connect }) => {
          const sessionId = unique('room');
          await enter(after(version, 1), { sessionId });
          const socket = await connect(version, { transport });
          await refused(socket, 'sync_playback', [{ position: 1, isPlaying: true }], 'NOT_IN_SESSION');
          await refused(socket, 'join_session', ['nonsense'], 'INVALID_PAYLOAD');
          await refused(socket, 'join_session', [{ sessionId, userId: 'u' }], 'INVALID_USERNAME');
          const ack = await askVersion(socket, 'join_session', { sessionId, userId: 'u', username: 'U' });
          assert.equal(ack.success, true);
          await refused(socket, 'sync_playback', [{ position: 1, isPlaying: true }], 'NOT_LEADER');
          await refused(socket, 'no_such_event', [1, 'two', null], 'UNKNOWN_EVENT');
          await refused(socket, 'heartbeat', [Buffer.from([1, 2, 3])], 'BINARY_UNSUPPORTED');
          assert.equal((await askVersion(socket, 'heartbeat')).success, true, 'and it goes on');
        });

        scene(`${about}: leaves, and the others are told`, server, async ({ enter }) => {
          const sessionId = unique('room');
          const others = [await enter(after(version, 1), { sessionId }), await enter(after(version, 4), { sessionId })];
          const goer = await enter(version, { sessionId, transport, username: 'Goer' });
          assert.deepEqual(await askVersion(goer, 'leave_session'), { success: true });
          for (const other of others) {
            const left = await waitFor(other, 'user_left');
            fits('user_left', left);
            assert.deepEqual([left.userId, left.username], [goer.userId, 'Goer']);
          }
          await refused(goer, 'request_session_state', [], 'NOT_IN_SESSION');
          assert.equal(userOf(await state(others[0]), goer.userId), undefined);
        });

        scene(`${about}: others see it disconnect, and come back`, server, async ({ enter }) => {
          const sessionId = unique('room');
          const others = [await enter(after(version, 1), { sessionId }), await enter(after(version, 3), { sessionId })];
          const goer = await enter(version, { sessionId, transport });
          await closeVersion(goer);
          for (const other of others) {
            await waitFor(other, 'user_left', (left) => left.userId === goer.userId);
            assert.equal(userOf(await state(other), goer.userId).isConnected, false);
          }
          others.forEach((other) => { other.inbox.length = 0; });
          const back = await enter(version, { sessionId, transport, userId: goer.userId, username: 'Again' });
          assert.equal(userOf(back.joined.session, goer.userId).isConnected, true);
          for (const other of others) {
            assert.equal((await waitFor(other, 'user_joined')).username, 'Again');
          }
        });

        scene(`${about}: texts of every script arrive as they were sent`, server, async ({ enter }) => {
          for (const [kind, text] of Object.entries(texts)) {
            const sessionId = unique(`room ${text}`);
            const leader = await enter(version, { sessionId, transport, username: text, avatar: `/${text}.png` });
            assert.equal(leader.joined.sessionId, sessionId, kind);
            const follower = await enter(after(version, 1 + text.length % 6), { sessionId, username: `${text}!` });
            assert.deepEqual(follower.joined.session.users.map((user) => user.username), [text, `${text}!`], kind);
            assert.equal((await waitFor(leader, 'user_joined')).username, `${text}!`, kind);
            const film = { mediaUrl: `/films/${text}.mp4`, mediaId: text, mediaTitle: `«${text}»`, mediaDuration: 0 };
            leader.emit('load_media', film);
            leader.emit('sync_playback', { position: 1, isPlaying: false });
            for (const member of [leader, follower]) {
              const loaded = await waitFor(member, 'media_loaded');
              assert.deepEqual(film, { mediaUrl: loaded.mediaUrl, mediaId: loaded.mediaId, mediaTitle: loaded.mediaTitle,
                mediaDuration: loaded.mediaDuration }, kind);
              await waitFor(member, 'playback_sync', (sync) => sync.position === 1);
            }
            assert.equal((await state(leader)).playbackState.mediaTitle, `«${text}»`, kind);
          }
        });

        scene(`${about}: a list of ${kMembers} users arrives whole, with what follows it`, server, async ({ enter }) => {
          const socket = await enter(version, { sessionId: crowded, transport, username: 'Last' });
          for (let round = 0; round < 2; round++) {
            const { users } = round ? await state(socket) : socket.joined.session;
            for (let i = 0; i < kMembers; i++) {
              assert.equal(userOf({ users }, `crowd-${i}`)?.username, crowdName(i));
            }
            assert.equal(userOf({ users }, socket.userId).username, 'Last');
          }
          socket.emit('request_session_state');
          for (let i = 0; i < 5; i++) socket.emit('heartbeat');
          for (let i = 0; i < 5; i++) await waitFor(socket, 'heartbeat_ack');
          await waitFor(socket, 'session_state');
          assert.equal((await askVersion(socket, 'leave_session')).success, true);
        });

        scene(`${about}: another namespace is refused`, server, async ({ open }) => {
          const socket = open(version, { namespace: '/admin', transport });
          if (versions[version].eio === 3) {
            assert.equal(await waitFor(socket, 'error'), 'Invalid namespace');
          } else {
            assert.equal((await waitFor(socket, 'connect_error')).message, 'Invalid namespace');
          }
          assert.equal(socket.connected, false);
        });

        scene(`${about}: reconnects by itself after a cut, and follows again`, server, async ({ enter, proxy }) => {
          const sessionId = unique('room');
          const via = await proxy();
          const leader = await enter(after(version, 2), { sessionId });
          const follower = await enter(version, { sessionId, transport, via }, kRetry);
          for (let round = 1; round <= 3; round++) {
            follower.inbox.length = 0;
            via.down();
            await waitFor(follower, 'disconnect');
            via.admit();
            await waitFor(follower, 'connect');
            assert.equal(follower.recovered ?? false, versions[version].recovers, 'recovered');
            if (!follower.recovered) {
              const { userId } = follower;
              const ack = await askVersion(follower, 'join_session', { sessionId, userId, username: 'F' });
              assert.equal(ack.success, true);
            }
            leader.emit('sync_playback', { position: round, isPlaying: false });
            await waitFor(follower, 'playback_sync', (sync) => sync.position === round);
            assert.equal((await askVersion(follower, 'heartbeat')).success, true);
          }
        });
      }
    }
  });

suite('clients of Engine.IO 3', { locations: 'location /off/ { mediasync rooms; mediasync_eio3 off; }' }, (server) => {
  for (const path of ['/socket.io/', '/off/']) {
    for (const [way, transport] of Object.entries(ways)) {
      scene(`are refused over ${way} at ${path}, which does not speak it`, server, async ({ open, connect }) => {
        const socket = open('2.5.0', { transport, path });
        await waitFor(socket, 'connect_error');
        assert.equal(socket.connected, false);
        const other = await connect('4.8.4', { transport, path });
        assert.equal((await askVersion(other, 'heartbeat')).success, true);
      });
    }
  }
});
