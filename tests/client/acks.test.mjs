// Socket.IO acknowledgements.
import assert from 'node:assert/strict';
import { ask, connect, frame, it, kText, Polling, rawWebSocket, received, room, suite, transports, unique, waitFor } from
  './harness/index.mjs';

suite('an acknowledgement', {}, (server) => {
  for (const transport of Object.keys(transports)) {
    it(`says success for each event, beside the answering event, over ${transport}`, async () => {
      const socket = await connect(server(), { transport });
      for (const [event, data, answer] of [
        ['heartbeat', undefined, 'heartbeat_ack'],
        ['join_session', { sessionId: unique('s'), userId: 'u', username: 'U' }, 'session_joined'],
        ['heartbeat', undefined, 'heartbeat_ack'],
        ['load_media', { mediaUrl: 'u', mediaId: 'i', mediaTitle: 't', mediaDuration: 9 }, 'media_loaded'],
        ['sync_playback', { position: 1, isPlaying: true }, 'playback_sync'],
        ['report_desync', { reportedPosition: 1, reportedTime: 2 }, 'desync_recovery'],
        ['request_session_state', undefined, 'session_state'],
        ['leave_session', undefined, null],
      ]) {
        const ack = await ask(socket, event, ...(data ? [data] : []));
        assert.equal(ack.success, true, event);
        assert.equal(ack.code, undefined, event);
        if (answer) await waitFor(socket, answer);
      }
      assert.deepEqual(received(socket, 'error'), []);
    });
  }

  it('says success for request_leadership', async () => {
    const { leader, followers: [follower] } = await room(server());
    leader.disconnect();
    let ack;
    do ack = await ask(follower, 'request_leadership'); while (ack.code === 'LEADER_ACTIVE');
    assert.equal(ack.success, true);
  });

  it('carries code and message for a refusal', async () => {
    const socket = await connect(server());
    const ack = await ask(socket, 'leave_session');
    assert.deepEqual(Object.keys(ack).sort(), ['code', 'message', 'success']);
  });

  it('has the id that was asked with, large ids and 0 included, in order', async () => {
    const raw = await rawWebSocket(server());
    const ids = ['0', '1', '17', '4294967295', '9007199254740991'];
    for (const id of ids) raw.write(frame(kText, `42${id}["heartbeat"]`));
    for (const id of ids) {
      const text = await raw.message((one) => one.startsWith('43'));
      assert.ok(text.startsWith(`43${id}[{`), text);
      assert.equal(JSON.parse(text.slice(2 + id.length))[0].success, true);
    }
  });

  it('comes over polling as one of several packets', async () => {
    const polling = await Polling.open(server());
    await polling.post('4212["heartbeat"]\x1e4213["no_such_event"]');
    const packets = await polling.packets((packet) => packet.startsWith('4313['));
    while (!packets.some((packet) => packet.startsWith('4312['))) packets.push(...await polling.packets(() => true));
    const text = packets.find((packet) => packet.startsWith('4312['));
    assert.equal(JSON.parse(text.slice(4))[0].success, true);
    assert.equal(JSON.parse(packets.find((packet) => packet.startsWith('4313[')).slice(4))[0].success, false);
  });

  it('answers a thousand questions asked at once', async () => {
    const { leader } = await room(server(), { followers: 0 });
    const acks = await Promise.all(Array.from({ length: 1000 }, (_, i) =>
      ask(leader, 'sync_playback', { position: i, isPlaying: false })));
    assert.ok(acks.every((ack) => ack.success));
  });

  it('of a client for a question that nobody asked is ignored', async () => {
    const raw = await rawWebSocket(server());
    raw.write(frame(kText, '435[{"any":1}]'));
    raw.write(frame(kText, '42["heartbeat"]'));
    await raw.message((text) => text.startsWith('42["heartbeat_ack"'));
  });
});
