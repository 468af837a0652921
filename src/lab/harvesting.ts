/** Activations of a model as rows of shards: the loop that page and command line share. */
import { encodeF16 } from '../data/formats/floats';
import { blockToFloats } from '../data/rows/block';
import type { HarvestSource } from '../lm/harvest';

export type ShardDtype = 'f32' | 'f16';

/** A part of a shard, in whole forward passes: rows [at, at + count) of the source. */
export interface HarvestedRows {
  at: number;
  count: number;
  /** `[count, d]`, as they are stored. */
  values: Float32Array | Uint16Array;
  tokens: Int32Array | undefined;
}

/** What a shard says of itself. */
export const shardMetadata = (hook: string, model: string, T: number): Record<string, string> => ({
  hook_name: hook,
  model_name: model,
  context_size: String(T),
});

/**
 * Rows [start, start + rows), computed at most `maxTokens` at once, whatever the shard's size. @param T rows of a sequence.
 * @throws Error naming the first row that is not finite: such a shard would be refused, or trained on without them.
 */
export async function* harvestRows(
  source: HarvestSource,
  { start, rows }: { start: number; rows: number },
  dtype: ShardDtype,
  { T, maxTokens }: { T: number; maxTokens: number },
): AsyncGenerator<HarvestedRows> {
  const stride = Math.max(T, Math.floor(maxTokens / T) * T);
  for (let at = start; at < start + rows; ) {
    const count = Math.min(stride - (at % stride), start + rows - at);
    const block = await source.read(at, count);
    const values = blockToFloats(block);
    const bad = values.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0)
      throw new Error(
        `${source.facts.label}: the model gives ${values[bad]} at row ${at + Math.floor(bad / source.facts.d)}: ` +
          'its weights hold NaN or Inf, or its values leave f32. Nothing of this part was written.',
      );
    yield { at, count, values: dtype === 'f16' ? encodeF16(values) : values, tokens: block.tokens };
    at += count;
  }
}
