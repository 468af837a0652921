/** From a sweep's arms to its runs, and to what they cost in memory; in time: timeEstimate.ts. */

import type { Gpu } from '../gpu/device';
import { type ArchitectureId, allOptions, architecture, type OptionValues, traitsOfRun } from '../sae/architectures';
import type { Start } from '../sae/init';
import { groupRuns, type LayoutLimits, layoutLimits, layoutOf, optimiserNeeds } from '../sae/layout';
import { gpuMemory } from '../sae/memory';
import type { Resampling } from '../sae/resample';
import type { Schedule } from '../sae/schedules';
import type { OptimiserSettings, TrainerRun } from '../sae/trainer';
import type { SaeWeights } from '../sae/weights';
import { messageOf } from '../util/errors';
import type { ArmFacts, Estimate } from './protocol';
import { resamplingProblems } from './resampling';
import { type Arm, armFacts, axes, combinations, firstStage, problems, type SharedSettings, type SweepConfig, stageKey } from './settings';

export interface RunSpec {
  /** The sweep that is this run alone, with all settings that it had. */
  config: SweepConfig;
  arch: ArchitectureId;
  /** The arm that it came from. */
  arm: ArmFacts;
  options: OptionValues;
  width: number;
  seed: number;
  /** Where its weights begin. */
  start: Start;
  optimiser: OptimiserSettings;
  schedule: Schedule;
  /** Of a second stage: the place of the run that it starts from, among those of its sweep. Absent where weights are given, and for all others. */
  from?: number;
  /** Absent where dead latents stay dead. */
  resampling?: Resampling;
}

/** Rows counted as held by the pool for the memory estimate, bytes. */
const POOL_BYTES = 256 * 2 ** 20;

/** One run for each value of the lists of each arm, but for those struck out. */
export function expand(config: SweepConfig): RunSpec[] {
  const made = config.arms.flatMap((arm) => {
    const { without: _, of: __, ...whole } = arm;
    const lists = axes(config, arm).filter(({ key }) => key !== 'of');
    const facts = armFacts(config, arm);
    return combinations(config, arm).map((one) => ({
      arm,
      key: stageKey(config, arm, one),
      spec: specOf(config, { ...whole, ...Object.fromEntries(lists.map(({ key, word }) => [key, [one[word]]])) }, facts),
    }));
  });
  return made.map(({ arm, key, spec }) => {
    const first = firstStage(config, arm);
    return first ? { ...spec, from: made.findIndex((other) => other.arm === first && other.key === key) } : spec;
  });
}

/** Runs that begin at once, and then those that start from them. */
export const stagesOf = <T extends Pick<RunSpec, 'from'>>(runs: readonly T[]): T[][] =>
  [runs.filter(({ from }) => from === undefined), runs.filter(({ from }) => from !== undefined)].filter((stage) => stage.length > 0);

/** Steps until a run has ended, those of the run that it starts from included. */
export const stepsUntilEnd = (runs: readonly RunSpec[], { from, schedule }: RunSpec): number =>
  schedule.steps + (from === undefined ? 0 : (runs[from] as RunSpec).schedule.steps);

/** @param arm has one value in every list, a number where the sweep says `auto`. @param from the arm that it came from. */
function specOf(config: SweepConfig, arm: Arm, from: ArmFacts): RunSpec {
  const only = <T>([value]: readonly T[]): T => value as T;
  const all = { ...config, ...arm };
  const { steps, lr, lrWarmup, lrDecay, lrDecayShape, lambdaWarmup, beta1, beta2, eps, clip, encLength, bDecInit, seeds } = all;
  const isSecond = architecture(arm.arch).startsFrom !== undefined;
  return {
    // Alone, a run of a second stage starts from the weights that its command line names.
    config: { ...config, arms: [isSecond ? { ...arm, from: 'init' } : arm] },
    arch: arm.arch,
    arm: from,
    options: arm.options,
    width: only(arm.widths),
    seed: only(seeds),
    start: { encLength: only(encLength) as number, bDec: only(bDecInit) },
    optimiser: { beta1: only(beta1), beta2, eps, ...(clip > 0 && { clip }) },
    schedule: {
      ...{ steps, lr: only(lr) as number, lrWarmup, lrDecay, lrDecayShape, lambda: only(arm.knob) },
      ...(isSecond ? { lambdaWarmup: 0 } : { lambdaWarmup, ...rewarmOf(all) }),
    },
    ...(!isSecond && resamplingOf(all)),
  };
}

