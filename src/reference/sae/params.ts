/** An SAE's parameters in float64, and what a step knows beside them. */
import {
  type ArchitectureId,
  architecture,
  type OptionValues,
  optionValues,
  type Traits,
  type TwinStep,
  traitsOf,
} from '../../sae/architectures';

/** Parameters that are trained. */
export interface TwinTensors {
  wEnc: Float64Array;
  /** Of an architecture with a second encoder matrix: `[F, D]`. */
  wSecond?: Float64Array;
  wDec: Float64Array;
  bDec: Float64Array;
  /** `[F]` each, in the order of the table's `vectors`. */
  vectors: Float64Array[];
}

export interface TwinParams extends TwinTensors {
  arch: ArchitectureId;
  d: number;
  f: number;
  /** Those that differ from the table's defaults. */
  options: OptionValues;
}

/** Gradients have the shape of the parameters. */
export type TwinGradients = TwinTensors;

/** All tensors by the names that they have in files. */
export const tensorsOf = (arch: ArchitectureId, { wEnc, wSecond, wDec, bDec, vectors }: TwinTensors): Record<string, Float64Array> => ({
  W_enc: wEnc,
  ...(wSecond && { W_mag: wSecond }),
  W_dec: wDec,
  b_dec: bDec,
  ...Object.fromEntries(architecture(arch).vectors.map(({ name }, k) => [name, vectors[k] as Float64Array])),
});

/** A trainer's weights in float64. */
export function twinOf(
  w: {
    arch: ArchitectureId;
    dIn: number;
    dSae: number;
    wEnc: ArrayLike<number>;
    wSecond?: ArrayLike<number>;
    wDec: ArrayLike<number>;
    bDec: ArrayLike<number>;
    vectors: Record<string, ArrayLike<number>>;
    options?: OptionValues;
  },
  options: OptionValues = w.options ?? {},
): TwinParams {
  return {
    arch: w.arch,
    d: w.dIn,
    f: w.dSae,
    options,
    wEnc: Float64Array.from(w.wEnc),
    ...(w.wSecond && { wSecond: Float64Array.from(w.wSecond) }),
    wDec: Float64Array.from(w.wDec),
    bDec: Float64Array.from(w.bDec),
    vectors: architecture(w.arch).vectors.map(({ name }) => Float64Array.from(w.vectors[name] as ArrayLike<number>)),
  };
}

interface Meaning {
  traits: Traits;
  /** The options as the kernels see them. */
  numbers: readonly number[];
}

/** What options mean, by the options themselves, which nobody changes. */
const MEANINGS = new WeakMap<OptionValues, Map<ArchitectureId, Meaning>>();

function meaningOf({ arch, options }: TwinParams): Meaning {
  const known = MEANINGS.get(options) ?? new Map<ArchitectureId, Meaning>();
  MEANINGS.set(options, known);
  const entry = architecture(arch);
  const meaning = known.get(arch) ?? { traits: traitsOf(entry, options), numbers: optionValues(entry, options) };
  known.set(arch, meaning);
  return meaning;
}

export const traitsOfTwin = (p: TwinParams): Traits => meaningOf(p).traits;

/** The options as the kernels see them. */
export const kernelOptions = (p: TwinParams): readonly number[] => meaningOf(p).numbers;

export const vectorsOf = ({ vectors }: TwinTensors, i: number): number[] => vectors.map((values) => values[i] as number);

export const zeros = ({ d, f, vectors, wSecond }: TwinParams): TwinGradients => ({
  wEnc: new Float64Array(f * d),
  ...(wSecond && { wSecond: new Float64Array(f * d) }),
  wDec: new Float64Array(f * d),
  bDec: new Float64Array(d),
  vectors: vectors.map(() => new Float64Array(f)),
});

/** What a step knows beside the parameters and its rows. */
export interface TwinMoment extends TwinStep {
  /** Of a selection: latents kept a row. */
  k: number;
  /** Of a selection with AuxK: rows since each latent last fired, before this batch. */
  since: ArrayLike<number>;
}

/** A sparsity coefficient alone, or what else a step knows. */
export type TwinGiven = number | Partial<TwinMoment>;

export const momentOf = (p: TwinParams, given: TwinGiven): TwinMoment => ({
  lambda: 0,
  power: 1,
  nextPower: 1,
  threshold: 0,
  evaluates: false,
  k: p.f,
  since: new Float64Array(p.f),
  ...(typeof given === 'number' ? { lambda: given } : Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))),
});
