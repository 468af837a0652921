/**
 * Reading safetensors: `u64 header length N, N bytes of JSON, data`, little-endian; offsets count from the data's start.
 *
 * The header is checked as the format asks (https://github.com/huggingface/safetensors#format): every byte of the data
 * belongs to exactly one tensor. So a truncated, padded or overlapping file is refused before a row of it is trusted.
 */

import { messageOf } from '../../../util/errors';
import { isFields, repeatedKey } from '../../../util/json';
import { type ByteSource, DataError } from '../../bytes/types';
import { decodeFloats } from '../floats';

/** Bytes of one value, by the format's dtype names. */
export const DTYPE_BYTES = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  F8_E4M3: 1,
  F8_E5M2: 1,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
} as const;
export type SafetensorsDtype = keyof typeof DTYPE_BYTES;

/** Float dtypes the lab computes with, and their names in `floats.ts`. */
export const FLOAT_DTYPES = { F32: 'f32', F16: 'f16', BF16: 'bf16', F64: 'f64' } as const;
export const isFloat = (dtype: SafetensorsDtype): dtype is keyof typeof FLOAT_DTYPES => dtype in FLOAT_DTYPES;

export interface TensorInfo {
  name: string;
  dtype: SafetensorsDtype;
  shape: number[];
  /** Product of the shape. */
  count: number;
  /** First byte and the byte after the last, from the start of the file. */
  begin: number;
  end: number;
}

/** A checked header. Tensors keep the order of the header. */
export interface SafetensorsFile {
  source: ByteSource;
  tensors: Map<string, TensorInfo>;
  metadata: Map<string, string>;
}

/** The format's own bound. */
const MAX_HEADER = 100_000_000;
/** Names that would reach into JavaScript's prototypes if anyone kept tensors in a plain object. */
const RESERVED = new Set(['__proto__', 'constructor', 'prototype']);
const CHUNK = 64 * 2 ** 20;

/** True when the first bytes can be a safetensors file: a plausible length followed by `{`. Cheap; says nothing of validity. */
export function looksLikeSafetensors(head: Uint8Array, size: number): boolean {
  if (head.byteLength < 9 || head[8] !== 0x7b) return false;
  const length = new DataView(head.buffer, head.byteOffset).getBigUint64(0, true);
  return length >= 2n && length <= BigInt(Math.max(size, MAX_HEADER));
}

/**
 * Reads and checks the header.
 * @param head the first bytes of the file, when the caller has them already.
 * @throws DataError saying what is wrong with the file.
 */
export async function readHeader(source: ByteSource, head?: Uint8Array): Promise<SafetensorsFile> {
  const { path, size } = source;
  if (size < 8) throw new DataError(path, `has ${size} bytes; a safetensors file has at least 8. It is empty or truncated: copy it again.`);
  let start = head ?? (await source.read(0, Math.min(size, 16384)));
  const length = new DataView(start.buffer, start.byteOffset).getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER))
    throw new DataError(
      path,
      `is not a safetensors file: its first 8 bytes announce a header of ${length} bytes (at most ${MAX_HEADER} are allowed). Copy or download it again.`,
    );
  const dataStart = 8 + Number(length);
  if (dataStart > size)
    throw new DataError(path, `truncated: the header should end at byte ${dataStart}, the file has ${size} bytes. Copy it again.`);
  if (start.byteLength < dataStart) start = await source.read(0, dataStart);
  const root = parseHeader(path, start.subarray(8, dataStart));
  const metadata = readMetadata(path, root);
  const tensors = new Map<string, TensorInfo>();
  for (const [name, entry] of Object.entries(root)) {
    if (name !== '__metadata__') tensors.set(name, readEntry(path, name, entry, dataStart));
  }
  checkLayout(source, dataStart, [...tensors.values()]);
  return { source, tensors, metadata };
}

function parseHeader(path: string, bytes: Uint8Array): object {
  let text: string;
  let root: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    root = JSON.parse(text);
  } catch (cause) {
    throw new DataError(path, `is not a safetensors file: its header is not JSON (${messageOf(cause)}). Copy or download it again.`);
  }
  if (!isFields(root))
    throw new DataError(
      path,
      'is not a safetensors file: its header is JSON but not an object. Save it again with the safetensors library.',
    );
  const twice = repeatedKey(text);
  if (twice !== undefined) throw new DataError(path, `its header names ${twice} twice. The file is damaged: write it again.`);
  return root;
}

function readMetadata(path: string, root: object): Map<string, string> {
  const raw: unknown = Object.hasOwn(root, '__metadata__') ? (root as { __metadata__: unknown }).__metadata__ : {};
  // Some writers put null where there is nothing to say.
  const entries = raw === null ? [] : isFields(raw) ? Object.entries(raw) : undefined;
  if (!entries?.every((pair): pair is [string, string] => typeof pair[1] === 'string')) {
    throw new DataError(path, '__metadata__ in the header must be an object of strings. Save the file again with the safetensors library.');
  }
  return new Map(entries);
}

