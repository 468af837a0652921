/**
 * What the lab needs to know of an architecture. An architecture is one module of this folder, its WGSL in `shaders/sae/architectures` and a line in
 * `index.ts`; everything else (form, link, command line, kernels, self-test, files, charts) asks the table.
 */

import type { Dash, MarkShape } from '../../util/svg';

/** An `id` of the table (`isArchitecture`). */
export type ArchitectureId = string;

/** The setting that trades L0 against quality: what a sweep varies. */
export interface Knob {
  /** How it is called on the command line and in arms. */
  id: string;
  symbol: string;
  /** Its values are whole numbers (k of a TopK SAE). */
  whole?: boolean;
  /**
   * Where the rows are multiplied by s, the same balance of the loss needs its value times s to this power: 1 for the weight of a sum of activations, 2 for
   * that of a count, 0 for what counts latents itself.
   */
  power: 0 | 1 | 2;
  /** Values of a first sweep, as people type them: a list or a log range `lo:hi:count`. */
  default: string;
  /** Fewer of them, for a sweep that must be small. */
  few: string;
  /** Exclusive lower bound and inclusive upper bound. */
  above: number;
  max: number;
  help: string;
}

/**
 * A choice or a number beside the knob that changes the loss, the parameters or the optimiser. The kernels see the first eight that are not `host`, as
 * `Run.options` and `Run.more`.
 */
export type ArchitectureOption = {
  /** Name on the command line, in links and in files. */
  key: string;
  label: string;
  help: string;
  /** Only the host asks for it. */
  host?: true;
} & (
  | { kind: 'number'; default: number; min: number; max: number }
  /** The kernels see the place in the list. */
  | { kind: 'choice'; default: string; choices: readonly string[] }
  /** Always `host`; what may stand there is said by `problems`. */
  | { kind: 'text'; default: string }
);

/** By key of the table: a number, or one of the choices. */
export type OptionValues = Readonly<Record<string, number | string>>;

/** Architectures that are kin: they share a colour. */
export type Family = 'gated' | 'relu' | 'jumprelu' | 'topk';

/** What of an architecture depends on its options, and what the kernels do about it. */
export interface Traits {
  /**
   * A second path through the decoder. `frozen`: `gate` is decoded to x̂_aux, which trains all but decoder and b_dec (paper eq. 8); `trained`: those too;
   * `error`: AuxK, `gate` is decoded without b_dec to the error x − x̂ of the main path, which is constant; the loss is relative to the error's variance.
   */
  aux: 'none' | 'frozen' | 'trained' | 'error';
  /** `unit`: the decoder's gradient loses its component along each row, and rows are divided by their norm after a step. `free`: neither. */
  decoder: 'unit' | 'free';
  /** 2: a second encoder matrix (W_mag), of use only where the latent is touched. */
  encoders: 1 | 2;
  /** Whether the encoder sees x − b_dec, or x. */
  preBias: boolean;
  /** Whether the formulas use the norm of the latent's decoder row. */
  norms: boolean;
  /** f ≠ 0 wherever the latent is touched: firing can be read off the active set. */
  firesWhereTouched: boolean;
  /** Tensors that do not learn, by SAELens' names. */
  fixed: readonly string[];
  /** Keeps the k largest activations of a row, or B·k of a batch. */
  selects: 'none' | 'row' | 'batch';
  /** Nested reconstructions: latents of each, rising, the last one all, and its weight in the loss. @param width d_sae. */
  prefixes?: (width: number) => readonly { end: number; weight: number }[];
  /** A batch statistic decides the sparsity coefficient: (L0/target − 1)², or an annealed penalty. */
  settles?: { targetL0: number } | 'anneal';
  /** The penalty of a latent is a function of its firing frequency in the batch, w + w²/omega0, and the WGSL has `<id>_settle`. */
  omega0?: number;
  /** Penalty of a latent that is not touched, which kernels leave out of their sum. */
  silentPenalty?: number;
  /** Weight of the sum of `extra` in the loss, and its name in logs. */
  extra?: { name: 'pre_act_loss'; weight: number };
  /** AuxK: its coefficient, latents a row (0: d/2), and rows without firing after which a latent is dead. */
  auxK?: { coefficient: number; k: number; deadAfter: number };
  /** Of the threshold that inference uses after a selection: share that the former one keeps, and steps after which it is formed. */
  inference?: { by: 'k' | 'threshold'; decay: number; start: number };
}

/** The traits that most have. */
export const PLAIN: Traits = {
  aux: 'none',
  decoder: 'unit',
  encoders: 1,
  preBias: true,
  norms: false,
  firesWhereTouched: false,
  fixed: [],
  selects: 'none',
};

/** A per-latent parameter `[d_sae]`. */
export interface LatentVector {
  /** SAELens' tensor name. */
  name: string;
  /** Value of every latent at the start; where options decide, given all of them. */
  start: number | ((o: OptionValues) => number);
  /**
   * `bias`: adds to a pre-activation, so it scales with the activations. `threshold`: is compared with one, and scales likewise. `gain`: a factor, which
   * does not. `log-gain`: exponent of a factor on the pre-activation, which does not.
   */
  role: 'bias' | 'threshold' | 'gain' | 'log-gain';
  /** Of a bias: the `log-gain` vector whose factor multiplies W_enc on its path, when there is one. */
  gain?: string;
}

