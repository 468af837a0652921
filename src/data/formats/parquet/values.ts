/** The encodings of Parquet's values that numbers come in, as little-endian bytes. */
import type { Encoding } from 'hyparquet';
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

/** Differences in blocks of a few widths, from a first value (`DELTA_BINARY_PACKED` of the format's Encodings.md). */
function undelta(bytes: Uint8Array, at: number, count: number, width: number, { physical }: Leaf): Uint8Array {
  if (physical !== 'INT32' && physical !== 'INT64') throw new Error('deltas of values that are no integers');
  const out = physical === 'INT32' ? new Int32Array(count) : new BigInt64Array(count);
  if (count === 0) return new Uint8Array(0);
  if (out.byteLength !== count * width) throw new Error('deltas of another width');
  const put = (i: number, value: bigint): void => {
    if (out instanceof Int32Array) out[i] = Number(BigInt.asIntN(32, value));
    else out[i] = value;
  };
  let next = at;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[next++];
      if (byte === undefined) throw new Error('its deltas end in the middle');
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw new Error('a number of more than 64 bits');
  };
  const zigzag = (): bigint => {
    const value = varint();
    return (value >> 1n) ^ -(value & 1n);
  };
  const [block, minis, total] = [Number(varint()), Number(varint()), Number(varint())];
  const isRight = block > 0 && block <= 2 ** 16 && block % 128 === 0 && minis > 0 && block % (minis * 8) === 0 && total >= count;
  if (!isRight) throw new Error(`deltas in blocks of ${block}, ${minis} parts, ${total} values`);
  const perMini = block / minis;
  let value = zigzag();
  put(0, value);
  for (let i = 1; i < count; ) {
    const least = zigzag();
    const widths = bytes.subarray(next, next + minis);
    next += minis;
    for (let mini = 0; mini < minis && i < count; mini++) {
      const bits = widths[mini] ?? 65;
      const here = Math.min(perMini, count - i);
      if (bits > 64 || next + Math.ceil((here * bits) / 8) > bytes.byteLength) throw new Error('its deltas end in the middle');
      const mask = (1n << BigInt(bits)) - 1n;
      let [held, have, from] = [0n, 0, next];
      for (let k = 0; k < here; k++, i++) {
        for (; have < bits; have += 8) held |= BigInt(bytes[from++] as number) << BigInt(have);
        value = BigInt.asIntN(64, value + least + (held & mask));
        put(i, value);
        held >>= BigInt(bits);
        have -= bits;
      }
      next += (perMini * bits) / 8;
    }
  }
  return new Uint8Array(out.buffer);
}
