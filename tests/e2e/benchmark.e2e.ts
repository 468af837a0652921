import AxeBuilder from '@axe-core/playwright';
import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import { configure, dropFiles, journey, on, withBrowser } from './lab';
import { writeShards } from './shards';

withBrowser();

const bench = (page: Page) => ({
  link: page.getByRole('link', { name: 'Benchmark' }),
  cases: page.locator('.bench-cases'),
  box: (letter: string) =>
    page
      .locator('.bench-cases label')
      .filter({ has: page.locator('.case-letter', { hasText: letter }) })
      .getByRole('checkbox'),
  compare: page.getByRole('checkbox', { name: /^Compare with TF\.js/ }),
  run: page.getByRole('button', { name: /run the benchmark|pause training and run/i }),
  cancel: page.getByRole('button', { name: 'Cancel' }),
  progress: page.getByRole('progressbar', { name: 'Progress of the benchmark' }),
  figures: page.getByRole('region', { name: 'Figures' }),
  case: (letter: string) => page.getByRole('region', { name: `Times of case ${letter}` }),
});

/** Opens the view and leaves only some cases ticked. */
async function choose(page: Page, ...letters: string[]): Promise<void> {
  await bench(page).link.click();
  await bench(page).cases.getByRole('checkbox').first().waitFor();
  // The button takes all away only where all are ticked.
  const all = page.getByRole('button', { name: /^(All|None)$/ });
  if ((await all.innerText()) === 'All') await all.click();
  await page.getByRole('button', { name: 'None' }).click();
  for (const letter of letters) await bench(page).box(letter).check();
}

async function axe(page: Page): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const grave = violations.filter((v) => v.impact === 'serious' || v.impact === 'critical');
  return grave.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(' ')).join(', ')}`);
}

journey(
  'the benchmark is loaded when it is opened, and a case gives figures with units that can be copied',
  { context: { permissions: ['clipboard-read', 'clipboard-write'] } },
  async ({ page, until }) => {
    const scripts: string[] = [];
    page.context().on('request', (request) => void scripts.push(request.url()));
    await until('device', (s) => s.device !== undefined);
    const before = scripts.length;
    await choose(page, 'a');
    expect(scripts.slice(before).some((url) => /BenchmarkView.*\.js/.test(url))).toBe(true);
    expect(scripts.slice(0, before).some((url) => /BenchmarkView/.test(url))).toBe(false);
    expect(await on(page).heading.count()).toBe(1);
    expect(await axe(page)).toEqual([]);

    await bench(page).compare.uncheck();
    await bench(page).run.click();
    await bench(page).progress.waitFor();
    await page.getByRole('heading', { name: 'Results', exact: true }).waitFor();
    expect(await bench(page).figures.innerText()).toMatch(/\d GFLOP\/s/);
    const row = await bench(page).case('a').getByRole('row').nth(1).innerText();
    expect(row).toMatch(/³ ours\s+[\d.]+\s+[\d.]+ – [\d.]+\s+\d/);
    expect(await page.getByText(/Chrome \d+, quick run/).count()).toBe(1);
    expect(scripts.some((url) => /tfjs|jaxjs/.test(url))).toBe(false);
    expect(await axe(page)).toEqual([]);

    await page.getByRole('button', { name: 'Copy as JSON' }).click();
    await page.getByText('Copied').waitFor();
    const copied = JSON.parse(await page.evaluate(() => navigator.clipboard.readText())) as Record<string, unknown>;
    expect(copied.encoder_gflops).toBeGreaterThan(0);
    expect(copied).toMatchObject({ quick: true, not_measured: [] });
    await page.getByRole('button', { name: 'Copy as Markdown' }).click();
    await page.waitForTimeout(200);
    expect(await page.evaluate(() => navigator.clipboard.readText())).toContain('| `encoder_gflops` |');

    await page.goBack();
    await on(page).dropZone.waitFor();
    await page.goForward();
    await bench(page).figures.waitFor();
  },
);

journey('cost against the sizes is drawn with its slopes, and the steps as bars', {}, async ({ page, until }) => {
  await until('device', (s) => s.device !== undefined);
  await choose(page, 'b', 'e');
  await bench(page).compare.uncheck();
  // A quick run leaves out what a busy machine has no time for.
  await page.getByRole('button', { name: 'Full' }).click();
  await bench(page).run.click();
  await page.getByRole('heading', { name: 'Results', exact: true }).waitFor();
  const chart = page.getByRole('figure', { name: 'Cost against F' });
  await chart.locator('.point').first().waitFor();
  expect(await chart.locator('.point').count()).toBeGreaterThanOrEqual(2);
  expect(await chart.innerText()).toMatch(/time ~ F\^-?\d\.\d\d/);
  await page.getByRole('figure', { name: 'Time of one step' }).locator('.bars .point').first().waitFor();
});

journey('TF.js and jax-js start in the page and take part', {}, async ({ page, until }) => {
  await until('device', (s) => s.device !== undefined);
  await choose(page, 'a');
  await bench(page).run.click();
  await page.getByRole('heading', { name: 'Results', exact: true }).waitFor();
  // On a busy machine a quick run may lack the time for a contender, and names it; a library that does not start is another matter.
  expect(await page.locator('.bench-absent').count()).toBe(0);
  const words = await page.locator('.bench-case').innerText();
  expect(words).toContain('TF.js 4.');
  expect(words).toContain('jax-js 0.');
});

journey('nothing is measured beside training: it is paused first, and a run ends when it goes on', {}, async ({ page, until }) => {
  await until('device', (s) => s.device !== undefined);
  await dropFiles(page, writeShards(2));
  await until('shards', (s) => s.data.shards !== undefined);
  await configure(page, {
    'widths.gated': '32',
    'widths.baseline': '32',
    'lambdas.gated': '0.1',
    'lambdas.baseline': '0.1',
    batch: '64',
    steps: '1000000',
  });
  await on(page).start.click();
  await until('training', (s) => s.session.phase === 'training');
  await choose(page, 'b');
  await page.getByText('The lab is training.').waitFor();
  await bench(page).run.click();
  await until('pause', (s) => s.session.phase === 'paused');
  await bench(page).progress.waitFor();
  await page.getByRole('button', { name: 'Resume', exact: true }).click();
  await page
    .getByText(/the benchmark was stopped/)
    .first()
    .waitFor();
  expect(await bench(page).cancel.count()).toBe(0);
  await until('training', (s) => s.session.phase === 'training');
});

journey('a run can be cancelled at once, and the next one starts afresh', {}, async ({ page, until }) => {
  await until('device', (s) => s.device !== undefined);
  await choose(page, 'a');
  await bench(page).compare.uncheck();
  for (let i = 0; i < 2; i++) {
    await bench(page).run.click();
    await bench(page).progress.waitFor();
    await bench(page).cancel.click();
    await bench(page).run.waitFor();
    expect(await bench(page).progress.count()).toBe(0);
  }
});

journey('without WebGPU the benchmark says why it cannot run', { hideWebGpu: true, path: '?test=1#benchmark' }, async ({ page }) => {
  await page.getByText(/^No usable GPU\. Chrome \d+ has no WebGPU here\./).waitFor();
  expect(await bench(page).run.isDisabled()).toBe(true);
});
