/** What is measured of the data before training (mean, mean norm, mean square norm), and the held-out rows for evaluation. */

import { Rng } from '../../util/rng';
import { DataError } from '../bytes/types';
import { BadRowCount } from './badRows';
import { blockToFloats, zeroRows } from './block';
import { blockRows, cutBlocks } from './order';
import { BlockStream } from './stream';
import type { RowBlock, RowRange, RowSource } from './types';

/** Moments of a sample of rows x: mean `E x` `[d]`, `E ‖x‖` and `E ‖x‖²` (not centred). */
export interface Moments {
  mean: Float64Array;
  meanNorm: number;
  meanSquareNorm: number;
  /** Rows measured, and rows left out for NaN or Inf. */
  rows: number;
  badRows: number;
  /** Of the measured rows, those of nothing but zeros. */
  zeroRows: number;
}

/** Rows of one piece of the sample: small, so that the sample touches many places of the data. */
const SAMPLE_ROWS = 512;

/**
 * Mean, mean norm and mean square norm of about `maxRows` rows, taken in blocks spaced evenly over the training ranges from a seeded offset.
 * @throws DataError when a file cannot be read or all sampled rows are bad.
 */
export async function sampleMoments(
  sources: readonly RowSource[],
  ranges: readonly RowRange[],
  { maxRows = 65536, seed = 0 } = {},
): Promise<Moments> {
  const sample = spacedBlocks(ranges, maxRows, seed);
  const d = sources[0]?.facts.d ?? 0;
  const mean = new Float64Array(d);
  let norms = 0;
  let squares = 0;
  let rows = 0;
  let badRows = 0;
  let zeros = 0;
  const stream = new BlockStream(sources, sample);
  for (let next = await stream.next(); next; next = await stream.next()) {
    const values = blockToFloats(next.block);
    zeros += zeroRows(next.block).reduce((sum, zero) => sum + zero, 0);
    for (let r = 0, i = 0; r < next.block.rows; r++) {
      let square = 0;
      for (let c = 0; c < d; c++, i++) {
        const value = values[i] as number;
        mean[c] = (mean[c] as number) + value;
        squares += value * value;
        square += value * value;
      }
      norms += Math.sqrt(square);
    }
    rows += next.block.rows;
    badRows += next.bad;
    stream.release(next);
  }
  if (rows === 0)
    throw new DataError(
      sources[0]?.facts.label ?? 'data',
      badRows > 0 ? `all ${badRows} sampled rows hold NaN or Inf. Write the activations again.` : 'there are no rows to train on.',
    );
  for (let c = 0; c < d; c++) mean[c] = (mean[c] as number) / rows;
  return { mean, meanNorm: norms / rows, meanSquareNorm: squares / rows, rows, badRows, zeroRows: zeros };
}

/**
 * About `maxRows` rows `[n, d]` taken like those of `sampleMoments`, without rows that hold NaN or Inf.
 * @throws DataError when a file cannot be read or all sampled rows are bad.
 */
export async function sampleRows(
  sources: readonly RowSource[],
  ranges: readonly RowRange[],
  { maxRows, seed }: { maxRows: number; seed: number },
): Promise<Float32Array> {
  const d = sources[0]?.facts.d ?? 0;
  const pieces: Float32Array[] = [];
  const stream = new BlockStream(sources, spacedBlocks(ranges, maxRows, seed));
  for (let next = await stream.next(); next; next = await stream.next()) {
    pieces.push(blockToFloats(next.block).slice(0, next.block.rows * d));
    stream.release(next);
  }
  const rows = new Float32Array(pieces.reduce((sum, { length }) => sum + length, 0));
  pieces.reduce((at, piece) => {
    rows.set(piece, at);
    return at + piece.length;
  }, 0);
  if (rows.length === 0) throw new DataError(sources[0]?.facts.label ?? 'data', 'all sampled rows hold NaN or Inf.');
  return rows;
}

/** Every k-th of equal blocks, so that about `maxRows` rows are covered. */
function spacedBlocks(ranges: readonly RowRange[], maxRows: number, seed: number): RowRange[] {
  const total = ranges.reduce((sum, r) => sum + r.rows, 0);
  const size = Math.max(1, Math.min(SAMPLE_ROWS, Math.ceil(maxRows / 16)));
  const blocks = cutBlocks(ranges, () => size);
  if (total <= maxRows) return blocks;
  const count = Math.max(1, Math.floor(maxRows / size));
  const offset = Rng.stream(seed, 'moments').uniform();
  return Array.from(
    { length: Math.min(count, blocks.length) },
    (_, i) => blocks[Math.floor(((i + offset) * blocks.length) / Math.min(count, blocks.length))] as RowRange,
  );
}

/**
 * The held-out rows in file order, block by block, with tokens where the sources have them and without bad rows.
 * @param maxRows rows of a block at most; also bounded by the 16 MiB of a read.
 * @throws DataError when a file cannot be read or more than half of its held-out rows are bad.
 */
export async function* heldOutBlocks(
  sources: readonly RowSource[],
  ranges: readonly RowRange[],
  maxRows = 4096,
): AsyncGenerator<RowBlock & { source: number; bad: number }> {
  const rowsOf = (source: number): number => {
    const { d, dtype } = (sources[source] as RowSource).facts;
    return Math.min(maxRows, blockRows(d, dtype));
  };
  const count = new BadRowCount(sources, ranges);
  const stream = new BlockStream(sources, cutBlocks(ranges, rowsOf), { withTokens: true });
  try {
    for (let next = await stream.next(); next; next = await stream.next()) {
      count.add(next.range.source, next.bad);
      if (next.block.rows > 0) yield { ...next.block, source: next.range.source, bad: next.bad };
    }
  } finally {
    stream.close();
  }
}
