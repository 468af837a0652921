import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { Download, Page } from 'playwright-core';
import { expect } from 'vitest';
import { configure, dropFiles, type Journey, journey, on, SMALL, settle, traceTasks, withBrowser } from './lab';
import { ROWS, readShapes, WIDTH, writeShards, writeTruncatedShard } from './shards';

withBrowser();

const SWEEP = { ...SMALL, 'lambdas.baseline': '0.1, 0.4', 'lambdas.gated': '0.2, 0.8' } as const;

/** Drops three good shards and starts four small runs of `steps` steps. */
async function startSweep({ page, until }: Journey, steps: number, more: string[] = []): Promise<void> {
  await until('device', (s) => s.device !== undefined);
  await dropFiles(page, [...writeShards(3), ...more]);
  await until('rows of three shards', (s) => s.data.shards?.rows === 3 * ROWS);
  await configure(page, { ...SWEEP, steps: String(steps) });
  await on(page).start.click();
}

journey('dropped shards: a bad one is refused by name, the good ones train to a Pareto of R²', {}, async (lab) => {
  const { page, until } = lab;
  const bad = writeTruncatedShard();
  await startSweep(lab, 300, [bad]);

  const { data } = await until('four runs', (s) => s.runs.length === 4);
  expect(data.shards).toMatchObject({ source: 'shards', rows: 3 * ROWS, d: WIDTH, dtype: 'f32' });
  const refused = data.files.filter((file) => !file.ok);
  expect(refused.map((file) => basename(file.path))).toEqual([basename(bad)]);
  expect(refused[0]?.error).toMatch(/truncated|short|missing|bytes/i);
  await page.getByText(basename(bad)).first().waitFor();

  const { runs } = await until(
    'four finished runs',
    (s) => s.runs.length === 4 && s.runs.every((run) => run.state === 'done' && run.metrics),
  );
  for (const run of runs) {
    expect(run.quality).toBe('r2');
    expect(run.metrics?.loss_recovered).toBeUndefined();
    expect(run.metrics?.r2).toBeGreaterThan(0);
  }
  for (const arch of ['baseline', 'gated']) {
    const [dense, sparse] = runs.filter((run) => run.arch === arch).sort((a, b) => a.lambda - b.lambda);
    expect(sparse?.metrics?.l0, `${arch}: a larger λ gives a smaller L0`).toBeLessThan(dense?.metrics?.l0 as number);
  }
  await settle(page);
  await on(page).yTitle.waitFor();
  expect(await on(page).yTitle.textContent()).toBe('Variance recovered (R²)');
  expect(await on(page).points.count()).toBeGreaterThanOrEqual(4);
  expect(await on(page).runsTable.locator('thead').textContent()).not.toMatch(/loss recovered/i);
});

/** Files that a click saves, by name. */
async function saved(page: Page, count: number, click: () => Promise<void>): Promise<Map<string, Buffer>> {
  const downloads: Download[] = [];
  page.on('download', (download) => void downloads.push(download));
  await click();
  await expect.poll(() => downloads.length).toBe(count);
  const files = new Map<string, Buffer>();
  for (const download of downloads) files.set(download.suggestedFilename(), readFileSync(await download.path()));
  return files;
}

journey('save a run: cfg.json and sae_weights.safetensors as SAELens names them', {}, async (lab) => {
  const { page, until } = lab;
  await startSweep(lab, 20);
  const { runs } = await until('finished runs', (s) => s.runs.length === 4 && s.runs.every((run) => run.state === 'done'));
  const gated = runs.find((run) => run.arch === 'gated');
  await on(page)
    .runsTable.getByRole('button', { name: gated?.name ?? 'gated', exact: true })
    .click();
  const files = await saved(page, 2, () => on(page).saveRun.click());

  const named = (end: string) => [...files].find(([name]) => name.endsWith(end))?.[1] ?? Buffer.alloc(8);
  const cfg = JSON.parse(named('cfg.json').toString('utf8'));
  expect(cfg).toMatchObject({ architecture: 'gated', d_in: WIDTH, d_sae: 32 });
  expect(readShapes(named('sae_weights.safetensors'))).toEqual({
    W_enc: [WIDTH, 32],
    W_dec: [32, WIDTH],
    b_dec: [WIDTH],
    b_gate: [32],
    r_mag: [32],
    b_mag: [32],
  });

  await page.getByLabel('Architecture in cfg.json').selectOption('jumprelu');
  const jump = await saved(page, 2, () => on(page).saveRun.click());
  expect(JSON.parse([...jump].find(([name]) => name.endsWith('cfg.json'))?.[1].toString('utf8') ?? '{}')).toMatchObject({
    architecture: 'jumprelu',
    metadata: { training_architecture: 'gated' },
  });
});

journey('the main thread stays free while four runs train', {}, async (lab) => {
  const { page, until } = lab;
  await startSweep(lab, 1_000_000);
  await until('an evaluation of every run', (s) => s.runs.length === 4 && s.runs.every((run) => run.metrics !== undefined));
  // Plotly's script and its first drawing are over with the evaluation after next; what counts is the running page.
  const evaluations = async (more: number) => {
    for (let i = 0; i < more; i++) {
      const seen = (await lab.state()).runs.map((run) => run.evaluatedAt);
      await until('another evaluation of every run', (s) => s.runs.every((run, r) => run.evaluatedAt !== seen[r]));
    }
  };
  await evaluations(2);
  const before = (await lab.state()).runs.map((run) => run.step);
  const began = performance.now();
  const tasks = await traceTasks(page, () => evaluations(8));
  const seconds = (performance.now() - began) / 1000;
  const after = (await lab.state()).runs.map((run) => run.step);
  const long = tasks.filter((task) => task.wall > 50).map((task) => `${task.wall.toFixed(0)} (${task.cpu.toFixed(0)})`);
  console.log(
    `of ${tasks.length} tasks in ${seconds.toFixed(0)} s of training these took over 50 ms (processor time): ${long.join(', ') || 'none'}`,
  );
  expect(after.every((step, i) => step > (before[i] as number))).toBe(true);
  expect(tasks.length).toBeGreaterThan(100);
  expect(tasks.filter((task) => task.cpu > 100)).toEqual([]);
  await on(page).stop.click();
  await until('stop', (s) => s.runs.every((run) => run.state === 'stopped' || run.state === 'done'));
});
