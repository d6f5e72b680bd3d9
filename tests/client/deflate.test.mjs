// permessage-deflate (RFC 7692): what is negotiated, what compressed frames may look like, what they may cost, and that
// clients with and without it see the same.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import zlib from 'node:zlib';
import { describe, it } from 'node:test';
import WebSocket from 'ws';
import { checkConfiguration, close, closePayload, configuration, connect, deadline, enter, fence, frame, kBinary, kClose, kPatience,
  kPing, kPong, kText, open, Polling, received, request, suite, unique, upgraded, upgradeRequest, waitFor } from './harness/index.mjs';
import { deflate, fragments, inflate, kContinuation, requestBytes, upgradeHeaders, Wire } from './harness/wire.mjs';

const at = (path) => `${path}?EIO=4&transport=websocket`;
const echo = 'mediasync_engine_echo rooms;';
const kRsv1 = 4;
const kLimit = 1000000;
const locations = `
    location /engine.io/ { ${echo} mediasync_deflate on; }
    location /plain/ { ${echo} }
    location /off/ { ${echo} mediasync_deflate off; }
    location /every/ { ${echo} mediasync_deflate on; mediasync_deflate_min_length 1; mediasync_deflate_level 9; }
    location /narrow/ { ${echo} mediasync_deflate on; mediasync_deflate_min_length 1; mediasync_deflate_window 512; }
    location /small/ { ${echo} mediasync_deflate on; mediasync_max_payload 1000; }
    location /zip/ { mediasync rooms; mediasync_deflate on; mediasync_deflate_min_length 16; }
    location /zipsockets/ { mediasync_socket_echo rooms; mediasync_deflate on; mediasync_deflate_min_length 16; }`;
const options = { workerCounts: [1], locations };
const kOffer = 'permessage-deflate; client_max_window_bits';

const compressed = (payload, more) => frame(kText, deflate(payload), { rsv: kRsv1, ...more });
const compressedBinary = (payload, more) => frame(kBinary, deflate(payload), { rsv: kRsv1, ...more });
const random = (size) => crypto.randomBytes(size);
const letters = (size) => random(size).toString('hex').slice(0, size);

function parameters(answer) {
  const [name, ...all] = answer.split(';').map((one) => one.trim());
  assert.equal(name, 'permessage-deflate');
  const pairs = all.map((one) => one.split('=').map((half) => half.trim()));
  assert.equal(new Set(pairs.map(([key]) => key)).size, pairs.length, `parameters come once: ${answer}`);
  return Object.fromEntries(pairs.map(([key, value]) => [key, value ?? true]));
}

async function negotiate(server, offer, path = '/engine.io/') {
  const wire = await Wire.open(server);
  wire.write(requestBytes({ path: at(path), headers: upgradeHeaders(server, offer === undefined ? {} : { 'Sec-WebSocket-Extensions': offer }) }));
  const head = await wire.head();
  return { wire, status: head.status, answer: head.headers['sec-websocket-extensions'] };
}

const deflating = (server, path = '/engine.io/', extensions = kOffer) => Wire.websocket(server, { path: at(path), extensions });

async function assertFresh(server) {
  const wire = await deflating(server);
  const text = `4fresh ${'a'.repeat(2000)}`;
  wire.write(compressed(text));
  await wire.message((one) => one.text === text);
  wire.destroy();
}

