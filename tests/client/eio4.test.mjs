// Engine.IO revision 4 over HTTP, on the echo endpoint: payloads, requests that overlap, upgrades that race, timeouts,
// methods, headers and errors.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import http from 'node:http';
import { describe, it } from 'node:test';
import { closePayload, deadline, frame, kBinary, kClose, kPatience, kPing, kSeparator, kText, Polling, request, suite, until,
  upgradeRequest, workerAgent } from './harness/index.mjs';
import { requestBytes, upgradeHeaders, Wire } from './harness/wire.mjs';

const kPath = '/engine.io/';
const kTexts = ['Transport unknown', 'Session ID unknown', 'Bad handshake method', 'Bad request', 'Forbidden', 'Unsupported protocol version'];
const echo = 'mediasync_engine_echo rooms;';
const locations = `
    location /engine.io/ { ${echo} }
    location /fast/ { ${echo} mediasync_ping_interval 300ms; mediasync_ping_timeout 200ms; }
    location /open/ { ${echo} mediasync_origin any; }
    location /listed/ { ${echo} mediasync_origin https://films.example.org http://127.0.0.1:1; }
    location /cookie/ { ${echo} mediasync_cookie io; }
    location /nocookie/ { ${echo} mediasync_cookie off; }
    location /sockets/ { mediasync_socket_echo rooms; }`;
const options = { workerCounts: [1, 3], locations };

const openAt = (server, path = kPath, more = {}) => Polling.open(server, { path, connectNamespace: false, ...more });
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function assertCode(answer, code, status = code === 4 ? 403 : 400) {
  assert.equal(answer.status, status, answer.body);
  assert.match(answer.headers['content-type'], /^application\/json/);
  assert.deepEqual(answer.json(), { code, message: kTexts[code] });
}

/** Polls until `count` packets have come. */
async function collect(polling, count) {
  const all = [];
  while (all.length < count) {
    const answer = await polling.poll();
    assert.equal(answer.status, 200, answer.body);
    all.push(...answer.body.split(kSeparator));
  }
  return all;
}

async function assertEcho(polling, text = '4still here') {
  assert.equal((await polling.post(text)).body, 'ok');
  assert.deepEqual(await collect(polling, 1), [text]);
}

/** No event tells that a poll is held; requests that were sent after it have been answered by then. */
async function settled(server) {
  for (let i = 0; i < 6; i++) await request(server, { path: '/worker' });
  await pause(20);
}

/** A poll that is held, on a raw connection. */
async function heldPoll(polling, server) {
  const wire = await Wire.open(server);
  wire.write(requestBytes({ path: polling.url(), headers: [['Host', `127.0.0.1:${server.port}`], ['Connection', 'close']] }));
  const answer = (async () => {
    const head = await wire.head();
    await wire.end();
    return head;
  })();
  answer.catch(() => {});
  await settled(server);
  return { wire, answer };
}

/** A poll that is held. */
async function held(polling, server) {
  const answer = polling.poll();
  answer.catch(() => {});
  await settled(server);
  return { answer };
}

/** A WebSocket for `polling` that has probed. */
async function probe(polling, server) {
  const wire = await Wire.open(server);
  wire.write(upgradeRequest(server, { path: polling.url('websocket') }));
  assert.equal((await wire.head()).status, 101);
  wire.write(frame(kText, '2probe'));
  assert.equal((await wire.message()).text, '3probe');
  return wire;
}

