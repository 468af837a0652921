/**
 * Initial weights: random unit decoder rows, W_enc = length · W_decᵀ (both `[F, D]` here, so simply the same rows times a length),
 * vectors at their start, b_dec as given. The paper doesn't state its own; W_enc along W_decᵀ is Rajamanoharan's later advice.
 */
import { Rng } from '../util/rng';
import { type ArchitectureId, architecture, type OptionValues, traitsOf, vectorStarts } from './architectures';
import type { SaeWeights } from './weights';

/** Where b_dec may begin: mean or geometric median of training rows, or zero. */
export const B_DEC_STARTS = ['mean', 'geometric-median', 'zero'] as const;

/** Where the weights of a run begin. */
export interface Start {
  /** Length of the encoder's rows. */
  encLength: number;
  bDec: (typeof B_DEC_STARTS)[number];
}

/**
 * @param bDec initial decoder bias in units of the scaled activations, `[dIn]`.
 * @param encLength length of the encoder's rows, beside decoder rows of length 1. A second encoder matrix begins as the first.
 */
export function initialWeights(
  arch: ArchitectureId,
  dIn: number,
  dSae: number,
  seed: number,
  bDec: Float32Array,
  encLength = 1,
  options: OptionValues = {},
): SaeWeights {
  const entry = architecture(arch);
  const starts = vectorStarts(entry, options);
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
  const wEnc = wDec.map((value) => encLength * value);
  return {
    arch,
    ...(Object.keys(options).length > 0 && { options }),
    dIn,
    dSae,
    wEnc,
    wDec,
    ...(traitsOf(entry, options).encoders === 2 && { wSecond: Float32Array.from(wEnc) }),
    bDec: Float32Array.from(bDec),
    vectors: Object.fromEntries(Object.entries(starts).map(([name, start]) => [name, new Float32Array(dSae).fill(start)])),
  };
}
