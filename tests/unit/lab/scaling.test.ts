/** The factor of each normalisation, from the rows that are trained on. */
import { describe, expect, it } from 'vitest';
import { FilteredSource, NO_FILTER } from '../../../src/data/rows/filter';
import type { RowBlock, RowFacts, RowSource } from '../../../src/data/rows/types';
import { sampleScaling } from '../../../src/lab/scaling';
import { factsOf } from '../data/helpers';

const D = 3;

/** Rows of f32 in memory; every read is counted. */
class Rows implements RowSource {
  readonly facts: RowFacts;
  reads = 0;

  constructor(private readonly values: readonly number[][]) {
    this.facts = factsOf({ rows: values.length, d: D });
  }

  async read(start: number, rows: number): Promise<RowBlock> {
    this.reads += rows;
    const values = Float32Array.from(this.values.slice(start, start + rows).flat());
    return { start, rows, d: D, dtype: 'f32', bytes: new Uint8Array(values.buffer) };
  }
}

const all = (...sources: RowSource[]) => sources.map(({ facts: { rows } }, source) => ({ source, start: 0, rows }));
const scaleOf = async (normalize: 'none' | 'mean-square' | 'mean-norm', ...sources: RowSource[]) =>
  (await sampleScaling(sources, all(...sources), { normalize, seed: 1 })).scale;
/** Norms 5 and 1. */
const VALUES = [
  [3, 4, 0],
  [0, 0, -1],
];

describe('the factor of activations', () => {
  it('makes the mean square norm 1, the mean norm √d, or nothing', async () => {
    expect(await scaleOf('none', new Rows(VALUES))).toBe(1);
    expect(await scaleOf('mean-square', new Rows(VALUES))).toBeCloseTo(1 / Math.sqrt((25 + 1) / 2), 12);
    expect(await scaleOf('mean-norm', new Rows(VALUES))).toBeCloseTo(Math.sqrt(D) / 3, 12);
  });

  it('is of all sources together, of training rows only, without rows that are bad or left out', async () => {
    const bad = [Number.NaN, 1, 1];
    const long = [400, 0, 0];
    const [a, b] = [new Rows([...VALUES, ...VALUES, bad]), new Rows([long, [0, 7, 0], ...VALUES])];
    const filtered = new FilteredSource(b, { ...NO_FILTER, maxNorm: 100 });
    const ranges = [
      { source: 0, start: 0, rows: 5 },
      { source: 1, start: 0, rows: 2 },
    ];
    const { scale, moments } = await sampleScaling([a, filtered], ranges, { normalize: 'mean-norm', seed: 1 });
    expect(scale).toBeCloseTo(Math.sqrt(D) / ((5 + 1 + 5 + 1 + 7) / 5), 12);
    expect(moments).toMatchObject({ rows: 5, badRows: 1 });
  });

  it('costs no second reading of the sample, and leaves its moments alone', async () => {
    const [plain, measured] = [new Rows(VALUES), new Rows(VALUES)];
    const before = await sampleScaling([plain], all(plain), { normalize: 'mean-square', seed: 1 });
    const after = await sampleScaling([measured], all(measured), { normalize: 'mean-norm', seed: 1 });
    expect(after.moments).toEqual(before.moments);
    expect(measured.reads).toBe(plain.reads);
  });

  it('cannot be had of rows that are all zero, which is said', async () => {
    const zeros = () => new Rows([[0, 0, 0]]);
    await expect(scaleOf('mean-norm', zeros())).rejects.toThrow(/all zero: they cannot be scaled to a mean norm of √d/);
    await expect(scaleOf('mean-square', zeros())).rejects.toThrow(/all zero: they cannot be scaled to mean square norm 1/);
    expect(await scaleOf('none', zeros())).toBe(1);
  });
});
