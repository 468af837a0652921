/** What a person decides about data on the page, and takes back: the tensor, the scale of the rows, the demo in the place of their files. */
import { expect } from 'vitest';
import { fixturePath } from '../fixtures';
import { configure, dropFiles, type Journey, journey, on, SMALL, withBrowser } from './lab';
import { ROWS, WIDTH, writeShards } from './shards';

withBrowser();

const SWEEP = { ...SMALL, batch: '32' } as const;

const device = ({ until }: Journey) => until('device', (s) => s.device !== undefined);
const done = ({ until }: Journey, runs: number) =>
  until(`${runs} finished runs`, (s) => s.runs.length === runs && s.runs.every((run) => run.state === 'done'));

journey('a tensor that was picked can be changed; the runs stay, and are not compared with those of the other one', {}, async (lab) => {
  const { page, until } = lab;
  await device(lab);
  await dropFiles(page, [fixturePath('formats/good/two_candidates.safetensors')]);
  await until('question', (s) => s.data.files.some((file) => file.candidates?.length === 2));
  expect((await lab.state()).data.picked).toBeUndefined();
  await page.getByRole('combobox', { name: 'Activations' }).selectOption('layer_4');
  const { data } = await until('rows', (s) => s.data.shards !== undefined);
  const other = data.picked?.among?.find((name) => name !== 'layer_4') ?? '';
  expect(data.picked).toEqual({ tensor: 'layer_4', among: expect.arrayContaining(['layer_4', other]) });
  await configure(page, { ...SWEEP, batch: '16', steps: '5' });
  await on(page).start.click();
  await done(lab, 2);

  const change = page.getByRole('button', { name: 'Change the tensor' });
  const choice = page.getByRole('combobox', { name: 'Tensor', exact: true });
  await change.click();
  await page.getByRole('button', { name: 'Keep', exact: true }).click();
  await change.click();
  expect(await choice.inputValue()).toBe('layer_4');
  await choice.selectOption(other);
  const changed = await until('the other tensor', (s) => s.data.picked?.tensor === other && s.data.shards !== undefined);
  expect(changed.data.shards?.label).toBe(`${other} of two_candidates.safetensors`);
  expect(changed.runs.map((run) => run.data)).toEqual(Array(2).fill('layer_4 of two_candidates.safetensors'));
  await on(page).start.click();
  const { runs } = await done(lab, 4);
  expect(new Set(runs.slice(2).map((run) => run.data))).toEqual(new Set([`${other} of two_candidates.safetensors`]));

  // The newest runs come into view; a run of the others brings theirs, with all that it was made with.
  const shown = page.getByRole('combobox', { name: 'Shown' }).locator('option:checked');
  await expect.poll(() => shown.textContent()).toMatch(new RegExp(`^${other} of `));
  await page.locator(`tr[data-run="${runs[0]?.id}"]`).click();
  await expect.poll(() => shown.textContent()).toMatch(/^layer_4 of /);
  await page.getByText('All settings').click();
  await page.getByText(/^npm run lab -- train --data two_candidates\.safetensors --tensor layer_4 /).waitFor();
});

journey('the scale that the profile proposes is applied by its button only, with λ, and runs say what they are of', {}, async (lab) => {
  const { page, until, state } = lab;
  await device(lab);
  await dropFiles(page, writeShards(2));
  await until('rows', (s) => s.data.shards?.rows === 2 * ROWS);
  await configure(page, { ...SWEEP, steps: '5' });
  const proposal = page.getByRole('list', { name: 'Proposed' }).getByRole('listitem').last();
  await proposal.getByText(/to a mean norm of √d \(now × \S+, mean-square\), with λ × \S+ for the same balance/).waitFor();
  const [factor = 0, , lambda = 0] = ((await proposal.textContent()) ?? '').match(/(?<=× )[\d.]+/g)?.map(Number) ?? [];
  await on(page).start.click();
  const before = await done(lab, 2);
  expect(before.runs.map((run) => run.normalize)).toEqual(['mean-square', 'mean-square']);

  await page.locator('details.profile > summary').click();
  await proposal.getByRole('button', { name: 'Use' }).click();
  await proposal.getByText(/in training, to a mean norm of √d, as proposed/).waitFor();
  expect(Number(await on(page).field('lambdas.gated').inputValue()) / (0.2 * lambda)).toBeCloseTo(1, 1);
  const select = page.getByRole('combobox', { name: 'Normalise rows' });
  expect(await select.inputValue()).toBe('mean-norm');
  await page.getByText('The mean norm becomes √d').waitFor();
  await on(page).start.click();
  const { runs } = await done(lab, 4);
  for (const run of runs.slice(2)) {
    expect(run.normalize).toBe('mean-norm');
    // Of the training rows, where the profile is of all: 512 rows of one kind.
    expect(run.activationScale / factor).toBeGreaterThan(0.9);
    expect(run.activationScale / factor).toBeLessThan(1.1);
  }
  expect(runs[2]?.activationScale).toBeGreaterThan((runs[0]?.activationScale ?? 0) * 0.9 * Math.sqrt(WIDTH));
  await page.getByRole('columnheader', { name: /Rows scaled/ }).waitFor();
  await page.locator(`tr[data-run="${runs[2]?.id}"]`).click();
  await page.getByText(/λ and loss of rows × \S+ \(E‖x‖ = √d\)/).waitFor();
  expect((await state()).runs).toHaveLength(4);
});

journey('the demo says what it takes the place of, and one click brings that back as it was', {}, async (lab) => {
  const { page, until } = lab;
  await device(lab);
  await dropFiles(page, [fixturePath('formats/good/two_candidates.safetensors')]);
  await page.getByRole('combobox', { name: 'Activations' }).selectOption('layer_4');
  await until('rows', (s) => s.data.shards !== undefined);
  await configure(page, { ...SWEEP, steps: '7' });
  await page.getByText('Add files, or run the demo').click();
  await page.getByText('It takes the place of two_candidates.safetensors; one click brings that back.').waitFor();
  await on(page).runDemo.click();
  await until('the demo in training', (s) => s.data.isDemo === true && s.runs.some((run) => run.step > 0));
  const back = page.getByRole('button', { name: 'Back to my files' });
  await back.waitFor();
  expect(await back.isDisabled()).toBe(true);
  await on(page).stop.click();
  const stopped = await until('stop', (s) => s.runs.length > 0 && s.runs.every((run) => run.state === 'stopped'));
  await back.click();
  const { data, runs } = await until('the files again', (s) => s.data.picked?.tensor === 'layer_4' && s.data.shards !== undefined);
  expect(data).toMatchObject({ shards: { rows: 108, d: 20 } });
  expect(data.isDemo).toBeUndefined();
  expect(data.model).toBeUndefined();
  expect(runs.map(({ id }) => id)).toEqual(stopped.runs.map(({ id }) => id));
  await expect.poll(() => on(page).field('steps').inputValue()).toBe('7');
  expect(await back.count()).toBe(0);
});

journey(
  'all fields stay open, and keep every keystroke, while what is typed is wrong for a moment and right again',
  {},
  async ({ page }) => {
    await on(page).allFields.click();
    const warmup = on(page).field('lrWarmup');
    await warmup.fill('x');
    await page
      .locator('details', { has: page.getByText('All fields') })
      .locator('.problem')
      .first()
      .waitFor();
    await warmup.press('Backspace');
    await warmup.pressSequentially('375');
    expect(await warmup.inputValue()).toBe('375');
    expect(await warmup.isVisible()).toBe(true);
    await on(page).allFields.click();
    await warmup.waitFor({ state: 'hidden' });
  },
);
