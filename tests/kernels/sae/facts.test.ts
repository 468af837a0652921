/** The paper's facts on the GPU, and what a step may and may not do to the device. */
import { describe, expect, it, vi } from 'vitest';
import { readFloats, write } from '../../../src/gpu/buffers';
import { DEFAULT_LIMITS } from '../../../src/gpu/device';
import { forward } from '../../../src/reference/sae';
import { ForwardPass } from '../../../src/sae/forwardPass';
import { MAX_RUNS, RUN } from '../../../src/sae/kernels';
import { groupRuns, layoutLimits } from '../../../src/sae/layout';
import { gpuMemory } from '../../../src/sae/memory';
import type { SaeWeights } from '../../../src/sae/weights';
import { testGpu } from '../../gpu';
import { jumpReluThreshold } from '../../reference/gated';
import { silentSae } from '../lab/helpers';
import { batchOf, bitsOf, poisonWork, type RunSpec, someWeights, sweep, twinOf } from './sweep';

describe('the paper’s facts', () => {
  it('one feature, lambda 1, x = 1, b_dec held at 0: baseline 0.5 and gated 1, its gate at 0.5, gamma the same', async () => {
    const schedule = { steps: 900, lr: 4e-3, lrDecay: 0.6, lambda: 1, lambdaWarmup: 0 };
    const weights = (arch: 'baseline' | 'gated'): SaeWeights => ({
      arch,
      dIn: 1,
      dSae: 1,
      wEnc: Float32Array.of(1),
      wDec: Float32Array.of(1),
      bDec: Float32Array.of(0),
      vectors:
        arch === 'gated'
          ? { b_gate: Float32Array.of(0), r_mag: Float32Array.of(0), b_mag: Float32Array.of(0) }
          : { b_enc: Float32Array.of(0) },
    });
    const s = await sweep(
      (['baseline', 'gated'] as const).map((arch) => ({ arch, width: 1, seed: 0, schedule, weights: weights(arch) })),
      { d: 1, batch: 2, rows: Float32Array.of(1, 1, 1), scale: 1, mean: new Float32Array(1) },
    );
    const zero = new Float32Array(2 * 4);
    for (let step = 0; step < schedule.steps; step++) {
      await s.trainer.step(s.slots(step));
      write(s.gpu, s.trainer.context.shared.b_dec, 0, zero); // b_dec of both runs
    }
    const logs = await (await s.trainer.step(s.slots(0), true)).log;
    const results = await Promise.all([0, 1].map(async (r) => forward(twinOf(await s.trainer.weights(r)), Float64Array.of(1))));
    expect(Math.abs((results[0]?.xHat[0] as number) - 0.5)).toBeLessThan(0.01);
    expect(Math.abs((results[1]?.xHat[0] as number) - 1)).toBeLessThan(0.01);
    expect(Math.abs((results[1]?.gate[0] as number) - 0.5)).toBeLessThan(0.01);
    expect(Math.abs((logs?.[0]?.gamma as number) - 0.5)).toBeLessThan(0.01);
    expect(Math.abs((logs?.[1]?.gamma as number) - 1)).toBeLessThan(0.01);
    s.destroy();
  });

  it('the gated encoder is a JumpReLU encoder with theta = b_mag - exp(r_mag) b_gate', async () => {
    // A decoder of one unit vector a latent shows f itself.
    const weights = someWeights('gated', 70, 70, 2);
    weights.wDec = weights.wDec.map((_, j) => (Math.floor(j / 70) === j % 70 ? 1 : 0));
    const s = await sweep(
      [
        { arch: 'baseline', width: 3, seed: 1 },
        { arch: 'gated', width: 70, seed: 2, weights },
      ],
      { d: 70 },
    );
    const rows = 33;
    const raw = s.gpu.device.createBuffer({ size: rows * s.d * 4, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST });
    write(s.gpu, raw, 0, s.rows.subarray(0, rows * s.d));
    const pass = await ForwardPass.create(s.trainer, raw);
    pass.run(0, rows, [false, true]);
    const target = s.trainer.storage('restored', rows * s.d * 4);
    pass.restore(1, rows, target, 0);
    const actual = (await readFloats(s.gpu, target)).map((value, j) => value * s.scale - (weights.bDec[j % 70] as number));
    const p = twinOf(await s.trainer.weights(1));
    const x = batchOf(
      s,
      Uint32Array.from({ length: rows }, (_, i) => i),
    );
    const theta = jumpReluThreshold(p);
    const { u } = forward(p, x);
    let [jumps, on] = [0, 0];
    for (let j = 0; j < u.length; j++) {
      const i = j % 70;
      const [, rMag, bMag] = p.vectors.map((values) => values[i] as number) as [number, number, number];
      const z = Math.exp(rMag) * (u[j] as number) + bMag;
      const f = z > (theta[i] as number) ? Math.max(0, z) : 0;
      if (Math.abs(z - (theta[i] as number)) > 1e-6) expect(Math.abs((actual[j] as number) - f), `latent ${i}`).toBeLessThan(1e-5);
      if (f === 0 && z > 0.05) jumps++;
      if (f > 0) on++;
    }
    // The threshold must matter, and latents must fire, or nothing was compared.
    expect(jumps).toBeGreaterThan(20);
    expect(on).toBeGreaterThan(500);
    raw.destroy();
    s.destroy();
  });
});

