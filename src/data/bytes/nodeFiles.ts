/** Files in Node: positional reads and folder listing. Never imported by the page. */
import { type FileHandle, open, readdir, realpath, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { naturalCompare } from '../../util/naturalSort';
import { isHidden } from '../../util/paths';
import { checkRange, shortRead } from './byteSource';
import { spareBuffers } from './spareBuffers';
import { type ByteSource, DataError } from './types';

/**
 * A file on disk. Opened for each read: reads are megabytes, opening costs microseconds, and a thousand shards must not
 * hold a thousand descriptors (the usual limit is 1024).
 */
export class FileSource implements ByteSource {
  private constructor(
    readonly path: string,
    readonly file: string,
    readonly size: number,
  ) {}

  /** @param path name in messages; the file's own path unless given. */
  static async open(file: string, path = file): Promise<FileSource> {
    const info = await stat(file).catch((cause: Error) => {
      throw new DataError(path, `cannot be opened (${cause.message}).`);
    });
    if (!info.isFile()) throw new DataError(path, 'is not a file.');
    return new FileSource(path, file, info.size);
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    checkRange(this, offset, length);
    const bytes = spareBuffers.take(length);
    await this.readInto(bytes, offset);
    return bytes;
  }

  async readInto(bytes: Uint8Array, offset: number): Promise<void> {
    checkRange(this, offset, bytes.byteLength);
    const handle = await open(this.file, 'r').catch((cause: Error) => {
      throw new DataError(this.path, `cannot be opened any more (${cause.message}).`);
    });
    try {
      await fill(handle, bytes, offset, this.path);
    } finally {
      await handle.close();
    }
  }
}

/** Reads until `bytes` is full, from `base + offset` of the file on. @param path for messages. @throws DataError when the file ends before. */
export async function fill(handle: FileHandle, bytes: Uint8Array, offset: number, path: string, base = 0): Promise<void> {
  for (let done = 0; done < bytes.byteLength; ) {
    const { bytesRead } = await handle.read(bytes, done, bytes.byteLength - done, base + offset + done);
    if (bytesRead === 0) throw shortRead(path, offset, bytes.byteLength, done);
    done += bytesRead;
  }
}

/**
 * All files below the given paths, folders expanded, in natural order within each path. A file's `path` is relative to
 * the parent of what was named, as when a folder is dropped on the page. Hidden files are left out.
 * @throws DataError naming the path that does not exist.
 */
export async function listFiles(paths: string[]): Promise<FileSource[]> {
  const sources: FileSource[] = [];
  for (const path of paths) {
    const info = await stat(path).catch(() => {
      throw new DataError(path, 'no such file or folder.');
    });
    if (info.isDirectory()) await walk(path, basename(path), sources, []);
    else sources.push(await FileSource.open(path, basename(path)));
  }
  return sources;
}

/** @param above real paths of the folders that this one lies in: a link back to one of them is not followed. */
async function walk(folder: string, label: string, into: FileSource[], above: readonly string[]): Promise<void> {
  const real = await realpath(folder);
  if (above.includes(real)) return;
  const entries = await readdir(folder);
  for (const name of entries.filter((entry) => !isHidden(entry)).sort(naturalCompare)) {
    const file = join(folder, name);
    const info = await stat(file).catch(() => undefined); // dangling links
    if (info?.isDirectory()) await walk(file, `${label}/${name}`, into, [...above, real]);
    else if (info?.isFile()) into.push(await FileSource.open(file, `${label}/${name}`));
  }
}
