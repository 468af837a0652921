/** The float64 twin against finite differences, and the facts of the paper that trip implementers. */
import { describe, expect, it } from 'vitest';
import {
  adamStep,
  forward,
  gradients,
  loss,
  momentOf,
  sparsity,
  type TwinGiven,
  type TwinParams,
  tensorsOf,
  zeroMoments,
} from '../../src/reference/sae';
import { type ArchitectureId, allOptions, architecture, architectureIds, type OptionValues, traitsOf } from '../../src/sae/architectures';
import { randoms } from '../gpu';
import { jumpReluThreshold } from '../reference/gated';

const D = 3;
const F = 5;
const B = 4;

/** Non-unit decoder rows, nonzero b_dec and r_mag: nothing may hide behind a special value. */
function params(arch: ArchitectureId, options: OptionValues = {}): TwinParams {
  const r = (n: number, seed: number, scale = 1) => Float64Array.from(randoms(n, seed), (v) => v * scale);
  return {
    arch,
    d: D,
    f: F,
    wEnc: r(F * D, 1, 2),
    wDec: r(F * D, 2, 2),
    bDec: r(D, 3),
    options,
    vectors: architecture(arch).vectors.map((_, k) => r(F, 4 + k)),
    ...(traitsOf(architecture(arch), options).encoders === 2 && { wSecond: r(F * D, 12, 2) }),
  };
}
const x = Float64Array.from(randoms(B * D, 9), (v) => v * 3);

/** x̂ of some latents: values [B, F] times the rows, plus a bias. */
const decoded = (values: Float64Array, wDec: Float64Array, bias?: Float64Array): Float64Array =>
  Float64Array.from({ length: B * D }, (_, at) => {
    const [b, k] = [Math.floor(at / D), at % D];
    let sum = bias?.[k] ?? 0;
    for (let i = 0; i < F; i++) sum += (values[b * F + i] as number) * (wDec[i * D + k] as number);
    return sum;
  });

const squares = (a: Float64Array, b: Float64Array): number => a.reduce((sum, v, j) => sum + (v - (b[j] as number)) ** 2, 0) / B;

/** The loss that a stop-gradient sees: what is stopped uses `frozen`, everything else `p`. */
function frozenLoss(p: TwinParams, frozen: TwinParams, given: TwinGiven): number {
  const { aux, extra } = traitsOf(architecture(p.arch), p.options);
  const fw = forward(p, x, given);
  const terms = loss(p, x, given, fw);
  const penalised = p.options.weighted === 'frozen' ? forward({ ...p, wDec: frozen.wDec }, x, given) : fw;
  const main = terms.mse_loss + momentOf(p, given).lambda * sparsity(p, penalised).value + (extra ? extra.weight * terms.extra_loss : 0);
  if (aux === 'none') return main;
  if (aux === 'trained') return main + squares(decoded(fw.gate, p.wDec, p.bDec), x);
  if (aux === 'frozen') return main + squares(decoded(fw.gate, frozen.wDec, frozen.bDec), x);
  const before = forward(frozen, x, given);
  const error = x.map((value, j) => value - (before.xHat[j] as number));
  return main + before.auxWeight * squares(decoded(fw.gate, p.wDec), error);
}

/** dL/d of every tensor by central differences. */
function numeric(p: TwinParams, of: (q: TwinParams) => number): Record<string, Float64Array> {
  const h = 1e-6;
  return Object.fromEntries(
    Object.entries(tensorsOf(p.arch, p)).map(([name, values]) => [
      name,
      Float64Array.from(values.slice(), (_, j) => {
        const held = values[j] as number;
        const at = (delta: number) => {
          values[j] = held + delta;
          return of(p);
        };
        const slope = (at(h) - at(-h)) / (2 * h);
        values[j] = held;
        return slope;
      }),
    ]),
  );
}

