/**
 * Columns across record batches. A list column is read as an array because its values lie together and all its lists are
 * full: lengths are compared when the file is opened, each offset when its batch is first read.
 */

import { type ByteSource, DataError } from '../../bytes/types';
import { type ArrayEntry, STORED_BYTES, type StoredDtype } from '../container';
import { alignedBytes } from '../floats';
import { type Piece, readPieces } from '../pieces';
import type { BatchHeader } from './messages';
import type { ColumnPlan } from './schema';

/** Offsets are looked at in pieces of this many bytes. */
const SLICE = 2 ** 20;

/** The offsets of one level of lists in one record batch: `lists + 1` of them. */
interface Offsets {
  at: number;
  width: 4 | 8;
  lists: number;
  size: number;
  /** Lists of this level in one row. */
  perRow: number;
}

/** The values of a column in one record batch. */
interface Segment {
  source: ByteSource;
  /** First row in its file, for messages. */
  firstRow: number;
  /** First value in the column, and how many. */
  first: number;
  count: number;
  /** Of the values, in the file. */
  at: number;
  offsets: Offsets[];
  /** Set once the offsets were looked at. */
  checked?: Promise<void>;
}

export interface Column {
  name: string;
  dtype: StoredDtype;
  rows: number;
  /** Values of each list, outermost first. */
  sizes: number[];
  segments: Segment[];
}

const column = (name: string): string => `column ${JSON.stringify(name)}`;

/**
 * One column of one file.
 * @throws DataError naming file, column and row when it has nulls or its lists are of different lengths.
 */
export async function joinBatches(source: ByteSource, plan: ColumnPlan, batches: readonly BatchHeader[]): Promise<Column> {
  const result: Column = { name: plan.name, dtype: plan.dtype, rows: 0, sizes: [], segments: [] };
  const first = batches.find((batch) => batch.rows > 0);
  if (!first) return result;
  result.sizes = listSizes(plan, first);
  for (const batch of batches) {
    if (batch.rows === 0) continue;
    const before = result.segments.at(-1);
    const segment = locate(source, plan, batch, result);
    segment.first = before ? before.first + before.count : 0;
    result.segments.push(segment);
    // Says which row, where lengths that do not multiply can only say that there is one.
    if (segment.count < 0) await refuseRagged(segment, plan.name, before ? 'known' : sizeSource(plan, segment));
    result.rows += batch.rows;
  }
  return result;
}

/** The schema's sizes, else those of the first batch's first lists: its arrays' lengths must be multiples then. */
function listSizes({ levels, node }: ColumnPlan, batch: BatchHeader): number[] {
  return levels.map((level, i) => {
    const lists = batch.node(level.node).length;
    const values = batch.node(levels[i + 1]?.node ?? node).length;
    return level.size ?? (lists > 0 ? Math.floor(values / lists) : 0);
  });
}

/** `count` is -1 where the lengths of the arrays do not multiply. */
function locate(source: ByteSource, plan: ColumnPlan, batch: BatchHeader, { sizes, rows: firstRow }: Column): Segment {
  const { path } = source;
  const name = column(plan.name);
  const offsets: Offsets[] = [];
  let length = batch.rows;
  let isFull = true;
  for (const [i, node] of [...plan.levels.map((level) => level.node), plan.node].entries()) {
    const { length: found, nulls } = batch.node(node);
    if (nulls > 0) {
      throw new DataError(path, `${name} has ${nulls} nulls in rows ${firstRow} to ${firstRow + batch.rows - 1}. Drop or fill them.`);
    }
    if (found !== length) {
      if (plan.levels[i - 1] === undefined || plan.levels[i - 1]?.offsetBytes === 0)
        throw new DataError(path, `${name}: ${found} values where ${length} are expected. The file is damaged: write it again.`);
      isFull = false;
      break;
    }
    const level = plan.levels[i];
    if (!level) break;
    const size = sizes[i] as number;
    if (size < 0 || !Number.isSafeInteger(length * size)) throw new DataError(path, `${name} has lists of ${size} values. It is damaged.`);
    if (level.offsetBytes !== 0) {
      const place = batch.place(level.buffer);
      if ((length + 1) * level.offsetBytes > place.bytes)
        throw new DataError(path, `${name}: ${place.bytes} bytes of offsets for ${length} lists. The file is damaged: write it again.`);
      offsets.push({ at: place.at, width: level.offsetBytes, lists: length, size, perRow: Math.max(1, length / batch.rows) });
    }
    length *= size;
  }
  if (isFull && length === 0) throw new DataError(path, `${name} holds empty lists. Write it again with values.`);
  const values = isFull ? batch.place(plan.values) : { at: 0, bytes: 0 };
  if (isFull && length * STORED_BYTES[plan.dtype] > values.bytes)
    throw new DataError(path, `${name}: ${values.bytes} bytes for ${length} values of ${plan.dtype}. The file is damaged: write it again.`);
  return { source, firstRow, first: 0, count: isFull ? length : -1, at: values.at, offsets };
}