suite('EIO 4 payloads', options, (server) => {
  it('a binary packet is b and base64, both ways', async () => {
    const polling = await openAt(server());
    for (const size of [0, 1, 2, 3, 4, 255, 1000, 4096, 20000]) {
      const packet = `b${crypto.randomBytes(size).toString('base64')}`;
      assert.equal((await polling.post(packet)).body, 'ok', `${size} bytes`);
      const [back] = await collect(polling, 1);
      assert.ok(back === packet, `${size} bytes come back as ${back.length} letters`);
    }
  });

  it('every byte survives base64', async () => {
    const polling = await openAt(server());
    const packet = `b${Buffer.from([...Array(256).keys()]).toString('base64')}`;
    await polling.post(packet);
    assert.deepEqual(await collect(polling, 1), [packet]);
  });

  it('a binary from polling comes as a binary frame after the upgrade, and the other way as b', async () => {
    const polling = await openAt(server());
    const wire = await probe(polling, server());
    wire.write(frame(kText, '5'));
    const bytes = crypto.randomBytes(300);
    wire.write(frame(kBinary, bytes));
    const back = await wire.message();
    assert.equal(back.kind, 'binary');
    assert.ok(back.payload.equals(bytes));
    wire.destroy();
  });

  it('that is no base64 is refused, or taken as no more than its good part, and the server goes on', async () => {
    for (const packet of ['b!', 'b====', 'bAAA', 'bA', 'bAA=A', 'bAAAA AAA', 'b\u00fc', 'bAAAA=']) {
      const polling = await openAt(server());
      const answer = await polling.post(packet);
      assert.ok(answer.status === 400 || answer.status === 200, `${packet} is answered ${answer.status}`);
      if (answer.status === 200) assert.match((await polling.poll()).body, /^(b[A-Za-z0-9+/]*={0,2}|1)$/);
    }
    await assertEcho(await openAt(server()));
  });

  it('holds many packets, texts and binaries, in order', async () => {
    const polling = await openAt(server());
    const packets = Array.from({ length: 600 }, (_, i) => i % 3 === 2 ? `b${Buffer.from(`binary ${i}`).toString('base64')}` : `4text ${i} ü€😀`);
    const reading = collect(polling, packets.length);
    assert.equal((await polling.post(packets.join(kSeparator))).body, 'ok');
    assert.deepEqual(await reading, packets);
  });

  it('holds empty messages', async () => {
    const polling = await openAt(server());
    await polling.post(['4', '4', 'b', '4x'].join(kSeparator));
    assert.deepEqual(await collect(polling, 4), ['4', '4', 'b', '4x']);
  });

  it('many POSTs one after the other keep their order', async () => {
    const polling = await openAt(server());
    for (let i = 0; i < 40; i++) assert.equal((await polling.post(`4${i}`)).body, 'ok');
    assert.deepEqual(await collect(polling, 40), [...Array(40).keys()].map((i) => `4${i}`));
  });

  it('one after the other while polls go on, each echo comes once and in order', async () => {
    const polling = await openAt(server());
    const reading = collect(polling, 100);
    for (let i = 0; i < 100; i++) assert.equal((await polling.post(`4${i}`)).body, 'ok');
    assert.deepEqual(await reading, [...Array(100).keys()].map((i) => `4${i}`));
  });

  for (const size of [10000, 30000, 60000]) {
    it(`a message of ${size} bytes is taken and echoed to the poll that waits`, async () => {
      const polling = await openAt(server());
      const text = `4${'x'.repeat(size - 1)}`;
      const { answer } = await held(polling, server());
      const posted = await polling.post(text);
      assert.equal(posted.status, 200, posted.body);
      const back = await answer;
      assert.ok(back.body === text, `what comes back is ${back.body.slice(0, 60)} (${back.body.length} letters)`);
    });
  }

  it('that are more than may wait for a poll end the connection', async () => {
    const polling = await openAt(server());
    const { answer } = await held(polling, server());
    await polling.post(`4${'x'.repeat(100000)}`);
    assert.equal((await answer).body, '1');
    assertCode(await polling.poll(), 1);
  });

  it('larger than the limit are 413', async () => {
    const polling = await openAt(server());
    assert.equal((await polling.post(`4${'x'.repeat(1000000)}`)).status, 413);
  });

  it('are text/plain in UTF-8 and not for caches', async () => {
    const polling = await openAt(server());
    await polling.post('4ü');
    const answer = await polling.poll();
    assert.match(answer.headers['content-type'], /^text\/plain; *charset=utf-8$/i);
    assert.match(answer.headers['cache-control'] ?? '', /no-store/);
    assert.equal(Number(answer.headers['content-length']), Buffer.byteLength(answer.body));
  });

  it('with a packet that Engine.IO does not know end the connection, and only that one', async () => {
    const other = await openAt(server());
    for (const body of ['x', '7', '9abc', `4fine${kSeparator}z`, kSeparator, `4a${kSeparator}`]) {
      const polling = await openAt(server());
      const answer = await polling.post(body);
      assert.ok(answer.status === 200 || answer.status === 400, `${JSON.stringify(body)} is answered ${answer.status}`);
    }
    await assertEcho(other);
  });

  it('may come in chunks', async () => {
    const polling = await openAt(server());
    const answer = await deadline(new Promise((resolve, reject) => {
      const req = http.request({ host: '127.0.0.1', port: server().port, method: 'POST', path: polling.url(),
        headers: { 'Content-Type': 'text/plain;charset=UTF-8', 'Transfer-Encoding': 'chunked' }, agent: false }, (res) => {
        res.resume().on('end', () => resolve(res.statusCode));
      }).on('error', reject);
      req.write('4a');
      setImmediate(() => { req.write('b'); req.end(`c${kSeparator}4d`); });
    }), kPatience, 'the chunked POST');
    assert.equal(answer, 200);
    assert.deepEqual(await collect(polling, 2), ['4abc', '4d']);
  });

  for (const type of ['application/octet-stream', 'application/octet-stream; x=y', 'Application/Octet-Stream']) {
    it(`of type ${type} are refused`, async () => {
      const polling = await openAt(server());
      const answer = await polling.post('4x', { headers: { 'Content-Type': type } });
      assertCode(answer, 3);
    });
  }
  it('of no type, or of another, are taken as text', async () => {
    const polling = await openAt(server());
    for (const type of ['text/plain', 'text/plain;charset=UTF-8', 'text/html']) {
      assert.equal((await polling.post(`4${type}`, { headers: { 'Content-Type': type } })).status, 200, type);
      assert.deepEqual(await collect(polling, 1), [`4${type}`]);
    }
  });
});

