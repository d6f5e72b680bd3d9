// What the server takes at one moment, and how two idle moments may differ.
import { descriptorsOf, memoryOf, workersOf } from '../client/harness/processes.mjs';

const kMegabyte = 2 ** 20;

/** Bounds of growth() between windows of the same load. */
export const bounds = {
  masterMemory: { share: 0.1, more: kMegabyte },
  workerMemory: { share: 0.15, more: 2 * kMegabyte },
  zoneUsed: { share: 0.2, more: 200000 },
  masterDescriptors: { share: 0, more: 4 },
  workerDescriptors: { share: 0.15, more: 20 },
};

/** One sample: bytes and descriptors of the master, of the workers that serve together, and what the zone holds. */
export function sample({ server, cpu, pace }, status) {
  const workers = workersOf(server.pid).filter(({ isLeaving }) => !isLeaving).map(({ pid }) => pid);
  const sum = (read) => workers.reduce((total, pid) => total + read(pid), 0);
  return {
    at: Date.now(),
    masterMemory: memoryOf(server.pid),
    workerMemory: sum(memoryOf),
    masterDescriptors: descriptorsOf(server.pid),
    workerDescriptors: sum(descriptorsOf),
    workers: workers.length,
    zoneUsed: status.zone_size_bytes - status.zone_free_bytes,
    sessions: status.sessions,
    users: status.users,
    connections: status.connections,
    cpu: Number((cpu ?? 0).toFixed(2)),
    pace: Number(pace.toFixed(2)),
  };
}

/** What has grown from the first to the last idle moment, as texts. */
export function compareIdle(idle) {
  if (idle.length < 2) return [];
  const [first] = idle;
  const last = idle.at(-1);
  const grown = (name, more) =>
    (last[name] > first[name] + more ? [`${name} when idle: ${first[name]} at first, ${last[name]} at last`] : []);
  return [
    ...grown('zoneUsed', 0),
    ...grown('masterDescriptors', 0),
    ...grown('workerDescriptors', 2 * last.workers * last.workers), // channels to siblings, by the order of their start
    ...grown('masterMemory', 2 * kMegabyte),
    ...grown('workerMemory', 4 * kMegabyte * last.workers),
  ];
}
