/** Long dispatches are cut into slices along rows or latents, each within the time bound; their work and its bits stay the same. */
import { type Layout, MAX_SLICES } from './layout';

export interface Slice {
  from: number;
  count: number;
}

/**
 * @param total items (rows or latents); @param flops of all of them together; @param unit slices begin at its multiples.
 */
export function slices({ dispatchFlops }: Pick<Layout, 'dispatchFlops'>, total: number, flops: number, unit = 1): Slice[] {
  const wanted = Math.min(MAX_SLICES, Math.max(1, Math.ceil(flops / dispatchFlops)));
  const step = Math.ceil(total / wanted / unit) * unit;
  const out: Slice[] = [];
  for (let from = 0; from < total; from += step) out.push({ from, count: Math.min(step, total - from) });
  return out;
}
