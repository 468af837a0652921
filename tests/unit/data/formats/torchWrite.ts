/** Writes .pt files by hand, good and hostile, for there is no torch at hand: pickles by instruction, archives as torch lays them out. */
import { deflateRawSync } from 'node:zlib';
import { MemorySource } from '../../../../src/data/bytes/byteSource';
import { crc32 } from '../../../../src/data/formats/zip/crc32';

export const bytesOf = (...parts: readonly (number | string | Uint8Array)[]): Uint8Array =>
  Uint8Array.from(
    parts.flatMap((part) =>
      typeof part === 'number' ? [part] : typeof part === 'string' ? [...new TextEncoder().encode(part)] : [...part],
    ),
  );

export const u32 = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);
export const u64 = (value: bigint): Uint8Array => new Uint8Array(BigUint64Array.of(value).buffer);

/** What a pickle is put together from. Each piece leaves one value on the stack. */
export const P = {
  none: bytesOf('N'),
  yes: bytesOf(0x88),
  no: bytesOf(0x89),
  int: (value: number) =>
    value >= 0 && value < 256 ? bytesOf('K', value) : value < 2 ** 31 ? bytesOf('J', u32(value)) : P.long(BigInt(value)),
  long: (value: bigint) => bytesOf(0x8a, 9, u64(BigInt.asUintN(64, value)), value < 0n ? 255 : 0),
  float: (value: number) => bytesOf('G', new Uint8Array(Float64Array.of(value).buffer).reverse()),
  text: (value: string) => bytesOf('X', u32(new TextEncoder().encode(value).length), value),
  bytes: (value: Uint8Array) => bytesOf('B', u32(value.length), value),
  global: (module: string, name: string) => bytesOf('c', module, '\n', name, '\n'),
  stackGlobal: (module: string, name: string) => bytesOf(P.text(module), P.text(name), 0x93),
  tuple: (...items: Uint8Array[]) => bytesOf('(', ...items, 't'),
  list: (...items: Uint8Array[]) => bytesOf(']', '(', ...items, 'e'),
  dict: (...pairs: [Uint8Array, Uint8Array][]) => bytesOf('}', '(', ...pairs.flat(), 'u'),
  call: (callable: Uint8Array, ...args: Uint8Array[]) => bytesOf(callable, P.tuple(...args), 'R'),
  newObject: (type: Uint8Array, state: Uint8Array) => bytesOf(type, ')', 0x81, state, 'b'),
  /** A whole pickle. */
  file: (value: Uint8Array, protocol = 2) => bytesOf(0x80, protocol, value, '.'),
};

const hooks = P.call(P.global('collections', 'OrderedDict'));
const sizes = (values: readonly number[]): Uint8Array => P.tuple(...values.map(P.int));

export const storage = (key: string, numel: number, type = 'FloatStorage'): Uint8Array =>
  bytesOf(P.tuple(P.text('storage'), P.global('torch', type), P.text(key), P.text('cpu'), P.int(numel)), 'Q');

export interface TensorSpec {
  key?: string;
  numel?: number;
  type?: string;
  offset?: number;
  shape: readonly number[];
  /** C order unless given. */
  strides?: readonly number[];
}

const contiguous = (shape: readonly number[]): number[] => shape.map((_, i) => shape.slice(i + 1).reduce((a, b) => a * b, 1));

/** Arguments of `_rebuild_tensor_v2`. */
export function tensorArgs({ key = '0', numel, type, offset = 0, shape, strides = contiguous(shape) }: TensorSpec): Uint8Array[] {
  const count = numel ?? shape.reduce((a, b) => a * b, 1);
  return [storage(key, count, type), P.int(offset), sizes(shape), sizes(strides), P.no, hooks];
}

export const tensor = (spec: TensorSpec): Uint8Array => P.call(P.global('torch._utils', '_rebuild_tensor_v2'), ...tensorArgs(spec));

export interface MemberSpec {
  name: string;
  data: Uint8Array;
  isDeflated?: boolean;
}

/** A zip archive with its members in this order. */
export function zip(members: readonly MemberSpec[]): Uint8Array {
  const locals: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let at = 0;
  for (const { name, data, isDeflated } of members) {
    const stored = isDeflated ? new Uint8Array(deflateRawSync(data)) : data;
    const rawName = new TextEncoder().encode(name);
    const common = bytesOf(
      0,
      0,
      isDeflated ? 8 : 0,
      0,
      u32(0),
      u32(crc32(data)),
      u32(stored.length),
      u32(data.length),
      u16(rawName.length),
      0,
      0,
    );
    const local = bytesOf(u32(0x04034b50), 20, 0, common, rawName);
    directory.push(bytesOf(u32(0x02014b50), 20, 0, 20, 0, common, u16(0), u16(0), u16(0), u32(0), u32(at), rawName));
    locals.push(local, stored);
    at += local.length + stored.length;
  }
  const size = directory.reduce((n, part) => n + part.length, 0);
  const count = u16(members.length);
  const parts = [...locals, ...directory, bytesOf(u32(0x06054b50), 0, 0, 0, 0, count, count, u32(size), u32(at), 0, 0)];
  const out = new Uint8Array(at + size + 22);
  let to = 0;
  for (const part of parts) {
    out.set(part, to);
    to += part.length;
  }
  return out;
}

const u16 = (value: number): Uint8Array => new Uint8Array(Uint16Array.of(value).buffer);

export interface ArchiveSpec {
  pickle: Uint8Array;
  /** By key. */
  storages?: Record<string, ArrayBufferView>;
  byteorder?: string;
  isDeflated?: boolean;
  more?: readonly MemberSpec[];
}

/** An archive as `torch.save` writes it. */
export function archive({ pickle, storages = {}, byteorder = 'little', isDeflated = false, more = [] }: ArchiveSpec): Uint8Array {
  const text = (value: string) => new TextEncoder().encode(value);
  return zip([
    { name: 'a/data.pkl', data: pickle, isDeflated },
    ...(byteorder === '' ? [] : [{ name: 'a/byteorder', data: text(byteorder) }]),
    ...Object.entries(storages).map(([key, view]) => ({
      name: `a/data/${key}`,
      data: new Uint8Array(view.buffer, view.byteOffset, view.byteLength),
      isDeflated,
    })),
    { name: 'a/version', data: text('3\n') },
    ...more,
  ]);
}

export const pt = (spec: ArchiveSpec, path = 'a.pt'): MemorySource => new MemorySource(path, archive(spec));

/** A file of plain values; a value is a pickle's piece. */
export const ptOf = (value: Uint8Array, storages?: Record<string, ArrayBufferView>): MemorySource =>
  pt({ pickle: P.file(value), storages });
