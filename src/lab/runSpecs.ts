/** From a sweep's lists to its runs, and to what they cost. */

import type { Gpu } from '../gpu/device';
import { type ArchitectureId, architecture } from '../sae/architectures';
import { groupRuns, type LayoutLimits, layoutLimits, layoutOf, stepFlops } from '../sae/layout';
import { gpuMemory } from '../sae/memory';
import type { Schedule } from '../sae/schedules';
import { messageOf } from '../util/errors';
import type { Estimate, SweepConfig } from './protocol';

export interface RunSpec {
  arch: ArchitectureId;
  width: number;
  seed: number;
  beta1: number;
  schedule: Schedule;
}

/** Share of latents taken as active for time estimates over a whole run. */
const TYPICAL_DENSITY = 0.1;
/** Rows counted as held by the pool for the memory estimate, bytes. */
const POOL_BYTES = 256 * 2 ** 20;

/** One run for each architecture, width, lambda and seed. */
export function expand(config: SweepConfig): RunSpec[] {
  return config.architectures.flatMap((arch) =>
    config.widths[arch].flatMap((width) =>
      config.lambdas[arch].flatMap((lambda) =>
        config.seeds.map((seed) => ({
          arch,
          width,
          seed,
          beta1: config.beta1,
          schedule: {
            steps: config.steps,
            lr: config.lr,
            lrWarmup: config.lrWarmup,
            lrDecay: config.lrDecay,
            lambda,
            lambdaWarmup: config.lambdaWarmup,
          },
        })),
      ),
    ),
  );
}

/** What is wrong with a configuration, one sentence each; empty when nothing is. */
export function problems(config: SweepConfig): string[] {
  const found: string[] = [];
  const wholeNumber = (name: string, value: number, least: number) => {
    if (!Number.isInteger(value) || value < least) found.push(`${name} must be a whole number of at least ${least}, not ${value}.`);
  };
  if (config.architectures.length === 0) found.push('Choose at least one architecture.');
  wholeNumber('Steps', config.steps, 1);
  wholeNumber('Batch', config.batch, 1);
  wholeNumber('Learning-rate warm-up', config.lrWarmup, 0);
  wholeNumber('Lambda warm-up', config.lambdaWarmup, 0);
  if (!(config.lr > 0)) found.push(`The learning rate must be above 0, not ${config.lr}.`);
  if (!(config.beta1 >= 0 && config.beta1 < 1)) found.push(`beta1 must be at least 0 and below 1, not ${config.beta1}.`);
  if (!(config.lrDecay >= 0 && config.lrDecay <= 1)) found.push(`The decay fraction must lie between 0 and 1, not ${config.lrDecay}.`);
  if (!(config.holdout >= 0 && config.holdout < 1))
    found.push(`The held-out fraction must be at least 0 and below 1, not ${config.holdout}.`);
  if (config.seeds.length === 0) found.push('Give at least one seed.');
  for (const arch of config.architectures) {
    const { title } = architecture(arch);
    if (config.widths[arch].length === 0) found.push(`Give ${title} at least one width.`);
    for (const width of config.widths[arch]) wholeNumber(`${title} width`, width, 1);
    if (config.lambdas[arch].length === 0) found.push(`Give ${title} at least one lambda.`);
    for (const lambda of config.lambdas[arch]) {
      if (!(lambda > 0 && Number.isFinite(lambda))) found.push(`${title} lambda must be above 0, not ${lambda}.`);
    }
  }
  return found;
}

export interface CostLimits extends LayoutLimits {
  maxBufferSize: number;
}

/** Those of a device. */
export const costLimits = (gpu: Gpu, flopsPerMs: number): CostLimits => ({
  ...layoutLimits(gpu, flopsPerMs),
  maxBufferSize: gpu.limits.maxBufferSize,
});

/** GPU memory, parameters and rough time of a sweep on activations of width `d`, and what stands in its way. */
export function estimate(config: SweepConfig, d: number | undefined, limits: CostLimits): Estimate {
  const found = problems(config);
  const limitBytes = Math.min(limits.maxBufferSize, limits.maxStorageBufferBindingSize);
  const none: Estimate = { ok: false, gpuBytes: 0, stateBytes: 0, limitBytes, runs: 0, parameters: 0, seconds: 0, problems: found };
  if (found.length > 0) return none;
  if (d === undefined)
    return {
      ...none,
      runs: expand(config).length,
      problems: ['Load activations first: run the demo, drop shards, or drop a model folder with a text.'],
    };
  const runs = expand(config);
  let gpuBytes = Math.min(POOL_BYTES, limitBytes);
  let stateBytes = 0;
  let flops = 0;
  const bounds = { ...limits, maxStorageBufferBindingSize: limitBytes };
  try {
    for (const group of groupRuns(d, config.batch, runs, bounds)) {
      const layout = layoutOf(d, config.batch, group.runs, bounds, { momentum: config.beta1 > 0, form: group.form });
      const { total, state } = gpuMemory(layout, config.xDtype === 'f16');
      gpuBytes += total;
      stateBytes += state;
      flops += config.steps * stepFlops(layout, TYPICAL_DENSITY);
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
    seconds: flops / limits.flopsPerMs / 1000,
    problems: [...new Set(found)],
  };
}
