/** Runs the command line in this process and reads what it wrote; a folder of its own for each test file. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, vi } from 'vitest';
import { main } from '../../../src/cli/main';
import { FileSource } from '../../../src/data/bytes/nodeFiles';
import { writeSafetensors } from '../../../src/data/formats/safetensors/write';
import { ShardSource } from '../../../src/data/rows/shard';
import { randoms } from '../../gpu';

export const folder = mkdtempSync(join(tmpdir(), 'lab-cli-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
export const at = (...parts: string[]) => join(folder, ...parts);

export type Json = Record<string, unknown>;

/** Nothing in a result may be null, or a number that JSON cannot hold. */
export function noNull(value: unknown, path = 'result'): void {
  expect(value, path).not.toBeNull();
  if (typeof value === 'number') expect(Number.isFinite(value), path).toBe(true);
  else if (typeof value === 'string') expect(value, path).not.toMatch(/\bNaN\b|undefined|\[object/);
  else if (typeof value === 'object') for (const [key, inner] of Object.entries(value as Json)) noNull(inner, `${path}.${key}`);
}
export const parsed = (text: string): Json => {
  const value = JSON.parse(text) as Json;
  noNull(value);
  return value;
};
export const file = (path: string): Json => parsed(readFileSync(path, 'utf8'));
/** cfg.json is SAELens' own format, nulls and all. */
export const cfg = (path: string) => JSON.parse(readFileSync(join(path, 'cfg.json'), 'utf8')) as Json;
export const lines = (path: string): Json[] => readFileSync(path, 'utf8').trimEnd().split('\n').map(parsed);

/** Runs a command; with --json the last line of stdout is parsed. */
export async function lab(...args: (string | number)[]): Promise<{ code: number; out: string; err: string; json: Json }> {
  let [out, err] = ['', ''];
  const spies = [
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      out += text;
      return true;
    }),
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
      err += text;
      return true;
    }),
  ];
  try {
    const code = await main(args.map(String));
    const last = out.trimEnd().split('\n').at(-1) ?? '';
    return { code, out, err, json: args.includes('--json') && code === 0 ? parsed(last) : {} };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

export const writeShard = (path: string, rows: number, d: number, values: Float32Array) =>
  writeFileSync(path, writeSafetensors([{ name: 'activations', dtype: 'F32', shape: [rows, d], data: values.subarray(0, rows * d) }]));
export const shard = async (path: string) => ShardSource.open(await FileSource.open(path));
export const METRICS = ['l0', 'mse', 'fvu', 'r2', 'gamma', 'cosine', 'alive', 'alive_window_tokens', 'tokens'];
/** Counts of latents, which may be 0. */
export const DENSITIES = ['latents_over_1_percent', 'latents_over_10_percent', 'freq_over_1_percent', 'freq_over_10_percent'];
export const LOSSES = ['ce_clean', 'ce_sae', 'ce_zero', 'ce_mean', 'loss_recovered', 'loss_recovered_mean'];

export const GPT2 = 'tests/fixtures/lm/gpt2';
export const TOKENS = `${GPT2}/expected.safetensors`;
export const HOOK = 'blocks.0.mlp.hook_post';

export function writeShardFolder(path: string, rows: number, d: number) {
  rmSync(path, { recursive: true, force: true });
  mkdirSync(path);
  const directions = randoms(12 * d, 1);
  for (const [i, n] of [Math.floor(rows / 2), Math.floor(rows / 3), rows - Math.floor(rows / 2) - Math.floor(rows / 3)].entries()) {
    const strengths = randoms(n * 12, 50 + i);
    const values = Float32Array.from({ length: n * d }, (_, j) => {
      const b = Math.floor(j / d);
      let value = 1;
      for (let f = 0; f < 12; f++)
        value += 6 * Math.max(0, (strengths[b * 12 + f] as number) - 0.3) * (directions[f * d + (j % d)] as number);
      return value;
    });
    writeShard(join(path, `shard_${i}.safetensors`), n, d, values);
  }
}