function readEntry(path: string, name: string, entry: unknown, dataStart: number): TensorInfo {
  const refuse = (what: string) => new DataError(path, `tensor ${JSON.stringify(name)}: ${what}`);
  if (RESERVED.has(name)) throw refuse('this name is reserved and not accepted. Save the tensor as "activations".');
  if (!isFields(entry)) throw refuse('its header entry is not an object. Save it again with the safetensors library.');
  const { dtype, shape, data_offsets: offsets } = entry as { dtype?: unknown; shape?: unknown; data_offsets?: unknown };
  if (typeof dtype !== 'string' || !Object.hasOwn(DTYPE_BYTES, dtype)) {
    throw refuse(`unknown dtype ${shown(dtype)} (known: ${Object.keys(DTYPE_BYTES).join(', ')}). Convert it to F32, F16 or BF16.`);
  }
  const kind = dtype as SafetensorsDtype;
  if (!isCounts(shape))
    throw refuse(`its shape (${shown(shape)}) is not a list of whole numbers >= 0. The file is damaged: write it again.`);
  if (!isCounts(offsets) || offsets.length !== 2 || (offsets[0] as number) > (offsets[1] as number)) {
    throw refuse(`its data_offsets (${shown(offsets)}) are not [begin, end] with 0 <= begin <= end. The file is damaged: write it again.`);
  }
  const [begin, end] = offsets as [number, number];
  // A zero anywhere makes the product zero, whatever the other factors are.
  const count = shape.includes(0) ? 0 : shape.reduce((product, n) => product * n, 1);
  const bytes = count * DTYPE_BYTES[kind];
  if (!Number.isSafeInteger(bytes)) throw refuse(`its shape [${shape.join(', ')}] overflows. The file is damaged: write it again.`);
  if (bytes !== end - begin) {
    throw refuse(
      `shape [${shape.join(', ')}] of ${kind} needs ${bytes} bytes, its data_offsets span ${end - begin}. The file is damaged: write it again.`,
    );
  }
  return { name, dtype: kind, shape, count, begin: dataStart + begin, end: dataStart + end };
}

const shown = (value: unknown): string => (value === undefined ? 'missing' : JSON.stringify(value).slice(0, 100));

const isCounts = (value: unknown): value is number[] => Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);

/** Every data byte belongs to exactly one tensor. */
function checkLayout({ path, size }: ByteSource, dataStart: number, tensors: TensorInfo[]): void {
  const last = tensors.reduce((end, t) => Math.max(end, t.end), dataStart);
  if (last > size) {
    const past = tensors.find((t) => t.end > size);
    throw new DataError(
      path,
      `truncated: tensor ${JSON.stringify(past?.name)} ends at byte ${past?.end}; ${last} bytes are expected and the file has ${size}. Copy or download it again.`,
    );
  }
  let at = dataStart;
  let before = 'the header';
  for (const t of [...tensors].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (t.begin < at)
      throw new DataError(
        path,
        `tensor ${JSON.stringify(t.name)} (bytes ${t.begin} to ${t.end}) overlaps ${before}, which ends at byte ${at}. The file is damaged: write it again.`,
      );
    if (t.begin > at)
      throw new DataError(
        path,
        `bytes ${at} to ${t.begin}, between ${before} and tensor ${JSON.stringify(t.name)}, belong to no tensor. The file is damaged: write it again.`,
      );
    at = t.end;
    before = `tensor ${JSON.stringify(t.name)}`;
  }
  if (at < size)
    throw new DataError(
      path,
      `${size - at} bytes after ${before} belong to no tensor: ${at} bytes are expected and the file has ${size}. Copy or download it again.`,
    );
}

/** @throws DataError listing what there is. */
export function tensor(file: SafetensorsFile, name: string): TensorInfo {
  const info = file.tensors.get(name);
  if (!info)
    throw new DataError(
      file.source.path,
      `has no tensor ${JSON.stringify(name)}; it has ${[...file.tensors.keys()].slice(0, 20).join(', ') || 'none'}.`,
    );
  return info;
}

/** Stored bytes of `count` consecutive values from value `start`. */
export function readValues(file: SafetensorsFile, info: TensorInfo, start: number, count: number): Promise<Uint8Array> {
  const width = DTYPE_BYTES[info.dtype];
  return file.source.read(info.begin + start * width, count * width);
}

/**
 * A whole tensor as f32, in its own order. Reads in 64 MiB pieces, so that no single range nears the browsers' 2 GiB.
 * @throws DataError when the tensor is not F32, F16, BF16 or F64.
 */
export async function readTensorF32(file: SafetensorsFile, info: TensorInfo): Promise<Float32Array> {
  const { dtype } = info;
  if (!isFloat(dtype))
    throw new DataError(
      file.source.path,
      `tensor ${JSON.stringify(info.name)} is ${dtype}; floats (F32, F16, BF16, F64) are needed. Convert it.`,
    );
  const out = new Float32Array(info.count);
  const step = CHUNK / DTYPE_BYTES[dtype];
  for (let at = 0; at < info.count; at += step) {
    decodeFloats(await readValues(file, info, at, Math.min(step, info.count - at)), FLOAT_DTYPES[dtype], out, at);
  }
  return out;
}
