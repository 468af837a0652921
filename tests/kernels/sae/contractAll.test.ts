/**
 * All that an architecture may ask of a step (toy.ts), one thing at a time and all at once: a step of each form against the same in float64; what does not
 * learn, bit by bit; and that row blocks leave no trace.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readFloats, write } from '../../../src/gpu/buffers';
import { allOptions, type OptionValues, register } from '../../../src/sae/architectures';
import { STATE, STATE_AT } from '../../../src/sae/kernels';
import { cutRows } from '../../../src/sae/packing';
import type { SaeWeights } from '../../../src/sae/weights';
import { maxError, randoms } from '../../gpu';
import { COMPILING, largest } from './checks';
import { batchOf, bitsOf, poisonWork, type RunSpec, SCHEDULE, type Sweep, type SweepOptions, someWeights, sweep } from './sweep';
import { AUXK, toy, toyStep } from './toy';

beforeAll(() => register(toy));

interface Feature {
  what: string;
  options: OptionValues;
  clip?: number;
  /** 21 unless given. */
  width?: number;
  /** Added to every `a`: 10 has all latents on. */
  shift?: number;
}

/** A run with weights of its own; every third latent is dead where that is asked. */
function spec({ options, clip = 0, width = 21, shift = 0 }: Feature, d = 13): RunSpec {
  const weights = someWeights('toy', d, width, 40 + width, shift);
  if (options.aux === 'error') weights.vectors.r = Float32Array.from({ length: width }, (_, i) => (i % 3 === 0 ? 1 : 0));
  if (options.encoders === 'untied') weights.wSecond = randoms(width * d, 77).map((v) => v / Math.sqrt(d));
  return { arch: 'toy', width, seed: 0, options, weights, clip };
}

const ALL: OptionValues = { encoders: 'untied', norms: 'yes', nested: 'yes', decoder: 'free', settle: 'frequency' };
const FEATURES: Feature[] = [
  { what: 'nothing', options: {} },
  { what: 'a second encoder matrix', options: { encoders: 'untied' } },
  { what: 'norms', options: { norms: 'yes' } },
  { what: 'norms that learn', options: { norms: 'yes', decoder: 'free' } },
  { what: 'a frozen auxiliary decoder', options: { aux: 'frozen' } },
  { what: 'a trained auxiliary decoder', options: { aux: 'trained' } },
  { what: 'AuxK', options: { aux: 'error' } },
  { what: 'an encoder that does not see b_dec', options: { 'pre-bias': 'no' } },
  { what: 'nested reconstructions', options: { nested: 'yes' } },
  { what: 'nested reconstructions and AuxK', options: { nested: 'yes', aux: 'error' } },
  { what: 'penalties of frequencies', options: { settle: 'frequency' } },
  { what: 'a target for L0', options: { settle: 'target' } },
  { what: 'clipping', options: {}, clip: 0.5 },
  { what: 'clipping, far above', options: {}, clip: 1e4 },
  ...['W_enc', 'W_dec', 'b_dec', 'a', 'r'].map((fixed) => ({
    what: `${fixed} that does not learn`,
    options: { fixed, encoders: 'untied', norms: 'yes', decoder: 'free' },
    clip: 0.5,
  })),
  { what: 'all at once, a trained auxiliary decoder', options: { ...ALL, aux: 'trained' }, clip: 0.5 },
  { what: 'all at once, AuxK', options: { ...ALL, aux: 'error', settle: 'target' }, clip: 0.5 },
  { what: 'all at once, held at norm 1, no b_dec', options: { ...ALL, aux: 'trained', decoder: 'unit', 'pre-bias': 'no' }, clip: 0.5 },
  { what: 'all at once, more latents on than a list holds', options: { ...ALL, aux: 'trained' }, width: 301, shift: 10, clip: 0.5 },
  { what: 'all at once, none on', options: { ...ALL, aux: 'trained' }, shift: -20, clip: 0.5 },
];

