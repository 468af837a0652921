/**
 * Whole training steps of packed sweeps: against the float64 twin (losses, gradients, Adam), bit for bit against themselves and
 * against each run alone, and the paper's facts on the GPU.
 */
import { describe, expect, it } from 'vitest';
import { readFloats } from '../../../src/gpu/buffers';
import {
  adamStep,
  forward,
  gradients,
  loss,
  type TwinGradients,
  type TwinParams,
  tensorsOf,
  zeroMoments,
} from '../../../src/reference/sae';
import { architecture } from '../../../src/sae/architectures';
import { ForwardPass } from '../../../src/sae/forwardPass';
import { cutRows } from '../../../src/sae/packing';
import type { SaeWeights } from '../../../src/sae/weights';
import { maxError } from '../../gpu';
import { decoderGradient } from '../../reference/saeKernels';
import { batchOf, bitsOf, normError, type RunSpec, SCHEDULE, type Sweep, type SweepOptions, sweep, twinOf } from './sweep';

/** First moments as they are now, of one run: with beta1 = 0 they are the step's gradients, W_dec's without its part along the row. */
async function momentsOf({ gpu, trainer }: Sweep, r: number, arch: string): Promise<TwinGradients> {
  const { layout, context } = trainer;
  const { first, width } = layout.runs[r] as { first: number; width: number };
  const { w_enc, w_dec, latent_params } = context.only.buffers;
  const { d, latents } = layout;
  const stride = layout.quads * 4;
  const plane = 2 * latents * stride;
  const [mEnc, mDec, scalars, gBias] = await Promise.all([
    readFloats(gpu, w_enc, plane + first * stride, width * stride),
    readFloats(gpu, w_dec, plane + first * stride, width * stride),
    readFloats(gpu, latent_params, (3 * latents + first) * 4, width * 4),
    readFloats(gpu, context.shared.grad_b_dec, r * stride, stride),
  ]);
  const column = (c: number) => Float64Array.from({ length: width }, (_, i) => scalars[4 * i + c] as number);
  return {
    wEnc: Float64Array.from(cutRows(mEnc, d)),
    wDec: Float64Array.from(cutRows(mDec, d)),
    bDec: Float64Array.from(gBias.subarray(0, d)),
    vectors: architecture(arch).vectors.map((_, c) => column(c)),
  };
}

/** The twin's gradients as Adam gets them: W_dec's rows without their part along the row. */
const asAdamGets = (g: TwinGradients, { wDec, d }: TwinParams): TwinGradients => ({
  ...g,
  wDec: Float64Array.from(
    Array.from({ length: wDec.length / d }, (_, i) => [
      ...decoderGradient(g.wDec.subarray(i * d, (i + 1) * d), wDec.subarray(i * d, (i + 1) * d)),
    ]).flat(),
  ),
});

const relative = (actual: ArrayLike<number>, expected: ArrayLike<number>) =>
  maxError(actual, expected) / Math.max(1e-6, ...Array.from(expected, Math.abs));

/** ‖actual - expected‖ / ‖expected - start‖, 0 when nothing should change and nothing did. */
function changeError(start: ArrayLike<number>, expected: ArrayLike<number>, actual: ArrayLike<number>): number {
  let [off, change] = [0, 0];
  for (let i = 0; i < start.length; i++) {
    off += ((actual[i] as number) - (expected[i] as number)) ** 2;
    change += ((expected[i] as number) - (start[i] as number)) ** 2;
  }
  return off === 0 ? 0 : Math.sqrt(off / change);
}

