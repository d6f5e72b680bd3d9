// Chromium, by playwright-core.
import { kPagePatience } from '../../client/harness/demo.mjs';
import { deadline, kPatience } from '../../client/harness/wait.mjs';
import { answerOf, bodyOf, findBinary, kViewport, packageOf, placeOf } from './common.mjs';

const { chromium } = packageOf('playwright-core');

/** Of a <video controls> of 640 by 360. */
const kControls = { play: { x: 24, y: -48 }, seekBar: { from: 16, to: 624, y: -22 } };

class Page {
  #context;
  #page;
  #protocol;

  static async open(context, url) {
    const page = new Page();
    page.#context = context;
    page.#page = await deadline(context.newPage(), kPagePatience, 'a page');
    page.#page.setDefaultTimeout(kPagePatience);
    page.#protocol = await context.newCDPSession(page.#page);
    await page.#page.goto(url);
    return page;
  }

  /** Playwright's own evaluate() would pass for a gesture of the viewer. */
  async evaluate(fn, ...args) {
    const told = this.#protocol.send('Runtime.evaluate',
      { expression: `(() => { ${bodyOf(fn, args)} })()`, awaitPromise: true, returnByValue: true, userGesture: false });
    const { result, exceptionDetails } = await deadline(told, kPagePatience, 'Chromium to evaluate');
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return answerOf(result.value);
  }

  async click(selector, at = {}) {
    const { x, y } = await this.evaluate(placeOf, selector, at);
    await this.#page.mouse.click(x, y);
  }

  async tap(selector, at = {}) {
    const { x, y } = await this.evaluate(placeOf, selector, at);
    await this.#page.touchscreen.tap(x, y);
  }

  press(key) { return this.#page.keyboard.press(key); }
  resize(width, height) { return this.#page.setViewportSize({ width, height }); }
  async screenshot(path) { await this.#page.screenshot({ path }); }
  close() { return this.#context.close(); }
}

/**
 * `autoplay`: films start without a click. `context` and `initScript`: options of each person's browser context, and what
 * runs in each document before its own scripts.
 */
export async function launch({ autoplay = true, context: contextOptions = {}, initScript = null, environment = null } = {}) {
  const executablePath = findBinary('Chromium', [process.env.CHROMIUM_BIN, '/usr/bin/chromium'], 'the package chromium');
  const host = await chromium.launchServer({
    executablePath,
    headless: true,
    timeout: kPagePatience,
    ...(environment && { env: { ...process.env, ...environment }, ignoreDefaultArgs: ['--mute-audio'] }), // which gives it an ear
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync',
      `--autoplay-policy=${autoplay ? 'no-user-gesture-required' : 'document-user-activation-required'}`],
  });
  const stop = async () => {
    try {
      await deadline(host.close(), kPatience, 'Chromium to end');
    } catch {
      process.kill(-host.process().pid, 'SIGKILL'); // playwright makes it the leader of a process group
    }
  };
  try {
    const browser = await deadline(chromium.connect(host.wsEndpoint()), kPatience, 'Chromium to listen');
    const open = async (url) => {
      const context = await deadline(browser.newContext({ viewport: kViewport, ...contextOptions }), kPagePatience, 'a context');
      if (initScript) await context.addInitScript(initScript);
      return Page.open(context, url);
    };
    return { name: 'Chromium', controls: kControls, open, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