suite('deflate: negotiation', options, (server) => {
  for (const path of ['/plain/', '/off/', '/socket.io/']) {
    it(`is off at ${path}: an offer gets no answer, and messages are as they were`, async () => {
      const { wire, status, answer } = await negotiate(server(), kOffer, path);
      assert.equal(status, 101);
      assert.equal(answer, undefined);
      wire.destroy();
    });
  }

  it('nothing offered, nothing answered', async () => {
    const { wire, answer } = await negotiate(server(), undefined);
    assert.equal(answer, undefined);
    await wire.opened();
    await wire.echo(`4${'a'.repeat(5000)}`);
    assert.equal(wire.messages.at(-1).compressed, false);
    wire.destroy();
  });

  // What is offered, and the check of the parameters that are answered.
  const accepted = {
    'permessage-deflate': null,
    'permessage-deflate; client_max_window_bits': null,
    'permessage-deflate; client_max_window_bits=15': null,
    'permessage-deflate; client_max_window_bits=9': null,
    'permessage-deflate; client_max_window_bits=8': null,
    'permessage-deflate; server_no_context_takeover': null,
    'permessage-deflate; client_no_context_takeover': null,
    'permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=15; client_max_window_bits=15': null,
    'permessage-deflate;server_no_context_takeover;client_max_window_bits': null,
    'permessage-deflate  ;  client_max_window_bits = 10': null,
    'permessage-deflate; server_max_window_bits=9': 9,
    'permessage-deflate; server_max_window_bits=10': 10,
    'permessage-deflate; server_max_window_bits=15': 15,
    'permessage-deflate; server_max_window_bits="12"': 12,
    'permessage-deflate; client_max_window_bits; server_max_window_bits=11': 11,
    'x-unknown, permessage-deflate': null,
    'x-webkit-deflate-frame; no_context_takeover, permessage-deflate; client_max_window_bits': null,
    'permessage-deflate; unknown, permessage-deflate': null,
    'permessage-deflate; server_max_window_bits=99, permessage-deflate; server_max_window_bits=10': 10,
    'permessage-deflate; server_max_window_bits=10, permessage-deflate': 10,
    'x-quoted; a="b", permessage-deflate; server_max_window_bits=13': 13,
  };
  for (const [offer, bits] of Object.entries(accepted)) {
    it(`accepts ${offer}`, async () => {
      const { wire, status, answer } = await negotiate(server(), offer, '/every/');
      assert.equal(status, 101);
      assert.ok(answer, 'accepted');
      const given = parameters(answer);
      assert.equal(given.server_no_context_takeover, true, answer);
      assert.equal(given.client_no_context_takeover, true, answer);
      if (bits !== null) {
        assert.match(given.server_max_window_bits ?? 'none', /^([89]|1[0-5])$/, answer);
        assert.ok(Number(given.server_max_window_bits) <= bits, answer);
      }
      if ('client_max_window_bits' in given) {
        assert.match(offer, /client_max_window_bits/, 'RFC 7692 7.1.2.2: only when it was offered');
        assert.match(given.client_max_window_bits, /^([89]|1[0-5])$/, answer);
        const bound = Number(/client_max_window_bits *= *(\d+)/.exec(offer)?.[1] ?? 15);
        assert.ok(Number(given.client_max_window_bits) <= bound, answer);
      }
      for (const name of Object.keys(given)) {
        assert.match(name, /^(server|client)_(no_context_takeover|max_window_bits)$/);
      }
      await wire.opened();
      // 40 KB with repetitions farther apart than any small window: inflate() fails if the server looks back too far.
      const text = `4${letters(20000).repeat(2)}`;
      wire.write(Buffer.concat([frame(kText, text), compressed(text, {}), frame(kText, '4ab')]));
      await wire.message((one) => one.text === text && one.compressed);
      await wire.message((one) => one.text === text && one.compressed);
      await wire.message((one) => one.text === '4ab');
      wire.destroy();
    });
  }

  const declined = ['permessage-deflate; unknown', 'permessage-deflate; unknown=1', 'permessage-deflate; server_max_window_bits', 'permessage-deflate; server_max_window_bits=',
    'permessage-deflate; server_max_window_bits=7', 'permessage-deflate; server_max_window_bits=16', 'permessage-deflate; server_max_window_bits=010', 'permessage-deflate; server_max_window_bits=1e1',
    'permessage-deflate; server_max_window_bits=-9', 'permessage-deflate; server_max_window_bits=4294967306', 'permessage-deflate; client_max_window_bits=7', 'permessage-deflate; client_max_window_bits=16',
    'permessage-deflate; client_max_window_bits=x', 'permessage-deflate; server_no_context_takeover=1', 'permessage-deflate; client_no_context_takeover=true',
    'permessage-deflate; server_no_context_takeover; server_no_context_takeover', 'permessage-deflate; client_max_window_bits; client_max_window_bits=10',
    'permessage-deflate; server_max_window_bits=10; server_max_window_bits=10', 'permessage-bzip2', 'x-permessage-deflate', 'permessage-deflate2', 'permessage', 'deflate'];
  for (const offer of declined) {
    it(`declines ${offer}`, async () => {
      const { wire, status, answer } = await negotiate(server(), offer);
      assert.equal(status, 101);
      assert.equal(answer, undefined);
      await wire.opened();
      await wire.echo('4without');
      wire.write(compressed('4x'));
      assert.equal((await wire.closed()).code, 1002);
    });
  }

  it('server_max_window_bits=8, which zlib cannot do, is declined or kept', async () => {
    const { wire, answer } = await negotiate(server(), 'permessage-deflate; server_max_window_bits=8', '/every/');
    if (answer !== undefined) assert.equal(parameters(answer).server_max_window_bits, '8');
    await wire.opened();
    await wire.echo(`4${letters(300)}`);
    wire.destroy();
  });

  // RFC 6455 9.1: what is no list of extensions fails the connection; taking nothing of it is as safe.
  for (const offer of ['x-quoted; a="b, permessage-deflate; c=d"', '', ',', ';', '=', 'permessage-deflate;', 'permessage-deflate;;', 'permessage-deflate; =', 'permessage-deflate; a=', 'permessage-deflate; "', 'permessage-deflate; server_max_window_bits="10',
    'permessage-deflate; server_max_window_bits=1 0', 'permessage deflate', ', '.repeat(500), 'a'.repeat(3000), `${'x, '.repeat(800)}permessage-deflate; nonsense`]) {
    it(`malformed: ${JSON.stringify(offer.slice(0, 60))} is refused or without effect`, async () => {
      const { wire, status, answer } = await negotiate(server(), offer);
      if (status === 101) {
        assert.equal(answer, undefined);
        await wire.opened();
        await wire.echo('4x');
      } else {
        assert.equal(status, 400);
      }
      wire.destroy();
      await assertFresh(server());
    });
  }

  it('an offer in two header lines is one list', async () => {
    const { wire, status, answer } = await negotiate(server(), ['x-unknown', 'permessage-deflate']);
    assert.equal(status, 101);
    await wire.opened();
    const text = `4${'a'.repeat(3000)}`;
    if (answer) wire.write(compressed(text));
    else wire.write(frame(kText, text));
    await wire.message((one) => one.text === text);
    wire.destroy();
  });

  it('of a WebSocket that upgrades a polling connection', async () => {
    const polling = await Polling.open(server(), { path: '/every/', connectNamespace: false });
    const wire = await Wire.open(server());
    wire.write(upgradeRequest(server(), { path: polling.url('websocket'), headers: { 'Sec-WebSocket-Extensions': kOffer } }));
    const head = await wire.head();
    assert.ok(parameters(head.headers['sec-websocket-extensions']).server_no_context_takeover);
    wire.write(compressed('2probe'));
    assert.equal((await wire.message()).text, '3probe');
    wire.write(compressed('5'));
    const text = `4${'upgraded '.repeat(50)}`;
    wire.write(compressed(text));
    await wire.message((one) => one.text === text && one.compressed);
    wire.destroy();
  });

  it('a narrow window is kept, and said, whatever is asked for', async () => {
    for (const offer of ['permessage-deflate', kOffer, 'permessage-deflate; server_max_window_bits=12', 'permessage-deflate; server_max_window_bits=9']) {
      const wire = await Wire.open(server());
      wire.write(requestBytes({ path: at('/narrow/'), headers: upgradeHeaders(server(), { 'Sec-WebSocket-Extensions': offer }) }));
      const head = await wire.head();
      const given = parameters(head.headers['sec-websocket-extensions']);
      if (/server_max_window_bits/.test(offer)) assert.equal(given.server_max_window_bits, '9');
      wire.windowBits = 9;
      await wire.opened();
      const half = letters(700);
      const text = `4${half.repeat(10)}`;
      wire.write(frame(kText, text));
      const back = await wire.message((one) => one.text === text);
      assert.ok(back.compressed);
      // Nor need the client keep to it: without client_max_window_bits it may look back 32 KB.
      if (!('client_max_window_bits' in given)) {
        const far = `4${letters(30000).repeat(2)}`;
        wire.write(compressed(far));
        await wire.message((one) => one.text === far);
      }
      wire.destroy();
    }
  });
});

