/** Blocks of rows as stored: as f32, in parts, and which rows of them are nothing but zeros. */

import { alignedBytes, decodeFloats, ROW_DTYPE_BYTES } from '../formats/floats';
import type { RowBlock } from './types';

/** The rows of a block as f32, `[rows, d]`. */
export function blockToFloats(block: RowBlock): Float32Array {
  const out = new Float32Array(block.rows * block.d);
  decodeFloats(block.bytes.subarray(0, out.length * ROW_DTYPE_BYTES[block.dtype]), block.dtype, out);
  return out;
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

/** 1 for each row all of whose values are 0 or -0. */
export function zeroRows({ rows, d, dtype, bytes }: RowBlock): Uint8Array {
  const width = ROW_DTYPE_BYTES[dtype];
  const data = alignedBytes(bytes.subarray(0, rows * d * width), width);
  const [values, magnitude] =
    width === 4
      ? [new Uint32Array(data.buffer, data.byteOffset, rows * d), 0x7fffffff]
      : [new Uint16Array(data.buffer, data.byteOffset, rows * d), 0x7fff];
  const found = new Uint8Array(rows);
  for (let r = 0; r < rows; r++) {
    let i = r * d;
    const end = i + d;
    while (i < end && ((values[i] as number) & magnitude) === 0) i++;
    if (i === end) found[r] = 1;
  }
  return found;
}
