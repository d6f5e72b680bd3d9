// Wrong configuration is refused by nginx -t in NGINX's own wording, with the line named.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { checkConfiguration, configuration, connect, describe, fence, it, repoRoot, room, Server, until } from
  './harness/index.mjs';

const ports = { http: 18080 };
const check = (options) => checkConfiguration(configuration({ workers: 1, ...options }, ports));
const location = (directives) => ({ locations: `location /x/ { ${directives} }` });

/** The directives of docs/directives.md: {name, standard, contexts}, where `standard` is what holds by default. */
function documented() {
  const docs = fs.readFileSync(`${repoRoot}/docs/directives.md`, 'utf8');
  return [...docs.matchAll(/^Syntax: +(mediasync\w*)(?!…)\b.*?^Default: +(.*?)$.*?^Context: +(.*?)$/gms)]
    .map(([, name, standard, contexts]) => ({ name, standard, contexts: contexts.split(', ') }));
}

/** The same of the module's table. */
function programmed() {
  const table = fs.readFileSync(`${repoRoot}/ngx_module/directives.cc`, 'utf8');
  const contexts = { global: ['http'], endpoint: ['location'] };
  return [...table.matchAll(/^ {4}(global|endpoint|setting|checked|absent)\("(\w+)", \w+, \w+(?:,\s+"([^"]*)")?/gm)]
    .map(([, kind, name, standard]) => ({ name, kind, standard: standard && `${name} ${standard};`,
      contexts: contexts[kind] ?? ['http', 'server', 'location'] }));
}

describe('docs/directives.md', () => {
  const docs = documented();

  it('has the directives of the module, with their contexts and defaults', () => {
    const table = programmed();
    assert.ok(table.length > 40, `${table.length} found`);
    assert.deepEqual(docs.map(({ name }) => name).sort(), table.map(({ name }) => name).sort());
    for (const { name, kind, standard, contexts } of table) {
      const said = docs.find((one) => one.name === name);
      assert.deepEqual(said.contexts, contexts, name);
      if (standard) assert.equal(said.standard, standard);
      else assert.ok(['—', '–'].includes(said.standard) || (kind === 'absent' && said.standard === `${name} off;`), `${name}: ${said.standard}`);
    }
  });

  it('has defaults that NGINX takes in every context that it names', async () => {
    const inContext = (context) => docs.filter(({ standard, contexts }) => contexts.includes(context) && standard.endsWith(';'))
      .map(({ standard }) => standard).join('\n');
    const { ok, output } = await check({ http: inContext('http'), server: inContext('server'), ...location(inContext('location')) });
    assert.ok(ok, output);
  });

  it('names every context where NGINX allows a directive', async () => {
    const places = { http: (text) => ({ http: text }), server: (text) => ({ server: text }), location };
    for (const { name, contexts } of docs) {
      for (const [context, at] of Object.entries(places)) {
        if (contexts.includes(context)) continue;
        assert.match((await check(at(`${name} watch;`))).output, new RegExp(`"${name}" directive is not allowed here`), context);
      }
    }
  });
});

describe('nginx -t', () => {
  it('takes every directive and parameter there is', async () => {
    const { ok, output } = await check({
      zone: 'shards=8 session_timeout=24h user_timeout=10m disconnect_grace=5s restart_grace=20s recovery=2m drain=2s',
      http: 'mediasync_zone zone=other:1m; mediasync_max_users 50; mediasync_origin any; mediasync_eio3 off;',
      ...location(`mediasync other; mediasync_timestamps milliseconds; mediasync_ping_interval 300ms;
        mediasync_ping_timeout 20s; mediasync_max_payload 64k; mediasync_max_sessions 10; mediasync_max_users 5;
        mediasync_origin https://a.example https://b.example:8443 https://*.c.example:* null file:// app://x scheme=$scheme; mediasync_connect_timeout 10s;
        mediasync_eio3 on; mediasync_recovery off; mediasync_list off; mediasync_create off; mediasync_media /films/ /a; mediasync_cookie io; mediasync_deflate on;
        mediasync_deflate_min_length 512; mediasync_deflate_window 4k; mediasync_deflate_level 6;
        mediasync_max_connections 100; mediasync_limit_events rate=50r/s burst=100; mediasync_limit_user_events off;
        mediasync_limit_joins burst=5 rate=30r/m; mediasync_limit_session_joins rate=1r/s;
        mediasync_limit_sessions rate=1000000000r/m burst=1000000000; mediasync_limit_create rate=30r/m burst=50;
        mediasync_limit_replies rate=64k burst=2m;
        mediasync_user $remote_user; mediasync_user_secret on cookie=seat;
        mediasync_log c.log combined buffer=32k flush=1s if=$arg_x; mediasync_log d.log; mediasync_log e.log mediasync gzip=2;`),
      server: `location /y/ { mediasync_engine_echo other; } location /z/ { mediasync_socket_echo other; }
        location = /s { mediasync_status other format=prometheus; } location /r { mediasync_api other; }`,
    });
    assert.ok(ok, output);
  });

  it('takes the sizes that the documentation names, and none below', async () => {
    const docs = fs.readFileSync(`${repoRoot}/docs/directives.md`, 'utf8');
    const table = [...docs.matchAll(/^\| (\d+)(?: \(default\))? \| (\d+) KB \|$/gm)].map(([, ...row]) => row.map(Number));
    assert.ok(table.length >= 4, 'the table of the smallest zones');
    for (const [shards, kilobytes] of table) {
      const zone = (size) => ({ http: `mediasync_zone zone=two:${size}k shards=${shards};` });
      const { ok, output } = await check(zone(kilobytes));
      assert.ok(ok, output);
      assert.match((await check(zone(kilobytes - 1))).output, new RegExp(`too small, ${kilobytes} kilobytes`));
    }
    for (const size of ['1g', '1G', '1024m', '1048576k', '1073741824']) {
      const { ok, output } = await check({ http: `mediasync_zone zone=two:${size};` });
      assert.ok(ok, `${size}: ${output}`);
    }
    // As large as this is the memory of few machines.
    const { output } = await check({ http: 'mediasync_zone zone=two:32g;' });
    assert.match(output, /syntax is ok/);
  });

  // title → [options, words that the message must have]
  const wrong = {
    'an unknown zone': [location('mediasync nosuch;'), /nosuch/],
    'a log of connections without a path': [location('mediasync_log;'), /invalid number of arguments in "mediasync_log" directive/],
    'a log of an unknown format': [location('mediasync_log c.log nosuch;'), /unknown log format "nosuch"/],
    'a log with an unknown parameter': [location('mediasync_log c.log combined nosuch=1;'), /invalid parameter "nosuch=1"/],
    'a log whose path clients would choose': [location('mediasync_log logs/$mediasync_session.log;'), /has a path that clients would choose/],
    'a log whose path users would choose': [location('mediasync_log ${mediasync_user}.log;'), /has a path that clients would choose/],
    'no log, and a parameter': [location('mediasync_log off combined;'), /invalid parameter "combined"/],
    'a log of a format by the name of ours': [{ http: 'log_format mediasync "$uri";' }, /duplicate "log_format" name "mediasync"/],
    'an unknown zone for REST': [location('mediasync_api nosuch;'), /nosuch/],
    'an unknown zone for the status': [location('mediasync_status nosuch;'), /nosuch/],
    'mediasync without a zone name': [location('mediasync;'), /invalid number of arguments in "mediasync" directive/],
    'mediasync with an empty name': [location('mediasync "";'), /mediasync|zone/],
    'a zone without the zone parameter': [{ http: 'mediasync_zone shards=4;' }, /"zone" parameter|must have .*zone/],
    'a zone without a size': [{ http: 'mediasync_zone zone=two;' }, /invalid zone size|invalid parameter.*zone=two/],
    'a zone without a name': [{ http: 'mediasync_zone zone=:1m;' }, /invalid|zone/],
    'a size that is no number': [{ http: 'mediasync_zone zone=two:abc;' }, /invalid zone size/],
    'a negative size': [{ http: 'mediasync_zone zone=two:-1m;' }, /invalid zone size/],
    'a zone that is too large': [{ http: 'mediasync_zone zone=two:33g;' }, /too large, at most 32g/],
    'a size beyond all numbers': [{ http: 'mediasync_zone zone=two:9999999999g;' }, /invalid zone size/],
    'a zone that is too small': [{ http: 'mediasync_zone zone=two:4k;' }, /too small/],
    'a zone defined twice': [{ http: 'mediasync_zone zone=rooms:8m;' }, /rooms.*(already|duplicate|conflict|is bound)|(already|duplicate).*rooms/],
    'an unknown parameter of a zone': [{ zone: 'colour=red' }, /invalid parameter "colour=red"/],
    'no shards': [{ zone: 'shards=0' }, /shards=0/],
    'shards that are no number': [{ zone: 'shards=many' }, /shards=many/],
    'a session_timeout that is no time': [{ zone: 'session_timeout=soon' }, /session_timeout=soon/],
    'a user_timeout that is no time': [{ zone: 'user_timeout=-1' }, /user_timeout=-1/],
    'a restart_grace that is no time': [{ zone: 'restart_grace=soon' }, /restart_grace=soon/],
    'a path of media that is none': [{ sync: 'mediasync_media films/;' }, /invalid path "films\/"/],
    'any media and a path': [{ sync: 'mediasync_media any /films/;' }, /invalid path "any"/],
    'media given twice': [{ sync: 'mediasync_media any; mediasync_media /films/;' }, /duplicate/],
    'a disconnect_grace that is no time': [{ zone: 'disconnect_grace=5x' }, /disconnect_grace=5x/],
    'an unknown timestamps word': [{ sync: 'mediasync_timestamps fortnights;' }, /fortnights/],
    'a ping interval that is no time': [{ sync: 'mediasync_ping_interval often;' }, /invalid value|often/],
    'a ping interval of 0': [{ sync: 'mediasync_ping_interval 0;' }, /mediasync_ping_interval|invalid value|must be/],
    'a ping timeout that is no time': [{ sync: 'mediasync_ping_timeout -5s;' }, /invalid value|-5s/],
    'a payload that is no size': [{ sync: 'mediasync_max_payload big;' }, /invalid value|big/],
    'a count of sessions that is no number': [{ sync: 'mediasync_max_sessions x;' }, /invalid (value|number)|"x"/],
    'a count of users that is no number': [{ sync: 'mediasync_max_users -3;' }, /invalid (value|number)|"-3"/],
    'an origin without a scheme': [{ sync: 'mediasync_origin films.example.org;' }, /films\.example\.org/],
    'an origin with a path': [{ sync: 'mediasync_origin https://films.example.org/page;' }, /films\.example\.org\/page/],
    'a directive given twice': [location('mediasync rooms; mediasync rooms;'), /duplicate/],
    'a setting given twice': [{ sync: 'mediasync_ping_interval 1s; mediasync_ping_interval 2s;' }, /duplicate/],
    'a recovery that is no time': [{ zone: 'recovery=long' }, /recovery=long/],
    'an unknown zone for an echo': [location('mediasync_socket_echo nosuch;'), /nosuch/],
    'two applications in one location': [location('mediasync rooms; mediasync_engine_echo rooms;'), /duplicate/],
    'a cookie name that is none': [{ sync: 'mediasync_cookie "a b";' }, /invalid cookie name "a b"/],
    'an empty cookie name': [{ sync: 'mediasync_cookie "";' }, /must have a name/],
    'eio3 that is neither on nor off': [{ sync: 'mediasync_eio3 3;' }, /invalid value "3"/],
    'recovery that is neither on nor off': [{ sync: 'mediasync_recovery maybe;' }, /invalid value "maybe"/],
    'a window that zlib does not have': [{ sync: 'mediasync_deflate_window 3k;' }, /must be 512, 1k, 2k, 4k/],
    'a level that zlib does not have': [{ sync: 'mediasync_deflate_level 10;' }, /mediasync_deflate_level|must be/],
    'a count of connections that is no number': [{ sync: 'mediasync_max_connections all;' }, /invalid (value|number)|"all"/],
    'a rate without a unit': [{ sync: 'mediasync_limit_events rate=50;' }, /invalid rate "rate=50"/],
    'a rate of another unit': [{ sync: 'mediasync_limit_joins rate=50/s;' }, /invalid rate "rate=50\/s"/],
    'a rate of bytes for events': [{ sync: 'mediasync_limit_user_events rate=50k;' }, /invalid rate "rate=50k"/],
    'a rate of 0': [{ sync: 'mediasync_limit_events rate=0r/s;' }, /invalid rate "rate=0r\/s"/],
    'a rate that is too high': [{ sync: 'mediasync_limit_events rate=2000000000r/s;' }, /invalid rate/],
    'a rate of requests for bytes': [{ sync: 'mediasync_limit_replies rate=5r/s;' }, /invalid rate "rate=5r\/s"/],
    'a burst of 0': [{ sync: 'mediasync_limit_sessions rate=1r/s burst=0;' }, /invalid burst value "burst=0"/],
    'a burst that is no number': [{ sync: 'mediasync_limit_session_joins rate=1r/s burst=x;' }, /invalid burst value "burst=x"/],
    'a limit without a rate': [{ sync: 'mediasync_limit_events burst=5;' },
      /"mediasync_limit_events" must have "rate" parameter/],
    'an unknown parameter of a limit': [{ sync: 'mediasync_limit_events rate=1r/s nodelay;' }, /invalid parameter "nodelay"/],
    'a limit that is off with a burst': [{ sync: 'mediasync_limit_events off burst=5;' }, /invalid parameter "off"/],
    'a limit given twice': [{ sync: 'mediasync_limit_events off; mediasync_limit_events off;' }, /duplicate/],
    'mediasync outside a location': [{ server: 'mediasync rooms;' }, /"mediasync" directive is not allowed here/],
    'mediasync_zone inside a server': [{ server: 'mediasync_zone zone=two:1m;' }, /"mediasync_zone" directive is not allowed here/],
  };
  for (const [title, [options, words]] of Object.entries(wrong)) {
    it(`refuses ${title}`, async () => {
      const { ok, output } = await check(options);
      assert.equal(ok, false, 'the configuration was taken');
      const line = output.split('\n').find((one) => one.includes('[emerg]'));
      assert.ok(line, output);
      assert.match(line, words);
      assert.match(line, / in \S*nginx\.conf:\d+$/, 'the line is named');
      assert.doesNotMatch(output, /signal|Sanitizer|\[alert\]/);
    });
  }

  // [directive, words that the message must have]; each is the only content of its line.
  const misplaced = [
    ['mediasync_origin http://;', /invalid origin "http:\/\/"/],
    ['mediasync_origin https://;', /invalid origin "https:\/\/"/],
    ['mediasync_origin https:///x;', /invalid origin "https:\/\/\/x"/],
    ['mediasync_origin https://:8443;', /invalid origin "https:\/\/:8443"/],
    ['mediasync_origin https://*;', /invalid origin "https:\/\/\*"/],
    ['mediasync_origin https://a.*.example;', /invalid origin "https:\/\/a\.\*\.example"/],
    ['mediasync_origin https://a.example:x;', /invalid origin "https:\/\/a\.example:x"/],
    ['mediasync_origin "*";', /invalid origin "\*"/],
    ['mediasync_origin same scheme=;', /invalid "scheme" parameter/],
    ['mediasync_origin https://a.example/;', /invalid origin "https:\/\/a\.example\/"/],
    ['mediasync_origin https://a.example https:///x;', /invalid origin "https:\/\/\/x"/],
    ['mediasync_origin https://a.example any;', /invalid origin "any"/],
    ['mediasync_max_payload 0;', /"mediasync_max_payload" directive must be at least 1000/],
    ['mediasync_max_payload 999;', /"mediasync_max_payload" directive must be at least 1000/],
    ['mediasync_ping_interval 0;', /"mediasync_ping_interval" directive must not be zero/],
    ['mediasync_ping_interval 0ms;', /"mediasync_ping_interval" directive must not be zero/],
    ['mediasync_ping_timeout 0;', /"mediasync_ping_timeout" directive must not be zero/],
    ['mediasync_connect_timeout 0;', /"mediasync_connect_timeout" directive must not be zero/],
  ];
  for (const where of ['http', 'server', 'sync', 'api']) {
    it(`names the line of a wrong value in ${where === 'sync' || where === 'api' ? 'a location' : where} (${where})`, async () => {
      for (const [directive, words] of misplaced) {
        const text = configuration({ workers: 1, [where]: `\n${directive}\n` }, ports);
        const { ok, output } = await checkConfiguration(text);
        assert.equal(ok, false, `${directive} was taken`);
        const line = text.split('\n').indexOf(directive) + 1;
        const said = output.split('\n').filter((one) => one.includes('[emerg]'));
        assert.equal(said.length, 1, output);
        assert.match(said[0], words);
        assert.ok(said[0].endsWith(`nginx.conf:${line}`), `line ${line}: ${said[0]}`);
      }
    });
  }

  it('says nothing more than one [emerg] for one mistake', async () => {
    const { output } = await check({ zone: 'shards=0' });
    assert.equal(output.split('\n').filter((line) => line.includes('[emerg]')).length, 1, output);
  });
});

describe('a reload with a wrong configuration', () => {
  it('leaves the running one in place', async () => {
    const server = await Server.start({ workers: 2 });
    try {
      const { leader, members } = await room(server);
      const before = server.workerPids();
      fs.writeFileSync(`${server.prefix}/nginx.conf`, configuration({ workers: 2, zone: 'shards=0' }, { http: server.port }));
      server.signal('SIGHUP');
      await until('the refusal in the log', async () => /\[emerg\].*shards=0/.test(server.errorLog()));
      assert.deepEqual(server.workerPids(), before);
      await fence(leader, members);
      await connect(server);
    } finally {
      await server.stop({ allow: /\[emerg\].*shards=0/ });
    }
  });
});
