import { describe, expect, it } from 'vitest';
import { MemorySource } from '../../../src/data/bytes/byteSource';
import { writeSafetensors } from '../../../src/data/formats/safetensors/write';
import { BatchSequencer } from '../../../src/data/pool/sequencer';
import { blockToFloats } from '../../../src/data/rows/block';
import {
  addDrops,
  describeDrops,
  describeFilter,
  droppedOf,
  FilteredSource,
  filterSources,
  NO_FILTER,
  noDrops,
  type RowFilter,
  resolveFilter,
} from '../../../src/data/rows/filter';
import { RowsInUse } from '../../../src/data/rows/filterShards';
import { heldOutBlocks, sampleMoments } from '../../../src/data/rows/moments';
import { cutBlocks } from '../../../src/data/rows/order';
import { ShardSource } from '../../../src/data/rows/shard';
import { splitRows } from '../../../src/data/rows/split';
import { BlockStream } from '../../../src/data/rows/stream';
import type { RowBlock } from '../../../src/data/rows/types';
import { Rng } from '../../../src/util/rng';
import { NumberedRows, wholeRange } from './helpers';

/**
 * Four sequences of five rows of width 1 whose values are their numbers; token ids are row numbers mod 7; the last row of each sequence is
 * padding; row 11 is a hundred times too large.
 */
const scene = (path = 'x.safetensors') =>
  ShardSource.open(
    new MemorySource(
      path,
      writeSafetensors([
        { name: 'activations', dtype: 'F32', shape: [4, 5, 1], data: Float32Array.from({ length: 20 }, (_, i) => (i === 11 ? 1100 : i)) },
        { name: 'tokens', dtype: 'I32', shape: [4, 5], data: Int32Array.from({ length: 20 }, (_, i) => i % 7) },
        { name: 'mask', dtype: 'U8', shape: [4, 5], data: Uint8Array.from({ length: 20 }, (_, i) => Number(i % 5 !== 4)) },
      ]),
    ),
  );
const all: RowFilter = { masked: true, bos: true, tokens: [2], maxNorm: 1000, zero: false };
/** Rows that `all` keeps. */
const kept = Array.from({ length: 20 }, (_, i) => i).filter((i) => i % 5 !== 4 && i % 5 !== 0 && i % 7 !== 2 && i !== 11);
const values = async (source: FilteredSource, start = 0, rows = 20) => [...blockToFloats(await source.read(start, rows))];

describe('a filter', () => {
  it('leaves out what is asked for, with the tokens of what stays, whatever pieces are read', async () => {
    const source = new FilteredSource(await scene(), all);
    const [rows, tokens]: number[][] = [[], []];
    for (let at = 0; at < 20; at += 3) {
      const block = await source.read(at, Math.min(3, 20 - at));
      rows?.push(...blockToFloats(block));
      tokens?.push(...(block.tokens ?? []));
      expect(block.bytes.byteLength).toBe(block.rows * 4);
    }
    expect(rows).toEqual(kept);
    expect(tokens).toEqual(kept.map((i) => i % 7));
  });

  it.each<[keyof RowFilter, RowFilter, number[]]>([
    ['masked', { ...NO_FILTER, masked: true }, [4, 9, 14, 19]],
    ['bos', { ...NO_FILTER, bos: true }, [0, 5, 10, 15]],
    ['tokens', { ...NO_FILTER, tokens: [3, 6] }, [3, 6, 10, 13, 17]],
    ['maxNorm', { ...NO_FILTER, maxNorm: 17 }, [11, 18, 19]],
  ])('of %s alone leaves out those rows', async (_, filter, out) => {
    const source = new FilteredSource(await scene(), filter);
    expect(await values(source)).toEqual(Array.from({ length: 20 }, (_, i) => (i === 11 ? 1100 : i)).filter((_, i) => !out.includes(i)));
    const { masked, bos, tokens, norm } = source.dropped;
    expect(masked + bos + tokens + norm).toBe(out.length);
  });

  it('reads no tokens for a filter that needs none, and hands out none that were not asked for', async () => {
    const asked: (boolean | undefined)[] = [];
    const source = await scene();
    const read = source.read.bind(source);
    source.read = (start, rows, withTokens) => {
      asked.push(withTokens);
      return read(start, rows, withTokens);
    };
    await new FilteredSource(source, { ...NO_FILTER, bos: true }).read(0, 5, false);
    expect((await new FilteredSource(source, { ...NO_FILTER, tokens: [2] }).read(0, 5, false)).tokens).toBeUndefined();
    expect(asked).toEqual([false, true]);
  });

  it('counts each row once, under its first reason, however often and in whatever pieces it is read', async () => {
    const source = new FilteredSource(await scene(), all);
    const rng = new Rng(3);
    let fromBlocks = noDrops();
    const take = async (start: number, rows: number) => {
      const { dropped } = await source.read(start, rows);
      if (dropped) fromBlocks = addDrops(fromBlocks, dropped);
    };
    for (let i = 0; i < 200; i++) {
      const start = rng.int(20);
      await take(start, 1 + rng.int(20 - start));
    }
    await take(0, 20);
    // 2, 9 and 16 have token 2, but 9 is masked; 11 is too large.
    expect(source.dropped).toEqual({ masked: 4, bos: 4, tokens: 2, norm: 1, zero: 0 });
    expect(fromBlocks).toEqual(source.dropped);
    expect(droppedOf([source, await scene()])).toEqual(source.dropped);
    expect((await source.read(0, 20)).dropped).toBeUndefined();
  });

  it('leaves rows with NaN to those who count them', async () => {
    const rows = new NumberedRows('a', 10, 0, new Set([3]));
    const stream = new BlockStream([new FilteredSource(rows, { ...NO_FILTER, maxNorm: 7 })], wholeRange([rows]));
    expect(await stream.next()).toMatchObject({ bad: 1, block: { rows: 7, dropped: { norm: 2 } } });
  });

  it('reaches training, moments and held-out rows alike', async () => {
    const shard = await scene();
    const sources = filterSources([shard], all);
    const { train, heldOut } = splitRows([shard], 1, 0.25);
    const held: number[] = [];
    for await (const block of heldOutBlocks(sources, heldOut)) held.push(...blockToFloats(block));
    const served: number[] = [];
    const sink = { ingest: async (block: RowBlock) => void served.push(...blockToFloats(block)) };
    const sequencer = new BatchSequencer(sources, train, sink, { batch: 1, seed: 1, shuffle: 'none', capacity: 64 });
    await sequencer.next();
    sequencer.close();
    const once = new Set(served);
    expect([...once, ...held].sort((a, b) => a - b)).toEqual(kept);
    expect([...once].filter((row) => held.includes(row))).toEqual([]);
    const { mean, rows } = await sampleMoments(sources, train);
    expect(rows).toBe(once.size);
    expect(mean[0]).toBeCloseTo([...once].reduce((a, b) => a + b, 0) / once.size, 12);
  });

  it('that leaves out nothing is no filter', async () => {
    const sources = [await scene()];
    expect(filterSources(sources, NO_FILTER)).toBe(sources);
    expect([describeFilter(NO_FILTER), describeDrops(noDrops())]).toEqual(['', '']);
  });

  it('is said in words', () => {
    expect(describeFilter(all)).toBe('without masked rows, first positions, tokens 2, rows with a norm above 1000');
    expect(describeDrops({ masked: 4, bos: 0, tokens: 2, norm: 1, zero: 0 })).toBe(
      '4 masked, 2 with special tokens, 1 with a norm above the bound',
    );
  });
});

