/**
 * The dense form of the step against the sparse one, on the same packed sweeps: what one step leaves in every buffer, entry by entry, and the change
 * of every tensor after several. Both are f32, so they agree to rounding; both are held against float64 elsewhere.
 */
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { readFloats } from '../../../src/gpu/buffers';
import { architecture } from '../../../src/sae/architectures';
import { STATS } from '../../../src/sae/kernels';
import { LATENT_GROUP } from '../../../src/sae/layout';
import { gpuMemory, sharedBytes } from '../../../src/sae/memory';
import type { SweepTrainer } from '../../../src/sae/trainer';
import type { SaeWeights } from '../../../src/sae/weights';
import { maxError, randoms } from '../../gpu';
import {
  beside,
  bitsOf,
  copyState,
  poisonWork,
  type RunSpec,
  type Sweep,
  type SweepOptions,
  someWeights,
  sweep,
  tensorsOf,
  weightsOf,
} from './sweep';

/** ‖actual - expected‖ / ‖expected - start‖, 0 when nothing should change and nothing did. */
function changeError(start: Float32Array, expected: Float32Array, actual: Float32Array): number {
  let [off, change] = [0, 0];
  for (let i = 0; i < start.length; i++) {
    off += ((actual[i] as number) - (expected[i] as number)) ** 2;
    change += ((expected[i] as number) - (start[i] as number)) ** 2;
  }
  return off === 0 ? 0 : Math.sqrt(off / change);
}

const largest = (values: Float32Array) => values.reduce((most, v) => Math.max(most, Math.abs(v)), 1e-6);

const trainers: SweepTrainer[] = [];
const sweeps: Sweep[] = [];
/** Its trainer takes the dense form alone; first moments are kept: with beta1 = 0 they are the gradients. */
const made = async (specs: RunSpec[], options?: SweepOptions): Promise<Sweep> => {
  const s = await sweep(specs, { form: 'dense', momentum: true, ...options });
  sweeps.push(s);
  return s;
};
const sparseBeside = async (s: Sweep): Promise<SweepTrainer> => {
  const trainer = await beside(s, { form: 'sparse' });
  trainers.push(trainer);
  return trainer;
};
function release() {
  for (const trainer of trainers.splice(0)) trainer.destroy();
  for (const s of sweeps.splice(0)) s.destroy();
}
beforeEach(release);
afterAll(release);

/** Widths on both sides of a tile of 32 and of a group of 8. */
const mixed = (beta1: number, shift: number): RunSpec[] => [
  { arch: 'gated', width: 7, seed: 1, beta1, shift },
  { arch: 'baseline', width: 5, seed: 2, beta1, shift },
  { arch: 'gated', width: 70, seed: 3, beta1: 0, shift },
  { arch: 'baseline', width: 1, seed: 4, beta1, shift },
  { arch: 'baseline', width: 36, seed: 5, beta1, shift },
];

/** A run whose gates are moved latent by latent, and (bright) that adds the first component of the row to every u. */
const special = (arch: 'gated' | 'baseline', width: number, shift: (i: number) => number, bright = false): RunSpec => {
  const weights = someWeights(arch, 13, width, width);
  if (bright) weights.wEnc = weights.wEnc.map((w, j) => (j % 13 === 0 ? 1 : w));
  const gate = architecture(arch).vectors[0]?.name as string;
  weights.vectors[gate] = (weights.vectors[gate] as Float32Array).map((b, i) => b + shift(i));
  return { arch, width, seed: 0, weights };
};
/** Of the rows of step 0 (slots 0, 29, 58, …) one that stands out. */
const brightRows = randoms(101 * 13, 5).map((v, j) => (j === 58 * 13 ? 50 : v));

