/** What the GPU cannot hold is told to whoever asked for it: runs in training keep their bits, and `check` has nothing to say. */

import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Gpu } from '../../../src/gpu/device';
import type { EvaluationSource } from '../../../src/lab/evaluation';
import { Experiment, type Run } from '../../../src/lab/experiment';
import type { RunSpec } from '../../../src/lab/runSpecs';
import { defaultConfig } from '../../../src/lab/settings';
import { HarvestSource } from '../../../src/lm/harvest';
import { plainArm } from '../../../src/metrics/arms';
import { randoms, testGpu } from '../../gpu';
import { bitsOf } from '../sae/sweep';
import { ArrayRows, blocksOf, loadModel } from './helpers';

const D = 13;
const STEPS = 6;
const spec = (arch: RunSpec['arch'], width: number): RunSpec => ({
  arch,
  arm: plainArm(arch),
  config: defaultConfig(D),
  options: {},
  width,
  seed: 1,
  start: { encLength: 1, bDec: 'mean' },
  optimiser: { beta1: 0, beta2: 0.999, eps: 1e-8 },
  schedule: { steps: STEPS, lr: 2e-3, lrWarmup: 0, lrDecay: 0, lambda: 0.1, lambdaWarmup: 0 },
});
const refused = [spec('gated', 9), spec('baseline', 5)];

async function make(gpu: Gpu): Promise<{ experiment: Experiment; runs: Run[] }> {
  const source = new ArrayRows(randoms(96 * D, 1), D);
  const held = new ArrayRows(randoms(40 * D, 2), D);
  const evaluation: EvaluationSource = { kind: 'rows', blocks: () => blocksOf(held) };
  const split = { train: [{ source: 0, start: 0, rows: 96 }], heldOut: [], trainRows: 96, heldOutRows: 40 };
  const options = { batch: 16, seed: 1, shuffle: 'pool', normalize: 'none', xDtype: 'f32', flopsPerMs: 1e9 } as const;
  const data = { sources: [source], d: D, split, evaluation, origin: { data: 'rows' } };
  const experiment = await Experiment.create(gpu, data, options, { log: () => undefined, changed: () => undefined });
  return { experiment, runs: await experiment.add([spec('gated', 12), spec('baseline', 20)]) };
}

/** Bits of the weights after all steps; `between` is called after the second. */
async function trained(gpu: Gpu, between: (experiment: Experiment) => Promise<void>): Promise<Buffer[]> {
  const { experiment, runs } = await make(gpu);
  for (let step = 0; step < STEPS; step++) {
    await experiment.step(true);
    if (step === 1) await between(experiment);
    gpu.check();
  }
  await experiment.settle();
  const bits = await Promise.all(runs.map(async (run) => bitsOf((await experiment.weights(run)).weights)));
  await gpu.queue.onSubmittedWorkDone();
  gpu.check();
  experiment.destroy();
  return bits;
}

/** From now on the buffer of this number, or the first with this label, is larger than the device allows. @returns how many were asked for. */
function refuse(gpu: Gpu, which: number | RegExp): { asked: number } {
  const create = gpu.device.createBuffer.bind(gpu.device);
  const seen = { asked: 0 };
  vi.spyOn(gpu.device, 'createBuffer').mockImplementation((descriptor) => {
    const isIt = typeof which === 'number' ? seen.asked === which : which.test(descriptor.label ?? '');
    seen.asked++;
    return create(isIt ? { ...descriptor, size: 2 * gpu.limits.maxBufferSize } : descriptor);
  });
  return seen;
}
afterEach(() => vi.restoreAllMocks());

describe('a sweep that cannot be held, while others train', () => {
  it('is refused whichever of its buffers is missing; the others’ bits are those they would have had', async () => {
    const gpu = await testGpu();
    const alone = await trained(gpu, async () => undefined);
    let attempts = 0;
    const disturbed = await trained(gpu, async (experiment) => {
      const counted = refuse(gpu, -1);
      const [first] = await experiment.add(refused.slice(0, 1));
      experiment.remove(first as Run);
      vi.restoreAllMocks();
      expect(counted.asked).toBeGreaterThan(20);
      for (let which = 0; which < counted.asked; which++) {
        refuse(gpu, which);
        await expect(experiment.add(refused.slice(0, 1)), `buffer ${which}`).rejects.toThrow(/^sweep: the GPU could not hold .* MB: /);
        vi.restoreAllMocks();
        await gpu.queue.onSubmittedWorkDone();
        gpu.check();
        attempts++;
      }
    });
    expect(attempts).toBeGreaterThan(20);
    for (const [i, bits] of disturbed.entries()) expect(bits.equals(alone[i] as Buffer), `run ${i}`).toBe(true);
  });

  it('an evaluation that cannot be held fails by itself, and the next one measures', async () => {
    const gpu = await testGpu();
    const alone = await trained(gpu, async () => undefined);
    const disturbed = await trained(gpu, async (experiment) => {
      for (const label of [/moments/, /\.center$/, /\.fire_count$/]) {
        refuse(gpu, label);
        await expect(experiment.evaluate(experiment.runs), String(label)).rejects.toThrow(/^evaluation of a sweep: the GPU could not hold/);
        vi.restoreAllMocks();
        await gpu.queue.onSubmittedWorkDone();
        gpu.check();
      }
      await experiment.evaluate(experiment.runs);
      for (const run of experiment.runs) expect(run.metrics?.tokens).toBe(40);
    });
    for (const [i, bits] of disturbed.entries()) expect(bits.equals(alone[i] as Buffer), `run ${i}`).toBe(true);
  });
});

describe('a language model whose small buffers are not to be had', () => {
  it.each([/on the way\.params 0$/, /on the way\.read-back$/])('%s: says so to whoever asked, and goes on when they are', async (label) => {
    const gpu = await testGpu();
    const folder = 'tests/fixtures/lm/gpt2';
    const model = await loadModel(gpu, folder, 64);
    const tokens = Uint32Array.from({ length: 24 }, (_, i) => (7 * i) % 97);
    const hook = 'blocks.0.hook_mlp_out';
    const measured = async () => {
      model.prefix(hook, tokens, 1, 24);
      return model.crossEntropy();
    };
    refuse(gpu, label);
    await expect(measured()).rejects.toThrow(/^language model, on the way: the GPU could not hold/);
    if (/params/.test(label.source)) {
      const source = new HarvestSource(gpu, model, hook, { tokens, count: 1, T: 24 });
      await expect(source.read(0, 24)).rejects.toThrow(/^language model, on the way: the GPU could not hold/);
    }
    vi.restoreAllMocks();
    await gpu.queue.onSubmittedWorkDone();
    gpu.check();
    const losses = await measured();
    expect(losses).toHaveLength(23);
    expect(await measured()).toEqual(losses);
    expect([...losses].every((loss) => loss > 0)).toBe(true);
    gpu.check();
    model.destroy();
  });
});
