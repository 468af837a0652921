/** Folders behind handles: activations saved into one and read from it, its files changing under runs in training, permission withdrawn. */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import type { DataState } from '../../src/lab/protocol';
import { readF32, readJson } from '../fixtures';
import { randoms } from '../gpu';
import { configure, dropFiles, type Journey, journey, on, SMALL, withBrowser } from './lab';
import { ROWS, readShapes, writeShards, writeTensors } from './shards';

withBrowser();

const SWEEP = { ...SMALL, batch: '32' } as const;

/** Width and window of the fixture model's hook and tokens. */
const [WIDTH, T] = [80, 20];
/** Rows of 32 KiB. */
const WIDE = 8192;

/** The picker gives this folder of the origin's own file system: a real handle, without a dialog. */
async function stubPicker(page: Page, name: string): Promise<void> {
  await page.evaluate((folder) => {
    const w = window as unknown as { showDirectoryPicker: () => Promise<FileSystemDirectoryHandle> };
    w.showDirectoryPicker = async () => (await navigator.storage.getDirectory()).getDirectoryHandle(folder, { create: true });
  }, name);
}

/** Sizes of the folder's files by name. */
const listing = (page: Page, name: string): Promise<Record<string, number>> =>
  page.evaluate(async (folder) => {
    const handle = await (await navigator.storage.getDirectory()).getDirectoryHandle(folder);
    const out: Record<string, number> = {};
    for await (const child of handle.values()) out[child.name] = (await (child as FileSystemFileHandle).getFile()).size;
    return out;
  }, name);

async function writeInto(page: Page, folder: string, name: string, bytes: Buffer): Promise<void> {
  await page.evaluate(
    async ([folderName = '', fileName = '', base64 = '']) => {
      const handle = await (await navigator.storage.getDirectory()).getDirectoryHandle(folderName, { create: true });
      const stream = await (await handle.getFileHandle(fileName, { create: true })).createWritable();
      await stream.write(Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)));
      await stream.close();
    },
    [folder, name, bytes.toString('base64')],
  );
}

const readFrom = async (page: Page, folder: string, name: string, bytes: number): Promise<Buffer> =>
  Buffer.from(
    await page.evaluate(
      async ([folderName, fileName, length]) => {
        const handle = await (await navigator.storage.getDirectory()).getDirectoryHandle(folderName as string);
        const file = await (await handle.getFileHandle(fileName as string)).getFile();
        return [...new Uint8Array(await file.slice(0, length as number).arrayBuffer())];
      },
      [folder, name, bytes] as const,
    ),
  );

/** The GPT-2 fixture with another width of its MLP, so that a shard of 32 MB holds few rows. */
function widenedModel(width: number): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'lab-wide-'));
  const widened = Object.entries(readF32('lm/gpt2/model.safetensors')).map(([name, { shape, data }]) => {
    const wide = shape.map((size) => (size === WIDTH ? width : size));
    const size = wide.reduce((a, b) => a * b, 1);
    return [name, { dtype: 'F32', shape: wide, data: size === data.length ? data : randoms(size, size) }] as const;
  });
  writeFileSync(join(folder, 'model.safetensors'), writeTensors(Object.fromEntries(widened)));
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ ...readJson<object>('lm/gpt2/config.json'), n_inner: width }));
  return ['config.json', 'model.safetensors'].map((name) => join(folder, name));
}

/** A model and `sequences` sequences of T tokens. */
async function dropModel({ page, until }: Journey, sequences: number, width = WIDTH): Promise<void> {
  const tokens = Int32Array.from(randoms(sequences * T, 3), (v) => Math.floor((v + 0.5) * 97));
  const path = join(mkdtempSync(join(tmpdir(), 'lab-model-')), 'tokens.safetensors');
  writeFileSync(path, writeTensors({ input_ids: { dtype: 'I32', shape: [sequences, T], data: tokens } }));
  await until('device', (s) => s.device !== undefined);
  await dropFiles(page, [...widenedModel(width), path]);
  await until('model and tokens', (s) => s.data.model?.hook !== undefined && s.data.text !== undefined);
  await page.getByText('Save activations…').click();
  await page.getByRole('combobox', { name: 'Values' }).selectOption('f32');
}

async function chooseFolder({ page, until }: Journey, rows: number): Promise<DataState> {
  await page.getByRole('button', { name: 'Choose a folder…' }).click();
  return (await until(`${rows} rows`, (s) => s.data.shards?.rows === rows)).data;
}

