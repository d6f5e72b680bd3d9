// The command line of the soak.
const kUnits = { s: 1000, m: 60000, h: 3600000 };
const kUsage = 'usage: soak [10m|1h|…] [--seed N] [--workers N] [--log FILE]';

/** {duration in ms, seed, workers or undefined, log or undefined}; throws for what cannot be understood. */
export function readOptions(args) {
  const options = { duration: 10 * kUnits.m, seed: Math.floor(Math.random() * 2 ** 31) };
  for (let i = 0; i < args.length; i++) {
    const duration = /^(\d+)([smh])$/.exec(args[i]);
    const named = /^--(seed|workers|log)$/.exec(args[i]);
    if (duration) options.duration = Number(duration[1]) * kUnits[duration[2]];
    else if (named && i + 1 < args.length) options[named[1]] = named[1] === 'log' ? args[++i] : Number(args[++i]);
    else throw new Error(`${kUsage}; not understood: ${args[i]}`);
  }
  if (!(options.duration > 0) || !Number.isInteger(options.seed)) throw new Error(kUsage);
  if (options.workers !== undefined && !(options.workers >= 1 && options.workers <= 64)) throw new Error(kUsage);
  return options;
}