describe('against the float64 twin', () => {
  const mixed = (beta1: number, shift: number): RunSpec[] => [
    { arch: 'gated', width: 7, seed: 1, beta1, shift },
    { arch: 'baseline', width: 5, seed: 2, beta1, shift },
    { arch: 'gated', width: 33, seed: 3, beta1: 0, shift },
    { arch: 'baseline', width: 1, seed: 4, beta1, shift },
    { arch: 'gated', width: 70, seed: 5, beta1, shift },
  ];
  it.each<{ what: string; beta1: number; shift: number; options?: SweepOptions }>([
    { what: 'beta1 0', beta1: 0, shift: 0 },
    { what: 'beta1 0.9 (one run without)', beta1: 0.9, shift: 0 },
    { what: 'in many slices', beta1: 0, shift: 0, options: { batch: 101, flopsPerMs: 1e-3 } },
    { what: 'cut into three segments, one run lying in two', beta1: 0, shift: 0, options: { batch: 16, binding: 64 * 3 * 64 } },
    { what: 'every latent on', beta1: 0, shift: 10 },
    { what: 'none on', beta1: 0, shift: -10 },
    { what: 'D 1, one row', beta1: 0, shift: 0, options: { d: 1, batch: 1 } },
    { what: 'D 130, mean far from 0', beta1: 0, shift: 0, options: { d: 130, mean: new Float32Array(130).fill(3) } },
  ])('losses, gradients and weights of six steps: $what', async ({ beta1, shift, options }) => {
    const s = await sweep(mixed(beta1, shift), { ...options, momentum: true });
    const { trainer } = s;
    expect(trainer.layout.segments).toHaveLength(options?.binding ? 3 : 1);
    const start = await Promise.all(trainer.layout.runs.map((_, r) => trainer.weights(r)));
    const twins = start.map((w) => ({ p: twinOf(w), moments: zeroMoments(twinOf(w)) }));
    for (let step = 0; step < 6; step++) {
      const slots = s.slots(step);
      const x = batchOf(s, slots);
      const before = await Promise.all(start.map(async (_, r) => twinOf(await trainer.weights(r))));
      const logs = await (await trainer.step(slots, true)).log;
      for (const [r, p] of before.entries()) {
        const log = logs?.[r];
        if (!log) throw new Error('no log');
        const what = `run ${r}, step ${step}`;
        const expected = loss(p, x, log.lambda);
        expect({ step: log.step, lr: log.lr, lambda: log.lambda }).toEqual({
          step,
          lr: SCHEDULE.lr,
          lambda: SCHEDULE.lambda * Math.min(step / 4, 1),
        });
        for (const name of ['loss', 'mse_loss', 'sparsity_loss', 'l0'] as const)
          expect(relative([log[name]], [expected[name]]), `${name} of ${what}`).toBeLessThan(1e-5);
        expect(Math.abs(log.gamma / expected.gamma - 1), `gamma of ${what}`).toBeLessThan(1e-4);
        expect(log.aux_loss === undefined).toBe(p.arch === 'baseline');
        if (log.aux_loss !== undefined) expect(relative([log.aux_loss], [expected.aux_loss])).toBeLessThan(1e-5);
        const whole = gradients(p, x, log.lambda);
        const g = asAdamGets(whole, p);
        const actual = trainer.layout.segments.length === 1 && (beta1 === 0 || r === 2) ? await momentsOf(s, r, p.arch) : g;
        const others = [actual, whole].map((tensors) => tensorsOf(p.arch, tensors));
        for (const [name, wanted] of Object.entries(tensorsOf(p.arch, g))) {
          const [found, all] = others.map((tensors) => tensors[name]) as [Float64Array, Float64Array];
          expect(maxError(found, wanted) / Math.max(1e-6, ...all.map(Math.abs)), `gradient of ${name}, ${what}`).toBeLessThan(2e-5);
        }
        const after = await trainer.weights(r);
        expect(normError(after), `decoder norms of ${what}`).toBeLessThan(1e-5);
        // The float64 run goes its own way from the same start.
        const own = twins[r] as (typeof twins)[number];
        const settings = { lr: log.lr, beta1: r === 2 ? 0 : beta1, beta2: 0.999, eps: 1e-8 };
        adamStep(own.p, gradients(own.p, x, log.lambda), own.moments, step + 1, settings);
      }
    }
    for (const [r, w] of start.entries()) {
      const others = [twins[r]?.p as TwinParams, twinOf(await trainer.weights(r))].map((p) => tensorsOf(p.arch, p));
      for (const [name, from] of Object.entries(tensorsOf(w.arch, twinOf(w)))) {
        const [to, actual] = others.map((tensors) => tensors[name]) as [Float64Array, Float64Array];
        expect(changeError(from, to, actual), `change of ${name} of run ${r}`).toBeLessThan(1e-3);
      }
    }
    s.gpu.check();
    s.destroy();
  });

  it('counts in training on how many rows each latent fired, and starts anew when asked', async () => {
    const s = await sweep([
      { arch: 'gated', width: 7, seed: 1 },
      { arch: 'baseline', width: 5, seed: 2 },
    ]);
    for (const round of [0, 1]) {
      const expected = [new Array<number>(7).fill(0), new Array<number>(5).fill(0)];
      for (let step = 3 * round; step < 3 * round + 3; step++) {
        const x = batchOf(s, s.slots(step));
        for (const [r, counts] of expected.entries()) {
          forward(twinOf(await s.trainer.weights(r)), x).acts.forEach((f, j) => {
            if (f > 0) counts[j % counts.length] = (counts[j % counts.length] as number) + 1;
          });
        }
        await s.trainer.step(s.slots(step));
      }
      for (const [r, counts] of expected.entries()) expect([...(await s.trainer.takeFires(r))]).toEqual(counts);
    }
    s.destroy();
  });
});

