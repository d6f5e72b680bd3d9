// Links between HTML files in a folder.
import fs from 'node:fs';
import path from 'node:path';

const isElsewhere = (link) => /^[a-z][a-z0-9+.-]*:|^\/\//i.test(link);
const decoded = (text) => decodeURIComponent(text.replaceAll('&amp;', '&'));

/** Every link in the HTML files below `folder` that leads to no file there, or to no place in it: "FILE: LINK". */
export function brokenLinks(folder) {
  const files = fs.readdirSync(folder, { recursive: true }).filter((name) => name.endsWith('.html'));
  const texts = new Map(files.map((name) => [path.join(folder, name), fs.readFileSync(path.join(folder, name), 'utf8')]));
  const isBroken = (from, link) => {
    const [file, fragment] = decoded(link).split('#');
    const target = file === '' ? from : path.resolve(path.dirname(from), file);
    if (path.relative(folder, target).startsWith('..') || !fs.existsSync(target) || fs.statSync(target).isDirectory()) return true;
    return fragment !== undefined && texts.has(target) && !texts.get(target).split(/\sid="/).some((rest) => rest.startsWith(`${fragment}"`));
  };
  const broken = [];
  for (const [from, text] of texts) {
    for (const [, link] of text.matchAll(/<[a-z]+\b[^<>]*?\s(?:href|src)="([^"]*)"/g)) {
      if (!isElsewhere(link) && isBroken(from, link)) broken.push(`${path.relative(folder, from)}: ${link}`);
    }
  }
  return broken;
}
