/** numpy's scalars as they stand in metadata: `scalar(dtype, bytes)`. Arrays of numpy are refused elsewhere. */
import { describe, type NumpyDtype, PickleError, type Value } from './values';

const isKind = <K extends string>(value: Value | undefined, kind: K): value is Extract<Value, { kind: K }> =>
  typeof value === 'object' && value !== null && 'kind' in value && value.kind === kind;

const bad = (what: string): PickleError =>
  new PickleError(`holds a numpy value that is not read (${what}).`, 'Save plain numbers beside the tensors: value.item()');

export function numpyDtype([code]: readonly Value[]): NumpyDtype {
  if (typeof code !== 'string' || !READERS.has(code))
    throw bad(`dtype ${typeof code === 'string' ? JSON.stringify(code.slice(0, 20)) : describe(code ?? null)}`);
  return { kind: 'numpy dtype', code, isBigEndian: false };
}

/** `(version, byte order, …)`; the rest is for records. */
export function setNumpyState(dtype: NumpyDtype, [, order]: readonly Value[]): void {
  if (order !== '<' && order !== '>' && order !== '|' && order !== '=') throw bad('a byte order that numpy does not know');
  dtype.isBigEndian = order === '>';
}

const READERS = new Map<string, { bytes: number; read: (view: DataView, isLittle: boolean) => number | bigint | boolean }>([
  ['b1', { bytes: 1, read: (v) => v.getUint8(0) !== 0 }],
  ['i1', { bytes: 1, read: (v) => v.getInt8(0) }],
  ['u1', { bytes: 1, read: (v) => v.getUint8(0) }],
  ['i2', { bytes: 2, read: (v, l) => v.getInt16(0, l) }],
  ['u2', { bytes: 2, read: (v, l) => v.getUint16(0, l) }],
  ['i4', { bytes: 4, read: (v, l) => v.getInt32(0, l) }],
  ['u4', { bytes: 4, read: (v, l) => v.getUint32(0, l) }],
  ['i8', { bytes: 8, read: (v, l) => v.getBigInt64(0, l) }],
  ['u8', { bytes: 8, read: (v, l) => v.getBigUint64(0, l) }],
  ['f4', { bytes: 4, read: (v, l) => v.getFloat32(0, l) }],
  ['f8', { bytes: 8, read: (v, l) => v.getFloat64(0, l) }],
]);

export function numpyScalar([dtype, data]: readonly Value[]): Value {
  if (!isKind(dtype, 'numpy dtype') || !isKind(data, 'bytes')) throw bad('a scalar without dtype and bytes');
  const reader = READERS.get(dtype.code);
  if (!reader || data.bytes.byteLength !== reader.bytes) throw bad(`${data.bytes.byteLength} bytes of ${dtype.code}`);
  return reader.read(new DataView(data.bytes.buffer, data.bytes.byteOffset, data.bytes.byteLength), !dtype.isBigEndian);
}