const FORMS: [string, SweepOptions][] = [
  ['sparse', { form: 'sparse' }],
  ['on a processor', { form: 'sparse', registers: true, lanes: 8 }],
  ['sparse, in column chunks', { form: 'sparse', d: 133, batch: 9, lanes: 8 }],
  ['sparse, more rows than a list holds', { form: 'sparse', batch: 290, poolRows: 401 }],
  ['on a processor, more rows than a list holds', { form: 'sparse', batch: 290, poolRows: 401, registers: true, lanes: 8 }],
  ['dense', { form: 'dense' }],
  ['dense, in row blocks', { form: 'dense', batch: 101, flopsPerMs: 1e-3 }],
  ['auto', { form: 'auto' }],
];

/** What one step left as first moments, which with beta1 = 0 are the gradients. */
async function momentsOf({ gpu, trainer }: Sweep, r: number) {
  const { layout: l, context } = trainer;
  const { first, width, mate } = l.runs[r] as { first: number; width: number; mate: number };
  const { w_enc, w_dec, latent_params } = context.only.buffers;
  const row = l.quads * 4;
  const rows = (buffer: GPUBuffer, from: number) => readFloats(gpu, buffer, (2 * l.latents + from) * row, width * row);
  const [wEnc, wSecond, wDec, scalars, bDec] = await Promise.all([
    rows(w_enc, first),
    rows(w_enc, first + mate),
    rows(w_dec, first),
    readFloats(gpu, latent_params, (3 * l.latents + first) * 4, width * 4),
    readFloats(gpu, context.shared.b_dec_m, r * row, row),
  ]);
  const column = (c: number) => Float32Array.from({ length: width }, (_, i) => scalars[4 * i + c] as number);
  const [a, r_, c] = [0, 1, 2].map(column) as [Float32Array, Float32Array, Float32Array];
  const cut = (values: Float32Array) => cutRows(values, l.d);
  return { wEnc: cut(wEnc), wSecond: cut(wSecond), wDec: cut(wDec), bDec: cut(bDec), a, r: r_, c };
}

/** Who counts dead latents is no part of the kernels at hand. */
function tellDead({ gpu, trainer }: Sweep): void {
  trainer.layout.runs.forEach((_, r) => write(gpu, trainer.context.shared.run_state, 4 * (r * STATE + STATE_AT.dead), Float32Array.of(7)));
}

/** A step after one that has moved everything (lambda warms up): weights before and after, the log, gradients, firing counts of every run. */
async function stepped(s: Sweep) {
  const runs = s.trainer.layout.runs.map((_, r) => r);
  const weights = () => Promise.all(runs.map((r) => s.trainer.weights(r)));
  tellDead(s);
  await s.trainer.step(s.slots(0));
  const start = await weights();
  await Promise.all(runs.map((r) => s.trainer.takeFires(r)));
  const slots = s.slots(1);
  const logs = await (await s.trainer.step(slots, true)).log;
  const moments = await Promise.all(runs.map((r) => momentsOf(s, r)));
  const fires = await Promise.all(runs.map((r) => s.trainer.takeFires(r)));
  const end = await weights();
  s.gpu.check();
  return { x: batchOf(s, slots), start, end, logs: logs ?? [], moments, fires };
}

function check({ options: given, clip = 0 }: Feature, r: number, { x, start, logs, moments, fires }: Awaited<ReturnType<typeof stepped>>) {
  const options = allOptions(toy, given);
  const own = logs[r];
  if (!own) throw new Error('no log');
  const expected = toyStep(start[r] as SaeWeights, options, x, SCHEDULE.lambda / SCHEDULE.lambdaWarmup);
  const near = (name: string, actual: number | undefined, wanted: number) =>
    expect(Math.abs((actual as number) - wanted) / Math.max(1e-6, Math.abs(wanted)), name).toBeLessThan(1e-5);
  near('mse_loss', own.mse_loss, expected.sums.mse_loss);
  near('l0', own.l0, expected.sums.l0);
  near('pre_act_loss', own.pre_act_loss, expected.sums.pre_act_loss);
  if (options.aux === 'error') near('auxk_loss', (own.auxk_loss as number) * AUXK, expected.sums.aux);
  else if (options.aux !== 'none') near('aux_loss', own.aux_loss, expected.sums.aux);
  if (options.settle === 'no') near('sparsity_loss', own.sparsity_loss, expected.sums.penalty);
  const factor = clip > 0 ? Math.min(1, clip / (expected.norm + 1e-6)) : 1;
  if (clip > 0) {
    expect(Math.abs((own.grad_norm as number) / expected.norm - 1), 'grad_norm').toBeLessThan(2e-5);
    expect(Math.abs((own.clip_factor as number) / factor - 1), 'clip_factor').toBeLessThan(2e-5);
  }
  for (const name of ['wEnc', 'wSecond', 'wDec', 'bDec', 'a', 'r', 'c'] as const) {
    if (name === 'wSecond' && options.encoders === 'tied') continue;
    const wanted = expected.gradients[name].map((v) => v * factor);
    const scale = factor * largest(name === 'wDec' && options.fixed !== 'W_dec' ? expected.whole : expected.gradients[name]);
    expect(maxError((moments[r] as (typeof moments)[number])[name], wanted), name).toBeLessThanOrEqual(2e-5 * scale);
  }
  expect([...(fires[r] as Float32Array)]).toEqual([...expected.fires]);
}

