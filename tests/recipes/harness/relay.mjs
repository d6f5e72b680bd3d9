// The promises of every recipe with a proxy in front: pages of its host come in and no others, by each transport, and the server
// knows the viewer's address.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { fence, open, room, waitFor } from '../../client/harness/client.mjs';
import { request } from '../../client/harness/http.mjs';
import { until } from '../../client/harness/wait.mjs';

/** By way of `front`, {url, port, onStop()}. `options` are those of clients. */
export async function assertRelays(front, options = {}) {
  for (const transport of ['websocket', 'polling', 'upgrade']) {
    const { leader, followers, members } = await room(front, { transport, options: () => ({ ...options, extraHeaders: { Origin: front.url } }) });
    await fence(leader, followers);
    for (const member of members) member.disconnect();
  }
  const stranger = open(front, { ...options, extraHeaders: { Origin: 'https://elsewhere.example' } });
  await waitFor(stranger, 'connect_error');
  const headers = { Origin: 'https://elsewhere.example' };
  assert.equal((await request(front, { path: `${options.path ?? '/socket.io'}/?EIO=4&transport=polling`, headers })).status, 403);
}

/** The address that `site` takes a request for that comes from `localAddress` to `port`, below `prefix`. */
export async function addressSeen(site, port, localAddress, headers = {}, prefix = '') {
  const mark = `/?from=${localAddress}&${Math.random()}`;
  const get = http.get({ host: '127.0.0.1', port, localAddress, path: `${prefix}${mark}`, headers });
  const [response] = await once(get, 'response');
  response.resume();
  await once(response, 'end');
  // NGINX writes the line after the response.
  const log = path.join(site.prefix, 'access.log');
  const line = await until(`a line with ${mark} in access.log`, () =>
    fs.readFileSync(log, 'utf8').split('\n').slice(0, -1).find((one) => one.includes(mark)));
  return line.split(' ')[0];
}

/** The seconds of a time in a configuration. */
export const secondsOf = (text, pattern) => Number(pattern.exec(text)[1]);
