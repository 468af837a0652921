/**
 * The dense form of the step against the sparse one, on the same packed sweeps: what one step leaves in every buffer, entry by entry, and the change
 * of every tensor after several. Both are f32, so they agree to rounding; the sparse form is held against float64 elsewhere.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { readFloats, write } from '../../../src/gpu/buffers';
import { declaredBindings } from '../../../src/gpu/kernel';
import { DENSE_PARAMS, type DenseKernelName, denseKernelText } from '../../../src/sae/denseKernels';
import { bufferBytes, gpuMemory, type StepForm } from '../../../src/sae/layout';
import { SweepTrainer } from '../../../src/sae/trainer';
import type { SaeWeights } from '../../../src/sae/weights';
import { maxError, poison, testGpu } from '../../gpu';
import { bitsOf, type RunSpec, type Sweep, type SweepOptions, sweep } from './sweep';

const tensorsOf = (w: SaeWeights): [string, Float32Array][] => [
  ['wEnc', w.wEnc],
  ['wDec', w.wDec],
  ['bDec', w.bDec],
  ...Object.entries(w.vectors),
];

/** ‖actual - expected‖ / ‖expected - start‖, 0 when nothing should change and nothing did. */
function changeError(start: Float32Array, expected: Float32Array, actual: Float32Array): number {
  let [off, change] = [0, 0];
  for (let i = 0; i < start.length; i++) {
    off += ((actual[i] as number) - (expected[i] as number)) ** 2;
    change += ((expected[i] as number) - (start[i] as number)) ** 2;
  }
  return off === 0 ? 0 : Math.sqrt(off / change);
}

/** Largest deviation relative to the largest expected value, NaN counting as infinite. */
const relative = (actual: Float32Array, expected: Float32Array) =>
  maxError(actual, expected) / expected.reduce((most, v) => Math.max(most, Math.abs(v)), 1e-6);

const trainers: SweepTrainer[] = [];
const sweeps: Sweep[] = [];
/** Another trainer on a sweep's pool, from the same start. */
async function beside(s: Sweep, form: StepForm): Promise<SweepTrainer> {
  const trainer = await SweepTrainer.create(s.gpu, { ...s.trainer.options, form });
  trainers.push(trainer);
  return trainer;
}
const made = async (specs: RunSpec[], options?: SweepOptions): Promise<Sweep> => {
  const s = await sweep(specs, options);
  sweeps.push(s);
  return s;
};
function release() {
  for (const trainer of trainers.splice(0)) trainer.destroy();
  for (const s of sweeps.splice(0)) s.destroy();
}
beforeEach(release);
afterAll(release);

const weightsOf = (trainer: SweepTrainer) => Promise.all(trainer.layout.runs.map((_, r) => trainer.weights(r)));

/** Widths on both sides of a tile of 32, none a multiple of 4 but one, so that runs begin anywhere in a vec4. */
const mixed = (beta1: number, shift: number): RunSpec[] => [
  { arch: 'gated', width: 7, seed: 1, beta1, shift },
  { arch: 'baseline', width: 5, seed: 2, beta1, shift },
  { arch: 'gated', width: 70, seed: 3, beta1: 0, shift },
  { arch: 'baseline', width: 1, seed: 4, beta1, shift },
  { arch: 'baseline', width: 36, seed: 5, beta1, shift },
];

const CASES: { what: string; beta1: number; shift: number; options?: SweepOptions; specs?: RunSpec[] }[] = [
  { what: 'beta1 0', beta1: 0, shift: 0 },
  { what: 'beta1 0.9 (one run without)', beta1: 0.9, shift: 0 },
  { what: 'in row blocks, the last of 5 rows', beta1: 0, shift: 0, options: { batch: 101, flopsPerMs: 1e-3 } },
  { what: 'every latent on', beta1: 0, shift: 10 },
  { what: 'none on', beta1: 0, shift: -10 },
  { what: 'D 1, one row', beta1: 0, shift: 0, options: { d: 1, batch: 1 } },
  { what: 'D 130, 65 rows, in row blocks', beta1: 0.9, shift: 0, options: { d: 130, batch: 65, flopsPerMs: 1e-3 } },
  { what: 'baselines only', beta1: 0, shift: 0, specs: [{ arch: 'baseline', width: 33, seed: 1 }] },
];

