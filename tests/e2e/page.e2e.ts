/** The page's own manners: nothing vanishes while one types, jumps while one reads, freezes, or is lost without a question. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Locator, Page } from 'playwright-core';
import { expect } from 'vitest';
import type { DataState } from '../../src/lab/protocol';
import { configure, dropFiles, type Journey, journey, on, SMALL, settle, steady, withBrowser } from './lab';
import { writeShards } from './shards';

withBrowser();

const control = (page: Page, name: string) => page.getByRole('group', { name: 'Training' }).getByRole('button', { name, exact: true });

async function train({ page, until }: Journey, steps: string): Promise<void> {
  await until('device', (s) => s.device !== undefined);
  await dropFiles(page, writeShards(2));
  await until('rows', (s) => s.data.shards !== undefined);
  await configure(page, { ...SMALL, steps });
  await on(page).start.click();
}

const NARROW = { viewport: { width: 390, height: 844 } };
/** Larger shifts are felt: web.dev/articles/cls calls less than this good. */
const GOOD_SHIFT = 0.1;

/** Sum of all layout shifts so far that no input explains. */
const layoutShift = (page: Page): Promise<number> =>
  page.evaluate(
    () =>
      new Promise<number>((done) => {
        let sum = 0;
        const observer = new PerformanceObserver((list) => {
          for (const entry of list.getEntries() as (PerformanceEntry & { value: number; hadRecentInput: boolean })[])
            if (!entry.hadRecentInput) sum += entry.value;
        });
        observer.observe({ type: 'layout-shift', buffered: true });
        // Buffered entries come in a task of their own, after which the list is complete.
        setTimeout(() => {
          observer.disconnect();
          done(sum);
        }, 100);
      }),
  );

for (const [name, context] of [
  ['on a desk', {}],
  ['on a phone', NARROW],
] as const) {
  journey(`nothing jumps in the first seconds, nor when runs begin and are measured, ${name}`, { context }, async (lab) => {
    const { page, until } = lab;
    await until('device', (s) => s.device !== undefined);
    await settle(page);
    expect(await layoutShift(page)).toBeLessThan(GOOD_SHIFT);
    await dropFiles(page, writeShards(2));
    await until('rows', (s) => s.data.shards !== undefined);
    await page
      .getByText('Sampled profile')
      .or(page.getByText(/^Profile/))
      .first()
      .waitFor();
    await configure(page, { ...SMALL, steps: '100000' });
    await on(page).start.click();
    // What follows the click at once is its answer; the rest comes by itself, and must find its place free.
    await page.locator('.app:not(.no-runs)').waitFor();
    await settle(page);
    const before = await layoutShift(page);
    await until('an evaluation', (s) => s.runs.length === 2 && s.runs.every((run) => run.metrics !== undefined));
    await page.locator('.pareto').waitFor({ state: 'attached' });
    await settle(page);
    expect((await layoutShift(page)) - before).toBeLessThan(GOOD_SHIFT);
  });
}

journey('runs added while others are paused wait with them until Resume', {}, async (lab) => {
  const { page, until, state } = lab;
  await train(lab, '100000');
  await until('training', (s) => s.runs.length === 2 && s.runs.every((run) => run.step > 3));
  await control(page, 'Pause').click();
  await until('pause', (s) => s.session.phase === 'paused');
  const steps = async () => (await state()).runs.map((run) => run.step);
  const paused = await steady(page, steps);
  await configure(page, { 'lambdas.gated': '0.5', 'lambdas.baseline': '0.3' });
  await page.getByText(/added runs wait with the others for Resume/).waitFor();
  await page.getByRole('button', { name: /^add \d+ runs?/i }).click();
  await until('four paused runs', (s) => s.runs.length === 4 && s.runs.every((run) => run.state === 'paused'));
  expect(await steady(page, steps)).toEqual([...paused, 0, 0]);
  expect((await state()).session).toMatchObject({ phase: 'paused', note: 'paused, with 2 runs added' });
  await control(page, 'Resume').click();
  await until('all of them train', (s) => s.runs.every((run, i) => run.state === 'training' && run.step > (paused[i] ?? 0)));
});

journey('Show data goes on while runs train, and holds a screenful of a long history', {}, async (lab) => {
  const { page, until } = lab;
  await train(lab, '100000');
  await until('an evaluation', (s) => s.runs.length === 2 && s.runs.every((run) => run.metrics !== undefined));
  const chart = page.getByRole('figure', { name: /^L0 over steps/ });
  await chart.getByRole('button', { name: 'Show data' }).click();
  const table = chart.getByRole('region', { name: /^Data of L0 over steps/ }).getByRole('table');
  await table.waitFor();
  const rows = async () => Number(await table.getAttribute('aria-rowcount'));
  const first = await rows();
  await expect.poll(rows).toBeGreaterThan(first + 1);
  await chart.getByRole('button', { name: 'Show chart' }).click();
  await chart.locator('.plot').waitFor({ state: 'visible' });
});