/** What an architecture sees of one (row, latent). */
export interface TwinPoint {
  /** Pre-activation W_enc (x − b_dec), or W_enc x, without bias. */
  u: number;
  /** The same by the second encoder matrix; 0 without one. */
  second: number;
  /** Norm of the latent's decoder row; 1 unless the traits ask for it. */
  norm: number;
}

/** Values of one (row, latent). */
export interface TwinActivation {
  /** What the decoder sees. */
  f: number;
  /** What the auxiliary decoder sees. */
  gate: number;
  /** What the sparsity term sums. */
  penalty: number;
  /** A second sum: the penalty at the next exponent, or JumpReLU's pre-activation loss. */
  extra: number;
}

/** What a step decides for all latents of a run. */
export interface TwinStep {
  /** Coefficient of the sparsity term, as batch statistics have changed it. */
  lambda: number;
  /** Exponent of an annealed penalty, and the next one. */
  power: number;
  nextPower: number;
  /** Of inference. */
  threshold: number;
  evaluates: boolean;
}

/**
 * An architecture's formulas in float64, from the paper and not from the kernel. `v` holds the latent's vectors in their order (and, for AuxK, what
 * stands in their place), `o` the values of the options as the kernels see them (`optionValues`).
 */
export interface Twin {
  activate(at: TwinPoint, v: readonly number[], o: readonly number[], step: TwinStep): TwinActivation;
  /** Whether a gradient can reach anything through this (row, latent). It contains {f ≠ 0}. */
  touched(u: number, v: readonly number[], o: readonly number[], step: TwinStep): boolean;
  /**
   * Gradient of one row's loss of a touched latent.
   * @param we ⟨e, W_dec row⟩, e = x̂ − x. @param wa the same of the auxiliary error times its loss's weight, 0 without one.
   * @returns dL/du, dL/d(second), dL/d(norm) and dL/d(vectors).
   */
  backward(given: {
    at: TwinPoint;
    v: readonly number[];
    o: readonly number[];
    act: TwinActivation;
    we: number;
    wa: number;
    step: TwinStep;
  }): { u: number; second: number; norm: number; vectors: number[] };
  /** Mean gradients of the vectors to their final ones, where `omega0`. @param frequency share of the batch's rows with f ≠ 0. */
  settle?(vectors: readonly number[], frequency: number, o: readonly number[], step: TwinStep): number[];
}

/** How the first arm of an architecture looks; its colour is its family's (`families.ts`). */
export interface Look {
  /** Of its own. */
  symbol: MarkShape;
  /** Of its own in its family. */
  dash: Dash;
}

/** Whose it is, options that differ from their defaults, and options that may be anything. */
export type Recipe = readonly [name: string, options: OptionValues, free?: readonly string[]];

export interface Architecture {
  id: ArchitectureId;
  /** For people. */
  title: string;
  family: Family;
  /** A sentence for who chooses among all. */
  line: string;
  /** Where it is described. */
  source: string;
  /** Number by which the WGSL dispatches; never reused. */
  code: number;
  /** SAELens' name, in cfg.json while it trains and, without `savedAs`, for good. */
  saelens: string;
  /** The name of what such weights compute once they are trained, given all options; one that SAELens does not know where it has no such architecture. */
  savedAs?(o: OptionValues): string;
  /** At most three: they are packed as xyz of one vec4 a latent, in this order. */
  vectors: readonly LatentVector[];
  knob: Knob;
  options: readonly ArchitectureOption[];
  /** @param o all options. */
  traits(o: OptionValues): Traits;
  /**
   * A second stage: its runs start from trained ones of another architecture, with all that those have in common with it (matrices, b_dec, width), and
   * vectors made of theirs.
   */
  startsFrom?: { arch: ArchitectureId; vectors(of: Readonly<Record<string, Float32Array>>): Record<string, Float32Array> };
  /** Options, width and knob that contradict each other, in sentences. */
  problems?(o: OptionValues, size: { width: number; knob: number; d: number }): string[];
  /** When the exponent of the penalty changes in a run of so many steps, where it does (p-annealing; `Anneal` of the schedules). */
  anneal?(o: OptionValues, steps: number): { at: readonly number[]; powers: readonly number[]; queue: number } | undefined;
  /** Whose recipes there are of it; the first whose options a run has is said to be its own (`recipeOf`). */
  recipes?: readonly Recipe[];
  /** Width of a first sweep as a multiple of d, and how many times a Gated SAE's width costs the same compute. */
  width: { default: string; equalCompute: number };
  look: Look;
  /**
   * Constants of the WGSL (`const NAME : bool`), true where some run of a sweep has options for which this holds: what none of them uses is not compiled.
   * Some devices work off both sides of every branch.
   */
  features?: Readonly<Record<string, (o: OptionValues) => boolean>>;
  /** Further texts of `shaders/sae/architectures` that the WGSL needs in front of it. */
  needs?: readonly string[];
  /** WGSL: `fn <id>_activate`, `<id>_touched`, `<id>_backward` and, with `omega0`, `<id>_settle` (contract: shaders/sae/architectures/README.md). */
  wgsl: string;
  twin: Twin;
}
