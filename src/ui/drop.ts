/**
 * Files out of a drop, whatever the browser offers: a FileSystemHandle (Chromium), a directory entry (all browsers), or a
 * plain File. All end as one list of files with their paths relative to what was dropped.
 */

import { isHidden } from '../util/paths';

export interface SourceFile {
  path: string;
  file: File;
  /** The way back to the file as it will be later, where the browser gives one. */
  handle?: FileSystemFileHandle | undefined;
}

/** What was dropped or chosen: its files, and the handles of what was dropped itself. */
export interface Drop {
  files: SourceFile[];
  handles: FileSystemHandle[];
}

/** Enough for any folder of shards; a home directory dropped by mistake stops here. */
export const MAX_FILES = 10_000;

/** The Chromium-only part of DataTransferItem. */
interface HandleItem {
  getAsFileSystemHandle?: () => Promise<FileSystemHandle | null>;
}

/** Call straight from the drop event: everything is asked of the items before the first await, after which they are empty. */
export async function collectDrop(transfer: DataTransfer): Promise<Drop> {
  const items = [...transfer.items].filter((item) => item.kind === 'file');
  const asked = items.map((item) => ({
    handle: (item as HandleItem).getAsFileSystemHandle?.().catch(() => null) ?? Promise.resolve(null),
    entry: typeof item.webkitGetAsEntry === 'function' ? item.webkitGetAsEntry() : null,
    file: item.getAsFile(),
  }));
  const files = await resolveDropped(asked);
  const handles = await Promise.all(asked.map(({ handle }) => handle));
  return { files, handles: handles.filter((handle) => handle !== null) };
}

export interface Dropped {
  handle: Promise<FileSystemHandle | null>;
  entry: FileSystemEntry | null;
  file: File | null;
}

export async function resolveDropped(dropped: readonly Dropped[]): Promise<SourceFile[]> {
  const out: SourceFile[] = [];
  for (const { handle, entry, file } of dropped) {
    const opened = await handle;
    if (opened) await walkHandle(opened, '', out);
    else if (entry) await walkEntry(entry, '', out);
    else if (file) out.push({ path: file.name, file });
  }
  return tidy(out);
}

/** Files of an `<input type="file">`, with or without `webkitdirectory`. */
export function collectInput(files: FileList): SourceFile[] {
  return tidy([...files].map((file) => ({ path: file.webkitRelativePath || file.name, file })));
}

/** Hidden files are left out; the rest in natural order, so that shard_2 comes before shard_10. */
export function tidy(files: SourceFile[]): SourceFile[] {
  const natural = new Intl.Collator('en', { numeric: true });
  return files
    .filter(({ path }) => !path.split('/').some((part) => isHidden(part) || part === '__MACOSX'))
    .sort((a, b) => natural.compare(a.path, b.path))
    .slice(0, MAX_FILES);
}

export async function walkHandle(handle: FileSystemHandle, folder: string, out: SourceFile[]): Promise<void> {
  if (out.length >= MAX_FILES || isHidden(handle.name)) return;
  const path = folder + handle.name;
  if (handle.kind === 'file') {
    out.push({ path, file: await (handle as FileSystemFileHandle).getFile(), handle: handle as FileSystemFileHandle });
    return;
  }
  for await (const child of (handle as FileSystemDirectoryHandle).values()) await walkHandle(child, `${path}/`, out);
}

async function walkEntry(entry: FileSystemEntry, folder: string, out: SourceFile[]): Promise<void> {
  if (out.length >= MAX_FILES || isHidden(entry.name)) return;
  const path = folder + entry.name;
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    out.push({ path, file });
    return;
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  // A reader hands out at most 100 entries at a time and an empty list at the end.
  for (;;) {
    const batch = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (batch.length === 0) return;
    for (const child of batch) await walkEntry(child, `${path}/`, out);
  }
}