const BESIDE: RunSpec[] = [
  { arch: 'gated', width: 33, seed: 10 },
  { arch: 'baseline', width: 13, seed: 20, shift: -0.5 },
];

describe.each(FORMS)('%s', (_, form) => {
  const made: { s?: Sweep; after?: Awaited<ReturnType<typeof stepped>> } = {};
  beforeAll(async () => {
    made.s = await sweep([...FEATURES.map((feature) => spec(feature, form.d)), ...BESIDE], { ...form, momentum: true });
    made.after = await stepped(made.s);
  }, COMPILING);
  afterAll(() => made.s?.destroy());
  const left = () => {
    if (!made.after) throw new Error('no step');
    return made.after;
  };

  it.each(FEATURES.map((feature, r) => [feature.what, feature, r] as const))('%s', (_, feature, r) => check(feature, r, left()));

  it('what does not learn keeps its bits', () => {
    FEATURES.forEach(({ options }, r) => {
      const [from, to] = [left().start[r], left().end[r]].map((w) => tensors(w as SaeWeights));
      const own = [...(options.fixed ? [String(options.fixed)] : []), ...(options.aux === 'error' ? ['r'] : [])];
      for (const [name, values] of Object.entries(from ?? {})) {
        const isFixed = own.includes(name) || (name === 'W_mag' && own.includes('W_enc'));
        if (isFixed) expect(to?.[name], `${name} of ${FEATURES[r]?.what}`).toEqual(values);
        else if (r < 3) expect(to?.[name], `${name} of ${FEATURES[r]?.what}`).not.toEqual(values);
      }
    });
  });
});

const tensors = ({ wEnc, wSecond, wDec, bDec, vectors }: SaeWeights): Record<string, Float32Array> => ({
  W_enc: wEnc,
  ...(wSecond && { W_mag: wSecond }),
  W_dec: wDec,
  b_dec: bDec,
  ...vectors,
});

describe('bit for bit', () => {
  const trained = async (features: Feature[], options: SweepOptions, poisoned = false): Promise<Buffer[]> => {
    const s = await sweep(
      features.map((feature) => spec(feature)),
      { batch: 101, ...options },
    );
    for (let step = 0; step < 4; step++) {
      tellDead(s);
      if (poisoned) poisonWork(s.gpu, s.trainer);
      await s.trainer.step(s.slots(step));
    }
    const bits = await Promise.all(features.map(async (_, r) => bitsOf(await s.trainer.weights(r))));
    s.gpu.check();
    s.destroy();
    return bits;
  };

  it.each(['sparse', 'dense'] as const)(
    '%s: a run in a sweep is the run alone; nothing is read that was not written',
    { timeout: COMPILING },
    async (form) => {
      const together = await trained(FEATURES, { form });
      expect(await trained(FEATURES, { form }, true)).toEqual(together);
      for (const what of ['nothing', 'norms that learn', 'nested reconstructions', 'all at once, AuxK']) {
        const r = FEATURES.findIndex((feature) => feature.what === what);
        const [alone] = await trained([FEATURES[r] as Feature], { form });
        expect(together[r]?.equals(alone as Buffer), what).toBe(true);
      }
    },
  );

  it('dense: row blocks leave no trace', { timeout: COMPILING }, async () => {
    expect(await trained(FEATURES, { form: 'dense', flopsPerMs: 1e-3 })).toEqual(await trained(FEATURES, { form: 'dense' }));
  });
});
