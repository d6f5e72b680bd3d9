// The chat of the watch page and the reactions over the film, which lua/examples/chat.lua brings.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { newViewer } from '../client/harness/demo.mjs';
import { repoRoot } from '../client/harness/nginx.mjs';
import { describe, it } from '../client/harness/tests.mjs';
import { eventually, part, stage } from './stage.mjs';

const kMaxMessages = 200;

describe('the chat of the watch page', () => {
  const scene = stage();
  let alice;
  let bob;

  const isJoined = (page) => page.evaluate(() => window.mediasyncDebug.state.isJoined);
  /** As [name, text]. */
  const messages = (page) => part(page, 'message').evaluateAll((all) =>
    all.map((one) => [...one.querySelectorAll('bdi')].map((part) => part.textContent)));
  const isLast = async (page, name, text) => isDeepStrictEqual((await messages(page)).at(-1), [name, text]);

  async function create(name) {
    const page = await newViewer(scene.chromium.browser, scene.server.url);
    await part(page, 'name-input').fill(name);
    await part(page, 'create-button').click();
    await eventually(`${name} to have joined`, () => isJoined(page));
    return page;
  }

  async function write(page, text) {
    await part(page, 'message-input').fill(text);
    await part(page, 'message-input').press('Enter');
  }

  /** Takes the "#lua " away, as scripts/demo does. */
  async function turnLuaOn({ prefix }) {
    fs.symlinkSync(path.join(repoRoot, 'lua'), path.join(prefix, 'lua'));
    const file = path.join(prefix, 'nginx.conf');
    fs.writeFileSync(file, fs.readFileSync(file, 'utf8').replace(/^( *)#lua /gm, '$1'));
    await scene.server.reload();
  }

  it('is not there without Lua, and nobody is told', async () => {
    const page = await create('Nobody');
    const answer = page.evaluate(async () => {
      const { io } = await import('/vendor/socket.io.esm.min.js');
      const socket = io({ forceNew: true });
      const acknowledged = await socket.emitWithAck('chat_open');
      socket.disconnect();
      return acknowledged;
    });
    assert.equal((await answer).code, 'UNKNOWN_EVENT');
    await part(page, 'sync-panel').waitFor({ state: 'attached' });
    for (const name of ['chat', 'reactions']) assert.equal(await part(page, name).isVisible(), false, name);
    assert.equal(await part(page, 'toast').count(), 0);
    assert.deepEqual(page.problems, []);
    await page.context().close();
  });

  it('is there with Lua', async () => {
    await turnLuaOn(scene.server);
    alice = await create('Alice');
    bob = await newViewer(scene.chromium.browser, await part(alice, 'invite-link').inputValue());
    await part(bob, 'name-input').fill('Bob');
    await part(bob, 'join-button').click();
    for (const page of [alice, bob]) {
      await part(page, 'chat').waitFor();
      await part(page, 'reactions').waitFor();
    }
  });

  it('shows everybody what one has written, and who it was', async () => {
    await write(alice, '  Hello  ');
    await eventually('Bob to see it', async () => (await part(bob, 'message').count()) === 1);
    await write(bob, 'Hi Alice');
    for (const page of [alice, bob]) {
      await eventually('both messages', async () => (await part(page, 'message').count()) === 2);
      assert.deepEqual(await messages(page), [['Alice', 'Hello'], ['Bob', 'Hi Alice']]);
    }
    assert.equal(await part(alice, 'message-input').inputValue(), '');
  });

  it('shows HTML as the text that it is', async () => {
    const text = '<img src=x onerror="document.title=\'taken\'"><b>bold</b>';
    await write(bob, text);
    await eventually('Alice to see it', () => isLast(alice, 'Bob', text));
    assert.equal(await part(alice, 'messages').locator('img, b').count(), 0);
    assert.notEqual(await alice.title(), 'taken');
  });

  it('lets reactions rise over the film for everybody, for a while', async () => {
    const seen = [alice, bob].map((page) => part(page, 'reaction').waitFor());
    await part(bob, 'reaction-button').first().click();
    await Promise.all(seen);
    assert.match(await part(alice, 'reaction').innerText(), /👍\s*Bob/);
    for (const page of [alice, bob]) {
      await eventually('it to be gone', async () => (await part(page, 'reaction').count()) === 0);
    }
  });

  it('says what the server refuses, and keeps the text', async () => {
    const told = () => alice.locator('#chat-error').innerText();
    const text = 'ä'.repeat(300); // 600 bytes
    await write(alice, text);
    await eventually('Alice to be told', async () => /too long/.test(await told()));
    assert.equal(await part(alice, 'message-input').inputValue(), text);
    await part(alice, 'message-input').fill('');
    for (let i = 0; i < 6; i++) await part(alice, 'reaction-button').last().click();
    await eventually('Alice to be slowed down', async () => /Too many/.test(await told()));
    assert.equal(await part(alice, 'toast').count(), 0);
  });

  it('follows the newest unless one reads what was before, and forgets the oldest', async () => {
    const page = await newViewer(scene.chromium.browser, scene.server.url);
    await page.evaluate(async () => {
      const { ChatView } = await import('/chat_view.js');
      window.chat = new ChatView({});
      document.getElementById('lobby').hidden = true;
      document.getElementById('room').hidden = false;
      window.chat.show([]);
    });
    const add = (count, isMine = false) => page.evaluate(([n, mine]) => {
      const message = { userId: 'x', username: 'Xenia', text: 'Message', at: 0 };
      for (let i = 0; i < n; i++) window.chat.add(message, mine);
    }, [count, isMine]);
    const list = part(page, 'messages');
    const isAtEnd = () => list.evaluate(({ scrollHeight, scrollTop, clientHeight }) =>
      scrollHeight - scrollTop - clientHeight < 2);
    const readBefore = async () => {
      await list.evaluate((one) => { one.scrollTop = 0; });
      await page.evaluate(() => new Promise(requestAnimationFrame)); // scrolling is told with the next frame
      await add(1);
      await part(page, 'newest').waitFor();
      assert.equal(await isAtEnd(), false);
    };
    await add(30);
    assert.equal(await isAtEnd(), true);
    await readBefore();
    await part(page, 'newest').click();
    await eventually('the end to be in sight', isAtEnd);
    for (const height of [400, 1000, 800]) {
      await page.setViewportSize({ width: 1280, height });
      await eventually(`the end to be in sight at ${height}`, isAtEnd);
    }
    await readBefore();
    await add(1, true);
    assert.equal(await isAtEnd(), true);
    await part(page, 'newest').waitFor({ state: 'hidden' });
    await add(kMaxMessages);
    assert.equal(await part(page, 'message').count(), kMaxMessages);
    assert.equal(await isAtEnd(), true);
    await page.context().close();
  });

  it('is empty in the next session', async () => {
    await part(bob, 'leave-button').click();
    await part(bob, 'create-button').click();
    await part(bob, 'chat').waitFor();
    assert.equal(await part(bob, 'message').count(), 0);
    await write(alice, 'Bob?');
    await eventually('Alice to see it', () => isLast(alice, 'Alice', 'Bob?'));
    assert.equal(await part(bob, 'message').count(), 0);
  });

  it('wrote no error to the console', () => {
    for (const page of [alice, bob]) assert.deepEqual(page.problems, []);
  });
});
