/**
 * The session in a dedicated worker: owns the GPU, the files and the training loop, so that the page never waits. Shards are read in
 * a worker of its own.
 */

import { unpackOn } from '../data/bytes/unpacking';
import { webUnpacking } from '../data/bytes/webUnpacking';
import { ReaderClient } from '../data/reader/client';
import { answer } from '../util/calls';
import type { Envelope, LabEvent, Replies } from './protocol';
import { Session } from './session';

/** The part of DedicatedWorkerGlobalScope used here; the project's types are the page's. */
interface WorkerScope {
  navigator: Navigator;
  onmessage: ((event: MessageEvent<Envelope>) => void) | null;
  postMessage(message: LabEvent, transfer: ArrayBuffer[]): void;
}

const scope = self as unknown as WorkerScope;
const emit = (event: LabEvent, transfer: ArrayBuffer[] = []) => scope.postMessage(event, transfer);

// The built worker lies in assets/, the demo beside that folder; the dev server serves it from the root.
const demoBase = new URL(import.meta.env.DEV ? '/demo/' : '../demo/', import.meta.url).href;
// Both workers find what the other has unpacked: the reader's name is that of the folder.
const unpacked = crypto.randomUUID();
unpackOn(webUnpacking(unpacked, true));
const reader = new ReaderClient(
  () => new Worker(new URL('../data/reader/readerWorker.ts', import.meta.url), { type: 'module', name: unpacked }),
);
const session = new Session(scope.navigator.gpu, emit, demoBase, reader);

/** Files that were made for the page change hands. */
const buffersOf = (value: Replies[keyof Replies] | undefined): ArrayBuffer[] =>
  value && 'files' in value ? value.files.map(({ bytes }) => bytes.buffer as ArrayBuffer) : [];

scope.onmessage = async ({ data: { id, command } }: MessageEvent<Envelope>) => {
  const { reply, transfer } = await answer(id, () => session.handle(command), buffersOf);
  emit({ type: 'reply', ...reply }, transfer);
};
