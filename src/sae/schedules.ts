/**
 * Schedules of a run, t counted from 0: lr(t) = lr·min(t/N, 1), so the first step has lr 0 (dictionary_learning's convention);
 * lambda(t) likewise; over the last fraction of the steps lr falls to 0, linearly or on half a cosine.
 */
export const DECAY_SHAPES = ['linear', 'cosine'] as const;

export interface Schedule {
  steps: number;
  lr: number;
  /** Steps of linear rise from 0; 0 = none. */
  lrWarmup: number;
  /** Fraction of `steps` at the end over which lr falls to 0; 0 = none. */
  lrDecay: number;
  /** Linear unless given. */
  lrDecayShape?: (typeof DECAY_SHAPES)[number];
  lambda: number;
  lambdaWarmup: number;
  /** Steps before which dead latents are resampled: there lr falls to a tenth, and over `steps` steps returns on half a cosine. */
  rewarm?: { at: readonly number[]; steps: number };
  /** The exponent of the penalty falls. */
  anneal?: Anneal;
}

/** p-annealing (dictionary_learning's p_anneal): p is 1 at first and powers[i] after step at[i]. */
export interface Anneal {
  /** Steps, rising, t counted from 0. */
  at: readonly number[];
  /** As many. */
  powers: readonly number[];
  /** At a change λ is multiplied by (penalty at the old p)/(penalty at the new one), both over so many of the last steps. */
  queue: number;
}

/** p of step t, the next one (the same where there is none yet, or no more), and whether p changes after the step. */
export function powerAt({ at, powers }: Anneal, t: number): { power: number; next: number; changes: boolean } {
  const done = at.filter((step) => step < t).length;
  const power = done === 0 ? 1 : (powers[done - 1] as number);
  const next = done === 0 ? power : (powers[Math.min(done, powers.length - 1)] as number);
  return { power, next, changes: at.includes(t) };
}

/** Where nothing else is said: the paper's β2, and PyTorch's eps. */
export const ADAM = { beta2: 0.999, eps: 1e-8 } as const;

const ramp = (t: number, n: number): number => (n > 0 ? Math.min(t / n, 1) : 1);

const REWARM_FROM = 0.1;

/** Factor on lr after the last resampling before step t. */
function rewarmed({ rewarm }: Schedule, t: number): number {
  const last = rewarm?.at.findLast((step) => step <= t);
  if (!rewarm || last === undefined || t - last >= rewarm.steps) return 1;
  return REWARM_FROM + ((1 - REWARM_FROM) * (1 - Math.cos((Math.PI * (t - last)) / rewarm.steps))) / 2;
}

export function learningRate(s: Schedule, t: number): number {
  const decaySteps = Math.round(s.lrDecay * s.steps);
  const fall = decaySteps > 0 ? Math.min(1, Math.max(0, (s.steps - t) / decaySteps)) : 1;
  const shape = s.lrDecayShape === 'cosine' ? (1 - Math.cos(Math.PI * fall)) / 2 : fall;
  return s.lr * ramp(t, s.lrWarmup) * shape * rewarmed(s, t);
}

export const sparsity = (s: Schedule, t: number): number => s.lambda * ramp(t, s.lambdaWarmup);
