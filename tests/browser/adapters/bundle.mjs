// Pages with the adapters and the players that they are for, bundled as a page of somebody's would be.
import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';
import { repoRoot } from '../../client/harness/nginx.mjs';

const web = path.join(repoRoot, 'web');
const here = path.join(repoRoot, 'tests/browser/adapters');
const { build } = createRequire(path.join(web, 'package.json'))('esbuild');

export const players = ['plyr', 'videojs', 'vidstack', 'react'];

const adapters = {
  name: 'adapters',
  setup: ({ onResolve }) => onResolve({ filter: /^@mediasync\/client\// }, (args) => ({ path: path.join(web, 'adapters', path.basename(args.path)) })),
};

/** Writes a page for each of the players into `folder`: plyr.html … */
export async function bundlePages(folder) {
  await build({
    entryPoints: players.map((name) => path.join(here, `${name}.js`)),
    outdir: folder,
    bundle: true,
    format: 'esm',
    splitting: true,
    nodePaths: [path.join(web, 'node_modules')],
    plugins: [adapters],
    define: { 'process.env.NODE_ENV': '"development"' },
    logLevel: 'error',
  });
  for (const name of players) {
    const style = path.join(folder, `${name}.css`);
    fs.writeFileSync(path.join(folder, `${name}.html`), `<!doctype html><meta charset="utf-8"><title>${name}</title>
<link rel="icon" href="/favicon.svg"><style>${fs.existsSync(style) ? fs.readFileSync(style, 'utf8') : ''}</style><body style="margin: 0">
<script src="/vendor/socket.io-client/dist/socket.io.min.js"></script>
<script type="module" src="${name}.js"></script>\n`);
  }
}
