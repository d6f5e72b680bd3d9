// The pages of docs/players, in Chromium: what each shows as its page of HTML is bundled and watched by two people.
import fs from 'node:fs';
import path from 'node:path';
import { repoRoot } from '../client/harness/nginx.mjs';
import { describe, it } from '../client/harness/tests.mjs';
import { bundle } from './harness/bundle.mjs';
import { blocksOf } from './harness/page.mjs';
import { openSite } from './harness/site.mjs';
import { assertNoProblems, chromium, haveFilm, watchTogether } from './harness/watching.mjs';

const kScript = /<script type="module">\n(.*?)<\/script>/s;
const kPlayers = ['hls', 'plyr', 'videojs', 'vidstack'];

/** A server with the page of a player alone: all of them are about the same session. */
async function openPage(name) {
  const site = await openSite('recipes/pages.md', { packages: ['plyr'] });
  const folder = path.join(site.prefix, 'srv/watch');
  // As nginx.conf.example has it, which these pages are for.
  fs.symlinkSync(path.join(repoRoot, 'web/node_modules/socket.io-client/dist/socket.io.min.js'), path.join(folder, 'node_modules/socket.io.min.js'));
  const [page] = blocksOf(`players/${name}.md`, 'html');
  await bundle(folder, { 'src/page.js': kScript.exec(page)[1] }, ['page.js']);
  fs.writeFileSync(path.join(folder, 'index.html'),
    `<!doctype html><meta charset="utf-8">${page.replace(kScript, '<script type="module" src="/page.js"></script>')}`);
  return site;
}

describe('the pages of players', { concurrency: 1 }, () => {
  const scene = chromium();

  for (const name of kPlayers) {
    it(`show one film in step: ${name}`, async (t) => {
      const site = await openPage(name);
      t.after(() => site.stop());
      const ada = await scene.open(site.url);
      await haveFilm([ada]);
      const bob = await scene.open(site.url);
      await haveFilm([ada, bob]);
      await watchTogether(ada, [bob]);
      await assertNoProblems(ada, bob);
      await Promise.all([ada.close(), bob.close()]);
    });
  }
});
