/**
 * An architecture that uses all of the kernels' contract, beside the lab's own: a touched set larger than {f ≠ 0} and {gate > 0}, a negative f, a
 * penalty apart from the gate, options, a decoder that is free. One step of each form against the same in float64, and the others' bits.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { readFloats } from '../../../src/gpu/buffers';
import { type Architecture, type ArchitectureId, type OptionValues, PLAIN, register } from '../../../src/sae/architectures';
import { baseline } from '../../../src/sae/architectures/baseline';
import { cutRows } from '../../../src/sae/packing';
import type { SaeWeights } from '../../../src/sae/weights';
import { maxError } from '../../gpu';
import { COMPILING, largest } from './checks';
import { batchOf, bitsOf, type RunSpec, type Sweep, type SweepOptions, sweep } from './sweep';

/** p = u + b: f = -e^r p above theta, gate = p there, and a penalty on all p above theta - 0.3, to the first or the second power. */
const WGSL = `
fn window_of(run : Run, u : f32, latent : Latent) -> f32 {
  return u + latent.x - run.options.x + 0.3;
}

fn window_touched(run : Run, u : f32, latent : Latent) -> bool {
  return window_of(run, u, latent) > 0.0;
}

fn window_activate(run : Run, at : Point, latent : Latent) -> Activation {
  let u = at.u;
  let p = u + latent.x;
  let open = p > run.options.x;
  let over = max(window_of(run, u, latent), 0.0);
  return Activation(select(0.0, -exp(latent.y) * p, open), select(0.0, p, open), select(over, over * over, run.options.y > 0.0), 0.0);
}

fn window_backward(run : Run, at : Point, latent : Latent, act : Activation, we : f32, wa : f32) -> Backward {
  let u = at.u;
  let f = act.f;
  let open = select(0.0, 1.0, f != 0.0);
  let slope = select(1.0, 2.0 * window_of(run, u, latent), run.options.y > 0.0);
  let g = open * (2.0 * wa - 2.0 * we * exp(latent.y)) + run.lambda * slope;
  return Backward(g, 0.0, 0.0, vec3(g, 2.0 * we * f, 0.0));
}
`;
const WINDOW = 'window' as ArchitectureId;
const window: Architecture = {
  ...baseline,
  id: WINDOW,
  title: 'Window',
  code: 1000,
  vectors: [
    { name: 'b', start: 0, role: 'bias' },
    { name: 'r', start: 0, role: 'log-gain' },
  ],
  options: [
    { key: 'theta', label: 'θ', help: 'threshold', kind: 'number', default: 0.5, min: 0, max: 10 },
    { key: 'power', label: 'power', help: 'of the penalty', kind: 'choice', default: 'one', choices: ['one', 'two'] },
  ],
  traits: () => ({ ...PLAIN, aux: 'frozen', decoder: 'free' }),
  wgsl: WGSL,
};
beforeAll(() => register(window));

const OPTIONS = { theta: 0.2, power: 'two' };
const SPEC: RunSpec = { arch: WINDOW, width: 21, seed: 7, options: OPTIONS };
const BESIDE: RunSpec[] = [
  { arch: 'gated', width: 33, seed: 10 },
  { arch: 'baseline', width: 13, seed: 20, shift: -0.5 },
];

