// A stand-in for Jellyfin below /jellyfin, with the endpoints that the recipe asks, as its API describes them: statuses, names and forms,
// and the Authorization header alone.
import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { repoRoot } from '../../client/harness/nginx.mjs';
import { StandIn } from './stand_in.mjs';

const idOf = (name) => createHash('md5').update(name).digest('hex');
const json = (value, status = 200) => ({ status, headers: { 'Content-Type': 'application/json; charset=utf-8' }, body: JSON.stringify(value) });

const file = path.join(repoRoot, 'media/films/demo.mp4');
export const kFilms = ['The demo', 'For adults', 'An old one'];
export const filmId = idOf;
export const kPassword = 'her password';

function userDto(name) { return { Name: name, ServerId: idOf('server'), Id: idOf(name), HasPassword: true, Policy: { IsAdministrator: false } }; }

function itemDto(name) {
  return { Name: name, ServerId: idOf('server'), Id: idOf(name), Type: 'Movie', MediaType: 'Video', RunTimeTicks: 120 * 1e7,
    MediaSources: [{ Id: idOf(name), Protocol: 'File', Container: name === 'An old one' ? 'mkv' : 'mov,mp4,m4a,3gp,3g2,mj2', SupportsDirectStream: true }] };
}

/** "MediaBrowser key="value", …" */
function authorizationOf({ headers }) {
  const [, scheme, rest] = /^(\w+) (.*)$/.exec(headers.authorization ?? '') ?? [];
  return scheme === 'MediaBrowser' ? Object.fromEntries([...rest.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, value]) => [key, value])) : {};
}

function stream({ headers, method }) {
  const { size } = fs.statSync(file);
  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? '') ?? [];
  const [first, last] = from === undefined ? [0, size - 1] : [Number(from), to ? Math.min(Number(to), size - 1) : size - 1];
  return { status: from === undefined ? 200 : 206,
    headers: { 'Content-Type': 'video/mp4', 'Accept-Ranges': 'bytes', 'Content-Length': last - first + 1,
      ...(from !== undefined && { 'Content-Range': `bytes ${first}-${last}/${size}` }) },
    body: method === 'HEAD' ? '' : fs.createReadStream(file, { start: first, end: last }) };
}

export class Jellyfin {
  tokens = new Map(); // to users' names

  static async open(users) {
    const jellyfin = new Jellyfin();
    jellyfin.users = users;
    jellyfin.standIn = await StandIn.open((request, url) => jellyfin.#answer(request, url));
    return jellyfin;
  }

  get port() { return this.standIn.port; }
  get requests() { return this.standIn.requests; }
  stop() { this.standIn.stop(); }

  #login(request) {
    const { Client, Device, DeviceId, Version } = authorizationOf(request);
    if (!Client || !Device || !DeviceId || !Version || !/^application\/json/.test(request.headers['content-type'])) return json({}, 400);
    const { Username, Pw } = JSON.parse(request.body);
    if (!this.users.includes(Username) || Pw !== kPassword) return json({}, 401);
    const token = randomBytes(16).toString('hex');
    this.tokens.set(token, Username);
    return json({ User: userDto(Username), SessionInfo: {}, AccessToken: token, ServerId: idOf('server') });
  }

  #answer(request, url) {
    const [, base, ...segments] = url.pathname.split('/');
    if (base !== 'jellyfin') return { status: 404 };
    const name = segments.join('/');
    if (name === 'Users/AuthenticateByName') return this.#login(request);
    if (segments[0] === 'web') return { status: 200, headers: { 'Content-Type': 'text/html' }, body: 'Jellyfin' };
    if (segments[0] === 'Videos' && segments[2] === 'stream') return url.searchParams.get('static') === 'true' ? stream(request) : { status: 500 };

    const user = this.tokens.get(authorizationOf(request).Token);
    if (!user) return { status: 401 };
    if (name === 'Users/Me') return json(userDto(user));
    if (segments[0] !== 'Items') return { status: 404 };
    if (url.searchParams.get('userId') !== idOf(user)) return { status: 403 };
    const films = kFilms.filter((film) => user !== 'child' || film !== 'For adults');
    if (segments.length === 1) return json({ Items: films.map(itemDto), TotalRecordCount: films.length, StartIndex: 0 });
    const film = films.find((one) => idOf(one) === segments[1]);
    return film ? json(itemDto(film)) : { status: 404 };
  }
}
