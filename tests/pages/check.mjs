// Looks at pages as a reader's browser does: headless Chromium, driven over a pipe by its own protocol, with
// nothing but Node's library.
//
//   node tests/pages/check.mjs [--axe PATH/axe.min.js] [--pictures FOLDER] [--has TEXT] PAGE…
//
// PAGE is a file or an address on this machine. Fails, and says why, if a page writes an error to the console, asks for
// anything that is not itself, is wider than a screen of 390 pixels, lacks TEXT, or breaks a rule of axe-core
// (`npm install axe-core` anywhere), in the light and in the dark. CHROMIUM names the browser; left out: chromium.

import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const WIDTHS = [1280, 390];
const COLOURS = ['light', 'dark'];
/** A page that has not loaded by then never will. */
const PATIENCE = 30_000;

const FLAGS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--hide-scrollbars',
  '--disable-background-networking', '--disable-component-update', '--disable-sync', '--remote-debugging-pipe',
];

function parsed(words) {
  const wanted = { pages: [] };
  for (let at = 0; at < words.length; at += 1) {
    const named = words[at].match(/^--(axe|pictures|has)$/);
    if (named) wanted[named[1]] = words[(at += 1)];
    else wanted.pages.push(words[at]);
  }
  return wanted;
}

/** A browser, and a way to ask it things. */
class Browser {
  constructor() {
    this.profile = mkdtempSync(join(tmpdir(), 'pages-'));
    const flags = [...FLAGS, `--user-data-dir=${this.profile}`, 'about:blank'];
    this.process = spawn(process.env.CHROMIUM ?? 'chromium', flags, {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
      // Folders that it makes for itself go with the profile.
      env: { ...process.env, TMPDIR: this.profile },
    });
    this.asked = new Map();
    this.listeners = [];
    this.last = 0;
    let text = '';
    this.process.stdio[4].on('data', (piece) => {
      const messages = (text + piece).split('\0');
      text = messages.pop();
      messages.forEach((message) => this.hear(JSON.parse(message)));
    });
    this.failed = new Promise((_, reject) => {
      this.process.on('error', reject);
      this.process.on('exit', (code) => reject(new Error(`the browser ended with ${code}`)));
    });
    this.failed.catch(() => {});
  }

  hear(message) {
    const waiting = this.asked.get(message.id);
    this.asked.delete(message.id);
    if (message.error) waiting?.reject(new Error(message.error.message));
    else if (waiting) waiting.resolve(message.result);
    else this.listeners.forEach((listener) => listener(message));
  }

  ask(method, params = {}, sessionId = undefined) {
    const id = (this.last += 1);
    const answer = new Promise((resolve, reject) => this.asked.set(id, { resolve, reject }));
    this.process.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    return Promise.race([answer, this.failed]);
  }

  async close() {
    const ended = new Promise((resolve) => this.process.on('exit', resolve));
    this.process.kill();
    await ended;
    rmSync(this.profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** A tab that shows a page in one width and one colour scheme, and what was wrong with it. */
async function look(browser, address, width, colours, wanted) {
  const { targetId } = await browser.ask('Target.createTarget', { url: 'about:blank' });
  const { sessionId } = await browser.ask('Target.attachToTarget', { targetId, flatten: true });
  const ask = (method, params) => browser.ask(method, params, sessionId);
  const evaluate = async (expression) => {
    const answer = await ask('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true });
    if (answer.exceptionDetails) throw new Error(answer.exceptionDetails.exception?.description ?? 'cannot be evaluated');
    return answer.result.value;
  };
  const faults = [];
  const own = new URL(address);
  let loaded;
  const isLoaded = new Promise((resolve) => (loaded = resolve));
  const listen = ({ method, params, sessionId: of }) => {
    if (of !== sessionId) return;
    if (method === 'Runtime.consoleAPICalled' && params.type === 'error') faults.push('writes an error to the console');
    if (method === 'Runtime.exceptionThrown') faults.push(`throws: ${params.exceptionDetails.text}`);
    if (method === 'Log.entryAdded' && params.entry.level === 'error') faults.push(params.entry.text);
    if (method === 'Network.requestWillBeSent') {
      const asked = new URL(params.request.url);
      const isOwn = asked.protocol === 'data:' || (asked.protocol === own.protocol && asked.host === own.host);
      if (!isOwn || (own.protocol === 'file:' && asked.href.split('#')[0] !== own.href)) faults.push(`asks for ${asked.href}`);
    }
    if (method === 'Page.loadEventFired') loaded();
  };
  browser.listeners.push(listen);
  for (const domain of ['Page', 'Runtime', 'Log', 'Network']) await ask(`${domain}.enable`);
  await ask('Emulation.setDeviceMetricsOverride', { width, height: 900, deviceScaleFactor: 1, mobile: width < 500 });
  await ask('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: colours }] });
  await ask('Page.navigate', { url: address });
  const late = setTimeout(() => loaded('late'), PATIENCE);
  if ((await isLoaded) === 'late') faults.push('does not load');
  clearTimeout(late);
  const wide = await evaluate('document.documentElement.scrollWidth');
  if (wide > width) faults.push(`is ${wide} pixels wide on a screen of ${width}`);
  if (wanted.has && !(await evaluate('document.body.innerText')).includes(wanted.has)) faults.push(`does not say ${wanted.has}`);
  if (wanted.pictures) {
    const height = Math.min(await evaluate('document.documentElement.scrollHeight'), 8000);
    const clip = { x: 0, y: 0, width, height, scale: 1 };
    const { data } = await ask('Page.captureScreenshot', { clip, captureBeyondViewport: true });
    const name = basename(own.pathname) || 'index';
    mkdirSync(wanted.pictures, { recursive: true });
    writeFileSync(join(wanted.pictures, `${name}-${width}-${colours}.png`), Buffer.from(data, 'base64'));
  }
  // Last: it unfolds what is folded.
  if (wanted.axe) faults.push(...(await axe(evaluate, wanted.axe)));
  browser.listeners.splice(browser.listeners.indexOf(listen), 1);
  await browser.ask('Target.closeTarget', { targetId });
  return faults;
}

/** What axe-core finds wrong, folded parts unfolded. */
async function axe(evaluate, path) {
  await evaluate("document.querySelectorAll('details').forEach((part) => (part.open = true))");
  await evaluate(`${readFileSync(path, 'utf8')}; undefined`);
  const found = await evaluate(
    `axe.run(document).then((all) => all.violations.map((one) => one.id + ': ' + one.help + ' (' + one.nodes.length + '): '
       + one.nodes.slice(0, 3).map((node) => node.target.join(' ') + ' ' + (node.any[0]?.message ?? '')).join(' | ')))`,
  );
  return found.map((text) => `axe ${text}`);
}

const wanted = parsed(process.argv.slice(2));
if (wanted.pages.length === 0) {
  console.error('usage: node tests/pages/check.mjs [--axe FILE] [--pictures FOLDER] [--has TEXT] PAGE…');
  process.exit(2);
}
const browser = new Browser();
let isSound = true;
try {
  for (const page of wanted.pages) {
    const address = existsSync(page) ? pathToFileURL(resolve(page)).href : page;
    for (const width of WIDTHS) {
      for (const colours of COLOURS) {
        const faults = await look(browser, address, width, colours, wanted);
        isSound &&= faults.length === 0;
        console.log(`${page} ${width} ${colours}: ${faults.length === 0 ? 'sound' : ''}`);
        faults.forEach((fault) => console.log(`  ${fault}`));
      }
    }
  }
} finally {
  await browser.close();
}
process.exit(isSound ? 0 : 1);
