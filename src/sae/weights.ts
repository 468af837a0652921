/** Weights of one SAE on the host, as the trainer keeps them: both matrices with a latent's row contiguous. */
import type { ArchitectureId, OptionValues } from './architectures';

export interface SaeWeights {
  arch: ArchitectureId;
  /** The architecture's options by key; those not named are at the table's defaults. */
  options?: OptionValues;
  dIn: number;
  dSae: number;
  /** `[d_sae, d_in]` rows: SAELens' W_enc transposed. */
  wEnc: Float32Array;
  /** `[d_sae, d_in]` rows, as SAELens' W_dec. */
  wDec: Float32Array;
  /** `[d_sae, d_in]` rows of the second encoder matrix, where the architecture has one: W_mag transposed. */
  wSecond?: Float32Array;
  /** Inference uses activations above it alone, where a selection trained; units of the activations. */
  threshold?: number;
  /** Latents that are kept of a row, where the architecture keeps the largest. */
  k?: number;
  /** `[d_in]`. */
  bDec: Float32Array;
  /** Per-latent vectors `[d_sae]` by SAELens name: b_enc, or b_gate, r_mag, b_mag. */
  vectors: Record<string, Float32Array>;
}
