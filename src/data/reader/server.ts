/** The reader's own end: holds the opened sources and reads from them. Knows nothing of workers, so that tests can drive it. */

import { answer, type Numbered, sentError } from '../../util/calls';
import { mapLimited } from '../../util/mapLimited';
import { BlobSource } from '../bytes/byteSource';
import { recipeOpener } from '../formats/open';
import { removeBadRows } from '../rows/badRows';
import { ShardSource } from '../rows/shard';
import type { GoodBlock } from '../rows/stream';
import type { RowSource } from '../rows/types';
import type { Opened, OpenRequest, ReaderReply, ReaderRequest, ReadRequest } from './messages';

/** Files opened at once. */
const CONCURRENCY = 8;

export class ReaderServer {
  private sources: Promise<readonly RowSource[]> = Promise.resolve([]);

  /** @returns the reply, and what of it changes hands instead of being copied. Never rejects. */
  answer({ id, ...request }: Numbered<ReaderRequest>): Promise<{ reply: Numbered<ReaderReply>; transfer: ArrayBuffer[] }> {
    if (request.type === 'open') return answer(id, () => this.open(request));
    return answer(id, () => this.read(request), buffersOf);
  }

  private async open({ files, shards }: OpenRequest): Promise<Opened> {
    const sources = new Map(files.map(({ path, blob }) => [path, new BlobSource(path, blob)]));
    const opener = recipeOpener((path) => sources.get(path));
    const refused: Opened['refused'] = [];
    const opening = mapLimited(shards, CONCURRENCY, async ({ label, recipe, tensor, hookName }) => {
      try {
        return [ShardSource.from(await opener(recipe), { tensor, recipe, hookName })];
      } catch (cause) {
        refused.push({ label, error: sentError(cause) });
        return [];
      }
    }).then((found) => found.flat());
    // Reads asked for meanwhile wait for it.
    this.sources = opening;
    return { sources: (await opening).map(({ facts }) => facts), refused };
  }

  private async read({ source: label, start, rows, withTokens, check }: ReadRequest): Promise<GoodBlock> {
    const source = (await this.sources).find((candidate) => candidate.facts.label === label);
    if (!source) throw new Error('the file is not open');
    const block = await source.read(start, rows, withTokens);
    const good = check ? removeBadRows(block) : { block, bad: 0 };
    return { ...good, block: { ...good.block, bytes: owned(good.block.bytes) } };
  }
}

/** A view alone in its buffer, copied only when it must be: the buffer is given away, and others may look into it. */
const owned = (bytes: Uint8Array): Uint8Array => (bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice());

/** Rows change hands; tokens are few and may share a buffer with others: they are copied. */
const buffersOf = ({ block }: GoodBlock): ArrayBuffer[] => [block.bytes.buffer as ArrayBuffer];
