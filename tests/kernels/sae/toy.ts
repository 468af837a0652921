/**
 * An architecture that uses all that the kernels offer beside the lab's own: a second encoder matrix, norms of decoder rows, three kinds of auxiliary path, inputs without
 * b_dec, tensors that do not learn, nested reconstructions, coefficients and gradients that the batch decides. And a step of it in float64, from the
 * formulas below and not from the kernels.
 *
 *   z = u + a, touched where z > 0; there
 *   f = (1 + r) z + 0.2 m + 0.1 c n     m: the second pre-activation, or u; n: norm of the decoder row, or 1
 *   gate = z, penalty = n z + 0.1 z², extra = 0.05 z², of weight 0.3 in the loss
 * With aux=error r is no parameter: a latent with r >= 0.5 is dead, and then f = 0, gate = z, else gate = 0 and f is that of r = 0.
 * With settle=frequency the gradients of the vectors gain 0.1 of the firing frequency.
 */
import { type Architecture, type OptionValues, PLAIN } from '../../../src/sae/architectures';
import { baseline } from '../../../src/sae/architectures/baseline';
import type { SaeWeights } from '../../../src/sae/weights';

const WGSL = `
fn toy_is_dead(run : Run, latent : Latent) -> bool {
  return is(run, AUX_ERROR) && latent.y >= 0.5;
}

fn toy_gain(run : Run, latent : Latent) -> f32 {
  return select(1.0 + latent.y, 1.0, is(run, AUX_ERROR));
}

fn toy_touched(run : Run, u : f32, latent : Latent) -> bool {
  return u + latent.x > 0.0;
}

fn toy_activate(run : Run, at : Point, latent : Latent) -> Activation {
  let z = at.u + latent.x;
  if (z <= 0.0) {
    return Activation();
  }
  let m = select(at.u, at.second, run.mate > 0u);
  let f = toy_gain(run, latent) * z + 0.2 * m + 0.1 * latent.z * at.norm;
  let dead = toy_is_dead(run, latent);
  return Activation(select(f, 0.0, dead), select(z, 0.0, is(run, AUX_ERROR) && !dead), at.norm * z + 0.1 * z * z, 0.05 * z * z);
}

fn toy_backward(run : Run, at : Point, latent : Latent, act : Activation, we : f32, wa : f32) -> Backward {
  let z = at.u + latent.x;
  let dead = toy_is_dead(run, latent);
  let gf = select(2.0 * we, 0.0, dead);
  let gg = select(2.0 * wa, 0.0, is(run, AUX_ERROR) && !dead);
  let gz = gf * toy_gain(run, latent) + gg + run.lambda * (at.norm + 0.2 * z) + 0.03 * z;
  let mated = run.mate > 0u;
  return Backward(
    gz + select(0.2 * gf, 0.0, mated),
    select(0.0, 0.2 * gf, mated),
    run.lambda * z + 0.1 * latent.z * gf,
    vec3(gz, select(gf * z, 0.0, is(run, AUX_ERROR)), 0.1 * at.norm * gf),
  );
}

fn toy_settle(run : Run, latent : Latent, vectors : vec3<f32>, frequency : f32) -> vec3<f32> {
  return vectors + select(0.0, 0.1 * frequency, run.options.x == 1.0);
}
`;

/** Latents of each prefix of a run of so many, none at a multiple of 4. */
export const prefixesOf = (width: number) => [
  { end: Math.ceil(width / 5), weight: 0.5 },
  { end: Math.ceil(width / 2), weight: 1.5 },
  { end: width, weight: 2 },
];
export const AUXK = 1 / 4;
const TARGET_L0 = 7;

const choice = (key: string, ...choices: string[]) =>
  ({ key, label: key, help: key, kind: 'choice', default: choices[0] as string, choices }) as const;
