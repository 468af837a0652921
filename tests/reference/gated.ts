/** Facts of a Gated SAE alone, in float64. */
import type { TwinParams } from '../../src/reference/sae';

/** JumpReLU threshold of each latent: theta = b_mag - exp(r_mag)·b_gate (paper 3.2.1, App. E). */
export function jumpReluThreshold({ f, vectors }: TwinParams): Float64Array {
  const [bGate, rMag, bMag] = vectors as [Float64Array, Float64Array, Float64Array];
  return Float64Array.from({ length: f }, (_, i) => (bMag[i] as number) - Math.exp(rMag[i] as number) * (bGate[i] as number));
}
