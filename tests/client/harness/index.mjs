// What a test file imports.
import { Server } from './nginx.mjs';
import { after, before, describe } from './tests.mjs';

export { Server, checkConfiguration, configuration, environment, modulePath, repoRoot } from './nginx.mjs';
export { after, before, describe, it } from './tests.mjs';
export { deadline, kPatience, until } from './wait.mjs';
export { freshAgent, pinnedSocket, request, requestOn, rest, workerAgent } from './http.mjs';
export * from './client.mjs';
export * from './raw.mjs';
export { Polling, kSeparator } from './polling.mjs';
export { fits } from './shapes.mjs';

// Enough for requests of a client to come to different workers.
const kWorkerCounts = [3];

/**
 * Of the counts of workers that a suite about these is run with. Where sanitizers look on, it is at memory: there the greatest is
 * enough.
 */
export const workerCounts = (...counts) => (process.env.MEDIASYNC_PRELOAD ? counts.slice(-1) : counts);

/**
 * Runs `body(server)` as a suite against one server for each count of workers; `server()` is the running one, and
 * throws once that has ended by itself: what is left of the suite fails at once then.
 * `options` are those of Server.start(); `stop` those of Server.stop().
 */
export function suite(title, options, body) {
  const { workerCounts = kWorkerCounts, stop, ...start } = options;
  for (const workers of workerCounts) {
    describe(`${title} (${workers} workers)`, () => {
      let server;
      before(async () => { server = await Server.start({ ...start, workers }); });
      after(async () => { await server?.stop(stop); });
      body(() => server.alive(), workers);
    });
  }
}