suite('EIO 4 requests that overlap', options, (server) => {
  it('a second poll is 400, the first gets the close packet, and the connection is gone', async () => {
    for (let i = 0; i < 5; i++) {
      const polling = await openAt(server());
      const first = await held(polling, server());
      assertCode(await polling.poll(), 3);
      const answer = await deadline(first.answer, kPatience, 'the first poll');
      assert.equal(answer.status, 200);
      assert.equal(answer.body, '1');
      assertCode(await polling.poll(), 1);
      assertCode(await polling.post('4x'), 1);
    }
  });

  it('two polls at the same time: one is told, one refused', async () => {
    for (let i = 0; i < 10; i++) {
      const polling = await openAt(server());
      const answers = await Promise.all([polling.poll(), polling.poll()]);
      assert.deepEqual(answers.map((one) => one.status).sort(), [200, 400]);
      assert.equal(answers.find((one) => one.status === 200).body, '1');
      assertCode(await polling.poll(), 1);
    }
  });

  it('POSTs at the same time: what was answered ok is echoed, once', async () => {
    for (let round = 0; round < 5; round++) {
      const polling = await openAt(server());
      const answers = await Promise.all([...Array(8).keys()].map((i) => polling.post(`4message ${i}`)));
      const taken = answers.flatMap((one, i) => one.status === 200 ? [`4message ${i}`] : []);
      for (const one of answers) if (one.status !== 200) assert.equal(one.status, 400, one.body);
      assert.ok(taken.length > 0);
      if (taken.length < 8) continue; // refused ones have ended it
      assert.deepEqual((await collect(polling, 8)).sort(), taken);
    }
  });

  it('a POST that takes its time holds no poll up', async () => {
    const polling = await openAt(server());
    const slow = await Wire.open(server());
    slow.write(requestBytes({ method: 'POST', path: polling.url(), headers: [['Host', 'x'], ['Content-Length', '7'], ['Content-Type', 'text/plain']] }));
    slow.write('4sl');
    const first = await held(polling, server());
    slow.write('ow!x');
    assert.equal((await slow.head()).status, 200);
    assert.equal((await deadline(first.answer, kPatience, 'the poll')).body, '4slow!x');
    slow.destroy();
  });

  it('a POST that is cut leaves nothing of its body', async () => {
    const polling = await openAt(server());
    const cut = await Wire.open(server());
    cut.write(requestBytes({ method: 'POST', path: polling.url(), headers: [['Host', 'x'], ['Content-Length', '100'], ['Content-Type', 'text/plain']] }));
    cut.write(`4one${kSeparator}4tw`);
    await pause(10);
    cut.destroy();
    await pause(10);
    const answer = await polling.post('4whole');
    if (answer.status === 200) assert.deepEqual(await collect(polling, 1), ['4whole']);
    else assertCode(answer, 1);
  });

  it('POST 1 frees the waiting poll with 6, and the sid is unknown', async () => {
    const polling = await openAt(server());
    const { answer } = await held(polling, server());
    const closing = await polling.post('1');
    assert.equal(closing.status, 200);
    assert.equal(closing.body, 'ok');
    const freed = await deadline(answer, kPatience, 'the poll to be freed');
    assert.equal(freed.status, 200);
    assert.equal(freed.body, '6');
    assertCode(await polling.poll(), 1);
    assertCode(await polling.post('4x'), 1);
  });

  it('POST 1 without a poll ends the connection', async () => {
    const polling = await openAt(server());
    assert.equal((await polling.post('1')).status, 200);
    // A poll that was under way meanwhile may be freed as one that waited.
    const late = await polling.poll();
    if (late.status === 200) assert.equal(late.body, '6');
    else assertCode(late, 1);
    assertCode(await polling.poll(), 1);
    assertCode(await polling.post('4x'), 1);
  });

  it('POST of a message and 1 in one payload ends the connection', async () => {
    const polling = await openAt(server());
    assert.equal((await polling.post(`4last words${kSeparator}1`)).status, 200);
    await until('the sid to be forgotten', async () => (await polling.poll()).status === 400);
    assertCode(await polling.poll(), 1);
  });

  it('an aborted poll closes the connection at once', async () => {
    for (const how of ['destroy', 'resetAndDestroy', 'end']) {
      const polling = await openAt(server());
      const { wire } = await heldPoll(polling, server());
      wire.socket[how]();
      const start = Date.now();
      await until(`the sid to be forgotten after ${how}`, async () => (await polling.post('4x')).status === 400);
      assert.ok(Date.now() - start < 1000, `${how}: ${Date.now() - start} ms`);
      assertCode(await polling.post('4x'), 1);
    }
  });

  it('an answered poll whose connection ends does no harm', async () => {
    const polling = await openAt(server());
    const { wire, answer } = await heldPoll(polling, server());
    await polling.post('4x');
    assert.equal((await answer).status, 200);
    wire.destroy();
    await assertEcho(polling);
  });

  it('polls and POSTs pipelined on one connection are answered in turn', async () => {
    const polling = await openAt(server());
    const wire = await Wire.open(server());
    const headers = [['Host', 'x'], ['Content-Type', 'text/plain']];
    let answers = '';
    wire.socket.on('data', (chunk) => { answers += chunk; });
    wire.write(Buffer.concat([requestBytes({ method: 'POST', path: polling.url(), headers: [...headers, ['Content-Length', '4']] }), Buffer.from('4one'),
      requestBytes({ path: polling.url(), headers }), requestBytes({ method: 'POST', path: polling.url(), headers: [...headers, ['Content-Length', '4']] }), Buffer.from('4two'),
      requestBytes({ path: polling.url(), headers: [...headers, ['Connection', 'close']] })]));
    await wire.end();
    assert.deepEqual(answers.match(/HTTP\/1\.1 \d+/g), Array(4).fill('HTTP/1.1 200'));
    assert.deepEqual(answers.match(/ok|4one|4two/g), ['ok', '4one', 'ok', '4two']);
  });
});

