/**
 * node scripts/screenshots.mjs FOLDER [first] [demo] [error] [--evaluations N] [--width PX]: pictures of the built page in light,
 * dark and narrow, in the states named (all by default), for docs/ and for looking at.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { buildPage } from './lib/build.mjs';
import { runScript, Stop, say } from './lib/project.mjs';

const LOOKS = {
  light: { colorScheme: 'light', viewport: { width: 1440, height: 900 } },
  dark: { colorScheme: 'dark', viewport: { width: 1440, height: 900 } },
  narrow: { colorScheme: 'light', viewport: { width: 390, height: 844 } },
};

const state = (page) => page.evaluate(() => window.__lab.state());

/** Waits until the page's state is as asked, by looking twice a second. */
async function until(page, what, seconds, isSo) {
  const deadline = performance.now() + seconds * 1000;
  for (;;) {
    const now = await state(page);
    if (isSo(now)) return now;
    if (performance.now() > deadline) throw new Error(`no ${what} within ${seconds} s; the session was ${JSON.stringify(now.session)}`);
    await page.waitForTimeout(500);
  }
}

/** What is done to the page before the picture, by name. */
const STATES = {
  first: (page) => until(page, 'GPU', 30, (s) => s.device || s.deviceProblem),
  demo: async (page, { evaluations }) => {
    await page.getByRole('button', { name: /run the demo/i }).click();
    const seen = new Map();
    const isEnough = ({ runs }) => {
      for (const run of runs) if (run.evaluatedAt !== undefined) seen.set(run.id, (seen.get(run.id) ?? new Set()).add(run.evaluatedAt));
      return runs.length > 0 && runs.every((run) => (seen.get(run.id)?.size ?? 0) >= evaluations || (run.state === 'done' && run.metrics));
    };
    await until(page, `${evaluations} evaluations of every run`, 240, isEnough);
    await page.locator('.run-table tbody tr').first().click();
    await page.waitForTimeout(2500);
  },
  error: async (page) => {
    await until(page, 'GPU', 30, (s) => s.device || s.deviceProblem);
    const broken = { name: 'shard_3.safetensors', mimeType: 'application/octet-stream', buffer: Buffer.from('not a safetensors file') };
    await page.getByTestId('files').setInputFiles(broken);
    await until(page, 'report of the file', 30, (s) => s.data.files.some((file) => !file.ok));
  },
};

await runScript(async () => {
  const options = { evaluations: { type: 'string', default: '3' }, width: { type: 'string' } };
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  const [folder, ...named] = positionals;
  const states = named.length > 0 ? named : Object.keys(STATES);
  const unknown = states.find((name) => !(name in STATES));
  if (!folder || unknown)
    throw new Stop(
      `${unknown ? `${unknown} is no state. ` : ''}node scripts/screenshots.mjs FOLDER [${Object.keys(STATES).join('] [')}] [--evaluations N] [--width PX]`,
    );
  mkdirSync(folder, { recursive: true });
  const { launchBrowser, servePage } = await import('./lib/browser.mjs');
  await buildPage();
  const [browser, site] = await Promise.all([launchBrowser(), servePage()]);
  try {
    for (const name of states) {
      for (const [look, context] of Object.entries(LOOKS)) {
        if (values.width && look !== 'narrow') context.viewport.width = Number(values.width);
        const opened = await browser.newContext(context);
        const page = await opened.newPage();
        page.on('console', (message) => message.type() === 'error' && say(`console error: ${message.text()}`));
        await page.goto(`${site.address}?test=1`);
        await STATES[name](page, { evaluations: Number(values.evaluations) });
        await page.waitForTimeout(500);
        const file = join(folder, `${name}-${look}.png`);
        await page.screenshot({ path: file, fullPage: look === 'narrow' });
        await opened.close();
        say(file);
      }
    }
  } finally {
    await browser.close();
    await site.close();
  }
});
