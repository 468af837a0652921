import { describe, expect, it } from 'vitest';
import { blockRows, cutBlocks, epochOrder } from '../../../src/data/rows/order';
import { MAX_HELD_OUT, splitRows } from '../../../src/data/rows/split';
import type { RowRange } from '../../../src/data/rows/types';

const rowsOf = (ranges: RowRange[]): string[] =>
  ranges.flatMap((r) => Array.from({ length: r.rows }, (_, i) => `${r.source}:${r.start + i}`));

describe('splitRows', () => {
  it.each([
    [[{ facts: { rows: 108, sequence: 1 } }]],
    [[{ facts: { rows: 108, sequence: 9 } }]],
    [[{ facts: { rows: 36, sequence: 1 } }, { facts: { rows: 36, sequence: 1 } }, { facts: { rows: 1, sequence: 1 } }]],
    [[{ facts: { rows: 2, sequence: 1 } }]],
    [[{ facts: { rows: 64, sequence: 64 } }]],
    [[{ facts: { rows: 20000, sequence: 128 } }, { facts: { rows: 5, sequence: 1 } }]],
  ])('%j: every row on exactly one side, neither empty', (sources) => {
    for (const seed of [0, 1, 2]) {
      const split = splitRows(sources, seed, 0.02);
      const all = [...rowsOf(split.train), ...rowsOf(split.heldOut)];
      expect(new Set(all).size).toBe(all.length);
      expect(all.length).toBe(sources.reduce((s, { facts }) => s + facts.rows, 0));
      expect([rowsOf(split.train).length, rowsOf(split.heldOut).length]).toEqual([split.trainRows, split.heldOutRows]);
      expect(split.heldOutRows).toBeGreaterThan(0);
      expect(split.trainRows).toBeGreaterThan(0);
    }
  });

  it('is a function of the seed', () => {
    const sources = [{ facts: { rows: 50000, sequence: 1 } }];
    expect(splitRows(sources, 1, 0.02)).toEqual(splitRows(sources, 1, 0.02));
    expect(splitRows(sources, 1, 0.02)).not.toEqual(splitRows(sources, 2, 0.02));
  });

  it('holds out about the fraction, in whole sequences', () => {
    const split = splitRows([{ facts: { rows: 128 * 1000, sequence: 128 } }], 3, 0.1);
    expect(Math.abs(split.heldOutRows - 12800)).toBeLessThan(1024);
    for (const r of split.heldOut) expect([r.start % 128, r.rows % 128]).toEqual([0, 0]);
  });

  it('keeps to the cap, and to nothing at 0', () => {
    const big = splitRows([{ facts: { rows: 1e8, sequence: 1 } }], 0, 0.02);
    expect(big.heldOutRows).toBeLessThanOrEqual(MAX_HELD_OUT);
    expect(big.heldOutRows).toBeGreaterThan(MAX_HELD_OUT - 2048);
    expect(splitRows([{ facts: { rows: 10, sequence: 1 } }], 0, 0)).toEqual({
      train: [{ source: 0, start: 0, rows: 10 }],
      heldOut: [],
      trainRows: 10,
      heldOutRows: 0,
    });
    expect(splitRows([{ facts: { rows: 1, sequence: 1 } }], 0, 0.02).heldOutRows).toBe(0);
    expect(() => splitRows([{ facts: { rows: 10, sequence: 1 } }], 0, 1)).toThrow(/fraction/);
  });
});

describe('order', () => {
  it('cuts and shuffles without losing a row', () => {
    const ranges = [
      { source: 0, start: 5, rows: 100 },
      { source: 1, start: 0, rows: 7 },
    ];
    const blocks = cutBlocks(ranges, (s) => (s === 0 ? 33 : 10));
    expect(rowsOf(blocks)).toEqual(rowsOf(ranges));
    expect(Math.max(...blocks.map((b) => b.rows))).toBeLessThanOrEqual(33);
    const order = epochOrder(blocks, 1, 0, true);
    expect(rowsOf(order).sort()).toEqual(rowsOf(ranges).sort());
    expect(epochOrder(blocks, 1, 1, true)).not.toEqual(order);
    expect(epochOrder(blocks, 1, 0, false)).toEqual(blocks);
  });

  it('bounds a read by 16 MiB and by an eighth of the pool', () => {
    expect(blockRows(1024, 'f32')).toBe(4096);
    expect(blockRows(1024, 'f16', 16000)).toBe(2000);
    expect(blockRows(1024, 'f16', 1)).toBe(1);
    expect(blockRows(10 ** 8, 'f32', 100)).toBe(1);
  });
});
