/** Statistics of the benchmark: plain arithmetic. */
import { median as medianOf } from '../src/metrics/pareto';

/** @throws RangeError without values. */
export function median(values: readonly number[]): number {
  const middle = medianOf(values);
  if (middle === undefined) throw new RangeError('the median of nothing');
  return middle;
}

/**
 * Exponent p of the power law y = c·x^p: least squares of log y on log x.
 * @throws RangeError for fewer than two different x, or a value that is not positive.
 */
export function logLogSlope(points: readonly { x: number; y: number }[]): number {
  if (points.some(({ x, y }) => !(x > 0 && y > 0))) throw new RangeError('a log-log slope needs positive values');
  const logs = points.map(({ x, y }) => ({ x: Math.log(x), y: Math.log(y) }));
  const mean = (of: (p: { x: number; y: number }) => number) => logs.reduce((sum, p) => sum + of(p), 0) / logs.length;
  const [mx, my] = [mean((p) => p.x), mean((p) => p.y)];
  const spread = logs.reduce((sum, p) => sum + (p.x - mx) ** 2, 0);
  if (!(spread > 0)) throw new RangeError('a log-log slope needs two different x');
  return logs.reduce((sum, p) => sum + (p.x - mx) * (p.y - my), 0) / spread;
}

/** Order of `n` contenders in round `round`: each round starts one further on, every second one runs backwards, so that drift hits all alike. */
export function roundOrder(n: number, round: number): number[] {
  const order = Array.from({ length: n }, (_, i) => (i + (round >> 1)) % n);
  return round % 2 === 0 ? order : order.reverse();
}

/** Runs in one sample so that it lasts about `wantedMs`: 1 to 64. */
export const runsPerSample = (oneMs: number, wantedMs: number): number =>
  Math.max(1, Math.min(64, Math.ceil(wantedMs / Math.max(oneMs, 1e-3))));

export const relativeDifference = (a: number, b: number): number => Math.abs(a - b) / Math.max(Math.abs(a), Math.abs(b), 1e-30);
