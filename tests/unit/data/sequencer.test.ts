import { describe, expect, it } from 'vitest';
import { DataError } from '../../../src/data/bytes/types';
import { BatchSequencer, type SequencerOptions } from '../../../src/data/pool/sequencer';
import type { RowBlock, RowFacts, RowRange, RowSource } from '../../../src/data/rows/types';
import { factsOf, NumberedRows, wholeRange } from './helpers';

/** Stands for the GPU: remembers which row is in which slot, and watches that no slot of a lent batch is overwritten. */
class FakePool {
  readonly slots: Float32Array;
  constructor(capacity: number) {
    this.slots = new Float32Array(capacity).fill(Number.NaN);
  }
  async ingest(block: RowBlock, slots: Uint32Array): Promise<void> {
    const values = new Float32Array(block.bytes.slice().buffer);
    slots.forEach((slot, i) => {
      this.slots[slot] = values[i] as number;
    });
  }
}

async function serve(
  sources: RowSource[],
  steps: number,
  options: Partial<SequencerOptions> & { batch: number },
  ranges: RowRange[] = wholeRange(sources),
) {
  const capacity = options.capacity ?? 2 * options.batch;
  const pool = new FakePool(capacity);
  const sequencer = new BatchSequencer(sources, ranges, pool, { seed: 1, shuffle: 'pool', capacity, ...options });
  const batches: number[][] = [];
  for (let s = 0; s < steps; s++) {
    const slots = await sequencer.next();
    expect(new Set(slots).size).toBe(options.batch);
    batches.push([...slots].map((slot) => pool.slots[slot] as number));
  }
  sequencer.close();
  return { batches, served: batches.flat(), stats: sequencer.stats };
}

const numbers = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const sorted = (v: number[]): number[] => [...v].sort((a, b) => a - b);

describe('BatchSequencer', () => {
  it.each([
    [100, 10, 20],
    [100, 7, 14],
    [100, 7, 50],
    [100, 7, 1000],
    [5, 16, 32],
    [1, 3, 6],
    [1000, 64, 300],
  ])('%i rows, batch %i, pool %i: each row exactly once an epoch', async (rows, batch, capacity) => {
    const half = Math.ceil(rows / 2);
    const sources = rows > 1 ? [new NumberedRows('a', half), new NumberedRows('b', rows - half, half)] : [new NumberedRows('a', 1)];
    const { served, stats } = await serve(sources, Math.ceil((4 * rows) / batch), { batch, capacity });
    for (let epoch = 0; epoch < 3; epoch++) expect(sorted(served.slice(epoch * rows, (epoch + 1) * rows))).toEqual(numbers(rows));
    expect(stats.rowsServed).toBe(served.length);
    expect(stats.epoch).toBe(Math.floor((served.length - 1) / rows));
  });

  it('serves in file order without shuffling: batch s = rows [sB, (s+1)B)', async () => {
    const { served } = await serve([new NumberedRows('a', 60), new NumberedRows('b', 40, 60)], 30, {
      batch: 8,
      shuffle: 'none',
      capacity: 19,
    });
    expect(served).toEqual(numbers(240).map((i) => i % 100));
  });

  it('same seed, same order, whatever the timing; other seeds and epochs differ', async () => {
    const slow = () => new Promise((resolve) => setTimeout(resolve, Math.random() * 3));
    const a = await serve([new NumberedRows('a', 300)], 40, { batch: 16, capacity: 64 });
    const b = await serve([new NumberedRows('a', 300, 0, new Set(), 1, slow)], 40, { batch: 16, capacity: 64 });
    const c = await serve([new NumberedRows('a', 300)], 40, { batch: 16, capacity: 64, seed: 2 });
    expect(b.served).toEqual(a.served);
    expect(c.served).not.toEqual(a.served);
    expect(a.served.slice(300, 600)).not.toEqual(a.served.slice(0, 300));
  });

  it('neighbours in a file are no neighbours in a batch', async () => {
    const { batches } = await serve([new NumberedRows('a', 4096)], 32, { batch: 128, capacity: 2048 });
    let neighbours = 0;
    for (const batch of batches)
      for (let i = 1; i < batch.length; i++) if (Math.abs((batch[i] as number) - (batch[i - 1] as number)) === 1) neighbours++;
    expect(neighbours).toBeLessThan(4096 * 0.01);
  });

  it('leaves bad rows out and counts each once', async () => {
    const { served, stats } = await serve([new NumberedRows('a', 50, 0, new Set([3, 4, 49]))], 30, { batch: 10 });
    const good = numbers(50).filter((i) => ![3, 4, 49].includes(i));
    expect(sorted(served.slice(0, 47))).toEqual(good);
    expect(sorted(served.slice(47, 94))).toEqual(good);
    expect(stats.badRows).toBe(3);
  });

  it('refuses a source of which more than half is bad, with the counts', async () => {
    const bad = new NumberedRows('broken.safetensors', 10, 0, new Set(numbers(6)));
    await expect(serve([bad, new NumberedRows('b', 10)], 4, { batch: 4 })).rejects.toThrow(/broken\.safetensors: 6 of 10 rows/);
    await expect(serve([new NumberedRows('x', 1, 0, new Set([0]))], 1, { batch: 4 })).rejects.toThrow(DataError);
  });

  it('reports a failed read with the file’s name', async () => {
    const source = new NumberedRows('gone.safetensors', 10, 0, new Set(), 1, () => Promise.reject(new Error('unplugged')));
    await expect(serve([source], 1, { batch: 2 })).rejects.toThrow(/gone\.safetensors: rows \d+ to \d+ .*unplugged/);
  });

  it('refuses a pool below two batches, and data without rows', async () => {
    await expect(serve([new NumberedRows('a', 10)], 1, { batch: 8, capacity: 15 })).rejects.toThrow(/twice the batch, 16/);
    await expect(serve([new NumberedRows('a', 10)], 1, { batch: 8 }, [])).rejects.toThrow(/no rows/);
  });

  it('refuses overlapping calls', async () => {
    const source = new NumberedRows('a', 10, 0, new Set(), 1, () => new Promise((resolve) => setTimeout(resolve, 5)));
    const sequencer = new BatchSequencer([source], wholeRange([source]), new FakePool(8), {
      batch: 4,
      seed: 0,
      shuffle: 'pool',
      capacity: 8,
    });
    const first = sequencer.next();
    await expect(sequencer.next()).rejects.toThrow(/before the last call/);
    await first;
    expect(sequencer.stats.waitedMs).toBeGreaterThan(3);
    sequencer.close();
  });
});

