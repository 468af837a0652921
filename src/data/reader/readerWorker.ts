/** The reader's worker in the page. */

import type { Numbered } from '../../util/calls';
import { unpackOn } from '../bytes/unpacking';
import { webUnpacking } from '../bytes/webUnpacking';
import type { ReaderReply, ReaderRequest } from './messages';
import { ReaderServer } from './server';

/** The part of DedicatedWorkerGlobalScope used here; the project's types are the page's. */
interface WorkerScope {
  /** Given by the session: the folder of what was unpacked. */
  name: string;
  onmessage: ((event: MessageEvent<Numbered<ReaderRequest>>) => void) | null;
  postMessage(reply: Numbered<ReaderReply>, transfer: ArrayBuffer[]): void;
}

const scope = self as unknown as WorkerScope;
unpackOn(webUnpacking(scope.name, false));
const server = new ReaderServer();

scope.onmessage = async ({ data }) => {
  const { reply, transfer } = await server.answer(data);
  scope.postMessage(reply, transfer);
};
