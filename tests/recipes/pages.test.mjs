// docs/recipes/pages.md and docs/players/react.md, in Chromium: the same film in pages that were made in different ways.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { rest } from '../client/harness/http.mjs';
import { repoRoot } from '../client/harness/nginx.mjs';
import { after, before, describe, it } from '../client/harness/tests.mjs';
import { bundle } from './harness/bundle.mjs';
import { blocksOf } from './harness/page.mjs';
import { openSite } from './harness/site.mjs';
import { assertNoProblems, chromium, eventually, haveFilm, playTogether, watchTogether } from './harness/watching.mjs';

// The page of React shows a component alone; this uses it.
const kReact = `import { createRoot } from 'react-dom/client';
import { Film } from './Film.jsx';
createRoot(document.querySelector('#app')).render(<Film />);
`;

// Programs that take their component away again.
const kProps = "{ sessionId: 'gone', username: 'Guest', film: '/films/demo.mp4' }";
const kGone = {
  vue: `import { createApp } from 'vue';
import Film from './Film.vue';
const app = createApp(Film, ${kProps});
app.mount('#app');
window.take = () => app.unmount();
`,
  svelte: `import { mount, unmount } from 'svelte';
import Film from './Film.svelte';
const film = mount(Film, { target: document.querySelector('#app'), props: ${kProps} });
window.take = () => unmount(film);
`,
};

describe('pages', { concurrency: 1 }, () => {
  const scene = chromium({ autoplay: false });
  let site;
  before(async () => {
    execFileSync('node', ['build.mjs'], { cwd: path.join(repoRoot, 'web') }); // as "npm pack" does
    site = await openSite('recipes/pages.md');
    const folder = path.join(site.prefix, 'srv/watch');
    const [film] = blocksOf('players/react.md', 'jsx');
    await bundle(folder, { ...site.files, 'src/Film.jsx': film, 'src/react.jsx': kReact, 'src/gone-vue.js': kGone.vue,
      'src/gone-svelte.js': kGone.svelte }, ['vue.js', 'svelte.js', 'react.jsx', 'gone-vue.js', 'gone-svelte.js']);
    for (const name of ['vue', 'svelte', 'react', 'gone-vue', 'gone-svelte']) {
      fs.writeFileSync(path.join(folder, `${name}.html`),
        `<!doctype html><meta charset="utf-8"><title>${name}</title><div id="app"></div><script type="module" src="/${name}.js"></script>\n`);
    }
  });
  after(() => site?.stop());

  const text = (page) => page.evaluate(() => document.body.innerText);
  const joinIn = async (page) => {
    await eventually('the button to be there', () => page.evaluate(() => [...document.querySelectorAll('button')].some((one) =>
      one.textContent === 'Join in' && !one.hidden)));
    await page.click('button');
  };

  it('by a script tag, Vue, Svelte and React show one film in step, each after a click', async () => {
    const names = ['', 'vue.html', 'svelte.html', 'react.html'];
    const pages = [];
    for (const name of names) pages.push(await scene.open(`${site.url}/${name}`));
    const [first, ...others] = pages;
    await haveFilm(pages, /demo\.mp4$/);
    await first.click('#film');
    await playTogether([first], ({ time }) => time < 40);
    await Promise.all(others.map(joinIn));
    await watchTogether(first, others);
    for (const page of others.slice(0, 2)) assert.match(await text(page), /You follow, paused/);
    await assertNoProblems(...pages);
    await Promise.all(pages.map((page) => page.close()));
  });

  for (const name of Object.keys(kGone)) {
    it(`says in ${name} who leads, and ends its connection when the component goes`, async () => {
      const page = await scene.open(`${site.url}/gone-${name}.html`);
      await haveFilm([page]);
      const members = async () => (await rest(site, 'GET', '/api/sessions/gone')).json().session.users.filter(({ isConnected }) => isConnected);
      assert.equal((await members()).length, 1);
      await eventually('it to say so', async () => /You (lead|follow), /.test(await text(page)));
      await page.evaluate(() => window.take());
      await eventually('nobody to be connected', async () => (await members()).length === 0);
      await assertNoProblems(page);
      await page.close();
    });
  }
});
