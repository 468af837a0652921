/** The session's end of the reader: sources that look like the shards themselves and are read in the other worker. */
import { Calls, type Numbered, revivedError, type SentError } from '../../util/calls';
import { BlobSource } from '../bytes/byteSource';
import { type ByteSource, DataError } from '../bytes/types';
import type { ShardSource } from '../rows/shard';
import type { CheckedSource, GoodBlock } from '../rows/stream';
import type { RowBlock, RowFacts, RowSource } from '../rows/types';
import type { Opened, OpenRequest, ReaderReplies, ReaderReply, ReaderRequest, ReadRequest } from './messages';

/** The part of a Worker used here. */
export interface ReaderPort {
  postMessage(request: Numbered<ReaderRequest>): void;
  onmessage: ((event: MessageEvent<Numbered<ReaderReply>>) => void) | null;
  onmessageerror: ((event: MessageEvent) => void) | null;
  onerror: ((event: ErrorEvent) => void) | null;
  terminate(): void;
}

const CLOSED = 'the files were closed';
const FAILED = 'the worker that reads files failed: try again, or reload the page';

/**
 * One worker, started when files are first opened and shared by all that read from them, until `close`. It reads what it is asked for
 * and nothing ahead of it: whoever asks bounds the memory (`BlockStream`).
 */
export class ReaderClient {
  private port: ReaderPort | undefined;
  private readonly calls = new Calls(revived);
  /** What is open, and the request that opened it: asked again of a new worker when one has died. */
  private opened:
    | { files: readonly ByteSource[]; shards: readonly ShardSource[]; request: OpenRequest; sources: readonly RowSource[] }
    | undefined;

  constructor(private readonly start: () => ReaderPort) {}

  /**
   * The same shards, read in the worker. Sources given out before are closed, unless files and shards are the same as then.
   * @param files all that the shards were found in.
   * @throws DataError when the worker finds a shard changed or gone.
   */
  async open(files: readonly ByteSource[], shards: readonly ShardSource[]): Promise<readonly RowSource[]> {
    const { opened } = this;
    if (opened && opened.files === files && opened.shards === shards) return opened.sources;
    this.opened = undefined;
    const needed = new Set(shards.flatMap(({ recipe }) => recipe.paths));
    const blobs = files.flatMap((file) =>
      file instanceof BlobSource && needed.has(file.path) ? [{ path: file.path, blob: file.blob }] : [],
    );
    const recipes = shards.map(({ facts: { label }, recipe, tensor, hookName }) => ({ label, recipe, tensor, hookName }));
    const request: OpenRequest = { type: 'open', files: blobs, shards: recipes };
    const found = await this.ask<'open'>(request);
    const sources = shards.map((shard) => this.match(shard, found));
    this.opened = { files, shards, request, sources };
    return sources;
  }

  /** Ends the worker; what is under way fails, and the next `open` starts another. */
  close(): void {
    this.opened = undefined;
    this.end(CLOSED);
  }

  /** Of one of the sources that are open. */
  async read(request: Omit<ReadRequest, 'type'>): Promise<GoodBlock> {
    if (!this.opened) throw new Error(CLOSED);
    return this.ask<'read'>({ type: 'read', ...request });
  }

  private match({ facts }: ShardSource, { sources, refused }: Opened): RowSource {
    const { label } = facts;
    const found = sources.find((source) => source.label === label);
    if (found && JSON.stringify(found) === JSON.stringify(facts)) return new RemoteRows(this, found);
    const why = refused.find((shard) => shard.label === label);
    throw why ? revived(why.error) : new DataError(label, 'its header changed since it was dropped. Drop it again.');
  }

  private ask<K extends keyof ReaderReplies>(request: ReaderRequest): Promise<ReaderReplies[K]> {
    return this.calls.ask((id) => this.worker().postMessage({ ...request, id }));
  }

  private worker(): ReaderPort {
    if (this.port) return this.port;
    const port = this.start();
    port.onmessage = ({ data }) => this.calls.settle(data);
    port.onmessageerror = () => this.end(`${FAILED} (a block could not be received, perhaps for want of memory)`);
    port.onerror = (event) => {
      event.preventDefault();
      this.end(`${FAILED} (${event.message || 'its script could not be loaded'})`);
    };
    this.port = port;
    // The answer is not waited for: reads that are asked for next wait in the worker.
    if (this.opened) port.postMessage({ ...this.opened.request, id: 0 });
    return port;
  }

  private end(why: string): void {
    this.port?.terminate();
    this.port = undefined;
    this.calls.fail(why);
  }
}

/** A shard that lies open in the reader. */
class RemoteRows implements CheckedSource {
  readonly facts: RowFacts;

  constructor(
    private readonly reader: ReaderClient,
    facts: RowFacts,
  ) {
    // Masks are read where the shard was found.
    this.facts = { ...facts, hasMask: false };
  }

  async read(start: number, rows: number, withTokens = true): Promise<RowBlock> {
    return (await this.reader.read({ source: this.facts.label, start, rows, withTokens, check: false })).block;
  }

  readGood(start: number, rows: number, withTokens: boolean): Promise<GoodBlock> {
    return this.reader.read({ source: this.facts.label, start, rows, withTokens, check: true });
  }
}

/** The error as it was thrown: a DataError puts the path in front of its words itself. */
function revived(sent: SentError): Error {
  const { name, message, path } = sent;
  return typeof path === 'string' ? Object.assign(new DataError(path, message.slice(path.length + 2)), { name }) : revivedError(sent);
}
