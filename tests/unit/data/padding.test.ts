/** Sequences padded on the left are the sequences padded on the right; rows of zeros are seen, named and left out on request. */
import { describe, expect, it } from 'vitest';
import { MemorySource } from '../../../src/data/bytes/byteSource';
import { writeSafetensors } from '../../../src/data/formats/safetensors/write';
import { blockToFloats } from '../../../src/data/rows/block';
import { describeDrops, FilteredSource, filterSources, NO_FILTER, type RowFilter, resolveFilter } from '../../../src/data/rows/filter';
import { RowsInUse } from '../../../src/data/rows/filterShards';
import { sampleMoments } from '../../../src/data/rows/moments';
import { placesOf } from '../../../src/data/rows/positions';
import { profileSources } from '../../../src/data/rows/profile';
import { describeProfile, filterOptions } from '../../../src/data/rows/profileText';
import { ShardSource } from '../../../src/data/rows/shard';
import { Rng } from '../../../src/util/rng';
import { wholeRange } from './helpers';

const [B, S, D] = [64, 16, 8];
const rng = new Rng(11);
/** 5 to 16 tokens a sequence; values by sequence and token, so that both files hold the same rows; BOS is fifty times as long. */
const lengths = Array.from({ length: B }, () => 5 + rng.int(S - 4));
const rows = lengths.map((n) => Array.from({ length: n }, (_, t) => Array.from({ length: D }, () => rng.normal() * (t === 0 ? 50 : 1))));

/** Padding is not zero in a model's output: any other vector stands there. */
function padded(side: 'left' | 'right'): Promise<ShardSource> {
  const data = new Float32Array(B * S * D).fill(7);
  const mask = new Uint8Array(B * S);
  for (const [b, sequence] of rows.entries())
    for (const [t, row] of sequence.entries()) {
      const at = b * S + t + (side === 'left' ? S - sequence.length : 0);
      data.set(row, at * D);
      mask[at] = 1;
    }
  return ShardSource.open(
    new MemorySource(
      `${side}.safetensors`,
      writeSafetensors([
        { name: 'activations', dtype: 'F32', shape: [B, S, D], data },
        { name: 'attention_mask', dtype: 'U8', shape: [B, S], data: mask },
      ]),
    ),
  );
}

const NO_BOS: RowFilter = { ...NO_FILTER, masked: true, bos: true };

describe('padding on the left', () => {
  it('leaves the first position of every sequence the first: all 64 BOS rows go, and what stays is what stays of the twin', async () => {
    const kept = { left: [] as number[], right: [] as number[] };
    for (const side of ['left', 'right'] as const) {
      const source = new FilteredSource(await padded(side), NO_BOS);
      // In pieces that begin inside sequences.
      for (let at = 0; at < B * S; at += 23) kept[side].push(...blockToFloats(await source.read(at, Math.min(23, B * S - at))));
      expect(source.dropped).toEqual({ masked: lengths.reduce((sum, n) => sum + S - n, 0), bos: B, tokens: 0, norm: 0, zero: 0 });
    }
    expect(kept.left).toEqual(kept.right);
    expect(kept.left).toEqual(
      rows
        .flatMap((sequence) => sequence.slice(1))
        .flat()
        .map(Math.fround),
    );
  });

  it('gives the scale of the twin, which a plain calculation gives', async () => {
    const stay = rows.flatMap((sequence) => sequence.slice(1));
    const square = stay.reduce((sum, row) => sum + row.reduce((all, x) => all + Math.fround(x) ** 2, 0), 0) / stay.length;
    for (const side of ['left', 'right'] as const) {
      const source = new FilteredSource(await padded(side), NO_BOS);
      const { meanSquareNorm, rows: measured } = await sampleMoments([source], wholeRange([source]));
      expect(measured).toBe(stay.length);
      expect(meanSquareNorm).toBeCloseTo(square, 9);
    }
  });

  it('is seen by the profile: outliers are at position 0, on both sides', async () => {
    const [left, right] = await Promise.all(
      (['left', 'right'] as const).map(async (side) => (await profileSources([await padded(side)])).total),
    );
    expect(left?.outliers.positions[0]).toEqual({ at: 0, outliers: left?.outliers.rows, rows: B });
    expect(left?.proposal.bos).toBe(true);
    expect(left).toEqual(right);
  });

  it('counts positions from the first row that is no padding, and none for what is in front of it', async () => {
    const source = await padded('left');
    const { positions } = await placesOf(source, 3, S);
    const first = S - (lengths[0] as number);
    const second = S - (lengths[1] as number);
    const expected = Array.from({ length: S }, (_, i) => (i + 3 < S ? Math.max(-1, i + 3 - first) : Math.max(-1, i + 3 - S - second)));
    expect([...positions]).toEqual(expected);
  });
});

