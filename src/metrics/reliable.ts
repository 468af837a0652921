/**
 * When a loss recovered means something. It divides by what the ablation costs; where that cost is hardly measurable, or negative, any
 * reconstruction scores anything.
 */
import type { Metrics } from './types';

/** An ablation that costs less, nats, is within what models differ by for no reason; f32 losses are good to about 1e-4. */
export const LEAST_GAP = 0.01;
/** The cost must exceed so many of its standard errors. Tokens of one text are not independent, hence more than the usual 2. */
export const STANDARD_ERRORS = 4;

/**
 * Why `1 - (ce_sae - ce_clean)/(ablated - ce_clean)` is not to be relied on; undefined where the ablated loss is clearly above the clean one.
 * @param clean @param ablated mean cross-entropies, nats. @param standardError of their difference, paired by token, where it was measured.
 */
export function unreliableBecause(name: 'ce_zero' | 'ce_mean', clean: number, ablated: number, standardError = 0): string | undefined {
  if (ablated - clean >= LEAST_GAP && ablated - clean >= STANDARD_ERRORS * standardError) return undefined;
  const spread = standardError > 0 ? ` ± ${standardError.toFixed(4)}` : '';
  return `${name} (${ablated.toFixed(4)}) is not clearly above ce_clean (${clean.toFixed(4)}): the difference is ${(ablated - clean).toFixed(4)}${spread} nats`;
}

/** Loss recovered where it may enter a headline, a frontier or a comparison; undefined where it was not measured or is unreliable. */
export const reliableLossRecovered = ({ loss_recovered, loss_recovered_unreliable }: Metrics): number | undefined =>
  loss_recovered_unreliable === undefined ? loss_recovered : undefined;
