import { describe, expect, it } from 'vitest';
import { MemorySource } from '../../../src/data/bytes/byteSource';
import { fingerprintOf } from '../../../src/data/bytes/fingerprint';
import { writeSafetensors } from '../../../src/data/formats/safetensors/write';
import { type Profile, ProfileSample, profileSources, spacedPieces } from '../../../src/data/rows/profile';
import { describeProfile, filterOptions } from '../../../src/data/rows/profileText';
import { ShardSource } from '../../../src/data/rows/shard';
import type { RowSource } from '../../../src/data/rows/types';
import { Rng } from '../../../src/util/rng';
import { factsOf, NumberedRows } from './helpers';

const [SEQUENCES, LENGTH, D] = [60, 16, 8];

/** Gaussian rows of norm about sqrt(8); column 3 is 0.5 throughout; asked-for rows are changed afterwards. */
async function scene(change: (row: number) => number = () => 1, mask?: Uint8Array, tokens?: Int32Array) {
  const rng = new Rng(5);
  const rows = SEQUENCES * LENGTH;
  const data = Float32Array.from({ length: rows * D }, (_, i) => {
    const value = i % D === 3 ? 0.5 : rng.normal();
    return value * change(Math.floor(i / D));
  });
  const source = new MemorySource(
    'x',
    writeSafetensors([
      { name: 'activations', dtype: 'F32', shape: [SEQUENCES, LENGTH, D], data },
      ...(tokens ? [{ name: 'tokens', dtype: 'I32' as const, shape: [SEQUENCES, LENGTH], data: tokens }] : []),
      ...(mask ? [{ name: 'mask', dtype: 'U8' as const, shape: [rows], data: mask }] : []),
    ]),
  );
  return { data, shard: await ShardSource.open(source) };
}
const profileOf = async (sources: RowSource[]): Promise<Profile> => (await profileSources(sources)).total as Profile;

describe('a profile', () => {
  it('of everything has the figures that a plain calculation gives', async () => {
    const { data, shard } = await scene();
    const profile = await profileOf([shard]);
    const rows = SEQUENCES * LENGTH;
    const norms = Array.from({ length: rows }, (_, r) => Math.hypot(...data.subarray(r * D, (r + 1) * D))).sort((a, b) => a - b);
    const mean = Array.from({ length: D }, (_, c) => data.filter((_, i) => i % D === c).reduce((a, b) => a + b, 0) / rows);
    const average = norms.reduce((a, b) => a + b, 0) / rows;
    expect(profile).toMatchObject({ rows, sampledRows: rows, d: D, dtype: 'f32', badRows: 0, maskedRows: 0 });
    expect(profile.meanNorm).toBeCloseTo(average, 9);
    expect(profile.rootMeanSquareNorm).toBeCloseTo(Math.sqrt(norms.reduce((a, b) => a + b * b, 0) / rows), 9);
    expect(profile.meanVectorNorm).toBeCloseTo(Math.hypot(...mean), 6);
    expect(profile.meanVectorShare).toBeCloseTo(Math.hypot(...mean) / average, 6);
    for (const [name, percent] of [
      ['p1', 1],
      ['p5', 5],
      ['p50', 50],
      ['p95', 95],
      ['p99', 99],
    ] as const)
      expect(profile.normPercentiles[name]).toBeCloseTo(norms[Math.ceil((percent / 100) * rows) - 1] as number, 9);
    expect([profile.constantColumns, profile.constantColumnList]).toEqual([1, [3]]);
    expect(profile.outliers.rows).toBe(0);
    expect(profile.proposal).toEqual({ bos: false, zero: false, tokens: [], scale: Math.sqrt(D) / profile.meanNorm });
    // Scaled as proposed, the mean norm is sqrt(d).
    expect(profile.proposal.scale * profile.meanNorm).toBeCloseTo(Math.sqrt(D), 12);
  });

  it('finds norm sinks by position and proposes to leave first positions out', async () => {
    const { shard } = await scene((row) => (row % LENGTH === 0 ? 60 : 1));
    const profile = await profileOf([shard]);
    expect(profile.outliers).toMatchObject({ rows: SEQUENCES, positions: [{ at: 0, outliers: SEQUENCES, rows: SEQUENCES }], tokens: [] });
    expect(profile.proposal).toMatchObject({ bos: true, tokens: [] });
    expect(profile.proposal.maxNormMedians).toBeUndefined();
    expect(filterOptions(profile)).toBe('--drop-bos');
  });

  it('finds them by token, and bounds the norm of what is neither', async () => {
    const tokens = Int32Array.from({ length: SEQUENCES * LENGTH }, (_, i) => (i % 37 === 5 ? 2 : 100 + (i % 50)));
    const { shard } = await scene((row) => (tokens[row] === 2 || row === 99 ? 60 : 1), undefined, tokens);
    const profile = await profileOf([shard]);
    expect(profile.outliers.tokens[0]).toEqual({ at: 2, outliers: 26, rows: 26 });
    expect(profile.proposal).toMatchObject({ bos: false, tokens: [2], maxNormMedians: 10 });
    expect(filterOptions(profile)).toBe('--drop-tokens 2 --max-norm 10x');
  });

  it('leaves padding and rows with NaN out and counts them', async () => {
    const mask = Uint8Array.from({ length: SEQUENCES * LENGTH }, (_, i) => Number(i % LENGTH < 12));
    const { shard } = await scene((row) => (row % LENGTH >= 12 ? 1e6 : row === 3 || row === 40 ? Number.NaN : 1), mask);
    const profile = await profileOf([shard]);
    expect(profile).toMatchObject({ badRows: 2, maskedRows: SEQUENCES * 4, outliers: { rows: 0 } });
    expect(profile.normPercentiles.p99).toBeLessThan(10);
    expect(describeProfile(profile).join('\n')).toMatch(/240 sampled rows are masked[\s\S]*2 sampled rows hold NaN or Inf/);
  });

  it('of nothing but bad rows is undefined', async () => {
    const bad = new NumberedRows('bad', 4, 0, new Set([0, 1, 2, 3]));
    expect(await profileSources([bad])).toEqual({ total: undefined, each: [undefined] });
    expect(new ProfileSample(3).profile(0, 'f32')).toBeUndefined();
  });

  it('of large data reads a bounded sample, spaced over all of it, and says so', async () => {
    const reads: [string, number, number][] = [];
    const rows = 10_000_000;
    const sources = ['a', 'b'].map((label, i) => {
      const source = new NumberedRows(label, rows * (i + 1), 1);
      const read = source.read.bind(source);
      source.read = (start, n) => {
        reads.push([label, start, n]);
        return read(start, n);
      };
      return source;
    });
    const { total, each } = await profileSources(sources, { maxRows: 3000 });
    expect(reads.reduce((sum, [, , n]) => sum + n, 0)).toBeLessThanOrEqual(3000);
    expect(total).toMatchObject({ rows: 3 * rows });
    expect(total?.sampledRows).toBeGreaterThan(2000);
    expect(each.map((profile) => profile?.rows)).toEqual([rows, 2 * rows]);
    // First and last rows are among them.
    expect(reads.some(([label, start]) => label === 'a' && start === 0)).toBe(true);
    expect(reads.some(([label, start, n]) => label === 'b' && start + n === 2 * rows)).toBe(true);
    expect(describeProfile(total as Profile)[0]).toMatch(/^a sample of \d+ of 30000000 rows of width 1, spaced evenly$/);
  });

  it('of wide rows keeps to the bytes, and of more files than rows samples some of them', async () => {
    let rows = 0;
    const wide = Array.from({ length: 10 }, (_, i) => ({
      facts: factsOf({ label: `w${i}`, rows: 5, d: 1000, bytes: 20 }),
      read: async (start: number, n: number) => {
        rows += n;
        return { start, rows: n, d: 1000, dtype: 'f32' as const, bytes: new Uint8Array(n * 4000).fill(1) };
      },
    })) satisfies RowSource[];
    const { each } = await profileSources(wide, { maxBytes: 4 * 4000 });
    expect(rows).toBeLessThanOrEqual(4);
    expect(each.filter((profile) => profile !== undefined)).toHaveLength(rows);
    rows = 0;
    await profileSources(wide, { maxBytes: 20 * 4000 });
    expect(rows).toBe(20);
  });
});

