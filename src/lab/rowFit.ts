/** How near rows are to those that a model gives: row by row, or by their moments. Plain arithmetic. */

/** Median over rows of ‖x − y‖ / max(‖x‖, ‖y‖), x the shards' rows and y the model's, and the same after what is often done to rows. */
export interface Fit {
  rows: number;
  plain: number;
  /** x against c·y, c the factor of least squares. */
  scaled: { factor: number; error: number };
  /** Against y less each row's own mean. */
  centered: number;
  /** Both less the mean of these rows: what is left when one vector was subtracted. Needs a few rows. */
  shifted: number;
}

/** Rows fewer than this say nothing about a common vector. */
const LEAST_SHIFTED = 8;

/** @param x `[n, d]` @param y `[n, d]` or more rows. */
export function fitOf(x: Float32Array, y: Float32Array, d: number): Fit {
  const n = x.length / d;
  let [xy, yy] = [0, 0];
  const [meanX, meanY] = [new Float64Array(d), new Float64Array(d)];
  for (let i = 0; i < n * d; i++) {
    const [a, b] = [x[i] as number, y[i] as number];
    xy += a * b;
    yy += b * b;
    meanX[i % d] = (meanX[i % d] as number) + a / n;
    meanY[i % d] = (meanY[i % d] as number) + b / n;
  }
  const factor = yy > 0 ? xy / yy : 0;
  const rowMeans = Float64Array.from({ length: n }, (_, r) => y.subarray(r * d, (r + 1) * d).reduce((sum, value) => sum + value, 0) / d);
  const zero = () => 0;
  return {
    rows: n,
    plain: medianError(x, y, d, 1, zero),
    scaled: { factor, error: factor > 0 ? medianError(x, y, d, factor, zero) : Number.POSITIVE_INFINITY },
    centered: medianError(x, y, d, 1, (r) => rowMeans[r] as number),
    shifted: n < LEAST_SHIFTED ? Number.POSITIVE_INFINITY : medianError(x, y, d, 1, (_, c) => (meanY[c] as number) - (meanX[c] as number)),
  };
}

/** Median over rows of ‖x − (factor·y − shift)‖ / max of the two norms. A row that is not finite differs wholly. */
function medianError(x: Float32Array, y: Float32Array, d: number, factor: number, shift: (row: number, column: number) => number): number {
  const errors: number[] = [];
  for (let r = 0; r < x.length / d; r++) {
    let [off, xx, yy] = [0, 0, 0];
    for (let c = 0; c < d; c++) {
      const a = x[r * d + c] as number;
      const b = factor * (y[r * d + c] as number) - shift(r, c);
      off += (a - b) ** 2;
      xx += a * a;
      yy += b * b;
    }
    const largest = Math.max(xx, yy);
    errors.push(largest === 0 ? 0 : Number.isFinite(off) ? Math.sqrt(off / largest) : Number.POSITIVE_INFINITY);
  }
  errors.sort((a, b) => a - b);
  return errors[Math.floor(errors.length / 2)] ?? Number.POSITIVE_INFINITY;
}

/** Moments of rows, without those that are not finite and without outliers (norm sinks: first positions, delimiters). */
export interface RowMoments {
  rows: number;
  meanNorm: number;
  /** `[d]` each: mean and variance of the columns. */
  mean: Float64Array;
  variance: Float64Array;
}

/** A norm above so many times the median is a sink's. */
const OUTLIER = 10;

/** @param x `[n, d]`. @returns undefined when fewer than two rows are left. */
export function rowMoments(x: Float32Array, d: number): RowMoments | undefined {
  const norms = Float64Array.from({ length: x.length / d }, (_, r) =>
    Math.sqrt(x.subarray(r * d, (r + 1) * d).reduce((sum, value) => sum + value * value, 0)),
  );
  const sorted = norms.filter(Number.isFinite).sort();
  const bound = OUTLIER * (sorted[Math.floor(sorted.length / 2)] ?? 0);
  const [sum, squares] = [new Float64Array(d), new Float64Array(d)];
  let [rows, meanNorm] = [0, 0];
  norms.forEach((norm, r) => {
    if (!(norm <= bound)) return;
    rows++;
    meanNorm += norm;
    for (let c = 0; c < d; c++) {
      const value = x[r * d + c] as number;
      sum[c] = (sum[c] as number) + value;
      squares[c] = (squares[c] as number) + value * value;
    }
  });
  if (rows < 2) return undefined;
  const mean = sum.map((value) => value / rows);
  return {
    rows,
    meanNorm: meanNorm / rows,
    mean,
    variance: squares.map((value, c) => Math.max(0, value / rows - (mean[c] as number) ** 2)),
  };
}

/** How alike two sets of moments are. */
export interface Likeness {
  /** Correlation over columns of the logarithms of their variances, and cosine of the means: 1 for the same place, about 0 for another model. */
  spread: number;
  mean: number;
  /** Ratio of the mean norms, the first's to the second's. */
  norm: number;
}

export function likeness(a: RowMoments, b: RowMoments): Likeness {
  const used = [...a.mean.keys()].filter((c) => (a.variance[c] as number) > 0 && (b.variance[c] as number) > 0);
  const logs = (m: RowMoments) => used.map((c) => Math.log(m.variance[c] as number));
  return { spread: correlation(logs(a), logs(b)), mean: cosine([...a.mean], [...b.mean]), norm: a.meanNorm / b.meanNorm };
}

const cosine = (x: readonly number[], y: readonly number[]): number => {
  let [xy, xx, yy] = [0, 0, 0];
  x.forEach((value, i) => {
    xy += value * (y[i] as number);
    xx += value * value;
    yy += (y[i] as number) ** 2;
  });
  return xx > 0 && yy > 0 ? xy / Math.sqrt(xx * yy) : 0;
};
const centred = (x: readonly number[]): number[] => {
  const mean = x.reduce((sum, value) => sum + value, 0) / x.length;
  return x.map((value) => value - mean);
};
const correlation = (x: readonly number[], y: readonly number[]): number => cosine(centred(x), centred(y));

/** Fewer columns correlate by chance. */
const LEAST_COLUMNS = 64;

/**
 * `alike`: of one place as far as moments tell; another of nearly the same values cannot be told from it. `foreign`: not of one place.
 * The bounds lie between what was measured (demo model, 256 to 1024 tokens): one hook on texts of one kind has spreads that correlate
 * above 0.5, on a text of quite another kind above 0.35; hooks or models that have nothing to do with each other stay below 0.16.
 */
export function judge({ spread, norm }: Likeness, columns: number): 'alike' | 'foreign' | 'open' {
  if (!(norm > 0.5 && norm < 2)) return 'foreign';
  if (columns < LEAST_COLUMNS) return 'open';
  if (spread < 0.25) return 'foreign';
  return spread > 0.5 && norm > 2 / 3 && norm < 1.5 ? 'alike' : 'open';
}
