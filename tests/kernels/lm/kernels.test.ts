/**
 * Each kernel against its float64 twin, alone, at ragged shapes, into NaN-poisoned outputs. Tolerances: `matmulTolerance`
 * for dot products; elsewhere absolute, a few f32 roundings of values of order 1.
 */
import { describe, expect, it } from 'vitest';
import { Arena, readFloats } from '../../../src/gpu/buffers';
import { declaredBindings } from '../../../src/gpu/kernel';
import { type Grid, Plan } from '../../../src/gpu/plan';
import { ACTIVATIONS } from '../../../src/lm/config';
import { LM_SHADERS, type LmShader, lmKernel } from '../../../src/lm/kernels';
import { ropeFrequencies, ropeTable } from '../../../src/lm/rope';
import { matmulTolerance, maxError, poison, randoms, testGpu } from '../../gpu';
import { attention, rope } from '../../reference/lm/attention';
import { unembedCrossEntropy } from '../../reference/lm/cross-entropy';
import { activation, add, embed, layernorm, linear, rmsnorm } from '../../reference/lm/layers';
import { columnSums, spliceValue } from '../../reference/lm/splice';

type Input = Float32Array | Uint32Array;
type ParamsOf<S extends LmShader> = Parameters<(typeof LM_SHADERS)[S]['params']['pack']>[0];

interface Call<S extends LmShader> {
  params: ParamsOf<S> | ParamsOf<S>[];
  grid: Grid | Grid[];
  inputs: Record<string, Input>;
  /** Read-write bindings: a length to be poisoned, or initial content. */
  outputs: Record<string, number | Float32Array>;
  constants?: Record<string, number>;
}

/** Runs one kernel, once for each of the parameter blocks, and reads its outputs back. */
async function run<S extends LmShader>(
  name: S,
  { params, grid, inputs, outputs, constants }: Call<S>,
): Promise<Record<string, Float32Array>> {
  const gpu = await testGpu();
  const arena = new Arena(gpu, 'test');
  const kernel = await lmKernel(gpu, name, constants);
  const bound: Record<string, GPUBuffer> = {};
  for (const [key, data] of Object.entries(inputs)) bound[key] = arena.upload(key, data);
  for (const [key, data] of Object.entries(outputs)) bound[key] = arena.upload(key, typeof data === 'number' ? poison(data) : data);
  const plan = new Plan(gpu, 'test');
  const blocks = Array.isArray(params) ? params : [params];
  blocks.forEach((block, i) => {
    const pack = LM_SHADERS[name].params.pack as (value: ParamsOf<S>) => ArrayBuffer;
    plan.add(
      kernel,
      { ...bound, params: arena.uniform(`params ${i}`, pack(block)) },
      Array.isArray(grid[0]) ? (grid[i] as Grid) : (grid as Grid),
    );
  });
  await arena.ready();
  plan.submit();
  const result: Record<string, Float32Array> = {};
  for (const [key, data] of Object.entries(outputs))
    result[key] = await readFloats(gpu, bound[key] as GPUBuffer, 0, typeof data === 'number' ? data : data.length);
  gpu.check();
  arena.destroy();
  return result;
}

const elements = (n: number): Grid => [Math.ceil(n / 64)];
const ids = (n: number, below: number, seed: number): Uint32Array =>
  Uint32Array.from(randoms(n, seed), (v) => Math.floor((v + 0.5) * below));

describe('shaders', () => {
  it.each(Object.entries(LM_SHADERS))(
    '%s declares the parameter block that the host packs, and at most 8 storage buffers',
    (_, { code, params }) => {
      const text = code.replace(/\/\/[^\n]*/g, '');
      const block = /struct Params \{([^}]*)\}/.exec(text)?.[1] ?? '';
      const fields = Object.fromEntries([...block.matchAll(/(\w+) : (\w+)/g)].map(([, field, type]) => [field, type]));
      expect(Object.entries(fields)).toEqual(Object.entries(params.fields));
      expect(declaredBindings(code).filter((slot) => slot.access !== 'uniform').length).toBeLessThanOrEqual(8);
    },
  );
});

