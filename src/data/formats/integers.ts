/** Token ids of a container, whatever integer type they were saved in. */

import { DataError } from '../bytes/types';
import { type ArrayEntry, STORED_BYTES, type StoredDtype } from './container';
import { alignedBytes } from './floats';

const READERS: Partial<Record<StoredDtype, (buffer: ArrayBufferLike, offset: number, count: number) => ArrayLike<number | bigint>>> = {
  u8: (b, o, n) => new Uint8Array(b, o, n),
  i8: (b, o, n) => new Int8Array(b, o, n),
  u16: (b, o, n) => new Uint16Array(b, o, n),
  i16: (b, o, n) => new Int16Array(b, o, n),
  i32: (b, o, n) => new Int32Array(b, o, n),
  u32: (b, o, n) => new Uint32Array(b, o, n),
  i64: (b, o, n) => new BigInt64Array(b, o, n),
  u64: (b, o, n) => new BigUint64Array(b, o, n),
};

/** True for the dtypes token ids may have. */
export const isTokenDtype = (dtype: StoredDtype): boolean => dtype in READERS;

/** Names under which the usual tools save token ids, in order of preference. */
export const TOKEN_NAMES = ['tokens', 'input_ids', 'token_ids'] as const;

/**
 * `count` values from value `start` as 32-bit integers.
 * @param path of the file, for messages.
 * @throws DataError when a value does not fit, or the dtype is no integer.
 */
export async function readIntegers(path: string, entry: ArrayEntry, start: number, count: number): Promise<Int32Array> {
  const make = READERS[entry.dtype];
  const named = `tensor ${JSON.stringify(entry.name)}`;
  if (!make)
    throw new DataError(
      path,
      `${named} is ${entry.dtype.toUpperCase()}; token ids must be ${Object.keys(READERS).join(', ').toUpperCase()}. Save them as integers.`,
    );
  const bytes = alignedBytes(await entry.read(start, count), STORED_BYTES[entry.dtype]);
  const values = make(bytes.buffer, bytes.byteOffset, count);
  const out = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    const value = Number(values[i]);
    out[i] = value;
    if (out[i] !== value)
      throw new DataError(
        path,
        `${named}: value ${value} at ${start + i} is no token id (it does not fit 32 bits). Save the ids that the tokenizer gave.`,
      );
  }
  return out;
}
