/** The order in which rows are read from disk: blocks of at most 16 MiB, shuffled anew each epoch. */

import { Rng } from '../../util/rng';
import { ROW_DTYPE_BYTES, type RowDtype } from '../formats/floats';
import type { RowRange } from './types';

/**
 * Bytes of the largest single read: long enough for full disk speed, short enough that a few in flight are nothing. In Chromium's reader
 * blocks above 8 MiB are also freed at once, smaller ones only after hundreds of megabytes (docs/data.md).
 */
export const BLOCK_BYTES = 16 * 2 ** 20;
/** Below this, seeking costs more than reading. */
const SMALLEST_BYTES = 256 * 2 ** 10;
/** The pool should hold this many blocks at once, or rows of too few places on disk meet in a batch. 8 leave f16 rows in the whole pool blocks of 16 MiB. */
const BLOCKS_IN_POOL = 8;

/** A block of the order, with the epoch it belongs to. */
export interface OrderedRange extends RowRange {
  epoch: number;
}

/** Rows of one read: at most BLOCK_BYTES, and a small part of the pool as long as reads do not become tiny. */
export function blockRows(d: number, dtype: RowDtype, poolRows = Number.POSITIVE_INFINITY): number {
  const rowBytes = d * ROW_DTYPE_BYTES[dtype];
  const most = Math.max(1, Math.floor(BLOCK_BYTES / rowBytes));
  const least = Math.max(1, Math.floor(SMALLEST_BYTES / rowBytes));
  return Math.max(Math.min(least, poolRows), Math.min(most, Math.ceil(poolRows / BLOCKS_IN_POOL)));
}

/** Cuts ranges into near-equal blocks of at most `rows(source)` rows, in file order. */
export function cutBlocks(ranges: readonly RowRange[], rows: (source: number) => number): RowRange[] {
  const blocks: RowRange[] = [];
  for (const range of ranges) {
    const pieces = Math.ceil(range.rows / rows(range.source));
    for (let i = 0; i < pieces; i++) {
      const from = Math.floor((range.rows * i) / pieces);
      const to = Math.floor((range.rows * (i + 1)) / pieces);
      blocks.push({ source: range.source, start: range.start + from, rows: to - from });
    }
  }
  return blocks;
}

/** The blocks of one epoch: a function of the seed and the epoch's number; file order when not shuffled. */
export function epochOrder(blocks: readonly RowRange[], seed: number, epoch: number, shuffled: boolean): RowRange[] {
  const order = [...blocks];
  return shuffled ? Rng.stream(seed, 'blocks', epoch).shuffle(order) : order;
}

/** Epoch after epoch, without end (unless there are no blocks). */
export function* endlessOrder(blocks: readonly RowRange[], seed: number, shuffled: boolean): Generator<OrderedRange, void> {
  for (let epoch = 0; blocks.length > 0; epoch++) {
    for (const range of epochOrder(blocks, seed, epoch, shuffled)) yield { ...range, epoch };
  }
}
