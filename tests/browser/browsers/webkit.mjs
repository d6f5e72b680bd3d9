// WebKitGTK: its MiniBrowser by WebDriver, on a virtual display. Each person has a browser and a driver of their own, since
// a driver has one session.
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { kPagePatience } from '../../client/harness/demo.mjs';
import { deadline, until } from '../../client/harness/wait.mjs';
import { answerOf, bodyOf, findBinary, kViewport, placeOf } from './common.mjs';
import { startGroup, temporaryFolder } from './processes.mjs';

const kPackages = 'the packages webkit2gtk-driver, xvfb, dbus-daemon, gstreamer1.0-plugins-base, gstreamer1.0-plugins-good, ' +
  'gstreamer1.0-plugins-bad and gstreamer1.0-libav';
const kKeys = { Space: ' ', ArrowLeft: '\uE012', ArrowRight: '\uE014', Enter: '\uE007', Escape: '\uE00C', Tab: '\uE004' };

/** Of a <video controls> of 640 by 360, once it has been played. Before, a button in its middle starts it. */
const kControls = { start: { x: 320, y: 180 }, play: { x: 62, y: -21 }, seekBar: { from: 147, to: 527, y: -22 } };

function miniBrowser() {
  const folders = fs.existsSync('/usr/lib') ? fs.readdirSync('/usr/lib').map((name) => path.join('/usr/lib', name)) : [];
  const candidates = [...folders, '/usr/libexec'].flatMap((folder) =>
    ['webkit2gtk-4.1', 'webkit2gtk-4.0', 'webkitgtk-6.0'].map((name) => path.join(folder, name, 'MiniBrowser')));
  return findBinary('WebKitGTK', [process.env.WEBKIT_BIN, ...candidates.filter((file) => fs.existsSync(file))], kPackages);
}

async function freePort() {
  const probe = net.createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');
  return port;
}

async function startDisplay() {
  const display = startGroup(findBinary('Xvfb', ['/usr/bin/Xvfb'], kPackages),
    ['-displayfd', '3', '-screen', '0', '1280x1024x24', '-nolisten', 'tcp'], { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] });
  try {
    let told = '';
    display.child.stdio[3].on('data', (chunk) => { told += chunk; });
    await until('Xvfb to have a display', () => told.endsWith('\n'));
    return { ...display, name: `:${told.trim()}` };
  } catch (error) {
    await display.stop();
    throw error;
  }
}

