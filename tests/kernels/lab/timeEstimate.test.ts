/** Steps that are timed are those of the sweep, or of a smaller one of its kind; they leave nothing behind. */
import { expect, it } from 'vitest';
import { costLimits } from '../../../src/lab/runSpecs';
import { type Arm, defaultConfig } from '../../../src/lab/settings';
import { measureSteps, sweepTime } from '../../../src/lab/timeEstimate';
import { testGpu } from '../../gpu';

const D = 24;
const arm = (arch: string, widths: number[], more: Partial<Arm> = {}) => ({ arch, widths, knob: [0.1, 0.3], options: {}, ...more }) as Arm;
const FLOPS_PER_MS = 1e7;

it('a small sweep is measured whole: every step costs something, and few active latents cost no more than many', async () => {
  const gpu = await testGpu();
  const config = { ...defaultConfig(D), batch: 64, steps: 500, arms: [arm('gated', [96]), arm('baseline', [144])] };
  const time = await measureSteps(gpu, config, D, costLimits(gpu, FLOPS_PER_MS));
  expect(time.isWhole).toBe(true);
  expect(time.startMs).toBeGreaterThan(0);
  expect(time.settledMs).toBeGreaterThan(0);
  gpu.check();
  const { least, most } = sweepTime(config, time, { evaluates: false, flopsPerMs: FLOPS_PER_MS });
  expect(least).toBeLessThan(most);
  expect(most).toBeGreaterThanOrEqual((500 * Math.max(time.startMs, time.settledMs)) / 1000);
});

it('a sweep that would take minutes a step is measured on a smaller one, and its time is that much longer', async () => {
  const gpu = await testGpu();
  const wide = { ...defaultConfig(D), batch: 4096, arms: [arm('gated', [16_384])] };
  const limits = costLimits(gpu, 5e5);
  const small = await measureSteps(gpu, { ...wide, batch: 64, arms: [arm('gated', [64])] }, D, limits);
  const time = await measureSteps(gpu, wide, D, limits);
  expect([small.isWhole, time.isWhole]).toEqual([true, false]);
  expect(time.startMs).toBeGreaterThan(small.startMs);
});

it('it is given up when the signal says so', async () => {
  const gpu = await testGpu();
  const config = { ...defaultConfig(D), batch: 64, arms: [arm('gated', [96])] };
  await expect(measureSteps(gpu, config, D, costLimits(gpu, FLOPS_PER_MS), AbortSignal.abort(new Error('given up')))).rejects.toThrow(
    'given up',
  );
  gpu.check();
});
