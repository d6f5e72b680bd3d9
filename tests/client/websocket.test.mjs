// RFC 6455 on a raw socket.
import assert from 'node:assert/strict';
import { closePayload, frame, it, kBinary, kClose, kPing, kPong, kText, kWebSocketAccept, RawConnection, rawWebSocket,
  suite, unique, upgradeRequest } from './harness/index.mjs';

const kContinuation = 0;
const heartbeat = '42["heartbeat"]';
const isAck = (text) => text.startsWith('42["heartbeat_ack"');

async function assertAlive(raw) {
  raw.write(frame(kText, heartbeat));
  await raw.message(isAck);
}

async function assertClosed(raw, code) {
  const closing = await raw.closing();
  assert.equal(closing.code, code);
}

suite('the WebSocket handshake', {}, (server) => {
  it('answers 101 with the accept key of RFC 6455', async () => {
    const raw = await RawConnection.open(server());
    raw.write(upgradeRequest(server()));
    const answer = await raw.response();
    assert.equal(answer.status, 101);
    assert.match(answer.headers.upgrade, /^websocket$/i);
    assert.match(answer.headers.connection, /\bupgrade\b/i);
    assert.equal(answer.headers['sec-websocket-accept'], kWebSocketAccept);
    assert.equal(answer.headers['sec-websocket-protocol'], undefined);
    assert.equal(answer.headers['sec-websocket-extensions'], undefined);
    assert.match(await raw.message(), /^0\{"sid"/);
  });

  it('takes header values in any case and among others', async () => {
    const raw = await RawConnection.open(server());
    raw.write(upgradeRequest(server(), { headers: { Upgrade: 'WebSocket', Connection: 'keep-alive, UPGRADE' } }));
    assert.equal((await raw.response()).status, 101);
  });

  it('is refused without a key, with a bad key, with another version', async () => {
    for (const headers of [{ 'Sec-WebSocket-Key': null }, { 'Sec-WebSocket-Key': 'short' },
      { 'Sec-WebSocket-Version': '12' }, { 'Sec-WebSocket-Version': null }]) {
      const raw = await RawConnection.open(server());
      raw.write(upgradeRequest(server(), { headers }));
      const { status } = await raw.response();
      assert.ok(status === 400 || status === 426, `${JSON.stringify(headers)} → ${status}`);
    }
  });

  it('may arrive byte by byte', async () => {
    const raw = await RawConnection.open(server());
    for (const byte of Buffer.from(upgradeRequest(server()))) raw.write(Buffer.from([byte]));
    assert.equal((await raw.response()).status, 101);
  });

  it('may bring frames in the same segment', async () => {
    const raw = await RawConnection.open(server());
    const cut = frame(kText, heartbeat);
    raw.write(Buffer.concat([Buffer.from(upgradeRequest(server())), frame(kPing, 'early'), frame(kText, '40'),
      cut.subarray(0, 4)]));
    assert.equal((await raw.response()).status, 101);
    const early = [await raw.frame(), await raw.frame(), await raw.frame()];
    assert.deepEqual(early.map((one) => one.opcode).sort(), [kText, kText, kPong].sort());
    assert.ok(early.some((one) => one.payload.toString() === 'early'));
    assert.ok(early.some((one) => one.payload.toString().startsWith('40{')));
    raw.write(cut.subarray(4));
    await raw.message(isAck);
  });
});

suite('WebSocket frames', { locations: 'location /small/ { mediasync rooms; mediasync_max_payload 1000; }' }, (server) => {
  it('of one message may be fragments with control frames in between', async () => {
    const raw = await rawWebSocket(server());
    raw.write(frame(kText, '42["hea', { fin: false }));
    raw.write(frame(kPing, 'between'));
    raw.write(frame(kContinuation, 'rtbe', { fin: false }));
    raw.write(frame(kPong, 'unasked'));
    raw.write(frame(kContinuation, '', { fin: false }));
    raw.write(frame(kContinuation, 'at"]'));
    const pong = await raw.frame();
    assert.equal(pong.opcode, kPong);
    assert.equal(pong.payload.toString(), 'between');
    await raw.message(isAck);
  });

  it('may cut a character in two', async () => {
    const raw = await rawWebSocket(server());
    const whole = Buffer.from(`42${JSON.stringify(['join_session', { sessionId: unique('s'), userId: 'ü🎬', username: '日本' }])}`);
    for (let i = 0; i < whole.length; i++) {
      raw.write(frame(i === 0 ? kText : kContinuation, whole.subarray(i, i + 1), { fin: i === whole.length - 1 }));
    }
    const text = await raw.message((one) => one.startsWith('42["session_joined"'));
    assert.equal(JSON.parse(text.slice(2))[1].userId, 'ü🎬');
  });

  it('may arrive byte by byte', async () => {
    const raw = await rawWebSocket(server());
    raw.socket.setNoDelay(true);
    const bytes = Buffer.concat([frame(kText, heartbeat), frame(kPing, 'x'), frame(kText, heartbeat)]);
    for (const byte of bytes) {
      raw.write(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    const answers = [await raw.frame(), await raw.frame(), await raw.frame()];
    assert.equal(answers.filter((one) => one.opcode === kPong && one.payload.toString() === 'x').length, 1);
    assert.equal(answers.filter((one) => isAck(one.payload.toString())).length, 2);
  });

  it('may arrive many in one segment', async () => {
    const raw = await rawWebSocket(server());
    raw.write(Buffer.concat(Array.from({ length: 500 }, () => frame(kText, heartbeat))));
    for (let i = 0; i < 500; i++) await raw.message(isAck);
  });

  it('carry lengths of every form, at their borders', async () => {
    const raw = await rawWebSocket(server());
    for (const size of [125, 126, 127, 65535, 65536, 70000, 999000]) {
      const text = `42["heartbeat","${'x'.repeat(size - 18)}"]`;
      assert.equal(text.length, size);
      raw.write(frame(kText, text));
      await raw.message(isAck);
    }
  });

  it('echo each ping, an empty one and one of 125 bytes included', async () => {
    const raw = await rawWebSocket(server());
    for (const payload of ['', 'x', 'y'.repeat(125)]) {
      raw.write(frame(kPing, payload));
      const pong = await raw.frame();
      assert.equal(pong.opcode, kPong);
      assert.equal(pong.payload.toString(), payload);
    }
  });

  const protocolErrors = {
    'an unmasked text': frame(kText, heartbeat, { mask: false }),
    'an unmasked ping': frame(kPing, 'x', { mask: false }),
    'reserved bit 1 without an extension': frame(kText, heartbeat, { rsv: 4 }),
    'reserved bit 2': frame(kText, heartbeat, { rsv: 2 }),
    'reserved bit 3': frame(kText, heartbeat, { rsv: 1 }),
    'reserved bit on a control frame': frame(kPing, 'x', { rsv: 1 }),
    'opcode 3': frame(3, 'x'),
    'opcode 7': frame(7, 'x'),
    'opcode 11': frame(0xb, 'x'),
    'opcode 15': frame(0xf, 'x'),
    'a ping of 126 bytes': frame(kPing, 'x'.repeat(126)),
    'a close of 126 bytes': frame(kClose, closePayload(1000, 'x'.repeat(124))),
    'a ping in fragments': frame(kPing, 'x', { fin: false }),
    'a close in fragments': frame(kClose, closePayload(1000), { fin: false }),
    'a continuation of nothing': frame(kContinuation, 'x'),
    'a new message inside a fragmented one': Buffer.concat([frame(kText, '42[', { fin: false }), frame(kText, heartbeat)]),
    'a binary message inside a fragmented text': Buffer.concat([frame(kText, '42[', { fin: false }), frame(kBinary, 'x')]),
    'a close of one byte': frame(kClose, 'x'),
    'close code 999': frame(kClose, closePayload(999)),
    'close code 1004': frame(kClose, closePayload(1004)),
    'close code 1005': frame(kClose, closePayload(1005)),
    'close code 1006': frame(kClose, closePayload(1006)),
    'close code 1015': frame(kClose, closePayload(1015)),
    'close code 2999': frame(kClose, closePayload(2999)),
    'close code 5000': frame(kClose, closePayload(5000)),
  };
  for (const [name, bytes] of Object.entries(protocolErrors)) {
    it(`close with 1002: ${name}`, async () => {
      const raw = await rawWebSocket(server());
      raw.write(bytes);
      await assertClosed(raw, 1002);
    });
  }

  const badTexts = {
    'an invalid byte': frame(kText, Buffer.from([0x34, 0x32, 0xff])),
    'an overlong form': frame(kText, Buffer.from([0x34, 0xc0, 0x80])),
    'a surrogate': frame(kText, Buffer.from([0x34, 0xed, 0xa0, 0x80])),
    'more than U+10FFFF': frame(kText, Buffer.from([0x34, 0xf4, 0x90, 0x80, 0x80])),
    'a character that ends too early': frame(kText, Buffer.from([0x34, 0xe2, 0x82])),
    'a character that the next fragment does not finish': Buffer.concat([
      frame(kText, Buffer.from([0x34, 0xe2, 0x82]), { fin: false }), frame(kContinuation, 'x')]),
    'a close reason that is no text': frame(kClose, Buffer.from([0x03, 0xe8, 0xff])),
  };
  for (const [name, bytes] of Object.entries(badTexts)) {
    it(`close with 1007: ${name}`, async () => {
      const raw = await rawWebSocket(server());
      raw.write(bytes);
      await assertClosed(raw, 1007);
    });
  }

  it('close with 1009 before an oversized payload is read', async () => {
    for (const declared of [1001n, 70000n, 1n << 40n, (1n << 62n) + 5n]) {
      const raw = await rawWebSocket(server(), { path: '/small/?EIO=4&transport=websocket' });
      raw.write(frame(kText, '42', { length: declared }));
      await assertClosed(raw, 1009);
    }
  });

  it('close with 1009 when fragments add up to too much', async () => {
    const raw = await rawWebSocket(server(), { path: '/small/?EIO=4&transport=websocket' });
    raw.write(frame(kText, '42["heartbeat","', { fin: false }));
    for (let i = 0; i < 11; i++) raw.write(frame(kContinuation, 'x'.repeat(100), { fin: false }));
    await assertClosed(raw, 1009);
  });

  it('close when a 64-bit length has its top bit set', async () => {
    const raw = await rawWebSocket(server());
    raw.write(frame(kText, 'x', { length: 1n << 63n }));
    const { code } = await raw.closing();
    assert.ok(code === 1002 || code === 1009, `${code}`);
  });
});

suite('the close handshake', {}, (server) => {
  it('echoes the code and ends the connection', async () => {
    for (const code of [1000, 1001, 1003, 1008, 1011, 3000, 4999]) {
      const raw = await rawWebSocket(server());
      raw.write(frame(kClose, closePayload(code, 'bye')));
      await assertClosed(raw, code);
    }
  });

  it('answers an empty close', async () => {
    const raw = await rawWebSocket(server());
    raw.write(frame(kClose));
    const { code } = await raw.closing();
    assert.ok(code === null || code === 1000, `${code}`);
  });

  it('is the last frame, whatever comes in the same segment', async () => {
    const raw = await rawWebSocket(server());
    raw.write(Buffer.concat([frame(kText, heartbeat), frame(kPing, 'p'), frame(kText, heartbeat),
      frame(kClose, closePayload(1000)), frame(kText, heartbeat), frame(kPing, 'late')]));
    const { code, messages } = await raw.closing();
    assert.equal(code, 1000);
    assert.ok(!messages.includes('late'));
  });

  it('of one connection leaves the others alone', async () => {
    const other = await rawWebSocket(server());
    const raw = await rawWebSocket(server());
    raw.write(frame(kText, heartbeat, { rsv: 1 }));
    await assertClosed(raw, 1002);
    await assertAlive(other);
  });

  it('is not needed: a half-closed TCP connection ends', async () => {
    const raw = await rawWebSocket(server());
    raw.socket.end();
    await raw.ended();
  });
});
