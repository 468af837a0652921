/**
 * The sequence of batches: epoch after epoch, every row exactly once an epoch, as a function of the seed alone.
 *
 * The pool is filled to capacity, or to the epoch's end, before each draw: what a draw chooses from never depends on how
 * fast the disk was. At an epoch's end the pool drains before a row of the next epoch enters, and a batch that straddles
 * two epochs is completed from the next one.
 */

import { Rng } from '../../util/rng';
import { DataError } from '../bytes/types';
import { BadRowCount } from '../rows/badRows';
import { sliceBlock } from '../rows/block';
import { blockRows, cutBlocks, endlessOrder, type OrderedRange } from '../rows/order';
import { BlockStream, type StreamBlock } from '../rows/stream';
import type { RowBlock, RowRange, RowSource } from '../rows/types';
import { SlotBook } from './slots';

export type Shuffle = 'pool' | 'none';

/** Takes rows into slots of the pool, `slots[i]` for row i. When `ingest` resolves, the block's bytes are no longer looked at. */
export interface RowSink {
  ingest(block: RowBlock, slots: Uint32Array): Promise<void>;
}

export interface SequencerOptions {
  batch: number;
  seed: number;
  shuffle: Shuffle;
  /** Rows the pool holds; at least twice the batch, for the rows of a batch keep their slots until the next. */
  capacity: number;
}

export interface FeedStats {
  rowsServed: number;
  /** Epoch of the last row served, from 0. */
  epoch: number;
  /** Rows with NaN or Inf met so far, each counted once. */
  badRows: number;
  /** Time that `next` has waited for the disk, milliseconds. */
  waitedMs: number;
}

export class BatchSequencer {
  readonly stats: FeedStats = { rowsServed: 0, epoch: 0, badRows: 0, waitedMs: 0 };
  private readonly book: SlotBook;
  private readonly stream: BlockStream<OrderedRange>;
  private readonly bad: BadRowCount;
  /** The block being taken into the pool, and its first row not yet taken. */
  private current: StreamBlock<OrderedRange> | undefined;
  private taken = 0;
  /** Good rows of the epoch that is being filled. */
  private rowsInEpoch = 0;
  private busy = false;
  /** A batch that a failed read has interrupted: the next call goes on with it, so that no row of it is lost. */
  private begun: { slots: Uint32Array; done: number } | undefined;

  constructor(
    private readonly sources: readonly RowSource[],
    ranges: readonly RowRange[],
    private readonly sink: RowSink,
    private readonly options: SequencerOptions,
  ) {
    const { batch, capacity, seed, shuffle } = options;
    if (capacity < 2 * batch)
      throw new RangeError(`the pool holds ${capacity} rows; it needs at least twice the batch, ${2 * batch}. Lower the batch.`);
    const shuffled = shuffle === 'pool';
    this.book = new SlotBook(capacity, shuffled ? Rng.stream(seed, 'pool') : undefined);
    const blocks = cutBlocks(ranges, (index) => {
      const { d, dtype } = (sources[index] as RowSource).facts;
      return blockRows(d, dtype, capacity);
    });
    if (blocks.length === 0) throw new DataError(sources[0]?.facts.label ?? 'data', 'there are no rows to train on.');
    this.bad = new BadRowCount(sources, ranges);
    this.stream = new BlockStream(sources, endlessOrder(blocks, seed, shuffled));
  }

  /**
   * Slots of the next batch, `[batch]`. Valid until the following call, which may overwrite them: submit the work that
   * reads them first.
   * @throws DataError when a file cannot be read, or more than half of its rows are bad. Calling again goes on from there.
   */
  async next(): Promise<Uint32Array> {
    if (this.busy) throw new Error('next() was called before the last call ended');
    this.busy = true;
    try {
      return await this.draw();
    } finally {
      this.busy = false;
    }
  }

  close(): void {
    this.stream.close();
    this.current = undefined;
  }

  private async draw(): Promise<Uint32Array> {
    const { batch } = this.options;
    if (!this.begun) this.book.reclaim();
    this.begun ??= { slots: new Uint32Array(batch), done: 0 };
    const { begun } = this;
    while (begun.done < batch) {
      await this.fill();
      const n = Math.min(batch - begun.done, this.book.liveSlots);
      this.book.draw(n, begun.slots, begun.done);
      begun.done += n;
    }
    this.begun = undefined;
    this.stats.rowsServed += batch;
    return begun.slots;
  }

  /** Fills the pool with rows of the epoch that is being served; of the next one only when the pool is empty. */
  private async fill(): Promise<void> {
    while (this.book.freeSlots > 0) {
      const next = await this.peek();
      if (next.range.epoch !== this.stats.epoch) {
        if (this.book.liveSlots > 0) return;
        if (this.rowsInEpoch === 0)
          throw new DataError(
            (this.sources[next.range.source] as RowSource).facts.label,
            'not one row without NaN or Inf is left to train on.',
          );
        this.stats.epoch = next.range.epoch;
        this.rowsInEpoch = 0;
      }
      const n = Math.min(next.block.rows - this.taken, this.book.freeSlots);
      if (n > 0) await this.sink.ingest(sliceBlock(next.block, this.taken, n), this.book.admit(n));
      this.taken += n;
      this.rowsInEpoch += n;
      if (this.taken < next.block.rows) continue;
      this.stream.release(next);
      this.current = undefined;
    }
  }

  /** The block to take rows from, read if need be. */
  private async peek(): Promise<StreamBlock<OrderedRange>> {
    if (this.current) return this.current;
    const asked = performance.now();
    const block = await this.stream.next();
    this.stats.waitedMs += performance.now() - asked;
    if (!block) throw new Error('the feed was closed');
    // Each row is met once an epoch, so the first epoch counts every bad row once.
    if (block.range.epoch === 0) this.bad.add(block.range.source, block.bad);
    this.stats.badRows = this.bad.total;
    this.current = block;
    this.taken = 0;
    return block;
  }
}