export const toy: Architecture = {
  ...baseline,
  id: 'toy',
  title: 'Toy',
  code: 1001,
  vectors: [
    { name: 'a', start: 0, role: 'bias' },
    { name: 'r', start: 0, role: 'log-gain' },
    { name: 'c', start: 0, role: 'bias' },
  ],
  options: [
    choice('settle', 'no', 'frequency', 'target'),
    choice('aux', 'none', 'frozen', 'trained', 'error'),
    choice('encoders', 'tied', 'untied'),
    choice('norms', 'no', 'yes'),
    choice('pre-bias', 'yes', 'no'),
    choice('fixed', 'none', 'W_enc', 'W_dec', 'b_dec', 'a', 'r'),
    choice('nested', 'no', 'yes'),
    choice('decoder', 'unit', 'free'),
  ],
  traits: (o) => ({
    ...PLAIN,
    aux: o.aux as 'none',
    encoders: o.encoders === 'untied' ? 2 : 1,
    norms: o.norms === 'yes',
    preBias: o['pre-bias'] === 'yes',
    fixed: [...(o.fixed === 'none' ? [] : [String(o.fixed)]), ...(o.aux === 'error' ? ['r'] : [])],
    decoder: o.decoder as 'unit',
    extra: { name: 'pre_act_loss', weight: 0.3 },
    ...(o.nested === 'yes' && { prefixes: prefixesOf }),
    ...(o.aux === 'error' && { auxK: { coefficient: AUXK, k: 0, deadAfter: 1 } }),
    ...(o.settle === 'frequency' && { omega0: 1 }),
    ...(o.settle === 'target' && { settles: { targetL0: TARGET_L0 } }),
  }),
  wgsl: WGSL,
};

const at = (values: ArrayLike<number>, i: number) => values[i] as number;