/** Every architecture, and what its options ask of the kernels. */
const every: RunSpec[] = (
  [
    ['gated', { aux: 'unfrozen' }],
    ['gated', { encoders: 'untied', aux: 'none' }],
    ['gated', { encoders: 'untied', aux: 'unfrozen', penalty: 'tanh', decoder: 'free', weighted: 'trained' }],
    ['gated', { r_mag: 'none', penalty: 'sqrt', weighted: 'frozen', decoder: 'free' }],
    ['gated', { penalty: 'p' }],
    ['baseline', { penalty: 'log', decoder: 'free', weighted: 'trained' }],
    ['jumprelu', { window: 0.5 }],
    ['jumprelu', { loss: 'target', 'target-l0': 5, theta: 'log', window: 0.5 }],
    ['jumprelu', { loss: 'frequency', 'pre-bias': 'yes', through: 'z', window: 0.5, theta0: 0.2 }],
    ['jumprelu', { loss: 'tanh', 'pre-act': 0.1, decoder: 'free', 'window-of': 'f', window: 0.5 }],
    ['topk', { 'dead-after': 30 }],
    ['topk', { auxk: 0, decoder: 'free' }],
    ['batchtopk', { 'dead-after': 30, 'k-aux': 3 }],
    ['matryoshka', { 'dead-after': 30 }],
    ['matryoshka', { auxk: 0, 'group-weights': '4,3,2,1' }],
    ['no_heaviside', {}],
    ['rescale_shift', {}],
  ] as const
).flatMap(([arch, options], i): RunSpec[] =>
  [0, 0.5].map((clip) => ({
    arch,
    options,
    width: 29 + i,
    seed: 10 * i,
    clip,
    ...(['topk', 'batchtopk', 'matryoshka'].includes(arch) && { k: 6 }),
    ...('penalty' in options && options.penalty === 'p' && { schedule: { anneal: { at: [1, 3], powers: [0.8, 0.6], queue: 2 } } }),
  })),
);

const CASES: { what: string; beta1: number; shift: number; options?: SweepOptions; specs?: RunSpec[] }[] = [
  { what: 'beta1 0', beta1: 0, shift: 0 },
  { what: 'beta1 0.9 (one run without)', beta1: 0.9, shift: 0 },
  { what: 'in row blocks, the last of 5 rows', beta1: 0, shift: 0, options: { batch: 101, flopsPerMs: 1e-3 } },
  { what: 'every latent on', beta1: 0, shift: 10 },
  { what: 'every latent on, more rows than the sparse form lists at once', beta1: 0, shift: 10, options: { batch: 530, poolRows: 601 } },
  { what: 'none on', beta1: 0, shift: -10 },
  { what: 'D 1, one row', beta1: 0, shift: 0, options: { d: 1, batch: 1 } },
  { what: 'D 130, 65 rows, in row blocks', beta1: 0.9, shift: 0, options: { d: 130, batch: 65, flopsPerMs: 1e-3 } },
  { what: 'with workgroups of 8, as on software devices', beta1: 0.9, shift: 0, options: { lanes: 8 } },
  { what: 'with rows in registers', beta1: 0, shift: 0, options: { lanes: 8, registers: true } },
  {
    what: 'with rows in registers and first moments, D 130, 65 rows',
    beta1: 0.9,
    shift: 0,
    options: { d: 130, batch: 65, lanes: 8, registers: true },
  },
  { what: 'with rows in registers, every latent on', beta1: 0, shift: 10, options: { lanes: 8, registers: true } },
  { what: 'every architecture', beta1: 0, shift: 0, specs: every },
  { what: 'every architecture, in row blocks', beta1: 0, shift: 0, specs: every, options: { batch: 101, flopsPerMs: 1e-3 } },
  { what: 'baselines only', beta1: 0, shift: 0, specs: [{ arch: 'baseline', width: 33, seed: 1 }] },
  {
    what: 'more latents than the sparse form lists at once',
    beta1: 0,
    shift: 10,
    specs: [{ arch: 'gated', width: 530, seed: 1, shift: 10 }],
    options: { batch: 6 },
  },
  {
    what: 'one latent on for every row',
    beta1: 0,
    shift: 0,
    specs: [special('gated', 33, (i) => (i === 9 ? 10 : -10)), special('baseline', 12, (i) => (i === 0 ? 10 : -10))],
  },
  {
    what: 'everything on for one row, nothing for the others',
    beta1: 0,
    shift: 0,
    specs: [special('gated', 33, () => -10, true), special('baseline', 12, () => -10, true)],
    options: { rows: brightRows, mean: new Float32Array(13) },
  },
];

/** Values of one tensor of one run on both trainers, and how large an error counts as one. */
interface Pair {
  what: string;
  dense: Float32Array;
  sparse: Float32Array;
  scale: number;
}

