/** Inputs of a training step with a known sparsity, the same for every contender. */

import { type ArchitectureId, architecture } from '../src/sae/architectures';
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

/** What must be added to u = <x, w> so that it is positive for a share `density` of the (row, latent) pairs: measured on a sample. */
function threshold(x: Float32Array, w: Float32Array, d: number, density: number): number {
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
  u.sort((a, b) => b - a);
  return -(u[Math.min(u.length - 1, Math.round(density * u.length))] as number);
}

/** Weights whose mean L0 on `x` is about `l0`: random unit rows, the biases lowered; a gated one has magnitudes that differ from its gates. */
export function sparseWeights(arch: ArchitectureId, d: number, f: number, l0: number, x: Float32Array, seed: number): SaeWeights {
  const rng = new Rng(seed).fork('bias');
  const bias = Float32Array.from({ length: d }, () => 0.1 * rng.normal());
  const weights = initialWeights(arch, d, f, seed, bias);
  // b_dec is subtracted before the encoder; it is small beside x, so the sample leaves it out.
  const shift = threshold(x, weights.wEnc, d, Math.min(1, l0 / f));
  architecture(arch).vectors.forEach(({ name, role }, i) => {
    weights.vectors[name]?.fill(role === 'log-gain' ? 0.1 : i === 0 ? shift : shift * 0.9);
  });
  return weights;
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
