// mediasync_user_secret in a real browser: it keeps the secret as a cookie that no page can read, and sends it with every
// connection; another browser with everything else of it is somebody else.
import assert from 'node:assert/strict';
import { newViewer } from '../client/harness/demo.mjs';
import { describe, it } from '../client/harness/tests.mjs';
import { unique } from '../client/harness/client.mjs';
import { rest } from '../client/harness/http.mjs';
import { eventually, part, stage } from './stage.mjs';

describe('a user who is bound to the cookie of a browser', () => {
  const scene = stage({ secrets: true });

  const cookiesOf = async (page) =>
    (await page.context().cookies()).filter((cookie) => cookie.name === 'mediasync_secret');
  const joined = (page) => eventually('the page to have joined', () => page.evaluate(() =>
    window.mediasyncDebug?.state.isJoined === true));

  /** Joins from within the page by a client of its own: what the server acknowledges. */
  const joinIn = (page, transport, data) => page.evaluate(async ([kind, join]) => {
    const { io } = await import('/vendor/socket.io.esm.min.js');
    const socket = io({ forceNew: true, transports: kind });
    const ack = await new Promise((resolve) => { socket.emit('join_session', join, resolve); });
    socket.disconnect();
    return ack;
  }, [transport, data]);

  for (const transport of [['polling'], ['websocket'], ['polling', 'websocket']]) {
    it(`is let in again over ${transport.join(' and ')}, and no other browser is`, async () => {
      const data = { sessionId: unique('room'), userId: 'ann', username: 'Ann' };
      const ann = await newViewer(scene.chromium.browser, scene.server.url);
      assert.deepEqual(await cookiesOf(ann), []);
      assert.equal((await joinIn(ann, transport, data)).success, true);
      const [cookie, ...others] = await cookiesOf(ann);
      assert.deepEqual(others, []);
      assert.deepEqual([cookie.httpOnly, cookie.sameSite, cookie.path, cookie.secure], [true, 'Lax', '/', false]);
      assert.equal(await ann.evaluate(() => document.cookie), '');
      const tab = await ann.context().newPage();
      await tab.goto(scene.server.url);
      assert.equal((await joinIn(tab, transport, data)).success, true);
      await ann.reload();
      assert.equal((await joinIn(ann, transport, data)).success, true);
      assert.equal((await cookiesOf(ann))[0].value, cookie.value);
      const eve = await newViewer(scene.chromium.browser, scene.server.url);
      assert.equal((await joinIn(eve, transport, data)).code, 'FOREIGN_USER');
      for (const page of [ann, eve]) await page.context().close();
    });
  }

  it('goes on with the watch page over its reload; who copies the id is somebody else', async () => {
    const alice = await newViewer(scene.chromium.browser, scene.server.url);
    await part(alice, 'name-input').fill('Alice');
    await part(alice, 'create-button').click();
    await joined(alice);
    const link = await part(alice, 'invite-link').inputValue();
    const id = await alice.evaluate(() => sessionStorage.getItem('mediasync.userId'));
    await alice.reload();
    await eventually('Alice to be back, or to be asked', async () =>
      (await part(alice, 'join-button').isVisible()) || alice.evaluate(() => window.mediasyncDebug?.state.isJoined));
    if (await part(alice, 'join-button').isVisible()) await part(alice, 'join-button').click();
    await joined(alice);
    await eventually('Alice to lead', () => alice.evaluate(() => window.mediasyncDebug.state.isLeader));

    const eve = await newViewer(scene.chromium.browser, scene.server.url);
    await eve.evaluate((stolen) => sessionStorage.setItem('mediasync.userId', stolen), id);
    await eve.goto(link);
    await part(eve, 'name-input').fill('Eve');
    await part(eve, 'join-button').click();
    await eventually('Eve to be told', async () => /a new user/.test(await eve.locator('body').innerText()));
    const sessionId = new URL(link).searchParams.get('session');
    const { session } = (await rest(scene.server, 'GET', `/api/sessions/${sessionId}`)).json();
    assert.deepEqual(session.users.map((user) => [user.id, user.username]), [[id, 'Alice']]);
    await part(eve, 'join-button').click(); // as somebody new
    await joined(eve);
    await eventually('two people in the list', async () => (await part(alice, 'user-item').count()) === 2);
    assert.equal(await eve.evaluate(() => window.mediasyncDebug.state.isLeader), false);
    for (const page of [alice, eve]) await page.context().close();
  });
});
