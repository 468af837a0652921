/**
 * Resampling of dead latents, after Bricken et al. 2023 as the Gated paper uses it (its D.1.1): which inputs they take, and what becomes of them. Nothing
 * here touches the GPU; `docs/maths.md` has the formulas.
 */

/** When a run's dead latents begin anew. */
export interface Resampling {
  /** Steps done before each resampling, rising. */
  at: readonly number[];
  /** Steps before it in which a latent must not have fired. Half of those since the resampling before (or the start) unless given. */
  window?: number;
  /** Training rows of which the loss is formed. */
  inputs: number;
}

/** One resampling of a run, as it was. */
export interface Resampled {
  /** Steps done before it. */
  step: number;
  latents: number;
  /** Rows that they were drawn from; 0 where no latent was dead. */
  inputs: number;
}

/** Length of a new encoder row over the mean of those of the latents that are alive. */
export const RESAMPLED_LENGTH = 0.2;

/** Steps over which a latent must not have fired to be dead at the n-th resampling. */
export const windowOf = ({ at, window }: Resampling, n: number): number =>
  window ?? Math.max(1, Math.floor(((at[n] as number) - (n > 0 ? (at[n - 1] as number) : 0)) / 2));

/**
 * For each uniform number the first row whose cumulated probability exceeds it, rows having probabilities proportional to the squares of their losses.
 * Rows may be taken several times.
 * @param losses not negative, of one row each. @returns undefined where no row has a loss, or one is not finite.
 */
export function chooseRows(losses: ArrayLike<number>, uniforms: readonly number[]): number[] | undefined {
  let sum = 0;
  let last = -1;
  const cumulated = Float64Array.from(losses, (loss, j) => {
    if (loss > 0) last = j;
    sum += loss * loss;
    return sum;
  });
  if (!(sum > 0 && Number.isFinite(sum))) return undefined;
  return uniforms.map((uniform) => {
    let [low, high] = [0, last]; // rounding must not lead beyond the last row that can be taken
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((cumulated[middle] as number) > uniform * sum) high = middle;
      else low = middle + 1;
    }
    return low;
  });
}

/** The new decoder row of a latent that takes an input, and its encoder row, of the given length. @param x `[d]`, not zero. */
export function resampledRows(x: ArrayLike<number>, length: number): { enc: Float32Array; dec: Float32Array } {
  const values = Float64Array.from(x);
  const norm = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
  return {
    enc: Float32Array.from(values, (value) => (length * value) / norm),
    dec: Float32Array.from(values, (value) => value / norm),
  };
}

/** Norm of each row of `[n, d]`. */
export const rowNorms = (rows: Float32Array, d: number): Float64Array =>
  Float64Array.from({ length: rows.length / d }, (_, i) => {
    let square = 0;
    for (let k = i * d; k < (i + 1) * d; k++) square += (rows[k] as number) ** 2;
    return Math.sqrt(square);
  });

/** Mean over the latents that are not in `dead`; over all, where all are dead. */
export function meanOfAlive(values: Float64Array, dead: readonly number[]): number {
  const out = new Set(dead.length < values.length ? dead : []);
  let sum = 0;
  for (let i = 0; i < values.length; i++) if (!out.has(i)) sum += values[i] as number;
  return sum / (values.length - out.size);
}