describe('a step', () => {
  it.each(['sparse', 'auto'] as const)(
    'makes no GPU object once it has run, with or without log, and the sweep holds what it says (%s)',
    async (form) => {
      const gpu = await testGpu();
      const made: string[] = [];
      const bytes = { now: 0 };
      const kinds = [
        'createBuffer',
        'createBindGroup',
        'createBindGroupLayout',
        'createComputePipelineAsync',
        'createComputePipeline',
        'createShaderModule',
        'createPipelineLayout',
        'createTexture',
        'createQuerySet',
      ] as const;
      const { createBuffer } = gpu.device;
      const spies = kinds.map((kind) => {
        const original = (gpu.device[kind] as (...args: unknown[]) => unknown).bind(gpu.device);
        return vi.spyOn(gpu.device as unknown as Record<string, (...args: unknown[]) => unknown>, kind).mockImplementation((...args) => {
          made.push(kind);
          if (kind === 'createBuffer') bytes.now += (args[0] as GPUBufferDescriptor).size;
          return original(...args);
        });
      });
      expect(gpu.device.createBuffer).not.toBe(createBuffer);
      const s = await sweep(
        [
          { arch: 'gated', width: 33, seed: 1, beta1: 0.9 },
          { arch: 'baseline', width: 5, seed: 2 },
        ],
        { form },
      );
      expect(made.filter((kind) => kind === 'createBuffer').length).toBeGreaterThan(20);
      const pool = 101 * 16 * 4;
      expect(bytes.now - pool).toBe(s.trainer.bytes);
      // Beside what the estimate counts: the run table, other uniforms, what is read back, and the sizes of the dense form's dispatches.
      const rest = s.trainer.bytes - gpuMemory(s.trainer.layout).total - MAX_RUNS * RUN.size;
      expect(rest > 0 && rest < 4096, `${rest} bytes`).toBe(true);
      await s.trainer.step(s.slots(0), true);
      made.length = 0;
      const submits = vi.spyOn(s.gpu.queue, 'submit');
      const logs: Promise<unknown>[] = [];
      for (let step = 1; step < 12; step++) logs.push((await s.trainer.step(s.slots(step), step % 2 === 0)).log ?? Promise.resolve());
      await Promise.all(logs);
      expect(made).toEqual([]);
      expect(submits).toHaveBeenCalledTimes(11);
      for (const spy of [...spies, submits]) spy.mockRestore();
      s.destroy();
    },
  );

  it('that is estimated to be long goes out in several submissions, with the same bits', async () => {
    const specs: RunSpec[] = [{ arch: 'gated', width: 33, seed: 1 }];
    const results: Buffer[] = [];
    for (const flopsPerMs of [1e9, 100]) {
      const s = await sweep(specs, { flopsPerMs, batch: 32 });
      const submits = vi.spyOn(s.gpu.queue, 'submit');
      for (let step = 0; step < 3; step++) await s.trainer.step(s.slots(step));
      if (flopsPerMs === 1e9) expect(submits).toHaveBeenCalledTimes(3);
      else expect(submits.mock.calls.length).toBeGreaterThan(6);
      submits.mockRestore();
      results.push(bitsOf(await s.trainer.weights(0)));
      s.destroy();
    }
    expect(results[1]?.equals(results[0] as Buffer)).toBe(true);
  });

  it('of the demo sweep at full size (d 512, batch 1024, four gated 1024, four baseline 1536) runs on a device of default limits', async () => {
    const gpu = await testGpu();
    expect(gpu.limits.maxStorageBufferBindingSize).toBe(DEFAULT_LIMITS.maxStorageBufferBindingSize);
    // Encoders of zero: no latent fires, so that only the dense part costs time here.
    const spec = (arch: 'gated' | 'baseline', width: number): RunSpec => {
      const weights = silentSae(arch, 512, width);
      weights.wEnc.fill(0);
      return { arch, width, seed: 0, weights };
    };
    const specs = (['gated', 'baseline'] as const).flatMap((arch) =>
      Array.from({ length: 4 }, () => spec(arch, arch === 'gated' ? 1024 : 1536)),
    );
    expect(groupRuns(512, 1024, specs, layoutLimits(gpu, 1e9))).toHaveLength(1);
    const s = await sweep(specs, { d: 512, batch: 1024, poolRows: 50, mean: new Float32Array(512), form: 'auto' });
    expect(s.trainer.layout).toMatchObject({ latents: 10_240, slots: 12 });
    const logs = await (await s.trainer.step(s.slots(0), true)).log;
    gpu.check();
    const square = batchOf(s, s.slots(0)).reduce((sum, v) => sum + v * v, 0) / 1024;
    expect(logs).toHaveLength(8);
    for (const log of logs ?? []) expect([log?.l0, Math.abs((log?.mse_loss as number) / square - 1) < 1e-5]).toEqual([0, true]);
    s.destroy();
  });

  it('refuses a batch of another size, and leaves padding columns and latents zero', async () => {
    const s = await sweep([{ arch: 'gated', width: 7, seed: 1 }]);
    await expect(s.trainer.step(new Uint32Array(3))).rejects.toThrow('3 rows for a batch of 37');
    for (let step = 0; step < 3; step++) await s.trainer.step(s.slots(step));
    const params = await readFloats(s.gpu, s.trainer.context.only.buffers.latent_params);
    expect([...params.subarray(4 * 7, 4 * 8)], 'run 0’s, and nothing else').toEqual([0, 0, 0, 0]);
    for (const name of ['w_enc', 'w_dec'] as const) {
      const w = await readFloats(s.gpu, s.trainer.context.only.buffers[name]);
      // W and v of 7 latents and one that is padding.
      expect(w.length).toBe(2 * 8 * 16);
      expect([...w].filter((_, j) => j % 16 >= 13 || Math.floor(j / 16) % 8 === 7).every((v) => v === 0)).toBe(true);
    }
    s.destroy();
  });

  it('does not read what it has not written: poisoned work buffers change nothing', async () => {
    const results: Buffer[] = [];
    for (const poisoned of [false, true]) {
      const s = await sweep([
        { arch: 'gated', width: 7, seed: 1 },
        { arch: 'baseline', width: 5, seed: 2 },
      ]);
      for (let step = 0; step < 4; step++) {
        if (poisoned) poisonWork(s.gpu, s.trainer);
        await s.trainer.step(s.slots(step));
      }
      results.push(...[bitsOf(await s.trainer.weights(0)), bitsOf(await s.trainer.weights(1))]);
      s.destroy();
    }
    expect(results.slice(2)).toEqual(results.slice(0, 2));
  });
});
