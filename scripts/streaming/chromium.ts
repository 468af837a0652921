/** The same in a headless Chromium: the page that asks the reader's worker, and the browser around it. */
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { build, preview } from 'vite';
import { launchBrowser } from '../lib/browser.mjs';
import type { AsksPage } from './page/main';
import type { Turns } from './turns';

const ROOT = 'scripts/streaming/page';

export interface TimedPage {
  /** @param files paths. @throws Error when rows are missing. */
  time(files: readonly string[], rows: number, turns: number): Promise<Turns>;
  close(): Promise<void>;
}

/** Builds and opens the page. The working folder must be the project's. */
export async function openTimedPage(): Promise<TimedPage> {
  const config = { configFile: false, root: ROOT, base: './', logLevel: 'error' } as const;
  const outDir = join(process.cwd(), 'dist-lab/streaming/page');
  await build({ ...config, worker: { format: 'es' }, build: { outDir, emptyOutDir: true, target: 'esnext' } });
  const server = await preview({ ...config, build: { outDir }, preview: { host: '127.0.0.1', port: 0, open: false } });
  const bound = server.httpServer.address();
  if (bound === null || typeof bound === 'string') throw new Error('the page could not be served on a port');
  const browser = await launchBrowser([]);
  return {
    async time(files, rows, turns) {
      // A fresh page each time, so that one format's garbage does not count as the next one's.
      const page: Page = await browser.newPage();
      await page.goto(`http://127.0.0.1:${bound.port}/`);
      await page.waitForFunction(() => (window as AsksPage).timeFiles !== undefined);
      await page.setInputFiles('#files', [...files]);
      const timed = await page.evaluate(([n, times]) => (window as AsksPage).timeFiles?.(n, times), [rows, turns] as [number, number]);
      await page.close();
      if (!timed) throw new Error('the page gave no times');
      return timed;
    },
    async close() {
      await browser.close();
      await server.close();
    },
  };
}
