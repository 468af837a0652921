/** An array somewhere in a file, handed out by ranges in C order and little-endian, however it lies there. */
import { type ArrayEntry, STORED_BYTES, type StoredDtype } from '../container';
import { type Bytes, refusal } from './bytes';
import { gather, type Run } from './gather';

export interface StoredArray {
  name: string;
  bytes: Bytes;
  /** Offset of the first value. */
  base: number;
  dtype: StoredDtype;
  shape: readonly number[];
  fortran: boolean;
  bigEndian: boolean;
}

export const countOf = (shape: readonly number[]): number => (shape.includes(0) ? 0 : shape.reduce((product, n) => product * n, 1));

/** @throws DataError from `read` when the range is not inside the array. */
export function arrayEntry(array: StoredArray): ArrayEntry {
  const { bytes, base, dtype, shape } = array;
  const width = STORED_BYTES[dtype];
  const total = countOf(shape);
  // With at most one dimension other than 1 both orders are the same.
  const isTransposed = array.fortran && shape.filter((n) => n !== 1).length > 1;
  const read = async (from: number, count: number): Promise<Uint8Array> => {
    checkValues(bytes, from, count, total);
    const values =
      isTransposed && count > 0
        ? await readFortran(bytes, base, width, shape, from, count)
        : await bytes.read(base + from * width, count * width);
    return array.bigEndian ? swapped(values, width) : values;
  };
  return { name: array.name, dtype, shape, read, ...(bytes.unpack && { unpack: bytes.unpack }) };
}

/** @throws DataError when [from, from + count) is not inside `total` values. */
export function checkValues(bytes: Bytes, from: number, count: number, total: number): void {
  if (Number.isSafeInteger(from) && Number.isSafeInteger(count) && from >= 0 && count >= 0 && from + count <= total) return;
  throw refusal(bytes, `values ${from} to ${from + count} were asked for, but the array has ${total}. Open the file again.`);
}

/** A copy, because the bytes may be someone's cache. */
function swapped(values: Uint8Array, width: number): Uint8Array {
  const out = new Uint8Array(values);
  const view = new DataView(out.buffer);
  if (width === 2) for (let at = 0; at < out.length; at += 2) view.setUint16(at, view.getUint16(at, false), true);
  else if (width === 4) for (let at = 0; at < out.length; at += 4) view.setUint32(at, view.getUint32(at, false), true);
  else
    for (let at = 0; at < out.length; at += 8) {
      const upper = view.getUint32(at, false);
      view.setUint32(at, view.getUint32(at + 4, false), true);
      view.setUint32(at + 4, upper, true);
    }
  return out;
}

/**
 * Values [from, from + count), counted in C order, of an array stored with its first index fastest.
 *
 * The range is cut into boxes: all of the inner dimensions for some indices of one dimension. For a range of whole rows of a
 * 2-D array that is one box, and its values lie in D pieces, one in each column. So reading r rows costs D reads of r values
 * (fewer where columns are short, see gather.ts), and reading the array in blocks of rows goes over the file once, in small pieces.
 * With three or more dimensions the runs are as short as the first dimension allows, and a block may read most of the file to keep little of it;
 * an array that is compressed besides is inflated once a block. `np.ascontiguousarray` before saving avoids all of this.
 */
async function readFortran(
  bytes: Bytes,
  base: number,
  width: number,
  shape: readonly number[],
  from: number,
  count: number,
): Promise<Uint8Array> {
  const out = new Uint8Array(count * width);
  for (const box of boxes(shape, from, count)) {
    const values = await gather(bytes, base, width, box.count, boxRuns(shape, box));
    if (box.count === count) return values;
    out.set(values, (box.from - from) * width);
  }
  return out;
}

/** Indices `low` up to `high` of dimension `axis` with all that is inside, at a fixed place in the dimensions before. */
interface Box {
  axis: number;
  low: number;
  high: number;
  /** Stored position of index 0 of `axis`, and its distance from index 1. */
  origin: number;
  stride: number;
  /** The values of the box, in C order. */
  from: number;
  count: number;
}

/** A range in C order is at most two boxes for each dimension: what is left of a started one, whole ones, the start of the next. */
function boxes(shape: readonly number[], from: number, count: number): Box[] {
  const found: Box[] = [];
  const cut = (axis: number, origin: number, stride: number, start: number, begin: number, end: number): void => {
    if (begin >= end) return;
    const inner = countOf(shape.slice(axis + 1));
    const low = Math.ceil(begin / inner);
    const high = Math.floor(end / inner);
    const within = (index: number, first: number, last: number) =>
      cut(
        axis + 1,
        origin + index * stride,
        stride * (shape[axis] as number),
        start + index * inner,
        first - index * inner,
        last - index * inner,
      );
    if (low > high) {
      within(high, begin, end);
      return;
    }
    if (begin < low * inner) within(low - 1, begin, low * inner);
    if (low < high) found.push({ axis, low, high, origin, stride, from: start + low * inner, count: (high - low) * inner });
    if (high * inner < end) within(high, high * inner, end);
  };
  cut(0, 0, 1, 0, from, from + count);
  return found;
}

/** In ascending order of where the values lie: the last dimension outermost, `axis` innermost. */
function* boxRuns(shape: readonly number[], { axis, low, high, origin, stride }: Box): Generator<Run> {
  const innerShape = shape.slice(axis + 1);
  const inner = countOf(innerShape);
  const rows = high - low;
  const cStrides = innerShape.map((_, i) => countOf(innerShape.slice(i + 1)));
  const index = innerShape.map(() => 0);
  let to = 0;
  let at = origin + low * stride;
  for (let column = 0; column < inner; column++) {
    if (stride === 1) yield { at, count: rows, to, step: inner };
    else for (let row = 0; row < rows; row++) yield { at: at + row * stride, count: 1, to: to + row * inner, step: 1 };
    at += stride * (shape[axis] as number);
    // The next column in stored order: the first of the inner indices counts fastest.
    for (let i = 0; i < index.length; i++) {
      to += cStrides[i] as number;
      index[i] = (index[i] as number) + 1;
      if ((index[i] as number) < (innerShape[i] as number)) break;
      to -= (innerShape[i] as number) * (cStrides[i] as number);
      index[i] = 0;
    }
  }
}
