// The make-up of a run: how often each transport, way and trouble comes.

const kAll = {
  transports: { websocket: 50, upgrade: 25, polling: 25 },
  ways: { plain: 60, tls: 15, proxy: 25 },
  troubles: { reload: 6, reloads: 1, kill: 2, stop: 2, cut: 4, full: 1, wave: 2, hostile: 4 },
};

/** By the name that --focus takes. */
export const mixes = {
  all: kAll,
  // Clients that poll through networks that fail, while workers stand still, end and die, and leaders say much.
  polling: {
    transports: { websocket: 15, upgrade: 15, polling: 70 },
    ways: { plain: 30, tls: 5, proxy: 65 },
    troubles: { reload: 4, reloads: 1, kill: 3, stop: 8, cut: 6, full: 0, wave: 8, hostile: 1 },
  },
};
