/** Where rows stand in their sequences: counted from the first row that is no padding, so that padding on the left moves nothing. */
import type { RowSource } from './types';

export interface Places {
  /** 0 for each row that is padding, else 1; undefined where nothing says so. */
  mask?: Uint8Array | undefined;
  /** Position of each row in its sequence; -1 for padding in front of it, and where sequences are not known. */
  positions: Int32Array;
}

/**
 * Of the rows [start, start + rows).
 * @throws DataError when a mask cannot be read.
 */
export async function placesOf(source: RowSource, start: number, rows: number): Promise<Places> {
  const { sequence, hasMask } = source.facts;
  // What lies before the range in its first sequence tells where that begins.
  const before = sequence > 1 ? start % sequence : 0;
  const mask = hasMask ? await source.readMask?.(start - before, before + rows) : undefined;
  const positions = new Int32Array(rows).fill(-1);
  if (sequence > 1) {
    let first = -1;
    for (let i = 0; i < before + rows; i++) {
      if (i % sequence === 0) first = -1;
      if (first < 0 && mask?.[i] !== 0) first = i;
      if (i >= before && first >= 0) positions[i - before] = i - first;
    }
  }
  return { mask: mask?.subarray(before), positions };
}
