/** Rows without their own mean over d, as a model whose writing weights are centred has them (`center_writing_weights`). */

/** Subtracts from each row of `values` `[rows, d]` its mean over d, in place. @returns the means `[rows]`. */
export function takeRowMeans(values: Float32Array, d: number): Float64Array {
  const means = new Float64Array(values.length / d);
  for (let r = 0; r < means.length; r++) {
    let sum = 0;
    for (let k = 0; k < d; k++) sum += values[r * d + k] as number;
    const mean = sum / d;
    for (let k = 0; k < d; k++) values[r * d + k] = (values[r * d + k] as number) - mean;
    means[r] = mean;
  }
  return means;
}

/** Adds each row's mean to it again, in place. */
export function giveRowMeans(values: Float32Array, d: number, means: Float64Array): void {
  for (let i = 0; i < values.length; i++) values[i] = (values[i] as number) + (means[Math.floor(i / d)] as number);
}
