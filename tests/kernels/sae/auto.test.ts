/** Form 'auto': each run takes at each step the form that its active set asks for, and leaves no trace in the others. */
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { readBytes, readFloats, write } from '../../../src/gpu/buffers';
import { forward, loss } from '../../../src/reference/sae';
import { ForwardPass } from '../../../src/sae/forwardPass';
import { STATS } from '../../../src/sae/kernels';
import type { StepForm } from '../../../src/sae/layout';
import { DENSE_SHARE } from '../../../src/sae/step/train';
import type { SweepTrainer } from '../../../src/sae/trainer';
import {
  batchOf,
  beside,
  bitsOf,
  copyState,
  poisonWork,
  type RunSpec,
  type Sweep,
  type SweepOptions,
  sweep,
  twinOf,
  weightsOf,
} from './sweep';

const trainers: SweepTrainer[] = [];
const sweeps: Sweep[] = [];
const made = async (specs: RunSpec[], options?: SweepOptions): Promise<Sweep> => {
  const s = await sweep(specs, { form: 'auto', ...options });
  sweeps.push(s);
  return s;
};
const other = async (s: Sweep, form: StepForm): Promise<SweepTrainer> => {
  const trainer = await beside(s, { form });
  trainers.push(trainer);
  return trainer;
};
function release() {
  for (const trainer of trainers.splice(0)) trainer.destroy();
  for (const s of sweeps.splice(0)) s.destroy();
}
beforeEach(release);
afterAll(release);

/** Which runs took the dense form in the last step. */
const flagsOf = async ({ gpu, layout, context }: SweepTrainer): Promise<number[]> => [
  ...new Uint32Array(await readBytes(gpu, context.only.buffers.active_set, 0, 4 * layout.runs.length)),
];
const bits = async (trainer: SweepTrainer) => (await weightsOf(trainer)).map(bitsOf);

/** About half of the latents on, a few, everything, a few of many. */
const HALF: RunSpec = { arch: 'gated', width: 33, seed: 10 };
const FEW: RunSpec = { arch: 'gated', width: 6, seed: 30, shift: -1.3 };
const ALL: RunSpec = { arch: 'baseline', width: 5, seed: 20, shift: 10 };
const SOME: RunSpec = { arch: 'baseline', width: 70, seed: 40, shift: -1.5 };
const DENSE = [HALF, ALL];

/** Bits after some steps. */
async function trained(
  specs: RunSpec[],
  { stop, poisoned = false, options }: { stop?: number; poisoned?: boolean; options?: SweepOptions } = {},
) {
  const s = await made(specs, options);
  const flags: number[][] = [];
  for (let step = 0; step < 8; step++) {
    if (step === 5 && stop !== undefined) s.trainer.stop(stop);
    if (poisoned) poisonWork(s.gpu, s.trainer);
    await s.trainer.step(s.slots(step));
    flags.push(await flagsOf(s.trainer));
  }
  s.gpu.check();
  return { bits: await bits(s.trainer), flags };
}

