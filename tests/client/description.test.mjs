// The API's description, core/api/description.json: what is made of it is up to date and sound, it agrees with the documents,
// and a server takes, refuses and tells what it says. The harness compares all that other tests are told with it.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import Ajv from 'ajv';
import { Validator } from '@seriousme/openapi-schema-validator';
import { admin, adminStatuses, codes, commands, description, events, fieldsOf, hasData, kAnyRefusals, made, objects, openapi, problems, root,
  schemaName } from '../../scripts/lib/description.mjs';
import { faultOf } from './harness/described.mjs';
import { ask, clear, connect, describe, enter, fence, it, join, received, refused, request, rest, room, state, suite, unique, until,
  waitFor } from './harness/index.mjs';

const packageOf = createRequire(import.meta.url);
const { parse } = packageOf('yaml');
const read = (name) => fs.readFileSync(path.join(root, name), 'utf8');

describe('what is made of the description', () => {
  for (const [name, text] of Object.entries(made())) {
    it(`is ${name} as it is in the tree`, () => {
      assert.equal(read(name), text, 'run scripts/describe');
    });
  }

  it('is an OpenAPI document', async () => {
    const { valid, errors } = await new Validator().validate(parse(read('docs/openapi.yaml')));
    assert.ok(valid, JSON.stringify(errors, null, 1));
  });

  it('is an AsyncAPI document', () => {
    const ajv = new Ajv({ strict: false, meta: false, validateSchema: false, validateFormats: false });
    const validate = ajv.compile(packageOf('@asyncapi/specs/schemas/3.0.0.json')); // which has the schema of schemas in it
    assert.ok(validate(parse(read('docs/asyncapi.yaml'))), ajv.errorsText(validate.errors));
  });

  for (const name of ['docs/openapi.yaml', 'docs/asyncapi.yaml']) {
    it(`refers to nothing that is not in ${name}, and has nothing that it does not need`, () => {
      const document = parse(read(name));
      const referred = new Set([...read(name).matchAll(/\$ref: "#\/([^"]+)"/g)].map(([, where]) => where));
      assert.ok(referred.size > 0);
      for (const where of referred) {
        assert.ok(where.split('/').reduce((part, key) => part?.[key], document), `#/${where} is missing`);
      }
      for (const schema of Object.keys(document.components.schemas)) assert.ok(referred.has(`components/schemas/${schema}`), schema);
    });
  }
});

// tests/unit/api/description_test.cc compares the rest with what the code says of itself.
describe('the description and the code', () => {
  it('have the same codes', () => {
    const known = [...read('core/session/refusal.h').matchAll(/Refusal k\w+\{\s*"([A-Z_]+)"/g)].map(([, code]) => code);
    const removed = [...read('core/app/script_calls.cc').matchAll(/Refusal k(?:Kicked|Closed)\{\s*"([A-Z_]+)"/g)].map(([, code]) => code);
    assert.equal(removed.length, 2);
    assert.deepEqual([...known, ...removed].sort(), Object.keys(codes).sort());
  });
});

/** The part of docs/api.md beneath a heading, up to the next one. */
function sectionOf(heading) {
  const text = read('docs/api.md');
  const at = text.search(new RegExp(`^#+ \`?${heading}\`?(?: \\(leader only\\))?$`, 'm'));
  assert.ok(at >= 0, `docs/api.md has no section "${heading}"`);
  return text.slice(at).replace(/^#.*\n/, '').split(/^#/m)[0];
}
const rowsOf = (section) => section.split('\n').filter((line) => line.startsWith('| `')).map((line) => line.split(/ \| /));
const wordsIn = (cell) => [...cell.matchAll(/`(\w+)`/g)].map(([, word]) => word);
const rowFields = (heading) => rowsOf(sectionOf(heading)).flatMap(([names]) => wordsIn(names));

describe('the description and docs/api.md', () => {
  const pages = {
    ...Object.fromEntries(Object.keys(commands).map((name) => [name, commands[name].fields])),
    ...Object.fromEntries(['Session', 'User'].map((name) => [name, objects[name].fields])),
    'Playback state': objects.PlaybackState.fields,
    ...Object.fromEntries(Object.keys(events).filter((name) => !commands[name]).map((name) => [name, events[name].fields])),
    heartbeat_ack: objects.ServerTime.fields,
    'POST /api/sessions': objects.CreateSession.fields,
    'GET /api/sessions': objects.SessionSummary.fields,
  };
  for (const [heading, fields] of Object.entries(pages)) {
    it(`have the same fields of ${heading}`, () => {
      assert.deepEqual(rowFields(heading).sort(), fields.map(({ name }) => name).sort());
    });
  }

  it('have the same bounds of texts', () => {
    for (const [name, { fields }] of Object.entries({ ...commands, 'POST /api/sessions': objects.CreateSession })) {
      for (const [cell, type] of rowsOf(sectionOf(name))) {
        const field = fields.find((one) => one.name === wordsIn(cell)[0]);
        if (field.type !== 'text') continue;
        const [, least = '0', most] = /text, (?:(\d+) to|up to) (\d+) bytes/.exec(type);
        assert.deepEqual([Number(least), Number(most)], field.bytes, `${field.name} of ${name}`);
      }
    }
  });

  it('have the same codes', () => {
    assert.deepEqual(rowFields('Error codes').sort(), Object.keys(codes).sort());
  });

  it('have the same statuses of REST', () => {
    const listed = [...sectionOf('Status codes').matchAll(/^\| (\d{3}) \|/gm)].map(([, status]) => status);
    const answered = Object.values(description.rest).flatMap((operations) => Object.values(operations).flatMap(({ answers }) => Object.keys(answers)));
    const ofAnyPath = ['204', '405']; // OPTIONS, and methods that there are not
    assert.deepEqual(listed.filter((status) => !ofAnyPath.includes(status)).sort(), [...new Set(answered)].sort());
    assert.deepEqual(Object.keys(description.statuses).sort(), [...new Set(answered)].sort());
  });

  it('have the same statuses for admins', () => {
    const section = sectionOf('For admins');
    const listed = [...section.matchAll(/^\| (\d{3}) \|/gm)].map(([, status]) => status);
    const answered = Object.values(admin).flatMap((operations) => Object.values(operations).flatMap(({ answers }) => Object.keys(answers)));
    assert.deepEqual(['200', ...listed.filter((status) => status !== '405')].sort(), [...new Set(answered)].sort());
    assert.deepEqual(Object.keys(adminStatuses).sort(), [...new Set(answered)].sort());
    const paths = Object.entries(admin).flatMap(([name, operations]) => Object.keys(operations).map((method) =>
      `${method.toUpperCase()} ${name.replace(/\{(\w+)\}/g, ':$1')}`));
    assert.deepEqual([...section.matchAll(/^\| `([A-Z]+ \/[^`]*)` \|/gm)].map(([, path]) => path).sort(), paths.sort());
  });

  it('name the same commands that scripts are not asked about as lua/README.md', () => {
    const row = read('lua/README.md').split('\n').find((line) => line.startsWith('| `command` |'));
    const others = wordsIn(/ except (.*?),? as the /.exec(row)[1]);
    assert.deepEqual(others.sort(), Object.keys(commands).filter((name) => !commands[name].hook).sort());
  });
});

// ---- a server that runs

const kTexts = (most) => ['x'.repeat(most), 'é'.repeat(most / 2), '🎬'.repeat(most / 4)];

/** Values that a field takes, and values that break its rule, by its description alone. */
function rightOf({ type, bytes, minimum, maximum, optional }) {
  const more = optional ? [null, undefined] : [];
  switch (type) {
    case 'text': return [...kTexts(bytes[1]), ...(bytes[0] > 0 ? ['y'.repeat(bytes[0])] : ['']), ...more];
    case 'boolean': return [true, false, ...more];
    case 'problem': return [...problems, ...more];
    default: return [minimum ?? -1.5, maximum ?? 1e9, 0.1 + (minimum ?? 0), ...more];
  }
}
function wrongOf({ type, bytes, minimum, maximum, optional }) {
  const more = [[], {}, ...(optional ? [] : [null, undefined])];
  switch (type) {
    case 'text': return [...kTexts(bytes[1] + 4), 'a\nb', 'a\x7f', 'a\x85', 5, true, ...(bytes[0] > 0 ? ['y'.repeat(bytes[0] - 1)] : []), ...more];
    case 'boolean': return ['true', 1, ...more];
    case 'problem': return ['other', '', 5, true, ...more];
    default: return ['5', true, ...(minimum === undefined ? [] : [minimum - 0.01]), ...(maximum === undefined ? [] : [maximum + 0.01]), ...more];
  }
}

/** Data of a command that is right, with nothing that is not required. */
function leastOf(name) {
  const least = { text: () => unique('some'), number: ({ minimum }) => minimum ?? 0, boolean: () => false };
  return Object.fromEntries(commands[name].fields.filter(({ optional }) => !optional).map((field) => [field.name, least[field.type](field)]));
}

const kUnlimited = 'mediasync_limit_joins rate=1000r/s burst=10000; mediasync_limit_events rate=10000r/s burst=100000;';

suite('a server, by the description', { workerCounts: [2], sync: kUnlimited, api: 'mediasync_list on;',
  locations: 'location /admin { mediasync_admin rooms; }' }, (server) => {
  /** A socket that may send any command: it leads, or, to join, is in no session. */
  async function sender(name) {
    const socket = await connect(server());
    if (name !== 'join_session') await join(socket, { sessionId: unique('room') });
    return socket;
  }

  for (const [name, { fields, needsData }] of Object.entries(commands)) {
    it(`refuses wrong fields of ${name}, each with its code, and so does the schema`, async () => {
      const socket = await sender(name);
      for (const field of fields.filter(({ refusal }) => refusal)) {
        for (const value of wrongOf(field)) {
          const data = { ...leastOf(name), [field.name]: value };
          await refused(socket, name, [data], field.refusal);
          assert.ok(faultOf(schemaName(name), JSON.parse(JSON.stringify(data))), `the schema takes ${field.name}: ${JSON.stringify(value)}`);
        }
      }
      if (needsData) for (const data of [undefined, null, 5, 'text', [], true]) await refused(socket, name, [data], 'INVALID_PAYLOAD');
    });

    it(`takes all right fields of ${name}, and so does the schema`, async () => {
      let socket = await sender(name);
      const taken = fields.flatMap((field) => rightOf(field).map((value) => ({ ...leastOf(name), [field.name]: value })));
      for (const data of [leastOf(name), ...taken]) {
        if (hasData(name)) assert.equal(faultOf(schemaName(name), JSON.parse(JSON.stringify(data))), null);
        // A leader has no need to ask for the lead.
        const answer = await ask(socket, name, data);
        if (name === 'request_leadership') assert.equal(answer.code, 'LEADER_ACTIVE');
        else assert.equal(answer.success, true, `${name} ${JSON.stringify(data).slice(0, 200)}: ${JSON.stringify(answer)}`);
        if (name === 'join_session') {
          socket.disconnect();
          socket = await sender(name);
        }
      }
    });
  }

  it('takes a mediaId that is as long as the mediaUrl when it is the same, and so does the schema', async () => {
    const socket = await sender('load_media');
    for (const [name, more] of [['load_media', {}], ['sync_playback', { position: 0, isPlaying: false }]]) {
      const mediaUrl = `/films/${'x'.repeat(500)}.mp4`;
      const data = { ...more, mediaUrl, mediaId: mediaUrl };
      assert.equal((await ask(socket, name, data)).success, true);
      assert.equal(faultOf(schemaName(name), data), null);
      await refused(socket, name, [{ ...data, mediaId: `${mediaUrl}x` }], 'INVALID_MEDIA_ID');
    }
  });

  it('tells every event, with every field that it may have and without, and acknowledges as described', async () => {
    const { leader, followers: [follower], members, sessionId } = await room(server());
    const answers = {};
    const command = async (socket, name, data) => {
      const answer = await ask(socket, name, ...(data === undefined ? [] : [data]));
      assert.equal(faultOf(answer.success ? commands[name].acknowledgement : 'Refused', answer), null);
      (answers[name] ??= []).push(answer);
    };
    await command(follower, 'request_session_state');
    await command(follower, 'report_desync', { reportedPosition: 1 });
    await command(follower, 'report_desync', { reportedPosition: 1, reportedTime: 2 });
    await command(leader, 'sync_playback', { position: 0, isPlaying: false }); // there is no film yet
    await command(leader, 'load_media', { mediaUrl: '/films/a.mp4' });
    await command(leader, 'sync_playback', { position: 1, isPlaying: true });
    const at = (await ask(leader, 'heartbeat')).timestamp;
    await command(leader, 'sync_playback', { position: 1, isPlaying: true, executeAt: at + 5 });
    for (const socket of members) {
      await command(socket, 'heartbeat');
      await command(socket, 'heartbeat', { probe: 7 });
      await command(socket, 'report_buffering', { isBuffering: true, problem: 'network' });
      await command(socket, 'report_buffering', { isBuffering: false });
    }
    await command(follower, 'request_leadership');
    await command(follower, 'sync_playback', { position: 0, isPlaying: true });
    const pictured = await enter(server(), { sessionId, userId: unique('third'), username: 'Third', avatar: 'https://example.org/a.png' });
    const polling = await enter(server(), { sessionId, userId: unique('fourth'), username: 'Fourth' }, { transport: 'polling' });
    await command(polling, 'heartbeat', { probe: 7 });
    const another = await connect(server());
    await command(another, 'join_session', { sessionId, userId: unique('fifth'), username: 'Fifth' });
    await command(follower, 'request_session_state');
    assert.equal((await rest(server(), 'POST', `/admin/sessions/${sessionId}/messages`, { message: 'Hello' })).status, 200);
    await waitFor(follower, 'server_message');
    await fence(leader, [follower, pictured, polling, another]);
    await command(leader, 'leave_session');
    await waitFor(follower, 'leadership_changed');

    const inbox = [leader, follower, pictured, polling, another].flatMap((socket) => socket.inbox);
    for (const [name, event] of Object.entries(events)) {
      const told = inbox.filter((one) => one.event === name);
      assert.ok(told.length > 0, `${name} never came`);
      for (const { args } of told) {
        assert.equal(faultOf(schemaName(name), args[0]), null);
        assert.equal(typeof args[1], event.isLogged ? 'string' : 'undefined', `the offset of ${name}`);
      }
      assertAllForms(name, fieldsOf(event), told.map(({ args }) => args[0]));
    }
    const users = received(follower, 'session_state').flatMap((session) => session.users);
    assertAllForms('a user', objects.User.fields, users);
    assertAllForms('the acknowledgement of heartbeat', fieldsOf(objects.HeartbeatDone), answers.heartbeat);
    assert.deepEqual(Object.keys(answers).sort(), Object.keys(commands).sort());
    clear(leader);
  });

  /** Asserts that every optional field was seen and was missing, and that every nullable one was null and was not. */
  function assertAllForms(what, fields, values) {
    for (const { name, optional, nullable } of fields) {
      if (optional) for (const is of [true, false]) assert.ok(values.some((value) => name in value === is), `${what} ${is ? 'with' : 'without'} ${name}`);
      if (nullable) for (const is of [true, false]) assert.ok(values.some((value) => (value[name] === null) === is), `${what} with ${name} null: ${is}`);
    }
  }

  it('answers REST requests as described', async () => {
    await room(server());
    const seen = new Set();
    const call = async (method, name, { status, id = '', query = '', ...more }) => {
      const answer = await request(server(), { method: method.toUpperCase(), path: `${name.replace('{sessionId}', encodeURIComponent(id))}${query}`, ...more });
      assert.equal(answer.status, status, answer.body);
      const operation = description.rest[name][method];
      assert.ok(operation.answers[status], `${operation.id} is not said to answer ${status}`);
      assert.equal(faultOf(operation.answers[status], answer.json()), null);
      const { headers = {} } = openapi().paths[name][method].responses[status];
      for (const header of Object.keys(headers)) assert.ok(answer.headers[header.toLowerCase()], header);
      seen.add(`${operation.id} ${status}`);
      return answer.json();
    };
    const [all, one] = Object.keys(description.rest);
    const json = { creatorId: 'boss', creatorName: 'Boss' };
    const { sessionId } = await call('post', all, { status: 201, json });
    for (const field of objects.CreateSession.fields) {
      for (const value of rightOf(field)) await call('post', all, { status: 201, json: { ...json, [field.name]: value } });
      for (const value of wrongOf(field)) await call('post', all, { status: 400, json: { ...json, [field.name]: value } });
    }
    await call('post', all, { status: 415, body: JSON.stringify(json), headers: { 'Content-Type': 'text/plain' } });
    await call('get', one, { status: 200, id: sessionId });
    await call('get', one, { status: 404, id: 'nobody' });
    await call('get', all, { status: 200 });
    const { next } = await call('get', all, { status: 200, query: '?limit=1' });
    await call('get', all, { status: 200, query: `?limit=1000&after=${next}` });
    for (const query of ['?limit=0', '?limit=1001', '?limit=x', '?after=x']) await call('get', all, { status: 400, query });
    const headers = { Origin: 'https://elsewhere.example' };
    await call('get', all, { status: 403, headers });
    await call('get', one, { status: 403, headers, id: sessionId });
    await call('post', all, { status: 403, headers, json });
    assert.equal(seen.size, 10);
  });

  it("answers admins' requests as described", async () => {
    const { sessionId, followers: [follower] } = await room(server());
    const { users } = await state(follower);
    const seen = new Set();
    const call = async (method, name, { status, ids = {}, ...more }) => {
      const where = name.replace(/\{(\w+)\}/g, (_, id) => encodeURIComponent(ids[id]));
      const answer = await request(server(), { method: method.toUpperCase(), path: `/admin${where}`, ...more });
      assert.equal(answer.status, status, answer.body);
      const operation = admin[name][method];
      assert.ok(operation.answers[status], `${operation.id} is not said to answer ${status}`);
      assert.equal(faultOf(operation.answers[status], answer.json()), null);
      seen.add(`${operation.id} ${status}`);
    };
    const [one, user, members, everybody] = Object.keys(admin);
    const ids = { sessionId, userId: users.find(({ isLeader }) => !isLeader).id };
    const elsewhere = { Origin: 'https://elsewhere.example' };
    for (const [name, more] of [[members, { ids }], [everybody, {}]]) {
      const json = { message: 'Hello' };
      for (const field of objects.Message.fields) {
        const said = (value) => ({ ...json, [field.name]: value });
        for (const value of rightOf(field).filter((text) => text !== null)) {
          await call('post', name, { status: 200, json: said(value), ...more });
          assert.equal(faultOf('Message', JSON.parse(JSON.stringify(said(value)))), null);
        }
        for (const value of [...wrongOf(field), null]) {
          await call('post', name, { status: 400, json: said(value), ...more });
          assert.ok(faultOf('Message', JSON.parse(JSON.stringify(said(value)))), `the schema takes ${field.name}: ${JSON.stringify(value)}`);
        }
      }
      await call('post', name, { status: 403, headers: elsewhere, json, ...more });
      await call('post', name, { status: 415, body: JSON.stringify(json), headers: { 'Content-Type': 'text/plain' }, ...more });
    }
    await call('post', members, { status: 404, json: { message: 'Hello' }, ids: { sessionId: 'nowhere' } });
    await call('delete', user, { status: 403, headers: elsewhere, ids });
    await call('delete', user, { status: 200, ids });
    await call('delete', user, { status: 404, ids });
    assert.equal((await waitFor(follower, 'error')).code, 'KICKED');
    await call('delete', one, { status: 403, headers: elsewhere, ids });
    await call('delete', one, { status: 200, ids });
    await call('delete', one, { status: 404, ids: { sessionId: 'nowhere' } });
    assert.equal(seen.size, 15);
    for (const [name, operations] of Object.entries(admin)) {
      const answer = await rest(server(), 'PUT', `/admin${name.replace(/\{(\w+)\}/g, 'some')}`);
      assert.equal(answer.status, 405);
      assert.deepEqual(answer.headers.allow.split(', ').filter((method) => method !== 'OPTIONS').map((method) => method.toLowerCase()),
        Object.keys(operations));
    }
  });

  it('has no method but those that are described', async () => {
    for (const [name, operations] of Object.entries(description.rest)) {
      const answer = await rest(server(), 'PUT', name.replace('{sessionId}', 'some'));
      assert.equal(answer.status, 405);
      const methods = answer.headers.allow.split(', ').filter((method) => !['HEAD', 'OPTIONS'].includes(method));
      assert.deepEqual(methods.map((method) => method.toLowerCase()).sort(), Object.keys(operations).sort());
    }
  });

  it('refuses what is no command, and binary data, with codes that are described', async () => {
    const socket = await sender('sync_playback');
    await refused(socket, 'no_such_event', [{}], 'UNKNOWN_EVENT');
    for (const name of Object.keys(commands)) await refused(socket, name, [{ ...leastOf(name), more: Buffer.from('x') }], kAnyRefusals[0]);
  });
});