/** Every combination of these values of options. */
const combinations = (values: Record<string, readonly (string | number)[]>): OptionValues[] =>
  Object.entries(values).reduce<OptionValues[]>(
    (all, [key, choices]) => all.flatMap((one) => choices.map((choice) => ({ ...one, [key]: choice }))),
    [{}],
  );

const penalties = { penalty: ['l1', 'tanh', 'sqrt', 'log', 'p'], weighted: ['no', 'frozen', 'trained'], decoder: ['free'] };
/** A window that nothing falls into leaves what straight-through estimates add; that is held by figures of others (train2.test.ts). */
const jump = { window: [1e-9], theta: ['direct', 'log'], 'pre-act': [0, 0.7], 'pre-bias': ['no', 'yes'] };
const family = { 'dead-after': [11], auxk: [0, 0.4], 'k-aux': [0, 1] };
const COMBINATIONS: [ArchitectureId, OptionValues][] = (
  [
    ['baseline', penalties],
    ['gated', { ...penalties, aux: ['frozen', 'unfrozen', 'none'], r_mag: ['learnt', 'none'], encoders: ['tied', 'untied'] }],
    ['jumprelu', { ...jump, loss: ['l0', 'target', 'frequency', 'tanh'], 'window-of': ['z', 'f'], through: ['theta', 'z'] }],
    ['topk', family],
    ['batchtopk', family],
    ['matryoshka', { ...family, groups: ['1, 2, 2', '1/2, 1/2', '1'], 'group-weights': ['equal', '3, 1', '1, 0, 2'] }],
    ['no_heaviside', {}],
    ['rescale_shift', {}],
  ] as [ArchitectureId, Record<string, readonly (string | number)[]>][]
).flatMap(([arch, values]) =>
  combinations(values)
    .filter((o) => (architecture(arch).problems?.(allOptions(architecture(arch), o), { width: F, knob: 1, d: D }) ?? []).length === 0)
    .map((o): [ArchitectureId, OptionValues] => [arch, o]),
);

const said = (o: OptionValues) =>
  Object.entries(o)
    .map(([key, value]) => `${key}=${value}`)
    .join(' ');

describe('gradients', () => {
  it.each(architectureIds())('%s: agree with central differences in every combination of options, stop-gradients included', (arch) => {
    const own = COMBINATIONS.filter(([id]) => id === arch);
    expect(own.length, 'combinations of its options').toBeGreaterThan(0);
    for (const [, options] of own) {
      const p = params(arch, options);
      const given: TwinGiven = { lambda: 0.3, power: 0.6, nextPower: 0.5, k: 1, since: Float64Array.of(20, 3, 20, 20, 20) };
      const frozen = structuredClone(p);
      const expected = numeric(p, (q) => frozenLoss(q, frozen, given));
      const { fixed } = traitsOf(architecture(arch), options);
      for (const [name, actual] of Object.entries(tensorsOf(arch, gradients(p, x, given)))) {
        if (fixed.includes(name)) continue;
        const most = Math.max(1, ...(expected[name] as Float64Array).map(Math.abs));
        actual.forEach((value, j) => {
          const off = Math.abs(value - (expected[name]?.[j] as number)) / most;
          if (!(off < 1e-6)) expect.fail(`${arch} ${said(options)}: ${name}[${j}] is ${value} for ${expected[name]?.[j]}`);
        });
      }
    }
  });

  it('the scenes reach what they are about: dead latents that AuxK trains, silent latents, several prefixes', () => {
    const given: TwinGiven = { k: 1, since: Float64Array.of(20, 3, 20, 20, 20) };
    for (const arch of ['topk', 'batchtopk', 'matryoshka']) {
      const fw = forward(params(arch, { 'dead-after': 11 }), x, given);
      expect(
        fw.gate.some((v) => v > 0),
        arch,
      ).toBe(true);
      expect(fw.acts.filter((v) => v > 0)).toHaveLength(B);
    }
    expect(forward(params('jumprelu', { 'pre-act': 1 }), x).extra.some((v) => v > 0)).toBe(true);
  });

  it('gated: the auxiliary term gives W_dec exactly zero and b_dec something; reconstruction gives b_gate exactly zero', () => {
    const p = params('gated');
    const fw = forward(p, x);
    const none = new Float64Array(x.length);
    // Make the main reconstruction perfect, so that only the auxiliary term speaks.
    const auxOnly = gradients(p, x, 0, { ...fw, errors: [none] });
    expect(auxOnly.wDec.every((v) => v === 0)).toBe(true);
    expect(Math.max(...auxOnly.bDec.map(Math.abs))).toBeGreaterThan(1e-3);
    // And the other way round.
    const mainOnly = gradients(p, x, 0, { ...fw, auxError: none });
    const [bGate, rMag] = mainOnly.vectors as [Float64Array, Float64Array];
    expect(bGate.every((v) => v === 0)).toBe(true);
    expect(Math.max(...rMag.map(Math.abs))).toBeGreaterThan(1e-3);
  });
});