describe('embed', () => {
  it.each([0, 1])('adds positions when has_positions = %i, from a matrix in two parts', async (has_positions) => {
    const [rows, width, T, vocab, cut] = [11, 6, 4, 9, 5];
    const tokens = ids(rows, vocab, 1);
    const embedding = randoms(vocab * width, 2);
    const positions = randoms(T * width, 3);
    const base = { rows, width, sequence: T, has_positions };
    const first = await run('embed', {
      params: { ...base, first: 0, part: cut },
      grid: elements(rows * width),
      inputs: { tokens, embedding: embedding.subarray(0, cut * width), positions },
      outputs: { result: rows * width },
    });
    const both = await run('embed', {
      params: { ...base, first: cut, part: vocab - cut },
      grid: elements(rows * width),
      inputs: { tokens, embedding: embedding.slice(cut * width), positions },
      outputs: { result: first.result as Float32Array },
    });
    expect(maxError(both.result as Float32Array, embed(tokens, embedding, has_positions ? positions : undefined, width, T))).toBeLessThan(
      1e-7,
    );
  });
});

describe('norms', () => {
  it.each([
    [3, 5],
    [7, 32],
    [70, 100],
  ])('%i rows of %i', async (rows, width) => {
    const x = randoms(rows * width, 4).map((v) => v * 3 + 2);
    const weight = randoms(width, 5);
    const bias = randoms(width, 6);
    const params = { rows, width, eps: 1e-5 };
    const layer = await run('layernorm', { params, grid: [rows], inputs: { x, weight, bias }, outputs: { y: x.length } });
    expect(maxError(layer.y as Float32Array, layernorm(x, weight, bias, width, 1e-5))).toBeLessThan(5e-6);
    const root = await run('rmsnorm', { params, grid: [rows], inputs: { x, weight }, outputs: { y: x.length } });
    expect(maxError(root.y as Float32Array, rmsnorm(x, weight, width, 1e-5))).toBeLessThan(2e-6);
  });

  it('keeps its digits on rows with a mean of a thousand standard deviations', async () => {
    const [rows, width] = [2, 96];
    const x = randoms(rows * width, 7).map((v) => v + 300);
    const ones = new Float32Array(width).fill(1);
    const { y } = await run('layernorm', {
      params: { rows, width, eps: 1e-5 },
      grid: [rows],
      inputs: { x, weight: ones, bias: new Float32Array(width) },
      outputs: { y: x.length },
    });
    expect(maxError(y as Float32Array, layernorm(x, ones, new Float32Array(width), width, 1e-5))).toBeLessThan(5e-4);
  });
});

describe.each([
  ['linear', 4],
  ['linear_ragged', 1],
] as const)('%s', (name, columns) => {
  const widths = name === 'linear' ? [4, 20, 64] : [1, 3, 21];
  it.each(
    widths.flatMap((ins) => [
      [1, ins, 1],
      [5, ins, 7],
      [33, ins, 66],
    ]),
  )('%i x %i -> %i, rows and columns in two dispatches each', async (rows, ins, outs) => {
    const x = randoms(rows * ins, 8);
    const w = randoms(outs * ins, 9);
    const bias = randoms(outs, 10);
    const grid = (o: number, r: number): Grid => [Math.ceil(o / (8 * columns)), Math.ceil(r / 32)];
    const whole = { row0: 0, row_end: rows, ins, outs, out0: 0, stride: outs, has_bias: 1 };
    const once = await run(name, { params: whole, grid: grid(outs, rows), inputs: { x, w, bias }, outputs: { y: rows * outs } });
    expect(maxError(once.y as Float32Array, linear(x, w, bias, ins, outs))).toBeLessThan(matmulTolerance(ins, x, w) + 1e-6);
    // The same in parts: rows [0, cut) and [cut, rows) of the first half of the weight, then of the second.
    const cut = Math.floor(rows / 2);
    const half = Math.ceil(outs / 2);
    let y: number | Float32Array = rows * outs;
    for (const [out0, end] of [
      [0, half],
      [half, outs],
    ] as const) {
      if (end === out0) continue;
      const part = { ...whole, outs: end - out0, out0, has_bias: 0 };
      const blocks = [
        { ...part, row_end: cut },
        { ...part, row0: cut },
      ].filter((b) => b.row_end > b.row0);
      y = (
        await run(name, {
          params: blocks,
          grid: blocks.map((b) => grid(end - out0, b.row_end - b.row0)),
          inputs: { x, w: w.slice(out0 * ins, end * ins), bias },
          outputs: { y },
        })
      ).y as Float32Array;
    }
    expect(maxError(y as Float32Array, linear(x, w, undefined, ins, outs))).toBeLessThan(matmulTolerance(ins, x, w));
  });
});

