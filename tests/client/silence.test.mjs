// Clients that stop in the middle of something are given up in time, and leave nothing behind.
import assert from 'node:assert/strict';
import { after, before, describe, enter, frame, it, kText, Polling, RawConnection, rawWebSocket, request, room, Server,
  unique, until, upgradeRequest, waitFor, workerCounts } from './harness/index.mjs';

const kConnect = 500;
const kInterval = 300;
const kTimeout = 300;
const locations = `
  location /quick/ { mediasync rooms; mediasync_connect_timeout ${kConnect}ms; }
  location /pings/ { mediasync rooms; mediasync_ping_interval ${kInterval}ms; mediasync_ping_timeout ${kTimeout}ms; }
  location /body/ { mediasync rooms; client_body_timeout ${kConnect}ms; }
  location /made { mediasync_api rooms; mediasync_ping_interval ${kInterval}ms; mediasync_ping_timeout ${kTimeout}ms; }`;
const kHandshake = (place) => `/${place}/?EIO=4&transport=polling`;
const kSocket = (place) => `/${place}/?EIO=4&transport=websocket`;

const status = async (server) => (await request(server, { path: '/status' })).json();

for (const workers of workerCounts(1, 2)) {
  describe(`a client that falls silent (${workers} workers)`, () => {
    let server;
    let idle;
    before(async () => {
      server = await Server.start({ workers, locations, zone: 'recovery=0 disconnect_grace=100ms' });
      idle = (await status(server)).connections;
    });
    after(async () => { await server?.stop(); });

    const forgotten = () => until('its connection to be forgotten', async () => (await status(server)).connections === idle);

    /** How long `body` took, which is about `ms`. */
    async function takes(ms, body) {
      const start = Date.now();
      await body();
      const took = Date.now() - start;
      assert.ok(took > ms - 50, `${took} ms`);
      await forgotten();
    }

    it('after the WebSocket handshake', () => takes(kConnect, async () => {
      const raw = await rawWebSocket(server, { path: kSocket('quick'), bare: true });
      assert.equal((await raw.closing()).code, 1008);
    }));

    it('after the handshake by polling, which it never polls', () => takes(kInterval + kTimeout, async () => {
      assert.equal((await request(server, { path: kHandshake('pings') })).status, 200);
      await until('its record to be there', async () => (await status(server)).connections === idle + 1);
      await forgotten();
    }));

    it('after the handshake by polling, though it polls on without CONNECT', () => takes(kConnect, async () => {
      const polling = await Polling.open(server, { path: '/quick/', connectNamespace: false });
      assert.equal((await polling.poll()).body, '1');
    }));

    it('as a member, over WebSocket', () => takes(kInterval + kTimeout, async () => {
      const { sessionId, leader } = await room(server, { followers: 0 });
      const raw = await rawWebSocket(server, { path: kSocket('pings') });
      raw.write(frame(kText, `42${JSON.stringify(['join_session', { sessionId, userId: 'mute', username: 'M' }])}`));
      await waitFor(leader, 'user_left', (left) => left.userId === 'mute');
      leader.disconnect();
    }));

    it('with half a frame', () => takes(kInterval + kTimeout, async () => {
      const raw = await rawWebSocket(server, { path: kSocket('pings') });
      const bytes = frame(kText, `42["heartbeat","${'x'.repeat(1000)}"]`);
      raw.write(bytes.subarray(0, 500));
      await raw.closing();
    }));

    it('with half a frame that grows byte by byte', () => takes(kInterval + kTimeout, async () => {
      const raw = await rawWebSocket(server, { path: kSocket('pings') });
      const bytes = frame(kText, `42["heartbeat","${'x'.repeat(100000)}"]`);
      raw.write(bytes.subarray(0, 10));
      let at = 10;
      const timer = setInterval(() => raw.write(bytes.subarray(at, ++at)), 10);
      await raw.closing();
      clearInterval(timer);
      assert.ok(at < bytes.length);
    }));

    it('with a message in fragments that has no end', () => takes(kInterval + kTimeout, async () => {
      const raw = await rawWebSocket(server, { path: kSocket('pings') });
      raw.write(frame(kText, '42[', { fin: false }));
      const timer = setInterval(() => raw.write(frame(0, 'x', { fin: false })), 10);
      await raw.closing();
      clearInterval(timer);
    }));

    it('with a poll whose answer it does not read', () => takes(kInterval + kTimeout, async () => {
      const { sessionId, leader } = await room(server, { followers: 0 });
      const polling = await Polling.open(server, { path: '/pings/' });
      await polling.post(`42${JSON.stringify(['join_session', { sessionId, userId: 'mute', username: 'M' }])}`);
      const raw = await RawConnection.open(server);
      raw.socket.pause();
      raw.write(`GET ${polling.url()} HTTP/1.1\r\nHost: x\r\n\r\n`);
      await waitFor(leader, 'user_left', (left) => left.userId === 'mute');
      leader.disconnect();
      raw.destroy();
    }));

    it('in the middle of a POST: by client_body_timeout', () => takes(kConnect, async () => {
      const polling = await Polling.open(server, { path: '/body/' });
      const raw = await RawConnection.open(server);
      raw.write(`POST ${polling.url()} HTTP/1.1\r\nHost: x\r\nContent-Length: 15\r\n\r\n42["hear`);
      await raw.ended();
      assert.equal((await polling.post('1')).status, 200, 'the POST that never came was none');
    }));

    for (const place of ['pings', 'made']) {
      it(`with a POST that comes byte by byte (${place})`, () => takes(kInterval + kTimeout, async () => {
        const path = place === 'made' ? '/made' : (await Polling.open(server, { path: `/${place}/` })).url();
        const raw = await RawConnection.open(server);
        raw.write(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n`);
        const timer = setInterval(() => raw.write('x'), 10);
        await raw.ended();
        clearInterval(timer);
      }));
    }

    it('in an upgrade: the WebSocket is closed after 10 s, and polling goes on', async () => {
      const [early, probed] = await Promise.all([Polling.open(server), Polling.open(server)]);
      const start = Date.now();
      const raws = await Promise.all([early, probed].map(async (polling) => {
        const raw = await RawConnection.open(server);
        raw.write(upgradeRequest(server, { path: polling.url('websocket') }));
        assert.equal((await raw.response()).status, 101);
        return raw;
      }));
      raws[1].write(frame(kText, '2probe'));
      await raws[1].message((text) => text === '3probe');
      for (const raw of raws) assert.equal((await raw.closing()).code, 1008);
      assert.ok(Date.now() - start >= 9900, `after ${Date.now() - start} ms`);
      for (const polling of [early, probed]) {
        await polling.post('42["heartbeat"]');
        await polling.event('heartbeat_ack');
        await polling.post('1');
      }
      await forgotten();
    });

    it('and vanishes without a word while its poll waits', () => takes(kInterval + kTimeout, async () => {
      const sessionId = unique('s');
      const leader = await enter(server, { sessionId, userId: 'lea', username: 'L' });
      const polling = await Polling.open(server, { path: '/pings/' });
      await polling.post(`42${JSON.stringify(['join_session', { sessionId, userId: 'gone', username: 'G' }])}`);
      await polling.event('session_joined');
      const pending = polling.poll(); // is answered with a ping, which nobody answers
      await waitFor(leader, 'user_left', (left) => left.userId === 'gone');
      assert.equal((await pending).body, '2');
      leader.disconnect();
    }));
  });
}