// A bus that starts no services: those of a desktop would mount a file system in the folder of the browser.
const kBus = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:tmpdir=/tmp</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
`;

/** A person: a driver with its browser. */
class Page {
  #driver;
  #home;
  #url;
  #session;

  async open(display, url, { autoplay, environment }) {
    await this.#start(display, autoplay, environment);
    await this.#call('POST', '/url', { url });
    // The answer may come before the scripts of a browser's first page have run.
    await until('the page to be loaded', () => this.evaluate(() => location.href !== 'about:blank' && document.readyState === 'complete'));
  }

  async #start(display, autoplay, environment) {
    this.#home = temporaryFolder('webkit');
    const port = await freePort();
    this.#url = `http://127.0.0.1:${port}`;
    const { folder } = this.#home;
    const bus = path.join(folder, 'bus.conf');
    fs.writeFileSync(bus, kBus);
    this.#driver = startGroup('dbus-run-session', [`--config-file=${bus}`, '--', 'WebKitWebDriver', `--port=${port}`], {
      cwd: folder,
      env: { ...process.env, DISPLAY: display, HOME: folder, XDG_RUNTIME_DIR: folder, XDG_CACHE_HOME: path.join(folder, 'cache'),
        XDG_DATA_HOME: path.join(folder, 'data'), XDG_CONFIG_HOME: path.join(folder, 'config'), GDK_BACKEND: 'x11',
        LIBGL_ALWAYS_SOFTWARE: '1', NO_AT_BRIDGE: '1', GIO_USE_VFS: 'local', GSETTINGS_BACKEND: 'memory',
        ...(process.getuid() === 0 && { WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: '1' }), ...environment },
    });
    await until('WebKitWebDriver to listen', async () => {
      if (this.#driver.child.exitCode !== null) throw new Error(`WebKitWebDriver has ended: ${this.#driver.child.exitCode}`);
      try {
        return (await fetch(`${this.#url}/status`)).ok;
      } catch {
        return false;
      }
    });
    const args = ['--automation', `--autoplay-policy=${autoplay ? 'allow' : 'deny'}`];
    const alwaysMatch = { 'webkitgtk:browserOptions': { binary: miniBrowser(), args }, timeouts: { script: kPagePatience } };
    this.#session = (await this.#ask('POST', '/session', { capabilities: { alwaysMatch } })).sessionId;
    await this.resize(kViewport.width, kViewport.height);
  }

  async #ask(method, where, body) {
    const response = await fetch(`${this.#url}${where}`, { method, signal: AbortSignal.timeout(kPagePatience),
      ...(body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }) });
    const { value } = await response.json();
    if (!response.ok) throw new Error(`WebKit: ${where}: ${value.error}: ${value.message}`);
    return value;
  }

  #call(method, where, body) { return this.#ask(method, `/session/${this.#session}${where}`, body); }

  async evaluate(fn, ...args) {
    const script = `const done = arguments[0];
      (async () => { ${bodyOf(fn, args)} })().then((json) => done({ json }), (error) => done({ error: String(error) }));`;
    const { json, error } = await this.#call('POST', '/execute/async', { script, args: [] });
    if (error) throw new Error(error);
    return answerOf(json);
  }

  async click(selector, at = {}) {
    const { x, y } = await this.evaluate(placeOf, selector, at);
    await this.#act({ type: 'pointer', id: 'mouse', parameters: { pointerType: 'mouse' }, actions: [
      { type: 'pointerMove', x, y }, { type: 'pointerDown', button: 0 }, { type: 'pointerUp', button: 0 }] });
  }

  press(key) {
    const value = kKeys[key] ?? key;
    return this.#act({ type: 'key', id: 'keyboard', actions: [{ type: 'keyDown', value }, { type: 'keyUp', value }] });
  }

  #act(source) { return this.#call('POST', '/actions', { actions: [source] }); }

  /** The page's own size: the window's is larger by the frame that is found out here. */
  async resize(width, height) {
    await this.#call('POST', '/window/rect', { width, height });
    const inner = await this.evaluate(() => ({ width: innerWidth, height: innerHeight }));
    await this.#call('POST', '/window/rect', { width: 2 * width - inner.width, height: 2 * height - inner.height });
  }

  async screenshot(file) { fs.writeFileSync(file, await this.#call('GET', '/screenshot'), 'base64'); }

  async close() {
    try {
      if (this.#session) await this.#call('DELETE', '');
    } catch {
      // what does not listen any more is killed
    } finally {
      await this.#driver?.stop();
      this.#home?.remove();
    }
  }
}

/** `autoplay`: films start without a click. `environment`: more of it for each browser. */
export async function launch({ autoplay = true, environment = {} } = {}) {
  miniBrowser();
  findBinary('WebKitWebDriver', ['/usr/bin/WebKitWebDriver'], kPackages);
  findBinary('dbus-run-session', ['/usr/bin/dbus-run-session'], kPackages);
  const display = await startDisplay();
  const pages = new Set();
  const open = async (url) => {
    const page = new Page();
    pages.add(page);
    await deadline(page.open(display.name, url, { autoplay, environment }), 2 * kPagePatience, 'a WebKit page');
    return page;
  };
  const stop = async () => {
    await Promise.allSettled([...pages].map((page) => page.close()));
    await display.stop();
  };
  return { name: 'WebKitGTK', controls: kControls, open, stop };
}
