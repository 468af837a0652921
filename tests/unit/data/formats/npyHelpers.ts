/** Files of numpy and zip made by hand, and the fixtures that numpy made. */
import { readFileSync } from 'node:fs';
import { deflateRawSync } from 'node:zlib';
import { expect } from 'vitest';
import { MemorySource } from '../../../../src/data/bytes/byteSource';
import { type ByteSource, DataError } from '../../../../src/data/bytes/types';
import type { ArrayEntry, Container } from '../../../../src/data/formats/container';
import { decodeFloats } from '../../../../src/data/formats/floats';
import { crc32 } from '../../../../src/data/formats/zip/crc32';
import { FORMATS, readNpy } from '../helpers';

export const fixture = (name: string): MemorySource => new MemorySource(name, new Uint8Array(readFileSync(`${FORMATS}/${name}`)));
export const expectedRows = (): number[] => readNpy(`${FORMATS}/expected_rows.npy`).values;
export const expectedTokens = (): number[] => readNpy(`${FORMATS}/expected_tokens.npy`).values;

export const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);
export const concat = (...parts: Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));
export const valueCount = ({ shape }: ArrayEntry): number => shape.reduce((product, n) => product * n, 1);

export function entryOf(container: Container, name = ''): ArrayEntry {
  const entry = container.arrays.get(name);
  if (!entry) throw new Error(`no array ${name} among ${[...container.arrays.keys()]}`);
  return entry;
}

/** A whole float array as f32. */
export async function floats(entry: ArrayEntry): Promise<number[]> {
  const out = new Float32Array(valueCount(entry));
  decodeFloats(await entry.read(0, out.length), entry.dtype as 'f32', out);
  return Array.from(out);
}

/** The error of a promise that must fail with a DataError. */
export async function refusalOf(promise: Promise<unknown>): Promise<DataError> {
  const error: unknown = await promise.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  expect(error).toBeInstanceOf(DataError);
  return error as DataError;
}

/** A .npy file with this header text. */
export function npyFile(header: string, data: Uint8Array, version = 1): Uint8Array {
  const lengthBytes = version === 1 ? 2 : 4;
  const padding = 63 - ((8 + lengthBytes + header.length) % 64);
  const text = ascii(`${header}${' '.repeat(padding)}\n`);
  const head = new Uint8Array(8 + lengthBytes);
  head.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, version, 0]);
  const view = new DataView(head.buffer);
  if (version === 1) view.setUint16(8, text.length, true);
  else view.setUint32(8, text.length, true);
  return concat(head, text, data);
}

export const npyHeader = (descr: string, shape: readonly number[], fortran = false): string =>
  `{'descr': '${descr}', 'fortran_order': ${fortran ? 'True' : 'False'}, 'shape': (${shape.join(', ')}${shape.length === 1 ? ',' : ''}), }`;

/** Bytes of values of `width` bytes that tell them apart: value i is i, little-endian. */
export function numbered(count: number, width: number): Uint8Array {
  const bytes = new Uint8Array(count * width);
  for (let i = 0; i < count; i++) for (let b = 0; b < width; b++) bytes[i * width + b] = b < 4 ? (i >>> (8 * b)) & 255 : (i * 7 + b) & 255;
  return bytes;
}

/** The same values, stored with the first index fastest. */
export function toFortran(values: Uint8Array, shape: readonly number[], width: number): Uint8Array {
  const out = new Uint8Array(values.length);
  for (let i = 0; i < values.length / width; i++) {
    let rest = i;
    let at = 0;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at += (rest % (shape[axis] as number)) * shape.slice(0, axis).reduce((product, n) => product * n, 1);
      rest = Math.floor(rest / (shape[axis] as number));
    }
    out.set(values.subarray(i * width, (i + 1) * width), at * width);
  }
  return out;
}

export function toBigEndian(values: Uint8Array, width: number): Uint8Array {
  const out = new Uint8Array(values);
  for (let at = 0; at < out.length; at += width) out.subarray(at, at + width).reverse();
  return out;
}

export interface ZipInput {
  name: string;
  data: Uint8Array;
  method?: 0 | 8;
  /** Sizes and checksum behind the data, zeros before it. */
  descriptor?: boolean;
  /** Sizes and offsets in zip64 fields, all ones elsewhere. */
  wide?: boolean;
  /** What the directory and header say instead of the truth. */
  lies?: { size?: number; compressedSize?: number; crc?: number; method?: number; flags?: number; localName?: string; offset?: number };
}

