// Firefox, by puppeteer-core and WebDriver BiDi.
import { kPagePatience } from '../../client/harness/demo.mjs';
import { deadline, kPatience } from '../../client/harness/wait.mjs';
import { answerOf, bodyOf, findBinary, kViewport, packageOf, placeOf } from './common.mjs';

const { default: puppeteer } = packageOf('puppeteer-core');
const kAllow = 0;
const kBlock = 5; // with sound and without

/** Of a <video controls> of 640 by 360. */
const kControls = { play: { x: 24, y: -20 }, seekBar: { from: 55, to: 405, y: -20 } };

class Page {
  #context;
  #page;

  constructor(context, page) {
    this.#context = context;
    this.#page = page;
  }

  /** Puppeteer's own evaluate() would pass for a gesture of the viewer. */
  async evaluate(fn, ...args) {
    const told = this.#page.browser().connection.send('script.evaluate',
      { expression: `(() => { ${bodyOf(fn, args)} })()`, target: { context: this.#page.mainFrame()._id }, awaitPromise: true,
        userActivation: false });
    const { result } = await deadline(told, kPagePatience, 'Firefox to evaluate');
    if (result.type === 'exception') throw new Error(result.exceptionDetails.text);
    return answerOf(result.result.value);
  }

  async click(selector, at = {}) {
    const { x, y } = await this.evaluate(placeOf, selector, at);
    await this.#page.mouse.click(x, y);
  }

  press(key) { return this.#page.keyboard.press(key); }
  resize(width, height) { return this.#page.setViewport({ width, height }); }
  async screenshot(path) { await this.#page.screenshot({ path }); }
  close() { return this.#context.close(); }
}

/** `autoplay`: films start without a click. `prefs`: further preferences of Firefox. `environment`: more of it. */
export async function launch({ autoplay = true, prefs = {}, environment = {} } = {}) {
  const executablePath = findBinary('Firefox', [process.env.FIREFOX_BIN, '/usr/bin/firefox-esr', '/usr/bin/firefox'],
    'the package firefox-esr');
  const browser = await puppeteer.launch({
    browser: 'firefox',
    executablePath,
    headless: true,
    env: { ...process.env, ...environment },
    timeout: kPagePatience,
    protocolTimeout: kPagePatience,
    defaultViewport: kViewport,
    handleSIGINT: false,
    handleSIGTERM: false,
    handleSIGHUP: false,
    extraPrefsFirefox: {
      'media.autoplay.default': autoplay ? kAllow : kBlock,
      'media.autoplay.blocking_policy': 0,
      'media.videocontrols.picture-in-picture.video-toggle.enabled': false, // it would lie over the controls
      ...prefs,
    },
  });
  const child = browser.process(); // the leader of a process group
  const kill = () => {
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch {
      // has ended
    }
  };
  process.once('exit', kill);
  const stop = async () => {
    try {
      await deadline(browser.close(), kPatience, 'Firefox to end');
    } finally {
      kill();
      process.off('exit', kill);
    }
  };
  const open = async (url) => {
    const context = await deadline(browser.createBrowserContext(), kPagePatience, 'a context');
    // In a window of its own: tabs behind others are hidden.
    const page = await deadline(context.newPage({ type: 'window' }), kPagePatience, 'a page');
    await page.goto(url, { timeout: kPagePatience });
    return new Page(context, page);
  };
  return { name: 'Firefox', controls: kControls, open, stop };
}
