/** Where a run's activations came from. */
import type { ShardSource } from '../data/rows/shard';
import type { Split } from '../data/rows/split';
import type { Normalize } from './normalizations';
import type { Picked, ShardsInfo } from './protocol';

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
  normalize: Normalize;
  /** What each batch was rounded to in training. */
  xDtype: 'f32' | 'f16';
  /** Factor applied to activations in training; folded out of the saved weights. */
  activationScale: number;
}

/** Rows of another tensor of the same files are other data. */
const ofTensor = (label: string, { tensor }: Picked): string => (tensor === undefined ? label : `${tensor} of ${label}`);

/** What the shards' own files say of where the rows come from. */
export function shardsOrigin(shards: readonly ShardSource[], picked: Picked = {}): { data: string; hookName?: string } {
  const [first] = shards as [ShardSource];
  const data = ofTensor(shards.length === 1 ? first.label : `${shards.length} shards, ${first.label} first`, picked);
  const isSame = first.hookName !== undefined && shards.every(({ hookName }) => hookName === first.hookName);
  return { data, ...(isSame && { hookName: first.hookName }) };
}

/** The shards as the page shows them. */
export function shardsInfo(
  shards: readonly ShardSource[],
  { trainRows, heldOutRows }: Split,
  picked: Picked = {},
): Omit<ShardsInfo, 'badRows'> {
  const [first] = shards as [ShardSource];
  return {
    source: 'shards',
    label: ofTensor(shards.length === 1 ? first.label : `${shards.length} shards`, picked),
    rows: trainRows + heldOutRows,
    d: first.d,
    dtype: [...new Set(shards.map(({ dtype }) => dtype))].join(', '),
    trainRows,
    heldOutRows,
    bytes: shards.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}