/** Loss terms and gradients of one batch in float64, from the formulas in the comment above. */
function stepOf(w: SaeWeights, x: Float64Array, lambda: number) {
  const { dIn: d, dSae: f } = w;
  const n = x.length / d;
  const at = (values: ArrayLike<number>, i: number) => values[i] as number;
  const gradients = {
    wEnc: new Float64Array(f * d),
    wDec: new Float64Array(f * d),
    bDec: new Float64Array(d),
    b: new Float64Array(f),
    r: new Float64Array(f),
  };
  const add = (values: Float64Array, i: number, value: number) => {
    values[i] = at(values, i) + value / n;
  };
  const sums = { mse: 0, aux: 0, penalty: 0, l0: 0 };
  const fires = new Float64Array(f);
  for (let row = 0; row < n; row++) {
    const own = Float64Array.from({ length: d }, (_, k) => at(x, row * d + k) - at(w.bDec, k));
    const latents = Array.from({ length: f }, (_, i) => {
      let u = 0;
      for (let k = 0; k < d; k++) u += at(w.wEnc, i * d + k) * at(own, k);
      const p = u + at(w.vectors.b as Float32Array, i);
      const gain = Math.exp(at(w.vectors.r as Float32Array, i));
      const over = Math.max(0, p - 0.2 + 0.3);
      return { p, gain, over, f: p > 0.2 ? -gain * p : 0, gate: p > 0.2 ? p : 0 };
    });
    const error = (of: 'f' | 'gate') =>
      own.map((value, k) => latents.reduce((sum, latent, i) => sum + latent[of] * at(w.wDec, i * d + k), 0) - value);
    const [e, aux] = [error('f'), error('gate')];
    for (let k = 0; k < d; k++) add(gradients.bDec, k, 2 * at(e, k));
    sums.mse += e.reduce((sum, v) => sum + v * v, 0) / n;
    sums.aux += aux.reduce((sum, v) => sum + v * v, 0) / n;
    latents.forEach((latent, i) => {
      sums.penalty += latent.over ** 2 / n;
      sums.l0 += (latent.f === 0 ? 0 : 1) / n;
      fires[i] = at(fires, i) + (latent.f === 0 ? 0 : 1);
      if (latent.over === 0) return;
      let [we, wa] = [0, 0];
      for (let k = 0; k < d; k++) {
        we += at(e, k) * at(w.wDec, i * d + k);
        wa += at(aux, k) * at(w.wDec, i * d + k);
      }
      const g = (latent.f === 0 ? 0 : 2 * wa - 2 * we * latent.gain) + lambda * 2 * latent.over;
      add(gradients.b, i, g);
      add(gradients.r, i, 2 * we * latent.f);
      for (let k = 0; k < d; k++) {
        add(gradients.wEnc, i * d + k, g * at(own, k));
        add(gradients.wDec, i * d + k, 2 * latent.f * at(e, k));
        add(gradients.bDec, k, -g * at(w.wEnc, i * d + k));
      }
    });
  }
  return { gradients, sums, fires };
}

/** What one step left as first moments, which with beta1 = 0 are the gradients. */
async function momentsOf({ gpu, trainer }: Sweep, r: number) {
  const { layout: l, context } = trainer;
  const { first, width } = l.runs[r] as { first: number; width: number };
  const { w_enc, w_dec, latent_params } = context.only.buffers;
  const row = l.quads * 4;
  const [wEnc, wDec, scalars, bDec] = await Promise.all([
    readFloats(gpu, w_enc, (2 * l.latents + first) * row, width * row),
    readFloats(gpu, w_dec, (2 * l.latents + first) * row, width * row),
    readFloats(gpu, latent_params, (3 * l.latents + first) * 4, width * 4),
    readFloats(gpu, context.shared.b_dec_m, r * row, row),
  ]);
  const column = (c: number) => Float32Array.from({ length: width }, (_, i) => scalars[4 * i + c] as number);
  return { wEnc: cutRows(wEnc, l.d), wDec: cutRows(wDec, l.d), bDec: cutRows(bDec, l.d), b: column(0), r: column(1) };
}

const FORMS: [string, SweepOptions][] = [
  ['sparse', { form: 'sparse' }],
  ['sparse, in column chunks', { form: 'sparse', d: 4099, batch: 5, lanes: 8 }],
  ['on a processor', { form: 'sparse', registers: true, lanes: 8 }],
  ['dense', { form: 'dense' }],
  ['dense, in row blocks', { form: 'dense', batch: 101, flopsPerMs: 1e-3 }],
  ['auto', { form: 'auto' }],
];

