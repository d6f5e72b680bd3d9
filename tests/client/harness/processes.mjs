// What the kernel knows of NGINX's processes: their memory, descriptors and CPU time, and which configuration each
// worker is of.
import fs from 'node:fs';

/** `read()`, or undefined when the process that it is about has ended. */
function ifThere(read) {
  try {
    return read();
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ESRCH') return undefined;
    throw error;
  }
}

const kTicksMs = 10;

/** CPU time in ms; `withChildren` adds that of children that have ended. */
function cpuOf(pid, withChildren = false) {
  return ifThere(() => {
    const fields = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ').map(Number);
    return kTicksMs * (fields[11] + fields[12] + (withChildren ? fields[13] + fields[14] : 0));
  }) ?? 0;
}

/** Memory in bytes that the process has written to, what it shares with a parent since a fork included. */
export const memoryOf = (pid) => ifThere(() =>
  1024 * Number(/^RssAnon:\s+(\d+)/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0)) ?? 0;

export const descriptorsOf = (pid) => ifThere(() => fs.readdirSync(`/proc/${pid}/fd`).length) ?? 0;

/** The children of the master that are workers: {pid, isLeaving}. None when it has ended. */
export function workersOf(master) {
  const children = (ifThere(() => fs.readFileSync(`/proc/${master}/task/${master}/children`, 'utf8')) ?? '').trim();
  return children.split(/\s+/).filter(Boolean).map(Number).flatMap((pid) => {
    const name = ifThere(() => fs.readFileSync(`/proc/${pid}/cmdline`, 'latin1')) ?? '';
    return name.startsWith('nginx: worker') ? [{ pid, isLeaving: name.includes('shutting down') }] : [];
  });
}

/** CPU time of NGINX, ended workers included, in ms. */
export const cpuOfAll = (master) =>
  workersOf(master).reduce((sum, { pid }) => sum + cpuOf(pid), cpuOf(master, true));

/**
 * Follows the workers over reloads. look() is to be called often; reloading() just before each HUP. A worker is of the
 * newest configuration that was there when it was first seen. `count` generations are alive, `most` were at a time;
 * `longestLife` is the longest time in ms that a worker took to end.
 */
export class Generations {
  #born = new Map(); // pid to generation
  #toldAt = new Map(); // pid of one that is to end, to the time it was told

  constructor(master) {
    Object.assign(this, { master, generation: 0, count: 0, most: 0, longestLife: 0, lastReload: -Infinity,
      previousReload: -Infinity });
    this.look(Date.now());
  }

  reloading(now) {
    this.look(now);
    this.generation++;
    this.previousReload = this.lastReload;
    this.lastReload = now;
    for (const pid of this.#born.keys()) {
      if (!this.#toldAt.has(pid)) this.#toldAt.set(pid, now);
    }
  }

  /** Those of older configurations that are still there: {pid, age}, with the time since they were told to end. */
  old(now) { return [...this.#toldAt].map(([pid, since]) => ({ pid, age: now - since })); }

  look(now) {
    const alive = new Set(workersOf(this.master).map(({ pid }) => pid));
    for (const pid of alive) if (!this.#born.has(pid)) this.#born.set(pid, this.generation);
    for (const [pid] of this.#born) {
      if (alive.has(pid)) continue;
      if (this.#toldAt.has(pid)) this.longestLife = Math.max(this.longestLife, now - this.#toldAt.get(pid));
      this.#born.delete(pid);
      this.#toldAt.delete(pid);
    }
    this.count = new Set(this.#born.values()).size;
    this.most = Math.max(this.most, this.count);
  }
}
