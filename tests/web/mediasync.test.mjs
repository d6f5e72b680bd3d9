// The library as a whole, with a Socket.IO client and an element that only pretend.
import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, it } from '../client/harness/tests.mjs';
import { Element } from './element.mjs';
import { kSession, PretendedSocket } from './pretended_socket.mjs';

const { MediaSync } = await import('../../web/mediasync.js');

const kFilm = { mediaUrl: '/films/one.mp4', mediaId: 'one', mediaTitle: 'One', mediaDuration: 100 };
const kOther = { ...kFilm, mediaUrl: '/films/another.mp4' };

/** Bob leads, and has the session's film open: `opened` has the addresses of what was. */
async function leading(t, film = kOther) {
  const socket = new PretendedSocket();
  const opened = [];
  const client = new MediaSync(new Element(), { socket, sessionId: 's', userId: 'bob', username: 'Bob',
    load: async ({ mediaUrl }) => { opened.push(mediaUrl); } });
  t.after(() => client.close());
  const session = structuredClone(kSession);
  Object.assign(session.playbackState, film);
  socket.hear('session_joined', { session });
  await turn();
  return { socket, client, opened, session };
}

describe("the leader's film", () => {
  it('is opened when the server has loaded it, which gives it to nobody before', async (t) => {
    const { socket, client, opened } = await leading(t);
    assert.equal(client.loadMedia(kFilm), true);
    assert.equal(client.session.playbackState.mediaUrl, kFilm.mediaUrl);
    assert.equal(client.stats().state, 'loading');
    client.play();
    socket.hear('playback_sync', { ...kOther, position: 3, isPlaying: true, playbackRate: 1, lastUpdateTime: 1_700_000_001, leaderId: 'bob' });
    await turn();
    assert.deepEqual(opened, [kOther.mediaUrl]);
    socket.hear('media_loaded', { ...kFilm, timestamp: 1_700_000_002, loadedBy: 'bob' });
    await turn();
    assert.deepEqual(opened, [kOther.mediaUrl, kFilm.mediaUrl]);
  });

  it('is the one before when the server refuses another', async (t) => {
    const { socket, client, opened, session } = await leading(t);
    client.loadMedia(kFilm);
    socket.hear('error', { code: 'MEDIA_NOT_ALLOWED', message: 'no', event: 'load_media' });
    socket.hear('session_state', session);
    await turn();
    assert.equal(client.session.playbackState.mediaUrl, kOther.mediaUrl);
    assert.deepEqual(opened, [kOther.mediaUrl, kOther.mediaUrl]);
  });

  it('stays open when it is loaded once more', async (t) => {
    const { socket, client, opened } = await leading(t, kFilm);
    client.loadMedia(kFilm);
    socket.hear('media_loaded', { ...kFilm, timestamp: 1_700_000_002, loadedBy: 'bob' });
    await turn();
    assert.deepEqual(opened, [kFilm.mediaUrl]);
  });
});