describe.each(FORMS)('%s', (_, options) => {
  it('a step is the float64 one: terms of the loss, gradients, firing counts; decoder rows keep their norms', {
    timeout: COMPILING,
  }, async () => {
    const s = await sweep([BESIDE[0] as RunSpec, SPEC, BESIDE[1] as RunSpec], { ...options, momentum: true });
    const before = await s.trainer.weights(1);
    const slots = s.slots(0);
    // Without a warm-up step lambda would be 0.
    await s.trainer.step(slots);
    const start = await s.trainer.weights(1);
    await s.trainer.takeFires(1);
    const { log } = await s.trainer.step(slots, true);
    const own = (await log)?.[1];
    const expected = stepOf(start, batchOf(s, slots), own?.lambda as number);
    expect(own?.lambda).toBeGreaterThan(0);
    for (const [name, value] of [
      ['mse_loss', expected.sums.mse],
      ['aux_loss', expected.sums.aux],
      ['sparsity_loss', expected.sums.penalty],
      ['l0', expected.sums.l0],
    ] as const)
      expect(Math.abs((own?.[name] as number) / value - 1), name).toBeLessThan(1e-5);
    const actual = await momentsOf(s, 1);
    for (const name of ['wEnc', 'wDec', 'bDec', 'b', 'r'] as const) {
      const wanted = expected.gradients[name];
      expect(maxError(actual[name], wanted), name).toBeLessThanOrEqual(2e-5 * largest(wanted));
    }
    expect([...(await s.trainer.takeFires(1))]).toEqual([...expected.fires]);
    const norms = (w: SaeWeights) => Array.from({ length: w.dSae }, (_, i) => Math.hypot(...w.wDec.subarray(i * w.dIn, (i + 1) * w.dIn)));
    const after = norms(await s.trainer.weights(1));
    norms(before).forEach((norm, i) => {
      // Two steps of Adam move each entry by at most about 2 lr.
      expect(Math.abs((after[i] as number) - norm)).toBeLessThan(2.5 * 2e-3 * Math.sqrt(s.d));
      expect(Math.abs((after[i] as number) - 1)).toBeGreaterThan(1e-6);
    });
    s.gpu.check();
    s.destroy();
  });
});

it.each(FORMS.filter(([name]) => !name.includes(' in ')))(
  '%s: leaves no trace in a gated and a baseline run beside it',
  { timeout: COMPILING },
  async (_, options) => {
    const results: Buffer[][] = [];
    for (const specs of [BESIDE, [BESIDE[0], SPEC, BESIDE[1]]] as RunSpec[][]) {
      const s = await sweep(specs, options);
      for (let step = 0; step < 3; step++) await s.trainer.step(s.slots(step));
      results.push([bitsOf(await s.trainer.weights(0)), bitsOf(await s.trainer.weights(specs.length - 1))]);
      s.destroy();
    }
    expect(results[1]).toEqual(results[0]);
  },
);

it('options are refused by name, and those not given are the table’s', async () => {
  await expect(sweep([{ ...SPEC, options: { width: 1 } }])).rejects.toThrow('window has no option "width"; it has theta, power');
  await expect(sweep([{ ...SPEC, options: { power: 'three' } }])).rejects.toThrow('window: power must be one of one, two, not three');
  await expect(sweep([{ ...SPEC, options: { theta: -1 } }])).rejects.toThrow('window: theta must be a number from 0 to 10, not -1');
  const steps: Buffer[] = [];
  for (const options of [{}, { theta: 0.5, power: 'one' }] as OptionValues[]) {
    const s = await sweep([{ ...SPEC, options }]);
    await s.trainer.step(s.slots(0));
    steps.push(bitsOf(await s.trainer.weights(0)));
    s.destroy();
  }
  expect(steps[1]).toEqual(steps[0]);
});
