/**
 * By what factor activations are multiplied before the SAEs see them. The factor is folded out of saved weights and of every metric; λ, lr
 * and losses are of the multiplied rows.
 */
import { type Moments, sampleMoments } from '../data/rows/moments';
import type { RowRange, RowSource } from '../data/rows/types';
import type { Normalize } from './normalizations';

export interface Scaling {
  /** Above 0; 1 without normalisation. */
  scale: number;
  moments: Moments;
}

/**
 * Moments of a sample of the training rows, and the factor that they give.
 * @throws DataError when the rows cannot be read; Error when they are all zero and a factor is asked for.
 */
export async function sampleScaling(
  sources: readonly RowSource[],
  ranges: readonly RowRange[],
  { normalize, seed }: { normalize: Normalize; seed: number },
): Promise<Scaling> {
  const moments = await sampleMoments(sources, ranges, { seed });
  return { moments, scale: FACTORS[normalize](moments) };
}

const FACTORS: Record<Normalize, (moments: Moments) => number> = {
  'mean-square': ({ meanSquareNorm }) => usable(1 / Math.sqrt(meanSquareNorm), 'mean square norm 1'),
  'mean-norm': ({ mean, meanNorm }) => usable(Math.sqrt(mean.length) / meanNorm, 'a mean norm of √d'),
  none: () => 1,
};

function usable(scale: number, aim: string): number {
  if (!Number.isFinite(scale)) throw new Error(`the sampled activations are all zero: they cannot be scaled to ${aim}`);
  return scale;
}
