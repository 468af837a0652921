/** What a step's sums and a run's state say for its log. */
import { STAT, STATE_AT } from './kernels';
import type { PlacedRun } from './layout';
import { powerAt, type Schedule } from './schedules';

/** Training values of one run at one step, measured before that step's update, in units of the scaled activations. */
export interface StepLog {
  step: number;
  lr: number;
  lambda: number;
  /** As differentiated. */
  loss: number;
  /** ‖x̂ − x‖², mean over the batch; of nested reconstructions the weighted sum. */
  mse_loss: number;
  /** Mean over the batch of the sparsity term, before lambda; of batch statistics the term itself. 0 where there is none. */
  sparsity_loss: number;
  /** Absent for architectures without an auxiliary loss. */
  aux_loss?: number;
  /** AuxK's loss, relative to the variance of the error, before its coefficient. */
  auxk_loss?: number;
  pre_act_loss?: number;
  l0: number;
  gamma: number;
  /** Norm of all gradients together, after projection, and the factor that clipping put on them. */
  grad_norm?: number;
  clip_factor?: number;
  /** Latents that have not fired for long, and how many of them AuxK took a row. */
  dead?: number;
  k_aux?: number;
  /** Of inference, after this step; -1: none yet. */
  threshold?: number;
  /** Exponent of an annealed penalty. */
  p?: number;
}

export function stepLog(
  { traits, width }: PlacedRun,
  { schedule, optimiser }: { schedule: Schedule; optimiser: { clip?: number } },
  at: { step: number; lr: number; lambda: number },
  { batch, totals, state }: { batch: number; totals: Float32Array; state: Float32Array },
): StepLog {
  const mean = (i: number) => (totals[i] as number) / batch;
  const kept = (i: number) => state[i] as number;
  const l0 = mean(STAT.l0);
  const { settles, omega0, silentPenalty = 0, extra, auxK } = traits;
  const lambda = settles === 'anneal' ? kept(STATE_AT.lambda) : at.lambda;
  const sparsity =
    typeof settles === 'object'
      ? (l0 / settles.targetL0 - 1) ** 2
      : omega0 !== undefined
        ? mean(STAT.penalty) + kept(STATE_AT.squares) / omega0
        : mean(STAT.penalty) + silentPenalty * width;
  const hasAux = traits.aux === 'frozen' || traits.aux === 'trained';
  const aux = hasAux ? mean(STAT.aux) : 0;
  const weighted = auxK ? kept(STATE_AT.aux) * mean(STAT.aux) : 0;
  const extraLoss = extra ? mean(STAT.extra) : 0;
  return {
    step: at.step,
    lr: at.lr,
    lambda,
    loss: mean(STAT.nested) + (lambda === 0 ? 0 : lambda * sparsity) + aux + weighted + (extra?.weight ?? 0) * extraLoss,
    mse_loss: mean(STAT.nested),
    sparsity_loss: sparsity,
    ...(hasAux && { aux_loss: aux }),
    ...(auxK && { auxk_loss: auxK.coefficient > 0 ? weighted / auxK.coefficient : 0 }),
    ...(extra && { [extra.name]: extraLoss }),
    l0,
    gamma: mean(STAT.hat) / mean(STAT.cross),
    ...((optimiser.clip ?? 0) > 0 && { grad_norm: kept(STATE_AT.norm), clip_factor: kept(STATE_AT.clip) }),
    ...(auxK && { dead: kept(STATE_AT.dead), k_aux: kept(STATE_AT.kAux) }),
    ...(traits.selects !== 'none' && { threshold: kept(STATE_AT.threshold) }),
    ...(schedule.anneal && { p: powerAt(schedule.anneal, at.step).power }),
  };
}
