/** The encodings of Parquet's values that numbers come in, as little-endian bytes. */
import type { Encoding } from 'hyparquet';
import { deltaBinaryUnpack } from 'hyparquet/src/delta.js';
import { STORED_BYTES } from '../container';
import { alignedBytes } from '../floats';
import type { Leaf } from './footer';
import { readRuns } from './runs';

/** @throws Error when the bytes do not hold `count` values, or the encoding is not one for numbers. */
export function decodeValues(
  encoding: Encoding,
  bytes: Uint8Array,
  at: number,
  count: number,
  leaf: Leaf,
  dictionary: Uint8Array | undefined,
): Uint8Array {
  const width = STORED_BYTES[leaf.dtype ?? 'f32'];
  const needs = (length: number): void => {
    if (at + length > bytes.byteLength) throw new Error(`${bytes.byteLength - at} bytes for ${count} values of ${leaf.dtype}`);
  };
  switch (encoding) {
    case 'PLAIN':
      needs(count * width);
      return bytes.subarray(at, at + count * width);
    case 'BYTE_STREAM_SPLIT':
      needs(count * width);
      return joinStreams(bytes, at, count, width);
    case 'PLAIN_DICTIONARY':
    case 'RLE_DICTIONARY': {
      if (count === 0) return new Uint8Array(0);
      needs(1);
      if (!dictionary) throw new Error('it refers to a dictionary that is not there');
      const indices = new Uint32Array(count);
      readRuns(bytes, at + 1, bytes.byteLength, bytes[at] as number, indices);
      return lookUp(dictionary, indices, width);
    }
    case 'DELTA_BINARY_PACKED':
      return undelta(bytes, at, count, width, leaf);
    default:
      throw new Error(`values encoded as ${encoding}, which is not read`);
  }
}

/** First all lowest bytes, then all second ones, … */
function joinStreams(bytes: Uint8Array, at: number, count: number, width: number): Uint8Array {
  const out = new Uint8Array(count * width);
  for (let b = 0; b < width; b++) {
    const from = at + b * count;
    for (let i = 0; i < count; i++) out[i * width + b] = bytes[from + i] as number;
  }
  return out;
}

const VIEWS = { 2: Uint16Array, 4: Uint32Array, 8: BigUint64Array } as const;

function lookUp(dictionary: Uint8Array, indices: Uint32Array, width: number): Uint8Array {
  const View = VIEWS[width as keyof typeof VIEWS];
  const aligned = alignedBytes(dictionary, width);
  const from = new View(aligned.buffer as ArrayBuffer, aligned.byteOffset, aligned.byteLength / width);
  const out = new View(indices.length);
  for (let i = 0; i < indices.length; i++) {
    const value = from[indices[i] as number];
    if (value === undefined) throw new Error(`entry ${indices[i]} of a dictionary of ${from.length}`);
    out[i] = value;
  }
  return new Uint8Array(out.buffer);
}

function undelta(bytes: Uint8Array, at: number, count: number, width: number, { physical }: Leaf): Uint8Array {
  if (physical !== 'INT32' && physical !== 'INT64') throw new Error('deltas of values that are no integers');
  const out = physical === 'INT32' ? new Int32Array(count) : new BigInt64Array(count);
  if (count === 0) return new Uint8Array(0);
  checkDeltaHeader(bytes, at, count);
  // A view of its own: hyparquet reads on to the end of what it is given.
  const rest = bytes.slice(at);
  deltaBinaryUnpack({ view: new DataView(rest.buffer), offset: 0 }, count, out);
  if (out.byteLength !== count * width) throw new Error('deltas of another width');
  return new Uint8Array(out.buffer);
}

/** hyparquet takes sizes as they come, and goes backwards for ever with negative ones. */
function checkDeltaHeader(bytes: Uint8Array, at: number, count: number): void {
  let next = at;
  const varint = (): number => {
    for (let value = 0, i = 0; i < 5; i++) {
      const byte = bytes[next++] ?? 0xff;
      value += (byte & 0x7f) * 2 ** (7 * i);
      if (byte < 0x80) return value;
    }
    return Number.NaN;
  };
  const [block, minis, total] = [varint(), varint(), varint()];
  const isRight = block > 0 && block <= 2 ** 16 && block % 128 === 0 && minis > 0 && block % (minis * 8) === 0 && total >= count;
  if (!isRight) throw new Error(`deltas in blocks of ${block}, ${minis} parts, ${total} values`);
}