suite('deflate: frames', options, (server) => {
  /** Sends frames over a connection with deflate, whole and byte by byte and in one segment with the handshake. */
  function each(title, { frames, echoes = [], pongs = [], close: code, path = '/engine.io/', ways = ['whole', 'byte by byte', 'pipelined'] }) {
    for (const way of ways) {
      it(`${title}, ${way}`, async () => {
        let wire;
        if (way === 'pipelined') {
          wire = await Wire.open(server());
          wire.write(Buffer.concat([requestBytes({ path: at(path), headers: upgradeHeaders(server(), { 'Sec-WebSocket-Extensions': kOffer }) }), ...frames]));
          await wire.opened();
        } else {
          wire = await deflating(server(), path);
          if (way === 'whole') wire.write(Buffer.concat(frames));
          else await wire.dribble(...frames);
        }
        const data = () => wire.messages.filter((one) => ['text', 'binary'].includes(one.kind) && !one.text?.startsWith('0{'));
        if (code !== undefined) {
          assert.equal((await wire.closed()).code, code);
          await assertFresh(server());
        } else {
          const all = await wire.until('all echoes', () => data().length >= echoes.length && wire.messages.filter((one) => one.kind === 'pong').length >= pongs.length);
          assert.ok(all, `the connection ended; ${wire.summary()}`);
          await wire.echo('4after');
        }
        const got = data().filter((one) => one.text !== '4after');
        assert.equal(got.length, echoes.length, wire.summary());
        got.forEach((one, i) => {
          assert.equal(one.kind, typeof echoes[i] === 'string' ? 'text' : 'binary');
          assert.ok(one.payload.equals(Buffer.from(echoes[i])), `echo ${i} of ${one.payload.length} bytes differs`);
        });
        assert.deepEqual(wire.messages.filter((one) => one.kind === 'pong').map((one) => one.payload.toString()), pongs);
        wire.destroy();
      });
    }
  }

  describe('that are right', { concurrency: 4 }, () => {
    each('a compressed text', { frames: [compressed('4hello')], echoes: ['4hello'] });
    each('an uncompressed text beside it', { frames: [compressed('4one'), frame(kText, '4two'), compressed('4three')], echoes: ['4one', '4two', '4three'] });
    each('a compressed binary', { frames: [compressedBinary('bytes')], echoes: [Buffer.from('bytes')] });
    each('an empty binary', { frames: [compressedBinary('')], echoes: [Buffer.alloc(0)] });
    each('an empty binary as the single byte 0 of RFC 7692 7.2.3.6', { frames: [frame(kBinary, Buffer.from([0]), { rsv: kRsv1 })], echoes: [Buffer.alloc(0)] });
    each('an empty message among others', { frames: [compressed('4a'), compressedBinary(''), compressed('4b')], echoes: ['4a', Buffer.alloc(0), '4b'] });
    const json = `4${JSON.stringify({ list: Array.from({ length: 300 }, (_, i) => ({ id: i, name: `name ${i} ü😀`, flags: [true, null, i / 7] })) })}`;
    each('JSON', { frames: [compressed(json)], echoes: [json] });
    for (const size of [1000, 1023, 1024, 1025, 32768, 70000]) {
      const bytes = random(size);
      each(`${size} random bytes`, { frames: [compressedBinary(bytes), frame(kBinary, bytes)], echoes: [bytes, bytes] });
    }
    const large = `4${'All work and no play. '.repeat(40000)}`;
    each('a text of 880 KB', { frames: [compressed(large)], echoes: [large] });
    const limit = Buffer.alloc(kLimit, 0);
    each('a binary of zeros of the limit', { frames: [compressedBinary(limit)], echoes: [limit] });
    const noise = random(kLimit);
    each('random bytes of the limit, which compression makes longer', { frames: [compressedBinary(noise)], echoes: [noise], ways: ['whole'] });
    const cut = deflate('4cut into single bytes, ü€😀');
    each('a message in fragments of a byte with pings between', { pongs: [...cut.keys()].map(String), echoes: ['4cut into single bytes, ü€😀'],
      frames: fragments(kText, cut, [...cut.keys()].slice(1), { rsv: kRsv1 }).flatMap((one, i) => [one, frame(kPing, `${i}`)]) });
    each('a message in fragments with empty ones at both ends', { echoes: ['4hello hello hello'],
      frames: [frame(kText, '', { rsv: kRsv1, fin: false }), frame(kContinuation, deflate('4hello hello hello'), { fin: false }), frame(kContinuation, '', { fin: false }), frame(kPong, 'x'), frame(kContinuation, '')] });
    for (let i = 1; i < cut.length; i += 5) {
      each(`a message cut after ${i} bytes`, { ways: ['whole'], frames: fragments(kText, cut, [i], { rsv: kRsv1 }), echoes: ['4cut into single bytes, ü€😀'] });
    }
    const many = [...Array(100).keys()].map((i) => `4message ${i} ${'ab'.repeat(i * 10)}`);
    each('a hundred messages', { frames: many.map((one) => compressed(one)), echoes: many, ways: ['whole', 'pipelined'] });

    // RFC 7692 7.2.3: the same data in other shapes of DEFLATE.
    const word = Buffer.from('4Hello');
    const stored = (bytes, final = 0) => Buffer.concat([Buffer.from([final, bytes.length & 255, bytes.length >> 8, ~bytes.length & 255, (~bytes.length >> 8) & 255]), bytes]);
    each('a block without compression (7.2.3.3)', { frames: [frame(kText, Buffer.concat([stored(word), Buffer.from([0])]), { rsv: kRsv1 })], echoes: ['4Hello'] });
    each('a block with BFINAL and the empty byte (7.2.3.4)', { frames: [frame(kText, Buffer.concat([zlib.deflateRawSync(word), Buffer.from([0])]), { rsv: kRsv1 })], echoes: ['4Hello'] });
    each('a message after one with BFINAL', { frames: [frame(kText, Buffer.concat([zlib.deflateRawSync(word), Buffer.from([0])]), { rsv: kRsv1 }), compressed('4next'), frame(kText, '4plain')], echoes: ['4Hello', '4next', '4plain'] });
    const two = Buffer.concat([Buffer.concat([deflate('4He'), Buffer.from([0, 0, 255, 255])]), deflate('llo')]);
    each('two blocks with a flush between (7.2.3.5)', { frames: [frame(kText, two, { rsv: kRsv1 })], echoes: ['4Hello'] });
    each('many empty blocks', { frames: [frame(kText, Buffer.concat([Buffer.from('000000ffff'.repeat(200), 'hex'), deflate('4Hello')]), { rsv: kRsv1 })], echoes: ['4Hello'] });
    for (const [name, strategy, level] of [['Huffman only', zlib.constants.Z_HUFFMAN_ONLY, 6], ['fixed codes', zlib.constants.Z_FIXED, 6], ['run lengths', zlib.constants.Z_RLE, 6], ['level 0', undefined, 0], ['level 9', undefined, 9]]) {
      each(`zlib's ${name}`, { frames: [frame(kText, deflate(json, { strategy, level }), { rsv: kRsv1 })], echoes: [json], ways: ['whole'] });
    }
  });

  describe('that are wrong', { concurrency: 4 }, () => {
    for (const [name, opcode] of [['ping', kPing], ['pong', kPong], ['close', kClose]]) {
      each(`RSV1 on a ${name} is 1002`, { frames: [frame(opcode, opcode === kClose ? closePayload(1000) : 'x', { rsv: kRsv1 })], close: 1002 });
    }
    each('RSV1 on a continuation is 1002', { frames: [compressed('4hello', { fin: false }), frame(kContinuation, 'x', { rsv: kRsv1 })], close: 1002 });
    each('RSV1 on a continuation of an uncompressed message is 1002', { frames: [frame(kText, '4he', { fin: false }), frame(kContinuation, deflate('llo'), { rsv: kRsv1 })], close: 1002 });
    each('RSV1 on a continuation of nothing is 1002', { frames: [frame(kContinuation, deflate('x'), { rsv: kRsv1 })], close: 1002 });
    for (const rsv of [1, 2, 3, 5, 6, 7]) each(`reserved bits ${rsv} are 1002`, { frames: [frame(kText, deflate('4x'), { rsv })], close: 1002 });
    each('RSV1 on opcode 3 is 1002', { frames: [frame(3, deflate('4x'), { rsv: kRsv1 })], close: 1002 });
    each('an unmasked compressed frame is 1002', { frames: [compressed('4x', { mask: false })], close: 1002 });

    const corrupt = { 'block type 3': '07', 'block type 3 with more': '0700112233445566', 'a stored block with wrong lengths': '00050000004142434445', 'a distance before the start': '03 02 00 00', 'only ones': 'ff'.repeat(40),
      'a wrong tree': '04 c0 ff ff ff ff ff ff ff ff', 'too many symbols': 'ed ff ff ff ff ff', 'a match before the start': '63 00 21' };
    for (const [name, digits] of Object.entries(corrupt)) {
      const bytes = Buffer.from(digits.replaceAll(' ', ''), 'hex');
      if (isInflatable(bytes)) throw new Error(`${name} is no corruption`);
      each(`${name} is 1007`, { frames: [frame(kBinary, bytes, { rsv: kRsv1 })], close: 1007 });
      each(`${name}, in fragments, is 1007`, { frames: fragments(kBinary, bytes, [0, Math.ceil(bytes.length / 2)], { rsv: kRsv1 }), close: 1007, ways: ['whole'] });
      each(`${name} after a good message is 1007`, { frames: [compressed('4good'), frame(kText, bytes, { rsv: kRsv1 })], echoes: ['4good'], close: 1007, ways: ['whole', 'pipelined'] });
    }
    // The window does not last from message to message: client_no_context_takeover was agreed on.
    const stream = zlib.deflateRawSync('4the same words again, the same words again', { dictionary: Buffer.from('4the same words again'), finishFlush: zlib.constants.Z_SYNC_FLUSH }).subarray(0, -4);
    each('a reference to the message before is 1007', { frames: [compressed('4the same words again'), frame(kText, stream, { rsv: kRsv1 })], echoes: ['4the same words again'], close: 1007 });

    for (const digits of ['ff', 'c0 80', 'ed a0 80', 'f4 90 80 80', 'e2 82', 'f0 9f 98', '80']) {
      const bytes = Buffer.concat([Buffer.from('4'), Buffer.from(digits.replaceAll(' ', ''), 'hex')]);
      each(`a compressed text with ${digits} is 1007`, { frames: [frame(kText, deflate(bytes), { rsv: kRsv1 })], close: 1007 });
      each(`a compressed text with ${digits}, far in and in fragments, is 1007`, { ways: ['whole'], close: 1007,
        frames: fragments(kText, deflate(Buffer.concat([Buffer.from(`4${'ü'.repeat(40000)}`), bytes.subarray(1)])), [1, 7, 20], { rsv: kRsv1 }) });
      each(`a compressed binary with ${digits} is its own affair`, { frames: [compressedBinary(bytes)], echoes: [bytes], ways: ['whole'] });
    }
    it('RSV1 with no payload at all is an empty message or an error, and no more', async () => {
      const wire = await deflating(server());
      wire.write(Buffer.concat([frame(kBinary, '', { rsv: kRsv1 }), frame(kText, '4after')]));
      await wire.until('an answer', () => wire.closing || wire.messages.some((one) => one.text === '4after'));
      if (wire.closing) assert.equal(wire.closing.code, 1007);
      wire.destroy();
      await assertFresh(server());
    });
    it('data that ends in the middle of a block is 1007, or what was there', async () => {
      const whole = deflate(`4${letters(5000)}`);
      for (const size of [1, 2, 10, 100, 1000, whole.length - 1]) {
        const wire = await deflating(server());
        wire.write(frame(kBinary, whole.subarray(0, size), { rsv: kRsv1 }));
        wire.write(frame(kPing, 'p'));
        await wire.until('an answer', () => wire.closing || wire.messages.some((one) => one.kind === 'pong'));
        if (wire.closing) assert.equal(wire.closing.code, 1007, `${size} bytes`);
        wire.destroy();
      }
      await assertFresh(server());
    });
    it('random bytes are never more than 1007', async () => {
      for (let i = 0; i < 300; i += 10) {
        await Promise.all([...Array(10).keys()].map(async (k) => {
          const wire = await deflating(server());
          wire.write(Buffer.concat([frame(k % 2 ? kBinary : kText, random(1 + ((i + k) * 7) % 400), { rsv: kRsv1 }), frame(kPing, 'p')]));
          await wire.until('an answer', () => wire.closing || wire.messages.some((one) => one.kind === 'pong'));
          // An accidental message may be no Engine.IO packet, which is an end without 1007.
          if (wire.closing) assert.notEqual(wire.closing.code, 1011);
          wire.destroy();
        }));
      }
      await assertFresh(server());
    });
  });

  function isInflatable(bytes) {
    try { inflate(bytes); return true; } catch { return false; }
  }

  describe('that come back', { concurrency: 2 }, () => {
    it('are compressed from the shortest length on, and when that helps', async () => {
      const wire = await deflating(server());
      for (const [size, expected] of [[2, false], [1000, false], [1023, false], [1024, true], [1025, true], [100000, true]]) {
        const text = `4${'ab'.repeat(size)}`.slice(0, size);
        wire.write(frame(kText, text));
        const back = await wire.message((one) => one.text === text);
        assert.equal(back.compressed, expected, `${size} bytes`);
        if (expected) assert.ok(back.wireSize < size / 4, `${size} bytes went as ${back.wireSize}`);
      }
      wire.destroy();
    });
    it('do not grow by more than a little when they are random', async () => {
      const wire = await deflating(server(), '/every/');
      for (const size of [1, 10, 1000, 60000, 900000]) {
        const bytes = random(size);
        wire.write(frame(kBinary, bytes));
        const back = await wire.message((one) => one.kind === 'binary');
        assert.ok(back.payload.equals(bytes));
        assert.ok(back.wireSize <= size + 16 + size / 1000, `${size} bytes went as ${back.wireSize}`);
      }
      wire.destroy();
    });
    it('to many connections at once are each whole', async () => {
      await Promise.all([...Array(20).keys()].map(async (i) => {
        const wire = await deflating(server(), i % 2 ? '/every/' : '/narrow/', i % 3 ? kOffer : 'permessage-deflate; server_max_window_bits=9');
        for (let k = 0; k < 10; k++) {
          const text = `4${i} ${k} ${letters(200 * k).repeat(3)}`;
          wire.write(k % 2 ? compressed(text) : frame(kText, text));
          await wire.message((one) => one.text === text);
        }
        wire.destroy();
      }));
    });
  });
});

