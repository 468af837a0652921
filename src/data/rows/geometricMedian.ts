/** The point whose distances to the rows sum to the least: a start of b_dec that far-off rows move little. */

/** Rows that it is formed of. */
export const MEDIAN_ROWS = 4096;

const MOST_ROUNDS = 100;
const CLOSE = 1e-5;

/**
 * Weiszfeld's iteration as in dictionary_learning: from the mean, each round weights the rows by 1/distance, at most 100 rounds, until a round
 * moves the point by less than 1e-5.
 * @param rows `[n, d]`, n > 0. @returns `[d]`. A round that meets a row exactly stops there: its weight would be infinite.
 */
export function geometricMedian(rows: Float32Array | Float64Array, d: number): Float64Array {
  const n = rows.length / d;
  let guess = new Float64Array(d);
  for (let i = 0; i < rows.length; i++) guess[i % d] = (guess[i % d] as number) + (rows[i] as number) / n;
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const next = new Float64Array(d);
    let total = 0;
    for (let r = 0; r < n; r++) {
      let square = 0;
      for (let c = 0; c < d; c++) square += ((rows[r * d + c] as number) - (guess[c] as number)) ** 2;
      if (square === 0) return guess;
      const weight = 1 / Math.sqrt(square);
      total += weight;
      for (let c = 0; c < d; c++) next[c] = (next[c] as number) + weight * (rows[r * d + c] as number);
    }
    let moved = 0;
    for (let c = 0; c < d; c++) {
      next[c] = (next[c] as number) / total;
      moved += ((next[c] as number) - (guess[c] as number)) ** 2;
    }
    guess = next;
    if (Math.sqrt(moved) < CLOSE) break;
  }
  return guess;
}
