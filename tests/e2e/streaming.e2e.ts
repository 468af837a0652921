import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import { configure, dropFiles, type Journey, journey, on, SMALL, settle, withBrowser } from './lab';
import { ROWS, writeShards } from './shards';

withBrowser();

const SWEEP = { ...SMALL, steps: '1000000' } as const;

/** The worker that reads files, when there is one. */
const reader = (page: Page) => page.workers().find((worker) => /readerWorker/.test(worker.url()));
const shares = (page: Page) => page.getByRole('group', { name: 'Where the time goes' });

async function train({ page, until }: Journey): Promise<string[]> {
  const paths = writeShards(3);
  await until('device', (s) => s.device !== undefined);
  await dropFiles(page, paths);
  await until('rows of three shards', (s) => s.data.shards?.rows === 3 * ROWS);
  await configure(page, SWEEP);
  expect(reader(page), 'no worker before there is something to read').toBeUndefined();
  expect(await shares(page).count(), 'no shares before they are measured').toBe(0);
  await on(page).start.click();
  return paths;
}

journey('dropped shards are read in a worker of their own, which ends with the data', {}, async (lab) => {
  const { page, until } = lab;
  await train(lab);
  await until('steps', (s) => s.runs.length === 2 && s.runs.every((run) => run.step > 3));
  await expect.poll(() => reader(page)?.url()).toBeDefined();
  // Blocks that leave it from now on.
  await reader(page)?.evaluate(() => {
    const scope = self as unknown as {
      postMessage(reply: { value?: { block?: { bytes: Uint8Array } } }, transfer: ArrayBuffer[]): void;
      sent: number[];
    };
    const send = scope.postMessage.bind(scope);
    scope.sent = [];
    scope.postMessage = (reply, transfer) => {
      send(reply, transfer);
      // Handed over, not copied: nothing of them is left here.
      if (reply.value?.block) scope.sent.push(reply.value.block.bytes.byteLength);
    };
  });
  await expect.poll(() => reader(page)?.evaluate(() => (self as unknown as { sent: number[] }).sent.length)).toBeGreaterThan(5);
  const left = await reader(page)?.evaluate(() => (self as unknown as { sent: number[] }).sent);
  expect(left?.every((bytes) => bytes === 0)).toBe(true);
  await on(page).stop.click();
  await until('stop', (s) => s.runs.every((run) => run.state === 'stopped'));
  await page.getByRole('button', { name: 'Clear', exact: true }).click();
  await until('no data', (s) => s.data.shards === undefined);
  await expect.poll(() => reader(page)).toBeUndefined();
});

journey('the page shows what share of the time went where, each with its definition', {}, async (lab) => {
  const { page, until } = lab;
  await train(lab);
  const { session } = await until('shares', (s) => s.session.gpuShare !== undefined && (s.session.evalShare ?? 0) > 0);
  const measured = [session.dataShare, session.gpuShare, session.evalShare].map(Number);
  for (const share of measured) expect(share).toBeGreaterThanOrEqual(0);
  expect(measured.reduce((a, b) => a + b, 0)).toBeLessThanOrEqual(1);
  await settle(page);
  const shown = (await shares(page).innerText()).replace(/\s+/g, ' ');
  expect(shown).toMatch(/^waiting for data \d+ % GPU \d+ % evaluating \d+ % host \d+ %$/);
  const percents = [...shown.matchAll(/(\d+) %/g)].map(([, n]) => Number(n));
  expect(Math.abs(percents.reduce((a, b) => a + b, 0) - 100)).toBeLessThanOrEqual(2);
  for (const [name, words] of Object.entries({ data: /next rows/, GPU: /two steps/, evaluating: /held-out/, host: /commands/ })) {
    await shares(page).getByRole('button', { name, exact: true }).click();
    await page.locator('.popover:popover-open').getByText(words).waitFor();
  }
});

