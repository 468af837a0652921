/**
 * The reader: what reads, narrows and checks the rows of shards in a worker of its own, so that the worker which encodes GPU commands
 * never does. This is what the two say to each other; `readerServer.ts` answers, `readerClient.ts` asks.
 */
import type { inspectFiles } from '../dropped/classify';
import type { GoodBlock } from '../rows/stream';
import type { RowSource } from '../rows/types';

/** Everything about a source but how to read it. */
export type RowFacts = Omit<RowSource, 'read'>;

export const factsOf = ({ label, rows, d, dtype, hasTokens, sequence, bytes }: RowFacts): RowFacts => ({
  label,
  rows,
  d,
  dtype,
  hasTokens,
  sequence,
  bytes,
});

/** How the files are to be understood: what the session's own inspection was told. */
export type OpenOptions = NonNullable<Parameters<typeof inspectFiles>[1]>;

/** Opens these files in place of those opened before. */
export interface OpenRequest {
  type: 'open';
  files: { path: string; blob: Blob }[];
  options: OpenOptions;
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
  /** Files that were refused, and why. */
  refused: { path: string; error: string }[];
}

export interface ReaderReplies {
  open: Opened;
  read: GoodBlock;
}
export type ReaderReply = { ok: true; value: ReaderReplies[keyof ReaderReplies] } | { ok: false; error: SentError };

/** Requests and replies carry the same number. */
export type Numbered<T> = T & { id: number };

/** An error as it crosses from one worker to the other: structured cloning keeps neither class nor path. */
export interface SentError {
  name: string;
  message: string;
  /** Of a DataError: the file. */
  path?: string;
}
