/** Activations of the model on the text to disk, shard by shard: into a folder where the browser can, else as downloads. */
import { messageOf } from '../util/errors';
import type { Lab } from './controller';
import { download } from './download';
import { count } from './format';

export interface SaveOptions {
  dtype: 'f32' | 'f16';
  maxRows: number;
  /** Undefined: downloads. */
  folder: FileSystemDirectoryHandle | undefined;
  signal: AbortSignal;
  /** Rows written, and rows in all. */
  onProgress(done: number, total: number): void;
}

export interface Saved {
  /** Names of the shards that were written whole, in order. */
  names: string[];
  /** Rows in them, and rows in all; 0 until the first shard is there. */
  done: number;
  total: number;
  /** Why it ended before all rows were written. */
  ended?: { why: string; wasCancelled: boolean };
}

/** Never more than one shard is in memory. What was written whole before it ended stays and can be used; nothing else does. */
export async function saveActivations(lab: Lab, { dtype, maxRows, folder, signal, onProgress }: SaveOptions): Promise<Saved> {
  const saved: Saved = { names: [], done: 0, total: 0 };
  try {
    for (let index = 0; ; index++) {
      signal.throwIfAborted();
      const shard = await lab.ask({ type: 'harvest-shard', request: { index, dtype, maxRows } });
      for (const { name, bytes } of shard.files) {
        signal.throwIfAborted();
        if (folder) await writeTo(folder, name, bytes as Uint8Array<ArrayBuffer>, signal);
        else download(name, bytes as Uint8Array<ArrayBuffer>, 'application/octet-stream');
        saved.names.push(name);
      }
      Object.assign(saved, { done: shard.done, total: shard.total });
      onProgress(shard.done, shard.total);
      if (shard.done >= shard.total) return saved;
      // Browsers drop a second download that starts in the same instant.
      if (!folder) await new Promise((resolve) => setTimeout(resolve, 150));
    }
  } catch (cause) {
    const why = signal.aborted ? 'Saving was cancelled.' : messageOf(cause);
    return { ...saved, ended: { why: why.replace(/([^.])$/, '$1.'), wasCancelled: signal.aborted } };
  }
}

/** What lies on the disk now, for the person who saved. */
export function savedWords({ names, done, total, ended }: Saved, folder: string | undefined): string {
  const where = folder === undefined ? '' : ` in ${folder}`;
  const list = `${names[0]}${names.length > 1 ? ` to ${names.at(-1)}` : ''}`;
  const shards = `${count(names.length)} ${names.length === 1 ? 'shard' : 'shards'}${where}: ${list}`;
  if (!ended) return `Saved ${shards}, ${count(done)} rows.`;
  if (names.length === 0) return `${ended.why} Nothing was written${where}.`;
  return `${ended.why} ${count(done)} of ${count(total)} rows are saved, in ${shards}. ${names.length === 1 ? 'It is' : 'They are'} whole and can be dropped here.`;
}

/**
 * The bytes are in the file only once it is complete: until `close` the browser writes beside it. When that fails, the empty file that
 * had to be made first goes too.
 * @throws Error when there is a file of this name, or it cannot be written; AbortError when cancelled.
 */
async function writeTo(
  folder: FileSystemDirectoryHandle,
  name: string,
  bytes: Uint8Array<ArrayBuffer>,
  signal: AbortSignal,
): Promise<void> {
  if (await exists(folder, name))
    throw new Error(`${folder.name} holds ${name} already, and nothing is overwritten. Choose another folder, or remove the shards there.`);
  let stream: FileSystemWritableFileStream | undefined;
  try {
    stream = await (await folder.getFileHandle(name, { create: true })).createWritable();
    await stream.write(bytes);
    signal.throwIfAborted();
    await stream.close();
  } catch (cause) {
    await stream?.abort().catch(() => undefined);
    await folder.removeEntry(name).catch(() => undefined);
    if (signal.aborted) throw cause;
    throw new Error(`${name} could not be written: ${messageOf(cause)}`);
  }
}

/** An empty file is what a page leaves that goes while it writes, and counts for nothing. */
async function exists(folder: FileSystemDirectoryHandle, name: string): Promise<boolean> {
  try {
    return (await (await folder.getFileHandle(name)).getFile()).size > 0;
  } catch (cause) {
    // A folder of that name (TypeMismatchError) stands in the way as well.
    return !(cause instanceof DOMException && cause.name === 'NotFoundError');
  }
}
