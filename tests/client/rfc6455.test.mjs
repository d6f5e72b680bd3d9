// RFC 6455, clause by clause: the handshake (4.2), framing (5) and closing (7), judged on raw bytes. Every case runs
// whole in one write, byte by byte, and in one segment together with the handshake request and other messages.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { describe, it } from 'node:test';
import { closePayload, frame, kBinary, kClose, kPatience, kPing, kPong, kText, request, suite, until } from './harness/index.mjs';
import { fragments, kContinuation, requestBytes, upgradeHeaders, Wire } from './harness/wire.mjs';

const kPath = '/engine.io/?EIO=4&transport=websocket';
const kSmallPath = '/small/?EIO=4&transport=websocket';
const kLimit = 1000000;
const kWays = ['whole', 'byte by byte', 'pipelined'];
const options = {
  workerCounts: [1],
  locations: `location /engine.io/ { mediasync_engine_echo rooms; }
    location /small/ { mediasync_engine_echo rooms; mediasync_max_payload 1000; }
    location /impatient/ { mediasync_engine_echo rooms; lingering_timeout 300ms; }`,
};

const text = (payload, more) => frame(kText, payload, more);
const binary = (payload, more) => frame(kBinary, payload, more);
const more = (payload, rest) => frame(kContinuation, payload, rest);
const hex = (digits) => Buffer.from(digits.replaceAll(' ', ''), 'hex');

async function assertFresh(server) {
  const wire = await Wire.websocket(server, { path: kPath });
  await wire.echo('4fresh');
  wire.write(frame(kClose, closePayload(1000)));
  assert.equal((await wire.closed({ answer: false })).code, 1000);
}

/** Opens a WebSocket in that way and sends `frames`. */
async function send(server, way, frames, path) {
  if (way === 'pipelined') {
    const wire = await Wire.open(server);
    wire.write(Buffer.concat([requestBytes({ path, headers: upgradeHeaders(server) }), text('4before'), ...frames]));
    assert.equal((await wire.head()).status, 101);
    return wire;
  }
  const wire = await Wire.websocket(server, { path });
  if (way === 'whole') wire.write(Buffer.concat(frames));
  else await wire.dribble(...frames);
  return wire;
}

/**
 * A case: `frames` are sent, `echoes` (texts and Buffers) and `pongs` must come back in order. `close` is the code that
 * the server must close with, a list of codes, or 'echo' for the payload of the client's own close; without it the
 * connection must go on. Is the server to close by itself, nothing else may come after a wrong frame.
 */
function wireCase(server, title, { frames, echoes = [], pongs = [], close, path = kPath, ways = kWays }) {
  for (const way of ways) {
    it(`${title}, ${way}`, async () => {
      const wire = await send(server(), way, frames, path);
      const expected = [...(way === 'pipelined' ? ['4before'] : []), ...echoes];
      if (close === undefined) {
        wire.write(Buffer.concat([text('4after'), frame(kPing, 'after')]));
        expected.push('4after');
        const answered = [...pongs, 'after'];
        const of = (...kinds) => wire.messages.filter((one) => kinds.includes(one.kind) && !one.text?.startsWith('0{'));
        const all = await wire.until('all echoes and pongs', () => of('pong').length >= answered.length &&
          of('text', 'binary').length >= expected.length);
        assert.ok(all, `the connection ended; ${wire.summary()}`);
        assertEchoes(of('text', 'binary'), expected);
        assertPongs(of('pong'), answered);
        wire.write(frame(kClose, closePayload(1000)));
        assert.equal((await wire.closed({ answer: false })).code, 1000);
        return;
      }
      const closing = await wire.closed({ answer: close !== 'echo' });
      if (close === 'echo') {
        const sent = frames.find((one) => (one[0] & 0xf) === kClose);
        const codes = sent.length < 8 ? [null, 1000] : [unmasked(sent).readUInt16BE(0)];
        assert.ok(codes.includes(closing.code), `closed with ${closing.code} instead of ${codes}`);
      } else {
        assert.ok([close].flat().includes(closing.code), `closed with ${closing.code} instead of ${close}`);
      }
      const got = wire.messages.filter((one) => one.kind === 'text' || one.kind === 'binary');
      if (got[0]?.text?.startsWith('0{')) got.shift();
      assertEchoes(got, expected);
      assertPongs(wire.messages.filter((one) => one.kind === 'pong'), pongs);
      if (close !== 'echo') await assertFresh(server());
    });
  }
}

function unmasked(bytes) {
  const key = bytes.subarray(2, 6);
  return Buffer.from(bytes.subarray(6).map((byte, i) => byte ^ key[i % 4]));
}

function assertEchoes(got, expected) {
  assert.equal(got.length, expected.length, `${got.map((one) => one.payload.subarray(0, 30)).join(' | ')}`);
  got.forEach((one, i) => {
    assert.equal(one.kind, typeof expected[i] === 'string' ? 'text' : 'binary');
    assert.ok(one.payload.equals(Buffer.from(expected[i])), `echo ${i} of ${one.payload.length} bytes differs`);
  });
}

function assertPongs(got, expected) {
  assert.deepEqual(got.map((one) => one.payload.toString('hex')), expected.map((one) => Buffer.from(one).toString('hex')));
}

// 4.2.1 and 4.2.2

