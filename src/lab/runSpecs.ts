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
import { type Arm, armFacts, axes, combinations, problems, type SharedSettings, type SweepConfig } from './settings';

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
  /** Absent where dead latents stay dead. */
  resampling?: Resampling;
}

/** Rows counted as held by the pool for the memory estimate, bytes. */
const POOL_BYTES = 256 * 2 ** 20;

/** One run for each value of the lists of each arm, but for those struck out. */
export const expand = (config: SweepConfig): RunSpec[] =>
  config.arms.flatMap((arm) => {
    const { without: _, ...whole } = arm;
    const lists = axes(config, arm);
    const facts = armFacts(config, arm);
    return combinations(config, arm).map((one) =>
      specOf(config, { ...whole, ...Object.fromEntries(lists.map(({ key, word }) => [key, [one[word]]])) }, facts),
    );
  });

/** @param arm has one value in every list, a number where the sweep says `auto`. @param from the arm that it came from. */
function specOf(config: SweepConfig, arm: Arm, from: ArmFacts): RunSpec {
  const only = <T>([value]: readonly T[]): T => value as T;
  const all = { ...config, ...arm };
  const { steps, lr, lrWarmup, lrDecay, lrDecayShape, lambdaWarmup, beta1, beta2, eps, clip, encLength, bDecInit, seeds } = all;
  return {
    config: { ...config, arms: [arm] },
    arch: arm.arch,
    arm: from,
    options: arm.options,
    width: only(arm.widths),
    seed: only(seeds),
    start: { encLength: only(encLength) as number, bDec: only(bDecInit) },
    optimiser: { beta1: only(beta1), beta2, eps, ...(clip > 0 && { clip }) },
    schedule: {
      ...{ steps, lr: only(lr) as number, lrWarmup, lrDecay, lrDecayShape, lambda: only(arm.knob), lambdaWarmup },
      ...rewarmOf(all),
    },
    ...resamplingOf(all),
  };
}

/** What the trainer is told of a run: of a knob that counts latents it is k, and no coefficient. @param weights it starts from. */
export function trainerRun({ arch, options, schedule, optimiser }: RunSpec, weights: SaeWeights): TrainerRun {
  const entry = architecture(arch);
  const anneal = entry.anneal?.(allOptions(entry, options), schedule.steps);
  const selects = traitsOfRun({ arch, options }).selects !== 'none';
  return {
    schedule: { ...schedule, ...(anneal && { anneal }), ...(selects && { lambda: 0 }) },
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
    for (const group of groupRuns(d, config.batch, runs, bounds)) {
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
