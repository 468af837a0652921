import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { randoms } from '../gpu';
import { configure, dropFiles, journey, on, SMALL, settle, steady, withBrowser } from './lab';
import { modelFiles, ROWS, writeShards, writeTensors } from './shards';

withBrowser();

/** Width of the fixture model's `blocks.*.mlp.hook_post`. */
const D_MLP = 80;

function wideShard(): string {
  const path = join(mkdtempSync(join(tmpdir(), 'lab-wide-')), 'shard_0.safetensors');
  writeFileSync(path, writeTensors({ activations: { dtype: 'F32', shape: [512, D_MLP], data: randoms(512 * D_MLP, 5) } }));
  return path;
}

journey('shards with their language model: loss recovered is measured and named', {}, async ({ page, until }) => {
  await until('device', (s) => s.device !== undefined);
  await dropFiles(page, [wideShard(), ...modelFiles()]);
  const { data } = await until('model and text', (s) => s.data.model?.hook !== undefined && s.data.text !== undefined);
  expect(data.model).toMatchObject({ family: 'GPT-2', hook: 'blocks.0.mlp.hook_post' });
  await configure(page, { ...SMALL, steps: '30' });
  await on(page).start.click();
  const { runs } = await until('two finished runs', (s) => s.runs.length === 2 && s.runs.every((run) => run.state === 'done'));
  for (const { quality, metrics } of runs) {
    expect(quality).toBe('loss_recovered');
    expect(metrics?.ce_clean).toBeGreaterThan(0);
    expect(metrics?.loss_recovered).toBeCloseTo(
      1 - ((metrics?.ce_sae ?? 0) - (metrics?.ce_clean ?? 0)) / ((metrics?.ce_zero ?? 0) - (metrics?.ce_clean ?? 0)),
      6,
    );
  }
  await settle(page);
  expect(await on(page).yTitle.textContent()).toMatch(/^Loss recovered/);
});

journey('a model that does not fit the shards is said so, and R² stays R²', {}, async ({ page, until }) => {
  await until('device', (s) => s.device !== undefined);
  await dropFiles(page, [...writeShards(1), ...modelFiles()]);
  const { data } = await until('model', (s) => s.data.model !== undefined);
  expect(data.model?.problem).toMatch(/16 wide/);
  expect(data.shards?.rows).toBe(ROWS);
  await page
    .getByText(/16 wide/)
    .first()
    .waitFor();
  await configure(page, { ...SMALL, steps: '5' });
  await on(page).start.click();
  const { runs } = await until('two finished runs', (s) => s.runs.length === 2 && s.runs.every((run) => run.state === 'done'));
  expect(runs.every((run) => run.quality === 'r2' && run.metrics?.loss_recovered === undefined)).toBe(true);
});

journey('pause, step, resume, add runs, stop', {}, async ({ page, until, state }) => {
  const control = (name: string) => page.getByRole('group', { name: 'Training' }).getByRole('button', { name, exact: true });
  await until('device', (s) => s.device !== undefined);
  await dropFiles(page, writeShards(2));
  await until('rows', (s) => s.data.shards !== undefined);
  await configure(page, { ...SMALL, steps: '100000' });
  await on(page).start.click();
  await until('training', (s) => s.runs.length === 2 && s.runs.every((run) => run.step > 3));
  await control('Pause').click();
  await until('pause', (s) => s.runs.every((run) => run.state === 'paused'));
  const paused = await steady(page, async () => (await state()).runs.map((run) => run.step));
  await control('Step').click();
  await until('one step more', (s) => s.runs.every((run, i) => run.step === (paused[i] as number) + 1));
  await control('Resume').click();
  await until('more steps', (s) => s.runs.every((run, i) => run.step > (paused[i] as number) + 2));

  await configure(page, { 'lambdas.gated': '0.5', 'lambdas.baseline': '0.3' });
  await page.getByRole('button', { name: /^add \d+ runs?/i }).click();
  const { runs } = await until(
    'four runs in training',
    (s) => s.runs.length === 4 && s.runs.every((run) => run.state === 'training' && run.step > 2),
  );
  expect(runs[0]?.step).toBeGreaterThan(runs[3]?.step as number);
  await on(page).stop.click();
  const ended = await until('stop', (s) => s.runs.every((run) => run.state === 'stopped'));
  expect(ended.runs.every((run) => run.metrics !== undefined)).toBe(true);
});

journey(
  'the GPU process crashes: said, runs keep their last evaluation, and the lab opens the GPU again',
  {},
  async ({ page, until, state }) => {
    await until('device', (s) => s.device !== undefined);
    await dropFiles(page, writeShards(2));
    await until('rows', (s) => s.data.shards !== undefined);
    await page.locator('details.filter > summary').click();
    await page.getByRole('textbox', { name: /^Norm above/ }).fill('1000');
    await page.getByRole('textbox', { name: /^Norm above/ }).press('Enter');
    await until('filter', (s) => s.data.shards?.filter !== undefined);
    await configure(page, { ...SMALL, steps: '100000' });
    await on(page).start.click();
    await until('an evaluation', (s) => s.runs.length === 2 && s.runs.every((run) => run.metrics !== undefined));
    const cdp = await (
      page.context().browser() as NonNullable<ReturnType<ReturnType<typeof page.context>['browser']>>
    ).newBrowserCDPSession();
    await cdp.send('Browser.crashGpuProcess').catch(() => undefined);
    await expect.poll(async () => (await state()).runs.every((run) => run.state === 'interrupted' && run.metrics !== undefined)).toBe(true);
    await page
      .getByText(/GPU was (lost|reset)/i)
      .first()
      .waitFor();
    await page.getByRole('button', { name: 'Open the GPU again' }).click();
    await expect.poll(async () => (await state()).data.shards?.rows).toBe(2 * ROWS);
    expect((await state()).data.shards?.filter, 'what was asked for still holds').toBe('without rows with a norm above 1000');
    await configure(page, { ...SMALL, steps: '10' });
    await on(page).start.click();
    await expect.poll(async () => (await state()).runs.map((run) => run.state)).toEqual(['interrupted', 'interrupted', 'done', 'done']);
  },
);