suite('4.2 the opening handshake', options, (server) => {
  const headers = (changes) => upgradeHeaders(server(), changes);

  /** The answer to a handshake sent in each of the `ways`; after a refusal a fresh client works. */
  function handshake(title, make, check, ways = kWays) {
    for (const way of ways) {
      it(`${title}, ${way}`, async () => {
        const wire = await Wire.open(server());
        const bytes = requestBytes({ path: kPath, ...make() });
        if (way === 'whole') wire.write(bytes);
        else if (way === 'byte by byte') await wire.dribble(bytes);
        else wire.write(Buffer.concat([bytes, text('4early'), frame(kPing, 'early')]));
        const head = await wire.head();
        if (typeof check === 'function') check(head);
        else assert.ok([check].flat().includes(head.status), `answered ${head.status} instead of ${check}`);
        if (head.status === 101) {
          await wire.opened();
          if (way === 'pipelined') await wire.until('the early echo', () => wire.messages.some((one) => one.text === '4early'));
          await wire.echo('4hello');
        } else {
          assert.ok(head.status >= 400, `${head.status}`);
          assert.equal(head.headers['sec-websocket-accept'], undefined);
          wire.destroy();
          await assertFresh(server());
        }
        wire.destroy();
      });
    }
  }

  describe('that is right', { concurrency: 4 }, () => {
    handshake('is answered 101 with the accept key and nothing that was not asked for', () => ({ headers: headers() }), (head) => {
      assert.equal(head.version, 'HTTP/1.1');
      assert.equal(head.status, 101);
      assert.match(head.headers.upgrade, /^websocket$/i);
      assert.match(head.headers.connection, /^upgrade$/i);
      assert.equal(head.headers['sec-websocket-accept'], 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
      assert.equal(head.headers['sec-websocket-protocol'], undefined);
      assert.equal(head.headers['sec-websocket-extensions'], undefined);
      assert.equal(head.headers['content-length'], undefined);
      assert.equal(head.headers['transfer-encoding'], undefined);
    });
    const key = crypto.randomBytes(16).toString('base64');
    handshake('with another key gets another accept', () => ({ headers: headers({ 'Sec-WebSocket-Key': key }) }), (head) => {
      assert.equal(head.headers['sec-websocket-accept'],
        crypto.createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64'));
    });
    handshake('has its header names in lower case', () => ({ headers: headers().map(([name, value]) => [name.toLowerCase(), value]) }), 101);
    handshake('has its header names in upper case', () => ({ headers: headers().map(([name, value]) => [name.toUpperCase(), value]) }), 101);
    for (const Upgrade of ['WebSocket', 'WEBSOCKET', 'wEbSoCkEt', '   websocket  ']) {
      handshake(`with Upgrade: ${JSON.stringify(Upgrade)}`, () => ({ headers: headers({ Upgrade }) }), 101);
    }
    for (const Connection of ['upgrade', 'UPGRADE', 'keep-alive, Upgrade', 'keep-alive,Upgrade', 'Upgrade, keep-alive',
      'keep-alive ,\tupgrade , x', ', Upgrade', 'Upgrade,', 'foo, , bar,Upgrade,baz']) {
      handshake(`with Connection: ${JSON.stringify(Connection)}`, () => ({ headers: headers({ Connection }) }), 101);
    }
    handshake('with Connection in two lines', () => ({ headers: headers({ Connection: ['keep-alive', 'Upgrade'] }) }), 101);
    handshake('with Connection in two lines, the other way round', () => ({ headers: headers({ Connection: ['Upgrade', 'keep-alive'] }) }), 101);
    handshake('with an absolute request URI', () => ({ path: `http://127.0.0.1:${server().port}${kPath}`, headers: headers() }), 101);
    handshake('with cookies and headers that nobody knows', () => ({ headers: [['X-A', 'x'.repeat(2000)], ['Cookie', 'a=b; c=d'],
      ...headers(), ['Sec-WebSocket-Whatever', 'x'], ['User-Agent', '']] }), 101);
    handshake('that offers subprotocols gets none', () => ({ headers: headers({ 'Sec-WebSocket-Protocol': ['chat, superchat', 'x'] }) }), (head) => {
      assert.equal(head.status, 101);
      assert.equal(head.headers['sec-websocket-protocol'], undefined);
    });
    handshake('that offers extensions gets none', () => ({ headers: headers({
      'Sec-WebSocket-Extensions': ['permessage-deflate; client_max_window_bits', 'x-webkit-deflate-frame'] }) }), (head) => {
      assert.equal(head.status, 101);
      assert.equal(head.headers['sec-websocket-extensions'], undefined);
    });
    handshake('with the origin of this host', () => ({ headers: headers({ Origin: server().url }) }), 101);
  });

  describe('that is wrong', { concurrency: 4 }, () => {
    for (const name of ['Host', 'Upgrade', 'Connection', 'Sec-WebSocket-Key']) {
      handshake(`without ${name} is 400`, () => ({ headers: headers({ [name]: null }) }), 400);
    }
    for (const version of [null, '', '0', '8', '12', '14', '130', '1', '3', '13x', 'thirteen', '-13', '13, 8', '8, 13']) {
      handshake(`of version ${JSON.stringify(version)} is 426 with Sec-WebSocket-Version: 13`,
        () => ({ headers: headers({ 'Sec-WebSocket-Version': version }) }), (head) => {
          // A missing header is a malformed handshake (4.2.1: 400 is fitting); what does not match 13 is 4.2.2's 426.
          if (version === null || version === '') assert.ok(head.status === 426 || head.status === 400, `${head.status}`);
          else assert.equal(head.status, 426);
          if (head.status === 426) assert.match(head.headers['sec-websocket-version'] ?? 'none', /^13$/);
        });
    }
    for (const versions of [['13', '13'], ['13', '8'], ['8', '13']]) {
      handshake(`with Sec-WebSocket-Version ${versions.join(' and then ')} is refused`,
        () => ({ headers: headers({ 'Sec-WebSocket-Version': versions }) }), [400, 426]);
    }
    for (const Upgrade of ['', 'h2c', 'websocket2', 'web socket', 'websockets', 'xwebsocket', 'socket']) {
      handshake(`with Upgrade: ${JSON.stringify(Upgrade)} is 400`, () => ({ headers: headers({ Upgrade }) }), 400);
    }
    for (const Connection of ['', 'keep-alive', 'close', 'Upgraded', 'x-Upgrade', 'Up grade', 'keep-alive; Upgrade', 'Upgrade-Insecure-Requests']) {
      handshake(`with Connection: ${JSON.stringify(Connection)} is 400`, () => ({ headers: headers({ Connection }) }), 400);
    }
    const bytes = (size) => Buffer.alloc(size, 7).toString('base64');
    const keys = { 'of 15 bytes': bytes(15), 'of 17 bytes': bytes(17), 'of 18 bytes': bytes(18), 'of 0 bytes': '',
      'of 12 bytes': bytes(12), 'of 32 bytes': bytes(32), 'without padding': bytes(16).slice(0, 22), 'with one pad': bytes(16).slice(0, 23),
      'with a pad in the middle': `${bytes(16).slice(0, 10)}=${bytes(16).slice(11)}`, 'in base64url': '-_-_-_-_-_-_-_-_-_-_-w==',
      'with spaces': 'dGhlIHNhbXBs ZSBub25jZQ=', 'that is no base64': '!!!!!!!!!!!!!!!!!!!!!!==', 'that is huge': 'A'.repeat(3000),
      'with a third pad': `${bytes(16)}=`, 'that is two keys': `${bytes(16)}, ${bytes(16)}` };
    for (const [name, key] of Object.entries(keys)) {
      handshake(`with a key ${name} is 400`, () => ({ headers: headers({ 'Sec-WebSocket-Key': key }) }), 400);
    }
    handshake('with two keys is 400', () => ({ headers: headers({ 'Sec-WebSocket-Key': [bytes(16), bytes(16)] }) }), 400);
    handshake('with two other keys is 400', () => ({ headers: headers({ 'Sec-WebSocket-Key': ['dGhlIHNhbXBsZSBub25jZQ==', bytes(16)] }) }), 400);
    // Refused at that line: what is sent after it resets the connection, and may take the answer away.
    handshake('with two Host headers is 400', () => ({ headers: headers({ Host: ['localhost', 'other'] }) }), 400,
      ['whole', 'pipelined']);
    handshake('over HTTP/1.0 is refused', () => ({ version: 'HTTP/1.0', headers: headers() }), [400, 426, 505]);
    handshake('over HTTP/1.0 without Host is refused', () => ({ version: 'HTTP/1.0', headers: headers({ Host: null }) }), [400, 426, 505]);
    for (const method of ['POST', 'PUT', 'HEAD', 'DELETE', 'OPTIONS', 'PATCH']) {
      handshake(`by ${method} is refused`, () => ({ method, headers: [...headers(), ['Content-Length', '0']] }), (head) => {
        assert.notEqual(head.status, 101);
        if (method !== 'OPTIONS') return;
        head.status = 400; // a preflight may have any answer but 101
      });
    }
    handshake('of a foreign origin is 403', () => ({ headers: headers({ Origin: 'https://evil.example' }) }), 403);
  });

  it('may be tried again on the same connection after a refusal', async () => {
    const wire = await Wire.open(server());
    wire.write(requestBytes({ path: kPath, headers: headers({ 'Sec-WebSocket-Version': '8' }) }));
    assert.equal((await wire.head()).status, 426);
    wire.destroy();
    await assertFresh(server());
  });

  it('that never ends its headers is only a waiting connection', async () => {
    const wire = await Wire.open(server());
    wire.write(requestBytes({ path: kPath, headers: headers() }).subarray(0, -2));
    await assertFresh(server());
    wire.socket.resetAndDestroy();
    await assertFresh(server());
  });
});

// 5.1 to 5.3

suite('5.1 to 5.3 masks, bits and lengths', options, (server) => {
  describe('masks', { concurrency: 4 }, () => {
    const unmaskedFrames = { text: text('4x', { mask: false }), 'empty text': text('', { mask: false }), binary: binary('x', { mask: false }),
      ping: frame(kPing, 'x', { mask: false }), pong: frame(kPong, '', { mask: false }), close: frame(kClose, closePayload(1000), { mask: false }),
      'empty close': frame(kClose, '', { mask: false }) };
    for (const [name, bytes] of Object.entries(unmaskedFrames)) {
      wireCase(server, `an unmasked ${name} is 1002`, { frames: [bytes], close: 1002 });
    }
    wireCase(server, 'an unmasked continuation is 1002', { frames: [text('4x', { fin: false }), more('y', { mask: false })], close: 1002 });
    wireCase(server, 'an unmasked text after a good one is 1002', { frames: [text('4good'), text('4x', { mask: false })], echoes: ['4good'], close: 1002 });
    // The mask is of the client's choosing; all zeros and all ones are masks as well.
    for (const key of ['00000000', 'ffffffff', '80008000', '01020304']) {
      const mask = hex(key);
      const payload = Buffer.from('4mask of my own, 17');
      const bytes = Buffer.concat([Buffer.from([0x81, 0x80 | payload.length]), mask, Buffer.from(payload.map((byte, i) => byte ^ mask[i % 4]))]);
      wireCase(server, `the mask ${key} is taken off`, { frames: [bytes], echoes: [payload.toString()] });
    }
  });

  describe('reserved bits', { concurrency: 4 }, () => {
    for (let rsv = 1; rsv < 8; rsv++) {
      wireCase(server, `rsv ${rsv} on a text is 1002`, { frames: [text('4x', { rsv })], close: 1002 });
      wireCase(server, `rsv ${rsv} on a ping is 1002`, { frames: [frame(kPing, 'x', { rsv })], close: 1002 });
      wireCase(server, `rsv ${rsv} on a continuation is 1002`, { frames: [text('4x', { fin: false }), more('y', { rsv })], close: 1002 });
    }
    for (const rsv of [4, 2, 1]) {
      wireCase(server, `rsv ${rsv} on a binary is 1002`, { frames: [binary('x', { rsv })], close: 1002 });
      wireCase(server, `rsv ${rsv} on a pong is 1002`, { frames: [frame(kPong, '', { rsv })], close: 1002 });
      wireCase(server, `rsv ${rsv} on a close is 1002`, { frames: [frame(kClose, closePayload(1000), { rsv })], close: 1002 });
    }
    wireCase(server, 'rsv 4 on an empty text is 1002', { frames: [text('4a'), frame(kPing, 'p'), text('', { rsv: 4 })], echoes: ['4a'], pongs: ['p'], close: 1002 });
  });

  describe('opcodes', { concurrency: 4 }, () => {
    for (const opcode of [3, 4, 5, 6, 7, 11, 12, 13, 14, 15]) {
      wireCase(server, `opcode ${opcode} is 1002`, { frames: [frame(opcode, 'x')], close: 1002 });
      wireCase(server, `opcode ${opcode} without payload is 1002`, { frames: [text('4a'), frame(opcode), text('4b')], echoes: ['4a'], close: 1002 });
    }
    wireCase(server, 'opcode 3 without fin is 1002', { frames: [frame(3, 'x', { fin: false })], close: 1002 });
    wireCase(server, 'opcode 3 inside a fragmented message is 1002', { frames: [text('4x', { fin: false }), frame(3, 'x')], close: 1002 });
  });

  describe('lengths', { concurrency: 2 }, () => {
    for (const size of [1, 2, 124, 125, 126, 127, 128, 1000, 4095, 4096, 65534, 65535, 65536, 65537, 131072]) {
      const payload = `4${'abcdefghij'.repeat(Math.ceil(size / 10))}`.slice(0, size);
      wireCase(server, `a text of ${size} bytes`, { frames: [text(payload)], echoes: [payload] });
      const bytes = crypto.randomBytes(size);
      wireCase(server, `a binary of ${size} bytes`, { frames: [binary(bytes)], echoes: [bytes] });
    }
    wireCase(server, 'a binary of no bytes', { frames: [binary('')], echoes: [Buffer.alloc(0)] });
    const huge = crypto.randomBytes(kLimit);
    wireCase(server, 'a binary of the limit', { frames: [binary(huge)], echoes: [huge] });
    const letters = `4${'z'.repeat(kLimit - 1)}`;
    wireCase(server, 'a text of the limit', { frames: [text(letters)], echoes: [letters] });
    wireCase(server, 'a text of the limit, smaller', { path: kSmallPath, frames: [text(letters.slice(0, 1000))], echoes: [letters.slice(0, 1000)] });
    wireCase(server, 'three of the limit at once', { frames: [binary(huge), binary(huge), binary(huge)], echoes: [huge, huge, huge] });

    // No text is an Engine.IO packet of length 0: that is for Engine.IO to judge, the frame itself is right.
    wireCase(server, 'a text of no bytes is no error of the protocol', { frames: [text('')], close: [null, 1000, 1003, 1008] });
  });

  describe('lengths in more bytes than needed', { concurrency: 4 }, () => {
    for (const [size, lengthBytes] of [[0, 3], [1, 3], [125, 3], [0, 9], [125, 9], [126, 9], [65535, 9]]) {
      const payload = `4${'x'.repeat(65535)}`.slice(0, size);
      wireCase(server, `a text of ${size} bytes in ${lengthBytes - 1} is 1002`, { frames: [text(payload, { lengthBytes })], close: 1002 });
    }
    wireCase(server, 'a ping of 5 bytes in 2 is 1002', { frames: [frame(kPing, 'hello', { lengthBytes: 3 })], close: 1002 });
    wireCase(server, 'a close of 2 bytes in 8 is 1002', { frames: [frame(kClose, closePayload(1000), { lengthBytes: 9 })], close: 1002 });
    wireCase(server, 'a continuation of 5 bytes in 2 is 1002', { frames: [text('4', { fin: false }), more('hello', { lengthBytes: 3 })], close: 1002 });
  });

  describe('lengths that are impossible or too much', { concurrency: 4 }, () => {
    for (const length of [1n << 63n, (1n << 64n) - 1n, (1n << 63n) + 5n]) {
      wireCase(server, `a text of 0x${length.toString(16)} bytes, the top bit set, is 1002`, { frames: [text('4x', { length })], close: 1002 });
      wireCase(server, `a binary of 0x${length.toString(16)} bytes, the top bit set, is 1002`, { frames: [binary('', { length })], close: 1002 });
    }
    for (const length of [BigInt(kLimit) + 1n, 1n << 31n, (1n << 32n) - 1n, 1n << 32n, (1n << 32n) + 4n, 1n << 62n, (1n << 63n) - 1n]) {
      wireCase(server, `a text of 0x${length.toString(16)} bytes is 1009 before it is read`, { frames: [text('4x', { length })], close: 1009 });
    }
    wireCase(server, 'a binary of the limit and one is 1009', { frames: [binary('', { length: kLimit + 1 })], close: 1009 });
    wireCase(server, 'a text of 1001 bytes where 1000 are taken is 1009', { path: kSmallPath, frames: [text(`4${'x'.repeat(1000)}`)], close: 1009 });
    wireCase(server, 'a text of 65535 bytes where 1000 are taken is 1009', { path: kSmallPath, frames: [text('4', { length: 65535 })], close: 1009 });
    wireCase(server, 'fragments of 1000 bytes where 1000 are taken', { path: kSmallPath,
      frames: fragments(kText, letters(1000), [1, 500, 500, 999, 1000]), echoes: [letters(1000)] });
    wireCase(server, 'fragments of 1001 bytes where 1000 are taken are 1009', { path: kSmallPath, frames: fragments(kText, letters(1001), [1000]), close: 1009 });
    wireCase(server, 'a fragment too many is 1009 before it is read', { path: kSmallPath,
      frames: [text(letters(600), { fin: false }), more('x', { length: 401, fin: false })], close: 1009 });
    wireCase(server, 'fragments that overflow 64 bits together are 1009', { path: kSmallPath,
      frames: [text(letters(600), { fin: false }), more('x', { length: (1n << 63n) - 600n, fin: false })], close: 1009 });
    wireCase(server, 'pings do not count to the limit', { path: kSmallPath,
      frames: [text(letters(900), { fin: false }), frame(kPing, 'p'.repeat(125)), frame(kPing, 'q'.repeat(125)), more('x'.repeat(100))],
      pongs: ['p'.repeat(125), 'q'.repeat(125)], echoes: [letters(900) + 'x'.repeat(100)] });
    wireCase(server, 'the limit is of each message', { path: kSmallPath,
      frames: [text(letters(1000)), text(letters(1000)), binary(Buffer.alloc(1000))], echoes: [letters(1000), letters(1000), Buffer.alloc(1000)] });
  });

  function letters(size) { return `4${'x'.repeat(size - 1)}`; }
});

// 5.4

suite('5.4 fragmentation', options, (server) => {
  describe('that is right', { concurrency: 4 }, () => {
    wireCase(server, 'a text in two', { frames: [text('4ab', { fin: false }), more('cd')], echoes: ['4abcd'] });
    wireCase(server, 'a text in single bytes', { frames: fragments(kText, '4single bytes', [...Array(12).keys()].map((i) => i + 1)), echoes: ['4single bytes'] });
    wireCase(server, 'a binary in three', { frames: fragments(kBinary, 'abcdef', [2, 4]), echoes: [Buffer.from('abcdef')] });
    wireCase(server, 'with empty fragments at the start, between and at the end', {
      frames: [text('', { fin: false }), more('4a', { fin: false }), more('', { fin: false }), more('', { fin: false }), more('b', { fin: false }), more('')], echoes: ['4ab'] });
    wireCase(server, 'a binary of empty fragments only', { frames: [binary('', { fin: false }), more('', { fin: false }), more('')], echoes: [Buffer.alloc(0)] });
    wireCase(server, 'with pings and pongs in between', {
      frames: [text('4a', { fin: false }), frame(kPing, 'one'), frame(kPong, 'unasked'), more('b', { fin: false }), frame(kPing, ''), frame(kPing, 'three'), more('c')],
      pongs: ['one', '', 'three'], echoes: ['4abc'] });
    wireCase(server, 'with a ping after every byte', {
      frames: fragments(kText, '4interleaved', [...Array(11).keys()].map((i) => i + 1)).flatMap((one, i) => [one, frame(kPing, `${i}`)]),
      pongs: [...Array(12).keys()].map(String), echoes: ['4interleaved'] });
    wireCase(server, 'of one message after the other', {
      frames: [...fragments(kText, '4first', [3]), ...fragments(kBinary, 'second', [1, 2]), text('4third'), ...fragments(kText, '4fourth', [0, 6])],
      echoes: ['4first', Buffer.from('second'), '4third', '4fourth'] });
    wireCase(server, 'a large text in odd pieces', { frames: fragments(kText, `4${'0123456789'.repeat(20000)}`, [1, 126, 252, 65788, 131324]),
      echoes: [`4${'0123456789'.repeat(20000)}`] });
    wireCase(server, 'a text in 2000 fragments', { frames: fragments(kText, `4${'y'.repeat(1999)}`, [...Array(1999).keys()].map((i) => i + 1)),
      echoes: [`4${'y'.repeat(1999)}`], ways: ['whole', 'pipelined'] });
    it('a message that waits for its end holds no other connection up', async () => {
      const wire = await Wire.websocket(server(), { path: kPath });
      wire.write(text('4unfinished', { fin: false }));
      await assertFresh(server());
      wire.write(more(' business'));
      await wire.message((one) => one.text === '4unfinished business');
      wire.destroy();
    });
    wireCase(server, 'a close inside a fragmented message closes', { frames: [text('4a', { fin: false }), frame(kClose, closePayload(1001, 'gone'))], close: 'echo' });
  });

  describe('that is wrong', { concurrency: 4 }, () => {
    for (const fin of [true, false]) {
      const end = fin ? '' : ' without fin';
      wireCase(server, `a continuation of nothing${end} is 1002`, { frames: [more('x', { fin })], close: 1002 });
      wireCase(server, `an empty continuation of nothing${end} is 1002`, { frames: [more('', { fin })], close: 1002 });
      wireCase(server, `a continuation after a whole message${end} is 1002`, { frames: [text('4a'), more('b', { fin }), text('4c')], echoes: ['4a'], close: 1002 });
      wireCase(server, `a continuation after the last fragment${end} is 1002`, { frames: [text('4a', { fin: false }), more('b'), more('c', { fin })], echoes: ['4ab'], close: 1002 });
      wireCase(server, `a text within a fragmented text${end} is 1002`, { frames: [text('4a', { fin: false }), text('4b', { fin })], close: 1002 });
      wireCase(server, `a binary within a fragmented text${end} is 1002`, { frames: [text('4a', { fin: false }), binary('b', { fin })], close: 1002 });
      wireCase(server, `a text within a fragmented binary${end} is 1002`, { frames: [binary('a', { fin: false }), more('b', { fin: false }), text('4b', { fin })], close: 1002 });
      wireCase(server, `a text after a first fragment of no bytes${end} is 1002`, { frames: [text('', { fin: false }), text('4b', { fin })], close: 1002 });
    }
    wireCase(server, 'a text within a fragmented text after a ping is 1002', { frames: [text('4a', { fin: false }), frame(kPing, 'p'), text('4b')], pongs: ['p'], close: 1002 });
  });
});

// 5.5

suite('5.5 control frames', options, (server) => {
  describe('that are right', { concurrency: 4 }, () => {
    for (const payload of ['', 'x', 'hello', 'y'.repeat(124), 'z'.repeat(125), hex('00 ff fe fd fc fb 80 c0'), '0{"sid":"x"}']) {
      wireCase(server, `a ping of ${payload.length} bytes comes back`, { frames: [frame(kPing, payload)], pongs: [payload] });
    }
    const many = [...Array(50).keys()].map((i) => `ping ${i}`);
    wireCase(server, 'fifty pings', { frames: many.map((one) => frame(kPing, one)), pongs: many });
    const crowd = [...Array(2000).keys()].map((i) => `${i}`.padEnd(i % 126, '.').slice(0, 125));
    wireCase(server, 'two thousand pings at once', { frames: crowd.map((one) => frame(kPing, one)), pongs: crowd, ways: ['whole', 'pipelined'] });
    wireCase(server, 'pings among messages', { frames: [frame(kPing, 'a'), text('4one'), frame(kPing, 'b'), binary('two'), text('4three'), frame(kPing, 'c')],
      pongs: ['a', 'b', 'c'], echoes: ['4one', Buffer.from('two'), '4three'] });
    wireCase(server, 'pongs that nobody asked for', { frames: [frame(kPong), frame(kPong, 'x'), frame(kPong, 'y'.repeat(125)), text('4a'), frame(kPong, hex('ff'))], echoes: ['4a'] });
    wireCase(server, 'a pong that looks like a ping of ours', { frames: [frame(kPong, 'a'), frame(kPing, 'a'), frame(kPong, 'a')], pongs: ['a'] });
    wireCase(server, 'a ping before the close', { frames: [frame(kPing, 'last'), frame(kClose, closePayload(1000))], pongs: ['last'], close: 'echo' });
  });

  describe('that are wrong', { concurrency: 4 }, () => {
    for (const [name, opcode] of [['ping', kPing], ['pong', kPong], ['close', kClose]]) {
      const payload = (size) => opcode === kClose ? closePayload(1000, 'x'.repeat(size - 2)) : 'x'.repeat(size);
      wireCase(server, `a ${name} of 126 bytes is 1002`, { frames: [frame(opcode, payload(126))], close: 1002 });
      wireCase(server, `a ${name} of 65536 bytes is 1002`, { frames: [frame(opcode, payload(65536))], close: 1002 });
      wireCase(server, `a ${name} of 126 bytes is 1002 before it is read`, { frames: [frame(opcode, '', { length: 126 })], close: 1002 });
      wireCase(server, `a ${name} of 2^62 bytes is 1002`, { frames: [frame(opcode, '', { length: 1n << 62n })], close: 1002 });
      wireCase(server, `a ${name} without fin is 1002`, { frames: [frame(opcode, payload(5), { fin: false })], close: 1002 });
      wireCase(server, `a ${name} without fin and payload is 1002`, { frames: [frame(opcode, '', { fin: false })], close: 1002 });
      wireCase(server, `a ${name} in two fragments is 1002`, { frames: [frame(opcode, payload(5), { fin: false }), more('x')], close: 1002 });
      wireCase(server, `a ${name} without fin inside a message is 1002`, { frames: [text('4a', { fin: false }), frame(opcode, payload(3), { fin: false })], close: 1002 });
    }
  });
});

// 5.6 and 8.1

suite('5.6 and 8.1 texts are UTF-8', options, (server) => {
  const valid = { 'one byte': '00 01 7f', 'two bytes': 'c2 80 df bf', 'three bytes': 'e0 a0 80 ef bf bf', 'around the surrogates': 'ed 9f bf ee 80 80',
    'four bytes': 'f0 90 80 80 f4 8f bf bf', 'no characters': 'ef b7 90 ef bf be f0 9f bf be', 'a byte order mark': 'ef bb bf 61', 'a separator of payloads': '61 1e 62',
    'Greek': 'ce ba e1 bd b9 cf 83 ce bc ce b5', 'a flag and a family': 'f0 9f 87 a9 f0 9f 87 aa f0 9f 91 a8 e2 80 8d f0 9f 91 a9' };
  const invalid = { 'a lone continuation byte 80': '80', 'a lone continuation byte bf': 'bf', 'byte c0': 'c0 80', 'byte c1': 'c1 bf', 'byte f5': 'f5 80 80 80', 'byte f8': 'f8 88 80 80 80',
    'byte fc': 'fc 84 80 80 80 80', 'byte fe': 'fe', 'byte ff': 'ff', 'an overlong slash in 2': 'c0 af', 'an overlong slash in 3': 'e0 80 af', 'an overlong slash in 4': 'f0 80 80 af',
    'the largest overlong in 3': 'e0 9f bf', 'the largest overlong in 4': 'f0 8f bf bf', 'the first surrogate': 'ed a0 80', 'the last surrogate': 'ed bf bf', 'a pair of surrogates': 'ed a0 bd ed b8 80',
    'U+110000': 'f4 90 80 80', 'U+13FFFF': 'f4 bf bf bf', 'a lead of 2 before a letter': 'c3 61', 'a lead of 3 before a letter': 'e2 82 61', 'a lead of 4 before a letter': 'f0 9f 98 61',
    'a lead before a lead': 'e2 e2 82 ac', 'a continuation too much': 'c3 a4 80' };
  const unfinished = { 'two bytes': 'c3', 'three bytes after 1': 'e2', 'three bytes after 2': 'e2 82', 'four bytes after 1': 'f0', 'four bytes after 2': 'f0 9f', 'four bytes after 3': 'f0 9f 98' };

  describe('valid', { concurrency: 4 }, () => {
    for (const [name, digits] of Object.entries(valid)) {
      const payload = Buffer.concat([Buffer.from('4'), hex(digits), Buffer.from('.')]);
      const echoes = [payload.toString()];
      wireCase(server, `${name} in a frame`, { frames: [text(payload)], echoes });
      wireCase(server, `${name} in fragments of a byte`, { frames: fragments(kText, payload, [...payload.keys()].slice(1)), echoes });
      for (let cut = 2; cut < payload.length - 1; cut++) {
        wireCase(server, `${name} cut after byte ${cut}, a ping between`, { ways: ['whole'],
          frames: fragments(kText, payload, [cut]).flatMap((one, i) => i === 0 ? [one, frame(kPing, hex('ff'))] : [one]), pongs: [hex('ff')], echoes });
      }
    }
    it('and cut into TCP segments at every byte of a long text', async () => {
      const payload = `4${'aé€😀'.repeat(40)}`;
      const bytes = text(payload);
      const wire = await Wire.websocket(server(), { path: kPath });
      for (let cut = 1; cut < bytes.length; cut += 7) {
        wire.write(bytes.subarray(0, cut));
        await new Promise((resolve) => setImmediate(resolve));
        wire.write(bytes.subarray(cut));
        await wire.message((one) => one.text === payload);
      }
      wire.destroy();
    });
    wireCase(server, 'is not asked of binaries', { frames: [binary(hex('34 ff c0 80 ed a0 80')), ...fragments(kBinary, hex('f4 90 80 80'), [1, 2])],
      echoes: [hex('34 ff c0 80 ed a0 80'), hex('f4 90 80 80')] });
    wireCase(server, 'starts anew with each message', { frames: [...fragments(kText, '4ä', [2]), text('4ö'), ...fragments(kText, '4😀', [2, 3, 4])], echoes: ['4ä', '4ö', '4😀'] });
  });

  describe('invalid', { concurrency: 4 }, () => {
    for (const [name, digits] of Object.entries(invalid)) {
      const bytes = Buffer.concat([Buffer.from('4ok '), hex(digits), Buffer.from(' more')]);
      wireCase(server, `${name} is 1007`, { frames: [text(bytes)], close: 1007 });
      wireCase(server, `${name} in fragments of a byte is 1007`, { frames: fragments(kText, bytes, [...bytes.keys()].slice(1)), close: 1007 });
      wireCase(server, `${name} at the end is 1007`, { frames: [text('4good'), text(Buffer.concat([Buffer.from('4'), hex(digits)]))], echoes: ['4good'], close: 1007 });
      wireCase(server, `${name} is 1007 before the message is whole`, { frames: [text(bytes, { fin: false })], close: 1007 });
    }
    for (const [name, digits] of Object.entries(unfinished)) {
      const bytes = Buffer.concat([Buffer.from('4'), hex(digits)]);
      wireCase(server, `an end inside a character of ${name} is 1007`, { frames: [text(bytes)], close: 1007 });
      wireCase(server, `an end inside a character of ${name}, in fragments, is 1007`, { frames: fragments(kText, bytes, [1]), close: 1007 });
      wireCase(server, `an end by an empty fragment inside a character of ${name} is 1007`, { frames: fragments(kText, bytes, [bytes.length]), close: 1007 });
      wireCase(server, `a character of ${name} that the next fragment does not finish is 1007`, { frames: [text(bytes, { fin: false }), more('x', { fin: false })], close: 1007 });
    }
    // The first bytes that make a sequence impossible are enough, none of the rest need come.
    for (const start of ['c0', 'c1', 'e0 80', 'e0 9f', 'ed a0', 'ed bf', 'f0 80', 'f0 8f', 'f4 90', 'f5', 'ff', 'e2 28', 'f0 9f 28', 'f0 9f 98 28']) {
      wireCase(server, `${start} is 1007 at once in an open message`, { frames: [text('4', { fin: false }), more(hex(start), { fin: false })], close: 1007 });
      wireCase(server, `${start} is 1007 at once in an open frame`, { frames: [text(Buffer.concat([Buffer.from('4'), hex(start)]), { length: 70000 })], close: 1007 });
    }
  });

  it('a sequence that is possible still is waited for', async () => {
    for (const start of ['c3', 'e0 a0', 'e2', 'ed 9f', 'f0 90', 'f4 8f', 'f0 9f 98']) {
      const wire = await Wire.websocket(server(), { path: kPath });
      wire.write(text(Buffer.concat([Buffer.from('4'), hex(start)]), { fin: false }));
      wire.write(frame(kPing, start));
      const { payload } = await wire.message((one) => one.kind === 'pong');
      assert.equal(payload.toString(), start);
      assert.equal(wire.closing, undefined);
      wire.destroy();
    }
  });
});

// 5.5.1 and 7

suite('7 closing', options, (server) => {
  describe('by the client', { concurrency: 4 }, () => {
    for (const code of [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999]) {
      wireCase(server, `code ${code} is echoed`, { frames: [frame(kClose, closePayload(code))], close: 'echo' });
    }
    wireCase(server, 'without a code', { frames: [frame(kClose)], close: 'echo' });
    wireCase(server, 'with a reason', { frames: [frame(kClose, closePayload(1000, 'bye'))], close: 'echo' });
    wireCase(server, 'with a reason of any script', { frames: [frame(kClose, closePayload(1000, 'auf Wiederhören 👋'))], close: 'echo' });
    wireCase(server, 'with a reason of 123 bytes', { frames: [frame(kClose, closePayload(4000, 'x'.repeat(123)))], close: 'echo' });
    wireCase(server, 'after messages, which are answered before', { frames: [text('4a'), binary('b'), frame(kPing, 'p'), frame(kClose, closePayload(1000))],
      echoes: ['4a', Buffer.from('b')], pongs: ['p'], close: 'echo' });
    wireCase(server, 'and whatever follows is ignored', { frames: [frame(kClose, closePayload(1000)), text('4late'), frame(kPing, 'late'), frame(kClose, closePayload(1001))], close: 'echo' });
    wireCase(server, 'and nonsense that follows is ignored', { frames: [frame(kClose, closePayload(3333)), frame(3, 'x', { mask: false, rsv: 7 }), Buffer.from('GET / HTTP/1.1\r\n\r\n')], close: 'echo' });
    for (const code of [1012, 1013, 1014]) {
      wireCase(server, `code ${code}, which IANA has registered since, is echoed or 1002`, { frames: [frame(kClose, closePayload(code))], close: [code, 1002] });
    }
  });

  describe('by the client, wrongly', { concurrency: 4 }, () => {
    for (const code of [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 1999, 2000, 2500, 2999, 5000, 5001, 32768, 65535]) {
      wireCase(server, `code ${code} is 1002`, { frames: [frame(kClose, closePayload(code))], close: 1002 });
    }
    for (const code of [1006, 2999]) {
      wireCase(server, `code ${code} with a reason is 1002`, { frames: [text('4a'), frame(kClose, closePayload(code, 'because'))], echoes: ['4a'], close: 1002 });
    }
    wireCase(server, 'a payload of one byte is 1002', { frames: [frame(kClose, hex('03'))], close: 1002 });
    for (const digits of ['ff', 'c0 80', '61 ed a0 80', 'e2 82', '61 f0 9f 98', '61 80 62', 'f4 90 80 80']) {
      wireCase(server, `a reason with ${digits} is 1007`, { frames: [frame(kClose, Buffer.concat([closePayload(1000), hex(digits)]))], close: 1007 });
    }
    wireCase(server, 'a code in a bad case and bytes after it', { frames: [frame(kClose, closePayload(999)), text('4late'), frame(kPing, 'late')], close: 1002 });
  });

  it('every code from 0 to 5001 that is not for use on the wire is 1002', async () => {
    const good = (code) => (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
    const codes = [...Array(5002).keys()].filter((code) => !good(code) && (code < 3 || code % 97 === 0 || (code > 990 && code < 1025) || code > 4990));
    for (let i = 0; i < codes.length; i += 8) {
      await Promise.all(codes.slice(i, i + 8).map(async (code) => {
        const wire = await send(server(), 'pipelined', [frame(kClose, closePayload(code))], kPath);
        assert.equal((await wire.closed()).code, 1002, `close code ${code}`);
      }));
    }
  });

  it('the server ends TCP at once after the close handshake, whoever began it', async () => {
    for (const begin of [frame(kClose, closePayload(1000)), frame(kClose), text('4x', { rsv: 2 })]) {
      const wire = await Wire.websocket(server(), { path: kPath });
      const start = Date.now();
      wire.write(begin);
      await wire.closed();
      assert.ok(Date.now() - start < 2000, `${Date.now() - start} ms`);
    }
  });

  it('the server ends TCP before the client does', async () => {
    const wire = await Wire.websocket(server(), { path: kPath });
    wire.socket.allowHalfOpen = true;
    wire.write(frame(kClose, closePayload(1000)));
    assert.equal((await wire.closed({ answer: false })).code, 1000);
    assert.equal(wire.problem, null, 'ended in order');
    wire.destroy();
  });

  it('a client that does not answer the close frame is let go of', async () => {
    const wire = await Wire.websocket(server(), { path: '/impatient/?EIO=4&transport=websocket' });
    wire.write(text('4x', { rsv: 2 }));
    await wire.until('the close frame', () => wire.closing);
    assert.equal(wire.closing.code, 1002);
    await wire.end();
  });

  it('a client that goes on sending after the close frame is let go of, and its bytes do no harm', async () => {
    const wire = await Wire.websocket(server(), { path: '/impatient/?EIO=4&transport=websocket' });
    wire.write(text('4x', { rsv: 2 }));
    await wire.until('the close frame', () => wire.closing);
    for (let i = 0; i < 200 && !wire.ended; i++) {
      wire.write(binary(Buffer.alloc(60000)));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await wire.end();
    assert.equal(wire.messages.filter((one) => one.kind === 'binary').length, 0);
    await assertFresh(server());
  });

  it('the close frame arrives although much more was sent than is read', async () => {
    const wire = await Wire.websocket(server(), { path: kPath });
    wire.write(Buffer.concat([text('4x', { mask: false }), binary(Buffer.alloc(900000)), binary(Buffer.alloc(900000))]));
    assert.equal((await wire.closed()).code, 1002);
  });

  describe('without a close frame', () => {
    const starts = { 'right after the handshake': [], 'after a message': [text('4a')], 'inside a frame header': [text('4abc').subarray(0, 1)],
      'inside an extended length': [binary(Buffer.alloc(70000)).subarray(0, 5)], 'inside a mask': [text('4abc').subarray(0, 4)], 'inside a payload': [text('4abcdef').subarray(0, 9)],
      'inside a fragmented message': [text('4a', { fin: false })], 'inside a ping': [frame(kPing, 'hello').subarray(0, 8)],
      'after a large message': [binary(Buffer.alloc(900000))] };
    for (const [name, bytes] of Object.entries(starts)) {
      it(`half-closed ${name}: the server ends the connection`, async () => {
        const wire = await Wire.websocket(server(), { path: kPath });
        wire.write(Buffer.concat(bytes));
        wire.socket.end();
        await wire.end();
        await assertFresh(server());
      });
      it(`reset ${name}: the server goes on`, async () => {
        const wire = await Wire.websocket(server(), { path: kPath });
        wire.write(Buffer.concat(bytes));
        await new Promise((resolve) => setImmediate(resolve));
        wire.socket.resetAndDestroy();
        await assertFresh(server());
      });
    }
    it('half-closed with a message and the handshake in one segment', async () => {
      const wire = await Wire.open(server());
      wire.socket.end(Buffer.concat([requestBytes({ path: kPath, headers: upgradeHeaders(server()) }), text('4a')]));
      await wire.end();
      await assertFresh(server());
    });
    it('reset before the answer to the handshake', async () => {
      for (let i = 0; i < 20; i++) {
        const wire = await Wire.open(server());
        wire.write(requestBytes({ path: kPath, headers: upgradeHeaders(server()) }));
        if (i % 2 === 0) await new Promise((resolve) => setImmediate(resolve));
        wire.socket.resetAndDestroy();
      }
      await assertFresh(server());
    });
    it('reset while the server writes much', async () => {
      for (let i = 0; i < 5; i++) {
        const wire = await Wire.websocket(server(), { path: kPath });
        wire.socket.pause();
        for (let k = 0; k < 8; k++) wire.write(binary(Buffer.alloc(500000)));
        await new Promise((resolve) => setTimeout(resolve, 20));
        wire.socket.resetAndDestroy();
      }
      await assertFresh(server());
    });
    it('reset right after the own close frame', async () => {
      for (let i = 0; i < 20; i++) {
        const wire = await Wire.websocket(server(), { path: kPath });
        wire.write(frame(kClose, closePayload(1000)));
        if (i % 2 === 0) await new Promise((resolve) => setImmediate(resolve));
        wire.socket.resetAndDestroy();
      }
      await assertFresh(server());
    });
  });

  it('of each kind leaves no connection behind', async () => {
    await server().closeClients();
    const status = async () => (await request(server(), { path: '/status' })).json();
    await until('the connections to be gone', async () => (await status()).connections === 0, 2 * kPatience);
  });
});
