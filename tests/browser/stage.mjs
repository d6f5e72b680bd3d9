// What every suite with a browser begins with.
import { kPagePatience, launchChromium, startDemo } from '../client/harness/demo.mjs';
import { after, before } from '../client/harness/tests.mjs';
import { until } from '../client/harness/wait.mjs';

/** until(), with the patience that pages need. */
export const eventually = (what, probe) => until(what, probe, kPagePatience);

/** What has that name in a page. */
export const part = (page, name) => page.getByTestId(name);

/** A demo and a browser for the tests of a suite: {server, chromium}, which are there while these run. */
export function stage(options) {
  const scene = {};
  const stop = async () => {
    await scene.chromium?.stop();
    await scene.server?.stop();
  };
  before(async () => {
    scene.server = await startDemo(options);
    scene.chromium = await launchChromium();
  }, stop);
  after(stop);
  return scene;
}
