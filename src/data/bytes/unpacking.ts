/**
 * Compressed data unpacked once, in order, into a temporary file, which is then read by ranges like any other. What that file is and who
 * inflates is the platform's: `webUnpacking.ts` in the page's workers, `nodeUnpacking.ts` in Node.
 */
import { messageOf } from '../../util/errors';
import { mapLimited } from '../../util/mapLimited';
import { type ByteSource, DataError, type OnFraction, type Unpackable } from './types';

/** A temporary file while it is written, from its beginning on. */
export interface Scratch {
  append(bytes: Uint8Array): Promise<void>;
  /** Written whole. @param path name in messages. */
  finish(path: string): Promise<ByteSource>;
  /** Gives up: nothing of it stays. */
  discard(): Promise<void>;
}

export interface UnpackPlatform {
  /**
   * What a raw deflate stream (RFC 1951) holds, piece by piece; no more of it is read than is taken out, but for a few pieces.
   * @throws Error when it is no such stream, ends early or goes on behind its end.
   */
  inflateRaw(packed: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>;
  /** Bytes that temporary files may still take; undefined where the platform does not say. */
  free(): Promise<number | undefined>;
  /** Where they lie, in words. */
  readonly place: string;
  create(key: string, size: number): Promise<Scratch>;
  /** What another thread has unpacked under this key. */
  find?(key: string, size: number, path: string): Promise<ByteSource | undefined>;
  /** One at a time for a key, over all threads. */
  alone?<T>(key: string, work: () => Promise<T>): Promise<T>;
}

let platform: UnpackPlatform | undefined;

/** Every program that opens files says once what it runs on. */
export function unpackOn(own: UnpackPlatform): void {
  platform = own;
}

export function unpackPlatform(): UnpackPlatform {
  if (!platform) throw new Error('unpackOn() was not called: there is nothing to unpack with');
  return platform;
}

/** What something stands for that is unpacked once. */
export interface Packed {
  /** The same for the same data, in every thread: its file and place there, sizes, checksum. */
  identity: readonly (string | number)[];
  path: string;
  size: number;
  /** Unpacks all of it, in order. @throws DataError */
  pieces(): AsyncIterable<Uint8Array>;
}

/** What was unpacked in this thread, or is being. */
const known = new Map<string, Promise<ByteSource>>();

/**
 * The data unpacked, at once where that was done before.
 * @param onFraction told now and then, by the call that does the work.
 * @throws DataError when it is damaged, or there is no room for it.
 */
export async function unpackOnce(packed: Packed, onFraction?: OnFraction): Promise<ByteSource> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(JSON.stringify(packed.identity)));
  const key = [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  const before = known.get(key);
  if (before) return before;
  const work = async (): Promise<ByteSource> => (await platform?.find?.(key, packed.size, packed.path)) ?? unpack(packed, key, onFraction);
  const { alone } = unpackPlatform();
  const made = alone ? alone(key, work) : work();
  known.set(key, made);
  // A failed attempt may be made again.
  made.catch(() => known.delete(key));
  return made;
}

const inGB = (bytes: number): string => `${(bytes / 1e9).toPrecision(3)} GB`;

async function unpack({ path, size, pieces }: Packed, key: string, onFraction?: OnFraction): Promise<ByteSource> {
  const { free, create, place } = unpackPlatform();
  const room = await free();
  if (room !== undefined && room < size)
    throw new DataError(
      path,
      `is compressed and unpacks to ${inGB(size)}, but only ${inGB(room)} are free ${place}. Make room, or save it uncompressed: np.savez instead of np.savez_compressed.`,
    );
  const refused = (cause: unknown): DataError =>
    cause instanceof DataError
      ? cause
      : new DataError(
          path,
          `is compressed and cannot be unpacked ${place} (${messageOf(cause)}). Save it uncompressed: np.savez instead of np.savez_compressed.`,
        );
  const scratch = await create(key, size).catch((cause: unknown) => {
    throw refused(cause);
  });
  try {
    let done = 0;
    for await (const piece of pieces()) {
      await scratch.append(piece);
      done += piece.byteLength;
      onFraction?.(done / size);
    }
    return await scratch.finish(path);
  } catch (cause) {
    await scratch.discard();
    throw refused(cause);
  }
}

/** Unpacks whatever has to be, one after another. @param onFraction of those that do, all together, when there are any. */
export async function unpackAll(parts: readonly Unpackable[], onFraction: OnFraction = () => undefined): Promise<void> {
  const packed = parts.filter((part) => part.unpack !== undefined);
  let done = 0;
  await mapLimited(packed, 1, async (part) => {
    await part.unpack?.((fraction) => onFraction((done + fraction) / packed.length));
    done++;
  });
}
