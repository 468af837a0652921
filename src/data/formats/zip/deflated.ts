/**
 * A deflated member: unpacked once, in order, checked, and then read by ranges. A large one goes into a temporary file; a small one stays in
 * memory for a while. Only the first bytes, which tell what is in it, are inflated by themselves, so that opening a file unpacks nothing.
 */

import { messageOf } from '../../../util/errors';
import { MemorySource } from '../../bytes/byteSource';
import { type ByteSource, DataError, type OnFraction } from '../../bytes/types';
import { unpackOnce, unpackPlatform } from '../../bytes/unpacking';
import { crc32 } from './crc32';

/** Ranges that end before this are inflated by themselves. */
const HEAD = 2 ** 16;
/** Members of so many bytes are unpacked in memory, and so many of the last ones are kept. */
const SMALL = 2 ** 20;
const MOST_SMALL = 16;
/** Compressed bytes of the first read and of the longest: what begins a member is often all that is wanted. */
const FIRST_READ = 2 ** 12;
const READ = 2 ** 18;

export interface DeflatedData {
  /** Inflated and compressed sizes and checksum, as the archive's directory declares them. */
  size: number;
  compressedSize: number;
  crc: number;
  /** Of the archive. */
  path: string;
  /** Tells this member from every other one. */
  identity: readonly (string | number)[];
  read(offset: number, length: number): Promise<Uint8Array>;
  refuse(message: string): Error;
}

/** Small members read last, the oldest first. */
const small = new Map<Deflated, Promise<ByteSource>>();

export class Deflated {
  private large: Promise<ByteSource> | undefined;

  constructor(private readonly data: DeflatedData) {}

  /** `from` and `length` must lie inside `size`. @throws DataError */
  async read(from: number, length: number): Promise<Uint8Array> {
    const { size } = this.data;
    if (!this.large && size > SMALL && from + length <= HEAD) return (await this.head(from + length)).slice(from);
    return (await this.whole()).read(from, length);
  }

  /** Now, where it is not done yet and takes long enough to be told of. @throws DataError */
  async unpack(onFraction: OnFraction): Promise<void> {
    if (this.data.size > SMALL) await this.whole(onFraction);
  }

  private whole(onFraction?: OnFraction): Promise<ByteSource> {
    const { size, compressedSize, crc, path, identity } = this.data;
    if (size <= SMALL) {
      const kept = small.get(this) ?? this.inMemory();
      small.delete(this);
      small.set(this, kept); // last: most recently used
      for (const oldest of small.keys()) if (small.size > MOST_SMALL) small.delete(oldest);
      kept.catch(() => small.delete(this));
      return kept;
    }
    const packed = { identity: [...identity, size, compressedSize, crc], path, size, pieces: () => this.checked() };
    this.large ??= unpackOnce(packed, onFraction);
    this.large.catch(() => {
      this.large = undefined;
    });
    return this.large;
  }

  private async inMemory(): Promise<ByteSource> {
    const bytes = new Uint8Array(this.data.size);
    let done = 0;
    for await (const piece of this.checked()) {
      bytes.set(piece, done);
      done += piece.byteLength;
    }
    return new MemorySource(this.data.path, bytes);
  }

  private async head(length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    let done = 0;
    for await (const piece of this.inflated()) {
      bytes.set(piece.subarray(0, length - done), done);
      done += Math.min(piece.byteLength, length - done);
      if (done === length) return bytes;
    }
    throw this.tooFew(done);
  }

  /** All of it, and no more than it declares. @throws DataError also when its checksum is another. */
  private async *checked(): AsyncGenerator<Uint8Array> {
    const { size, crc, refuse } = this.data;
    let [sum, done] = [0, 0];
    for await (const piece of this.inflated()) {
      done += piece.byteLength;
      if (done > size) throw refuse(`inflates to more than the ${size} bytes that it declares. The file is damaged: write it again.`);
      sum = crc32(piece, sum);
      yield piece;
    }
    if (done < size) throw this.tooFew(done);
    if (sum !== crc) throw refuse('its checksum differs from the one in the archive. The file is damaged: copy or download it again.');
  }

  private tooFew(found: number): Error {
    return this.data.refuse(`inflates to ${found} bytes, but declares ${this.data.size}. The file is damaged: write it again.`);
  }

  private async *inflated(): AsyncGenerator<Uint8Array> {
    const { size, compressedSize, read, refuse } = this.data;
    let failure: { cause: unknown } | undefined;
    async function* packed() {
      for (let at = 0, length = FIRST_READ; at < compressedSize; at += length, length = Math.min(READ, 2 * at)) {
        try {
          yield await read(at, Math.min(length, compressedSize - at));
        } catch (cause) {
          failure = { cause };
          throw cause;
        }
      }
    }
    let done = 0;
    try {
      for await (const piece of unpackPlatform().inflateRaw(packed())) {
        done += piece.byteLength;
        yield piece;
      }
    } catch (cause) {
      // What cannot be read says so itself.
      if (failure) throw failure.cause;
      if (cause instanceof DataError) throw cause;
      throw refuse(
        `cannot be inflated beyond byte ${done} of ${size} (${messageOf(cause)}). The file is damaged: copy or download it again.`,
      );
    }
  }
}
