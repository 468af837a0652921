/**
 * Twelve steps of dictionary_learning's own trainers (float64) against the whole WGSL step: losses at every step, and the change
 * of every tensor. `reference` columns: tests/fixtures/train.
 */
import { describe, expect, it } from 'vitest';
import { layoutOf } from '../../src/sae/layout';
import { SweepTrainer } from '../../src/sae/trainer';
import type { SaeWeights } from '../../src/sae/weights';
import { fixturePath, readF32, readJson } from '../fixtures';
import { runsProcessorKernels, testGpu } from '../gpu';

interface Expected {
  d_in: number;
  d_sae: number;
  batch: number;
  steps: number;
  lr: number;
  lambda: number;
  lr_warmup_steps: number;
  lambda_warmup_steps: number;
  per_step: {
    step: number;
    lr: number;
    lambda: number;
    mse_loss: number;
    sparsity_loss: number;
    aux_loss?: number;
    loss: number;
    l0: number;
    gamma: number;
  }[];
}
const VECTORS = { baseline: ['b_enc'], gated: ['b_gate', 'r_mag', 'b_mag'] } as const;

const transpose = (a: Float32Array, rows: number, columns: number) =>
  Float32Array.from({ length: a.length }, (_, i) => a[(i % rows) * columns + Math.floor(i / rows)] as number);

function weightsOf(arch: 'baseline' | 'gated', file: string, e: Expected): SaeWeights {
  const t = readF32(file);
  const get = (name: string) => (t[name] as { data: Float32Array }).data;
  return {
    arch,
    dIn: e.d_in,
    dSae: e.d_sae,
    wEnc: transpose(get('W_enc'), e.d_in, e.d_sae),
    wDec: get('W_dec'),
    bDec: get('b_dec'),
    vectors: Object.fromEntries(VECTORS[arch].map((name) => [name, get(name)])),
  };
}

const relative = (actual: number, expected: number) => Math.abs(actual - expected) / Math.max(1e-6, Math.abs(expected));

function changeError(init: ArrayLike<number>, expected: ArrayLike<number>, actual: ArrayLike<number>): number {
  let off = 0;
  let change = 0;
  for (let i = 0; i < init.length; i++) {
    off += ((actual[i] as number) - (expected[i] as number)) ** 2;
    change += ((expected[i] as number) - (init[i] as number)) ** 2;
  }
  return Math.sqrt(off / change);
}

describe.each(['baseline', 'gated'] as const)('%s', (arch) => {
  // blocked: a speed so low that the step runs in row blocks. mean: centring by any constant must not matter.
  const settings = [
    { flopsPerMs: 1e9, centre: 0 },
    { flopsPerMs: 1e-3, centre: 0 },
    { flopsPerMs: 1e9, centre: 0.7 },
    { flopsPerMs: 1e9, centre: 0, registers: true },
  ];
  it.each((['auto', 'sparse', 'dense'] as const).flatMap((form) => settings.map((setting) => ({ form, ...setting }))))(
    'matches dictionary_learning ($form, $flopsPerMs FLOPs/ms, mean $centre, rows in registers: $registers)',
    async ({ form, flopsPerMs, centre, registers = false }) => {
      const gpu = await testGpu();
      const e = readJson<Expected>(`train/${arch}/expected.json`);
      const { activations } = readF32(`train/${arch}/data.safetensors`);
      const pool = gpu.device.createBuffer({
        size: (activations as { data: Float32Array }).data.byteLength,
        usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST,
      });
      gpu.queue.writeBuffer(pool, 0, (activations as { data: Float32Array }).data as Float32Array<ArrayBuffer>);
      const init = weightsOf(arch, `train/${arch}/init.safetensors`, e);
      const limits = {
        maxStorageBufferBindingSize: gpu.limits.maxStorageBufferBindingSize,
        flopsPerMs,
        registers: registers && runsProcessorKernels(gpu),
      };
      const trainer = await SweepTrainer.create(gpu, {
        layout: layoutOf(e.d_in, e.batch, [{ arch, width: e.d_sae }], limits, { form }),
        runs: [
          {
            schedule: {
              steps: e.steps,
              lr: e.lr,
              lrWarmup: e.lr_warmup_steps,
              lrDecay: 0,
              lambda: e.lambda,
              lambdaWarmup: e.lambda_warmup_steps,
            },
            optimiser: { beta1: 0, beta2: 0.999, eps: 1e-8 },
            weights: init,
          },
        ],
        pool,
        scale: 1,
        mean: new Float32Array(e.d_in).fill(centre),
        flopsPerMs,
        form,
      });
      for (const expected of e.per_step) {
        const slots = Uint32Array.from({ length: e.batch }, (_, i) => expected.step * e.batch + i);
        const [log] = (await (await trainer.step(slots, true)).log) ?? [];
        if (!log) throw new Error('no log');
        expect(log.step).toBe(expected.step);
        expect(log.lr).toBeCloseTo(expected.lr, 12);
        expect(log.lambda).toBeCloseTo(expected.lambda, 12);
        for (const name of ['mse_loss', 'sparsity_loss', 'loss', 'l0', 'gamma'] as const) {
          expect(relative(log[name], expected[name]), `${name} at step ${expected.step}: ${log[name]} for ${expected[name]}`).toBeLessThan(
            1e-4,
          );
        }
        if (expected.aux_loss !== undefined) expect(relative(log.aux_loss ?? Number.NaN, expected.aux_loss)).toBeLessThan(1e-4);
      }
      const actual = await trainer.weights(0);
      const final = weightsOf(arch, `train/${arch}/final.safetensors`, e);
      for (const name of ['wEnc', 'wDec', 'bDec'] as const) {
        expect(changeError(init[name], final[name], actual[name]), name).toBeLessThan(1e-2);
      }
      for (const name of VECTORS[arch]) {
        expect(changeError(init.vectors[name] ?? [], final.vectors[name] ?? [], actual.vectors[name] ?? []), name).toBeLessThan(1e-2);
      }
      gpu.check();
      trainer.destroy();
      pool.destroy();
    },
  );
});

it('fixtures are in place', () => {
  expect(fixturePath('train/gated/init.safetensors')).toContain('fixtures');
});