/** 2000 places, of which 700 were written: norms about 8 there, zeros behind. */
const [ROOM, FILLED, WIDTH] = [2000, 700, 4];
const unfinished = (dtype: 'F32' | 'F16', zero = 0): Promise<ShardSource> => {
  const data =
    dtype === 'F32'
      ? Float32Array.from({ length: ROOM * WIDTH }, (_, i) => (i < FILLED * WIDTH ? 4 : zero))
      : Uint16Array.from({ length: ROOM * WIDTH }, (_, i) => (i < FILLED * WIDTH ? 0x4400 : Object.is(zero, -0) ? 0x8000 : 0));
  return ShardSource.open(
    new MemorySource('open.safetensors', writeSafetensors([{ name: 'activations', dtype, shape: [ROOM, WIDTH], data }])),
  );
};

describe('rows of zeros', () => {
  it.each([
    ['F32', 0],
    ['F32', -0],
    ['F16', 0],
    ['F16', -0],
  ] as const)('%s, %d: are counted, named and proposed to be dropped', async (dtype, zero) => {
    const shard = await unfinished(dtype, zero);
    const { total: profile } = await profileSources([shard]);
    if (!profile) throw new Error('no profile');
    expect(profile).toMatchObject({ zeroRows: ROOM - FILLED, zeroPlace: { label: 'open.safetensors', first: FILLED, from: FILLED } });
    // The mean is of all rows, as it is in training; percentiles are of the others, each of norm 8.
    expect(profile.meanNorm).toBeCloseTo((8 * FILLED) / ROOM, 12);
    expect(profile.normPercentiles).toEqual({ p1: 8, p5: 8, p50: 8, p95: 8, p99: 8 });
    expect(profile.left).toEqual({ rows: FILLED, meanNorm: 8, rootMeanSquareNorm: 8 });
    expect(filterOptions(profile)).toBe('--drop-zero');
    expect(describeProfile(profile)).toContain(
      '1300 sampled rows are all zeros, row 700 of open.safetensors and all sampled ones behind it: the end of an array that was not filled?',
    );
  });

  it('behind a sample begin where a look-up finds them', async () => {
    const reads: number[] = [];
    const shard = await unfinished('F32');
    const { read } = shard;
    shard.read = (start, rows, withTokens) => {
      reads.push(rows);
      return read.call(shard, start, rows, withTokens);
    };
    const { total: profile } = await profileSources([shard], { maxRows: 40 });
    expect(profile?.zeroPlace?.from).toBe(FILLED);
    expect(reads.length).toBeLessThan(30);
  });

  it('are counted where the scale is measured', async () => {
    const shard = await unfinished('F32');
    expect(await sampleMoments([shard], wholeRange([shard]))).toMatchObject({ rows: ROOM, zeroRows: ROOM - FILLED });
    const [filtered] = filterSources([shard], { ...NO_FILTER, zero: true }) as [FilteredSource];
    expect(await sampleMoments([filtered], wholeRange([filtered]))).toMatchObject({ rows: FILLED, zeroRows: 0, meanNorm: 8 });
  });

  it('are left out on request, and bounds in medians are of the others', async () => {
    const shard = await unfinished('F32');
    const inUse = new RowsInUse();
    inUse.replace([shard]);
    inUse.ask({ zero: true, maxNormMedians: 2 });
    const [source] = await inUse.shardRows();
    expect((await source?.read(600, 400))?.rows).toBe(100);
    expect(inUse.facts()).toMatchObject({ filter: 'without rows with a norm above 16, rows of zeros', dropped: '300 of zeros' });
    expect(describeDrops(inUse.dropped)).toBe('300 of zeros');
  });

  it('of which there is nothing else have no median norm', async () => {
    const shard = await ShardSource.open(
      new MemorySource('z', writeSafetensors([{ name: 'a', dtype: 'F32', shape: [5, 2], data: new Float32Array(10) }])),
    );
    const inUse = new RowsInUse();
    inUse.replace([shard]);
    inUse.ask({ maxNormMedians: 10 });
    await expect(inUse.shardRows()).rejects.toThrow(/^z: all sampled rows are zeros/);
    expect((await resolveFilter([shard], { zero: true }, async () => 1)).zero).toBe(true);
  });
});
