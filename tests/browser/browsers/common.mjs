// What all browsers have in common: how functions get into pages and answers out of them, and where a click goes.
import fs from 'node:fs';
import { createRequire } from 'node:module';

/** A package of tests/client, which has those of all tests. */
export const packageOf = createRequire(new URL('../../client/package.json', import.meta.url));

/** The size of a page when it is opened. */
export const kViewport = { width: 1000, height: 700 };

/** The first of these files that is there, or an error that says what to install. */
export function findBinary(what, candidates, packages) {
  const found = candidates.filter(Boolean).find((file) => fs.existsSync(file));
  if (!found) throw new Error(`${what} is missing: install ${packages} (tried ${candidates.filter(Boolean).join(', ')})`);
  return found;
}

/**
 * The body of a function that resolves to JSON text of what `fn`, a function or an expression, answers in the page. Text:
 * what the protocols do with numbers and with undefined differs.
 */
export function bodyOf(fn, args) {
  const source = typeof fn === 'function' ? `(${fn})(...${JSON.stringify(args)})` : `(${fn})`;
  return `return Promise.resolve(${source}).then((value) => JSON.stringify(value) ?? 'null');`;
}

/** What a page answers with bodyOf(). */
export const answerOf = (text) => JSON.parse(text);

/** For pages: the middle of an element, or a place in it; negative offsets count from its right and lower edge. */
export function placeOf(selector, at) {
  const element = document.querySelector(selector);
  if (!element) throw new Error(`there is no ${selector}`);
  element.scrollIntoView({ block: 'nearest' });
  const { left, top, width, height } = element.getBoundingClientRect();
  const along = (offset, size) => (offset === undefined ? size / 2 : offset < 0 ? size + offset : offset);
  return { x: Math.round(left + along(at.x, width)), y: Math.round(top + along(at.y, height)) };
}