describe('each run', () => {
  it.each<[string, SweepOptions]>([
    ['beta1 0', {}],
    ['with first moments', { momentum: true }],
    ['in row blocks and slices', { batch: 101, flopsPerMs: 1e-3 }],
  ])('takes the dense form’s bits above the share and the sparse form’s below, side by side in one sweep: %s', async (_, options) => {
    const specs = [FEW, HALF, SOME, ALL];
    const s = await made(specs, options);
    const [dense, sparse] = [await other(s, 'dense'), await other(s, 'sparse')];
    for (let step = 0; step < 6; step++) {
      const logs = await Promise.all([s.trainer, dense, sparse].map(async (t) => (await (await t.step(s.slots(step), true)).log) ?? []));
      expect(await flagsOf(s.trainer), `step ${step}`).toEqual([0, 1, 0, 1]);
      specs.forEach((spec, r) => {
        const [auto, full, lists] = logs.map((log) => log[r]);
        expect(auto).toEqual(DENSE.includes(spec) ? full : lists);
      });
    }
    const [auto, full, lists] = [await bits(s.trainer), await bits(dense), await bits(sparse)];
    specs.forEach((spec, r) => {
      const [same, different] = DENSE.includes(spec) ? [full, lists] : [lists, full];
      expect(auto[r]?.equals(same[r] as Buffer), `run ${r}`).toBe(true);
      // Else there would be nothing to tell them apart by.
      expect(auto[r]?.equals(different[r] as Buffer), `run ${r}, the other form`).toBe(false);
    });
    for (const r of specs.keys()) expect([...(await s.trainer.takeFires(r))]).toEqual([...(await sparse.takeFires(r))]);
  });

  it('is the run alone, whatever the others do and wherever it stands', async () => {
    const all = [HALF, FEW, ALL, SOME];
    const alone = new Map<RunSpec, Awaited<ReturnType<typeof trained>>>();
    for (const spec of all) alone.set(spec, await trained([spec]));
    expect(all.map((spec) => alone.get(spec)?.flags[0])).toEqual([[1], [0], [1], [0]]);
    for (const specs of [
      [HALF, FEW],
      [FEW, HALF],
      [SOME, FEW],
      [SOME, ALL, FEW, HALF],
      [HALF, ALL],
    ]) {
      const together = await trained(specs);
      specs.forEach((spec, r) => {
        expect(together.bits[r]?.equals(alone.get(spec)?.bits[0] as Buffer), `run ${r} of ${specs.length}`).toBe(true);
      });
    }
    // A dense one that ends, one that diverges: the rest as it was, and no run that has ended is dense.
    const ended = await trained([ALL, FEW, SOME], { stop: 0 });
    expect(ended.flags.map(([first]) => first)).toEqual([1, 1, 1, 1, 1, 0, 0, 0]);
    expect(ended.bits[0]?.equals(alone.get(ALL)?.bits[0] as Buffer)).toBe(false);
    const beside = await trained([{ ...ALL, schedule: { lr: 1e30 } }, FEW, SOME]);
    for (const {
      bits: [, few, some],
    } of [ended, beside]) {
      expect(few?.equals(alone.get(FEW)?.bits[0] as Buffer)).toBe(true);
      expect(some?.equals(alone.get(SOME)?.bits[0] as Buffer)).toBe(true);
    }
  });

  it('the same seed gives the same bits, with poisoned work buffers too; another seed does not', async () => {
    const specs = [FEW, HALF, SOME, ALL];
    const first = await trained(specs);
    expect(await trained(specs)).toEqual(first);
    expect(await trained(specs, { poisoned: true })).toEqual(first);
    const moved = await trained([FEW, { ...HALF, seed: 11 }, SOME, ALL]);
    expect([0, 1, 2, 3].map((r) => moved.bits[r]?.equals(first.bits[r] as Buffer))).toEqual([true, false, true, true]);
  });

  it('goes from the dense form to the sparse one as its latents fall silent, each step the bits of the form it took', async () => {
    const schedule = { lr: 0.05, lambda: 4, lambdaWarmup: 0 };
    const s = await made([{ ...HALF, schedule }, SOME, { ...ALL, shift: 2, schedule }]);
    const [dense, sparse] = [await other(s, 'dense'), await other(s, 'sparse')];
    const flags: number[][] = [];
    for (let step = 0; step < 60; step++) {
      for (const t of [dense, sparse]) copyState(s.gpu, s.trainer, t);
      const x = batchOf(s, s.slots(step));
      const share = (await weightsOf(s.trainer)).map((w) => forward(twinOf(w), x).gate.filter((v) => v > 0).length / (w.dSae * s.batch));
      for (const t of [s.trainer, dense, sparse]) await t.step(s.slots(step));
      const now = await flagsOf(s.trainer);
      share.forEach((value, r) => {
        if (Math.abs(value - DENSE_SHARE) > 1e-3) expect(now[r], `share ${value}`).toBe(value > DENSE_SHARE ? 1 : 0);
      });
      const [auto, full, lists] = [await bits(s.trainer), await bits(dense), await bits(sparse)];
      now.forEach((flag, r) => {
        expect(auto[r]?.equals((flag ? full : lists)[r] as Buffer), `run ${r}, step ${step}`).toBe(true);
      });
      flags.push(now);
    }
    for (const r of [0, 2]) {
      const column = flags.map((row) => row[r]).join('');
      expect(column).toMatch(/^1+[01]*0+$/);
    }
    expect(flags.every((row) => row[1] === 0)).toBe(true);
  });
});

