/** Changes of a SAE's units that leave what it computes alone. All return new weights and share what did not change. */
import { architecture } from '../sae/architectures';
import type { SaeWeights } from '../sae/weights';

const scaled = (values: Float32Array, factor: number): Float32Array => values.map((v) => v * factor);

/**
 * Weights trained on s·x become weights for raw x: every bias is divided by s, matrices and gains (r_mag) stay.
 *
 * ReLU and the gate are positively homogeneous: with y = s·x, W(y − b_dec) + b = s·(W(x − b_dec/s) + b/s), so each
 * feature is s times the new one and so is the reconstruction. Decoder rows keep their norm.
 * @param s above 0.
 */
export function foldScale(weights: SaeWeights, s: number): SaeWeights {
  if (!(s > 0 && Number.isFinite(s))) throw new RangeError(`the scale of the activations must be a number above 0; it is ${s}`);
  const vectors = { ...weights.vectors };
  for (const { name, role } of architecture(weights.arch).vectors) {
    const values = vectors[name];
    if (role === 'bias' && values) vectors[name] = scaled(values, 1 / s);
  }
  return { ...weights, bDec: scaled(weights.bDec, 1 / s), vectors };
}

/**
 * Weights of an encoder that sees x become weights of one that sees x − b_dec (`apply_b_dec_to_input`):
 * W·x + b = W·(x − b_dec) + (b + W·b_dec), with e^gain·W in W's place on the path of a bias that has one (r_mag of a gated SAE).
 */
export function foldInputBias(weights: SaeWeights): SaeWeights {
  const { dIn, dSae, wEnc, bDec } = weights;
  const vectors = Object.fromEntries(Object.entries(weights.vectors).map(([name, v]) => [name, v.slice()]));
  for (let i = 0; i < dSae; i++) {
    let shift = 0;
    for (let c = 0; c < dIn; c++) shift += (wEnc[i * dIn + c] as number) * (bDec[c] as number);
    for (const { name, role, gain } of architecture(weights.arch).vectors) {
      const v = vectors[name];
      if (role !== 'bias' || !v) continue;
      const factor = gain === undefined ? 1 : Math.exp(weights.vectors[gain]?.[i] ?? 0);
      v[i] = (v[i] as number) + factor * shift;
    }
  }
  return { ...weights, vectors };
}

/** Each feature times `factors[i]` on its way to the decoder: decoder row i times the factor. */
export function foldFeatureFactors(weights: SaeWeights, factors: Float32Array): SaeWeights {
  const { dIn } = weights;
  return { ...weights, wDec: weights.wDec.map((v, k) => v * (factors[Math.floor(k / dIn)] as number)) };
}

/** `[rows, columns]` to `[columns, rows]`, in tiles that stay in the cache. */
export function transpose(values: Float32Array, rows: number, columns: number): Float32Array {
  const out = new Float32Array(values.length);
  const TILE = 32;
  for (let r0 = 0; r0 < rows; r0 += TILE) {
    for (let c0 = 0; c0 < columns; c0 += TILE) {
      for (let r = r0; r < Math.min(rows, r0 + TILE); r++) {
        for (let c = c0; c < Math.min(columns, c0 + TILE); c++) out[c * rows + r] = values[r * columns + c] as number;
      }
    }
  }
  return out;
}
