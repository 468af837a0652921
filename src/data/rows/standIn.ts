/** A shard that can be opened anew, or left out, while runs train on it: what happens to a file on disk must not cost what was trained. */

import { DataError } from '../bytes/types';
import { removeBadRows } from './badRows';
import type { CheckedSource, GoodBlock } from './stream';
import type { RowBlock, RowFacts, RowSource } from './types';

/** What must agree for one file to take another's place. */
const SAME = ['rows', 'd', 'dtype', 'sequence', 'hasTokens'] as const;

export class StandIn implements CheckedSource {
  readonly facts: RowFacts;
  private isLeftOut = false;
  /** Where rows are read: the source itself, or the same file open in another thread. */
  private reads: RowSource;

  constructor(private source: RowSource) {
    this.reads = source;
    this.facts = source.facts;
  }

  get leftOut(): boolean {
    return this.isLeftOut;
  }

  /** From now on reads yield no rows, and nothing is asked of the file. */
  leaveOut(): void {
    this.isLeftOut = true;
  }

  /** Rows are read there, masks still here. */
  readRowsFrom(remote: RowSource): void {
    this.reads = remote;
  }

  /** From now on reads go to this source. @throws DataError when its rows cannot take the place of those here. */
  replace(source: RowSource): void {
    const [now, before] = [source.facts, this.facts];
    const odd = SAME.find((name) => now[name] !== before[name]);
    if (odd)
      throw new DataError(
        before.label,
        `has other rows than before (${odd}: ${now[odd]}, was ${before[odd]}), so the runs in training cannot go on with it. Put the old file back, skip it, or stop.`,
      );
    this.source = source;
    this.reads = source;
  }

  async read(start: number, rows: number, withTokens = true): Promise<RowBlock> {
    return this.isLeftOut ? this.nothing(start, withTokens) : this.reads.read(start, rows, withTokens);
  }

  async readGood(start: number, rows: number, withTokens: boolean): Promise<GoodBlock> {
    const { reads } = this;
    if (!this.isLeftOut && 'readGood' in reads) return (reads as CheckedSource).readGood(start, rows, withTokens);
    return removeBadRows(await this.read(start, rows, withTokens));
  }

  async readMask(start: number, rows: number): Promise<Uint8Array | undefined> {
    return this.isLeftOut ? undefined : this.source.readMask?.(start, rows);
  }

  private nothing(start: number, withTokens: boolean): RowBlock {
    const { d, dtype, hasTokens } = this.facts;
    return { start, rows: 0, d, dtype, bytes: new Uint8Array(0), ...(withTokens && hasTokens && { tokens: new Int32Array(0) }) };
  }
}
