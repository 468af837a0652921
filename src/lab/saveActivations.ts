/** Harvest to disk from the page, a shard of whole windows at a time: memory is bounded by one shard, whatever the text's length. */

import { layoutSafetensors } from '../data/formats/safetensors/write';
import type { Gpu } from '../gpu/device';
import { HarvestSource } from '../lm/harvest';
import type { LanguageModel } from '../lm/model';
import type { Sequences } from './evaluation';
import { harvestRows, shardMetadata } from './harvesting';
import type { HarvestedShard, ShardRequest } from './protocol';

const SHARD_BYTES = 32 * 2 ** 20;

/** What is harvested: a hook of a model on token sequences. */
export interface Harvested {
  model?: LanguageModel | undefined;
  modelLabel?: string | undefined;
  hook?: string | undefined;
  sequences?: Sequences | undefined;
}

/**
 * The shard as a safetensors file: `activations` and `tokens`, as the command line's `harvest` writes them.
 * @param onProgress fraction of all shards' rows done; may throw to cancel.
 * @throws Error saying what is missing.
 */
export async function harvestShard(
  gpu: Gpu,
  { model, modelLabel = 'model', hook, sequences }: Harvested,
  { index, dtype, maxRows }: ShardRequest,
  onProgress: (fraction: number) => void,
): Promise<HarvestedShard> {
  if (!model || !hook || !sequences) throw new Error('Activations are made by a language model reading text: drop its folder and a text.');
  const { tokens, T } = sequences;
  const count = Math.max(1, Math.min(sequences.n, Math.floor(maxRows / T)));
  const source = new HarvestSource(gpu, model, hook, { tokens, count, T });
  const { d, rows: total } = source.facts;
  const bytesPerValue = dtype === 'f16' ? 2 : 4;
  const perShard = T * Math.max(1, Math.floor(SHARD_BYTES / (T * d * bytesPerValue)));
  const start = index * perShard;
  if (start >= total) throw new Error(`There is no shard ${index}: all ${total} rows are in those before it.`);
  const rows = Math.min(perShard, total - start);
  const { header, offsets, size } = layoutSafetensors(
    [
      { name: 'activations', dtype: dtype === 'f16' ? 'F16' : 'F32', shape: [rows, d] },
      { name: 'tokens', dtype: 'I32', shape: [rows] },
    ],
    shardMetadata(hook, modelLabel, T),
  );
  const file = new Uint8Array(size);
  file.set(header);
  file.set(new Uint8Array(Int32Array.from(tokens.subarray(start, start + rows)).buffer), offsets.get('tokens'));
  for await (const { at, count, values } of harvestRows(source, { start, rows }, dtype, { T, maxTokens: model.maxTokens })) {
    const place = (offsets.get('activations') as number) + (at - start) * d * bytesPerValue;
    file.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), place);
    onProgress((at + count) / total);
  }
  const name = `${modelLabel}_${hook}`.replace(/[^\w.-]+/g, '_');
  return {
    files: [{ name: `${name}_${String(index).padStart(5, '0')}.safetensors`, bytes: file }],
    done: start + rows,
    total,
  };
}

/** Shards one after the other, until a person has had enough. */
export class SavingActivations {
  private isCancelled = false;

  /** Ends the shard that is being made. */
  cancel(): void {
    this.isCancelled = true;
  }

  /** @throws Error as `harvestShard`, or that saving was cancelled. */
  shard(gpu: Gpu, from: Harvested, request: ShardRequest, onProgress: (fraction: number) => void): Promise<HarvestedShard> {
    this.isCancelled = false;
    return harvestShard(gpu, from, request, (fraction) => {
      if (this.isCancelled) throw new Error('Saving was cancelled.');
      onProgress(fraction);
    });
  }
}