suite('EIO 4 upgrades that race', options, (server, workers) => {
  const finish = async (wire, text = '4upgraded') => {
    wire.write(frame(kText, '5'));
    await wire.echo(text);
  };

  it('a poll in flight is released with 6', async () => {
    const polling = await openAt(server());
    const { answer } = await held(polling, server());
    const wire = await probe(polling, server());
    assert.equal((await deadline(answer, kPatience, 'the poll')).body, '6');
    await finish(wire);
    wire.destroy();
  });

  it('a poll that arrives after the probe gets 6, and so does the next', async () => {
    const polling = await openAt(server());
    const wire = await probe(polling, server());
    for (let i = 0; i < 3; i++) assert.equal((await polling.poll()).body, '6');
    await finish(wire);
    assertCode(await polling.poll(), 3);
    await wire.echo('4still here');
    wire.destroy();
  });

  it('a POST in flight is not lost', async () => {
    for (const pieces of [['', '4flight'], ['4fl', 'ight'], ['4fligh', 't']]) {
      const polling = await openAt(server());
      const post = await Wire.open(server());
      post.write(requestBytes({ method: 'POST', path: polling.url(), headers: [['Host', 'x'], ['Content-Length', '7'], ['Content-Type', 'text/plain']] }));
      post.write(pieces[0]);
      const wire = await probe(polling, server());
      await finish(wire);
      post.write(pieces[1]);
      const { status } = await post.head();
      if (status === 200) await wire.message((one) => one.text === '4flight');
      else assert.equal(status, 400);
      await wire.echo('4after');
      wire.destroy();
      post.destroy();
    }
  });

  it('POSTs between the probe and 5 are answered, and their echoes come in order', async () => {
    const polling = await openAt(server());
    const wire = await probe(polling, server());
    for (let i = 0; i < 5; i++) assert.equal((await polling.post(`4early ${i}`)).body, 'ok');
    wire.write(frame(kText, '5'));
    wire.write(frame(kText, '4late'));
    const got = [];
    while (got.at(-1) !== '4late') got.push((await wire.message()).text);
    assert.deepEqual(got, [...[...Array(5).keys()].map((i) => `4early ${i}`), '4late']);
    wire.destroy();
  });

  it('what waits for a poll comes by WebSocket after 5', async () => {
    const polling = await openAt(server());
    await polling.post(`4a${kSeparator}b${Buffer.from('bin').toString('base64')}${kSeparator}4c`);
    const wire = await probe(polling, server());
    wire.write(frame(kText, '5'));
    const got = [await wire.message(), await wire.message(), await wire.message()];
    assert.deepEqual(got.map((one) => [one.kind, one.payload.toString()]), [['text', '4a'], ['binary', 'bin'], ['text', '4c']]);
    wire.destroy();
  });

  it('a POST after 5 is refused or taken, never half', async () => {
    const polling = await openAt(server());
    const wire = await probe(polling, server());
    await finish(wire);
    const answer = await polling.post('4by post');
    if (answer.status === 200) await wire.message((one) => one.text === '4by post');
    else assertCode(answer, 3);
    await wire.echo('4after');
    wire.destroy();
  });

  it('the request, the probe, 5 and a message may be one segment', async () => {
    const polling = await openAt(server());
    const { answer } = await held(polling, server());
    const wire = await Wire.open(server());
    wire.write(Buffer.concat([Buffer.from(upgradeRequest(server(), { path: polling.url('websocket') })), frame(kText, '2probe'), frame(kText, '5'), frame(kText, '4go')]));
    assert.equal((await wire.head()).status, 101);
    assert.equal((await wire.message()).text, '3probe');
    await wire.message((one) => one.text === '4go');
    assert.equal((await deadline(answer, kPatience, 'the poll')).body, '6');
    wire.destroy();
  });

  it('a second probe is opened and closed at once, the first goes on', async () => {
    const polling = await openAt(server());
    const first = await probe(polling, server());
    const second = await Wire.open(server());
    second.write(upgradeRequest(server(), { path: polling.url('websocket') }));
    assert.equal((await second.head()).status, 101);
    second.write(frame(kText, '2probe'));
    await second.until('the second to be closed', () => second.closing);
    if (second.closing) second.write(frame(kClose, second.closing.payload));
    await second.end();
    assert.ok(!second.messages.some((one) => one.text === '3probe'));
    await finish(first);
    first.destroy();
  });

  it('a WebSocket for a sid that is one already is opened and closed at once, the first goes on', async () => {
    const first = await Wire.websocket(server(), { path: `${kPath}?EIO=4&transport=websocket` });
    const second = await Wire.open(server());
    second.write(upgradeRequest(server(), { path: `${kPath}?EIO=4&transport=websocket&sid=${first.handshake.sid}` }));
    const head = await second.head();
    if (head.status === 101) {
      await second.until('the second to be closed', () => second.closing);
      if (second.closing) second.write(frame(kClose, second.closing.payload));
      await second.end();
    } else {
      assert.equal(head.status, 400);
    }
    await first.echo('4first');
    first.destroy();
  });

  for (const how of ['destroy', 'resetAndDestroy', 'end', 'close']) {
    it(`the probe's socket dies (${how}): polling goes on, and another upgrade is possible`, async () => {
      const polling = await openAt(server());
      const wire = await probe(polling, server());
      assert.equal((await polling.poll()).body, '6');
      if (how === 'close') {
        wire.write(frame(kClose, closePayload(1000)));
        await wire.closed({ answer: false });
      } else {
        wire.socket[how]();
      }
      await until('polls to be held again', async () => {
        const { answer } = await held(polling, server());
        await polling.post('4x');
        return (await answer).body === '4x' || (await collect(polling, 1))[0] === '4x';
      });
      await assertEcho(polling);
      const again = await probe(polling, server());
      await finish(again);
      again.destroy();
    });
  }

  it('the socket dies before the probe: polling goes on', async () => {
    const polling = await openAt(server());
    const wire = await Wire.open(server());
    wire.write(upgradeRequest(server(), { path: polling.url('websocket') }));
    assert.equal((await wire.head()).status, 101);
    wire.socket.resetAndDestroy();
    await until('polling to go on', async () => (await polling.post('4x')).status === 200);
    let packets = [];
    do packets = await collect(polling, 1); while (packets[0] === '6');
    assert.equal(packets[0], '4x');
  });

  it('a probe beside pings of WebSocket and in fragments', async () => {
    const polling = await openAt(server());
    const wire = await Wire.open(server());
    wire.write(upgradeRequest(server(), { path: polling.url('websocket') }));
    assert.equal((await wire.head()).status, 101);
    wire.write(frame(kPing, 'a'));
    assert.equal((await wire.message()).kind, 'pong');
    wire.write(Buffer.concat([frame(kText, '2pr', { fin: false }), frame(kPing, 'b'), frame(0, 'obe')]));
    await wire.message((one) => one.text === '3probe');
    await finish(wire);
    wire.destroy();
  });

  for (const wrong of ['2', '2prob', '2probee', '3probe', '4x', '5', '6', '1', 'x', '']) {
    it(`${JSON.stringify(wrong)} instead of the probe ends that WebSocket, polling goes on`, async () => {
      const polling = await openAt(server());
      const wire = await Wire.open(server());
      wire.write(upgradeRequest(server(), { path: polling.url('websocket') }));
      assert.equal((await wire.head()).status, 101);
      wire.write(frame(kText, wrong));
      await wire.closed();
      assert.ok(!wire.messages.some((one) => one.kind === 'text'));
      await assertEcho(polling);
    });
  }

  it('POST 1 during the upgrade ends both', async () => {
    const polling = await openAt(server());
    const wire = await probe(polling, server());
    assert.equal((await polling.post('1')).status, 200);
    await wire.end();
    const crossing = await polling.poll(); // as if it had been on its way
    if (crossing.status === 200) assert.equal(crossing.body, '6');
    assertCode(await polling.poll(), 1);
  });

  it('ten upgrades at once, with traffic on each', async () => {
    await Promise.all([...Array(10).keys()].map(async (i) => {
      const polling = await openAt(server());
      const reading = polling.poll();
      const wire = await probe(polling, server());
      assert.equal((await reading).body, '6');
      const posted = await polling.post(`4posted ${i}`);
      assert.equal(posted.status, 200);
      wire.write(frame(kText, '5'));
      await wire.message((one) => one.text === `4posted ${i}`);
      await wire.echo(`4sent ${i}`);
      wire.destroy();
    }));
  });

  // Ten seconds each, so once is enough.
  if (workers > 1) describe('that never end', { concurrency: 2 }, () => {
    it('a probe without 5 is ended after 10 s, polling goes on', async () => {
      const polling = await openAt(server());
      const start = Date.now();
      const wire = await probe(polling, server());
      await wire.until('the WebSocket to be ended', () => wire.closing || wire.ended, 15000);
      const took = Date.now() - start;
      assert.ok(took > 8500 && took < 12500, `${took} ms`);
      wire.destroy();
      await assertEcho(polling);
    });
    it('a WebSocket without a probe is ended after 10 s, polling goes on', async () => {
      const polling = await openAt(server());
      const start = Date.now();
      const wire = await Wire.open(server());
      wire.write(upgradeRequest(server(), { path: polling.url('websocket') }));
      assert.equal((await wire.head()).status, 101);
      await assertEcho(polling, '4before the probe');
      await wire.until('the WebSocket to be ended', () => wire.closing || wire.ended, 15000);
      const took = Date.now() - start;
      assert.ok(took > 8500 && took < 12500, `${took} ms`);
      wire.destroy();
      await assertEcho(polling);
    });
  });
});

