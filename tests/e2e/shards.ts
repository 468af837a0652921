/** Activation shards written by the tests, and the header of a safetensors file that the page wrote. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fixturePath } from '../fixtures';
import { randoms } from '../gpu';

export const ROWS = 256;
export const WIDTH = 16;
const DIRECTIONS = 24;

/** Rows that are sums of a few of 24 fixed directions with positive weights: something a dictionary can find. */
function structuredRows(seed: number): Float32Array {
  const directions = randoms(DIRECTIONS * WIDTH, 1);
  const noise = randoms(ROWS * WIDTH, seed);
  const weights = randoms(ROWS * DIRECTIONS, seed + 1000);
  const rows = new Float32Array(ROWS * WIDTH);
  for (let r = 0; r < ROWS; r++) {
    for (let k = 0; k < DIRECTIONS; k++) {
      const weight = Math.max(0, (weights[r * DIRECTIONS + k] as number) - 0.35) * 8;
      for (let i = 0; weight > 0 && i < WIDTH; i++)
        rows[r * WIDTH + i] = (rows[r * WIDTH + i] as number) + weight * (directions[k * WIDTH + i] as number);
    }
    for (let i = 0; i < WIDTH; i++) rows[r * WIDTH + i] = (rows[r * WIDTH + i] as number) + 0.01 * (noise[r * WIDTH + i] as number);
  }
  return rows;
}

const safetensors = (rows: Float32Array): Buffer => writeTensors({ activations: { dtype: 'F32', shape: [ROWS, WIDTH], data: rows } });

/** A safetensors file, written by hand so that the lab's own writer is not what is tested. */
export function writeTensors(
  tensors: Record<string, { dtype: string; shape: number[]; data: Float32Array | Int32Array }>,
  metadata?: Record<string, string>,
): Buffer {
  let end = 0;
  const entries = Object.entries(tensors).map(([name, { dtype, shape, data }]) => {
    const start = end;
    end += data.byteLength;
    return [name, { dtype, shape, data_offsets: [start, end] }];
  });
  const text = JSON.stringify({ ...(metadata && { __metadata__: metadata }), ...Object.fromEntries(entries) });
  const header = Buffer.from(text.padEnd(Math.ceil(text.length / 8) * 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([
    length,
    header,
    ...Object.values(tensors).map(({ data }) => Buffer.from(data.buffer, data.byteOffset, data.byteLength)),
  ]);
}

/** Writes shard_0 … shard_{n-1} of 256 x 16 f32 into a new folder and returns their paths. */
export function writeShards(n: number): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'lab-shards-'));
  return Array.from({ length: n }, (_, i) => {
    const path = join(folder, `shard_${i}.safetensors`);
    writeFileSync(path, safetensors(structuredRows(i + 1)));
    return path;
  });
}

/** A shard whose file ends in the middle of its rows. */
export function writeTruncatedShard(): string {
  const path = join(mkdtempSync(join(tmpdir(), 'lab-shards-')), 'shard_cut.safetensors');
  const whole = safetensors(structuredRows(99));
  writeFileSync(path, whole.subarray(0, whole.length - 1000));
  return path;
}

/** Shapes of the tensors in a safetensors file. */
export function readShapes(bytes: Buffer): Record<string, number[]> {
  const length = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.subarray(8, 8 + length).toString('utf8')) as Record<string, { shape: number[] }>;
  delete (header as Record<string, unknown>).__metadata__;
  return Object.fromEntries(Object.entries(header).map(([name, { shape }]) => [name, shape]));
}

/** The GPT-2 fixture, and six sequences of 20 tokens for it. */
export function modelFiles(): string[] {
  const tokens = Int32Array.from(randoms(6 * 20, 3), (v) => Math.floor((v + 0.5) * 97));
  const path = join(mkdtempSync(join(tmpdir(), 'lab-model-')), 'tokens.safetensors');
  writeFileSync(path, writeTensors({ input_ids: { dtype: 'I32', shape: [6, 20], data: tokens } }));
  return [fixturePath('lm/gpt2/config.json'), fixturePath('lm/gpt2/model.safetensors'), path];
}
