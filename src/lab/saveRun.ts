/** A run as the folder that SAELens loads, with the lab's own facts in its metadata: every setting, and the line that trains it again. */
import { convertedTo, formsOf } from '../interop/convert';
import { savedAs } from '../interop/saelensForm';
import { type NamedBytes, saelensFolder, type TrainingFacts } from '../interop/saelensSave';
import { provenanceFacts } from '../metrics/provenance';
import { architecture, optionWords } from '../sae/architectures';
import type { SaeWeights } from '../sae/weights';
import type { Run } from './experiment';
import type { Origin } from './origin';
import { recipeOf } from './recipe';
import type { RunSpec } from './runSpecs';
import { commandLine, runSettings, tellingWords } from './settings';

/** Folder of a run's files: `r1_gated_256_lambda0.1_seed0`, with options that differ from their defaults and what else it is saved as. */
export function runFolder({ id, spec }: { id: string; spec: RunSpec }, as?: string): string {
  const entry = architecture(spec.arch);
  const other = as === savedAs(spec.arch, spec.options) ? undefined : as;
  const words = [...optionWords(entry, spec.options), ...tellingWords(spec)].map((word) => word.replace(/[^\w.-]+/g, '-'));
  return [
    id,
    spec.arch,
    spec.width,
    `${entry.knob.id}${spec.schedule.lambda}`,
    ...words,
    `seed${spec.seed}`,
    ...(other === undefined ? [] : [`as-${other}`]),
  ].join('_');
}

/** Names of architectures in cfg.json that a run can be saved as, its own first. */
export const formsOfRun = ({ arch, options }: Pick<RunSpec, 'arch' | 'options'>): string[] => formsOf({ arch, options });

/**
 * @param weights for raw activations, after `step` steps.
 * @param as the architecture in cfg.json, one of `formsOfRun`; the run's own unless given.
 * @throws Error where the weights have no such form.
 */
export function savedRun(
  run: Pick<Run, 'id' | 'spec' | 'metrics' | 'batchesBefore' | 'from' | 'hasInit'>,
  { weights, step }: { weights: SaeWeights; step: number },
  origin: Origin,
  as?: string,
): NamedBytes[] {
  const { data, hookName, modelName, contextSize, fingerprint, filter, batch, normalize, xDtype, activationScale, provenance } = origin;
  const { spec, metrics } = run;
  const recipe = recipeOf(run, origin);
  const { knob, saelens } = architecture(spec.arch);
  const own = { ...weights, ...(knob.id === 'k' && { k: spec.schedule.lambda }) };
  const saved = as === undefined ? own : convertedTo(own, as);
  const isConverted = saved !== own;
  return saelensFolder(saved, {
    ...(hookName === undefined ? {} : { hookName }),
    ...(modelName === undefined ? {} : { modelName }),
    ...(contextSize === undefined ? {} : { contextSize }),
    training: trainingFacts(spec, batch),
    ...(isConverted && { trainedAs: saelens }),
    lab: {
      ...(isConverted && { converted_from: { architecture: savedAs(spec.arch, spec.options), options: spec.options } }),
      [knob.id]: spec.schedule.lambda,
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

function trainingFacts({ arch, options, schedule, optimiser, seed }: RunSpec, batch: number): TrainingFacts {
  const { steps, lr, lrWarmup, lrDecay, lambda, lambdaWarmup } = schedule;
  return {
    lr,
    lrWarmup,
    lrDecaySteps: Math.round(lrDecay * steps),
    beta1: optimiser.beta1,
    beta2: optimiser.beta2,
    ...coefficient({ arch, options }, { coefficient: lambda, warmup: lambdaWarmup }),
    batch,
    steps,
    seed,
  };
}

/** Lambda, where it weighs what SAELens has a word for. */
function coefficient(
  { arch, options }: Pick<RunSpec, 'arch' | 'options'>,
  of: { coefficient: number; warmup: number },
): Pick<TrainingFacts, 'l1' | 'l0'> {
  const { knob } = architecture(arch);
  if (knob.id !== 'lambda') return {};
  const { penalty = 'l1', loss = 'l0' } = options;
  if (knob.power === 2) return loss === 'l0' || loss === 'tanh' ? { l0: { ...of, mode: loss === 'l0' ? 'step' : 'tanh' } } : {};
  return penalty === 'l1' ? { l1: of } : {};
}