/** What a step has left, run by run. */
async function pairs({ gpu, trainer: dense }: Sweep, sparse: SweepTrainer): Promise<Pair[]> {
  const { layout: l } = dense;
  const row = l.quads * 4;
  const out: Pair[] = [];
  const two = async (what: string, of: (t: SweepTrainer) => GPUBuffer, at: number, count: number, scale?: number) => {
    const [a, b] = await Promise.all([dense, sparse].map((t) => readFloats(gpu, of(t), at, count)));
    if (a && b) out.push({ what, dense: a, sparse: b, scale: scale ?? largest(b) });
  };
  for (const [r, { first, width, mate, prefixes, mainSlot, auxSlot }] of l.runs.entries()) {
    const [gEnc, gDec] = await Promise.all(
      [dense.context.shared.grad_enc, dense.context.shared.grad_dec].map((buffer) => readFloats(gpu, buffer, first * row, width * row)),
    );
    await two(`totals of run ${r}`, (t) => t.context.shared.totals, r * STATS, STATS);
    await two(`gradient of b_dec of run ${r}`, (t) => t.context.shared.grad_b_dec, r * row, row);
    for (const slot of new Set([...(prefixes.length > 0 ? prefixes.keys() : [0])].map((part) => mainSlot + part).concat(auxSlot)))
      await two(`residuals in slot ${slot}`, (t) => t.context.shared.residuals, slot * l.batch * row, l.batch * row);
    // The gradient before its part along the row is taken away (with D 1, that is all of it) says what is large.
    const scale = { w_enc: largest(gEnc as Float32Array), w_dec: largest(gDec as Float32Array) };
    if (mate > 0)
      await two(
        `m of the second matrix of run ${r}`,
        (t) => t.context.only.buffers.w_enc,
        (2 * l.latents + first + mate) * row,
        width * row,
      );
    for (const name of ['w_enc', 'w_dec'] as const) {
      await two(`m of ${name} of run ${r}`, (t) => t.context.only.buffers[name], (2 * l.latents + first) * row, width * row, scale[name]);
      await two(`v of ${name} of run ${r}`, (t) => t.context.only.buffers[name], (l.latents + first) * row, width * row);
    }
    for (const [plane, name] of ['scalars', 'v and correction', 'fires', 'm'].entries()) {
      // What Adam makes of a gradient that is rounding noise is noise, hence not the scalars themselves.
      if (plane > 0)
        await two(`${name} of run ${r}`, (t) => t.context.only.buffers.latent_params, (plane * l.latents + first) * 4, width * 4);
    }
  }
  return out;
}

describe.each(CASES)('$what', ({ beta1, shift, options, specs }) => {
  // As large as the sparse form's own error against float64 in steps.test.ts (1e-5 and 2e-5).
  it('one step leaves the same errors, statistics, gradients and counts: 2e-5 of the largest value', async () => {
    const s = await made(specs ?? mixed(beta1, shift), options);
    const sparse = await sparseBeside(s);
    for (let step = 0; step < 2; step++) {
      // Both from the sparse form's weights, so that nothing adds up.
      copyState(s.gpu, sparse, s.trainer);
      await Promise.all([s.trainer.step(s.slots(step)), sparse.step(s.slots(step))]);
      for (const { what, dense, sparse: expected, scale } of await pairs(s, sparse))
        expect(maxError(dense, expected) / scale, `${what}, step ${step}`).toBeLessThan(2e-5);
    }
    s.gpu.check();
  });

  it('six steps change every tensor alike (1e-4 of the change), with the same logs (1e-5) and firing counts', async () => {
    const s = await made(specs ?? mixed(beta1, shift), options);
    const sparse = await sparseBeside(s);
    expect(s.trainer.layout.dense?.blockRows).toBe(options?.flopsPerMs ? 32 : s.batch);
    const start = await weightsOf(sparse);
    for (let step = 0; step < 6; step++) {
      const [expected, actual] = await Promise.all([sparse, s.trainer].map(async (t) => (await t.step(s.slots(step), true)).log));
      for (const [r, log] of (expected ?? []).entries()) {
        if (!log) throw new Error('no log');
        for (const [name, value] of Object.entries(log)) {
          const other = Object.entries(actual?.[r] ?? {}).find(([key]) => key === name)?.[1] ?? Number.NaN;
          expect(Math.abs(other - value) / Math.max(1e-6, Math.abs(value)), `${name} of run ${r}, step ${step}`).toBeLessThan(1e-5);
        }
      }
    }
    const [expected, actual] = [await weightsOf(sparse), await weightsOf(s.trainer)];
    for (const [r, w] of start.entries()) {
      const [to, got] = [tensorsOf(expected[r] as SaeWeights), tensorsOf(actual[r] as SaeWeights)];
      tensorsOf(w).forEach(([name, from], i) => {
        expect(changeError(from, to[i]?.[1] as Float32Array, got[i]?.[1] as Float32Array), `change of ${name} of run ${r}`).toBeLessThan(
          1e-4,
        );
      });
      expect([...(await s.trainer.takeFires(r))]).toEqual([...(await sparse.takeFires(r))]);
    }
    s.gpu.check();
  });
});

