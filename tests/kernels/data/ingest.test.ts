import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { ROW_DTYPE_BYTES, type RowDtype } from '../../../src/data/formats/floats';
import { GpuPool, IngestParams, poolStride } from '../../../src/data/pool/pool';
import type { RowBlock } from '../../../src/data/rows/types';
import { readFloats, write } from '../../../src/gpu/buffers';
import { Rng } from '../../../src/util/rng';
import { poison, testGpu } from '../../gpu';
import { ingest } from '../../reference/data/ingest';

const gpu = await testGpu();
const pools: GpuPool[] = [];
afterAll(() => {
  for (const pool of pools) pool.destroy();
});

async function makePool(capacity: number, d: number): Promise<GpuPool> {
  const pool = await GpuPool.create(gpu, capacity, d);
  write(gpu, pool.rows, 0, poison(capacity * pool.stride));
  pools.push(pool);
  return pool;
}

/** Random bits, with the exponents of NaN and Inf cleared. */
function randomBlock(rows: number, d: number, dtype: RowDtype, rng: Rng): RowBlock {
  const bytes = new Uint8Array(rows * d * ROW_DTYPE_BYTES[dtype]);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < rows * d; i++) {
    if (dtype === 'f32') view.setFloat32(i * 4, rng.normal(), true);
    else if (dtype === 'f16') view.setUint16(i * 2, rng.int(65536) & 0xbfff, true);
    else view.setUint16(i * 2, rng.int(65536) & 0xbfff, true);
  }
  return { start: 0, rows, d, dtype, bytes };
}

const bitsOf = (values: ArrayLike<number>): Uint32Array => new Uint32Array(Float32Array.from(values).buffer);

describe.each(['f32', 'f16', 'bf16'] as const)('data.ingest %s', (dtype) => {
  it.each([
    [1, 1, 1],
    [3, 5, 7],
    [17, 20, 40],
    [64, 64, 64],
    [31, 767, 33],
    [300, 3, 301],
  ])('%i rows of width %i into %i slots equal the twin, and touch no other slot', async (rows, d, capacity) => {
    const rng = Rng.stream(rows, dtype, d);
    const pool = await makePool(capacity, d);
    const block = randomBlock(rows, d, dtype, rng);
    const slots = rng.shuffle(Uint32Array.from({ length: capacity }, (_, i) => i)).slice(0, rows);
    await pool.ingest(block, slots);
    const expected = Float64Array.from(poison(capacity * pool.stride));
    ingest(block.bytes, dtype, d, slots, expected, pool.stride);
    expect(bitsOf(await readFloats(gpu, pool.rows, 0, capacity * pool.stride))).toEqual(bitsOf(expected));
  });
});

describe('data.ingest', () => {
  it('is exact for every finite f16 and for f32 subnormals', async () => {
    const all = Uint16Array.from({ length: 65536 }, (_, i) => i).filter((bits) => (bits & 0x7c00) !== 0x7c00);
    const d = 64;
    const rows = all.length / d;
    const pool = await makePool(rows, d);
    const block: RowBlock = { start: 0, rows, d, dtype: 'f16', bytes: new Uint8Array(all.buffer) };
    const slots = Uint32Array.from({ length: rows }, (_, i) => i);
    await pool.ingest(block, slots);
    const expected = new Float64Array(rows * d);
    ingest(block.bytes, 'f16', d, slots, expected, d);
    expect(bitsOf(await readFloats(gpu, pool.rows))).toEqual(bitsOf(expected));

    const tiny = Float32Array.of(1e-45, -1e-40, 1.2e-38, -0);
    const small = await makePool(1, 4);
    await small.ingest({ start: 0, rows: 1, d: 4, dtype: 'f32', bytes: new Uint8Array(tiny.buffer) }, Uint32Array.of(0));
    expect(bitsOf(await readFloats(gpu, small.rows))).toEqual(bitsOf(tiny));
  });

  it('takes blocks that start in the middle of a word', async () => {
    const block = randomBlock(5, 3, 'f16', new Rng(9));
    const part: RowBlock = { ...block, rows: 3, bytes: block.bytes.subarray(6, 24) };
    const pool = await makePool(3, 3);
    await pool.ingest(part, Uint32Array.of(2, 0, 1));
    const expected = new Float64Array(3 * poolStride(3));
    ingest(part.bytes, 'f16', 3, [2, 0, 1], expected, 4);
    expect(bitsOf(await readFloats(gpu, pool.rows, 0, 12))).toEqual(bitsOf(expected));
  });

  it('cuts what exceeds the staging buffer, and keeps the queue’s order', async () => {
    const pool = await makePool(4, 2);
    const rows = (first: number): RowBlock => ({
      start: 0,
      rows: 4,
      d: 2,
      dtype: 'f32',
      bytes: new Uint8Array(Float32Array.from({ length: 8 }, (_, i) => first + i).buffer),
    });
    for (let i = 0; i < 9; i++) await pool.ingest(rows(i * 10), Uint32Array.of(0, 1, 2, 3));
    expect([...(await readFloats(gpu, pool.rows))].filter((_, i) => i % 4 < 2)).toEqual([80, 81, 82, 83, 84, 85, 86, 87]);
    const big = await makePool(5_000_000, 1);
    const block: RowBlock = {
      start: 0,
      rows: 5_000_000,
      d: 1,
      dtype: 'f32',
      bytes: new Uint8Array(Float32Array.from({ length: 5_000_000 }, (_, i) => i).buffer),
    };
    await big.ingest(
      block,
      Uint32Array.from({ length: 5_000_000 }, (_, i) => i),
    );
    const out = await readFloats(gpu, big.rows);
    for (const i of [0, 4_194_303, 4_194_304, 4_999_999]) expect([...out.slice(i * 4, i * 4 + 4)]).toEqual([i, 0, 0, 0]);
  });

  it('refuses what does not fit', async () => {
    const pool = await makePool(4, 2);
    await expect(pool.ingest(randomBlock(1, 3, 'f32', new Rng(0)), Uint32Array.of(0))).rejects.toThrow(/width 3/);
    await expect(pool.ingest(randomBlock(2, 2, 'f32', new Rng(0)), Uint32Array.of(0))).rejects.toThrow(/1 slots for 2 rows/);
    await expect(GpuPool.create(gpu, 2 ** 26, 1024)).rejects.toThrow(/at most \d/);
  });

  it('has the uniform layout that the shader declares', () => {
    const code = readFileSync('shaders/data/ingest.wgsl', 'utf8');
    const fields = [...(/struct Params \{([^}]*)\}/.exec(code)?.[1] ?? '').matchAll(/(\w+) : (\w+)/g)].map((m) => [m[1], m[2]]);
    expect(fields).toEqual(Object.entries(IngestParams.fields));
  });
});