/** What the trainer is told of a run: of a knob that counts latents it is k, and no coefficient. @param weights it starts from. */
export function trainerRun({ arch, options, schedule, optimiser }: RunSpec, weights: SaeWeights): TrainerRun {
  const entry = architecture(arch);
  const anneal = entry.anneal?.(allOptions(entry, options), schedule.steps);
  const selects = traitsOfRun({ arch, options }).selects !== 'none';
  // The knob of a second stage is that of the run that it starts from.
  const hasTerm = !selects && !entry.startsFrom;
  return {
    schedule: { ...schedule, ...(anneal && { anneal }), ...(!hasTerm && { lambda: 0 }) },
    optimiser,
    ...(selects && { k: schedule.lambda }),
    weights: { ...weights, options },
  };
}

function resamplingOf({ resample: at, resampleWindow: window, resampleInputs: inputs }: SharedSettings): Pick<RunSpec, 'resampling'> {
  return at.length > 0 ? { resampling: { at, inputs, ...(window > 0 && { window }) } } : {};
}

const rewarmOf = ({ resample: at, resampleRewarm: steps }: SharedSettings): Pick<Schedule, 'rewarm'> =>
  at.length > 0 && steps > 0 ? { rewarm: { at, steps } } : {};

export interface CostLimits extends LayoutLimits {
  maxBufferSize: number;
}

/** Those of a device. */
export const costLimits = (gpu: Gpu, flopsPerMs: number): CostLimits => ({
  ...layoutLimits(gpu, flopsPerMs),
  maxBufferSize: gpu.limits.maxBufferSize,
});

/**
 * GPU memory and parameters of a sweep on activations of width `d`, and what stands in its way.
 * @param trainRows rows there are to train on, where that is known.
 */
export function estimate(config: SweepConfig, d: number | undefined, limits: CostLimits, trainRows?: number): Estimate {
  const found = problems(config);
  const limitBytes = Math.min(limits.maxBufferSize, limits.maxStorageBufferBindingSize);
  const none: Estimate = { ok: false, gpuBytes: 0, stateBytes: 0, limitBytes, runs: 0, parameters: 0, problems: found };
  if (found.length > 0) return none;
  if (d === undefined)
    return {
      ...none,
      runs: expand(config).length,
      problems: ['Load activations first: run the demo, drop shards, or drop a model folder with a text.'],
    };
  const runs = expand(config);
  found.push(...runs.flatMap(({ resampling }) => resamplingProblems(resampling, trainRows)));
  let gpuBytes = Math.min(POOL_BYTES, limitBytes);
  let stateBytes = 0;
  const bounds = { ...limits, maxStorageBufferBindingSize: limitBytes };
  try {
    // A second stage has memory of its own, beside what it starts from.
    for (const group of stagesOf(runs).flatMap((stage) => groupRuns(d, config.batch, stage, bounds))) {
      const layout = layoutOf(d, config.batch, group.runs, bounds, {
        ...optimiserNeeds(group.runs),
        form: group.form,
      });
      const { total, state } = gpuMemory(layout, config.xDtype === 'f16');
      gpuBytes += total;
      stateBytes += state;
    }
  } catch (cause) {
    found.push(`${messageOf(cause)}.`);
  }
  const parameters = runs.reduce((sum, { arch, width }) => sum + width * (2 * d + architecture(arch).vectors.length) + d, 0);
  return {
    ok: found.length === 0,
    gpuBytes,
    stateBytes,
    limitBytes,
    runs: runs.length,
    parameters,
    problems: [...new Set(found)],
  };
}
