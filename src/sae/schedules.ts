/**
 * Schedules of a run, t counted from 0: lr(t) = lr·min(t/N, 1), so the first step has lr 0 (dictionary_learning's convention);
 * lambda(t) likewise; over the last fraction of the steps lr falls linearly to 0.
 */
export interface Schedule {
  steps: number;
  lr: number;
  /** Steps of linear rise from 0; 0 = none. */
  lrWarmup: number;
  /** Fraction of `steps` at the end over which lr falls to 0; 0 = none. */
  lrDecay: number;
  lambda: number;
  lambdaWarmup: number;
}

/** What of Adam nobody sets: the paper's β2, and PyTorch's eps. */
export const ADAM = { beta2: 0.999, eps: 1e-8 } as const;

const ramp = (t: number, n: number): number => (n > 0 ? Math.min(t / n, 1) : 1);

export function learningRate(s: Schedule, t: number): number {
  const decaySteps = Math.round(s.lrDecay * s.steps);
  const fall = decaySteps > 0 ? Math.min(1, Math.max(0, (s.steps - t) / decaySteps)) : 1;
  return s.lr * ramp(t, s.lrWarmup) * fall;
}

export const sparsity = (s: Schedule, t: number): number => s.lambda * ramp(t, s.lambdaWarmup);