journey('thousands of files: a screenful of them is drawn, and more as the list is scrolled', {}, async ({ page, until }) => {
  const FILES = 2000;
  const folder = mkdtempSync(join(tmpdir(), 'lab-many-'));
  const dictionary = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 16), }".padEnd(117);
  const header = Buffer.from(`\x93NUMPY\x01\x00v\x00${dictionary}\n`, 'latin1');
  const rows = (seed: number) => Buffer.from(Float32Array.from({ length: 32 }, (_, i) => Math.sin(seed * 32 + i)).buffer);
  for (let i = 0; i < FILES; i++) writeFileSync(join(folder, `part_${i}.npy`), Buffer.concat([header, rows(i)]));
  await until('device', (s) => s.device !== undefined);
  await dropFiles(page, [folder]);
  const { data } = await until('rows', (s) => s.data.shards !== undefined);
  expect(data.shards?.rows).toBe(2 * FILES);
  const list = page.getByRole('list', { name: 'Files' }).first();
  const drawn = () => list.locator('> li').count();
  await list.getByText(/\d more$/).waitFor({ state: 'attached' });
  const first = await drawn();
  expect(first).toBeLessThan(200);
  await list.evaluate((element) => element.scrollTo(0, element.scrollHeight));
  await expect.poll(drawn).toBeGreaterThan(first);
  expect(await drawn()).toBeLessThan(400);
});

journey('Remove and Clear can be taken back', {}, async (lab) => {
  const { page, until } = lab;
  await train(lab, '5');
  const { runs } = await until('two finished runs', (s) => s.runs.length === 2 && s.runs.every((run) => run.state === 'done'));
  const undo = page.getByRole('button', { name: 'Undo', exact: true });
  await page.getByRole('button', { name: `Remove ${runs[0]?.name}` }).click();
  await until('one run', (s) => s.runs.length === 1);
  await undo.click();
  const back = await until('both runs', (s) => s.runs.length === 2);
  expect(back.runs).toEqual(runs);
  const download = page.waitForEvent('download');
  await page
    .getByRole('row')
    .filter({ hasText: runs[0]?.name ?? '' })
    .first()
    .click();
  await on(page).saveRun.click();
  await download;

  const before = (await until('data', (s) => s.data.shards !== undefined)).data;
  await page.getByRole('button', { name: 'Clear', exact: true }).click();
  await until('no data', (s) => s.data.files.length === 0);
  await undo.click();
  const { data } = await until('the data', (s) => s.data.shards !== undefined);
  // Files were read anew, and their fingerprint is formed when they are trained on.
  const known = ({ shards, ...rest }: DataState) => ({ ...rest, revision: 0, shards: { ...shards, fingerprint: '' } });
  expect(known(data)).toEqual(known(before));
});

journey('a reload asks first while runs train, and does not where nothing would be lost', {}, async (lab) => {
  const { page, state } = lab;
  const asked: string[] = [];
  page.on('dialog', (dialog) => {
    asked.push(dialog.type());
    void dialog.dismiss();
  });
  await page.reload();
  expect(asked).toEqual([]);
  await train(lab, '100000');
  await lab.until('training', (s) => s.runs.length === 2 && s.runs.every((run) => run.step > 3));
  await page.evaluate(() => location.reload());
  await expect.poll(() => asked).toEqual(['beforeunload']);
  expect((await state()).runs).toHaveLength(2);
});

journey('a narrow field says what is wrong with it in lines of many words, under its row', {}, async ({ page }) => {
  const steps = on(page).field('steps');
  const width = async () => (await steps.boundingBox())?.width ?? 0;
  const before = await width();
  await steps.fill('many');
  const problem = page.getByText('Steps: "many" is not a number.');
  await problem.waitFor();
  const [at, field] = [await problem.boundingBox(), await steps.boundingBox()];
  expect(at?.width).toBeGreaterThan(200);
  expect(at?.y).toBeGreaterThan((field?.y ?? 0) + (field?.height ?? 0));
  expect(await width(), 'the field itself stays as it is').toBe(before);
  await steps.fill('');
  await page.getByText('Steps: This is empty: give a number.').waitFor();
});

journey('forced colours: what is pressed differs from what is not', { context: { forcedColors: 'active' } }, async (lab) => {
  const { page, until } = lab;
  await train(lab, '5');
  await until('two finished runs', (s) => s.runs.length === 2 && s.runs.every((run) => run.state === 'done'));
  const look = (button: Locator) =>
    button.evaluate((element) => {
      const { backgroundColor, color } = getComputedStyle(element);
      return { backgroundColor, color };
    });
  const system = await page.evaluate(() => {
    const probe = document.body.appendChild(document.createElement('div'));
    probe.style.cssText = 'forced-color-adjust: none; background: Highlight; color: HighlightText';
    const { backgroundColor, color } = getComputedStyle(probe);
    probe.remove();
    return { backgroundColor, color };
  });
  for (const place of ['.segments', '.legend-runs']) {
    const button = (pressed: boolean) => page.locator(`${place} button[aria-pressed="${pressed}"]:not(:disabled)`).first();
    expect(await look(button(true))).toEqual(system);
    expect((await look(button(false))).backgroundColor).not.toBe(system.backgroundColor);
  }
  expect(await look(page.locator('.run-table tr.selected th'))).toEqual(system);
});