journey('activations are saved into a chosen folder, never over a file, and the folder trains, after a reload too', {}, async (lab) => {
  const { page, until } = lab;
  await stubPicker(page, 'saved');
  await dropModel(lab, 6);
  const save = page.getByRole('button', { name: 'Save to folder…' }).first();
  await save.click();
  await page.getByText(/^Saved 1 shard in saved: \S+_00000\.safetensors, 120 rows\.$/).waitFor();
  const files = await listing(page, 'saved');
  const [name = ''] = Object.keys(files);
  expect(Object.keys(files)).toHaveLength(1);
  expect(readShapes(await readFrom(page, 'saved', name, 4096))).toEqual({ activations: [6 * T, WIDTH], tokens: [6 * T] });

  await page.getByRole('textbox', { name: /^Rows at most/ }).fill('60');
  await save.click();
  await page.getByText(/saved holds \S+ already, and nothing is overwritten\..*Nothing was written in saved\./).waitFor();
  expect(await listing(page, 'saved')).toEqual(files);

  await page.getByRole('button', { name: 'Clear', exact: true }).click();
  await until('nothing', (s) => s.data.files.length === 0);
  await chooseFolder(lab, 6 * T);
  await configure(page, { ...SWEEP, batch: '16', steps: '5' });
  await on(page).start.click();
  await until('two finished runs', (s) => s.runs.length === 2 && s.runs.every((run) => run.state === 'done'));

  await page.reload();
  await until('device', (s) => s.device !== undefined);
  await page.getByRole('button', { name: 'Reconnect to saved' }).click();
  const { data } = await until('the same rows', (s) => s.data.shards?.rows === 6 * T);
  expect(data.files[0]).toMatchObject({ path: `saved/${name}`, hasTokens: true });
});

/** The second file that is written stays half on its way until `goOn`. */
async function holdSecondWrite(page: Page): Promise<void> {
  await page.evaluate(() => {
    const w = window as unknown as { goOn(): void };
    let writes = 0;
    const { write } = FileSystemWritableFileStream.prototype;
    const held = new Promise<void>((resolve) => {
      w.goOn = resolve;
    });
    FileSystemWritableFileStream.prototype.write = async function (data) {
      if (++writes === 2) await held;
      return write.call(this, data);
    };
  });
}

journey('saving that is cancelled, or fails, says what is there: whole shards only, which can be read', {}, async (lab) => {
  const { page } = lab;
  await stubPicker(page, 'cut');
  await dropModel(lab, 160, WIDE);
  const perShard = T * Math.floor((32 * 2 ** 20) / (T * WIDE * 4));
  expect(perShard).toBe(1020);
  const save = page.getByRole('button', { name: 'Save to folder…' }).first();
  await holdSecondWrite(page);
  await save.click();
  await page.getByText(/^1\s020 of 3\s200 rows written$/).waitFor();
  await expect.poll(async () => Object.keys(await listing(page, 'cut')).length).toBeGreaterThan(1);
  await page.getByRole('button', { name: 'Cancel' }).click();
  await page.evaluate(() => (window as unknown as { goOn(): void }).goOn());
  await page
    .getByText(/^Saving was cancelled\. 1\s020 of 3\s200 rows are saved, in 1 shard in cut: \S+_00000\.safetensors\. It is whole/)
    .waitFor();
  const left = await listing(page, 'cut');
  expect(Object.keys(left)).toEqual([expect.stringMatching(/_00000\.safetensors$/)]);

  // The disk gives up at the second shard: its file does not stay, neither empty nor half.
  await stubPicker(page, 'full');
  await page.evaluate(() => {
    let closed = 0;
    const { close } = FileSystemWritableFileStream.prototype;
    FileSystemWritableFileStream.prototype.close = function () {
      return ++closed === 2 ? Promise.reject(new DOMException('no space is left', 'QuotaExceededError')) : close.call(this);
    };
  });
  await save.click();
  await page
    .getByText(/_00001\.safetensors could not be written: no space is left\. 1\s020 of 3\s200 rows are saved, in 1 shard in full/)
    .waitFor();
  expect(Object.values(await listing(page, 'full'))).toEqual(Object.values(left));

  // The page goes in the middle: what lies there half is refused by name, the whole shard is read.
  await page.reload();
  await stubPicker(page, 'left');
  await dropModel(lab, 160, WIDE);
  await holdSecondWrite(page);
  await save.click();
  await page.getByText(/^1\s020 of 3\s200 rows written$/).waitFor();
  await expect.poll(async () => Object.keys(await listing(page, 'left')).length).toBeGreaterThan(1);
  await page.reload();
  await stubPicker(page, 'left');
  await lab.until('device', (s) => s.device !== undefined);
  const { files } = await chooseFolder(lab, perShard);
  expect(files.filter((file) => file.ok).map((file) => file.path)).toEqual([expect.stringMatching(/_00000\.safetensors$/)]);
  for (const file of files.filter(({ ok }) => !ok)) expect(file.error, file.path).toMatch(/\w/);
});

