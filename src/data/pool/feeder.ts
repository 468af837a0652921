/** Batches for the trainer: rows on the GPU, and which of them are the next batch. */
import type { Gpu } from '../../gpu/device';
import { DataError } from '../bytes/types';
import type { RowRange, RowSource } from '../rows/types';
import { defaultPoolRows, GpuPool, uploadBytes } from './pool';
import { BatchSequencer, type FeedStats, type Shuffle } from './sequencer';

export interface FeederOptions {
  /** Rows of a batch. */
  batch: number;
  seed: number;
  /** 'pool' shuffles; 'none' serves rows [s·batch, (s+1)·batch) at step s, in file order. */
  shuffle: Shuffle;
  /** Rows on the GPU; by default 256 MiB of them, at most what the data has. */
  poolRows?: number;
  /** Width that all sources must have. */
  d: number;
}

/**
 * Serves the rows of `ranges` for ever, each exactly once an epoch, in an order that the seed and the options fix.
 * A loop of `next`, submit, `next`, submit is safe without waiting: see `GpuPool.ingest`.
 */
export class BatchFeeder {
  private constructor(
    /** `[capacity, stride]` f32 rows; the slots of `next` index its rows. */
    readonly pool: GpuPool,
    private readonly sequencer: BatchSequencer,
  ) {}

  /** @throws DataError for a source of another width; RangeError when the pool cannot hold two batches. */
  static async create(gpu: Gpu, sources: readonly RowSource[], ranges: readonly RowRange[], options: FeederOptions): Promise<BatchFeeder> {
    const { batch, d, seed, shuffle } = options;
    const odd = sources.find((source) => source.facts.d !== d);
    if (odd) throw new DataError(odd.facts.label, `its rows are ${odd.facts.d} wide; ${d} is expected.`);
    const rows = ranges.reduce((sum, range) => sum + range.rows, 0);
    if (rows === 0) throw new DataError(sources[0]?.facts.label ?? 'data', 'there are no rows to train on.');
    const capacity = options.poolRows ?? defaultPoolRows(gpu, d, batch, rows);
    const pool = await GpuPool.create(gpu, capacity, d, uploadBytes(batch, d));
    try {
      return new BatchFeeder(pool, new BatchSequencer(sources, ranges, pool, { batch, seed, shuffle, capacity }));
    } catch (cause) {
      pool.destroy();
      throw cause;
    }
  }

  get stats(): Readonly<FeedStats> {
    return this.sequencer.stats;
  }

  /** Time that `next` has waited for the GPU to take rows, milliseconds. */
  get gpuWaitedMs(): number {
    return this.pool.waitedMs;
  }

  /**
   * Slots `[batch]` of the next batch, already on the GPU. Submit the step that reads them before calling again.
   * @throws DataError when a file cannot be read, or more than half of its rows are bad.
   */
  next(): Promise<Uint32Array> {
    return this.sequencer.next();
  }

  destroy(): void {
    this.sequencer.close();
    this.pool.destroy();
  }
}
