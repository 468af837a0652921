/** Activations of a language model as a row source: text windows in, rows of one hook out. */

import type { RowBlock, RowFacts, RowSource } from '../data/rows/types';
import { readBytes } from '../gpu/buffers';
import type { Gpu } from '../gpu/device';
import type { LanguageModel } from './model';
import type { Windows } from './windows';

/**
 * Row w·T + t is the hook's value at token t of window w. Rows are computed when read, several windows a forward pass.
 * Reads take turns with other `LanguageModel.exclusive` work.
 */
export class HarvestSource implements RowSource {
  readonly facts: RowFacts;
  private readonly batch: number;

  /** @throws Error when the hook is unknown or one window exceeds what the model was loaded for. */
  constructor(
    private readonly gpu: Gpu,
    private readonly model: LanguageModel,
    private readonly hook: string,
    private readonly windows: Pick<Windows, 'tokens' | 'count' | 'T'>,
    label = hook,
  ) {
    const { count, T } = windows;
    const d = model.hookWidth(hook);
    this.facts = { label, rows: count * T, d, dtype: 'f32', hasTokens: true, hasMask: false, sequence: T, bytes: 0 };
    this.batch = Math.floor(model.maxTokens / windows.T);
    if (this.batch < 1) throw new Error(`A window of ${windows.T} tokens exceeds the ${model.maxTokens} that the model was loaded for.`);
  }

  /**
   * Whole windows are the cheap unit: a read that begins or ends inside one computes all of it.
   * @throws Error when the range is outside the source or the device was lost.
   */
  async read(start: number, rows: number): Promise<RowBlock> {
    const { label, rows: all, d } = this.facts;
    if (start < 0 || rows < 1 || start + rows > all) throw new Error(`${label}: rows ${start} to ${start + rows} are outside 0 to ${all}.`);
    const { tokens, T } = this.windows;
    const rowBytes = d * 4;
    const bytes = new Uint8Array(rows * rowBytes);
    const last = Math.ceil((start + rows) / T);
    for (let window = Math.floor(start / T); window < last; window += this.batch) {
      const n = Math.min(this.batch, last - window);
      const from = Math.max(start, window * T);
      const end = Math.min(start + rows, (window + n) * T);
      const part = await this.model.exclusive(async () => {
        const value = this.model.prefix(this.hook, tokens.subarray(window * T, (window + n) * T), n, T);
        await this.model.settled();
        return readBytes(this.gpu, value.buffer, (from - window * T) * rowBytes, (end - from) * rowBytes);
      });
      bytes.set(new Uint8Array(part), (from - start) * rowBytes);
    }
    return { start, rows, d, dtype: 'f32', bytes, tokens: Int32Array.from(tokens.subarray(start, start + rows)) };
  }
}