describe.each(CASES)('$what', ({ beta1, shift, options, specs }) => {
  // As large as the sparse form's own error against float64 in steps.test.ts (1e-5 and 2e-5).
  it('one step leaves the same errors, statistics and gradients: 2e-5 of the largest value', async () => {
    const s = await made(specs ?? mixed(beta1, shift), options);
    const dense = await beside(s, 'dense');
    const { layout } = dense;
    for (let step = 0; step < 2; step++) {
      // Both from the sparse form's weights, so that nothing adds up.
      for (const name of ['wEnc', 'wDec', 'latents', 'bias'] as const)
        write(s.gpu, dense.buffers[name], 0, await readFloats(s.gpu, s.trainer.buffers[name]));
      await Promise.all([s.trainer.step(s.slots(step)), dense.step(s.slots(step))]);
      const row = layout.quads * 4;
      const rows = layout.batch % layout.blockRows || layout.blockRows;
      for (const name of ['gEnc', 'gDec', 'gBias', 'totals', 'errors', 'sums'] as const) {
        const [expected, actual] = [await readFloats(s.gpu, s.trainer.buffers[name]), await readFloats(s.gpu, dense.buffers[name])];
        const parts: [string, number, number][] =
          name === 'totals'
            ? layout.runs.map((_, r) => [`run ${r}`, r * 8, 8])
            : name === 'gBias'
              ? layout.runs.map((_, r) => [`run ${r}`, r * row, row])
              : name === 'errors'
                ? Array.from({ length: layout.slots }, (_, slot) => [`slot ${slot}`, slot * layout.blockRows * row, rows * row])
                : layout.runs.map((run, r) => [
                    `run ${r}`,
                    run.first * (name === 'sums' ? 8 : row),
                    run.width * (name === 'sums' ? 8 : row),
                  ]);
        for (const [part, at, count] of parts) {
          expect(
            relative(actual.subarray(at, at + count), expected.subarray(at, at + count)),
            `${name} of ${part}, step ${step}`,
          ).toBeLessThan(2e-5);
        }
      }
    }
    s.gpu.check();
  });

  it('six steps change every tensor alike (1e-4 of the change), with the same logs (1e-5) and firing counts', async () => {
    const s = await made(specs ?? mixed(beta1, shift), options);
    const dense = await beside(s, 'dense');
    expect(dense.layout.blockRows).toBe(options?.flopsPerMs ? 32 : s.batch);
    const start = await weightsOf(dense);
    for (let step = 0; step < 6; step++) {
      const [expected, actual] = await Promise.all([s.trainer, dense].map(async (t) => (await t.step(s.slots(step), true)).log));
      for (const [r, log] of (expected ?? []).entries()) {
        if (!log) throw new Error('no log');
        for (const [name, value] of Object.entries(log)) {
          const other = Object.entries(actual?.[r] ?? {}).find(([key]) => key === name)?.[1] ?? Number.NaN;
          expect(Math.abs(other - value) / Math.max(1e-6, Math.abs(value)), `${name} of run ${r}, step ${step}`).toBeLessThan(1e-5);
        }
      }
    }
    const [expected, actual] = [await weightsOf(s.trainer), await weightsOf(dense)];
    for (const [r, w] of start.entries()) {
      const [to, got] = [tensorsOf(expected[r] as SaeWeights), tensorsOf(actual[r] as SaeWeights)];
      tensorsOf(w).forEach(([name, from], i) => {
        expect(changeError(from, to[i]?.[1] as Float32Array, got[i]?.[1] as Float32Array), `change of ${name} of run ${r}`).toBeLessThan(
          1e-4,
        );
      });
      expect([...(await dense.takeFires(r))]).toEqual([...(await s.trainer.takeFires(r))]);
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
    const s = await made(specs, options);
    const dense = await beside(s, 'dense');
    for (let step = 0; step < 12; step++) {
      if (step === 7 && stop !== undefined) dense.stop(stop);
      if (poisoned) {
        const { x, correction, u, ut, acts, pulls, partials, errors, stats, totals, gEnc, gDec, gBias } = dense.buffers;
        for (const buffer of [x, correction, u, ut, acts, pulls, partials, errors, stats, totals, gEnc, gDec, gBias])
          write(s.gpu, buffer, 0, poison(buffer.size / 4));
      }
      await dense.step(s.slots(step));
    }
    const bits = (await weightsOf(dense)).map(bitsOf);
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

describe('memory and declarations', () => {
  it('only the dense form has its work buffers, and the estimate counts them', async () => {
    const s = await made([A33(), { arch: 'baseline', width: 5, seed: 2 }]);
    const dense = await beside(s, 'dense');
    const [sparse, full] = [bufferBytes(s.trainer.layout, false), bufferBytes(dense.layout, false, 'dense')];
    const grown = Object.keys(full).filter((name) => full[name as keyof typeof full] !== sparse[name as keyof typeof sparse]);
    expect(grown.sort()).toEqual(['acts', 'partials', 'pulls']);
    for (const [name, bytes] of Object.entries(full)) expect(dense.buffers[name as keyof typeof full].size, name).toBe(Math.max(16, bytes));
    const { total } = gpuMemory(dense.layout, false, 'dense');
    const difference = total - gpuMemory(s.trainer.layout, false).total;
    expect(difference).toBe(2 * (38 * 40 * 4 - 16) + (2 * 38 * 32 - 16));
    // Beside those, only uniforms: more of them, one a dispatch.
    expect(dense.bytes - s.trainer.bytes - difference).toBeLessThan(1024);
  });
  const A33 = (): RunSpec => ({ arch: 'gated', width: 33, seed: 1 });

  it.each(Object.entries(DENSE_PARAMS))(
    '%s: Params as in the WGSL file, at most 8 storage buffers, it compiles with default limits',
    async (name, type) => {
      const text = denseKernelText(name as DenseKernelName);
      const body = /struct Params\s*\{([^}]*)\}/.exec(text.replace(/\/\/[^\n]*/g, ''))?.[1] ?? '';
      const members = body
        .split(',')
        .map((line) => line.trim())
        .filter(Boolean)
        .map((line) => line.split(/\s*:\s*/));
      expect(members).toEqual(Object.entries(type.fields));
      const slots = declaredBindings(text);
      expect(slots.filter(({ access }) => access !== 'uniform').length).toBeLessThanOrEqual(8);
      expect(slots.map(({ binding }) => binding)).toEqual(slots.map((_, i) => i));
      await (await testGpu()).kernels.get({ name, code: text });
    },
  );

  it('covers every kernel there is', () => {
    const snake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    expect(readdirSync('shaders/sae/dense').sort()).toEqual(
      Object.keys(DENSE_PARAMS)
        .map((name) => `${snake(name)}.wgsl`)
        .sort(),
    );
    for (const name of Object.keys(DENSE_PARAMS))
      expect(denseKernelText(name as DenseKernelName)).toContain(readFileSync(`shaders/sae/dense/${snake(name)}.wgsl`, 'utf8'));
  });
});
