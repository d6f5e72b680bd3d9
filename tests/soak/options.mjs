// The command line of the soak.
import { mixes } from './mixes.mjs';

const kUnits = { s: 1000, m: 60000, h: 3600000 };
const kNames = new Map([['--seed', 'seed'], ['--workers', 'workers'], ['--log', 'log'],
  ['--session-log', 'sessionLog'], ['--focus', 'focus']]);
const kTexts = new Set(['log', 'focus']);
const kUsage = 'usage: soak [10m|1h|…] [--seed N] [--workers N] [--log FILE] [--session-log KIB] ' +
  '[--focus all|polling]';

/**
 * {duration in ms, seed, sessionLog in KiB, focus, workers or undefined, log or undefined}; throws for what cannot be
 * understood.
 */
export function readOptions(args) {
  const options = { duration: 10 * kUnits.m, seed: Math.floor(Math.random() * 2 ** 31), sessionLog: 32, focus: 'all' };
  for (let i = 0; i < args.length; i++) {
    const duration = /^(\d+)([smh])$/.exec(args[i]);
    const name = kNames.get(args[i]);
    if (duration) options.duration = Number(duration[1]) * kUnits[duration[2]];
    else if (name && i + 1 < args.length) options[name] = kTexts.has(name) ? args[++i] : Number(args[++i]);
    else throw new Error(`${kUsage}; not understood: ${args[i]}`);
  }
  if (!(options.duration > 0) || !Number.isInteger(options.seed)) throw new Error(kUsage);
  if (options.workers !== undefined && !(options.workers >= 1 && options.workers <= 64)) throw new Error(kUsage);
  if (!(options.sessionLog >= 16) || !Object.hasOwn(mixes, options.focus)) throw new Error(kUsage);
  return options;
}
