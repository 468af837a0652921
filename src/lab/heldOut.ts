/** What is kept from training and measured on: held-out rows, held-out sequences of a text, the shards' own held-out sequences. */
import { heldOutBlocks } from '../data/rows/moments';
import type { Split } from '../data/rows/split';
import type { RowSource } from '../data/rows/types';
import type { EvaluationSource, Sequences } from './evaluation';

export const rowsEvaluation = (sources: readonly RowSource[], split: Split): EvaluationSource => ({
  kind: 'rows',
  blocks: () => heldOutBlocks(sources, split.heldOut),
});

/**
 * The first sequences are held out, so that no document is cut between the two parts more than once.
 * @param leastTokens held-out tokens wanted at least, where that leaves half of the text for training.
 */
export function splitSequences(
  { tokens, n, T }: Sequences,
  holdout: number,
  trainTokens = Number.POSITIVE_INFINITY,
  leastTokens = 0,
): { heldOut: Sequences; train: Sequences } {
  if (n < 2) throw new Error(`the text gives ${n} window of ${T} tokens; training and held-out evaluation need at least 2`);
  const least = Math.min(Math.floor(n / 2), Math.ceil(leastTokens / T));
  const held = Math.min(n - 1, Math.max(1, Math.round(n * holdout), least));
  const train = Math.max(1, Math.min(n - held, Math.floor(trainTokens / T)));
  return {
    heldOut: { tokens: tokens.subarray(0, held * T), n: held, T },
    train: { tokens: tokens.subarray(held * T, (held + train) * T), n: train, T },
  };
}

/** The first sequences, up to `mostTokens` in all; at least one. */
export function limitSequences({ tokens, n, T }: Sequences, mostTokens: number): Sequences {
  const count = Math.max(1, Math.min(n, Math.floor(mostTokens / T)));
  return { tokens: tokens.subarray(0, count * T), n: count, T };
}

/** Whole token sequences among the shards' held-out rows, up to `evalTokens`, without those that are padded; undefined when the shards have none that fit the model. */
export async function sequencesOfShards(
  shards: readonly RowSource[],
  split: Split,
  { context, vocab }: { context: number; vocab: number },
  evalTokens: number,
): Promise<Sequences | undefined> {
  const T = shards[0]?.facts.sequence ?? 1;
  if (T < 2 || T > context || shards.some(({ facts: { sequence, hasTokens } }) => sequence !== T || !hasTokens)) return undefined;
  const wanted = Math.max(1, Math.floor(evalTokens / T));
  const tokens = new Uint32Array(wanted * T);
  let n = 0;
  for (const { source, start, rows } of split.heldOut) {
    for (let at = Math.ceil(start / T) * T; at + T <= start + rows && n < wanted; at += T) {
      const shard = shards[source] as RowSource;
      const [block, mask] = await Promise.all([shard.read(at, T), shard.readMask?.(at, T)]);
      if (mask?.includes(0)) continue;
      if (!block.tokens || block.tokens.some((id) => id < 0 || id >= vocab)) return undefined;
      tokens.set(block.tokens, n * T);
      n++;
    }
  }
  return { tokens: tokens.slice(0, n * T), n, T };
}
