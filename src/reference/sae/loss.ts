/** The loss and its terms. */
import { forward, type TwinForward } from './forward';
import { momentOf, type TwinGiven, type TwinParams, traitsOfTwin } from './params';

export interface TwinLoss {
  loss: number;
  /** Weighted mean over the nested reconstructions where there are several. */
  mse_loss: number;
  /** The sparsity term, before lambda. */
  sparsity_loss: number;
  /** Of the auxiliary decoder, before its weight; 0 without one. AuxK: relative to the error's variance. */
  aux_loss: number;
  /** Sum of `extra`, before its weight. */
  extra_loss: number;
  /** ‖x - x_hat‖² of each nested reconstruction. */
  group_losses: number[];
  l0: number;
  gamma: number;
}

/** Rows of each latent with f ≠ 0, as a share of the batch: [F]. */
export function frequencies({ f }: TwinParams, { acts }: TwinForward): Float64Array {
  const shares = new Float64Array(f);
  const rows = acts.length / f;
  for (let at = 0; at < acts.length; at++) if (acts[at] !== 0) shares[at % f] = (shares[at % f] as number) + 1 / rows;
  return shares;
}

/**
 * The sparsity term, before lambda, and what the batch makes of its gradient: the factor on the derivative of the summed penalty. (L0/target − 1)² has
 * 2 (L0/target − 1)/target; the quadratic frequency loss has a factor of its own for each latent (`Twin.settle`).
 */
export function sparsity(p: TwinParams, fw: TwinForward): { value: number; slope: number } {
  const { settles, omega0, silentPenalty = 0 } = traitsOfTwin(p);
  const rows = fw.penalty.length / p.f;
  const mean = fw.penalty.reduce((sum, value) => sum + value, 0) / rows + p.f * silentPenalty;
  if (omega0 !== undefined) {
    return { value: frequencies(p, fw).reduce((sum, share) => sum + share + share ** 2 / omega0, 0), slope: 1 };
  }
  if (settles !== undefined && settles !== 'anneal') {
    const over = mean / settles.targetL0 - 1;
    return { value: over ** 2, slope: (2 * over) / settles.targetL0 };
  }
  return { value: mean, slope: 1 };
}

/** Mean over rows of the squared norm. */
const squared = (values: Float64Array, rows: number): number => values.reduce((sum, value) => sum + value * value, 0) / rows;

/** Eq. 4 (baseline), eq. 8 (gated), and the others' by the table; gamma is eq. 10. */
export function loss(p: TwinParams, x: Float64Array, given: TwinGiven, fw = forward(p, x, given)): TwinLoss {
  const rows = x.length / p.d;
  const { lambda } = momentOf(p, given);
  const { aux, auxK, extra } = traitsOfTwin(p);
  const groups = fw.errors.map((e) => squared(e, rows));
  const mse = groups.reduce((sum, value, g) => sum + value * (fw.prefixes[g]?.weight ?? 0), 0);
  const auxiliary = aux === 'none' ? 0 : fw.auxWeight * squared(fw.auxError, rows);
  const term = sparsity(p, fw).value;
  const extraLoss = fw.extra.reduce((sum, value) => sum + value, 0) / rows;
  const cross = fw.xHat.reduce((sum, value, j) => sum + value * (x[j] as number), 0);
  return {
    loss: mse + lambda * term + auxiliary + (extra ? extra.weight * extraLoss : 0),
    mse_loss: mse,
    sparsity_loss: term,
    aux_loss: auxiliary / (auxK?.coefficient ?? 1),
    extra_loss: extraLoss,
    group_losses: groups,
    l0: fw.acts.reduce((sum, value) => sum + (value === 0 ? 0 : 1), 0) / rows,
    gamma: fw.xHat.reduce((sum, value) => sum + value * value, 0) / cross,
  };
}
