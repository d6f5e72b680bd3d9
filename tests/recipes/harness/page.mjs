// Takes a page of the docs apart: the files that it gives, each after its path, and other blocks of code.
import fs from 'node:fs';
import path from 'node:path';
import { repoRoot } from '../../client/harness/nginx.mjs';

/** The page docs/NAME as text. */
export const read = (name) => fs.readFileSync(path.join(repoRoot, 'docs', name), 'utf8');

/** {path: text} of "`path`:" and the block beneath it, for all of the page. */
export function filesOf(name) {
  const found = [...read(name).matchAll(/^`([^`\n]+)`:\n\n```\w+\n(.*?)^```$/gms)].map(([, file, text]) => [file, text]);
  if (found.length === 0) throw new Error(`docs/${name} gives no files`);
  return Object.fromEntries(found);
}

/** The texts of all blocks in that language. */
export const blocksOf = (name, language) => [...read(name).matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map(([, text]) => text);