describe('bit for bit', () => {
  const A: RunSpec = { arch: 'gated', width: 33, seed: 10 };
  const B: RunSpec = { arch: 'baseline', width: 5, seed: 20 };
  const C: RunSpec = { arch: 'gated', width: 6, seed: 30, schedule: { lambda: 0.5 } };
  const STEPS = 20;

  interface Plan {
    options?: SweepOptions;
    /** Ends run r after so many steps. */
    stop?: { r: number; after: number };
    /** Evaluates after so many steps. */
    evaluate?: number;
  }
  async function trained(
    specs: RunSpec[],
    { options, stop, evaluate }: Plan = {},
  ): Promise<{ bits: Buffer[]; weights: SaeWeights[]; steps: number[] }> {
    const s = await sweep(specs, options);
    const pass = evaluate === undefined ? undefined : await ForwardPass.create(s.trainer, s.trainer.options.pool);
    for (let step = 0; step < STEPS; step++) {
      if (stop?.after === step) s.trainer.stop(stop.r);
      if (pass && step === evaluate) {
        pass.resetFires();
        pass.run(
          0,
          8,
          specs.map(() => true),
        );
        await pass.sums(8);
      }
      await s.trainer.step(s.slots(step));
    }
    const weights = await Promise.all(specs.map((_, r) => s.trainer.weights(r)));
    s.gpu.check();
    s.destroy();
    return { bits: weights.map(bitsOf), weights, steps: [...s.trainer.steps] };
  }

  it('the same sweep twice gives the same weights; another seed does not', async () => {
    const [first, second, other] = [await trained([A, B, C]), await trained([A, B, C]), await trained([{ ...A, seed: 11 }, B, C])];
    expect(second.bits).toEqual(first.bits);
    expect(other.bits[0]?.equals(first.bits[0] as Buffer)).toBe(false);
    expect(other.bits.slice(1)).toEqual(first.bits.slice(1));
  });

  it('a run in a sweep is the run alone, wherever it stands', async () => {
    const alone = [(await trained([A])).bits[0], (await trained([B])).bits[0], (await trained([C])).bits[0]];
    for (const order of [
      [0, 1, 2],
      [2, 0, 1],
      [1, 2, 0],
      [1, 1, 0],
    ]) {
      const { bits } = await trained(order.map((i) => [A, B, C][i] as RunSpec));
      order.forEach((i, r) => {
        expect(bits[r]?.equals(alone[i] as Buffer), `run ${i} in sweep ${order}`).toBe(true);
      });
    }
  });

  it('whatever happens to the others: stopped, diverged to NaN, with momentum, evaluated in between', async () => {
    const [alone] = (await trained([A])).bits;
    const stopped = await trained([B, A, C], { stop: { r: 0, after: 7 } });
    expect(stopped.bits[1]?.equals(alone as Buffer)).toBe(true);
    expect(stopped.steps).toEqual([7, STEPS, STEPS]);
    const [short] = (await trained([B], { stop: { r: 0, after: 7 } })).bits;
    expect(stopped.bits[0]?.equals(short as Buffer), 'the stopped run keeps its weights').toBe(true);
    const full = (await trained([B])).bits[0];
    expect(stopped.bits[0]?.equals(full as Buffer)).toBe(false);

    const huge = await trained([B, A, { ...C, schedule: { lr: 1e30 } }]);
    expect(
      huge.weights[2]?.bDec.some((v) => !Number.isFinite(v)),
      'the other diverged',
    ).toBe(true);
    expect(huge.bits[1]?.equals(alone as Buffer)).toBe(true);

    const besideMomentum = await trained([{ ...B, beta1: 0.9 }, A]);
    expect(besideMomentum.bits[1]?.equals(alone as Buffer)).toBe(true);

    const evaluated = await trained([B, A, C], { evaluate: 9 });
    expect(evaluated.bits[1]?.equals(alone as Buffer)).toBe(true);
  });

  it('when the step runs in row blocks too', async () => {
    const options = { batch: 101, flopsPerMs: 1e-3 };
    const [alone] = (await trained([A], { options })).bits;
    const { bits } = await trained([C, B, A], { options });
    expect(bits[2]?.equals(alone as Buffer)).toBe(true);
  });

  it('and however the rows are cut into blocks, whether lists are worked off once or several times', async () => {
    for (const run of [A, B, { ...A, shift: 5 }]) {
      const [whole] = (await trained([run], { options: { batch: 700, poolRows: 1500 } })).bits;
      const [blocks] = (await trained([run], { options: { batch: 700, poolRows: 1500, flopsPerMs: 1e-3 } })).bits;
      expect(blocks?.equals(whole as Buffer)).toBe(true);
    }
  });
});
