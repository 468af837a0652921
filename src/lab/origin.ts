/** Where a run's activations came from. */
import { sha256 } from '../data/bytes/fingerprint';
import { describePool } from '../data/dropped/pooled';
import type { Shuffle } from '../data/pool/sequencer';
import type { ShardSource } from '../data/rows/shard';
import type { Split } from '../data/rows/split';
import type { EvaluationSource, Sequences } from './evaluation';
import { isShardsWord } from './hookInUse';
import type { Normalize } from './normalizations';
import type { Picked, Provenance, RunIdentity, ShardsInfo, TextInfo } from './protocol';
import type { RunInputs } from './settings';

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
  /** SHA-256 each: the rows, the language model, what is measured on (`RunIdentity`). */
  rowsId?: string;
  modelId?: string;
  evaluationId?: string;
  /** What the rows were read from, for the line that trains a run again; absent where they come from no files. */
  inputs?: RunInputs;
  /** Seed of data order and held-out split, and whether rows are shuffled. */
  dataSeed: number;
  shuffle: Shuffle;
  /** Path of the weights that runs with `hasInit` started from. */
  init?: string;
  /** What the metrics rest on. */
  provenance?: Provenance;
  batch: number;
  normalize: Normalize;
  /** What each batch was rounded to in training. */
  xDtype: 'f32' | 'f16';
  /** Factor applied to activations in training; folded out of the saved weights. */
  activationScale: number;
}

/** What of a run's origin decides what it may be compared with. */
export const identityOf = ({ rowsId, filter, hookName, modelId, evaluationId, normalize }: Identified): RunIdentity => ({
  ...(rowsId !== undefined && { rows: rowsId }),
  filter: filter ?? '',
  ...(hookName !== undefined && { hook: hookName }),
  ...(modelId !== undefined && { model: modelId }),
  ...(evaluationId !== undefined && { evaluation: evaluationId }),
  normalize,
});
export type Identified = Pick<Origin, 'rowsId' | 'filter' | 'hookName' | 'modelId' | 'evaluationId' | 'normalize'>;

/** SHA-256 of facts, by their JSON. */
export const idOf = (facts: unknown): Promise<string> => sha256(new TextEncoder().encode(JSON.stringify(facts)));

/** SHA-256 of what is measured on: the token sequences, or which rows; undefined when none are. */
export async function evaluationIdOf(evaluation: EvaluationSource, { heldOut }: Pick<Split, 'heldOut'>): Promise<string | undefined> {
  if (evaluation.kind === 'rows') return heldOut.length === 0 ? undefined : idOf(heldOut);
  const { tokens, n, T } = evaluation.sequences;
  return idOf([n, T, await sha256(new Uint8Array(tokens.slice(0, n * T).buffer))]);
}

/** What of a text is measured on, as the page shows it: what was found out when runs started, before that what is held out. */
export const measuredText = (
  { n, T }: Sequences,
  { evalTokensSeen, evalText }: Provenance = {},
): Pick<TextInfo, 'heldOutSequences' | 'sequenceLength' | 'overlap'> => ({
  heldOutSequences: evalTokensSeen ? evalTokensSeen.of / T : n,
  sequenceLength: T,
  ...(evalText !== undefined && { overlap: evalText }),
});

/** What is measured on, and what that rests on. @param model that is run for it, where one is. */
export async function measuredOrigin(
  evaluation: EvaluationSource,
  split: Pick<Split, 'heldOut'>,
  provenance: Provenance,
  model: { label: string; id: string } | undefined,
): Promise<Partial<Origin>> {
  const { hook, hookFrom, hookCheck } = provenance;
  // A hook that the check has disproved is not what saved SAEs and comparisons call the rows'; the shards' own word stands where it is the model that is another.
  const isDisproved = hookCheck?.verdict === 'mismatch' && (hookCheck.instead !== undefined || !isShardsWord(hookFrom));
  const evaluationId = await evaluationIdOf(evaluation, split);
  return {
    ...(evaluationId !== undefined && { evaluationId }),
    ...(hook !== undefined && !isDisproved && { hookName: hook }),
    provenance,
    ...(evaluation.kind === 'model' && model && { modelName: model.label, modelId: model.id, contextSize: evaluation.sequences.T }),
  };
}

/** Rows of another tensor of the same files are other data. */
const ofTensor = (label: string, { tensor }: Picked): string => (tensor === undefined ? label : `${tensor} of ${label}`);

/** What the rows of shards are called. */
export function shardsLabel(shards: readonly ShardSource[], picked: Picked = {}): string {
  const [first] = shards as [ShardSource];
  return ofTensor(shards.length === 1 ? first.facts.label : `${shards.length} shards, ${first.facts.label} first`, picked);
}

/** Rows that a model computes, as the page shows them. */
export const harvestInfo = (label: string, d: number, heldOut: Sequences, train: Sequences): Omit<ShardsInfo, 'badRows'> => ({
  source: 'harvest',
  label,
  rows: (heldOut.n + train.n) * train.T,
  d,
  dtype: 'f32',
  trainRows: train.n * train.T,
  heldOutRows: heldOut.n * heldOut.T,
  bytes: 0,
});

/** The shards as the page shows them. */
export function shardsInfo(
  shards: readonly ShardSource[],
  { trainRows, heldOutRows }: Split,
  picked: Picked = {},
): Omit<ShardsInfo, 'badRows'> {
  const [first] = shards as [ShardSource];
  const pooled = describePool(shards);
  return {
    source: 'shards',
    ...(pooled !== undefined && { pooled }),
    label: ofTensor(shards.length === 1 ? first.facts.label : `${shards.length} shards`, picked),
    rows: trainRows + heldOutRows,
    d: first.facts.d,
    dtype: [...new Set(shards.map(({ facts }) => facts.dtype))].join(', '),
    trainRows,
    heldOutRows,
    bytes: shards.reduce((sum, { facts }) => sum + facts.bytes, 0),
  };
}
