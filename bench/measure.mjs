// One measurement: a contender, a scenario, the generator on another core.
import { execFile } from 'node:child_process';
import path from 'node:path';
import { contenders, kFilmBytes, root, start } from './contenders.mjs';

const generator = path.join(root, 'build/bench/bench/load/mediasync_load');
const kServerCore = '0';
const kGeneratorCore = '1';
const kLimitMs = 900_000;

function load(args, processors) {
  return new Promise((resolve) => {
    execFile('taskset', ['-c', processors, generator, ...args.map(String)], { timeout: kLimitMs }, (error, stdout, stderr) => {
      const line = stdout.trim();
      if (line) resolve(JSON.parse(line));
      else resolve({ ok: false, problem: stderr.trim() || (error?.killed ? `no end after ${kLimitMs / 1000} s` : `ended by ${error?.signal ?? error?.code}`) });
    });
  });
}

/** The generator's figures, and `complaints`: what the server wrote to its error log. */
export async function measure(name, scenario, isQuick) {
  const server = await start(name, scenario.processors ?? kServerCore);
  let figures;
  let complaints;
  try {
    figures = await load([...scenario.load, ...(isQuick ? scenario.quick : []), '--film-bytes', kFilmBytes,
      '--port', server.port, '--pid', server.pid, ...(contenders[name].load ?? [])], scenario.processors ?? kGeneratorCore);
  } finally {
    complaints = await server.stop();
  }
  return { ...figures, ...(complaints ? { complaints: complaints.slice(0, 2000) } : {}) };
}
