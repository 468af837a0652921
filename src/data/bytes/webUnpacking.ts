/**
 * Unpacking in the page's workers: DecompressionStream, into files of the browser's private file system (OPFS). The session's worker and the
 * reader's share a folder, named by the session. A closing page can run nothing, so the next one removes the folders that no page holds.
 */
import { messageOf } from '../../util/errors';
import { BlobSource } from './byteSource';
import { DataError } from './types';
import type { Scratch, UnpackPlatform } from './unpacking';

const ROOT = 'unpacked';
/** A piece of a dense stream may unpack to a thousand times as much at once. */
const PIECE = 2 ** 14;

/** What only workers have; the project's types are the page's. */
interface SyncAccess {
  write(bytes: Uint8Array, options: { at: number }): number;
  truncate(size: number): void;
  flush(): void;
  close(): void;
}
type WorkerFile = FileSystemFileHandle & { createSyncAccessHandle(): Promise<SyncAccess> };

/** @param folder name that the threads of one page share. @param isOwner holds it for as long as this thread lives, and removes what dead pages left. */
export function webUnpacking(folder: string, isOwner: boolean): UnpackPlatform {
  let opened: Promise<FileSystemDirectoryHandle> | undefined;
  const directory = (): Promise<FileSystemDirectoryHandle> => {
    opened ??= openFolder(folder, isOwner).catch((cause: unknown) => {
      opened = undefined;
      throw new Error(`the browser gives no place for temporary files (${messageOf(cause)})`);
    });
    return opened;
  };
  const find: UnpackPlatform['find'] = async (key, size, path) => {
    try {
      const file = await (await (await directory()).getFileHandle(key)).getFile();
      return file.size === size ? new BlobSource(path, file) : undefined;
    } catch {
      return undefined;
    }
  };
  return {
    inflateRaw,
    find,
    place: 'in what the browser lets this page store',
    async free() {
      const { quota, usage = 0 } = await navigator.storage.estimate();
      return quota === undefined ? undefined : quota - usage;
    },
    create: async (key) => createFile(await directory(), key),
    alone: (key, work) => navigator.locks.request(`${ROOT}/${folder}/${key}`, work) as ReturnType<typeof work>,
  };
}

const lockOf = (folder: string): string => `${ROOT}/${folder}`;

async function openFolder(folder: string, isOwner: boolean): Promise<FileSystemDirectoryHandle> {
  const root = await (await navigator.storage.getDirectory()).getDirectoryHandle(ROOT, { create: true });
  if (isOwner) {
    // Held until this thread ends.
    await new Promise<void>((resolve) => {
      void navigator.locks.request(lockOf(folder), () => {
        resolve();
        return new Promise(() => undefined);
      });
    });
    const names: string[] = [];
    for await (const name of (root as unknown as { keys(): AsyncIterable<string> }).keys()) names.push(name);
    for (const name of names.filter((other) => other !== folder))
      await navigator.locks.request(lockOf(name), { ifAvailable: true }, async (lock) => {
        if (lock) await root.removeEntry(name, { recursive: true }).catch(() => undefined);
      });
  }
  return root.getDirectoryHandle(folder, { create: true });
}

async function createFile(directory: FileSystemDirectoryHandle, key: string): Promise<Scratch> {
  const handle = (await directory.getFileHandle(key, { create: true })) as WorkerFile;
  const access = await handle.createSyncAccessHandle();
  access.truncate(0);
  let at = 0;
  return {
    async append(bytes) {
      const written = access.write(bytes, { at });
      if (written !== bytes.byteLength) throw new Error('the browser stored only a part: there is no more room');
      at += written;
    },
    async finish(path) {
      access.flush();
      access.close();
      return new BlobSource(path, await handle.getFile());
    },
    async discard() {
      access.close();
      await directory.removeEntry(key).catch(() => undefined);
    },
  };
}

async function* inflateRaw(packed: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const input = small(packed);
  let failure: unknown;
  const source = new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      async pull(controller) {
        try {
          const { done, value } = await input.next();
          if (done) controller.close();
          else controller.enqueue(value as Uint8Array<ArrayBuffer>);
        } catch (cause) {
          failure = cause;
          throw cause;
        }
      },
      cancel: async () => void (await input.return(undefined)),
    },
    { highWaterMark: 0 },
  );
  const reader = source.pipeThrough(new DecompressionStream('deflate-raw')).getReader();
  try {
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) yield piece.value;
  } catch (cause) {
    // An error of the file comes out as it went in.
    throw failure instanceof DataError ? failure : cause;
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

async function* small(packed: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const bytes of packed) for (let at = 0; at < bytes.byteLength; at += PIECE) yield bytes.subarray(at, at + PIECE);
}
