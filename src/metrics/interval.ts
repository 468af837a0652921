/** What several seeds say of a positive number: its geometric mean, and the interval that holds it with 95 % confidence. */

export interface Interval {
  /** Geometric mean of the values. */
  middle: number;
  lo: number;
  hi: number;
  /** Values that it rests on, at least two. */
  n: number;
}

const NORMAL = 1.959964;
/** The 97.5 % quantile of Student's t for 1 to 10 degrees of freedom. */
const STUDENT = [12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.306, 2.2622, 2.2281];

/** Beyond the table by the expansion in 1/df, which is right to four digits there. */
export function studentT(df: number): number {
  const z = NORMAL;
  return STUDENT[df - 1] ?? z + (z ** 3 + z) / (4 * df) + (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * df ** 2);
}

/**
 * exp(m ± t s/√n) of the logarithms of the values: mean m, standard deviation s with n − 1 in the denominator, t of n − 1 degrees of freedom.
 * @returns undefined for fewer than two values, which say nothing of their spread.
 */
export function logInterval(values: readonly number[]): Interval | undefined {
  const n = values.length;
  if (n < 2) return undefined;
  const logs = values.map(Math.log);
  const mean = logs.reduce((a, b) => a + b, 0) / n;
  const variance = logs.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1);
  const half = studentT(n - 1) * Math.sqrt(variance / n);
  return { middle: Math.exp(mean), lo: Math.exp(mean - half), hi: Math.exp(mean + half), n };
}

export const overlap = (a: Pick<Interval, 'lo' | 'hi'>, b: Pick<Interval, 'lo' | 'hi'>): boolean => a.lo <= b.hi && b.lo <= a.hi;
