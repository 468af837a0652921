/**
 * The reader: what reads, narrows and checks the rows of shards in a worker of its own, so that the worker which encodes GPU commands
 * never does. This is what the two say to each other; `server.ts` answers, `client.ts` asks.
 */
import type { Reply, SentError } from '../../util/calls';
import type { OpenRecipe } from '../formats/open';
import type { GoodBlock } from '../rows/stream';
import type { RowFacts } from '../rows/types';

/** A shard as the session found it: how its files are opened, and which of their tensors it is. */
export interface ShardRecipe {
  label: string;
  recipe: OpenRecipe;
  tensor: string;
  hookName: string | undefined;
}

/** Opens these shards in place of those opened before. */
export interface OpenRequest {
  type: 'open';
  /** What the recipes name. */
  files: { path: string; blob: Blob }[];
  shards: ShardRecipe[];
}

export interface ReadRequest {
  type: 'read';
  /** Label of one of the sources that `open` answered with. */
  source: string;
  start: number;
  rows: number;
  withTokens: boolean;
  /** Whether rows with NaN or Inf are left out. */
  check: boolean;
}

export type ReaderRequest = OpenRequest | ReadRequest;

export interface Opened {
  sources: RowFacts[];
  /** Shards that could not be opened, and why. */
  refused: { label: string; error: SentError }[];
}

export interface ReaderReplies {
  open: Opened;
  read: GoodBlock;
}
export type ReaderReply = Reply<ReaderReplies[keyof ReaderReplies]>;
