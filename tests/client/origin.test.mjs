// Which pages may connect.
import assert from 'node:assert/strict';
import { frame, it, kText, open, RawConnection, request, rest, suite, upgradeRequest, waitFor } from
  './harness/index.mjs';

const locations = `
    location /named/ { mediasync rooms; mediasync_origin https://films.example.org; }
    location /any/ { mediasync rooms; mediasync_origin any; }
    location /named-api/sessions { mediasync_api rooms; mediasync_origin https://films.example.org; }
    location /any-api/sessions { mediasync_api rooms; mediasync_origin any; }
    location /apps/ { mediasync rooms; mediasync_origin https://*.example.org:* capacitor://localhost file:// null; }
    location /proxied/ { mediasync rooms; mediasync_origin same scheme=$http_x_forwarded_proto; }`;
const kNamed = 'https://films.example.org';
const kEvil = 'https://evil.example';
// Near misses of an allowed name.
const kNearMisses = ['http://films.example.org', 'https://films.example.org.evil.example', 'https://evil-films.example.org',
  'https://films.example.org:8443', 'https://sub.films.example.org', 'null', 'https://', 'films.example.org'];

suite('mediasync_origin', { locations, tls: true }, (server) => {
  const handshake = (path, origin, method = 'GET') => request(server(), { method, path: `${path}?EIO=4&transport=polling`,
    headers: origin === null ? {} : { Origin: origin } });
  const upgrade = async (path, origin) => {
    const raw = await RawConnection.open(server());
    raw.write(upgradeRequest(server(), { path: `${path}?EIO=4&transport=websocket`, headers: { Origin: origin } }));
    const answer = await raw.response();
    raw.destroy();
    return answer.status;
  };
  const create = (path, origin) => rest(server(), 'POST', path, { creatorId: 'a', creatorName: 'b' },
    { headers: origin === null ? {} : { Origin: origin } });

  it('is "same" by default: own origin and clients without one pass, others are 403', async () => {
    for (const origin of [null, server().origin]) {
      assert.equal((await handshake('/socket.io/', origin)).status, 200, `${origin}`);
      assert.equal(await upgrade('/socket.io/', origin), 101, `${origin}`);
      assert.equal((await create('/api/sessions', origin)).status, 201, `${origin}`);
    }
    const port = Number(new URL(server().origin).port);
    for (const origin of [kEvil, 'null', `http://127.0.0.1:${port + 1}`, `http://127.0.0.1.evil.example:${port}`, 'http://127.0.0.1']) {
      assert.equal((await handshake('/socket.io/', origin)).status, 403, origin);
      assert.equal(await upgrade('/socket.io/', origin), 403, origin);
      assert.equal((await create('/api/sessions', origin)).status, 403, origin);
    }
  });

  it('is "same" for native clients that call the scheme ws', async () => {
    assert.equal(await upgrade('/socket.io/', server().origin.replace('http', 'ws')), 101);
    assert.equal((await handshake('/socket.io/', server().origin.replace('http', 'ws'))).status, 200);
  });

  it('compares the scheme where it is known: over TLS, and behind a proxy that says it', async () => {
    const secure = async (origin) => {
      const raw = await RawConnection.open(server(), { tls: true });
      raw.write(upgradeRequest(server(), { headers: { Origin: origin } }));
      const { status } = await raw.response();
      raw.destroy();
      return status;
    };
    assert.equal(await secure(server().origin.replace('http', 'https')), 101);
    assert.equal(await secure(server().origin.replace('http', 'wss')), 101);
    assert.equal(await secure(server().origin), 403);
    const behind = async (proto, origin) => (await request(server(), { path: '/proxied/?EIO=4&transport=polling',
      headers: { Origin: origin, ...(proto && { 'X-Forwarded-Proto': proto }) } })).status;
    const https = server().origin.replace('http', 'https');
    assert.deepEqual([await behind('https', https), await behind('https', server().origin)], [200, 403]);
    assert.deepEqual([await behind('http', https), await behind('http', server().origin)], [403, 200]);
    assert.deepEqual([await behind('', https), await behind('', server().origin)], [200, 200]);
  });

  it('admits patterns, apps and null by name', async () => {
    for (const origin of ['https://films.example.org', 'https://a.b.example.org:8443', 'wss://films.example.org',
      'capacitor://localhost', 'file://', 'null', server().origin]) {
      assert.equal(await upgrade('/apps/', origin), 101, origin);
    }
    for (const origin of ['https://example.org', 'http://films.example.org', 'https://films.example.org.evil.example',
      'ionic://localhost', 'file://x', '*']) {
      assert.equal(await upgrade('/apps/', origin), 403, origin);
    }
  });

  it('says in the error log what was compared', async () => {
    await upgrade('/socket.io/', 'https://one.evil.example');
    await handshake('/named/', 'https://two.evil.example');
    await create('/api/sessions', 'https://three.evil.example');
    const log = server().errorLog();
    const host = `127.0.0.1:${server().port}`;
    assert.match(log, new RegExp(`\\[info\\] .*client sent origin "https://one\\.evil\\.example", which is not "${host}", client: `));
    assert.match(log, new RegExp(`\\[info\\] .*client sent origin "https://two\\.evil\\.example", which is not "${host}" and not listed, `));
    assert.match(log, /client sent origin "https:\/\/three\.evil\.example", which is not /);
  });

  it('"same" tells a foreign page nothing over GET', async () => {
    const answer = await request(server(), { path: '/api/sessions', headers: { Origin: kEvil } });
    assert.ok(answer.status === 403 || answer.headers['access-control-allow-origin'] === undefined);
  });

  it('by name lets that one in with CORS and credentials, on every transport', async () => {
    const answer = await handshake('/named/', kNamed);
    assert.equal(answer.status, 200);
    assert.equal(answer.headers['access-control-allow-origin'], kNamed);
    assert.equal(answer.headers['access-control-allow-credentials'], 'true');
    assert.match(answer.headers.vary ?? '', /origin/i);
    assert.equal(await upgrade('/named/', kNamed), 101);
    const made = await create('/named-api/sessions', kNamed);
    assert.equal(made.status, 201);
    assert.equal(made.headers['access-control-allow-origin'], kNamed);
  });

  it('by name refuses near misses', async () => {
    for (const origin of [kEvil, ...kNearMisses]) {
      const answer = await handshake('/named/', origin);
      assert.equal(answer.status, 403, origin);
      assert.equal(answer.headers['access-control-allow-origin'], undefined, origin);
      assert.equal(await upgrade('/named/', origin), 403, origin);
      assert.equal((await create('/named-api/sessions', origin)).status, 403, origin);
    }
  });

  it('carries CORS on polls, posts and errors too, so that a page can read them', async () => {
    const { sid } = JSON.parse((await handshake('/named/', kNamed)).body.slice(1));
    const path = `/named/?EIO=4&transport=polling&sid=${sid}`;
    const headers = { Origin: kNamed };
    const posted = await request(server(), { method: 'POST', path, body: '40', headers });
    const polled = await request(server(), { path, headers });
    const unknown = await request(server(), { path: `${path}x`, headers });
    assert.deepEqual([posted.status, polled.status, unknown.status], [200, 200, 400]);
    const notFound = await request(server(), { path: '/named-api/sessions/nope', headers });
    assert.equal(notFound.status, 404);
    for (const answer of [posted, polled, unknown, notFound]) {
      assert.equal(answer.headers['access-control-allow-origin'], kNamed);
      assert.equal(answer.headers['access-control-allow-credentials'], 'true');
    }
  });

  it('answers the preflight for polling and REST', async () => {
    for (const path of ['/named/?EIO=4&transport=polling&sid=x', '/named-api/sessions']) {
      const answer = await request(server(), { method: 'OPTIONS', path, headers: { Origin: kNamed,
        'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'content-type' } });
      assert.ok([200, 204].includes(answer.status), `${path} → ${answer.status}`);
      assert.equal(answer.headers['access-control-allow-origin'], kNamed);
      assert.equal(answer.headers['access-control-allow-credentials'], 'true');
      assert.match(answer.headers['access-control-allow-methods'], /\bPOST\b/);
      assert.match(answer.headers['access-control-allow-headers'], /content-type/i);
      const evil = await request(server(), { method: 'OPTIONS', path, headers: { Origin: kEvil,
        'Access-Control-Request-Method': 'POST' } });
      assert.equal(evil.headers['access-control-allow-origin'], undefined);
    }
  });

  it('"any" lets every page in', async () => {
    for (const origin of [kEvil, kNamed, 'null', server().origin]) {
      const answer = await handshake('/any/', origin);
      assert.equal(answer.status, 200, origin);
      assert.ok([origin, '*'].includes(answer.headers['access-control-allow-origin']), origin);
      assert.equal(await upgrade('/any/', origin), 101, origin);
      assert.equal((await create('/any-api/sessions', origin)).status, 201, origin);
    }
  });

  it('does not split headers with what an Origin carries', async () => {
    const raw = await RawConnection.open(server());
    raw.write(`GET /any/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\nOrigin: https://a\tb"c<d>\r\nConnection: close\r\n\r\n`);
    const answer = await raw.response();
    assert.ok([200, 400, 403].includes(answer.status));
  });

  for (const transport of ['polling', 'websocket']) {
    it(`lets a stock client in by name over ${transport}, and a foreign one gets connect_error`, async () => {
      const friend = open(server(), { transport, path: '/named/', extraHeaders: { Origin: kNamed } });
      await waitFor(friend, 'connect');
      const foe = open(server(), { transport, path: '/named/', extraHeaders: { Origin: kEvil } });
      await waitFor(foe, 'connect_error');
      assert.equal(foe.connected, false);
    });
  }

  it('does not judge later frames of a connection', async () => {
    const raw = await RawConnection.open(server());
    raw.write(upgradeRequest(server(), { path: '/named/?EIO=4&transport=websocket', headers: { Origin: kNamed } }));
    assert.equal((await raw.response()).status, 101);
    raw.write(frame(kText, '40'));
    await raw.message((text) => text.startsWith('40'));
  });
});
