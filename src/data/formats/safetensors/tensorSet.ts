/** The tensors of one model, wherever its shards put them (`model-00001-of-00003.safetensors`, …), read one at a time as f32. */

import { type ByteSource, DataError } from '../../bytes/types';
import { readHeader, readTensorF32, type SafetensorsFile, type TensorInfo } from './header';

export class TensorSet {
  private constructor(
    /** File, or first of the files, for messages. */
    readonly label: string,
    private readonly tensors: Map<string, { file: SafetensorsFile; info: TensorInfo }>,
  ) {}

  /** Reads the headers. @throws DataError when a header is wrong or two files hold a tensor of the same name. */
  static async open(sources: readonly ByteSource[]): Promise<TensorSet> {
    const tensors = new Map<string, { file: SafetensorsFile; info: TensorInfo }>();
    for (const source of sources) {
      const file = await readHeader(source);
      for (const info of file.tensors.values()) {
        const other = tensors.get(info.name);
        if (other)
          throw new DataError(source.path, `tensor ${info.name} is also in ${other.file.source.path}. Drop only the files of one model.`);
        tensors.set(info.name, { file, info });
      }
    }
    return new TensorSet(sources[0]?.path ?? 'model', tensors);
  }

  names(): string[] {
    return [...this.tensors.keys()];
  }

  shape(name: string): number[] {
    return this.find(name).info.shape;
  }

  /** Values as f32 in the tensor's own order. */
  read(name: string): Promise<Float32Array> {
    const { file, info } = this.find(name);
    return readTensorF32(file, info);
  }

  private find(name: string): { file: SafetensorsFile; info: TensorInfo } {
    const found = this.tensors.get(name);
    if (!found) throw new DataError(this.label, `has no tensor ${name}.`);
    return found;
  }
}
