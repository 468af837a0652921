/** Activations of the model on the text to disk, shard by shard: into a folder where the browser can, else as downloads. */
import type { Lab } from './controller';
import { download } from './download';

export interface SaveOptions {
  dtype: 'f32' | 'f16';
  maxRows: number;
  /** Undefined: downloads. */
  folder: FileSystemDirectoryHandle | undefined;
  signal: AbortSignal;
  /** Rows written, and rows in all. */
  onProgress(done: number, total: number): void;
}

/** Never more than one shard is in memory. @returns the files' names. @throws Error when a shard cannot be made or written, or was cancelled. */
export async function saveActivations(lab: Lab, { dtype, maxRows, folder, signal, onProgress }: SaveOptions): Promise<string[]> {
  const names: string[] = [];
  for (let index = 0; ; index++) {
    if (signal.aborted) throw new Error('Saving was cancelled.');
    const shard = await lab.ask({ type: 'harvest-shard', request: { index, dtype, maxRows } });
    for (const { name, bytes } of shard.files) {
      if (signal.aborted) throw new Error('Saving was cancelled.');
      if (folder) await writeTo(folder, name, bytes as Uint8Array<ArrayBuffer>);
      else download(name, bytes as Uint8Array<ArrayBuffer>, 'application/octet-stream');
      names.push(name);
    }
    onProgress(shard.done, shard.total);
    if (shard.done >= shard.total) return names;
    // Browsers drop a second download that starts in the same instant.
    if (!folder) await new Promise((resolve) => setTimeout(resolve, 150));
  }
}

/** The file has its name only once it is complete: until `close` the browser writes beside it. */
async function writeTo(folder: FileSystemDirectoryHandle, name: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  const stream = await (await folder.getFileHandle(name, { create: true })).createWritable();
  try {
    await stream.write(bytes);
    await stream.close();
  } catch (cause) {
    await stream.abort().catch(() => undefined);
    throw new Error(`${name} could not be written: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
}
