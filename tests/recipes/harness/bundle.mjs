// Programs of a page made into files for browsers, as a bundler of somebody's would: with components of Vue and Svelte.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { repoRoot } from '../../client/harness/nginx.mjs';

const web = path.join(repoRoot, 'web');
const tests = path.join(repoRoot, 'tests/client');
const { build } = createRequire(path.join(web, 'package.json'))('esbuild');
const packageOf = createRequire(path.join(tests, 'package.json'));
const { name: packageName } = JSON.parse(fs.readFileSync(path.join(web, 'package.json'), 'utf8'));

function compileVue(text, filename) {
  const { compileScript, parse } = packageOf('vue/compiler-sfc');
  const { descriptor, errors } = parse(text, { filename });
  if (errors.length > 0) throw errors[0];
  return compileScript(descriptor, { id: filename, inlineTemplate: true }).content;
}

function compileSvelte(text, filename) {
  const { js, warnings } = packageOf('svelte/compiler').compile(text, { filename, generate: 'client' });
  if (warnings.length > 0) throw new Error(warnings.map(({ message }) => message).join('\n'));
  return js.code;
}

const kCompilers = { '.vue': compileVue, '.svelte': compileSvelte };

/** Finds a file of the package by its exports. */
function resolvePackage(name) {
  const { exports } = JSON.parse(fs.readFileSync(path.join(web, 'package.json'), 'utf8'));
  const key = `.${name.slice(packageName.length)}`;
  return exports[key] && { path: path.join(web, exports[key].default) };
}

/** `files`: {name: text}, of which the programs named in `entries` are written into `folder` as name.js and, with style, name.css. */
export async function bundle(folder, files, entries) {
  const recipe = {
    name: 'recipe',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^src\// }, ({ path: name }) => ({ path: name, namespace: 'recipe' }));
      onResolve({ filter: /^\.\// }, ({ path: name, namespace }) => namespace === 'recipe' ? { path: `src/${name.slice(2)}`, namespace } : undefined);
      onResolve({ filter: /^@mediasync\/client(\/|$)/ }, ({ path: name }) => resolvePackage(name));
      onLoad({ filter: /.*/, namespace: 'recipe' }, ({ path: name }) => {
        const compile = kCompilers[path.extname(name)];
        return { contents: compile ? compile(files[name], name) : files[name], loader: name.endsWith('x') ? 'jsx' : 'js', resolveDir: web };
      });
    },
  };
  await build({
    entryPoints: entries.map((name) => ({ in: `src/${name}`, out: path.parse(name).name })),
    outdir: folder,
    bundle: true,
    format: 'esm',
    jsx: 'automatic',
    conditions: ['browser'],
    nodePaths: [path.join(web, 'node_modules'), path.join(tests, 'node_modules')],
    plugins: [recipe],
    define: { 'process.env.NODE_ENV': '"production"', __VUE_OPTIONS_API__: 'true', __VUE_PROD_DEVTOOLS__: 'false',
      __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: 'false' },
    logLevel: 'error',
  });
}
