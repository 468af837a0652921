/** A small safetensors reader for the fixtures of these tests (the lab's own is src/data). */
import { readFileSync } from 'node:fs';
import type { TensorReader } from '../../../src/lm/checkpoint';

interface Entry {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}

function half(bits: number): number {
  const exponent = (bits >> 10) & 31;
  const mantissa = bits & 1023;
  const size =
    exponent === 0
      ? mantissa * 2 ** -24
      : exponent === 31
        ? mantissa
          ? Number.NaN
          : Number.POSITIVE_INFINITY
        : (1 + mantissa / 1024) * 2 ** (exponent - 15);
  return bits & 0x8000 ? -size : size;
}

export interface TestTensors extends TensorReader {
  /** Any numeric tensor at once. */
  get(name: string): Float32Array;
}

export function openTensors(path: string): TestTensors {
  const bytes = readFileSync(path);
  const headerBytes = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.subarray(8, 8 + headerBytes).toString()) as Record<string, Entry>;
  const entry = (name: string): Entry => header[name] as Entry;
  const get = (name: string): Float32Array => {
    const { dtype, data_offsets } = entry(name);
    const [begin, end] = data_offsets.map((offset) => offset + 8 + headerBytes) as [number, number];
    const data = bytes.buffer.slice(bytes.byteOffset + begin, bytes.byteOffset + end) as ArrayBuffer;
    if (dtype === 'F16') return Float32Array.from(new Uint16Array(data), half);
    return dtype === 'I32' ? Float32Array.from(new Int32Array(data)) : new Float32Array(data);
  };
  return {
    label: path.split('/').slice(-2).join('/'),
    names: () => Object.keys(header).filter((name) => name !== '__metadata__'),
    shape: (name) => entry(name).shape,
    read: async (name) => get(name),
    get,
  };
}

/** A folder's parsed JSON file. */
export const readJson = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'));
