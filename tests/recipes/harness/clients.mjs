// Stock clients with headers of their own, as browsers and programs of viewers have them.
import assert from 'node:assert/strict';
import { ask, connect, open, waitFor } from '../../client/harness/client.mjs';
import { request } from '../../client/harness/http.mjs';

/** Clients with these headers join as `userId`, and as nobody else, over WebSocket and over polling. */
export async function assertJoinsAs(site, headers, userId, options = {}) {
  for (const transport of ['websocket', 'polling']) {
    const socket = await connect(site, { transport, extraHeaders: headers, ...options });
    const as = (id) => ask(socket, 'join_session', { sessionId: `of ${userId}`, userId: id, username: 'Somebody' });
    assert.equal((await as('somebody-else')).code, 'FOREIGN_USER');
    assert.equal((await as(userId)).userId, userId);
    socket.disconnect();
  }
}

/** Clients with these headers get no connection; the server answers `status`. */
export async function assertStaysOut(site, headers, status, options = {}) {
  for (const transport of ['websocket', 'polling']) {
    const socket = open(site, { transport, extraHeaders: headers, ...options });
    await waitFor(socket, 'connect_error');
    socket.disconnect();
  }
  const path = `${options.path ?? '/socket.io'}/?EIO=4&transport=polling`;
  assert.equal((await request(site, { path, headers })).status, status);
}

/** The status of a GET. */
export const statusOf = async (site, path, headers = {}) => (await request(site, { path, headers })).status;
