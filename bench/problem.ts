/** Inputs of a training step with a known sparsity, the same for every contender. */

import { type ArchitectureId, architecture, type OptionValues, traitsOf } from '../src/sae/architectures';
import { initialWeights } from '../src/sae/init';
import type { SaeWeights } from '../src/sae/weights';
import { Rng } from '../src/util/rng';

export const LAMBDA = 0.05;
export const BETA2 = 0.999;
export const EPS = 1e-8;

export interface Problem {
  d: number;
  f: number;
  batch: number;
  /** `[batch, d]`. */
  x: Float32Array;
  weights: SaeWeights;
}

/** n rows of width d of standard normal values. */
export function normalRows(n: number, d: number, seed: number): Float32Array {
  const rng = new Rng(seed).fork('rows');
  return Float32Array.from({ length: n * d }, () => rng.normal());
}

/** Pre-activations u = <x, w> of a sample, falling. */
function sampled(x: Float32Array, w: Float32Array, d: number): number[] {
  const rows = Math.min(64, x.length / d);
  const latents = Math.min(512, w.length / d);
  const u: number[] = [];
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < latents; j++) {
      let sum = 0;
      for (let k = 0; k < d; k++) sum += (x[i * d + k] as number) * (w[j * d + k] as number);
      u.push(sum);
    }
  }
  return u.sort((a, b) => b - a);
}

/** The value that a share of the falling ones exceeds. */
const above = (falling: readonly number[], share: number): number =>
  falling[Math.min(falling.length - 1, Math.max(0, Math.round(share * falling.length)))] as number;

/**
 * Weights whose mean L0 on `x` is about `l0`: random unit rows, the biases lowered; a gated one has magnitudes that differ from its gates. Where latents have
 * thresholds, those are raised instead, and so many latents a row (`inWindow`) lie in the windows about them; what selects the largest is left as it is.
 */
export function sparseWeights(
  arch: ArchitectureId,
  d: number,
  f: number,
  l0: number,
  x: Float32Array,
  seed: number,
  given: OptionValues = {},
  inWindow = 3,
): SaeWeights {
  const rng = new Rng(seed).fork('bias');
  const entry = architecture(arch);
  const bias = Float32Array.from({ length: d }, () => 0.1 * rng.normal());
  const weights = initialWeights(arch, d, f, seed, bias, 1, given);
  // b_dec is subtracted before the encoder; it is small beside x, so the sample leaves it out.
  const u = sampled(x, weights.wEnc, d);
  const theta = above(u, Math.min(1, l0 / f));
  const hasThresholds = entry.vectors.some(({ role }) => role === 'threshold');
  const lowers = !hasThresholds && traitsOf(entry, given).selects === 'none';
  const window = above(u, Math.max(0, l0 - inWindow / 2) / f) - above(u, (l0 + inWindow / 2) / f);
  const options: OptionValues = { ...given, ...(entry.options.some(({ key }) => key === 'window') && { window }) };
  entry.vectors.forEach(({ name, role }, i) => {
    const values = weights.vectors[name];
    if (role === 'threshold') values?.fill(options.theta === 'log' ? Math.log(theta) : theta);
    else if (role === 'log-gain' || role === 'gain') values?.fill(role === 'gain' ? 1.1 : 0.1);
    else if (lowers) values?.fill(i === 0 ? -theta : -0.9 * theta);
  });
  return Object.keys(options).length > 0 ? { ...weights, options } : weights;
}

export function makeProblem(arch: ArchitectureId, d: number, f: number, batch: number, l0: number): Problem {
  const x = normalRows(batch, d, 17);
  return { d, f, batch, x, weights: sparseWeights(arch, d, f, l0, x, 5) };
}

/** `[rows, columns]` -> `[columns, rows]`. */
export function transpose(values: Float32Array, rows: number, columns: number): Float32Array {
  const out = new Float32Array(values.length);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) out[j * rows + i] = values[i * columns + j] as number;
  return out;
}
