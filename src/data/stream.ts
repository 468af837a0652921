/**
 * Blocks of rows in a given order, read ahead of whoever uses them.
 *
 * Host memory is bounded by READS_IN_FLIGHT + 1 blocks (and what the garbage collector has not seen yet) whatever the size on disk: the next read starts only when a block
 * is taken. Blocks come in the order asked for, not the order in which reads finish, so timing never changes a result.
 */
import { removeBadRows } from './badRows';
import { DataError, type RowBlock, type RowRange, type RowSource } from './types';

/** Enough to overlap disk, checking and upload; more would only hold memory. */
export const READS_IN_FLIGHT = 3;

/** A block without its bad rows; `rows` may be 0. */
export interface StreamBlock<R extends RowRange> {
  range: R;
  block: RowBlock;
  /** Rows removed for NaN or Inf. */
  bad: number;
}

export class BlockStream<R extends RowRange> {
  private readonly pending: Promise<StreamBlock<R>>[] = [];
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
   * @throws DataError naming the file when its read failed.
   */
  async next(): Promise<StreamBlock<R> | undefined> {
    if (this.closed) return undefined;
    const first = await this.pending.shift();
    this.fill();
    return first;
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
      const read = this.read(step.value);
      // An error waits here until its turn; without this line Node would call it unhandled.
      read.catch(() => undefined);
      this.pending.push(read);
    }
  }

  private async read(range: R): Promise<StreamBlock<R>> {
    const source = this.sources[range.source] as RowSource;
    try {
      return { range, ...removeBadRows(await source.read(range.start, range.rows, this.options.withTokens ?? false)) };
    } catch (cause) {
      if (cause instanceof DataError) throw cause;
      throw new DataError(
        source.label,
        `rows ${range.start} to ${range.start + range.rows} could not be read: ${cause instanceof Error ? cause.message : String(cause)}`,
      );
    }
  }
}

/** Rows [from, from + rows) of a block, sharing its memory. */
export function sliceBlock(block: RowBlock, from: number, rows: number): RowBlock {
  if (from === 0 && rows === block.rows) return block;
  const rowBytes = block.bytes.byteLength / block.rows;
  return {
    ...block,
    start: block.start + from,
    rows,
    bytes: block.bytes.subarray(from * rowBytes, (from + rows) * rowBytes),
    ...(block.tokens && { tokens: block.tokens.subarray(from, from + rows) }),
  };
}
