/** The float64 twin against finite differences, and the facts of the paper that trip implementers. */
import { describe, expect, it } from 'vitest';
import { adamStep, forward, gradients, loss, type TwinParams, tensorsOf, zeroMoments } from '../../src/reference/sae';
import { type ArchitectureId, architecture, architectureIds, traitsOfRun } from '../../src/sae/architectures';
import { randoms } from '../gpu';
import { jumpReluThreshold } from '../reference/gated';

const D = 5;
const F = 7;
const B = 6;

/** Non-unit decoder rows, nonzero b_dec and r_mag: nothing may hide behind a special value. */
function params(arch: ArchitectureId): TwinParams {
  const r = (n: number, seed: number, scale = 1) => Float64Array.from(randoms(n, seed), (v) => v * scale);
  return {
    arch,
    d: D,
    f: F,
    wEnc: r(F * D, 1, 2),
    wDec: r(F * D, 2, 2),
    bDec: r(D, 3),
    options: [],
    vectors: architecture(arch).vectors.map((_, k) => r(F, 4 + k)),
  };
}
const x = Float64Array.from(randoms(B * D, 9), (v) => v * 3);

/** The loss that a stop-gradient sees: the auxiliary decoder uses `frozen`, everything else `p`. */
function frozenLoss(p: TwinParams, frozen: TwinParams, lambda: number): number {
  const total = loss(p, x, lambda);
  if (traitsOfRun({ arch: p.arch }).aux === 'none') return total.loss;
  const { gate } = forward(p, x);
  let aux = 0;
  for (let b = 0; b < B; b++) {
    for (let k = 0; k < D; k++) {
      let value = frozen.bDec[k] as number;
      for (let i = 0; i < F; i++) value += (gate[b * F + i] as number) * (frozen.wDec[i * D + k] as number);
      aux += ((x[b * D + k] as number) - value) ** 2;
    }
  }
  return total.loss - total.aux_loss + aux / B;
}

/** dL/d of every tensor by central differences. */
function numeric(p: TwinParams, of: (q: TwinParams) => number): Record<string, Float64Array> {
  const h = 1e-6;
  return Object.fromEntries(
    Object.entries(tensorsOf(p.arch, p)).map(([name, values]) => [
      name,
      Float64Array.from(values, (_, j) => {
        const at = (delta: number) => {
          const q = structuredClone(p);
          const moved = tensorsOf(q.arch, q)[name] as Float64Array;
          moved[j] = (moved[j] as number) + delta;
          return of(q);
        };
        return (at(h) - at(-h)) / (2 * h);
      }),
    ]),
  );
}

describe('gradients', () => {
  it.each(architectureIds())('%s: agree with central differences, stop-gradients included', (arch) => {
    const p = params(arch);
    const frozen = structuredClone(p);
    const expected = numeric(p, (q) => frozenLoss(q, frozen, 0.3));
    for (const [name, actual] of Object.entries(tensorsOf(arch, gradients(p, x, 0.3)))) {
      actual.forEach((value, j) => expect(value, `${name}[${j}]`).toBeCloseTo(expected[name]?.[j] as number, 6));
    }
  });

  it('gated: the auxiliary term gives W_dec exactly zero and b_dec something; reconstruction gives b_gate exactly zero', () => {
    const p = params('gated');
    const fw = forward(p, x);
    // Make the main reconstruction perfect, so that only the auxiliary term speaks.
    const auxOnly = gradients(p, x, 0, { ...fw, xHat: Float64Array.from(x) });
    expect(auxOnly.wDec.every((v) => v === 0)).toBe(true);
    expect(Math.max(...auxOnly.bDec.map(Math.abs))).toBeGreaterThan(1e-3);
    // And the other way round.
    const mainOnly = gradients(p, x, 0, { ...fw, xAux: Float64Array.from(x) });
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
      options: [],
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
        options: [],
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
