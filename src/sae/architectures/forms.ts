/** The function of one architecture as weights of another one: the same features to rounding. */
import type { SaeWeights } from '../weights';
import type { ArchitectureId, OptionValues } from './types';

/** Names in cfg.json that SAELens 6 loads, of those that the lab writes. */
export const SAELENS_LOADS: readonly string[] = ['standard', 'gated', 'jumprelu', 'topk'];

/** How else weights of an architecture can be saved. */
export interface SavedForm {
  /** Its name in cfg.json. */
  saelens: string;
  /** @param o all options. */
  fits(o: OptionValues): boolean;
  /** @throws Error where the values have no such form. */
  convert(weights: SaeWeights): SaeWeights;
}

const vectorOf = ({ arch, vectors }: SaeWeights, name: string): Float32Array => {
  const values = vectors[name];
  if (!values) throw new Error(`a ${arch} SAE needs ${name}`);
  return values;
};

/** `[d_sae, d_in]` rows times a factor each. */
const rowsTimes = (matrix: Float32Array, dIn: number, factors: ArrayLike<number>): Float32Array =>
  matrix.map((v, at) => v * (factors[Math.floor(at / dIn)] as number));

/**
 * A gate and a magnitude on one encoder matrix as JumpReLU (arXiv 2404.16014, 3.2.1): z = e^r u + b_mag, and π > 0 where z > θ = b_mag − e^r b_gate.
 * Where θ is below 0 the gate is open wherever z > 0: 0 stands there, for readers without a ReLU.
 */
const asJumprelu: SavedForm = {
  saelens: 'jumprelu',
  fits: ({ encoders }) => encoders !== 'untied',
  convert(gated) {
    const { dIn, dSae, wEnc, wDec, bDec } = gated;
    const [bGate, rMag, bMag] = ['b_gate', 'r_mag', 'b_mag'].map((name) => vectorOf(gated, name)) as [
      Float32Array,
      Float32Array,
      Float32Array,
    ];
    const gain = Float64Array.from(rMag, Math.exp);
    const theta = Float32Array.from(bMag, (b, i) => Math.max(0, b - (gain[i] as number) * (bGate[i] as number)));
    return {
      arch: 'jumprelu',
      options: { 'pre-bias': 'yes' },
      dIn,
      dSae,
      wEnc: rowsTimes(wEnc, dIn, gain),
      wDec,
      bDec,
      vectors: { b_enc: bMag, threshold: theta },
    };
  },
};

/**
 * t·ReLU(u + b) is ReLU(t·u + t·b) where t is not negative: the factor goes into encoder and bias, decoder rows stay as they are.
 * It throws an Error for a factor below 0: its feature is negative, which no standard SAE has.
 */
const asStandard: SavedForm = {
  saelens: 'standard',
  fits: () => true,
  convert(sae) {
    const { dIn, dSae, wEnc, wDec, bDec } = sae;
    const [bEnc, t] = [vectorOf(sae, 'b_enc'), vectorOf(sae, 't')];
    const below = t.filter((v) => v < 0).length;
    if (below > 0)
      throw new Error(
        `${below} of ${dSae} factors t are below 0, and a standard SAE has no negative features: save it as its own architecture`,
      );
    return {
      arch: 'baseline',
      dIn,
      dSae,
      wEnc: rowsTimes(wEnc, dIn, t),
      wDec,
      bDec,
      vectors: { b_enc: bEnc.map((v, i) => v * (t[i] as number)) },
    };
  },
};

const FORMS: Readonly<Record<ArchitectureId, readonly SavedForm[]>> = {
  gated: [asJumprelu],
  rescale_shift: [asJumprelu],
  no_heaviside: [asStandard],
};

/** Other architectures of SAELens' that hold the same function; of most there are none. */
export const savedForms = (arch: ArchitectureId): readonly SavedForm[] => FORMS[arch] ?? [];