suite('deflate: bombs', options, (server) => {
  const memory = (field = 'VmRSS') => {
    const [pid] = server().workerPids();
    return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);
  };
  const bombs = new Map();
  const bomb = (megabytes) => {
    if (!bombs.has(megabytes)) bombs.set(megabytes, deflate(Buffer.alloc(megabytes << 20), { level: 9 }));
    return bombs.get(megabytes);
  };

  for (const megabytes of [1, 10, 100]) {
    it(`${megabytes} MB of zeros is 1009`, async () => {
      const before = memory();
      for (let i = 0; i < 5; i++) {
        const wire = await deflating(server());
        wire.write(frame(kBinary, bomb(megabytes), { rsv: kRsv1 }));
        assert.equal((await wire.closed()).code, 1009);
      }
      assert.ok(memory() - before < 12 * 1024, `${before} kB grew to ${memory()} kB`);
      await assertFresh(server());
    });
    it(`${megabytes} MB of zeros in fragments is 1009`, async () => {
      const wire = await deflating(server());
      const bytes = bomb(megabytes);
      const step = Math.ceil(bytes.length / 20);
      wire.write(Buffer.concat(fragments(kBinary, bytes, [...Array(19).keys()].map((i) => (i + 1) * step).filter((end) => end < bytes.length), { rsv: kRsv1 })));
      assert.equal((await wire.closed()).code, 1009);
      await assertFresh(server());
    });
  }

  it('many at once are 1009 each, and the worker holds about one message for each', async () => {
    const before = memory();
    const bytes = frame(kBinary, bomb(100), { rsv: kRsv1 });
    await Promise.all([...Array(20).keys()].map(async () => {
      const wire = await deflating(server());
      wire.write(bytes);
      assert.equal((await wire.closed()).code, 1009);
    }));
    const peak = memory('VmHWM');
    assert.ok(peak - before < 48 * 1024, `${before} kB grew to ${peak} kB`);
    await assertFresh(server());
  });

  it('one byte more than the limit is 1009, the limit itself is not', async () => {
    const wire = await deflating(server(), '/small/');
    for (const size of [999, 1000]) {
      const bytes = Buffer.alloc(size, 7);
      wire.write(compressedBinary(bytes));
      const back = await wire.message((one) => one.kind === 'binary');
      assert.ok(back.payload.equals(bytes));
    }
    wire.write(compressedBinary(Buffer.alloc(1001, 7)));
    assert.equal((await wire.closed()).code, 1009);
  });

  it('what is too long before it is inflated is 1009 too', async () => {
    const wire = await deflating(server(), '/small/');
    wire.write(frame(kBinary, '', { rsv: kRsv1, length: 70000 }));
    assert.equal((await wire.closed()).code, 1009);
  });

  it('a bomb of text is 1009', async () => {
    const wire = await deflating(server());
    wire.write(compressed(`4${'a'.repeat(3 << 20)}`));
    assert.equal((await wire.closed()).code, 1009);
    await assertFresh(server());
  });

  it('a bomb in an unfinished message is 1009 at its end at the latest', async () => {
    const wire = await deflating(server());
    wire.write(frame(kBinary, bomb(10), { rsv: kRsv1, fin: false }));
    wire.write(frame(kContinuation, ''));
    assert.equal((await wire.closed()).code, 1009);
  });

  it('idle connections with deflate cost no window each', async () => {
    await Promise.all([...Array(10).keys()].map(() => assertFresh(server())));
    const before = memory();
    const wires = await Promise.all([...Array(100).keys()].map(() => deflating(server())));
    for (const wire of wires) {
      wire.write(compressed(`4${'x'.repeat(2000)}`));
      await wire.message((one) => one.kind === 'text');
    }
    const each = (memory() - before) / wires.length;
    for (const wire of wires) wire.destroy();
    assert.ok(each < 100, `${each} kB for each connection`);
  });
});

