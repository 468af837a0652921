import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { fixturePath } from '../fixtures';
import { openTensors } from '../kernels/lm/safetensors';
import { configure, dropFiles, journey, on, SMALL, settle, steady, withBrowser } from './lab';
import { modelFiles, ROWS, writeShards, writeTensors } from './shards';

withBrowser();

const HOOK = 'blocks.1.mlp.hook_post';

/** Rows that PyTorch gives at HOOK of the fixture model, eight times over, with their tokens; `says` is what the file notes of its hook. */
function wideShard(says?: string): string {
  const [n, T, d] = [2, 24, 80];
  const pytorch = openTensors(fixturePath('lm/gpt2/expected.safetensors'));
  const [hook, ids] = [pytorch.get(HOOK), pytorch.get('input_ids')];
  const rows = Float32Array.from({ length: 8 * n * T * d }, (_, i) => hook[i % (n * T * d)] as number);
  const tokens = Int32Array.from({ length: 8 * n * T }, (_, i) => ids[i % (n * T)] as number);
  const path = join(mkdtempSync(join(tmpdir(), 'lab-wide-')), 'shard_0.safetensors');
  const tensors = {
    activations: { dtype: 'F32', shape: [8 * n, T, d], data: rows },
    tokens: { dtype: 'I32', shape: [8 * n, T], data: tokens },
  };
  writeFileSync(path, writeTensors(tensors, says === undefined ? undefined : { hook_name: says }));
  return path;
}

journey('shards with their language model: it is asked where they come from, and loss recovered is measured there', {}, async (lab) => {
  const { page, until } = lab;
  await until('device', (s) => s.device !== undefined);
  await dropFiles(page, [wideShard(), ...modelFiles()]);
  const { data } = await until('model and text', (s) => s.data.model?.family === 'GPT-2' && s.data.text !== undefined);
  expect(data.model?.hook).toBeUndefined();
  expect(data.model?.among).toEqual(['blocks.0.mlp.hook_post', HOOK]);
  await page.getByRole('combobox', { name: /which hook do these rows come from/i }).selectOption(HOOK);
  await until('the answer', (s) => s.data.model?.hook === HOOK);
  await configure(page, { ...SMALL, steps: '30' });
  await on(page).start.click();
  const { runs, data: checked } = await until(
    'two finished runs',
    (s) => s.runs.length === 2 && s.runs.every((run) => run.state === 'done'),
  );
  expect(checked.model?.hookCheck?.verdict).toBe('rows');
  expect(checked.text?.overlap).toMatch(/0 of \d+ tokens were trained on/);
  for (const { quality, metrics, identity, provenance } of runs) {
    expect(quality).toBe('loss_recovered');
    expect([identity.hook, provenance?.hook, provenance?.evalTokensSeen?.seen]).toEqual([HOOK, HOOK, 0]);
    expect(metrics?.ce_clean).toBeGreaterThan(0);
    expect(metrics?.loss_recovered).toBeCloseTo(
      1 - ((metrics?.ce_sae ?? 0) - (metrics?.ce_clean ?? 0)) / ((metrics?.ce_zero ?? 0) - (metrics?.ce_clean ?? 0)),
      6,
    );
  }
  await settle(page);
  expect(await on(page).yTitle.textContent()).toMatch(/^Loss recovered/);
});

journey('a hook that the shards contradict is refused, taken on insisting, and says what the check found', {}, async ({ page, until }) => {
  const other = 'blocks.0.mlp.hook_post';
  await until('device', (s) => s.device !== undefined);
  await dropFiles(page, [wideShard(HOOK), ...modelFiles()]);
  await until('the shards’ hook', (s) => s.data.model?.hook === HOOK && s.data.text !== undefined);
  await page.getByText('hook_name in shard_0.safetensors').waitFor();
  await page.getByRole('combobox', { name: 'Hook' }).selectOption(other);
  await page.getByText(`${other} was asked for, but the shards come from ${HOOK}`).waitFor();
  await page.getByRole('button', { name: 'Measure there all the same' }).click();
  await until('the other hook', (s) => s.data.model?.hook === other);
  await configure(page, { ...SMALL, steps: '5' });
  await on(page).start.click();
  const { runs } = await until('two finished runs', (s) => s.runs.length === 2 && s.runs.every((run) => run.state === 'done'));
  for (const { quality, provenance } of runs) {
    expect(quality).toBe('loss_recovered');
    expect(provenance?.hookCheck?.verdict).toBe('trusted');
    expect(provenance?.hookCheck?.found).toMatch(/not those of blocks\.0\.mlp\.hook_post .* but those of blocks\.1\.mlp\.hook_post/);
  }
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
