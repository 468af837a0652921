/** Changes of a SAE's units that leave what it computes alone. All return new weights and share what did not change. */
import { architecture } from '../sae/architectures';
import type { SaeWeights } from '../sae/weights';

const scaled = (values: Float32Array, factor: number): Float32Array => values.map((v) => v * factor);

/** Whether a SAE's vector in the place of a threshold holds its logarithm. */
export const holdsLogThreshold = ({ options }: Pick<SaeWeights, 'options'>): boolean => options?.theta === 'log';

/**
 * Weights trained on s·x become weights for raw x: every bias and threshold is divided by s; matrices, gains (r_mag), factors (t) and numbers of
 * latents (k) stay.
 *
 * ReLU, the gate, jumps and selections are positively homogeneous: with y = s·x, W(y − b_dec) + b = s·(W(x − b_dec/s) + b/s), so each feature is s
 * times the new one and so is the reconstruction. Decoder rows keep their norm.
 * @param s above 0.
 */
export function foldScale<T extends SaeWeights>(weights: T, s: number): T {
  if (!(s > 0 && Number.isFinite(s))) throw new RangeError(`the scale of the activations must be a number above 0; it is ${s}`);
  const vectors = { ...weights.vectors };
  for (const { name, role } of architecture(weights.arch).vectors) {
    const values = vectors[name];
    if (!values) continue;
    if (role === 'threshold' && holdsLogThreshold(weights)) vectors[name] = values.map((v) => v - Math.log(s));
    else if (role === 'bias' || role === 'threshold') vectors[name] = scaled(values, 1 / s);
  }
  const { threshold } = weights;
  return {
    ...weights,
    bDec: scaled(weights.bDec, 1 / s),
    vectors,
    ...(threshold !== undefined && { threshold: Math.fround(threshold / s) }),
  };
}

/**
 * Weights of an encoder that sees x become weights of one that sees x − b_dec (`apply_b_dec_to_input`):
 * W·x + b = W·(x − b_dec) + (b + W·b_dec), with e^gain·W (r_mag of a gated SAE) or the second matrix in W's place on the path of a bias that has one.
 */
export function foldInputBias<T extends SaeWeights>(weights: T): T {
  const { dIn, dSae, wEnc, wSecond, bDec } = weights;
  const vectors = Object.fromEntries(Object.entries(weights.vectors).map(([name, v]) => [name, v.slice()]));
  const shift = (matrix: Float32Array, i: number) => {
    let sum = 0;
    for (let c = 0; c < dIn; c++) sum += (matrix[i * dIn + c] as number) * (bDec[c] as number);
    return sum;
  };
  for (const { name, role, gain } of architecture(weights.arch).vectors) {
    const v = vectors[name];
    if (role !== 'bias' || !v) continue;
    const matrix = gain === undefined ? wEnc : (wSecond ?? wEnc);
    const gains = gain === undefined ? undefined : weights.vectors[gain];
    for (let i = 0; i < dSae; i++) v[i] = (v[i] as number) + Math.exp(gains?.[i] ?? 0) * shift(matrix, i);
  }
  return { ...weights, vectors };
}

/**
 * Pre-activations times the norm of their decoder row, and rows of norm 1 (`rescale_acts_by_decoder_norm` of SAELens' TopK SAEs): the same features
 * and reconstructions without the norms.
 */
export function foldDecoderNorms<T extends SaeWeights>(weights: T): T {
  const { dIn, dSae, wEnc, wDec } = weights;
  const norms = Float64Array.from({ length: dSae }, (_, i) => Math.hypot(...wDec.subarray(i * dIn, (i + 1) * dIn)));
  const times = (values: Float32Array, power: 1 | -1, row: number) =>
    values.map((v, at) => v * (norms[Math.floor(at / row)] as number) ** power);
  const vectors = { ...weights.vectors };
  for (const { name, role } of architecture(weights.arch).vectors) {
    const v = vectors[name];
    if (v && role === 'bias') vectors[name] = times(v, 1, 1);
  }
  return { ...weights, wEnc: times(wEnc, 1, dIn), wDec: times(wDec, -1, dIn), vectors };
}

/** Each feature times `factors[i]` on its way to the decoder: decoder row i times the factor. */
export function foldFeatureFactors<T extends SaeWeights>(weights: T, factors: Float32Array): T {
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
