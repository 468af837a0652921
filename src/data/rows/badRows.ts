/** Rows with NaN or Inf: found by their bits in the stored dtype, removed before anything computes with them. */

import { DataError } from '../bytes/types';
import { alignedBytes, ROW_DTYPE_BYTES, type RowDtype } from '../formats/floats';
import type { RowBlock, RowRange, RowSource } from './types';

/**
 * NaN and Inf are the values whose exponent bits are all ones. Adding one at the exponent's lowest bit then carries into
 * the sign position and nowhere else, in each half of a word separately: (word & exponent) + one, tested at `carry`.
 */
const BITS: Record<RowDtype, { exponent: number; one: number; carry: number }> = {
  f32: { exponent: 0x7f800000, one: 0x00800000, carry: 0x80000000 | 0 },
  f16: { exponent: 0x7c007c00, one: 0x04000400, carry: 0x80008000 | 0 },
  bf16: { exponent: 0x7f807f80, one: 0x00800080, carry: 0x80008000 | 0 },
};

/**
 * True when `bytes` (whole values) hold a NaN or an Inf. Four words stand side by side, eight a turn: that is twice as fast as one after
 * the other, and this loop is what limits reading from the page cache.
 */
function anyBad(bytes: Uint8Array, dtype: RowDtype): boolean {
  const { exponent, one, carry } = BITS[dtype];
  const data = alignedBytes(bytes, 4);
  const words = new Int32Array(data.buffer, data.byteOffset, data.byteLength >> 2);
  const whole = words.length & ~7;
  let [a, b, c, d] = [0, 0, 0, 0];
  for (let i = 0; i < whole; i += 8) {
    a |= (((words[i] as number) & exponent) + one) | (((words[i + 4] as number) & exponent) + one);
    b |= (((words[i + 1] as number) & exponent) + one) | (((words[i + 5] as number) & exponent) + one);
    c |= (((words[i + 2] as number) & exponent) + one) | (((words[i + 6] as number) & exponent) + one);
    d |= (((words[i + 3] as number) & exponent) + one) | (((words[i + 7] as number) & exponent) + one);
  }
  for (let i = whole; i < words.length; i++) a |= ((words[i] as number) & exponent) + one;
  if (data.byteLength & 2) {
    const last = (data[data.byteLength - 2] as number) | ((data[data.byteLength - 1] as number) << 8);
    b |= (last & exponent) + (one & 0xffff);
  }
  return ((a | b | c | d) & carry) !== 0;
}

/** The block without its bad rows (the same object when there are none), and how many were removed. Their tokens go with them. */
export function removeBadRows(block: RowBlock): { block: RowBlock; bad: number } {
  const { rows, d, dtype, bytes, tokens } = block;
  if (!anyBad(bytes, dtype)) return { block, bad: 0 };
  const rowBytes = d * ROW_DTYPE_BYTES[dtype];
  const kept = new Uint8Array(bytes.byteLength);
  const keptTokens = tokens && new Int32Array(rows);
  let good = 0;
  for (let r = 0; r < rows; r++) {
    const row = bytes.subarray(r * rowBytes, (r + 1) * rowBytes);
    if (anyBad(row, dtype)) continue;
    kept.set(row, good * rowBytes);
    if (tokens && keptTokens) keptTokens[good] = tokens[r] as number;
    good++;
  }
  return {
    block: { ...block, rows: good, bytes: kept.subarray(0, good * rowBytes), ...(keptTokens && { tokens: keptTokens.subarray(0, good) }) },
    bad: rows - good,
  };
}

/** Counts bad rows source by source and refuses a source of which more than half is bad. */
export class BadRowCount {
  /** Bad rows met so far. */
  total = 0;
  private readonly bad: number[];
  private readonly rows: number[];

  /** @param ranges what will be read, each row once. */
  constructor(
    private readonly sources: readonly RowSource[],
    ranges: readonly RowRange[],
  ) {
    this.bad = sources.map(() => 0);
    this.rows = sources.map(() => 0);
    for (const range of ranges) this.rows[range.source] = (this.rows[range.source] ?? 0) + range.rows;
  }

  /** @throws DataError when more than half the rows of the source are bad. */
  add(source: number, bad: number): void {
    this.total += bad;
    const sum = (this.bad[source] as number) + bad;
    this.bad[source] = sum;
    const rows = this.rows[source] as number;
    if (sum * 2 > rows) {
      throw new DataError(
        (this.sources[source] as RowSource).facts.label,
        `${sum} of ${rows} rows hold NaN or Inf, more than half. Remove the file or write its activations again (an overflow in f16? save them as f32 or bf16).`,
      );
    }
  }
}