describe('rope', () => {
  it.each([undefined, 4])('rotates queries and keys, whole or their first dimensions, and leaves values alone (%s)', async (dims) => {
    const [heads, kvHeads, headDim, n, T] = [3, 1, 8, 2, 70];
    const qkv = randoms(n * T * 5 * headDim, 11);
    const expected = Float64Array.from(qkv);
    const angles = { theta: 10000, ...(dims && { dims }) };
    rope(expected, ropeFrequencies(angles, headDim), { heads, kvHeads, headDim }, T);
    const pairs = (dims ?? headDim) / 2;
    const params = { rows: n * T, stride: 5 * headDim, heads: heads + kvHeads, head_dim: headDim, pairs, sequence: T };
    const out = await run('rope', {
      params,
      grid: elements(n * T * 4 * pairs),
      inputs: { table: ropeTable(angles, headDim, T) },
      outputs: { qkv },
    });
    expect(maxError(out.qkv as Float32Array, expected)).toBeLessThan(2e-7);
  });
});

describe('attention', () => {
  it.each([
    [2, 1, 3, 3, 8],
    [1, 5, 4, 2, 4],
    [2, 33, 4, 1, 36],
    [1, 70, 2, 2, 64],
  ])('%i sequences of %i tokens, %i heads on %i, head width %i', async (n, T, heads, kvHeads, headDim) => {
    const qkv = randoms(n * T * (heads + 2 * kvHeads) * headDim, 12).map((v) => 4 * v);
    const scale = 1 / Math.sqrt(headDim);
    const expected = attention(qkv, { heads, kvHeads, headDim }, n, T, scale);
    const chunks = Math.ceil(headDim / 32);
    const blocks = Math.ceil(T / 32);
    // Each sequence and each block of queries in a dispatch of its own.
    const params = Array.from({ length: n * blocks }, (_, i) => ({
      sequence: T,
      heads,
      kv_heads: kvHeads,
      head4: headDim / 4,
      first: Math.floor(i / blocks),
      block0: i % blocks,
      scale,
    }));
    const { z } = await run('attention', { params, grid: [1, heads * chunks, 1], inputs: { qkv }, outputs: { z: expected.length } });
    expect(maxError(z as Float32Array, expected)).toBeLessThan(3e-6);
  });

  it('survives scores far beyond what exp can hold', async () => {
    const [T, headDim] = [9, 4];
    const qkv = randoms(T * 3 * headDim, 13).map((v) => 200 * v);
    const { z } = await run('attention', {
      params: { sequence: T, heads: 1, kv_heads: 1, head4: 1, first: 0, block0: 0, scale: 1 },
      grid: [1, 1, 1],
      inputs: { qkv },
      outputs: { z: T * headDim },
    });
    expect(maxError(z as Float32Array, attention(qkv, { heads: 1, kvHeads: 1, headDim }, 1, T, 1))).toBeLessThan(0.1);
  });
});

describe('activation', () => {
  it.each(ACTIVATIONS)('%s, plain and gated', async (kind) => {
    const [rows, width] = [13, 34];
    const grid = elements(rows * width);
    // -12 .. 12 in even steps, and far outside.
    const plain = Float32Array.from({ length: rows * width }, (_, i) =>
      i < 4 ? ([-1e4, -50, 50, 1e4][i] as number) : -12 + (24 * i) / (rows * width),
    );
    const constants = { KIND: ACTIVATIONS.indexOf(kind) };
    const { y } = await run('activation', { params: { rows, width }, grid, inputs: { x: plain }, outputs: { y: rows * width }, constants });
    const expected = activation(kind, false, plain, width);
    // Relative to max(1, |x|): at 1e4 one rounding is 5e-4.
    const scaled = (values: ArrayLike<number>) => Array.from(values, (v, i) => v / Math.max(1, Math.abs(plain[i] as number)));
    expect(maxError(scaled(y as Float32Array), scaled(expected))).toBeLessThan(5e-7);
    const gated = randoms(2 * rows * width, 14).map((v) => 6 * v);
    const both = await run('activation', {
      params: { rows, width },
      grid,
      inputs: { x: gated },
      outputs: { y: rows * width },
      constants: { ...constants, GATED: 1 },
    });
    expect(maxError(both.y as Float32Array, activation(kind, true, gated, width))).toBeLessThan(4e-6);
  });

  it('gelu stays within 1e-6 of the exact one', async () => {
    const x = Float32Array.from({ length: 4001 }, (_, i) => -8 + (16 * i) / 4000);
    const { y } = await run('activation', {
      params: { rows: 1, width: x.length },
      grid: elements(x.length),
      inputs: { x },
      outputs: { y: x.length },
      constants: { KIND: 0 },
    });
    expect(maxError(y as Float32Array, activation('gelu', false, x, x.length))).toBeLessThan(1e-6);
  });
});

