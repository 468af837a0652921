/**
 * Keeps what a computed source (a language model reading text) has yielded in host memory, up to a budget, so that later epochs
 * need not compute it again. Reads beyond the budget pass through.
 */
import type { RowBlock, RowFacts, RowSource } from './types';

export class CachedSource implements RowSource {
  private readonly blocks = new Map<string, RowBlock>();
  private used = 0;

  constructor(
    private readonly source: RowSource,
    private readonly budgetBytes: number,
  ) {}

  get facts(): RowFacts {
    return this.source.facts;
  }

  async read(start: number, rows: number): Promise<RowBlock> {
    const key = `${start} ${rows}`;
    const known = this.blocks.get(key);
    if (known) return known;
    const block = await this.source.read(start, rows);
    if (this.used + block.bytes.byteLength <= this.budgetBytes) {
      this.used += block.bytes.byteLength;
      this.blocks.set(key, block);
    }
    return block;
  }
}
