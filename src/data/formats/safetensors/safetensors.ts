/** safetensors behind the interface of all formats. The format itself is read in `header.ts beside it`. */

import type { ByteSource } from '../../bytes/types';
import type { ArrayEntry, Container, StoredDtype } from '../container';
import { readHeader, readValues, type SafetensorsDtype, type SafetensorsFile, type TensorInfo } from './header';

const DTYPES: Record<SafetensorsDtype, StoredDtype> = {
  F64: 'f64',
  F32: 'f32',
  F16: 'f16',
  BF16: 'bf16',
  F8_E4M3: 'f8_e4m3',
  F8_E5M2: 'f8_e5m2',
  I64: 'i64',
  I32: 'i32',
  I16: 'i16',
  I8: 'i8',
  U64: 'u64',
  U32: 'u32',
  U16: 'u16',
  U8: 'u8',
  BOOL: 'bool',
};

/** Opens one safetensors file. @throws DataError */
export async function openSafetensors(source: ByteSource): Promise<Container> {
  return safetensorsContainer(await readHeader(source));
}

/** From a header that was read already. */
export function safetensorsContainer(file: SafetensorsFile): Container {
  const arrays = new Map<string, ArrayEntry>();
  for (const [name, info] of file.tensors) arrays.set(name, entryOf(file, info));
  return { path: file.source.path, format: 'safetensors', bytes: file.source.size, arrays, metadata: file.metadata, assumptions: [] };
}

function entryOf(file: SafetensorsFile, info: TensorInfo): ArrayEntry {
  return {
    name: info.name,
    dtype: DTYPES[info.dtype],
    shape: info.shape,
    async read(from, count) {
      if (!(from >= 0 && count >= 0 && from + count <= info.count))
        throw new RangeError(`${info.name}: values ${from} to ${from + count} of ${info.count}`);
      return readValues(file, info, from, count);
    },
  };
}