describe('cross-entropy', () => {
  it.each([
    [1, 2, 5, 4],
    [2, 8, 97, 24],
    [3, 50, 203, 8],
  ])('%i sequences of %i tokens, vocabulary %i in two buffers, width %i', async (n, T, vocab, ins) => {
    const x = randoms(n * T * ins, 15).map((v) => 8 * v);
    const w = randoms(vocab * ins, 16).map((v) => 4 * v);
    const tokens = ids(n * T, vocab, 17);
    const predictions = n * (T - 1);
    const tile = 8;
    const cut = Math.ceil(vocab / 2);
    const tilesOf = (part: number) => Math.ceil(part / tile);
    const tiles = tilesOf(cut) + tilesOf(vocab - cut);
    let partial_sums: number | Float32Array = 2 * tiles * predictions;
    let picked: number | Float32Array = predictions;
    for (const [v0, part, tile0] of [
      [0, cut, 0],
      [cut, vocab - cut, tilesOf(cut)],
    ] as const) {
      // Two runs of tiles, two runs of predictions.
      const base = { predictions, sequence: T, ins, part, v0, tile, tile0 };
      const middle = Math.floor(predictions / 2);
      const params = [
        { ...base, p0: 0, p_end: predictions, first: 0 },
        { ...base, p0: 0, p_end: middle, first: 1 },
        { ...base, p0: middle, p_end: predictions, first: 1 },
      ].filter((p) => p.p_end > p.p0 && p.first < tilesOf(part));
      const grid = params.map((p): Grid => [Math.ceil((p.p_end - p.p0) / 128), p.first === 0 ? 1 : tilesOf(part) - 1]);
      const out = await run('unembed_cross_entropy', {
        params,
        grid,
        inputs: { x, w: w.slice(v0 * ins, (v0 + part) * ins), tokens },
        outputs: { partial_sums, picked },
      });
      partial_sums = out.partial_sums as Float32Array;
      picked = out.picked as Float32Array;
    }
    const { ce } = await run('cross_entropy_reduce', {
      params: { predictions, tiles },
      grid: elements(predictions),
      inputs: { partial_sums: partial_sums as Float32Array, picked: picked as Float32Array },
      outputs: { ce: predictions },
    });
    expect(maxError(ce as Float32Array, unembedCrossEntropy(x, w, tokens, ins, n, T))).toBeLessThan(1e-4);
  });
});

describe('small ones', () => {
  it('add', async () => {
    const [a, b] = [randoms(131, 18), randoms(131, 19)];
    const { y } = await run('add', { params: { count: 131 }, grid: elements(131), inputs: { a, b }, outputs: { y: 131 } });
    expect(maxError(y as Float32Array, add(a, b))).toBeLessThan(1e-7);
  });

  it('column_sums, in blocks of rows', async () => {
    const [rows, width] = [131, 5];
    const x = randoms(rows * width, 20);
    const { sums } = await run('column_sums', {
      params: { rows, width },
      grid: elements(3 * width),
      inputs: { x },
      outputs: { sums: 3 * width },
    });
    expect(maxError((sums as Float32Array).slice(2 * width), columnSums(x.subarray(128 * width), width))).toBeLessThan(1e-6);
    expect(maxError(columnSums(sums as Float32Array, width), columnSums(x, width))).toBeLessThan(1e-5);
  });

  it.each([0, 0.5])('splice_value with scale %f', async (scale) => {
    const [rows, width] = [7, 19];
    // With scale 0 the value is not looked at: a NaN there must not pass.
    const x = scale === 0 ? poison(rows * width) : randoms(rows * width, 21);
    const shift = randoms(width, 22);
    const { y } = await run('splice_value', {
      params: { rows, width, scale },
      grid: elements(rows * width),
      inputs: { x, shift },
      outputs: { y: rows * width },
    });
    expect(maxError(y as Float32Array, spliceValue(x, shift, scale))).toBeLessThan(1e-7);
  });
});