suite('EIO 4 ping timeouts', options, (server, workers) => {
  describe('are kept', { concurrency: 4 }, () => {
    it('by a ping at the interval, to a poll that waits', async () => {
      const polling = await openAt(server(), '/fast/');
      for (let i = 0; i < 3; i++) {
        const start = Date.now();
        assert.equal((await polling.poll()).body, '2');
        const took = Date.now() - start;
        assert.ok(took < 700, `the ping came after ${took} ms`);
        assert.equal((await polling.post('3')).body, 'ok');
      }
      await assertEcho(polling);
    });

    for (const [name, ask] of [['a poll', (polling) => polling.poll()], ['a POST', (polling) => polling.post('4x')], ['a pong that is late', (polling) => polling.post('3')]]) {
      it(`${name} after both times is 400`, async () => {
        const polling = await openAt(server(), '/fast/');
        await pause(560);
        assertCode(await ask(polling), 1);
      });
      it(`${name} after an unanswered ping is 400`, async () => {
        const polling = await openAt(server(), '/fast/');
        assert.equal((await polling.poll()).body, '2');
        await pause(260);
        assertCode(await ask(polling), 1);
      });
    }

    it('a WebSocket after both times is refused', async () => {
      const polling = await openAt(server(), '/fast/');
      await pause(560);
      const wire = await Wire.open(server());
      wire.write(upgradeRequest(server(), { path: polling.url('websocket') }));
      assert.equal((await wire.head()).status, 400);
      wire.destroy();
    });

    it('a poll that waits is ended when its ping is not answered', async () => {
      const polling = await openAt(server(), '/fast/');
      assert.equal((await polling.poll()).body, '2');
      const start = Date.now();
      const answer = await polling.poll();
      assert.ok(Date.now() - start < 1500, `${Date.now() - start} ms`);
      if (answer.status === 200) assert.match(answer.body, /^[16]$/);
      else assertCode(answer, 1);
      assertCode(await polling.poll(), 1);
    });

    if (workers > 1) {
      it('a poll that waits at another worker than the ping went out from is ended too', async () => {
        const [first, second] = server().workerPids();
        const polling = await openAt(server(), '/fast/', { agent: workerAgent(server(), first) });
        assert.equal((await polling.poll({ agent: workerAgent(server(), first) })).body, '2');
        const agent = workerAgent(server(), second);
        const start = Date.now();
        const answer = await polling.poll({ agent });
        assert.ok(answer.status === 400 || /^[16]$/.test(answer.body), `${answer.body} after ${Date.now() - start} ms`);
      });
    }

    it('a message is no pong', async () => {
      const polling = await openAt(server(), '/fast/');
      assert.equal((await polling.poll()).body, '2');
      const end = Date.now() + 2000;
      let answer;
      do {
        answer = await polling.post('4x');
        await pause(20);
      } while (answer.status === 200 && Date.now() < end);
      assertCode(answer, 1);
    });

    it('a WebSocket that does not answer is ended in time', async () => {
      const start = Date.now();
      const wire = await Wire.websocket(server(), { path: '/fast/?EIO=4&transport=websocket' });
      assert.equal((await wire.message()).text, '2');
      await wire.until('the end', () => wire.closing || wire.ended);
      const took = Date.now() - start;
      assert.ok(took > 400 && took < 1500, `${took} ms`);
      wire.destroy();
    });

    it('a WebSocket that answers is kept', async () => {
      const wire = await Wire.websocket(server(), { path: '/fast/?EIO=4&transport=websocket' });
      for (let i = 0; i < 4; i++) {
        await wire.message((one) => one.text === '2');
        wire.write(frame(kText, '3'));
      }
      await wire.echo('4kept');
      wire.destroy();
    });
  });
});

