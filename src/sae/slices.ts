/** Long dispatches are cut into slices along rows or latents, each within the time bound; their work and its bits stay the same. */
import type { Layout } from './layout';

export interface Slice {
  from: number;
  count: number;
}

/** Above this many, the dispatches' own cost would rule. */
const MAX_SLICES = 1024;

/**
 * @param total items (rows or latents); @param flops of all of them together; @param unit slices begin at its multiples;
 * @param most items of one slice.
 */
export function slices(
  { dispatchFlops }: Pick<Layout, 'dispatchFlops'>,
  total: number,
  flops: number,
  unit = 1,
  most = Number.POSITIVE_INFINITY,
): Slice[] {
  const wanted = Math.min(MAX_SLICES, Math.max(1, Math.ceil(flops / dispatchFlops)));
  const step = Math.min(most, Math.ceil(total / wanted / unit) * unit);
  const out: Slice[] = [];
  for (let from = 0; from < total; from += step) out.push({ from, count: Math.min(step, total - from) });
  return out;
}
