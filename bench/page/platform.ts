/** The benchmark's platform in a page's worker: the browser's WebGPU, no clock of processor time, the origin-private file system. */

import { BlobSource } from '../../src/data/bytes/byteSource';
import { browserName } from '../../src/util/browser';
import { messageOf } from '../../src/util/errors';
import type { Platform, StoredFile } from '../context';
import { noting } from '../peers/devices';

const FILE = 'benchmark-rows.safetensors';

/** The part of FileSystemSyncAccessHandle used here; the project's types are the page's. */
interface SyncHandle {
  truncate(size: number): void;
  write(bytes: Uint8Array, at: { at: number }): number;
  flush(): void;
  close(): void;
}

/** A file in the origin-private file system. A run that was cancelled leaves one behind, which the next one overwrites. */
async function storePrivately(bytes: Uint8Array): Promise<StoredFile> {
  const root = await navigator.storage.getDirectory();
  const entry = await root.getFileHandle(FILE, { create: true });
  const remove = () => root.removeEntry(FILE).catch(() => undefined);
  const handle = await (entry as unknown as { createSyncAccessHandle(): Promise<SyncHandle> }).createSyncAccessHandle();
  try {
    handle.truncate(0);
    const written = handle.write(bytes, { at: 0 });
    // A full disk does not throw here: it writes less (shared/reference/ux.md).
    if (written !== bytes.byteLength) throw new Error(`${written} of ${bytes.byteLength} bytes were written`);
    handle.flush();
  } catch (error) {
    handle.close();
    await remove();
    throw error;
  }
  handle.close();
  const file = await entry.getFile();
  return { source: new BlobSource(FILE, file), where: 'the browser’s private file system', remove };
}

export const pagePlatform: Platform = {
  name: browserName(navigator.userAgent),
  async store(bytes) {
    try {
      return await storePrivately(bytes);
    } catch (cause) {
      const why = messageOf(cause);
      const blob = new Blob([bytes as Uint8Array<ArrayBuffer>]);
      return { source: new BlobSource(FILE, blob), where: `memory (no private file system: ${why})`, remove: async () => {} };
    }
  },
  async noteDevices() {
    const own = Object.getOwnPropertyDescriptor(navigator, 'gpu');
    if (!own) Object.defineProperty(navigator, 'gpu', { value: noting(navigator.gpu), configurable: true });
  },
};