/** Whether the size of the lists that are not full came from the schema, or is a mean of this very batch. */
const sizeSource = ({ levels }: ColumnPlan, { offsets }: Segment): 'known' | 'guessed' => {
  const own = levels.filter((level) => level.offsetBytes !== 0)[offsets.length - 1];
  return own?.size === undefined ? 'guessed' : 'known';
};

async function refuseRagged(segment: Segment, name: string, size: 'known' | 'guessed'): Promise<never> {
  const inner = segment.offsets.at(-1);
  if (inner && size === 'guessed') {
    // Rows are compared with the first one then.
    const bytes = await segment.source.read(inner.at, 2 * inner.width);
    inner.size = new DataView(bytes.buffer, bytes.byteOffset).getUint32(inner.width, true) || inner.size;
  }
  await checkOffsets(segment, name);
  throw new DataError(segment.source.path, `${column(name)}: its lists are of different lengths. All must be full: pad or cut them.`);
}

/** @throws DataError naming the first list that is not full. */
async function checkOffsets({ source, firstRow, offsets }: Segment, name: string): Promise<void> {
  for (const { at, width, lists, size, perRow } of offsets) {
    let before = 0;
    for (let i = 0; i <= lists; ) {
      const count = Math.min(SLICE / width, lists + 1 - i);
      const bytes = alignedBytes(await source.read(at + i * width, count * width), 4);
      // Offsets are below 2^53, so two words make one number exactly.
      const words = new Uint32Array(bytes.buffer, bytes.byteOffset, (count * width) / 4);
      for (let j = 0; j < count; j++, i++) {
        const offset = width === 4 ? (words[j] as number) : (words[2 * j] as number) + (words[2 * j + 1] as number) * 2 ** 32;
        if (offset === i * size) {
          before = offset;
          continue;
        }
        if (i === 0)
          throw new DataError(source.path, `${column(name)}: its lists begin at value ${offset}, not at 0. Write the file again.`);
        const row = firstRow + Math.floor((i - 1) / perRow);
        throw new DataError(
          source.path,
          `${column(name)}, row ${row}: a list of ${offset - before} values where ${size} are expected. All lists must be full: pad or cut them.`,
        );
      }
    }
  }
}

/** The column of several files as one. @throws DataError naming the file that disagrees. */
export function joinFiles(parts: readonly Column[], paths: readonly string[]): Column {
  // A file without rows does not know the sizes of its lists.
  const head = parts.find((part) => part.rows > 0) ?? (parts[0] as Column);
  const describe = (part: Column) => `${part.dtype} [rows${part.sizes.map((n) => `, ${n}`).join('')}]`;
  const result: Column = { ...head, rows: 0, segments: [] };
  let first = 0;
  for (const [i, part] of parts.entries()) {
    if (part.dtype !== head.dtype || (part.rows > 0 && describe(part) !== describe(head))) {
      throw new DataError(
        paths[i] as string,
        `${column(part.name)} is ${describe(part)}; in ${paths[parts.indexOf(head)]} it is ${describe(head)}. Files of one data set must agree.`,
      );
    }
    result.rows += part.rows;
    for (const segment of part.segments) {
      result.segments.push({ ...segment, first });
      first += segment.count;
    }
  }
  return result;
}

/** The column as an array `[rows, …sizes]`. */
export function entryOf({ name, dtype, rows, sizes, segments }: Column): ArrayEntry {
  const width = STORED_BYTES[dtype];
  const last = segments.at(-1);
  const total = last ? last.first + last.count : 0;
  return {
    name,
    dtype,
    shape: [rows, ...sizes],
    async read(from, count) {
      if (!(from >= 0 && count >= 0 && from + count <= total))
        throw new RangeError(`${name}: values ${from} to ${from + count} of ${total}`);
      const pieces: Piece[] = [];
      let at = from;
      for (let i = indexOf(segments, from); at < from + count; i++) {
        const segment = segments[i] as Segment;
        segment.checked ??= checkOffsets(segment, name);
        await segment.checked.catch((cause) => {
          segment.checked = undefined; // A failed read may succeed later.
          throw cause;
        });
        const take = Math.min(from + count, segment.first + segment.count) - at;
        pieces.push({ source: segment.source, at: segment.at + (at - segment.first) * width, length: take * width });
        at += take;
      }
      return readPieces(pieces);
    },
  };
}

/** The segment that holds a value. */
function indexOf(segments: readonly Segment[], value: number): number {
  let low = 0;
  let high = segments.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((segments[middle] as Segment).first <= value) low = middle;
    else high = middle - 1;
  }
  return low;
}