journey('a shard that changes on disk while it trains is named, with what to do', {}, async (lab) => {
  const { page, until } = lab;
  const [, changed] = (await train(lab)) as [string, string];
  await until('steps', (s) => s.runs.length === 2 && s.runs.every((run) => run.step > 3));
  writeFileSync(changed, readFileSync(changed).subarray(0, 1000));
  const told = page.getByRole('alert').filter({ hasText: basename(changed) });
  await told.getByText(/cannot be read any more .*drop it again/).waitFor();
  await until('pause', (s) => s.session.phase === 'paused');
});

/** Runs in the page: a file through the reader as `BlockStream` asks for it, and plainly, turn about. Seconds of each. */
async function timeReading([rows, rowBytes]: [number, number]): Promise<{ plain: number[]; reader: number[] }> {
  const file = document.querySelector<HTMLInputElement>('#timed')?.files?.[0] as File;
  const worker = new Worker(document.querySelector('#timed')?.getAttribute('data-reader') as string, { type: 'module' });
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  worker.onmessage = ({ data }: MessageEvent<{ id: number; ok: boolean; value: unknown; error?: { message: string } }>) => {
    if (data.ok) waiting.get(data.id)?.resolve(data.value);
    else waiting.get(data.id)?.reject(new Error(data.error?.message));
  };
  let id = 0;
  const ask = (request: object) =>
    new Promise((resolve, reject) => {
      worker.postMessage({ ...request, id });
      waiting.set(id++, { resolve, reject });
    });
  const recipe = { how: 'file', paths: [file.name], options: {} };
  await ask({ type: 'open', files: [{ path: file.name, blob: file }], shards: [{ label: file.name, recipe, tensor: 'activations' }] });
  const blockBytes = 16 * 2 ** 20;
  const block = Math.floor(blockBytes / rowBytes);
  const seconds = async (work: () => Promise<void>) => {
    const begin = performance.now();
    await work();
    return (performance.now() - begin) / 1000;
  };
  const plainly = async () => {
    for (let at = 0; at < file.size; at += blockBytes) await file.slice(at, at + blockBytes).arrayBuffer();
  };
  const through = async () => {
    const under: Promise<unknown>[] = [];
    for (let start = 0; start < rows; start += block) {
      if (under.length === 3) await under.shift();
      under.push(ask({ type: 'read', source: file.name, start, rows: Math.min(block, rows - start), withTokens: false, check: true }));
    }
    await Promise.all(under);
  };
  const times = { plain: [] as number[], reader: [] as number[] };
  for (let turn = 0; turn < 5; turn++) {
    times.plain.push(await seconds(plainly));
    times.reader.push(await seconds(through));
  }
  worker.terminate();
  return times;
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] as number;

journey('reading 256 MB through the reader, beside a plain sequential read of the same file', {}, async (lab) => {
  const { page, until } = lab;
  await train(lab);
  await until('steps', (s) => s.runs.length === 2 && s.runs.every((run) => run.step > 3));
  const address = reader(page)?.url() as string;
  await on(page).stop.click();
  await until('stop', (s) => s.runs.every((run) => run.state === 'stopped'));

  const [rows, d] = [166_000, 768];
  const folder = mkdtempSync(join(tmpdir(), 'lab-'));
  const path = join(folder, 'f16.safetensors');
  const header = JSON.stringify({ activations: { dtype: 'F16', shape: [rows, d], data_offsets: [0, rows * d * 2] } }).padEnd(120);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  writeFileSync(path, Buffer.concat([length, Buffer.from(header)]));
  truncateSync(path, 8 + header.length + rows * d * 2);
  await page.evaluate((url) => {
    const input = Object.assign(document.createElement('input'), { type: 'file', id: 'timed' });
    input.dataset.reader = url;
    document.body.append(input);
  }, address);
  await page.setInputFiles('#timed', path);
  const { plain, reader: through } = await page.evaluate(timeReading, [rows, d * 2] as [number, number]);
  rmSync(folder, { recursive: true });
  const speed = (seconds: number) => `${((rows * d * 2) / seconds / 1e6).toFixed(0)} MB/s`;
  const ratio = median(plain) / median(through);
  console.log(`f16 in Chromium: plain ${speed(median(plain))}, through the reader ${speed(median(through))}: ${ratio.toFixed(2)} of it`);
  expect(ratio).toBeGreaterThan(0.2);
});
