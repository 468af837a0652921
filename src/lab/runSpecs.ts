/** From a sweep's arms to its runs, and to what they cost in memory; in time: timeEstimate.ts. */

import type { Gpu } from '../gpu/device';
import { type ArchitectureId, architecture, type OptionValues } from '../sae/architectures';
import { groupRuns, type LayoutLimits, layoutLimits, layoutOf } from '../sae/layout';
import { gpuMemory } from '../sae/memory';
import type { Schedule } from '../sae/schedules';
import { messageOf } from '../util/errors';
import type { Estimate } from './protocol';
import { type Arm, axes, combinations, problems, type SweepConfig } from './settings';

export interface RunSpec {
  /** The sweep that is this run alone, with all settings that it had. */
  config: SweepConfig;
  arch: ArchitectureId;
  options: OptionValues;
  width: number;
  seed: number;
  beta1: number;
  schedule: Schedule;
}

/** Rows counted as held by the pool for the memory estimate, bytes. */
const POOL_BYTES = 256 * 2 ** 20;

/** One run for each arm, width, value of the knob and seed, but for those struck out. */
export function expand(config: SweepConfig): RunSpec[] {
  return config.arms.flatMap((arm) => {
    const { without: _, ...whole } = arm;
    const { steps, lr, lrWarmup, lrDecay, lambdaWarmup, beta1 } = { ...config, ...arm };
    const of = axes(config, arm);
    return combinations(config, arm).map((one) => {
      const own = Object.fromEntries(of.map(({ key, word }) => [key, [one[word]]])) as unknown as Pick<Arm, 'widths' | 'knob'> & {
        seeds: number[];
      };
      const [width, lambda, seed] = [own.widths[0], own.knob[0], own.seeds[0]] as [number, number, number];
      return {
        config: { ...config, arms: [{ ...whole, ...own }] },
        arch: arm.arch,
        options: arm.options,
        width,
        seed,
        beta1,
        schedule: { steps, lr, lrWarmup, lrDecay, lambda, lambdaWarmup },
      };
    });
  });
}

export interface CostLimits extends LayoutLimits {
  maxBufferSize: number;
}

/** Those of a device. */
export const costLimits = (gpu: Gpu, flopsPerMs: number): CostLimits => ({
  ...layoutLimits(gpu, flopsPerMs),
  maxBufferSize: gpu.limits.maxBufferSize,
});

/** GPU memory and parameters of a sweep on activations of width `d`, and what stands in its way. */
export function estimate(config: SweepConfig, d: number | undefined, limits: CostLimits): Estimate {
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
  let gpuBytes = Math.min(POOL_BYTES, limitBytes);
  let stateBytes = 0;
  const bounds = { ...limits, maxStorageBufferBindingSize: limitBytes };
  try {
    for (const group of groupRuns(d, config.batch, runs, bounds)) {
      const layout = layoutOf(d, config.batch, group.runs, bounds, {
        momentum: group.runs.some(({ beta1 }) => beta1 > 0),
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
