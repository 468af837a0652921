import { describe, expect, it } from 'vitest';
import { type ShardRows, sampledRows, windowsOf } from '../../../src/lab/shardWindows';

interface Made {
  rows: number;
  sequence?: number;
  context?: number;
  tokens?: boolean;
  mask?: (row: number) => number;
}

/** Rows [row number, 0] with the row number as token. */
const shard = ({ rows, sequence = 1, context, tokens = true, mask }: Made, label = 'a'): ShardRows => ({
  facts: { label, rows, d: 2, dtype: 'f32', hasTokens: tokens, hasMask: mask !== undefined, sequence, bytes: 8 * rows },
  metadata: new Map(context === undefined ? [] : [['context_size', String(context)]]),
  async read(start, n, withTokens = true) {
    const values = Float32Array.from({ length: 2 * n }, (_, i) => (i % 2 === 0 ? start + i / 2 : 0));
    const ids = Int32Array.from({ length: n }, (_, i) => start + i);
    return { start, rows: n, d: 2, dtype: 'f32', bytes: new Uint8Array(values.buffer), ...(tokens && withTokens && { tokens: ids }) };
  },
  ...(mask && { readMask: async (start: number, n: number) => Uint8Array.from({ length: n }, (_, i) => mask(start + i)) }),
});
const starts = async (shards: ShardRows[], context = 1000) => {
  const { windows, isOrdered } = await windowsOf(shards, context);
  return { isOrdered, windows: windows.map(({ place, tokens, rows }) => [place, tokens[0], tokens.length, rows.length]) };
};

describe('windows of the shards’ own tokens', () => {
  it('of whole sequences are the first and one in the middle, each a place of its own', async () => {
    expect(await starts([shard({ rows: 400, sequence: 40 })])).toEqual({
      isOrdered: true,
      windows: [
        [0, 0, 40, 80],
        [1, 200, 40, 80],
      ],
    });
  });

  it('are cut at the model’s context and at 64 rows: what stands behind changes nothing', async () => {
    expect((await starts([shard({ rows: 200, sequence: 200 })])).windows).toEqual([[0, 0, 64, 128]]);
    expect((await starts([shard({ rows: 200, sequence: 200 })], 16)).windows).toEqual([[0, 0, 16, 32]]);
  });

  it('of flat rows with a noted length begin where a file does, or where the files before it leave off', async () => {
    const shards = [shard({ rows: 100, context: 30 }), shard({ rows: 100, context: 30 }, 'b')];
    expect(await starts(shards)).toEqual({
      isOrdered: true,
      windows: [
        [0, 0, 30, 60],
        [1, 0, 30, 60],
        [1, 20, 30, 60], // 100 + 20 rows are four sequences of 30
      ],
    });
  });

  it('of flat rows of which nobody says more are the first 32 of a file, and their order is not known', async () => {
    expect(await starts([shard({ rows: 100 })])).toEqual({ isOrdered: false, windows: [[0, 0, 32, 64]] });
  });

  it('end where padding begins; a sequence that begins with it is left alone; no tokens are no windows', async () => {
    const right = shard({ rows: 40, sequence: 20, mask: (row) => (row % 20 < 7 ? 1 : 0) });
    expect((await starts([right])).windows).toEqual([
      [0, 0, 7, 14],
      [1, 20, 7, 14],
    ]);
    expect((await starts([shard({ rows: 40, sequence: 20, mask: (row) => (row % 20 < 7 ? 0 : 1) })])).windows).toEqual([]);
    expect(await starts([shard({ rows: 40, sequence: 20, tokens: false })])).toEqual({ isOrdered: false, windows: [] });
  });
});

describe('a sample of the rows', () => {
  it('is spread over all shards, first and last rows among them, without padding', async () => {
    const rows = await sampledRows([shard({ rows: 1000 }), shard({ rows: 1000, mask: (row) => (row < 999 ? 0 : 1) }, 'b')], 160);
    const numbers = [...rows].filter((_, i) => i % 2 === 0);
    expect(numbers[0]).toBe(0);
    expect(numbers.at(-1)).toBe(999);
    // Eight pieces of ten rows lie in the first shard, and of those in the second one row is no padding.
    expect(numbers).toHaveLength(81);
  });
});