describe('the pieces of a sample', () => {
  it.each([
    [1000, 1, 2000],
    [100_000, 1, 4096],
    [100_000, 128, 4096],
    [99_968, 128, 5000],
    [50_000, 1000, 700],
    [7, 1, 3],
    [1_000_000, 1, 1],
  ])('of %d rows in sequences of %d, %d wanted: inside, apart, in order, no more than wanted', (rows, sequence, budget) => {
    const pieces = spacedPieces(rows, sequence, budget);
    let end = 0;
    for (const piece of pieces) {
      expect(piece.start).toBeGreaterThanOrEqual(end);
      end = piece.start + piece.rows;
    }
    expect(end).toBeLessThanOrEqual(rows);
    const total = pieces.reduce((sum, piece) => sum + piece.rows, 0);
    expect(total).toBeLessThanOrEqual(budget);
    expect(total).toBeGreaterThan(Math.min(rows, budget) / 2);
    if (rows > budget && sequence < 512 && sequence > 1)
      for (const piece of pieces) expect([piece.start % sequence, piece.rows % sequence]).toEqual([0, 0]);
  });
});

describe('a fingerprint', () => {
  const file = (path: string, bytes: Uint8Array) => new MemorySource(path, bytes);
  const large = (at: number) => {
    const bytes = new Uint8Array(100_000);
    bytes[at] = 1;
    return bytes;
  };

  it('is of names, sizes and both edges, wherever the files lie and in whatever order', async () => {
    const [a, b] = [large(0), large(99_999)];
    const print = await fingerprintOf([file('x/a', a), file('x/b', b)]);
    expect(print).toMatch(/^[0-9a-f]{64}$/);
    expect(await fingerprintOf([file('y/z/b', b), file('a', a)])).toBe(print);
    for (const other of [
      [file('a', a)],
      [file('a', b), file('b', a)],
      [file('a', a), file('c', b)],
      [file('a', a), file('b', b.slice(0, -1))],
      [file('a', large(1)), file('b', b)],
      [file('a', a), file('b', large(99_998))],
    ])
      expect(await fingerprintOf(other)).not.toBe(print);
    // The middle is not read: that is the bargain.
    expect(await fingerprintOf([file('a', a)])).toBe(
      await fingerprintOf([
        file(
          'a',
          Uint8Array.from(a, (v, i) => (i === 50_000 ? 9 : v)),
        ),
      ]),
    );
  });

  it('of a short or empty file is of all of it', async () => {
    const print = await fingerprintOf([file('a', Uint8Array.of(1, 2, 3))]);
    expect(await fingerprintOf([file('a', Uint8Array.of(1, 2, 4))])).not.toBe(print);
    expect(await fingerprintOf([file('a', new Uint8Array(0))])).toMatch(/^[0-9a-f]{64}$/);
  });
});
