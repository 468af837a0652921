/** A run as the folder that SAELens loads, with the lab's own facts in its metadata. */
import { type NamedBytes, saelensFolder } from '../interop/saelensSave';
import type { SaeWeights } from '../sae/weights';
import type { Run } from './experiment';

/** Where a run's activations came from and how they were treated; what is unknown is absent. */
export interface Origin {
  data: string;
  hookName?: string;
  modelName?: string;
  contextSize?: number;
  batch: number;
  normalize: 'none' | 'mean-square';
  /** Factor applied to activations in training; folded out of the saved weights. */
  activationScale: number;
}

/** @param weights for raw activations, after `step` steps. */
export function savedRun({ spec, metrics }: Run, { weights, step }: { weights: SaeWeights; step: number }, origin: Origin): NamedBytes[] {
  const { data, hookName, modelName, contextSize, batch, normalize, activationScale } = origin;
  return saelensFolder(weights, {
    ...(hookName === undefined ? {} : { hookName }),
    ...(modelName === undefined ? {} : { modelName }),
    ...(contextSize === undefined ? {} : { contextSize }),
    lab: {
      lambda: spec.schedule.lambda,
      lr: spec.schedule.lr,
      steps: step,
      seed: spec.seed,
      batch,
      normalize,
      activation_scale: activationScale,
      data,
      units: 'lambda, lr and losses are for activations times activation_scale; the weights beside this file are for raw activations',
      ...(metrics ? { metrics } : {}),
    },
  });
}
