/** Files of a case: tensors and JSON, read and written. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { FileSource } from '../../data/bytes/nodeFiles';
import { DataError } from '../../data/bytes/types';
import { readHeader, readTensorF32, readValues } from '../../data/formats/safetensors/header';
import { writeSafetensors } from '../../data/formats/safetensors/write';
import type { Outcome, Tensor, Tensors } from '../../lab/parity/findings';
import { messageOf } from '../../util/errors';

/** @throws DataError naming the file. */
export async function readCaseJson<T>(folder: string, name: string): Promise<T> {
  const path = join(folder, name);
  try {
    return JSON.parse(await readFile(path, 'utf8')) as T;
  } catch (cause) {
    throw new DataError(path, `cannot be read (${messageOf(cause)}).`);
  }
}

/** All tensors of a file: floats as f32, whole numbers as i32. @throws DataError naming the file. */
export async function readTensors(folder: string, name: string): Promise<Tensors> {
  const path = join(folder, name);
  const file = await readHeader(await FileSource.open(path));
  const out = new Map<string, Tensor>();
  for (const info of file.tensors.values()) {
    const { shape, dtype, count } = info;
    if (dtype === 'I32') {
      const bytes = await readValues(file, info, 0, count);
      out.set(info.name, { shape, data: new Int32Array(Uint8Array.from(bytes).buffer) });
    } else if (dtype === 'I64') {
      const bytes = await readValues(file, info, 0, count);
      out.set(info.name, { shape, data: Int32Array.from(new BigInt64Array(Uint8Array.from(bytes).buffer), Number) });
    } else {
      out.set(info.name, { shape, data: await readTensorF32(file, info) });
    }
  }
  return out;
}

/** Writes what was computed of a case into its folder below `out`. */
export async function writeComputed(folder: string, { computed }: Outcome): Promise<void> {
  for (const [name, value] of Object.entries(computed)) {
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    if ('json' in value) {
      await writeFile(path, `${JSON.stringify(value.json, null, 1)}\n`);
    } else {
      const tensors = [...value.tensors].map(([tensor, { shape, data }]) => ({
        name: tensor,
        dtype: data instanceof Int32Array ? ('I32' as const) : ('F32' as const),
        shape,
        data,
      }));
      await writeFile(path, writeSafetensors(tensors));
    }
  }
}
