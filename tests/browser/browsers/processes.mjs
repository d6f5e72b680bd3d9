// Processes of browsers: each is the leader of a group of its own, and what is left of the group is killed at its end.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { once } from 'node:events';
import { deadline, kPatience } from '../../client/harness/wait.mjs';

const kPolitely = 3000; // ms for a process to end by itself

const running = new Set();
const folders = new Set();
process.once('exit', () => {
  for (const group of running) signalGroup(group, 'SIGKILL');
  for (const folder of folders) removeFolder(folder);
});

function removeFolder(folder) {
  try {
    fs.rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  } catch {
    // somebody who is being killed still writes there
  }
}

function signalGroup(group, signal) {
  try {
    process.kill(-group, signal);
  } catch {
    // nobody of it is left
  }
}

/** Starts a process as the leader of a group: {child, stop}. `stop()` ends the group, whoever of it listens. */
export function startGroup(command, args, options = {}) {
  const child = spawn(command, args, { stdio: 'ignore', ...options, detached: true });
  const exited = once(child, 'exit');
  exited.catch(() => {});
  if (child.pid) running.add(child.pid);
  const stop = async () => {
    if (!child.pid) return;
    signalGroup(child.pid, 'SIGTERM');
    const politely = setTimeout(() => signalGroup(child.pid, 'SIGKILL'), kPolitely);
    try {
      await deadline(exited, 2 * kPolitely + kPatience, `${command} to be killed`);
    } finally {
      clearTimeout(politely);
      signalGroup(child.pid, 'SIGKILL'); // its children
      running.delete(child.pid);
    }
  };
  return { child, exited, stop };
}

/** A folder that is gone after remove(), or at the end of this process. */
export function temporaryFolder(name) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), `mediasync-${name}-`));
  folders.add(folder);
  const remove = () => {
    removeFolder(folder);
    if (!fs.existsSync(folder)) folders.delete(folder);
  };
  return { folder, remove };
}