suite('deflate: ws', { workerCounts: [2], locations }, (server) => {
  const dial = async (path, perMessageDeflate) => {
    const socket = new WebSocket(`ws://127.0.0.1:${server().port}${at(path)}`, { perMessageDeflate, maxPayload: 0 });
    server().onStop(() => socket.terminate());
    socket.got = [];
    socket.on('message', (data, isBinary) => { socket.got.push({ data, isBinary }); socket.wake?.(); });
    socket.on('error', (error) => { socket.problem = error; socket.wake?.(); });
    const next = async () => {
      while (socket.got.length === 0) {
        if (socket.problem) throw socket.problem;
        await deadline(new Promise((resolve) => { socket.wake = resolve; }), kPatience, 'a message for ws');
      }
      return socket.got.shift();
    };
    assert.match((await next()).data.toString(), /^0\{/);
    return { socket, next };
  };

  const clients = { 'default options': {}, 'every message': { threshold: 0 }, 'no context takeover': { threshold: 0, clientNoContextTakeover: true, serverNoContextTakeover: true },
    'small windows': { threshold: 0, clientMaxWindowBits: 9, serverMaxWindowBits: 9 }, 'server window 10': { threshold: 0, serverMaxWindowBits: 10 }, 'client window 12': { threshold: 0, clientMaxWindowBits: 12 } };
  for (const [name, perMessageDeflate] of Object.entries(clients)) {
    for (const path of ['/engine.io/', '/every/', '/narrow/']) {
      it(`with ${name} at ${path}`, async () => {
        const { socket, next } = await dial(path, perMessageDeflate);
        assert.match(socket.extensions, /permessage-deflate/);
        const samples = ['4', '4a', `4${JSON.stringify({ a: [...Array(2000).keys()] })}`, `4${letters(50000)}`, `4${'wörter 😀 '.repeat(20000)}`, Buffer.alloc(0), random(1), random(1024), random(100000), Buffer.alloc(500000)];
        for (const sample of samples) socket.send(sample);
        for (const sample of samples) {
          const { data, isBinary } = await next();
          assert.equal(isBinary, typeof sample !== 'string');
          assert.ok(data.equals(Buffer.from(sample)), `${data.length} bytes`);
        }
        for (let i = 0; i < 50; i++) {
          const sample = `4${i} ${letters(i * 100)}`;
          socket.send(sample);
          assert.equal((await next()).data.toString(), sample);
        }
        socket.close(1000);
        const [code] = await deadline(new Promise((resolve) => { socket.once('close', (...args) => resolve(args)); }), kPatience, 'ws to close');
        assert.equal(code, 1000);
      });
    }
  }

  it('without deflate at the same place', async () => {
    const { socket, next } = await dial('/every/', false);
    assert.equal(socket.extensions, '');
    socket.send(`4${'a'.repeat(5000)}`);
    assert.equal((await next()).data.length, 5001);
    socket.terminate();
  });
});

suite('deflate: the stock client', { workerCounts: [1, 2], locations }, (server) => {
  const extensionsOf = (socket) => socket.io.engine.transport.ws.extensions;
  const compressedTo = (socket) => {
    const { _extensions: extensions, _receiver: receiver } = socket.io.engine.transport.ws;
    const own = extensions['permessage-deflate'];
    const decompress = own.decompress.bind(own);
    socket.inflated = 0;
    own.decompress = (data, fin, callback) => { socket.inflated++; decompress(data, fin, callback); };
    assert.equal(receiver._extensions['permessage-deflate'], own);
  };

  it('negotiates it by default, and gets its events', async () => {
    const socket = await connect(server(), { path: '/zip/' });
    assert.match(extensionsOf(socket), /permessage-deflate/);
    compressedTo(socket);
    socket.emit('join_session', { sessionId: unique('s'), userId: 'u', username: 'Ü'.repeat(40) });
    const joined = await waitFor(socket, 'session_joined');
    assert.equal(joined.session.users[0].username, 'Ü'.repeat(40));
    assert.ok(socket.inflated > 0, 'the event came compressed');
  });

  it('does not when it is told so', async () => {
    const socket = await connect(server(), { path: '/zip/', perMessageDeflate: false });
    assert.equal(extensionsOf(socket), '');
    socket.emit('heartbeat');
    await waitFor(socket, 'heartbeat_ack');
  });

  it('may set it by transportOptions, and compress everything', async () => {
    const socket = await connect(server(), { path: '/zip/', transportOptions: { websocket: { perMessageDeflate: { threshold: 0 } } } });
    assert.match(extensionsOf(socket), /permessage-deflate/);
    socket.emit('heartbeat', 'x'.repeat(5000));
    await waitFor(socket, 'heartbeat_ack');
  });

  it('negotiates it when it upgrades', async () => {
    const socket = open(server(), { transport: 'upgrade', path: '/zip/' });
    await waitFor(socket, 'connect');
    await upgraded(socket);
    assert.match(extensionsOf(socket), /permessage-deflate/);
    socket.emit('heartbeat');
    await waitFor(socket, 'heartbeat_ack');
  });

  it('sends and gets texts and binaries by the Socket.IO echo', async () => {
    const socket = await connect(server(), { path: '/zipsockets/', perMessageDeflate: { threshold: 0 } });
    const back = [];
    socket.onAny((event, ...args) => { back.push([event, ...args]); socket.wake?.(); });
    const sent = [['message', 'x'.repeat(20000)], ['message', { a: ['ü', 1, null] }, random(5000)], ['message', random(300), letters(3000), Buffer.alloc(0)]];
    for (const args of sent) socket.emit(...args);
    const end = Date.now() + kPatience;
    while (back.length < 1 && Date.now() < end) await new Promise((resolve) => { socket.wake = resolve; setTimeout(resolve, 200); });
    assert.ok(back.length > 0, 'something came back');
    assert.ok(socket.connected);
  });

  it('members with deflate, without it, and by polling get identical events', async () => {
    const sessionId = unique('s');
    const kinds = [{ path: '/zip/' }, { path: '/socket.io/' }, { path: '/zip/', perMessageDeflate: false }, { path: '/zip/', perMessageDeflate: { threshold: 0, serverMaxWindowBits: 9 } },
      { path: '/socket.io/', transport: 'polling' }, { path: '/zip/', transport: 'upgrade' }];
    const members = [];
    for (const [i, kind] of kinds.entries()) {
      members.push(await enter(server(), { sessionId, userId: `m${i}`, username: `Member ${i}` }, kind));
    }
    const [leader] = members;
    await fence(leader, members);
    for (const member of members) member.inbox.length = 0;
    assert.deepEqual(members.map((one) => one.io.engine.transport.name === 'websocket' && /permessage-deflate/.test(extensionsOf(one))), [true, false, false, true, false, members[5].io.engine.transport.name === 'websocket']);
    compressedTo(members[3]);
    const mediaUrl = `https://films.example.org/${letters(1000)}.mp4`;
    leader.emit('load_media', { mediaUrl, mediaTitle: 'Der große Film 🎬'.repeat(5) });
    for (let i = 0; i < 30; i++) leader.emit('sync_playback', { position: 100 + i, isPlaying: true, playbackRate: 1 });
    await fence(leader, members);
    const seen = members.map((member) => ['media_loaded', 'playback_sync'].map((event) => received(member, event)));
    assert.equal(seen[0][0].length, 1);
    assert.equal(seen[0][0][0].mediaUrl, mediaUrl);
    for (const one of seen.slice(1)) assert.deepEqual(one, seen[0]);
    assert.ok(members[3].inflated > 10, `${members[3].inflated} came compressed`);
    await Promise.all(members.map(close));
  });

  it('raw members of one session get the same bytes, compressed and not', async () => {
    const sessionId = unique('s');
    const make = async (path, extensions, userId) => {
      const wire = await Wire.websocket(server(), { path: at(path), extensions });
      wire.write(frame(kText, '40'));
      await wire.message((one) => one.text?.startsWith('40'));
      wire.write(frame(kText, `42${JSON.stringify(['join_session', { sessionId, userId, username: userId }])}`));
      await wire.message((one) => one.text?.startsWith('42["session_joined"'));
      return wire;
    };
    const wires = [await make('/zip/', kOffer, 'a'), await make('/socket.io/', undefined, 'b'), await make('/zip/', 'permessage-deflate; server_max_window_bits=9', 'c'), await make('/zip/', undefined, 'd'), await make('/zip/', kOffer, 'e')];
    const events = [];
    for (let i = 0; i < 20; i++) events.push(`42["sync_playback",{"position":${1000 + i},"isPlaying":true}]`);
    wires[0].write(Buffer.concat(events.map((one) => compressed(one))));
    const isLast = (one) => one.text?.startsWith('42["playback_sync"') && one.text.includes('"position":1019');
    const all = await Promise.all(wires.map(async (wire) => {
      await wire.message(isLast);
      return wire.messages.filter((one) => one.text?.startsWith('42["playback_sync"'));
    }));
    for (const one of all) assert.deepEqual(one.map((message) => message.text), all[0].map((message) => message.text));
    assert.deepEqual(all.map((one) => one.some((message) => message.compressed)), [true, false, true, false, true]);
    for (const wire of wires) wire.destroy();
  });
});

describe('deflate: configuration', () => {
  const check = (lines) => checkConfiguration(configuration({ locations: `location /x/ { ${echo} ${lines} }` }, { http: 1 }));
  const good = ['', 'mediasync_deflate on;', 'mediasync_deflate off;', 'mediasync_deflate_min_length 0;', 'mediasync_deflate_min_length 1k;', 'mediasync_deflate_min_length 4m;', 'mediasync_deflate_window 512;',
    'mediasync_deflate_window 1k;', 'mediasync_deflate_window 2048;', 'mediasync_deflate_window 16k;', 'mediasync_deflate_window 32k;', 'mediasync_deflate_window 32768;', 'mediasync_deflate_level 1;', 'mediasync_deflate_level 9;',
    'mediasync_deflate on; mediasync_deflate_min_length 100; mediasync_deflate_window 4k; mediasync_deflate_level 6;'];
  const bad = ['mediasync_deflate;', 'mediasync_deflate maybe;', 'mediasync_deflate on on;', 'mediasync_deflate on; mediasync_deflate off;', 'mediasync_deflate_min_length;', 'mediasync_deflate_min_length x;', 'mediasync_deflate_min_length -1;',
    'mediasync_deflate_window;', 'mediasync_deflate_window 3k;', 'mediasync_deflate_window 0;', 'mediasync_deflate_window 256;', 'mediasync_deflate_window 511;', 'mediasync_deflate_window 513;', 'mediasync_deflate_window 64k;',
    'mediasync_deflate_window 1m;', 'mediasync_deflate_window 15;', 'mediasync_deflate_window x;', 'mediasync_deflate_window 1k; mediasync_deflate_window 1k;', 'mediasync_deflate_level;', 'mediasync_deflate_level 0;', 'mediasync_deflate_level 10;',
    'mediasync_deflate_level -1;', 'mediasync_deflate_level x;', 'mediasync_deflate_level 1 2;', 'mediasync_deflate_level 1; mediasync_deflate_level 2;'];
  for (const lines of good) {
    it(`"${lines}" is right`, async () => {
      const { ok, output } = await check(lines);
      assert.ok(ok, output);
    });
  }
  for (const lines of bad) {
    it(`"${lines}" is wrong`, async () => {
      const { ok, output } = await check(lines);
      assert.equal(ok, false);
      assert.match(output, /\[emerg\].*mediasync_deflate|\[emerg\].*(invalid|must|between|value)/);
    });
  }
  it('is inherited from http and server', async () => {
    const { ok, output } = await checkConfiguration(configuration({ http: 'mediasync_deflate on; mediasync_deflate_window 1k;', server: 'mediasync_deflate_level 3; mediasync_deflate_min_length 1;',
      locations: `location /x/ { ${echo} }` }, { http: 1 }));
    assert.ok(ok, output);
  });
});

suite('deflate: inherited', { workerCounts: [1], http: 'mediasync_deflate on;', locations: `location /on/ { ${echo} mediasync_deflate_min_length 10; } location /off/ { ${echo} mediasync_deflate off; }` }, (server) => {
  it('from http, and taken back in a location', async () => {
    for (const [path, expected] of [['/on/', true], ['/socket.io/', true], ['/off/', false]]) {
      const { wire, answer } = await negotiate(server(), kOffer, path);
      assert.equal(answer !== undefined, expected, path);
      wire.destroy();
    }
    assert.equal((await request(server(), { path: '/worker' })).status, 200);
  });
});
