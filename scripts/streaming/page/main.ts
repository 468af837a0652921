/** In the page: rows through the reader's worker as training asks for them, and a plain read of the same files, turn about. */
import { BlobSource } from '../../../src/data/bytes/byteSource';
import { unpackOn } from '../../../src/data/bytes/unpacking';
import { webUnpacking } from '../../../src/data/bytes/webUnpacking';
import { inspectFiles } from '../../../src/data/dropped/classify';
import { ReaderClient } from '../../../src/data/reader/client';
import { BLOCK_BYTES } from '../../../src/data/rows/order';
import { readRows, type Turns, takeTurns } from '../turns';

/** The page's window. */
export type AsksPage = Window & {
  /** Set when the page can be asked. */
  timeFiles?: (rows: number, turns: number) => Promise<Turns>;
};

unpackOn(webUnpacking('reader', true));
const reader = new ReaderClient(
  () => new Worker(new URL('../../../src/data/reader/readerWorker.ts', import.meta.url), { type: 'module', name: 'reader' }),
);

async function readPlainly(files: readonly File[]): Promise<void> {
  for (const file of files) for (let at = 0; at < file.size; at += BLOCK_BYTES) await file.slice(at, at + BLOCK_BYTES).arrayBuffer();
}

(window as AsksPage).timeFiles = async (rows, turns) => {
  const files = [...((document.querySelector('#files') as HTMLInputElement).files ?? [])];
  const sources = files.map((file) => new BlobSource(file.name, file));
  const { shards } = await inspectFiles(sources);
  const remote = await reader.open(sources, shards);
  const values = files.filter(({ name }) => !name.endsWith('.json'));
  const timed = await takeTurns(
    turns,
    () => readPlainly(values),
    () => readRows(remote, rows),
  );
  reader.close();
  return { bytes: shards.reduce((sum, { facts }) => sum + facts.bytes, 0), ...timed };
};
