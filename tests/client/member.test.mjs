// mediasync_member: films for those who watch them.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { ask, checkConfiguration, configuration, connect, describe, it, join, request, rest, state, suite, unique, until,
  waitFor } from './harness/index.mjs';

const who = 'map $http_x_token $who { default ""; ann-token ann; bob-token bob; eve-token eve; }';
const as = (token) => ({ extraHeaders: { 'X-Token': token } });

suite('films for members', {
  http: who,
  sync: 'mediasync_user $who;',
  zone: 'disconnect_grace=100ms',
  locations: `
    location /films/ { root html; mediasync_member rooms $arg_session $who; add_header X-Member $mediasync_member; }
    location /films/secret/ { root html; auth_basic "Films"; auth_basic_user_file users;
      mediasync_member rooms $arg_session $remote_user; }
    location /films/open/ { root html; mediasync_member off; }
    location = /peek { mediasync_member rooms $arg_session $who optional; return 200 "[$mediasync_member]"; }
    location = /elsewhere { return 200 "[$mediasync_member]"; }`,
}, (server) => {
  const film = async (file, session, token) => (await request(server(), { path: `/films/${file}?session=${session}`,
    headers: { ...(token && { 'X-Token': token }), Range: 'bytes=0-3' } })).status;

  it('are open to those in the session that has loaded them, until they leave', async () => {
    for (const file of ['a.mp4', 'b.mp4', 'hls/index.m3u8', 'hls/1.ts', 'open/c.mp4', 'secret/d.mp4']) {
      const name = path.join(server().prefix, 'html/films', file);
      fs.mkdirSync(path.dirname(name), { recursive: true });
      fs.writeFileSync(name, 'content of a film');
    }
    fs.writeFileSync(path.join(server().prefix, 'users'), 'ann:{PLAIN}pw\neve:{PLAIN}pw\n');
    const sessionId = unique('room');
    const ann = await connect(server(), as('ann-token'));
    const bob = await connect(server(), { transport: 'polling', ...as('bob-token') });
    await join(ann, { sessionId, userId: 'ann', username: 'A' });
    await join(bob, { sessionId, userId: 'bob', username: 'B' });
    assert.equal(await film('a.mp4', sessionId, 'ann-token'), 403, 'nothing is loaded');
    await ask(ann, 'load_media', { mediaUrl: `/films/a.mp4?session=${sessionId}` });
    assert.equal(await film('a.mp4', sessionId, 'ann-token'), 206);
    assert.equal(await film('a.mp4', sessionId, 'bob-token'), 206);
    assert.equal(await film('a.mp4', sessionId, 'eve-token'), 403);
    assert.equal(await film('a.mp4', sessionId), 403);
    assert.equal(await film('a.mp4', 'another', 'ann-token'), 403);
    assert.equal(await film('a.mp4', '', 'ann-token'), 403);
    assert.equal(await film('b.mp4', sessionId, 'ann-token'), 403, 'another film');
    assert.equal(await film('open/c.mp4', sessionId), 206);
    await ask(ann, 'load_media', { mediaUrl: '/films/secret/d.mp4' });
    const secret = async (user) => (await request(server(), { path: `/films/secret/d.mp4?session=${sessionId}`,
      headers: { Authorization: `Basic ${btoa(user)}` } })).status;
    assert.deepEqual([await secret('ann:pw'), await secret('eve:pw'), await secret('ann:wrong')], [200, 403, 401]);
    await ask(ann, 'load_media', { mediaUrl: 'https://films.example.org/films/hls/index.m3u8' });
    assert.equal(await film('hls/index.m3u8', sessionId, 'bob-token'), 206);
    assert.equal(await film('hls/1.ts', sessionId, 'bob-token'), 206);
    assert.equal(await film('hls/../a.mp4', sessionId, 'bob-token'), 403);
    await ask(bob, 'leave_session');
    assert.equal(await film('hls/1.ts', sessionId, 'bob-token'), 403);
    ann.close();
    await until('the grace to end', async () => (await film('hls/1.ts', sessionId, 'ann-token')) === 403);
  });

  it('leave the choice to the configuration where that is wanted', async () => {
    assert.equal((await request(server(), { path: '/peek?session=x', headers: { 'X-Token': 'ann-token' } })).body, '[0]');
    assert.equal((await request(server(), { path: '/elsewhere' })).body, '[]');
  });
});

