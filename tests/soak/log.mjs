// The error log as it grows: what stands in it that may not, apart from what the soak did itself.
import fs from 'node:fs';

const kForbidden = /\[(?:alert|emerg|crit)\]|exited on signal|open socket/;

/** Whether a line of the error log is a fault. `killed` holds the pids of workers that were killed on purpose. */
export function isFault(line, killed) {
  if (!kForbidden.test(line)) return false;
  const death = /worker process (\d+) exited on signal 9|was locked by (\d+)/.exec(line);
  return !(death && killed.has(Number(death[1] ?? death[2])));
}

export class ErrorLog {
  #at = 0;
  #rest = '';

  constructor(file) { this.file = file; }

  /** The whole lines written since the last call. */
  lines() {
    const fd = fs.openSync(this.file, 'r');
    try {
      const buffer = Buffer.alloc(fs.fstatSync(fd).size - this.#at);
      this.#at += fs.readSync(fd, buffer, 0, buffer.length, this.#at);
      const lines = (this.#rest + buffer.toString('latin1')).split('\n');
      this.#rest = lines.pop();
      return lines;
    } finally {
      fs.closeSync(fd);
    }
  }
}