/** Rows of 64 zeros, so that blocks are not bounded by the least size of a read. They are told apart by their places. */
class PlacedRows implements RowSource {
  readonly facts: RowFacts;

  constructor(rows: number) {
    this.facts = factsOf({ label: 'placed', rows, d: 64, bytes: rows * 256 });
  }

  async read(start: number, rows: number): Promise<RowBlock> {
    return { start, rows, d: 64, dtype: 'f32', bytes: new Uint8Array(rows * 256) };
  }
}

describe('mixing of data eight times the pool', () => {
  const [rows, capacity, batch] = [65536, 8192, 512];
  /** Blocks are an eighth of the pool. */
  const block = capacity / 8;

  /** The batches of one epoch, as places in the file. */
  async function epoch(shuffle: 'pool' | 'none'): Promise<number[][]> {
    const places = new Uint32Array(capacity);
    const sink = {
      ingest: async ({ start }: RowBlock, slots: Uint32Array) => {
        slots.forEach((slot, i) => {
          places[slot] = start + i;
        });
      },
    };
    const source = new PlacedRows(rows);
    const sequencer = new BatchSequencer([source], wholeRange([source]), sink, { seed: 3, shuffle, batch, capacity });
    const batches: number[][] = [];
    for (let step = 0; step < rows / batch; step++) batches.push([...(await sequencer.next())].map((slot) => places[slot] as number));
    sequencer.close();
    return batches;
  }

  /** Share of the rows whose neighbour in the file is in the same batch; how often neighbours are drawn one after the other. */
  function neighbours(batches: number[][]): { together: number; inTurn: number } {
    let [together, inTurn] = [0, 0];
    for (const drawn of batches) {
      const here = new Set(drawn);
      together += drawn.filter((row) => here.has(row - 1) || here.has(row + 1)).length;
      inTurn += drawn.filter((row, i) => i > 0 && Math.abs(row - (drawn[i - 1] as number)) === 1).length;
    }
    return { together: together / rows, inTurn };
  }

  it('neighbours in the file meet in a batch as seldom as two rows of the pool do, and each row comes once', async () => {
    const batches = await epoch('pool');
    expect(sorted(batches.flat())).toEqual(numbers(rows));
    // A row in the pool is drawn with probability p = batch / capacity a step. Neighbours enter together; that both leave in one step has
    // probability p^2 + (1 - p)^2 p^2 + ... = p / (2 - p), for each of a row's two neighbours.
    const p = batch / capacity;
    const expected = 1 - (1 - p / (2 - p)) ** 2;
    const { together, inTurn } = neighbours(batches);
    // At an epoch's end the pool drains: its last sixteen batches are of fewer and fewer rows and add up to 0.01.
    expect(together).toBeGreaterThan(0.9 * expected);
    expect(together).toBeLessThan(1.25 * expected);
    // Of a batch's pairs of neighbours, 2 / batch are drawn one after the other.
    const inTurnExpected = together * (rows / batch);
    expect(inTurn).toBeLessThan(inTurnExpected + 4 * Math.sqrt(inTurnExpected));
    const uniform = 1 - (1 - batch / rows) ** 2;
    console.log(
      `rows with a neighbour in their batch: ${(100 * together).toFixed(2)} %; of the pool ${(100 * expected).toFixed(2)} %, of all rows at random ${(100 * uniform).toFixed(2)} %; in turn ${inTurn} of ${rows}`,
    );
    // In file order all are.
    expect(neighbours(await epoch('none'))).toEqual({ together: 1, inTurn: rows - rows / batch });
  });

  it('a batch has rows of as many places as the pool has blocks, no block more than its part', async () => {
    const batches = (await epoch('pool')).slice(0, -capacity / batch);
    const shares = batches.map((drawn) => {
      const counts = new Map<number, number>();
      for (const row of drawn) counts.set(Math.floor(row / block), (counts.get(Math.floor(row / block)) ?? 0) + 1);
      return { places: counts.size, most: Math.max(...counts.values()) / batch };
    });
    const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
    expect(Math.min(...shares.map(({ places }) => places))).toBeGreaterThanOrEqual(8);
    // A block that has just come in whole is an eighth of the pool.
    expect(mean(shares.map(({ most }) => most))).toBeLessThan(1.25 / 8);
  });
});
