/**
 * What the lab needs to know of an architecture. An architecture is one module of this folder, its WGSL in `shaders/sae/architectures` and a line in
 * `index.ts`; everything else (form, link, command line, kernels, self-test, files, charts) asks the table.
 */

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

/** A choice or a number beside the knob that changes the loss or the parameters. At most four numbers reach the kernels (`Run.options`). */
export type ArchitectureOption = {
  /** Name on the command line, in links and in files. */
  key: string;
  label: string;
  help: string;
} & (
  | { kind: 'number'; default: number; min: number; max: number }
  /** The kernels see the place in the list. */
  | { kind: 'choice'; default: string; choices: readonly string[] }
);

/** A per-latent parameter `[d_sae]`. */
export interface LatentVector {
  /** SAELens' tensor name. */
  name: string;
  /** Value of every latent at the start. */
  start: number;
  /**
   * `bias`: adds to a pre-activation, so it scales with the activations. `log-gain`: exponent of a factor on the pre-activation, which does not.
   */
  role: 'bias' | 'log-gain';
  /** Of a bias: the `log-gain` vector whose factor multiplies W_enc on its path, when there is one. */
  gain?: string;
}

/** Values of one (row, latent), all of them functions of the latent's pre-activation u = W_enc (x − b_dec). */
export interface TwinActivation {
  /** What the decoder sees. */
  f: number;
  /** What the auxiliary decoder sees. */
  gate: number;
  /** What the sparsity term sums. */
  penalty: number;
}

/**
 * An architecture's formulas in float64, from the paper and not from the kernel. `v` holds the latent's vectors in their order, `o` the values of the
 * options as the kernels see them (`optionValues`).
 */
export interface Twin {
  activate(u: number, v: readonly number[], o: readonly number[]): TwinActivation;
  /** Whether a gradient can reach anything through this (row, latent). It contains {f ≠ 0}. */
  touched(u: number, v: readonly number[], o: readonly number[]): boolean;
  /**
   * Gradient of one row's loss of a touched latent.
   * @param we ⟨e, W_dec row⟩, e = x̂ − x. @param wa the same of the auxiliary error, 0 without one.
   * @returns dL/du and dL/d(vectors).
   */
  backward(at: { u: number; v: readonly number[]; o: readonly number[]; f: number; we: number; wa: number; lambda: number }): {
    u: number;
    vectors: number[];
  };
}

export interface Look {
  /** Okabe-Ito, on a light and on a dark ground. */
  colour: { light: string; dark: string };
  symbol: 'circle' | 'square';
  dash: 'solid' | 'dot';
}

export interface Architecture {
  id: ArchitectureId;
  /** For people. */
  title: string;
  /** Number by which the WGSL dispatches; never reused. */
  code: number;
  /** SAELens' name in cfg.json. */
  saelens: string;
  /** At most three: they are packed as xyz of one vec4 a latent, in this order. */
  vectors: readonly LatentVector[];
  knob: Knob;
  options: readonly ArchitectureOption[];
  /** An auxiliary loss decodes `gate` through the frozen decoder (paper eq. 8). */
  hasAux: boolean;
  /** True when f > 0 wherever the latent is touched: firing can be read off the active set. */
  firesWhereTouched: boolean;
  /** `unit`: the decoder's gradient loses its component along each row, and rows are divided by their norm after a step. `free`: neither. */
  decoder: 'unit' | 'free';
  /** Width of a first sweep as a multiple of d, and how many times a Gated SAE's width costs the same compute. */
  width: { default: string; equalCompute: number };
  look: Look;
  /** WGSL: `fn <id>_activate`, `fn <id>_touched`, `fn <id>_backward` (contract: shaders/sae/architectures/README.md). */
  wgsl: string;
  twin: Twin;
}
