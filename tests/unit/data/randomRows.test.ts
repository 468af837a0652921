/** Rows drawn at random: each at most once, every one as likely, the same by the same seed, without bad ones. */
import { expect, it } from 'vitest';
import { DRAWN_TOGETHER, drawRows } from '../../../src/data/rows/randomRows';
import type { RowBlock, RowRange, RowSource } from '../../../src/data/rows/types';
import { Rng } from '../../../src/util/rng';

/** Rows `[n, 1]` that hold their own numbers; those in `bad` hold NaN. */
function numbered(n: number, first: number, bad: readonly number[] = []): RowSource {
  return {
    facts: { label: `${first}`, rows: n, d: 1, dtype: 'f32', hasTokens: false, hasMask: false, sequence: 1, bytes: 4 * n },
    read: async (start, rows): Promise<RowBlock> => {
      const values = Float32Array.from({ length: rows }, (_, i) => (bad.includes(start + i) ? Number.NaN : first + start + i));
      return { start, rows, d: 1, dtype: 'f32', bytes: new Uint8Array(values.buffer) };
    },
  };
}

async function drawn(sources: RowSource[], ranges: RowRange[], count: number, seed: number): Promise<number[]> {
  const rows: number[] = [];
  for await (const block of drawRows(sources, ranges, count, new Rng(seed))) {
    expect(block.rows).toBeLessThanOrEqual(DRAWN_TOGETHER);
    expect(block.values.length).toBe(block.rows);
    rows.push(...block.values);
  }
  return rows;
}

it('each row of the ranges at most once, no other row', async () => {
  const sources = [numbered(1000, 0), numbered(500, 5000)];
  const ranges = [
    { source: 0, start: 100, rows: 650 },
    { source: 1, start: 0, rows: 77 },
    { source: 1, start: 200, rows: 1 },
  ];
  const all = new Set(ranges.flatMap(({ source, start, rows }) => Array.from({ length: rows }, (_, i) => source * 5000 + start + i)));
  for (const count of [1, 63, 64, 300, 728]) {
    const rows = await drawn(sources, ranges, count, count);
    expect(rows).toHaveLength(count);
    expect(new Set(rows).size).toBe(count);
    expect(rows.every((row) => all.has(row))).toBe(true);
  }
  expect(new Set(await drawn(sources, ranges, 10_000, 1))).toEqual(all);
  expect(await drawn(sources, ranges, 200, 3)).toEqual(await drawn(sources, ranges, 200, 3));
  expect(await drawn(sources, ranges, 200, 3)).not.toEqual(await drawn(sources, ranges, 200, 4));
});

it('bad rows are passed over, others come in their place', async () => {
  const bad = [3, 64, 65, 66, 100];
  const rows = await drawn([numbered(200, 0, bad)], [{ source: 0, start: 0, rows: 200 }], 195, 1);
  expect(rows.sort((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, i) => i).filter((i) => !bad.includes(i)));
});

it('every block is as likely', async () => {
  const times = new Array<number>(10).fill(0);
  const ranges = [{ source: 0, start: 0, rows: 640 }];
  for (let seed = 0; seed < 2000; seed++) {
    for (const row of await drawn([numbered(640, 0)], ranges, 128, seed))
      if (row % 64 === 0) times[row / 64] = (times[row / 64] as number) + 1;
  }
  // 2 of 10 blocks in 2000 draws: 400 each, standard deviation 18.
  for (const n of times) expect(Math.abs(n - 400)).toBeLessThan(80);
});
