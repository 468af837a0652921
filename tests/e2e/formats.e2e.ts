/** Activations of every format dropped on the page: what is said of them, what is asked, what is left out, and what becomes of their files. */
import { copyFileSync, mkdtempSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import AxeBuilder from '@axe-core/playwright';
import { expect } from 'vitest';
import { fixturePath } from '../fixtures';
import { randoms } from '../gpu';
import { npyFile, npyHeader, zipFile } from '../unit/data/formats/npyHelpers';
import { configure, dropFiles, type Journey, journey, on, SMALL, withBrowser } from './lab';
import { modelFiles, ROWS, readShapes, WIDTH, writeShards, writeTensors } from './shards';

withBrowser();

interface Expected {
  rows?: number;
  d?: number;
  tokens?: boolean;
  hook?: string;
  choice?: string[];
  sidecar?: string;
}

const good = (name: string) => fixturePath(`formats/good/${name}`);
const bad = (name: string) => fixturePath(`formats/bad/${name}`);
const EXPECTED = JSON.parse(readFileSync(fixturePath('formats/index.json'), 'utf8')) as Record<string, Expected>;

const SWEEP = { ...SMALL, batch: '32' } as const;

const device = ({ until }: Journey) => until('device', (s) => s.device !== undefined);
const files = (lab: Journey) => lab.page.getByRole('list', { name: 'Files' });

journey('a file of every format: rows and width as they are in it, tokens and hook as badges', {}, async (lab) => {
  const { page, until } = lab;
  await device(lab);
  for (const [name, { rows, d, tokens, hook, choice, sidecar }] of Object.entries(EXPECTED)) {
    if (choice) continue;
    await dropFiles(page, [good(name.replace(/\/$/, '')), ...(sidecar ? [good(sidecar)] : [])]);
    const { data } = await until(`rows of ${name}`, (s) => s.data.shards !== undefined);
    expect(data.shards, name).toMatchObject({ source: 'shards', rows, d });
    await files(lab)
      .first()
      .getByText(new RegExp(`${rows} × ${d} `))
      .first()
      .waitFor();
    if (tokens) await files(lab).first().getByText('tokens', { exact: true }).waitFor();
    if (hook) await files(lab).first().getByText(hook, { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Clear', exact: true }).click();
    await until('nothing', (s) => s.data.files.length === 0);
  }
});

journey('what a file leaves open is asked for, and the answer is taken', {}, async (lab) => {
  const { page, until } = lab;
  await device(lab);
  await dropFiles(page, [good('two_candidates.safetensors')]);
  await until('question', (s) => s.data.files.some((file) => file.candidates?.length === 2));
  await page.getByRole('combobox', { name: 'Activations' }).selectOption('layer_4');
  const { data } = await until('rows', (s) => s.data.shards !== undefined);
  expect(data.shards).toMatchObject({ rows: 108, d: 20 });
  await page.getByRole('button', { name: 'Clear', exact: true }).click();
  await until('nothing', (s) => s.data.files.length === 0);

  await dropFiles(page, [wordsNpy()]);
  await until('question', (s) => s.data.files.some((file) => file.question === 'words-are-bf16'));
  await page.getByRole('button', { name: 'Read as bf16' }).click();
  const answered = await until('rows', (s) => s.data.shards !== undefined);
  expect(answered.data.shards).toMatchObject({ rows: 8, d: 4, dtype: 'bf16' });
});

/** 2-byte integers, as numpy saves bf16. */
function wordsNpy(): string {
  const text = "{'descr': '<u2', 'fortran_order': False, 'shape': (8, 4), }".padEnd(64 * 2 - 10 - 1);
  const head = Buffer.from(`\x93NUMPY\x01\x00\x76\x00${text}\n`, 'latin1');
  const path = join(mkdtempSync(join(tmpdir(), 'lab-words-')), 'words.npy');
  writeFileSync(path, Buffer.concat([head, Buffer.from(new Uint16Array(32).fill(0x3f80).buffer)]));
  return path;
}

journey('bad files: each is refused by name with what to do, beside a good one in use', {}, async (lab) => {
  const { page, until } = lab;
  await device(lab);
  const names = ['truncated.npy', 'object.npy', 'legacy.pt', 'evil_zip.pt', 'int8.safetensors', 'random.safetensors'];
  await dropFiles(page, [good('f32.npy'), ...names.map(bad)]);
  const { data } = await until('reports', (s) => s.data.files.length === names.length + 1);
  expect(data.shards?.rows).toBe(108);
  for (const name of names) {
    const report = data.files.find((file) => basename(file.path) === name);
    expect(report, name).toMatchObject({ ok: false });
    await page
      .getByText(report?.error ?? name, { exact: true })
      .first()
      .waitFor();
  }
  await page
    .getByText(/np\.save\(/)
    .first()
    .waitFor();
  await page
    .getByText(/torch\.save\(/)
    .first()
    .waitFor();
});

journey('20 steps from a .npy: every run ends measured', {}, async (lab) => {
  const { page, until } = lab;
  await device(lab);
  await dropFiles(page, [good('f32.npy')]);
  await until('rows', (s) => s.data.shards?.rows === 108);
  await configure(page, { ...SWEEP, steps: '20' });
  await on(page).start.click();
  const { runs, data } = await until('two finished runs', (s) => s.runs.length === 2 && s.runs.every((run) => run.state === 'done'));
  for (const run of runs) expect(run.metrics?.r2, run.name).toEqual(expect.any(Number));
  expect(data.shards?.fingerprint).toMatch(/^[0-9a-f]{64}$/);
});

const SEQUENCES = 64;
const LENGTH = 16;

/** Sequences whose first rows are 30 times as long as the others, with padding at the end of every second one. */
function sequences(): string {
  const rows = SEQUENCES * LENGTH;
  const activations = randoms(rows * WIDTH, 3);
  for (let s = 0; s < SEQUENCES; s++) {
    for (let c = 0; c < WIDTH; c++) activations[s * LENGTH * WIDTH + c] = 30 * (activations[s * LENGTH * WIDTH + c] as number);
  }
  const tokens = Int32Array.from({ length: rows }, (_, i) => (i % LENGTH === 0 ? 0 : 1 + (i % 90)));
  const mask = Int32Array.from({ length: rows }, (_, i) => (i % (2 * LENGTH) === 2 * LENGTH - 1 ? 0 : 1));
  const path = join(mkdtempSync(join(tmpdir(), 'lab-sequences-')), 'sequences.safetensors');
  const shape = [SEQUENCES, LENGTH];
  writeFileSync(
    path,
    writeTensors({
      activations: { dtype: 'F32', shape: [...shape, WIDTH], data: activations },
      tokens: { dtype: 'I32', shape, data: tokens },
      attention_mask: { dtype: 'I32', shape, data: mask },
    }),
  );
  return path;
}

/** `np.savez_compressed` of 20,000 places, of which 15,000 were written: 4 MB, which is more than is unpacked in memory. */
function compressed(): string {
  const [rows, width] = [20_000, 52];
  const values = randoms(rows * width, 7).fill(0, 15_000 * width);
  const array = npyFile(npyHeader('<f4', [rows, width]), new Uint8Array(values.buffer));
  const path = join(mkdtempSync(join(tmpdir(), 'lab-compressed-')), 'acts.npz');
  writeFileSync(path, zipFile([{ name: 'activations.npy', data: array, method: 8 }]));
  return path;
}

journey('a compressed .npz is unpacked once, for both workers, and its rows of zeros are dropped by a click', {}, async (lab) => {
  const { page, until } = lab;
  await device(lab);
  /** Sizes of the temporary files that the browser keeps, folder by folder. */
  const unpacked = () =>
    page.evaluate(async () => {
      type Folder = { values(): AsyncIterable<Folder & { getFile(): Promise<File> }> };
      const root = (await (await navigator.storage.getDirectory()).getDirectoryHandle('unpacked', { create: true })) as unknown as Folder;
      const folders: number[][] = [];
      for await (const folder of root.values()) {
        const sizes: number[] = [];
        for await (const file of folder.values()) sizes.push((await file.getFile()).size);
        folders.push(sizes);
      }
      return folders;
    });
  await dropFiles(page, [compressed()]);
  const { data } = await until('rows', (s) => s.data.shards !== undefined);
  expect(data.shards).toMatchObject({ rows: 20_000, d: 52 });
  // With the header of the array: 128 bytes.
  expect(await unpacked()).toEqual([[20_000 * 52 * 4 + 128]]);
  await page.getByText(/from row 15000 of acts\.npz on/).waitFor();
  const proposal = page.getByRole('list', { name: 'Proposed' }).getByRole('listitem').filter({ hasText: 'Drop rows of zeros' });
  await proposal.getByRole('button', { name: 'Drop', exact: true }).click();
  await until('filter', (s) => s.data.shards?.filter === 'without rows of zeros');
  await configure(page, { ...SWEEP, steps: '200' });
  await on(page).start.click();
  await until('the run', (s) => s.runs.length > 0 && s.runs.every(({ state }) => state === 'done'));
  expect(await unpacked()).toEqual([[20_000 * 52 * 4 + 128]]);
});

journey('a file with the rows of another one asks whether that is meant; what is pooled is said', {}, async (lab) => {
  const { page, until } = lab;
  await device(lab);
  const [first, second] = writeShards(2) as [string, string];
  const folder = mkdtempSync(join(tmpdir(), 'lab-copies-'));
  copyFileSync(first, join(folder, 'copy.safetensors'));
  copyFileSync(second, join(folder, 'other.safetensors'));
  await dropFiles(page, [first, join(folder, 'copy.safetensors'), join(folder, 'other.safetensors')]);
  const { data } = await until('rows', (s) => s.data.shards?.rows === 2 * ROWS);
  expect(data.files.filter(({ ok }) => !ok)).toMatchObject([{ question: 'duplicate-rows' }]);
  await page.getByText(/If they are not of one model and hook, drop them one at a time/).waitFor();
  await page.getByRole('button', { name: 'Use it all the same' }).click();
  await until('both', (s) => s.data.shards?.rows === 3 * ROWS && s.data.picked?.allowDuplicates === true);
  await page.getByRole('button', { name: 'Undo', exact: true }).click();
  await until('one', (s) => s.data.shards?.rows === 2 * ROWS);
});

journey('profile after the drop, a filter by a click, counted while training, fixed while runs train', {}, async (lab) => {
  const { page, until, state } = lab;
  await device(lab);
  await dropFiles(page, [sequences()]);
  const { data } = await until('rows', (s) => s.data.shards !== undefined);
  expect(data.files[0]).toMatchObject({ hasMask: true, hasTokens: true, sequence: LENGTH });
  expect(data.shards?.filter).toBe('without masked rows');
  await page.getByText('Percentiles of the norm').first().waitFor();
  await page.getByText(`${SEQUENCES} of ${SEQUENCES} sampled ones are outliers`).waitFor();
  expect((await state()).data.filterRequest, 'a profile changes nothing').toBeUndefined();
  const { violations } = await new AxeBuilder({ page }).analyze();
  const grave = violations.filter((v) => v.impact === 'serious' || v.impact === 'critical');
  expect(grave.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(' ')).join(', ')}`)).toEqual([]);

  await page.getByRole('list', { name: 'Proposed' }).getByRole('button', { name: 'Drop', exact: true }).first().click();
  await until('filter', (s) => s.data.shards?.filter === 'without masked rows, first positions');
  await page.getByRole('textbox', { name: /^Token ids/ }).fill('x');
  await page.getByRole('textbox', { name: /^Token ids/ }).press('Enter');
  await page.getByText(/Token ids are whole numbers/).waitFor();
  await page.getByRole('textbox', { name: /^Token ids/ }).fill('7');
  await page.getByRole('textbox', { name: /^Token ids/ }).press('Enter');
  await until('filter', (s) => s.data.shards?.filter === 'without masked rows, first positions, tokens 7');

  await configure(page, { ...SWEEP, steps: '100000' });
  await on(page).start.click();
  const ids = Array.from(
    { length: SEQUENCES * LENGTH },
    (_, i) => i % LENGTH !== 0 && i % (2 * LENGTH) !== 2 * LENGTH - 1 && 1 + (i % 90) === 7,
  );
  // Of training rows after an epoch, of held-out rows after an evaluation.
  const counts = `${SEQUENCES / 2} masked, ${SEQUENCES} at first positions, ${ids.filter(Boolean).length} with special tokens`;
  await until(`"${counts}"`, (s) => s.data.shards?.dropped === counts);
  await page.getByText(counts).first().waitFor();
  const padding = page.getByRole('checkbox', { name: /^Padding/ });
  if (!(await padding.isVisible())) await page.locator('details.filter > summary').click();
  await padding.click({ force: true });
  await page.getByText(/Runs are training on the present data/).waitFor();
  expect((await state()).data.shards?.filter).toContain('masked');
  expect(await page.getByRole('checkbox', { name: /^Padding/ }).isChecked()).toBe(true);

  await on(page).stop.click();
  await until('stop', (s) => s.runs.every((run) => run.state === 'stopped'));
  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Results JSON' }).click();
  const saved = JSON.parse(readFileSync(await (await download).path(), 'utf8'));
  expect(saved.data).toMatchObject({
    filter: 'without masked rows, first positions, tokens 7',
    dropped: expect.stringContaining('masked'),
  });
  expect(saved.data.fingerprint).toMatch(/^[0-9a-f]{64}$/);
});

journey('a file that disappears pauses the runs: it can be read again, or left out, and training goes on', {}, async (lab) => {
  const { page, until } = lab;
  const choices = page.getByRole('group', { name: 'The file that cannot be read' });
  const [first, second] = writeShards(2) as [string, string];
  await device(lab);
  await dropFiles(page, [first, second]);
  await until('rows', (s) => s.data.shards?.rows === 2 * ROWS);
  await configure(page, { ...SWEEP, steps: '100000' });
  await on(page).start.click();
  await until('training', (s) => s.runs.length === 2 && s.runs.every((run) => run.step > 3));

  renameSync(second, `${second}.away`);
  const paused = await until('pause', (s) => s.session.trouble !== undefined);
  expect(paused.session).toMatchObject({ phase: 'paused', trouble: { path: basename(second) } });
  const steps = paused.runs.map((run) => run.step);
  await choices.getByRole('button', { name: 'Retry' }).click();
  await page.getByText(/still not readable/).waitFor();
  renameSync(`${second}.away`, second);
  await choices.getByRole('button', { name: 'Retry' }).click();
  const going = await until(
    'further steps',
    (s) => s.session.trouble === undefined && s.runs.every((run, i) => run.step > (steps[i] ?? 0) + 20),
  );
  expect(going.data.shards?.filter).toMatch(/^shard_1\.safetensors opened anew after \d+ rows$/);

  // Another file under the same name, of another shape: its rows cannot take the place of the old ones.
  writeFileSync(second, writeTensors({ activations: { dtype: 'F32', shape: [8, WIDTH], data: randoms(8 * WIDTH, 1) } }));
  await until('pause', (s) => s.session.trouble !== undefined);
  await choices.getByRole('button', { name: 'Retry' }).click();
  await page.getByText(/has other rows than before \(rows: 8, was 256\)/).waitFor();
  const { runs } = await until('the same pause', (s) => s.session.trouble !== undefined && s.session.phase === 'paused');
  await choices.getByRole('button', { name: 'Skip the file' }).click();
  await until('further steps', (s) => s.session.trouble === undefined && s.runs.every((run, i) => run.step > (runs[i]?.step ?? 0) + 20));

  renameSync(first, `${first}.away`);
  const last = await until('pause', (s) => s.session.trouble !== undefined);
  expect(last.session.trouble?.whyNoSkip).toBe('no other file is left to train on');
  expect(await choices.getByRole('button', { name: 'Skip the file' }).isDisabled()).toBe(true);
  await choices.getByRole('button', { name: 'Stop' }).click();
  const ended = await until('stop', (s) => s.runs.every((run) => run.state === 'stopped') && s.session.trouble === undefined);
  for (const run of ended.runs) {
    expect(run.metrics, 'what was measured stays').toBeDefined();
    expect(run.message).toMatch(/not measured at its end/);
  }
  expect(ended.data.shards?.filter).toMatch(/without shard_1\.safetensors after \d+ rows/);
});

journey('a dropped folder is offered again after a reload, until it is forgotten', {}, async (lab) => {
  const { page, until } = lab;
  const folder = mkdtempSync(join(tmpdir(), 'lab-folder-'));
  copyFileSync(good('f32.npy'), join(folder, 'a.npy'));
  await device(lab);
  await dropFiles(page, [folder]);
  await until('rows', (s) => s.data.shards?.rows === 108);
  await page.reload();
  await device(lab);
  const again = page.getByRole('button', { name: `Reconnect to ${basename(folder)}` });
  await again.click();
  await until('the same rows', (s) => s.data.shards?.rows === 108 && s.data.files[0]?.path === `${basename(folder)}/a.npy`);
  await page.getByRole('button', { name: 'Clear', exact: true }).click();
  await again.waitFor();
  await page.getByRole('button', { name: 'Forget what was dropped before' }).click();
  await again.waitFor({ state: 'detached' });
  await page.reload();
  await device(lab);
  await page.waitForTimeout(500);
  expect(await again.count()).toBe(0);
});

journey('activations of a model are saved, whole windows up to the limit, and train when dropped again', {}, async (lab) => {
  const { page, until } = lab;
  await device(lab);
  await dropFiles(page, modelFiles());
  const { data } = await until('model and text', (s) => s.data.model?.hook !== undefined && s.data.text !== undefined);
  await page.getByText('Save activations…').click();
  const rows = page.getByRole('textbox', { name: /^Rows at most/ });
  await rows.fill('none');
  await page.getByText(/A whole number above 0/).waitFor();
  await rows.fill('75');
  await page.getByRole('combobox', { name: 'Values' }).selectOption('f32');
  const waiting = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Download', exact: true }).click();
  const download = await waiting;
  expect(download.suggestedFilename()).toMatch(/^[\w.-]+_00000\.safetensors$/);
  const width = data.model?.hooks.find(({ name }) => name === data.model?.hook)?.width as number;
  expect(readShapes(readFileSync(await download.path()))).toEqual({ activations: [60, width], tokens: [60] });
  await page.getByText(/^Saved 1 shard/).waitFor();

  const path = join(mkdtempSync(join(tmpdir(), 'lab-saved-')), download.suggestedFilename());
  copyFileSync(await download.path(), path);
  await page.getByRole('button', { name: 'Clear', exact: true }).click();
  await until('nothing', (s) => s.data.files.length === 0);
  await dropFiles(page, [path]);
  const again = await until('rows', (s) => s.data.shards?.rows === 60);
  expect(again.data.files[0]).toMatchObject({ hasTokens: true, hookName: data.model?.hook, d: width });
  await configure(page, { ...SWEEP, batch: '16', steps: '5' });
  await on(page).start.click();
  await until('two finished runs', (s) => s.runs.length === 2 && s.runs.every((run) => run.state === 'done'));
});
