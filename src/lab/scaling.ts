/**
 * By what factor activations are multiplied before the SAEs see them. The factor is folded out of saved weights and of every metric; λ, lr
 * and losses are of the multiplied rows.
 */
import { blockToFloats } from '../data/floats';
import { type Moments, sampleMoments } from '../data/moments';
import type { RowBlock, RowDtype, RowRange, RowSource } from '../data/types';
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
  if (normalize !== 'mean-norm') {
    const moments = await sampleMoments(sources, ranges, { seed });
    return { moments, scale: normalize === 'none' ? 1 : usable(1 / Math.sqrt(moments.meanSquareNorm), 'mean square norm 1') };
  }
  const meters = sources.map((source) => new NormMeter(source));
  const moments = await sampleMoments(meters, ranges, { seed });
  const rows = meters.reduce((sum, meter) => sum + meter.measured, 0);
  const meanNorm = meters.reduce((sum, meter) => sum + meter.norms, 0) / rows;
  return { moments, scale: usable(Math.sqrt(moments.mean.length) / meanNorm, 'a mean norm of √d') };
}

function usable(scale: number, aim: string): number {
  if (!Number.isFinite(scale)) throw new Error(`the sampled activations are all zero: they cannot be scaled to ${aim}`);
  return scale;
}

/** A source that adds up the norms of the rows read through it, so that one reading of the sample gives every figure. */
class NormMeter implements RowSource {
  /** Rows without NaN or Inf, and Σ‖x‖ of them. */
  measured = 0;
  norms = 0;
  readonly label: string;
  readonly rows: number;
  readonly d: number;
  readonly dtype: RowDtype;
  readonly hasTokens: boolean;
  readonly sequence: number;
  readonly bytes: number;

  constructor(private readonly source: RowSource) {
    ({
      label: this.label,
      rows: this.rows,
      d: this.d,
      dtype: this.dtype,
      hasTokens: this.hasTokens,
      sequence: this.sequence,
      bytes: this.bytes,
    } = source);
  }

  async read(start: number, rows: number, withTokens?: boolean): Promise<RowBlock> {
    const block = await this.source.read(start, rows, withTokens);
    const values = blockToFloats(block);
    for (let r = 0, i = 0; r < block.rows; r++) {
      let squares = 0;
      for (const end = i + block.d; i < end; i++) squares += (values[i] as number) ** 2;
      if (!Number.isFinite(squares)) continue;
      this.norms += Math.sqrt(squares);
      this.measured++;
    }
    return block;
  }
}