describe('paper facts', () => {
  it('hand vector of SAELens: x = [0.3, 0.3]', () => {
    const p: TwinParams = {
      arch: 'gated',
      d: 2,
      f: 3,
      wEnc: new Float64Array(6).fill(1),
      wDec: new Float64Array(6).fill(1),
      bDec: new Float64Array(2),
      options: {},
      vectors: [Float64Array.of(-2, 0, 1), Float64Array.of(1, 2, 3), new Float64Array(3).fill(1)],
    };
    const { acts, xHat } = forward(p, Float64Array.of(0.3, 0.3));
    [0, 5.4334, 13.0513].forEach((v, i) => expect(acts[i]).toBeCloseTo(v, 3));
    [18.4848, 18.4848].forEach((v, i) => expect(xHat[i]).toBeCloseTo(v, 3));
  });

  it('one feature, lambda 1, target 1, b_dec held at 0: baseline gives 0.5, gated 1', () => {
    for (const [arch, target] of [
      ['baseline', 0.5],
      ['gated', 1],
    ] as const) {
      const one = Float64Array.of(1);
      const p: TwinParams = {
        arch,
        d: 1,
        f: 1,
        wEnc: Float64Array.of(1),
        wDec: Float64Array.of(1),
        bDec: Float64Array.of(0),
        options: {},
        vectors: architecture(arch).vectors.map(() => Float64Array.of(0)),
      };
      const moments = zeroMoments(p);
      for (let t = 1; t <= 4000; t++) {
        const g = gradients(p, one, 1);
        g.bDec.fill(0);
        adamStep(p, g, moments, t, { lr: t < 3000 ? 1e-3 : 1e-4, beta1: 0, beta2: 0.999, eps: 1e-8 });
      }
      const { xHat, gate } = forward(p, one);
      expect(xHat[0]).toBeCloseTo(target, 2);
      if (arch === 'gated') expect(gate[0]).toBeCloseTo(0.5, 2);
      expect(loss(p, one, 1).gamma).toBeCloseTo(target, 2);
    }
  });

  it('gated encoder equals a JumpReLU encoder with theta = b_mag - exp(r_mag) b_gate', () => {
    const p = params('gated');
    const theta = jumpReluThreshold(p);
    const { u, acts } = forward(p, x);
    for (let j = 0; j < acts.length; j++) {
      const i = j % F;
      const [, rMag, bMag] = p.vectors.map((values) => values[i] as number) as [number, number, number];
      const z = Math.exp(rMag) * (u[j] as number) + bMag;
      expect(acts[j]).toBeCloseTo(z > (theta[i] as number) ? Math.max(0, z) : 0, 12);
    }
  });

  it('a gated SAE has exactly 2F parameters more than a baseline of the same width', () => {
    const count = (arch: ArchitectureId) => Object.values(tensorsOf(arch, params(arch))).reduce((n, { length }) => n + length, 0);
    expect(count('gated') - count('baseline')).toBe(2 * F);
  });
});
