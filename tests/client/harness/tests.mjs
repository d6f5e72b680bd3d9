// node:test, with an end to everything: tests and hooks have time limits, and a test file ends soon after its last
// test. Without, a promise that is never kept while an NGINX runs keeps the process, and "node --test", for ever.
import fs from 'node:fs';
import * as node from 'node:test';
import { kPatience } from './wait.mjs';

const kTestLimit = 60000 + 4 * kPatience;
const kHookLimit = 6 * kPatience;
const kFileLimit = 450000 + 10 * kPatience;
const kLingering = 20000 + kPatience; // after the last test

const underWay = new Set();

export const { describe } = node;

/** A test, as node:test's. One that does not end in time fails. */
export function it(title, ...rest) {
  const fn = rest.pop();
  return node.it(title, { timeout: kTestLimit, ...rest[0] }, async function test(t) {
    underWay.add(title);
    try {
      return await fn.call(this, t);
    } finally {
      underWay.delete(title);
    }
  });
}

/**
 * As node:test's. When it fails, `undo` is run: Node 18 runs no after() then, and what was started would be left.
 */
export function before(fn, undo = () => {}) {
  node.before(async () => {
    try {
      await fn();
    } catch (error) {
      await undo();
      throw error;
    }
  }, { timeout: kHookLimit });
}

export const after = (fn) => node.after(fn, { timeout: kHookLimit });

// ---- what keeps this process

const nameOf = (handle) => {
  const kind = handle.constructor.name;
  if (kind === 'ChildProcess') return `process ${handle.pid} (${handle.spawnargs?.slice(0, 3).join(' ')})`;
  if (kind === 'Worker') return `thread ${handle.threadId}`;
  if (handle.remotePort) return `socket ${handle.localPort} → ${handle.remoteAddress}:${handle.remotePort}`;
  if (kind === 'Server') return `server on ${JSON.stringify(handle.address())}`;
  return `${kind}${handle.fd >= 0 ? ` ${handle.fd}` : ''}`;
};

function openThings() {
  const own = new Set([process.stdin?.fd, 1, 2]);
  const handles = (process._getActiveHandles?.() ?? []).filter((handle) => !own.has(handle.fd));
  const timers = (process.getActiveResourcesInfo?.() ?? []).filter((one) => one === 'Timeout').length;
  return [...handles.map(nameOf), ...(timers ? [`${timers} timers`] : [])];
}

/** Ends this process, and says why; also in the file that MEDIASYNC_HANGS names, since output may get lost. */
function giveUp(why) {
  const running = [...underWay].map((title) => `\n  under way: ${title}`).join('');
  const open = openThings().slice(0, 40).map((one) => `\n  open: ${one}`).join('');
  const text = `${process.argv[1]}: ${why}${running}${open}\n`;
  try {
    fs.writeSync(2, text);
  } catch {
    // nobody listens any more
  }
  if (process.env.MEDIASYNC_HANGS) fs.appendFileSync(process.env.MEDIASYNC_HANGS, text);
  process.exit(1);
}

// These timers keep no process, they end one that something else keeps.
setTimeout(() => giveUp(`did not end within ${kFileLimit / 1000} s`), kFileLimit).unref();
node.after(() => {
  setTimeout(() => giveUp(`still there ${kLingering / 1000} s after its last test`), kLingering).unref();
});
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => giveUp(`ended by ${signal}`));
