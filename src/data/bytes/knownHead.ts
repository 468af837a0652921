/** A file of which the first bytes are at hand, while its headers are read. */
import { readInto } from './byteSource';
import type { ByteSource } from './types';

export class KnownHead implements ByteSource {
  readonly path: string;
  readonly size: number;

  constructor(
    private readonly source: ByteSource,
    private head: Uint8Array | undefined,
  ) {
    this.path = source.path;
    this.size = source.size;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const { head } = this;
    if (head && offset >= 0 && length >= 0 && offset + length <= head.byteLength) return head.slice(offset, offset + length);
    return this.source.read(offset, length);
  }

  readInto(target: Uint8Array, offset: number): Promise<void> {
    return readInto(this.source, target, offset);
  }

  /** A thousand open files must not keep a thousand heads. */
  forget(): void {
    this.head = undefined;
  }
}
