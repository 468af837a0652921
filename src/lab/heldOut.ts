/** What is kept from training and measured on: held-out rows, held-out sequences of a text, the shards' own held-out sequences. */
import { heldOutBlocks } from '../data/rows/moments';
import type { ShardSource } from '../data/rows/shard';
import type { Split } from '../data/rows/split';
import type { RowSource } from '../data/rows/types';
import type { EvaluationSource, Sequences } from './evaluation';
import { notedContext } from './shardWindows';

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

/** Tokens of a window of flat rows of which nobody says how long their sequences were. */
const FLAT_WINDOW = 128;

/**
 * Whole token sequences among the shards' held-out rows, up to `evalTokens`, without those that are padded; or why there are none.
 * @param inOrder the tokens of flat rows stand in the order of a text, so that windows can be cut from them.
 */
export async function ownSequences(
  shards: readonly ShardSource[],
  split: Split,
  { context, vocab }: { context: number; vocab: number },
  evalTokens: number,
  inOrder: boolean,
): Promise<{ sequences: Sequences } | { problem: string }> {
  const lengths = [...new Set(shards.map(({ facts }) => facts.sequence))];
  const [length = 1] = lengths;
  if (lengths.length > 1) return { problem: `the shards' sequences are of several lengths (${lengths.join(', ')}): give a text.` };
  if (length > context)
    return { problem: `the shards' sequences are ${length} tokens long, the model's context is ${context}: give a text.` };
  if (length < 2 && !inOrder)
    return {
      problem:
        'nobody says in what order the shards’ tokens stand (their rows are flat, and the model does not give them in this order): give a text.',
    };
  const whole =
    length > 1
      ? [length]
      : [...new Set([notedContext(shards[0] as ShardSource) ?? FLAT_WINDOW, FLAT_WINDOW].map((T) => Math.min(T, context)))];
  for (const T of whole) {
    const wanted = Math.max(1, Math.floor(evalTokens / T));
    const tokens = new Uint32Array(wanted * T);
    let n = 0;
    for (const { source, start, rows } of split.heldOut) {
      const shard = shards[source] as ShardSource;
      for (let at = Math.ceil(start / T) * T; at + T <= start + rows && n < wanted; at += T) {
        const [ids, mask] = await Promise.all([shard.readTokens(at, T), shard.readMask(at, T)]);
        if (mask?.includes(0)) continue;
        const odd = ids?.find((id) => id < 0 || id >= vocab);
        if (!ids || odd !== undefined)
          return { problem: `${shard.facts.label} holds token id ${odd}, the model's vocabulary has ${vocab}: give a text.` };
        tokens.set(ids, n * T);
        n++;
      }
    }
    if (n > 0) return { sequences: { tokens: tokens.slice(0, n * T), n, T } };
  }
  return { problem: `no whole sequence of ${whole.join(' or ')} tokens is held out: hold out a larger fraction, or give a text.` };
}