suite('films for members with signed links', {
  http: 'map $secure_link $signed_user { 1 $arg_user; default ""; }',
  sync: `secure_link $arg_md5,$arg_expires; secure_link_md5 "$secure_link_expires $arg_user a secret of yours";
    mediasync_user $signed_user;`,
  locations: `location /films/ { root html;
    secure_link $arg_md5,$arg_expires; secure_link_md5 "$secure_link_expires $arg_user a secret of yours";
    mediasync_member rooms $arg_session $signed_user; }`,
}, (server) => {
  const signed = (user, { expires = Math.floor(Date.now() / 1000) + 60, secret = 'a secret of yours' } = {}) => ({ user,
    expires: String(expires), md5: createHash('md5').update(`${expires} ${user} ${secret}`).digest('base64url') });
  const film = async (session, query) =>
    (await request(server(), { path: `/films/a.mp4?${new URLSearchParams({ session, ...query })}` })).status;

  it('are open to whom a link names while they are in the session', async () => {
    fs.mkdirSync(path.join(server().prefix, 'html/films'), { recursive: true });
    fs.writeFileSync(path.join(server().prefix, 'html/films/a.mp4'), 'content of a film');
    const sessionId = unique('room');
    const ann = await connect(server(), { query: signed('ann') });
    await join(ann, { sessionId, userId: 'ann', username: 'A' });
    await ask(ann, 'load_media', { mediaUrl: '/films/a.mp4' });
    assert.equal(await film(sessionId, signed('ann')), 200);
    assert.equal(await film(sessionId, signed('eve')), 403, 'who is not there');
    assert.equal(await film(sessionId, { ...signed('eve'), user: 'ann' }), 403, 'a link of somebody else');
    assert.equal(await film(sessionId, signed('ann', { expires: 1 })), 403, 'an old link');
    assert.equal(await film(sessionId, signed('ann', { secret: 'guessed' })), 403, 'a forged link');
    assert.equal(await film(sessionId, { user: 'ann' }), 403, 'no signature');
    const eve = await connect(server(), { query: signed('eve') });
    assert.equal((await ask(eve, 'join_session', { sessionId, userId: 'ann', username: 'A' })).success, false);
    await ask(ann, 'leave_session');
    assert.equal(await film(sessionId, signed('ann')), 403, 'who has left');
    ann.close();
    eve.close();
  });
});

describe('nginx -t', () => {
  for (const [directive, message] of [
    ['mediasync_member rooms;', /invalid number of arguments in "mediasync_member" directive/],
    ['mediasync_member rooms a;', /invalid number of arguments in "mediasync_member" directive/],
    ['mediasync_member nowhere $arg_a $arg_b;', /zone "nowhere" is unknown, define it with "mediasync_zone" before/],
    ['mediasync_member rooms $arg_a $arg_b always;', /invalid parameter "always"/],
    ['mediasync_member off; mediasync_member off;', /"mediasync_member" directive is duplicate/],
  ]) {
    it(`refuses ${directive}`, async () => {
      assert.match((await checkConfiguration(configuration({ sync: directive }, { http: 1 }))).output, message);
    });
  }
});

suite('what sessions may load, and who may create them', {
  sync: 'mediasync_media /films/ /a%b/;',
  api: 'mediasync_create on;',
  locations: `location /guests/ { mediasync rooms; mediasync_create off; }
    location /guests-api/ { mediasync_api rooms; mediasync_create off; }
    location /all/ { mediasync rooms; mediasync_media any; }`,
}, (server) => {
  const film = '/films/a.mp4';

  it('is media below the paths that are named, by load_media and by sync_playback', async () => {
    const sessionId = unique('room');
    const ann = await connect(server());
    await join(ann, { sessionId, userId: 'ann', username: 'A' });
    const loads = async (mediaUrl) => (await ask(ann, 'load_media', { mediaUrl })).code ?? 'loaded';
    const plays = async (mediaUrl) =>
      (await ask(ann, 'sync_playback', { position: 1, isPlaying: true, ...(mediaUrl && { mediaUrl }) })).code ?? 'plays';
    for (const url of [film, '/films/', 'https://films.example.org/films/b/c.m3u8?x=1', '/f%69lms/a.mp4', '/a%25b/c.mp4']) {
      assert.equal(await loads(url), 'loaded', url);
      assert.equal(await plays(url), 'plays', url);
    }
    for (const url of ['/secret/a.mp4', '/films', '/films/../secret/a.mp4', '/films/%2e%2e/secret', 'films/a.mp4', 'blob:x',
      'https://films.example.org', '/FILMS/a.mp4', '/x/films/a.mp4', '/films/%zz']) {
      assert.equal(await loads(url), 'MEDIA_NOT_ALLOWED', url);
      assert.equal(await plays(url), 'MEDIA_NOT_ALLOWED', url);
    }
    assert.equal(await plays(), 'plays', 'what is loaded goes on');
    assert.equal((await state(ann)).playbackState.mediaUrl, '/a%25b/c.mp4', 'nothing has changed');
    const bob = await connect(server(), { path: '/all/' });
    await join(bob, { sessionId, userId: 'bob', username: 'B' });
    await ask(ann, 'leave_session');
    assert.equal((await ask(bob, 'load_media', { mediaUrl: '/anything' })).success, true);
    const eve = await connect(server());
    await join(eve, { sessionId, userId: 'eve', username: 'E' });
    await ask(bob, 'leave_session');
    assert.equal((await ask(eve, 'sync_playback', { position: 2, isPlaying: true, mediaUrl: '/anything' })).success, true,
      'it is loaded already');
  });

  it('is created by those who come by another location', async () => {
    const sessionId = unique('room');
    const guest = await connect(server(), { path: '/guests/' });
    const seat = { sessionId, userId: 'gus', username: 'G' };
    assert.equal((await ask(guest, 'join_session', seat)).code, 'SESSION_NOT_FOUND');
    const refused = await rest(server(), 'POST', '/guests-api/', { creatorId: 'c', creatorName: 'C' });
    assert.equal(refused.status, 403);
    assert.equal(refused.json().success, false);
    await join(await connect(server()), { sessionId, userId: 'ann', username: 'A' });
    assert.equal((await ask(guest, 'join_session', seat)).success, true);
    const made = (await rest(server(), 'POST', '/api/sessions', { creatorId: 'gus', creatorName: 'G' })).json();
    const other = await connect(server(), { path: '/guests/', transport: 'polling' });
    assert.equal((await ask(other, 'join_session', { ...seat, sessionId: made.sessionId })).success, true);
  });
});
