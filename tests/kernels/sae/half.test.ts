/** Training and evaluation on a batch rounded to f16: exactly those of the rounded rows, against the float64 twin. */
import { describe, expect, it } from 'vitest';
import { decodeFloats } from '../../../src/data/formats/floats';
import { readBytes, readFloats, write } from '../../../src/gpu/buffers';
import { adamStep, forward, gradients, loss, tensorsOf, zeroMoments } from '../../../src/reference/sae';
import { ForwardPass } from '../../../src/sae/forwardPass';
import { STATS } from '../../../src/sae/kernels';
import type { StepForm } from '../../../src/sae/layout';
import { maxError } from '../../gpu';
import { halfBound } from './checks';
import { batchOf, normError, type RunSpec, type Sweep, sweep, twinOf, weightsOf } from './sweep';

const SPECS: RunSpec[] = [
  { arch: 'gated', width: 33, seed: 3 },
  { arch: 'baseline', width: 5, seed: 2, shift: -1.5 },
];

/** The rows that the encoder reads, in float64 and not centred, `[rows, d]`; the exact ones must be near. */
async function roundedRows({ gpu, trainer, d }: Sweep, exact: Float64Array): Promise<Float64Array> {
  const rows = exact.length / d;
  const { quads } = trainer.layout;
  const packed = new Uint8Array(await readBytes(gpu, trainer.context.shared.x_half, 0, rows * quads * 8));
  const x = new Float32Array(rows * quads * 4);
  decodeFloats(packed, 'f16', x);
  const out = Float64Array.from(
    exact,
    (_, j) => (x[Math.floor(j / d) * 4 * quads + (j % d)] as number) + (trainer.options.mean[j % d] as number),
  );
  out.forEach((value, j) => {
    const centred = (exact[j] as number) - (trainer.options.mean[j % d] as number);
    expect(Math.abs(value - (exact[j] as number))).toBeLessThanOrEqual(halfBound(centred));
  });
  return out;
}

describe.each<StepForm>(['sparse', 'auto'])('form %s', (form) => {
  it('losses and weights of six steps are those of the rounded rows', async () => {
    const s = await sweep(SPECS, { form, halfX: true, d: 14 });
    const twins = (await weightsOf(s.trainer)).map((w) => ({ start: twinOf(w), p: twinOf(w), moments: zeroMoments(twinOf(w)) }));
    for (let step = 0; step < 6; step++) {
      const before = await weightsOf(s.trainer);
      const logs = await (await s.trainer.step(s.slots(step), true)).log;
      const exact = batchOf(s, s.slots(step));
      const x = await roundedRows(s, exact);
      expect(maxError(x, exact), 'rounding shows').toBeGreaterThan(2e-4);
      for (const [r, own] of twins.entries()) {
        const log = logs?.[r];
        if (!log) throw new Error('no log');
        const p = twinOf(before[r] as (typeof before)[number]);
        const expected = loss(p, x, log.lambda);
        for (const name of ['loss', 'mse_loss', 'sparsity_loss', 'l0'] as const)
          expect(Math.abs(log[name] / expected[name] - 1), `${name} of run ${r}, step ${step}`).toBeLessThan(1e-5);
        adamStep(own.p, gradients(own.p, x, log.lambda), own.moments, step + 1, { lr: log.lr, beta1: 0, beta2: 0.999, eps: 1e-8 });
      }
    }
    for (const [r, w] of (await weightsOf(s.trainer)).entries()) {
      expect(normError(w)).toBeLessThan(1e-5);
      const { start, p } = twins[r] as (typeof twins)[number];
      const [before, after] = [start, p].map((own) => tensorsOf(w.arch, own));
      for (const [name, actual] of Object.entries(tensorsOf(w.arch, twinOf(w)))) {
        let [off, change] = [0, 0];
        actual.forEach((value, j) => {
          const expected = after?.[name]?.[j] as number;
          off += (value - expected) ** 2;
          change += (expected - (before?.[name]?.[j] as number)) ** 2;
        });
        expect(off === 0 ? 0 : Math.sqrt(off / change), `change of ${name} of run ${r}`).toBeLessThan(1e-3);
      }
    }
    s.destroy();
  });

  it('so are the sums and reconstructions of an evaluation', async () => {
    const s = await sweep(SPECS, { form, halfX: true, d: 14 });
    const rows = 21;
    const raw = s.gpu.device.createBuffer({ size: rows * s.d * 4, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST });
    write(s.gpu, raw, 0, s.rows.subarray(0, rows * s.d));
    const pass = await ForwardPass.create(s.trainer, raw);
    await s.trainer.step(s.slots(0));
    pass.resetFires();
    pass.run(0, rows, [true, true]);
    const { totals } = await pass.sums(rows);
    const slots = Uint32Array.from({ length: rows }, (_, i) => i);
    const x = await roundedRows(s, batchOf(s, slots));
    const target = s.trainer.storage('restored', rows * s.d * 4);
    for (const [r, w] of (await weightsOf(s.trainer)).entries()) {
      const p = twinOf(w);
      const fw = forward(p, x);
      const { mse_loss, sparsity_loss, l0 } = loss(p, x, 0, fw);
      for (const [i, value] of [
        [0, mse_loss],
        [2, sparsity_loss],
        [3, l0],
      ] as const)
        expect(Math.abs((totals[r * STATS + i] as number) / rows / value - 1), `statistic ${i} of run ${r}`).toBeLessThan(1e-5);
      const fires = Array.from({ length: w.dSae }, (_, i) => fw.acts.filter((f, j) => j % w.dSae === i && f > 0).length);
      expect([...(await pass.fires(r))]).toEqual(fires);
      pass.restore(r, rows, target, 0);
      const restored = await readFloats(s.gpu, target);
      const wrong = fw.xHat.findIndex((value, j) => !(Math.abs((restored[j] as number) * s.scale - value) <= 1e-5));
      expect(wrong, `first wrong value of run ${r}`).toBe(-1);
    }
    raw.destroy();
    s.destroy();
  });
});
