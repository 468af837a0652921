/** A run as page, command line and comparisons speak of it. */
import { architecture, optionWords } from '../sae/architectures';
import type { Experiment, Run } from './experiment';
import { type Identified, identityOf, type Origin } from './origin';
import type { RunSummary } from './protocol';
import { recipeOf } from './recipe';
import { formsOfRun } from './saveRun';
import { tellingWords } from './settings';

/** What a run's summary takes from its experiment. */
export interface SharedFacts extends Identified, Origin {
  dIn: number;
  paused: boolean;
  rowsPerSecond?: number | undefined;
}

/** @param now of a run in training. */
export const summaryOf = (
  run: Run,
  experiment: Experiment,
  now: { paused?: boolean; rowsPerSecond?: number | undefined } = {},
): RunSummary => summarise(run, { ...experiment.origin, dIn: experiment.data.d, paused: false, ...now });

export function summarise(run: Run, extra: SharedFacts): RunSummary {
  const { id, spec, state, step, message, metrics, evaluatedAt } = run;
  const entry = architecture(spec.arch);
  const { knob } = entry;
  const forms = formsOfRun(spec);
  const summary: RunSummary = {
    id,
    name: [
      ...[spec.arch, spec.width, knob.symbol, spec.schedule.lambda, ...optionWords(entry, spec.options), ...tellingWords(spec)],
      ...(run.from ? [`from ${run.from.id}`] : []),
    ].join(' '),
    arch: spec.arch,
    arm: spec.arm,
    ...(Object.keys(spec.options).length > 0 && { options: spec.options }),
    ...(forms.length > 1 && { forms }),
    dIn: extra.dIn,
    dSae: spec.width,
    lambda: spec.schedule.lambda,
    seed: spec.seed,
    normalize: extra.normalize,
    activationScale: extra.activationScale,
    steps: spec.schedule.steps,
    step,
    state: state === 'training' && extra.paused ? 'paused' : state,
    data: extra.data,
    identity: identityOf(extra),
    recipe: recipeOf(run, extra),
  };
  if (extra.provenance) summary.provenance = extra.provenance;
  if (message !== undefined) summary.message = message;
  if (run.from) summary.from = run.from.id;
  if (run.resampled) summary.resampled = run.resampled;
  if (metrics) {
    summary.metrics = metrics;
    summary.quality = metrics.loss_recovered === undefined ? 'r2' : 'loss_recovered';
  }
  if (evaluatedAt !== undefined) summary.evaluatedAt = evaluatedAt;
  if (extra.rowsPerSecond !== undefined && state === 'training' && !extra.paused) summary.rowsPerSecond = extra.rowsPerSecond;
  return summary;
}