/** Gradients as Adam gets them, before clipping; terms of the loss, means over the batch; rows on which each latent fired. */
export function toyStep(w: SaeWeights, o: OptionValues, x: Float64Array, knob: number) {
  const { dIn: d, dSae: f } = w;
  const n = x.length / d;
  const isError = o.aux === 'error';
  const [a, r, c] = ['a', 'r', 'c'].map((name) => w.vectors[name] as Float32Array) as [Float32Array, Float32Array, Float32Array];
  const second = o.encoders === 'untied' ? (w.wSecond as Float32Array) : undefined;
  const norms = Array.from({ length: f }, (_, i) => Math.hypot(...w.wDec.subarray(i * d, (i + 1) * d)));
  const prefixes = o.nested === 'yes' ? prefixesOf(f) : [{ end: f, weight: 1 }];
  const partOf = (i: number) => prefixes.findIndex(({ end }) => i < end);

  const rows = Array.from({ length: n }, (_, b) => {
    const input = Float64Array.from({ length: d }, (_, k) => at(x, b * d + k) - (o['pre-bias'] === 'no' ? 0 : at(w.bDec, k)));
    const product = (m: Float32Array, i: number) => input.reduce((sum, v, k) => sum + v * at(m, i * d + k), 0);
    const latents = Array.from({ length: f }, (_, i) => {
      const u = product(w.wEnc, i);
      const m = second ? product(second, i) : u;
      const z = Math.max(0, u + at(a, i));
      const norm = o.norms === 'yes' ? at(norms, i) : 1;
      const isOn = z > 0;
      const isDead = isError && at(r, i) >= 0.5;
      const gain = isError ? 1 : 1 + at(r, i);
      return {
        z,
        norm,
        isOn,
        isDead,
        gain,
        f: isOn && !isDead ? gain * z + 0.2 * m + 0.1 * at(c, i) * norm : 0,
        gate: o.aux === 'none' || (isError && !isDead) ? 0 : z,
        penalty: norm * z + 0.1 * z * z,
        extra: 0.05 * z * z,
      };
    });
    const decoded = (of: 'f' | 'gate', to: number) =>
      Float64Array.from({ length: d }, (_, k) =>
        latents.slice(0, to).reduce((sum, latent, i) => sum + latent[of] * at(w.wDec, i * d + k), 0),
      );
    const errors = prefixes.map(({ end }) => decoded('f', end).map((v, k) => v + at(w.bDec, k) - at(x, b * d + k)));
    const e = errors.at(-1) as Float64Array;
    const aux = decoded('gate', f).map((v, k) => v + (isError ? at(e, k) : at(w.bDec, k) - at(x, b * d + k)));
    // What the latents of each prefix see.
    const seen = prefixes.map((_, p) =>
      e.map((_, k) => prefixes.reduce((sum, { weight }, g) => (g < p ? sum : sum + weight * at(errors[g] as Float64Array, k)), 0)),
    );
    return { input, latents, errors, e, aux, seen };
  });
  const mean = (value: (row: (typeof rows)[number]) => number) => rows.reduce((sum, row) => sum + value(row), 0) / n;
  const square = (v: Float64Array) => v.reduce((sum, value) => sum + value * value, 0);
  const l0 = mean(({ latents }) => latents.filter((latent) => latent.f !== 0).length);
  const error = mean(({ e }) => square(e));
  const between = Array.from({ length: d }, (_, k) => mean(({ e }) => at(e, k)) ** 2).reduce((sum, v) => sum + v, 0);
  const auxWeight = isError ? AUXK / (error - between) : 1;
  const lambda = o.settle === 'target' ? (knob * 2 * (l0 / TARGET_L0 - 1)) / TARGET_L0 : knob;
  const sums = {
    mse_loss: mean(({ errors }) => errors.reduce((sum, v, g) => sum + (prefixes[g] as { weight: number }).weight * square(v), 0)),
    aux: o.aux === 'none' ? 0 : auxWeight * mean(({ aux }) => square(aux)),
    penalty: mean(({ latents }) => latents.reduce((sum, { penalty }) => sum + penalty, 0)),
    pre_act_loss: mean(({ latents }) => latents.reduce((sum, { extra }) => sum + extra, 0)),
    l0,
  };

  const g = {
    wEnc: new Float64Array(f * d),
    wSecond: new Float64Array(f * d),
    wDec: new Float64Array(f * d),
    bDec: new Float64Array(d),
    a: new Float64Array(f),
    r: new Float64Array(f),
    c: new Float64Array(f),
  };
  const normGradient = new Float64Array(f);
  const fires = new Float64Array(f);
  const add = (to: Float64Array, i: number, value: number) => {
    to[i] = at(to, i) + value / n;
  };
  const trains = o.aux === 'trained' || isError;
  for (const { input, latents, aux, seen } of rows) {
    for (let k = 0; k < d; k++) add(g.bDec, k, 2 * at(seen[0] as Float64Array, k) + (o.aux === 'trained' ? 2 * at(aux, k) : 0));
    latents.forEach((latent, i) => {
      if (latent.f !== 0) fires[i] = at(fires, i) + 1;
      if (!latent.isOn) return;
      const e = seen[partOf(i)] as Float64Array;
      let [we, wa] = [0, 0];
      for (let k = 0; k < d; k++) {
        we += at(e, k) * at(w.wDec, i * d + k);
        wa += at(aux, k) * at(w.wDec, i * d + k);
      }
      const gf = latent.isDead ? 0 : 2 * we;
      const gg = o.aux === 'none' || (isError && !latent.isDead) ? 0 : 2 * auxWeight * wa;
      const gz = gf * latent.gain + gg + lambda * (latent.norm + 0.2 * latent.z) + 0.3 * 0.1 * latent.z;
      add(g.a, i, gz);
      add(g.r, i, isError ? 0 : gf * latent.z);
      add(g.c, i, 0.1 * latent.norm * gf);
      add(normGradient, i, lambda * latent.z + 0.1 * at(c, i) * gf);
      const gu = gz + (second ? 0 : 0.2 * gf);
      for (let k = 0; k < d; k++) {
        add(g.wEnc, i * d + k, gu * at(input, k));
        if (second) add(g.wSecond, i * d + k, 0.2 * gf * at(input, k));
        add(g.wDec, i * d + k, 2 * latent.f * at(e, k) + (trains ? 2 * auxWeight * latent.gate * at(aux, k) : 0));
        if (o['pre-bias'] !== 'no') add(g.bDec, k, -gu * at(w.wEnc, i * d + k) - (second ? 0.2 * gf * at(second, i * d + k) : 0));
      }
    });
  }
  /** As it is before its part along the row goes, for what counts as large. */
  const whole = g.wDec.slice();
  for (let i = 0; i < f; i++) {
    const row = w.wDec.subarray(i * d, (i + 1) * d);
    const own = g.wDec.subarray(i * d, (i + 1) * d);
    if (o.norms === 'yes') row.forEach((v, k) => own.set([at(own, k) + (at(normGradient, i) * v) / at(norms, i)], k));
    if (o.decoder !== 'free') {
      const along = row.reduce((sum, v, k) => sum + v * at(own, k), 0) / at(norms, i) ** 2;
      row.forEach((v, k) => own.set([at(own, k) - along * v], k));
    }
    if (o.settle === 'frequency') for (const name of ['a', 'r', 'c'] as const) g[name][i] = at(g[name], i) + (0.1 * at(fires, i)) / n;
  }
  const fixed: readonly (keyof typeof g)[] =
    ({ W_enc: ['wEnc', 'wSecond'], W_dec: ['wDec'], b_dec: ['bDec'], a: ['a'], r: ['r'] }[String(o.fixed)] as (keyof typeof g)[]) ?? [];
  for (const name of [...fixed, ...(isError ? (['r'] as const) : [])]) g[name].fill(0);
  const norm = Math.sqrt(Object.values(g).reduce((sum, values) => sum + square(values), 0));
  return { gradients: g, whole, sums, lambda, fires, norm };
}
