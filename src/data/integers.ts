/** Token ids of a safetensors file, whatever integer type they were saved in. */
import { alignedBytes } from './floats';
import { DTYPE_BYTES, readValues, type SafetensorsDtype, type SafetensorsFile, type TensorInfo } from './safetensors';
import { DataError } from './types';

const READERS: Partial<Record<SafetensorsDtype, (buffer: ArrayBufferLike, offset: number, count: number) => ArrayLike<number | bigint>>> = {
  U8: (b, o, n) => new Uint8Array(b, o, n),
  U16: (b, o, n) => new Uint16Array(b, o, n),
  I16: (b, o, n) => new Int16Array(b, o, n),
  I32: (b, o, n) => new Int32Array(b, o, n),
  U32: (b, o, n) => new Uint32Array(b, o, n),
  I64: (b, o, n) => new BigInt64Array(b, o, n),
};

/** True for the dtypes token ids may have. */
export const isTokenDtype = (dtype: SafetensorsDtype): boolean => dtype in READERS;

/** Names under which the usual tools save token ids, in order of preference. */
export const TOKEN_NAMES = ['tokens', 'input_ids', 'token_ids'] as const;

/**
 * `count` values from value `start` as 32-bit integers.
 * @throws DataError when a value does not fit, or the dtype is no integer.
 */
export async function readIntegers(file: SafetensorsFile, info: TensorInfo, start: number, count: number): Promise<Int32Array> {
  const make = READERS[info.dtype];
  if (!make)
    throw new DataError(
      file.source.path,
      `tensor ${JSON.stringify(info.name)} is ${info.dtype}; token ids must be ${Object.keys(READERS).join(', ')}.`,
    );
  const bytes = alignedBytes(await readValues(file, info, start, count), DTYPE_BYTES[info.dtype]);
  const values = make(bytes.buffer, bytes.byteOffset, count);
  const out = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    const value = Number(values[i]);
    out[i] = value;
    if (out[i] !== value)
      throw new DataError(
        file.source.path,
        `tensor ${JSON.stringify(info.name)}: value ${value} at ${start + i} is no token id (it does not fit 32 bits).`,
      );
  }
  return out;
}