describe('bit for bit', () => {
  const A: RunSpec = { arch: 'gated', width: 33, seed: 10 };
  const B: RunSpec = { arch: 'baseline', width: 5, seed: 20 };
  const C: RunSpec = { arch: 'gated', width: 6, seed: 30, schedule: { lambda: 0.5 } };

  async function trained(
    specs: RunSpec[],
    { options, stop, poisoned = false }: { options?: SweepOptions; stop?: number; poisoned?: boolean } = {},
  ): Promise<Buffer[]> {
    const s = await made(specs, { momentum: false, ...options });
    for (let step = 0; step < 12; step++) {
      if (step === 7 && stop !== undefined) s.trainer.stop(stop);
      if (poisoned) poisonWork(s.gpu, s.trainer);
      await s.trainer.step(s.slots(step));
    }
    const bits = (await weightsOf(s.trainer)).map(bitsOf);
    s.gpu.check();
    return bits;
  }

  it.each([undefined, { batch: 101, flopsPerMs: 1e-3 }])(
    'the same twice; a run in a sweep is the run alone; another seed is another (%o)',
    async (options) => {
      const alone = [await trained([A], { options }), await trained([B], { options }), await trained([C], { options })].flat();
      expect(await trained([A], { options })).toEqual(alone.slice(0, 1));
      for (const order of [
        [0, 1, 2],
        [2, 0, 1],
        [1, 2, 0],
      ]) {
        const bits = await trained(
          order.map((i) => [A, B, C][i] as RunSpec),
          { options },
        );
        order.forEach((i, r) => {
          expect(bits[r]?.equals(alone[i] as Buffer), `run ${i} in sweep ${order}`).toBe(true);
        });
      }
      expect((await trained([{ ...A, seed: 11 }], { options }))[0]?.equals(alone[0] as Buffer)).toBe(false);
    },
  );

  it('row blocks leave no trace', async () => {
    const whole = await trained([A, B], { options: { batch: 101 } });
    expect(await trained([A, B], { options: { batch: 101, flopsPerMs: 1e-3 } })).toEqual(whole);
  });

  it('whatever happens to the others: stopped, or diverged to NaN', async () => {
    const [alone] = await trained([A]);
    const stopped = await trained([B, A, C], { stop: 0 });
    expect(stopped[1]?.equals(alone as Buffer)).toBe(true);
    expect(stopped[0]?.equals((await trained([B], { stop: 0 }))[0] as Buffer), 'the stopped run keeps its weights').toBe(true);
    expect(stopped[0]?.equals((await trained([B]))[0] as Buffer)).toBe(false);
    for (const specs of [
      [A, { ...C, schedule: { lr: 1e30 } }],
      [{ ...C, schedule: { lr: 1e30 } }, A],
    ]) {
      const bits = await trained(specs);
      expect(bits[specs.indexOf(A)]?.equals(alone as Buffer)).toBe(true);
    }
  });

  it.each([undefined, { batch: 101, flopsPerMs: 1e-3 }])(
    'nothing is read that was not written: poisoned work buffers change nothing (%o)',
    async (options) => {
      expect(await trained([C, B, A], { options, poisoned: true })).toEqual(await trained([C, B, A], { options }));
    },
  );
});

it('only a layout with the dense form has its work buffers, and the estimate counts them', async () => {
  const s = await made([
    { arch: 'gated', width: 33, seed: 1 },
    { arch: 'baseline', width: 5, seed: 2 },
  ]);
  const { layout } = s.trainer;
  const without = { ...layout, dense: undefined };
  const sparse = await beside(s, { form: 'sparse', layout: without });
  trainers.push(sparse);
  const [full, least] = [sharedBytes(layout), sharedBytes(without)];
  const grown = Object.keys(full).filter((name) => full[name as keyof typeof full] !== least[name as keyof typeof least]);
  expect(grown.sort()).toEqual(['acts', 'grad_dec', 'grad_enc', 'grad_u', 'latent_grads', 'pre_acts', 'tile_sums']);
  for (const [t, sizes] of [
    [s.trainer, full],
    [sparse, least],
  ] as const)
    for (const [name, bytes] of Object.entries(sizes))
      expect(t.context.shared[name as keyof typeof full].size, name).toBe(Math.max(16, bytes));
  const difference = gpuMemory(layout).total - gpuMemory(without).total;
  const latents = 40 + 8;
  expect([layout.latents, layout.latents % LATENT_GROUP]).toEqual([latents, 0]);
  expect(difference).toBe(3 * (latents * 40 * 4 - 16) + (2 * latents * 32 - 16) + 2 * (latents * 64 - 16) + (latents * 16 - 16));
  // Beside those, only uniforms: one a dispatch.
  expect(Math.abs(s.trainer.bytes - sparse.bytes - difference)).toBeLessThan(1024);
});
