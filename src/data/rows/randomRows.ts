/** Rows drawn at random from a data set, whatever its size, in small blocks of neighbours: single rows would cost a read, or a forward pass, each. */
import type { Rng } from '../../util/rng';
import { blockToFloats } from './block';
import { BlockStream } from './stream';
import type { RowRange, RowSource } from './types';

/** Neighbouring rows that are drawn together. */
export const DRAWN_TOGETHER = 64;

/** A block of drawn rows, without bad ones. */
export interface DrawnRows {
  range: RowRange;
  rows: number;
  /** `[rows, d]`. */
  values: Float32Array;
}

/** Blocks of the ranges, each once, in a random order. */
function* randomBlocks(ranges: readonly RowRange[], rng: Rng): Generator<RowRange, void> {
  const pieces = ranges.map(({ rows }) => Math.ceil(rows / DRAWN_TOGETHER));
  const starts: number[] = [];
  let total = 0;
  for (const n of pieces) {
    starts.push(total);
    total += n;
  }
  // Fisher and Yates' shuffle, of which only what has moved is kept.
  const moved = new Map<number, number>();
  for (let k = 0; k < total; k++) {
    const j = k + rng.int(total - k);
    const block = moved.get(j) ?? j;
    moved.set(j, moved.get(k) ?? k);
    moved.delete(k);
    const of = starts.findLastIndex((start) => start <= block);
    const range = ranges[of] as RowRange;
    const [i, n] = [block - (starts[of] as number), pieces[of] as number];
    const from = Math.floor((range.rows * i) / n);
    yield { source: range.source, start: range.start + from, rows: Math.floor((range.rows * (i + 1)) / n) - from };
  }
}

/**
 * `count` rows, or all where there are no more that are good; the last block is cut. The same generator draws the same rows.
 * @throws DataError when a file cannot be read.
 */
export async function* drawRows(
  sources: readonly RowSource[],
  ranges: readonly RowRange[],
  count: number,
  rng: Rng,
): AsyncGenerator<DrawnRows, void> {
  let left = count;
  for await (const drawn of readBlocks(sources, randomBlocks(ranges, rng))) {
    const rows = Math.min(left, drawn.rows);
    const d = drawn.values.length / drawn.rows;
    if (rows > 0) yield { ...drawn, rows, values: drawn.values.subarray(0, rows * d) };
    left -= rows;
    if (left === 0) return;
  }
}

/** The good rows of these ranges, in their order. @throws DataError when a file cannot be read. */
export async function* readBlocks(sources: readonly RowSource[], ranges: Iterable<RowRange>): AsyncGenerator<DrawnRows, void> {
  const stream = new BlockStream(sources, ranges);
  try {
    for (let next = await stream.next(); next; next = await stream.next()) {
      if (next.block.rows === 0) continue;
      yield { range: next.range, rows: next.block.rows, values: blockToFloats(next.block) };
    }
  } finally {
    stream.close();
  }
}
