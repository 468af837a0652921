/**
 * Blocks of rows in a given order, read ahead of whoever uses them.
 *
 * Host memory is bounded by READS_IN_FLIGHT + 1 blocks (and what the garbage collector has not seen yet) whatever the size on disk: the next read starts only when a block
 * is taken. Blocks come in the order asked for, not the order in which reads finish, so timing never changes a result.
 */
import { messageOf } from '../../util/errors';
import { spareBuffers } from '../bytes/spareBuffers';
import { DataError } from '../bytes/types';
import { removeBadRows } from './badRows';
import type { RowBlock, RowRange, RowSource } from './types';

/** Enough to overlap disk, checking and upload; more would only hold memory. */
export const READS_IN_FLIGHT = 3;

/** A block without its bad rows; `rows` may be 0. */
export interface GoodBlock {
  block: RowBlock;
  /** Rows removed for NaN or Inf. */
  bad: number;
}

/** A source that removes bad rows where it reads, in another thread. */
export interface CheckedSource extends RowSource {
  readGood(start: number, rows: number, withTokens: boolean): Promise<GoodBlock>;
}

export interface StreamBlock<R extends RowRange> extends GoodBlock {
  range: R;
}

/** A read under way, or one that failed and is made again when it is next wanted. */
interface Read<R extends RowRange> {
  range: R;
  block: Promise<StreamBlock<R>>;
  hasFailed: boolean;
}

export class BlockStream<R extends RowRange> {
  private readonly pending: Read<R>[] = [];
  private readonly order: Iterator<R, unknown>;
  private closed = false;

  constructor(
    private readonly sources: readonly RowSource[],
    order: Iterable<R>,
    private readonly options: { withTokens?: boolean; readsInFlight?: number } = {},
  ) {
    this.order = order[Symbol.iterator]() as Iterator<R, unknown>;
    this.fill();
  }

  /**
   * The next block, or undefined at the end of the order or after `close`.
   * @throws DataError naming the file when its read failed. The block stays the next one: a later call reads it again.
   */
  async next(): Promise<StreamBlock<R> | undefined> {
    if (this.closed) return undefined;
    for (const read of this.pending) if (read.hasFailed) this.begin(read);
    const first = this.pending.shift();
    try {
      const block = await first?.block;
      this.fill();
      return block;
    } catch (cause) {
      if (first && !this.closed) this.pending.unshift(first);
      throw cause;
    }
  }

  /** Says that nobody looks at a block that came any more, nor at parts of it: its memory serves the next reads. */
  release({ block }: StreamBlock<R>): void {
    spareBuffers.giveBack(block.bytes);
  }

  /** Starts no further read. Reads under way are dropped when they end. */
  close(): void {
    this.closed = true;
    this.pending.length = 0;
  }

  private fill(): void {
    const most = this.options.readsInFlight ?? READS_IN_FLIGHT;
    while (!this.closed && this.pending.length < most) {
      const step = this.order.next();
      if (step.done) return;
      const read: Read<R> = { range: step.value, block: this.read(step.value), hasFailed: false };
      this.watch(read);
      this.pending.push(read);
    }
  }

  private begin(read: Read<R>): void {
    read.block = this.read(read.range);
    read.hasFailed = false;
    this.watch(read);
  }

  /** An error waits until its turn; unwatched, Node would call it unhandled. */
  private watch(read: Read<R>): void {
    read.block.catch(() => {
      read.hasFailed = true;
    });
  }

  private async read(range: R): Promise<StreamBlock<R>> {
    const source = this.sources[range.source] as RowSource;
    try {
      return { range, ...(await readGood(source, range, this.options.withTokens ?? false)) };
    } catch (cause) {
      if (cause instanceof DataError) throw cause;
      throw new DataError(source.facts.label, `rows ${range.start} to ${range.start + range.rows} could not be read: ${messageOf(cause)}`);
    }
  }
}

async function readGood(source: RowSource | CheckedSource, { start, rows }: RowRange, withTokens: boolean): Promise<GoodBlock> {
  if ('readGood' in source) return source.readGood(start, rows, withTokens);
  return removeBadRows(await source.read(start, rows, withTokens));
}