describe('a request', () => {
  const median = async () => 2;
  const flat = new NumberedRows('flat', 10);

  it('drops masked rows where there is a mask, and nothing else unasked', async () => {
    expect(await resolveFilter([await scene(), flat], {}, median)).toEqual({ masked: true, bos: false, tokens: [], zero: false });
    expect(await resolveFilter([await scene()], { masked: false }, median)).toEqual(NO_FILTER);
    expect(await resolveFilter([flat], {}, median)).toEqual(NO_FILTER);
  });

  it('may bound the norm, also in medians, which are sampled only then', async () => {
    const never = () => Promise.reject(new Error('sampled'));
    expect((await resolveFilter([flat], { maxNorm: 3 }, never)).maxNorm).toBe(3);
    expect((await resolveFilter([flat], { maxNormMedians: 10 }, median)).maxNorm).toBe(20);
    await expect(resolveFilter([flat], { maxNorm: 0 }, never)).rejects.toThrow(/above 0/);
  });

  it('that cannot be met names the file and what to do', async () => {
    await expect(resolveFilter([flat], { masked: true }, median)).rejects.toThrow(/^flat: has no mask.*attention_mask/);
    await expect(resolveFilter([await scene(), flat], { bos: true }, median)).rejects.toThrow(/^flat: .*\[batch, sequence, d\]/);
    await expect(resolveFilter([flat], { tokens: [0] }, median)).rejects.toThrow(/^flat: has no tokens.*Save the ids/);
  });
});

describe('the rows in use', () => {
  it('keep one filter and its counts until something changes', async () => {
    const inUse = new RowsInUse();
    inUse.replace([await scene()]);
    expect(inUse.facts()).toEqual({});
    const sources = await inUse.shardRows();
    expect(await inUse.shardRows()).toBe(sources);
    await sources[0]?.read(0, 20);
    await inUse.fingerprint();
    expect(inUse.facts()).toEqual({
      filter: 'without masked rows',
      dropped: '4 masked',
      fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    inUse.ask({ masked: false, maxNormMedians: 50 });
    expect(inUse.facts()).toMatchObject({ fingerprint: expect.any(String) });
    expect((await inUse.shardRows())[0]).toBeInstanceOf(FilteredSource);
    // The median of the rows that are neither padding nor zero: 1 to 18 without each fifth, and 1100, is 10.
    expect(inUse.facts().filter).toBe('without rows with a norm above 500');
    inUse.replace([]);
    expect(inUse.facts()).toEqual({});
  });

  it('may be those of a language model', async () => {
    const inUse = new RowsInUse();
    inUse.ask({ maxNorm: 4 });
    const source = await inUse.computedRows(new NumberedRows('model', 10));
    expect((await source.read(0, 10)).rows).toBe(5);
    expect(inUse.facts()).toMatchObject({ dropped: '5 with a norm above the bound' });
  });

  it('can be asked again after a failure', async () => {
    const inUse = new RowsInUse();
    inUse.replace([await scene()]);
    inUse.ask({ masked: true, maxNorm: -1 });
    await expect(inUse.shardRows()).rejects.toThrow(/above 0/);
    await expect(inUse.shardRows()).rejects.toThrow(/above 0/);
    inUse.ask({});
    expect(await inUse.shardRows()).toHaveLength(1);
  });
});

it('blocks of a filtered source are cut from all rows, so that order and split do not depend on the filter', async () => {
  const shard = await scene();
  const [filtered] = filterSources([shard], all);
  expect([filtered?.facts.rows, filtered?.facts.sequence, filtered?.facts.d, filtered?.facts.label]).toEqual([20, 5, 1, 'x.safetensors']);
  expect(cutBlocks(wholeRange([filtered as FilteredSource]), () => 6)).toEqual(cutBlocks(wholeRange([shard]), () => 6));
});
