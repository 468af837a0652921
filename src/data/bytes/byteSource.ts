/** Files of the page: a dropped `File` (or any Blob) read by ranges. The Node counterpart is `nodeFiles.ts`. */
import { messageOf } from '../../util/errors';
import { type ParsedJson, parseJson } from '../../util/json';
import { spareBuffers } from './spareBuffers';
import { type ByteSource, DataError } from './types';

/** Reads ranges with `Blob.slice`, so that only the asked bytes are ever in memory. */
export class BlobSource implements ByteSource {
  constructor(
    readonly path: string,
    readonly blob: Blob,
  ) {}

  get size(): number {
    return this.blob.size;
  }

  /** @throws DataError when the range lies outside the file, or the file was moved or changed since it was dropped. */
  async read(offset: number, length: number): Promise<Uint8Array> {
    checkRange(this, offset, length);
    let bytes: ArrayBuffer;
    try {
      bytes = await this.blob.slice(offset, offset + length).arrayBuffer();
    } catch (cause) {
      // Chrome's NotReadableError: the file changed on disk after it was chosen.
      const why = messageOf(cause);
      throw new DataError(
        this.path,
        `cannot be read any more (${why}). It was moved, deleted or changed since it was dropped: drop it again.`,
      );
    }
    if (bytes.byteLength !== length) throw shortRead(this.path, offset, length, bytes.byteLength);
    return new Uint8Array(bytes);
  }
}

/** Bytes already in memory, as a source. */
export class MemorySource implements ByteSource {
  constructor(
    readonly path: string,
    private readonly bytes: Uint8Array,
  ) {}

  get size(): number {
    return this.bytes.byteLength;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    checkRange(this, offset, length);
    return this.bytes.slice(offset, offset + length);
  }
}

/** @throws DataError when [offset, offset + length) is not inside the file. */
export function checkRange(source: { path: string; size: number }, offset: number, length: number): void {
  if (offset >= 0 && length >= 0 && offset + length <= source.size) return;
  throw new DataError(
    source.path,
    `bytes ${offset} to ${offset + length} were asked for, but the file has ${source.size} bytes. It is truncated: copy or download it again.`,
  );
}

/** Fills `target` with the bytes from `offset`. @throws DataError as the source's `read`. */
export async function readInto(source: ByteSource, target: Uint8Array, offset: number): Promise<void> {
  if (source.readInto) return source.readInto(target, offset);
  const bytes = await source.read(offset, target.byteLength);
  target.set(bytes);
  spareBuffers.giveBack(bytes);
}

/** The error for a file that yields fewer bytes than its size promised. */
export const shortRead = (path: string, offset: number, asked: number, got: number): DataError =>
  new DataError(
    path,
    `${asked} bytes were asked for at offset ${offset} and ${got} came. The file shrank while it was read: copy it again.`,
  );

/** Reads a whole file as UTF-8 text. @throws DataError above `maxBytes` or when it is not UTF-8. */
export async function readText(source: ByteSource, maxBytes = 2 ** 28): Promise<string> {
  if (source.size > maxBytes) throw new DataError(source.path, `has ${source.size} bytes; at most ${maxBytes} are read as text. Split it.`);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(await source.read(0, source.size));
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    throw new DataError(source.path, 'is not UTF-8 text. Convert it: iconv -f <encoding> -t utf-8.');
  }
}

/**
 * Reads and parses a whole JSON file. NaN and Infinity, which Python writes, are read as absent.
 * @throws DataError with the parser's words.
 */
export async function readJson(source: ByteSource): Promise<unknown> {
  return parsedJson(source.path, await readText(source)).value;
}

/** The same of a text at hand, with the keys whose numbers were not finite. @param path of the file, for messages. */
export function parsedJson(path: string, text: string): ParsedJson {
  try {
    return parseJson(text);
  } catch (cause) {
    throw new DataError(path, `is not valid JSON (${messageOf(cause)}). Copy or download it again.`);
  }
}
