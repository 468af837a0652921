/** Where a run's activations came from. */
import type { ShardSource } from '../data/shard';
import type { Split } from '../data/split';
import type { ShardsInfo } from './protocol';

/** Where a run's activations came from and how they were treated; what is unknown is absent. */
export interface Origin {
  data: string;
  hookName?: string;
  modelName?: string;
  contextSize?: number;
  /** SHA-256 over names, sizes and edges of the files that the rows come from (`data/fingerprint.ts`). */
  fingerprint?: string;
  /** Rows left out on request, in words; absent when none are. */
  filter?: string;
  batch: number;
  normalize: 'none' | 'mean-square';
  /** Factor applied to activations in training; folded out of the saved weights. */
  activationScale: number;
}

/** What the shards' own files say of where the rows come from. */
export function shardsOrigin(shards: readonly ShardSource[]): { data: string; hookName?: string } {
  const [first] = shards as [ShardSource];
  const data = shards.length === 1 ? first.label : `${shards.length} shards, ${first.label} first`;
  const isSame = first.hookName !== undefined && shards.every(({ hookName }) => hookName === first.hookName);
  return { data, ...(isSame && { hookName: first.hookName }) };
}

/** The shards as the page shows them. */
export function shardsInfo(shards: readonly ShardSource[], { trainRows, heldOutRows }: Split): Omit<ShardsInfo, 'badRows'> {
  const [first] = shards as [ShardSource];
  return {
    source: 'shards',
    label: shards.length === 1 ? first.label : `${shards.length} shards`,
    rows: trainRows + heldOutRows,
    d: first.d,
    dtype: [...new Set(shards.map(({ dtype }) => dtype))].join(', '),
    trainRows,
    heldOutRows,
    bytes: shards.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}