/** A zip archive. `wide` also writes a zip64 end record. */
export function zipFile(inputs: readonly ZipInput[], { wide = false, comment = '' } = {}): Uint8Array {
  const parts: Uint8Array[] = [];
  const central: Uint8Array[] = [];
  let at = 0;
  const push = (part: Uint8Array) => {
    parts.push(part);
    at += part.length;
  };
  for (const input of inputs) {
    const { lies = {} } = input;
    const packed = input.method === 8 ? new Uint8Array(deflateRawSync(input.data)) : input.data;
    const crc = lies.crc ?? crc32(input.data);
    const sizes = [lies.compressedSize ?? packed.length, lies.size ?? input.data.length] as const;
    const flags = (input.descriptor ? 8 : 0) | (lies.flags ?? 0);
    const method = lies.method ?? input.method ?? 0;
    const offset = lies.offset ?? at;
    const name = ascii(input.name);
    const localName = ascii(lies.localName ?? input.name);
    const hidden = input.descriptor ? 0 : undefined;
    const localExtra = input.wide ? record([1, 2], [16, 2], [sizes[1], 8], [sizes[0], 8]) : new Uint8Array(0);
    const stated = (value: number) => (input.wide ? 0xffffffff : value);
    push(
      record(
        [0x04034b50, 4],
        [45, 2],
        [flags, 2],
        [method, 2],
        [0, 4],
        [hidden ?? crc, 4],
        [hidden ?? stated(sizes[0]), 4],
        [hidden ?? stated(sizes[1]), 4],
        [localName.length, 2],
        [localExtra.length, 2],
      ),
    );
    push(concat(localName, localExtra, packed));
    if (input.descriptor) push(record([0x08074b50, 4], [crc, 4], [sizes[0], 4], [sizes[1], 4]));
    const extra = input.wide
      ? record([0xcafe, 2], [2, 2], [0, 2], [1, 2], [24, 2], [sizes[1], 8], [sizes[0], 8], [offset, 8])
      : new Uint8Array(0);
    central.push(
      record(
        [0x02014b50, 4],
        [45, 2],
        [45, 2],
        [flags, 2],
        [method, 2],
        [0, 4],
        [crc, 4],
        [stated(sizes[0]), 4],
        [stated(sizes[1]), 4],
        [name.length, 2],
        [extra.length, 2],
        [0, 2],
        [0, 2],
        [0, 2],
        [0, 4],
        [stated(offset), 4],
      ),
      name,
      extra,
    );
  }
  const directoryAt = at;
  const directory = concat(...central);
  push(directory);
  if (wide) {
    const endAt = at;
    push(
      record(
        [0x06064b50, 4],
        [44, 8],
        [45, 2],
        [45, 2],
        [0, 4],
        [0, 4],
        [inputs.length, 8],
        [inputs.length, 8],
        [directory.length, 8],
        [directoryAt, 8],
      ),
    );
    push(record([0x07064b50, 4], [0, 4], [endAt, 8], [1, 4]));
  }
  const [entries, length, offset] = wide ? [0xffff, 0xffffffff, 0xffffffff] : [inputs.length, directory.length, directoryAt];
  push(record([0x06054b50, 4], [0, 2], [0, 2], [entries, 2], [entries, 2], [length, 4], [offset, 4], [comment.length, 2]));
  push(ascii(comment));
  return concat(...parts);
}

/** Little-endian fields: [value, bytes]. */
function record(...fields: [number, number][]): Uint8Array {
  const bytes = new Uint8Array(fields.reduce((sum, [, width]) => sum + width, 0));
  let at = 0;
  for (const [value, width] of fields) {
    let rest = BigInt(value);
    for (let b = 0; b < width; b++, rest >>= 8n) bytes[at++] = Number(rest & 255n);
  }
  return bytes;
}

/** Counts what is read of a source. */
export class CountedSource implements ByteSource {
  reads = 0;
  bytesRead = 0;
  largest = 0;

  constructor(private readonly inner: ByteSource) {}

  get path(): string {
    return this.inner.path;
  }
  get size(): number {
    return this.inner.size;
  }

  read(offset: number, length: number): Promise<Uint8Array> {
    this.reads++;
    this.bytesRead += length;
    this.largest = Math.max(this.largest, length);
    return this.inner.read(offset, length);
  }
}

/** Ranges of every kind equal the same ranges of the whole: ragged steps forwards, then backwards, and each end. */
export async function expectRangesToAgree(entry: ArrayEntry, width: number, steps: readonly number[]): Promise<void> {
  const total = valueCount(entry);
  const whole = await entry.read(0, total);
  expect(whole.byteLength).toBe(total * width);
  for (const step of steps) {
    const starts = Array.from({ length: Math.ceil(total / step) }, (_, i) => i * step);
    for (const from of [...starts, ...starts.toReversed()]) {
      const count = Math.min(step, total - from);
      expect(
        Buffer.compare(await entry.read(from, count), whole.subarray(from * width, (from + count) * width)),
        `${from} + ${count}`,
      ).toBe(0);
    }
  }
  expect((await entry.read(total, 0)).byteLength).toBe(0);
  await refusalOf(entry.read(total - 1, 2));
  await refusalOf(entry.read(-1, 1));
}
