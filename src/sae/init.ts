/**
 * Initial weights: random unit decoder rows, W_enc = W_decᵀ (both `[F, D]` here, so simply equal), vectors zero, b_dec at the
 * data mean or zero. The paper doesn't state its own; this is dictionary_learning's, with Rajamanoharan's later advice.
 */
import { Rng } from '../util/rng';
import { type ArchitectureId, architecture } from './architectures';
import type { SaeWeights } from './weights';

/** @param bDec initial decoder bias in units of the scaled activations, `[dIn]`. */
export function initialWeights(arch: ArchitectureId, dIn: number, dSae: number, seed: number, bDec: Float32Array): SaeWeights {
  const rng = new Rng(seed).fork('init');
  const wDec = new Float32Array(dSae * dIn);
  const row = new Float64Array(dIn);
  for (let i = 0; i < dSae; i++) {
    let norm = 0;
    for (let k = 0; k < dIn; k++) {
      const value = rng.normal();
      row[k] = value;
      norm += value * value;
    }
    const scale = 1 / Math.sqrt(norm);
    for (let k = 0; k < dIn; k++) wDec[i * dIn + k] = (row[k] as number) * scale;
  }
  return {
    arch,
    dIn,
    dSae,
    wEnc: Float32Array.from(wDec),
    wDec,
    bDec: Float32Array.from(bDec),
    vectors: Object.fromEntries(architecture(arch).vectors.map(({ name, start }) => [name, new Float32Array(dSae).fill(start)])),
  };
}
