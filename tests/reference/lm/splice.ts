/** Float64 twins of shaders/lm/column_sums.wgsl and splice_value.wgsl. */

/** Sum of each column of x [rows, width]. */
export function columnSums(x: ArrayLike<number>, width: number): Float64Array {
  const sums = new Float64Array(width);
  for (let i = 0; i < x.length; i++) sums[i % width] = (sums[i % width] as number) + (x[i] as number);
  return sums;
}

/** scale·x + shift, row by row; scale 0 ignores x. */
export function spliceValue(x: ArrayLike<number>, shift: ArrayLike<number>, scale: number): Float64Array {
  return Float64Array.from(x, (value, i) => (scale === 0 ? 0 : scale * value) + (shift[i % shift.length] as number));
}
