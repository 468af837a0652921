/** How fast rows come out of a folder in Node, from the page cache, beside a plain sequential read of the same files into one buffer. */
import { open } from 'node:fs/promises';
import { type FileSource, listFiles } from '../../src/data/bytes/nodeFiles';
import { nodeUnpacking } from '../../src/data/bytes/nodeUnpacking';
import { unpackOn } from '../../src/data/bytes/unpacking';
import { inspectFiles } from '../../src/data/dropped/classify';
import { BLOCK_BYTES } from '../../src/data/rows/order';
import { readRows, type Turns, takeTurns } from './turns';

/** @throws Error when rows are missing. */
export async function timeFolder(folder: string, rows: number, turns: number): Promise<Turns> {
  unpackOn(nodeUnpacking);
  const files = await listFiles([folder]);
  const { shards } = await inspectFiles(files);
  const values = files.filter(({ path }) => !path.endsWith('.json'));
  const timed = await takeTurns(
    turns,
    () => readPlainly(values),
    () => readRows(shards, rows),
  );
  return { bytes: shards.reduce((sum, { facts }) => sum + facts.bytes, 0), ...timed };
}

async function readPlainly(files: readonly FileSource[]): Promise<void> {
  const buffer = new Uint8Array(BLOCK_BYTES);
  for (const { file } of files) {
    const handle = await open(file);
    while ((await handle.read(buffer, 0, buffer.length, null)).bytesRead > 0);
    await handle.close();
  }
}
