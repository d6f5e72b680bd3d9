// docs/recipes/films.md, in Chromium.
import assert from 'node:assert/strict';
import { rest } from '../client/harness/http.mjs';
import { after, before, describe, it } from '../client/harness/tests.mjs';
import { openSite } from './harness/site.mjs';
import { assertNoProblems, chromium, eventually, haveFilm, watchTogether } from './harness/watching.mjs';

describe('a folder of films', { concurrency: 1 }, () => {
  const scene = chromium();
  let site;
  before(async () => { site = await openSite('recipes/films.md'); });
  after(() => site?.stop());

  const press = (page, name) => page.evaluate((text) => [...document.querySelectorAll('button')].find((one) => one.textContent === text).click(), name);
  const isChoosing = (page) => page.evaluate(() => !document.querySelector('#films').hidden && document.querySelectorAll('button').length > 0);

  it('plays for all what the leader chooses, in one file and in segments', async () => {
    const ada = await scene.open(`${site.url}/?evening`);
    await eventually('Ada to lead', () => isChoosing(ada));
    const bob = await scene.open(`${site.url}/?evening`);
    await press(ada, 'demo.mp4');
    await haveFilm([ada, bob], /\/films\/demo\.mp4$/);
    await watchTogether(ada, [bob]);
    assert.equal(await isChoosing(bob), false);
    await press(ada, 'demo');
    await haveFilm([ada, bob], /^blob:/);
    await watchTogether(ada, [bob]);
    await assertNoProblems(ada, bob);
  });

  it('lets nothing else be loaded', async () => {
    const ada = await scene.open(`${site.url}/?elsewhere`);
    await eventually('Ada to lead', () => isChoosing(ada));
    const answer = await ada.evaluate(async () => {
      const { io } = await import('/vendor/socket.io-client/dist/socket.io.esm.min.js');
      const socket = io();
      await socket.emitWithAck('join_session', { sessionId: 'other', userId: 'eve', username: 'Eve' });
      return socket.emitWithAck('load_media', { mediaUrl: '/elsewhere/a.mp4' });
    });
    assert.equal(answer.code, 'MEDIA_NOT_ALLOWED');
    assert.equal((await rest(site, 'GET', '/films/')).status, 200);
  });
});
