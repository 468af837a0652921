/** Blocks of rows as stored: as f32, and in parts. */

import { decodeFloats, ROW_DTYPE_BYTES } from '../formats/floats';
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
