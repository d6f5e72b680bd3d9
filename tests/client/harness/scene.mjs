// A test with clients of any version that are closed when it ends, so that hundreds of such tests leave nothing behind.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { unique, waitFor } from './client.mjs';
import { Proxy } from './proxy.mjs';
import { askVersion, closeVersion, connectVersion, openVersion } from './versions.mjs';

export const kRetry = { reconnection: true, reconnectionDelay: 20, reconnectionDelayMax: 100 };

/** `body` gets {open, connect, enter, proxy}, which are those of versions.mjs and proxy.mjs for `server()`. */
export function scene(title, server, body) {
  it(title, async () => {
    const opened = [];
    const proxies = [];
    const keep = (socket) => { opened.push(socket); return socket; };
    const connect = async (version, { via = server(), ...options } = {}) =>
      keep(await connectVersion(via, version, options));
    try {
      await body({
        open: (version, { via = server(), ...options } = {}) => keep(openVersion(via, version, options)),
        connect,
        /** Connects and joins; `data` may hold `transport` and `via`, a proxy. */
        async enter(version, { transport, via, ...data }, options = {}) {
          const socket = await connect(version, { via, transport, ...options });
          socket.userId = data.userId ?? unique('user');
          const ack = await askVersion(socket, 'join_session',
            { username: `V ${version}`, ...data, userId: socket.userId });
          assert.equal(ack.success, true, `join_session with ${version}: ${JSON.stringify(ack)}`);
          socket.joined = await waitFor(socket, 'session_joined');
          return socket;
        },
        async proxy() {
          proxies.push(await Proxy.open(server()));
          return proxies.at(-1);
        },
      });
    } finally {
      await Promise.all(opened.map(closeVersion));
      proxies.forEach((proxy) => proxy.close());
    }
  });
}
