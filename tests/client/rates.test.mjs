// How often clients may do what: what is over the limit is refused with an answer, and nobody else notices.
import assert from 'node:assert/strict';
import { ask, clear, connect, describe, enter, fence, frame, it, kSeparator, kText, Polling, RawConnection, rawWebSocket,
  received, refused, request, rest, room, Server, state, suite, unique, until, upgradeRequest, waitFor } from './harness/index.mjs';

const status = async (server) => (await request(server, { path: '/status' })).json();
const many = (count, packet) => Array.from({ length: count }, () => packet);

/** A raw WebSocket that is in a session. */
async function member(server, sessionId, userId = unique('raw')) {
  const raw = await rawWebSocket(server);
  raw.write(frame(kText, `42${JSON.stringify(['join_session', { sessionId, userId, username: 'Raw' }])}`));
  await raw.message((text) => text.startsWith('42["session_joined"'));
  return raw;
}

suite('mediasync_limit_events', { sync: 'mediasync_limit_events rate=10r/s burst=20;' }, (server) => {
  for (const transport of ['websocket', 'polling']) {
    it(`refuses what is over it with the event and the acknowledgement, over ${transport}`, async () => {
      const { leader, followers: [follower] } = await room(server(), { transport });
      const answers = await Promise.all(Array.from({ length: 40 }, (_, i) =>
        ask(leader, 'sync_playback', { position: i, isPlaying: false })));
      const taken = answers.flatMap((answer, i) => (answer.success ? [i] : []));
      assert.ok(taken.length >= 19 && taken.length < 40, `${taken.length} were taken`);
      for (const answer of answers) if (!answer.success) assert.equal(answer.code, 'RATE_LIMITED');
      const errors = received(leader, 'error');
      assert.equal(errors.length, 40 - taken.length, 'one error event for each refusal');
      assert.deepEqual(new Set(errors.map((error) => `${error.code} ${error.event}`)), new Set(['RATE_LIMITED sync_playback']));
      await waitFor(follower, 'playback_sync', (sync) => sync.position === taken.at(-1));
      assert.deepEqual(received(follower, 'playback_sync').map((sync) => sync.position), taken, 'nothing else was carried out');
      assert.ok(leader.connected && follower.connected);
      assert.equal((await ask(follower, 'heartbeat')).success, true, 'others have limits of their own');
      await until('the leader to be heard again', async () =>
        (await ask(leader, 'sync_playback', { position: 99, isPlaying: true })).success);
      await waitFor(follower, 'playback_sync', (sync) => sync.position === 99);
    });
  }

  it('holds over all workers for POSTs', async () => {
    const polling = await Polling.open(server());
    const start = Date.now();
    const body = many(10, '42["heartbeat"]').join(kSeparator);
    for (let i = 0; i < 6; i++) await polling.post(body); // each by a connection of its own
    const most = 20 + 1 + ((Date.now() - start) / 1000) * 10;
    let refused = 0;
    for (let seen = 0; seen < 60;) {
      const packets = await polling.packets((packet) => /^42\["(heartbeat_ack|error)"/.test(packet));
      const answers = packets.filter((packet) => /^42\["(heartbeat_ack|error)"/.test(packet));
      seen += answers.length;
      refused += answers.filter((packet) => packet.includes('RATE_LIMITED')).length;
    }
    assert.ok(60 - refused >= 20 && 60 - refused <= most, `${refused} of 60 were refused, ${most} may pass`);
  });

  it('closes who does not stop with 1008, and nobody else', async () => {
    const { sessionId, leader, members } = await room(server(), { followers: 2, transport: ['websocket', 'polling'] });
    const before = await status(server());
    const raw = await member(server(), sessionId, 'flooder');
    await Promise.all(members.map((one) => waitFor(one, 'user_joined')));
    members.forEach(clear);
    raw.write(Buffer.concat(many(5000, frame(kText, '42["heartbeat"]'))));
    const { code, messages } = await raw.closing();
    assert.equal(code, 1008);
    const refusals = messages.filter((text) => text.includes('RATE_LIMITED')).length;
    assert.ok(refusals >= 200 && refusals < 260, `${refusals} refusals`);
    await fence(leader, members);
    for (const one of members) {
      assert.deepEqual(one.inbox.filter((seen) => seen.event !== 'playback_sync'), []);
    }
    const now = await status(server());
    assert.equal(now.floods_total - before.floods_total, 1);
    assert.equal(now.rate_limited_total - before.rate_limited_total, refusals);
  });

  it('ends a polling connection that does not stop', async () => {
    const polling = await Polling.open(server());
    const waiting = polling.packets((packet) => packet === '1').catch(() => {}); // or its next poll is refused
    const answer = await polling.post(many(2000, '42["heartbeat"]').join('\x1e')).catch((error) => ({ error }));
    assert.ok(answer.status === 400, `${answer.status}`);
    await waiting; // it has polled, and been told
    await until('the sid to be unknown', async () => (await polling.poll()).status === 400);
  });

  it('is not what a reload gives back', async () => {
    const raw = await rawWebSocket(server());
    raw.write(Buffer.concat(many(40, frame(kText, '42["heartbeat"]'))));
    const answers = (text) => text.startsWith('42["');
    for (let i = 0; i < 40; i++) await raw.message(answers);
    await server().reload();
    await until('the handover', async () => (await status(server())).handovers_total > 0);
    raw.write(Buffer.concat(many(40, frame(kText, '42["heartbeat"]'))));
    let refusals = 0;
    for (let i = 0; i < 40; i++) refusals += (await raw.message(answers)).includes('RATE_LIMITED');
    assert.ok(refusals > 0, 'the allowance of before goes on');
  });
});

describe('the default limits', () => {
  it('are met by nobody who plays: 20,000 events at once are carried out, in order', async () => {
    const server = await Server.start({ workers: 2 });
    try {
      const sessionId = unique('room');
      const leader = await member(server, sessionId);
      const follower = await member(server, sessionId);
      const kEvents = 20000;
      leader.write(Buffer.concat(Array.from({ length: kEvents }, (_, i) =>
        frame(kText, `42["sync_playback",{"position":${i},"isPlaying":true}]`))));
      for (let i = 0; i < kEvents; i++) {
        const sync = await follower.message((text) => text.startsWith('42["playback_sync"'));
        assert.equal(JSON.parse(sync.slice(2))[1].position, i);
      }
      assert.equal((await status(server)).rate_limited_total, 0);
    } finally {
      await server.stop();
    }
  });

  it('are off where they are off', async () => {
    const server = await Server.start({ workers: 1, sync: `mediasync_limit_events off; mediasync_limit_user_events off;
      mediasync_limit_joins off;` });
    try {
      const raw = await member(server, 'free', 'free');
      const join = `42${JSON.stringify(['join_session', { sessionId: 'free', userId: 'free', username: 'F' }])}`;
      raw.write(Buffer.concat(many(300, frame(kText, join))));
      for (let i = 0; i < 300; i++) await raw.message((text) => text.startsWith('42["session_joined"'));
      assert.equal((await status(server)).rate_limited_total, 0);
    } finally {
      await server.stop();
    }
  });
});

suite('mediasync_limit_user_events', { sync: 'mediasync_limit_user_events rate=30r/m burst=20;' }, (server) => {
  it('counts all tabs of a user together, and not other users', async () => {
    const { sessionId, leader, followers: [follower] } = await room(server());
    const tabs = [leader];
    for (const transport of ['websocket', 'polling']) {
      tabs.push(await enter(server(), { sessionId, userId: leader.userId, username: 'Tab' }, { transport }));
    }
    const answers = [];
    for (let i = 0; i < 10; i++) {
      for (const tab of tabs) answers.push(await ask(tab, 'sync_playback', { position: i, isPlaying: true }));
    }
    const taken = answers.filter((answer) => answer.success).length;
    assert.ok(taken >= 20 && taken < 30, `${taken}`);
    assert.equal(answers.at(-1).code, 'RATE_LIMITED');
    assert.equal((await ask(follower, 'heartbeat')).success, true);
    const again = await enter(server(), { sessionId, userId: leader.userId, username: 'New tab' });
    await refused(again, 'sync_playback', [{ position: 1, isPlaying: true }], 'RATE_LIMITED');
  });
});

suite('mediasync_limit_joins', { sync: 'mediasync_limit_joins rate=30r/m burst=5;' }, (server) => {
  it('ends the coming and going of one connection', async () => {
    const { sessionId, leader } = await room(server(), { followers: 0 });
    const churner = await connect(server());
    const data = { sessionId, userId: 'churner', username: 'C' };
    const answers = [];
    for (let i = 0; i < 12; i++) {
      answers.push(await ask(churner, 'join_session', data));
      await ask(churner, 'leave_session');
    }
    assert.deepEqual(answers.map((answer) => answer.code ?? 'ok'), [...many(5, 'ok'), ...many(7, 'RATE_LIMITED')]);
    await fence(leader, [leader]);
    assert.equal(received(leader, 'user_joined').length, 5);
    assert.equal(received(leader, 'user_left').length, 5);
    const other = await enter(server(), { ...data, userId: 'other' });
    assert.equal(other.joined.isLeader, false);
  });
});

suite('mediasync_limit_session_joins', { sync: 'mediasync_limit_session_joins rate=5r/s burst=10;' }, (server) => {
  it('protects the members of a session from a crowd, and lets it in by and by', async () => {
    const { sessionId, leader } = await room(server(), { followers: 0 });
    const crowd = await Promise.all(Array.from({ length: 20 }, () => connect(server())));
    const data = (i) => ({ sessionId, userId: `u${i}`, username: 'U' });
    const answers = await Promise.all(crowd.map((one, i) => ask(one, 'join_session', data(i))));
    const taken = answers.filter((answer) => answer.success).length;
    assert.ok(taken >= 9 && taken < 20, `${taken}`);
    await Promise.all(crowd.map((one, i) => until('a place', async () => (await ask(one, 'join_session', data(i))).success)));
    assert.equal((await state(leader)).userCount, 21);
  });
});

suite('mediasync_limit_sessions', { sync: 'mediasync_limit_sessions rate=30r/m burst=4;',
  api: 'mediasync_limit_sessions rate=30r/m burst=4;' }, (server) => {
  it('counts those made by events and over REST together; present ones may be joined', async () => {
    const { sessionId, leader } = await room(server(), { followers: 0 });
    const create = () => rest(server(), 'POST', '/api/sessions', { creatorId: 'c', creatorName: 'C' });
    for (let i = 0; i < 3; i++) assert.equal((await create()).status, 201);
    const answer = await create();
    assert.equal(answer.status, 429);
    assert.equal(answer.headers['retry-after'], '1');
    assert.deepEqual(Object.keys(answer.json()), ['success', 'message']);
    const late = await connect(server());
    await refused(late, 'join_session', [{ sessionId: unique('n'), userId: 'u', username: 'U' }], 'RATE_LIMITED');
    assert.equal((await ask(late, 'join_session', { sessionId, userId: 'u', username: 'U' })).success, true);
    assert.equal((await ask(leader, 'sync_playback', { position: 1, isPlaying: true })).success, true);
  });
});

suite('mediasync_limit_create', { http: 'mediasync_limit_create rate=6r/m burst=3; set_real_ip_from 127.0.0.0/8;' +
  ' real_ip_header X-Real-IP; real_ip_recursive on;' }, (server) => {
  const from = (address) => ({ 'X-Real-IP': address });
  const create = (address) => rest(server(), 'POST', '/api/sessions', { creatorId: 'c', creatorName: 'C' },
    { headers: from(address) });
  const make = async (address, transport) => {
    const socket = await connect(server(), { transport, extraHeaders: from(address) });
    return (await ask(socket, 'join_session', { sessionId: unique('n'), userId: 'u', username: 'U' })).code ?? 'ok';
  };

  it('counts what an address makes by events and over REST together, as realip tells it', async () => {
    assert.equal(await make('192.0.2.1', 'websocket'), 'ok');
    assert.equal(await make('192.0.2.1', 'polling'), 'ok');
    assert.equal((await create('192.0.2.1')).status, 201);
    const answer = await create('192.0.2.1');
    assert.equal(answer.status, 429);
    assert.equal(answer.headers['retry-after'], '1');
    assert.equal(await make('192.0.2.1', 'websocket'), 'RATE_LIMITED');
    assert.equal(await make('192.0.2.1', 'polling'), 'RATE_LIMITED');
    assert.equal(await make('192.0.2.2', 'websocket'), 'ok');
    assert.equal((await create('192.0.2.2')).status, 201);
  });

  it('takes the /64 of IPv6 for one address', async () => {
    for (let i = 1; i <= 3; i++) assert.equal((await create(`2001:db8:0:1::${i}`)).status, 201);
    assert.equal((await create('2001:db8:0:1:ffff::1')).status, 429);
    assert.equal((await create('2001:db8:0:2::1')).status, 201);
  });
});

suite('mediasync_limit_replies', { sync: 'mediasync_limit_replies rate=20k burst=100k;' }, (server) => {
  for (const transport of ['websocket', 'polling']) {
    it(`bounds the bytes that small requests bring about, over ${transport}`, async () => {
      const sessionId = unique('s');
      await Promise.all(Array.from({ length: 40 }, (_, i) =>
        enter(server(), { sessionId, userId: `user ${i}`, username: 'x'.repeat(250) })));
      const asker = await enter(server(), { sessionId, userId: 'asker', username: 'A' }, { transport });
      const answers = await Promise.all(Array.from({ length: 30 }, () => ask(asker, 'request_session_state')));
      const taken = answers.filter((answer) => answer.success).length;
      await until('the states', () => received(asker, 'session_state').length === taken);
      const size = JSON.stringify(received(asker, 'session_state')[0]).length;
      assert.ok((taken + 1) * size > 90_000 && taken * size < 150_000, `${taken} states of ${size} bytes`);
      await refused(asker, 'report_desync', [{ reportedPosition: 1 }], 'RATE_LIMITED');
      assert.equal((await ask(asker, 'heartbeat')).success, true);
      await until('the state again', async () => (await ask(asker, 'request_session_state')).success);
    });
  }
});

// ---- what NGINX limits by itself, as the documentation has it

const byAddress = {
  http: `limit_req_zone $handshake_key zone=handshakes:1m rate=1r/m; limit_conn_zone $binary_remote_addr zone=viewers:1m;
    limit_req_status 429; limit_conn_status 429;
    map $arg_sid $handshake_key { "" $binary_remote_addr; default ""; }`,
  sync: 'limit_req zone=handshakes burst=9 nodelay; limit_conn viewers 8;',
};

suite('limit_req on handshakes alone', byAddress, (server) => {
  it('turns away the next handshake, and no poll, POST or upgrade of those who are in', async () => {
    const polling = await Polling.open(server());
    const answers = [];
    for (let i = 0; i < 12; i++) answers.push((await request(server(), { path: '/socket.io/?EIO=4&transport=polling' })).status);
    assert.deepEqual(answers, [...many(9, 200), ...many(3, 429)]);
    for (let i = 0; i < 20; i++) {
      assert.equal((await polling.post('42["heartbeat"]')).status, 200);
      await polling.event('heartbeat_ack');
    }
    const upgrade = await RawConnection.open(server());
    upgrade.write(upgradeRequest(server(), { path: polling.url('websocket') }));
    assert.equal((await upgrade.response()).status, 101);
  });
});

suite('mediasync_limit_reports', { sync: 'mediasync_limit_reports rate=1r/m burst=3;' }, (server) => {
  it('refuses what all would be told too often, and does not count what nobody is told', async () => {
    const { leader, followers: [follower] } = await room(server());
    const codes = [];
    for (const isBuffering of [true, true, true, false, true, false]) {
      codes.push((await ask(follower, 'report_buffering', { isBuffering })).code);
    }
    assert.deepEqual(codes, [undefined, undefined, undefined, undefined, undefined, 'RATE_LIMITED']);
    await fence(leader, [leader, follower]);
    assert.deepEqual(received(leader, 'user_buffering').map((one) => one.isBuffering), [true, false, true]);
  });
});

suite('mediasync_limit_input', { sync: 'mediasync_limit_input rate=100k burst=64k;' }, (server) => {
  it('reads who sends too much as slowly as it says, loses nothing, and holds nobody else up', async () => {
    const raw = await rawWebSocket(server());
    const others = await Promise.all(Array.from({ length: 4 }, () => rawWebSocket(server())));
    const start = Date.now();
    raw.write(Buffer.concat(many(1000, frame(kText, '42["heartbeat"]')))); // 270 KB as they count
    for (const other of others) {
      other.write(frame(kText, '42["heartbeat"]'));
      await other.message((text) => text.startsWith('42["heartbeat_ack"'));
    }
    for (let i = 0; i < 1000; i++) await raw.message((text) => text.startsWith('42["heartbeat_ack"'));
    assert.ok(Date.now() - start > 1500, `they took ${Date.now() - start} ms`);
  });
});