suite('EIO 4 methods, origins and cookies', options, (server) => {
  it('methods that Engine.IO has no use for are refused, and do not disturb', async () => {
    const polling = await openAt(server());
    for (const method of ['PUT', 'DELETE', 'PATCH', 'PROPFIND', 'MKCOL', 'TRACE', 'BREW', 'get']) {
      for (const path of [polling.url(), `${kPath}?EIO=4&transport=polling`]) {
        const wire = await Wire.open(server());
        wire.write(requestBytes({ method, path, headers: [['Host', 'x'], ['Connection', 'close']] }));
        const { status } = await wire.head();
        assert.ok(status >= 400 && status < 500, `${method} ${path} is answered ${status}`);
        await wire.end();
      }
    }
    await assertEcho(polling);
  });

  it('HEAD is refused without a body, and is no poll', async () => {
    const polling = await openAt(server());
    await polling.post('4waiting');
    for (const path of [polling.url(), `${kPath}?EIO=4&transport=polling`]) {
      const answer = await request(server(), { method: 'HEAD', path });
      assert.ok(answer.status >= 400 && answer.status < 500, `${answer.status}`);
      assert.equal(answer.body, '');
    }
    assert.deepEqual(await collect(polling, 1), ['4waiting']);
  });

  it('a POST without a sid is code 2, so is PUT', async () => {
    assertCode(await request(server(), { method: 'POST', path: `${kPath}?EIO=4&transport=polling`, body: '4x' }), 2);
    assertCode(await request(server(), { method: 'PUT', path: `${kPath}?EIO=4&transport=polling`, body: '4x' }), 2);
  });

  const preflight = (path, Origin, sid = '') => request(server(), { method: 'OPTIONS', path: `${path}?EIO=4&transport=polling${sid}`,
    headers: { Origin, 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'content-type' } });

  function assertAllowed(answer, origin) {
    assert.ok(answer.status === 204 || answer.status === 200, `${answer.status}`);
    assert.equal(answer.body, '');
    assert.equal(answer.headers['access-control-allow-origin'], origin);
    for (const method of ['GET', 'POST']) assert.match(answer.headers['access-control-allow-methods'] ?? '', new RegExp(`(\\*|\\b${method}\\b)`));
    assert.match(answer.headers['access-control-allow-headers'] ?? '', /content-type|\*/i);
  }

  it('a preflight is answered for any origin where any may come', async () => {
    assertAllowed(await preflight('/open/', 'https://anyone.example'), '*');
    const polling = await openAt(server(), '/open/');
    assertAllowed(await preflight('/open/', 'https://anyone.example', `&sid=${polling.sid}`), '*');
    await assertEcho(polling);
  });

  it('a preflight is answered for an origin of the list, with credentials', async () => {
    const origin = 'https://films.example.org';
    const answer = await preflight('/listed/', origin);
    assertAllowed(answer, origin);
    assert.equal(answer.headers['access-control-allow-credentials'], 'true');
    assert.match(answer.headers.vary ?? '', /\borigin\b/i);
  });

  it('a preflight of another origin is refused', async () => {
    for (const path of ['/listed/', kPath]) {
      for (const origin of ['https://evil.example', 'https://films.example.org.evil.example', 'null']) {
        const answer = await preflight(path, origin);
        assert.equal(answer.headers['access-control-allow-origin'], undefined, `${path} ${origin}`);
        assert.equal(answer.status, 403);
      }
    }
  });

  it('every answer for an origin of the list names it: handshake, poll, POST and errors', async () => {
    const headers = { Origin: 'https://films.example.org' };
    const polling = await openAt(server(), '/listed/', { headers });
    const answers = [polling.opening, await polling.post('4x', { headers }), await polling.poll({ headers }),
      await request(server(), { path: '/listed/?EIO=4&transport=polling&sid=nope', headers }), await request(server(), { path: '/listed/?EIO=9&transport=polling', headers })];
    assert.deepEqual(answers.map((one) => one.status), [200, 200, 200, 400, 400]);
    for (const answer of answers) {
      assert.equal(answer.headers['access-control-allow-origin'], headers.Origin);
      assert.equal(answer.headers['access-control-allow-credentials'], 'true');
    }
  });

  it('a held poll carries the headers too', async () => {
    const headers = { Origin: 'https://films.example.org' };
    const polling = await openAt(server(), '/listed/', { headers });
    const poll = polling.poll({ headers });
    await request(server(), { path: '/worker' });
    await polling.post('4x', { headers });
    assert.equal((await poll).headers['access-control-allow-origin'], headers.Origin);
  });

  it('any origin gets *, and requests without one are served', async () => {
    const answer = await request(server(), { path: '/open/?EIO=4&transport=polling', headers: { Origin: 'https://anyone.example' } });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers['access-control-allow-origin'], '*');
    assert.equal(answer.headers['access-control-allow-credentials'], undefined, '* and credentials exclude each other');
    assert.equal((await request(server(), { path: '/listed/?EIO=4&transport=polling' })).status, 200);
  });

  it('a foreign origin may neither poll nor POST on a sid of others', async () => {
    const polling = await openAt(server());
    const headers = { Origin: 'https://evil.example' };
    assertCode(await polling.poll({ headers }), 4);
    assertCode(await polling.post('4x', { headers }), 4);
    await assertEcho(polling);
  });

  it('a cookie is set by the handshake where it is configured, and by nothing else', async () => {
    const polling = await openAt(server(), '/cookie/');
    const [cookie, ...others] = [polling.opening.headers['set-cookie']].flat();
    assert.deepEqual(others, []);
    const [pair, ...attributes] = cookie.split(/; */);
    assert.equal(pair, `io=${polling.sid}`);
    assert.deepEqual(attributes.map((one) => one.toLowerCase()).sort(), ['httponly', 'path=/', 'samesite=lax']);
    const answers = [await polling.post('4x'), await polling.poll(), await request(server(), { path: '/cookie/?EIO=4&transport=polling&sid=nope' }),
      await request(server(), { path: '/cookie/?EIO=3&transport=x' })];
    for (const answer of answers) assert.equal(answer.headers['set-cookie'], undefined, `${answer.status}`);
  });

  it('no cookie is set by default, nor when it is off', async () => {
    for (const path of [kPath, '/nocookie/', '/fast/']) {
      const polling = await openAt(server(), path);
      assert.equal(polling.opening.headers['set-cookie'], undefined, path);
    }
  });

  it('a cookie that the client sends is no sid', async () => {
    const polling = await openAt(server(), '/cookie/');
    const other = await request(server(), { path: '/cookie/?EIO=4&transport=polling', headers: { Cookie: `io=${polling.sid}` } });
    assert.equal(other.status, 200);
    assert.notEqual(JSON.parse(other.body.slice(1)).sid, polling.sid);
    await assertEcho(polling);
  });
});

