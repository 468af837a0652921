/** A run as the folder that SAELens loads, with the lab's own facts in its metadata: every setting, and the line that trains it again. */
import { type NamedBytes, saelensFolder, type TrainingFacts } from '../interop/saelensSave';
import { provenanceFacts } from '../metrics/provenance';
import { architecture, optionWords } from '../sae/architectures';
import type { SaeWeights } from '../sae/weights';
import type { Run } from './experiment';
import type { Origin } from './origin';
import { recipeOf } from './recipe';
import type { RunSpec } from './runSpecs';
import { commandLine, runSettings, tellingWords } from './settings';

/** Folder of a run's files: `r1_gated_256_lambda0.1_seed0`, with options that differ from their defaults. */
export function runFolder({ id, spec }: { id: string; spec: RunSpec }): string {
  const entry = architecture(spec.arch);
  const words = [...optionWords(entry, spec.options), ...tellingWords(spec)].map((word) => word.replace(/[^\w.-]+/g, '-'));
  return [id, spec.arch, spec.width, `${entry.knob.id}${spec.schedule.lambda}`, ...words, `seed${spec.seed}`].join('_');
}

/** @param weights for raw activations, after `step` steps. */
export function savedRun(
  run: Pick<Run, 'id' | 'spec' | 'metrics' | 'batchesBefore' | 'hasInit'>,
  { weights, step }: { weights: SaeWeights; step: number },
  origin: Origin,
): NamedBytes[] {
  const { data, hookName, modelName, contextSize, fingerprint, filter, batch, normalize, xDtype, activationScale, provenance } = origin;
  const { spec, metrics } = run;
  const recipe = recipeOf(run, origin);
  return saelensFolder(weights, {
    ...(hookName === undefined ? {} : { hookName }),
    ...(modelName === undefined ? {} : { modelName }),
    ...(contextSize === undefined ? {} : { contextSize }),
    training: trainingFacts(spec, batch),
    lab: {
      lambda: spec.schedule.lambda,
      lr: spec.schedule.lr,
      steps: step,
      seed: spec.seed,
      batch,
      normalize,
      x_dtype: xDtype,
      activation_scale: activationScale,
      beta2: spec.optimiser.beta2,
      eps: spec.optimiser.eps,
      settings: runSettings(recipe),
      command: commandLine(recipe, run.id),
      data,
      ...provenanceFacts(provenance),
      ...(fingerprint === undefined ? {} : { data_sha256: fingerprint }),
      ...(filter === undefined ? {} : { rows: filter }),
      units: 'lambda, lr and losses are for activations times activation_scale; the weights beside this file are for raw activations',
      ...(metrics ? { metrics } : {}),
    },
  });
}

function trainingFacts({ arch, schedule, optimiser, seed }: RunSpec, batch: number): TrainingFacts {
  const { steps, lr, lrWarmup, lrDecay, lambda, lambdaWarmup } = schedule;
  return {
    lr,
    lrWarmup,
    lrDecaySteps: Math.round(lrDecay * steps),
    beta1: optimiser.beta1,
    beta2: optimiser.beta2,
    ...(architecture(arch).knob.id === 'lambda' && { l1: { coefficient: lambda, warmup: lambdaWarmup } }),
    batch,
    steps,
    seed,
  };
}