journey('files of a folder change, go and may not be read while runs train: they wait, and keep what they learnt', {}, async (lab) => {
  const { page, until } = lab;
  const choices = page.getByRole('group', { name: 'The file that cannot be read' });
  const retry = choices.getByRole('button', { name: 'Retry' });
  const [first = '', second = ''] = writeShards(2);
  await stubPicker(page, 'acts');
  for (const path of [first, second]) await writeInto(page, 'acts', basename(path), readFileSync(path));
  await until('device', (s) => s.device !== undefined);
  await chooseFolder(lab, 2 * ROWS);
  await configure(page, { ...SWEEP, steps: '100000' });
  await on(page).start.click();
  await until('an evaluation', (s) => s.runs.length === 2 && s.runs.every((run) => run.step > 3 && run.metrics));

  // Written again: what was opened is stale, and the handle leads to the new file.
  await writeInto(page, 'acts', 'shard_1.safetensors', readFileSync(second));
  const changed = await until('pause', (s) => s.session.trouble !== undefined);
  expect(changed.session).toMatchObject({ phase: 'paused', trouble: { path: 'acts/shard_1.safetensors' } });
  await retry.click();
  const going = await until(
    'further steps',
    (s) => s.session.trouble === undefined && s.runs.every((run, i) => run.step > (changed.runs[i]?.step ?? 0) + 20),
  );
  expect(going.data.shards?.filter).toMatch(/^acts\/shard_1\.safetensors opened anew after \d+ rows$/);

  // Permission withdrawn: the way back is closed until it is given again.
  await page.evaluate(() => {
    const handle = FileSystemHandle.prototype as unknown as Record<string, () => Promise<string>>;
    handle.queryPermission = async () => 'denied';
    handle.requestPermission = async () => 'denied';
  });
  await writeInto(page, 'acts', 'shard_1.safetensors', readFileSync(second));
  const denied = await until('pause', (s) => s.session.trouble !== undefined);
  await retry.click();
  await page.getByText(/shard_1\.safetensors is still not readable: the browser was not allowed to read it\./).waitFor();
  expect((await lab.state()).session.trouble).toBeDefined();
  await page.evaluate(() => {
    (FileSystemHandle.prototype as unknown as Record<string, () => Promise<string>>).requestPermission = async () => 'granted';
  });
  await retry.click();
  await until(
    'further steps',
    (s) => s.session.trouble === undefined && s.runs.every((run, i) => run.step > (denied.runs[i]?.step ?? 0) + 20),
  );

  await page.evaluate(async () => {
    const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('acts');
    await folder.removeEntry('shard_0.safetensors');
  });
  await until('pause', (s) => s.session.trouble?.path === 'acts/shard_0.safetensors');
  await retry.click();
  await page.getByText(/shard_0\.safetensors is still not readable/).waitFor();
  await choices.getByRole('button', { name: 'Stop' }).click();
  const { runs } = await until('stop', (s) => s.runs.every((run) => run.state === 'stopped'));
  const download = page.waitForEvent('download', (file) => file.suggestedFilename() === 'sae_weights.safetensors');
  await on(page).saveRun.click();
  const weights = readFileSync(await (await download).path());
  const header = Number(weights.readBigUInt64LE(0));
  const values = new Float32Array(weights.buffer.slice(weights.byteOffset + 8 + header, weights.byteOffset + weights.byteLength));
  expect(values.every(Number.isFinite)).toBe(true);
  expect(runs.every((run) => run.step > (denied.runs[0]?.step ?? 0))).toBe(true);
});