suite('EIO 4 errors', options, (server) => {
  const get = (query, more = {}) => request(server(), { path: `${kPath}?${query}`, ...more });

  it('0: transport unknown', async () => {
    for (const query of ['EIO=4', 'EIO=4&transport=', 'EIO=4&transport=x', 'EIO=4&transport=Polling', 'EIO=4&transport=polling2', 'EIO=4&transport=webtransport',
      'EIO=4&transport=__proto__', 'EIO=4&Transport=polling']) assertCode(await get(query), 0);
    const polling = await openAt(server());
    assertCode(await get(`EIO=4&transport=x&sid=${polling.sid}`), 0);
    await assertEcho(polling);
  });

  it('1: session ID unknown', async () => {
    for (const sid of ['x', 'a'.repeat(20), '%20', '..%2f', '0'.repeat(2000), 'null', 'undefined']) {
      assertCode(await get(`EIO=4&transport=polling&sid=${sid}`), 1);
      assertCode(await get(`EIO=4&transport=polling&sid=${sid}`, { method: 'POST', body: '4x' }), 1);
    }
    const polling = await openAt(server());
    assertCode(await get(`EIO=4&transport=polling&sid=${polling.sid}x`), 1);
    assertCode(await get(`EIO=4&transport=polling&sid=${polling.sid.slice(0, -1)}`), 1);
    await assertEcho(polling);
  });

  it('1: also for a WebSocket', async () => {
    const wire = await Wire.open(server());
    wire.write(upgradeRequest(server(), { path: `${kPath}?EIO=4&transport=websocket&sid=nope` }));
    assert.equal((await wire.head()).status, 400);
    wire.destroy();
  });

  it('1: the sid of another application of the same zone', async () => {
    const places = [kPath, '/sockets/', '/socket.io/'];
    for (const from of places) {
      const polling = await openAt(server(), from);
      for (const to of places) {
        if (to === from) continue;
        const path = `${to}?EIO=4&transport=polling&sid=${polling.sid}`;
        assertCode(await request(server(), { path }), 1);
        assertCode(await request(server(), { method: 'POST', path, body: from === kPath ? '4x' : '40' }), 1);
        const wire = await Wire.open(server());
        wire.write(upgradeRequest(server(), { path: `${to}?EIO=4&transport=websocket&sid=${polling.sid}` }));
        assert.equal((await wire.head()).status, 400, `${from} at ${to}`);
        wire.destroy();
      }
      if (from === kPath) await assertEcho(polling);
      else assert.equal((await polling.post('40')).body, 'ok', from);
    }
  });

  it('2: bad handshake method', async () => {
    for (const method of ['POST', 'PUT', 'DELETE']) assertCode(await get('EIO=4&transport=polling', { method, body: '4x' }), 2);
  });

  it('3: bad request', async () => {
    assertCode(await get('EIO=4&transport=websocket'), 3);
    const first = await Wire.websocket(server(), { path: `${kPath}?EIO=4&transport=websocket` });
    assertCode(await get(`EIO=4&transport=polling&sid=${first.handshake.sid}`), 3);
    await first.echo('4x');
    first.destroy();
    const polling = await openAt(server());
    assertCode(await get(`EIO=4&transport=websocket&sid=${polling.sid}`), 3);
    await assertEcho(polling);
  });

  it('4: forbidden, before anything else', async () => {
    const headers = { Origin: 'https://evil.example' };
    assertCode(await get('EIO=4&transport=polling', { headers }), 4);
    const wire = await Wire.open(server());
    wire.write(requestBytes({ path: `${kPath}?EIO=4&transport=websocket`, headers: upgradeHeaders(server(), headers) }));
    assert.equal((await wire.head()).status, 403);
    wire.destroy();
  });

  it('5: unsupported protocol version', async () => {
    for (const revision of ['', '0', '1', '2', '5', '40', '4x', 'x', '-4', '4.0']) assertCode(await get(`EIO=${revision}&transport=polling`), 5);
  });

  it('leave no connection behind', async () => {
    await server().closeClients();
    const status = (await request(server(), { path: '/status' })).json();
    assert.equal(typeof status.connections, 'number');
    assert.ok(status.connections < 60, `${status.connections} connections`);
  });
});