describe('evaluation between steps', () => {
  const evaluated = async (form: StepForm) => {
    const specs = [HALF, FEW, ALL];
    const s = await made(specs, { form });
    const rows = 19;
    const raw = s.gpu.device.createBuffer({ size: rows * s.d * 4, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST });
    write(s.gpu, raw, 0, s.rows.subarray(0, rows * s.d));
    const pass = await ForwardPass.create(s.trainer, raw);
    const target = s.trainer.storage('restored', rows * s.d * 4);
    for (let step = 0; step < 3; step++) await s.trainer.step(s.slots(step));
    const before = await flagsOf(s.trainer);
    const x = batchOf(
      s,
      Uint32Array.from({ length: rows }, (_, i) => i),
    );
    pass.resetFires();
    pass.run(
      0,
      rows,
      specs.map(() => true),
    );
    expect(await flagsOf(s.trainer)).toEqual([0, 0, 0]);
    const sums = await pass.sums(rows);
    for (const [r, w] of (await weightsOf(s.trainer)).entries()) {
      const p = twinOf(w);
      const fw = forward(p, x);
      const expected = loss(p, x, 0, fw);
      const of = (i: number) => (sums.totals[r * STATS + i] as number) / rows;
      for (const [i, value] of [
        [0, expected.mse_loss],
        [1, expected.aux_loss],
        [2, expected.sparsity_loss],
        [3, expected.l0],
      ] as const)
        expect(Math.abs(of(i) - value), `statistic ${i} of run ${r}`).toBeLessThanOrEqual(1e-5 * Math.max(1e-6, value));
      const fires = Array.from({ length: w.dSae }, (_, i) => fw.acts.filter((f, j) => j % w.dSae === i && f > 0).length);
      expect([...(await pass.fires(r))], `fires of run ${r}`).toEqual(fires);
      pass.restore(r, rows, target, 0);
      const restored = await readFloats(s.gpu, target);
      fw.xHat.forEach((value, j) => {
        if (!(Math.abs((restored[j] as number) * s.scale - value) <= 1e-5 * 10))
          expect(restored[j], `run ${r}, value ${j}`).toBe(value / s.scale);
      });
    }
    for (let step = 3; step < 6; step++) await s.trainer.step(s.slots(step));
    const after = await flagsOf(s.trainer);
    const evaluatedBits = await bits(s.trainer);
    raw.destroy();
    const plain = await made(specs, { form });
    for (let step = 0; step < 6; step++) await plain.trainer.step(plain.slots(step));
    expect(evaluatedBits).toEqual(await bits(plain.trainer));
    return [before, after];
  };

  it('decodes every run from its active set after a step in which some took the dense form, and leaves the training as it was', async () => {
    expect(await evaluated('auto')).toEqual([
      [1, 0, 1],
      [1, 0, 1],
    ]);
  });

  it('also where the dense form is the only one', async () => {
    expect(await evaluated('dense')).toEqual([
      [1, 1, 1],
      [1, 1, 1],
    ]);
  });
});

describe('dispatches of a step', () => {
  const split = (n: number): RunSpec[] =>
    Array.from({ length: n }, (_, i) => ({ arch: i % 2 === 0 ? 'gated' : 'baseline', width: 128 / n, seed: i }) as RunSpec);
  const dispatches = async (specs: RunSpec[], form: StepForm) => (await made(specs, { form })).trainer.dispatches;

  it.each<StepForm>(['auto', 'sparse', 'dense'])(
    'are as many for 1, 4 and 16 runs of the same latents, and when small runs are added (%s)',
    async (form) => {
      const one = await dispatches(split(1), form);
      expect(one).toBeLessThan(30);
      expect(await dispatches(split(4), form)).toBe(one);
      expect(await dispatches(split(16), form)).toBe(one);
      expect(await dispatches([...split(4), HALF, FEW, ALL, { ...ALL, width: 1 }], form)).toBe(one);
    },
  );
});
