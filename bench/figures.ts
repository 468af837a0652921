/** The figures: keys of the line of JSON, what each means, and what it should be. */

export type Figure =
  | 'encoder_gflops'
  | 'encoder_vs_tfjs'
  | 'encoder_vs_jaxjs'
  | 'gated_sparse_over_dense'
  | 'baseline_sparse_over_dense'
  | 'gated_over_encoder'
  | 'tfjs_over_gated'
  | 'jaxjs_over_gated'
  | 'sweep8_over_sequential'
  | 'baseline_over_gated'
  | 'variants_over_gated'
  | 'untied_over_gated'
  | 'jumprelu_over_gated'
  | 'topk_over_gated'
  | 'batchtopk_over_gated'
  | 'matryoshka_over_gated'
  | 'topk_selection_share'
  | 'batchtopk_selection_share'
  | 'field_sweep_over_sequential';

export interface Target {
  is: 'at least' | 'at most';
  value: number;
}

export interface Meaning {
  words: string;
  unit?: string;
  /** What it should be at the sizes of docs/performance.md; at others it says nothing. */
  target?: Target;
}

/** In the order in which they are shown. */
export const MEANING: Record<Figure, Meaning> = {
  encoder_gflops: { words: 'encoder product', unit: 'GFLOP/s' },
  encoder_vs_tfjs: { words: 'encoder product: speed over TF.js', target: { is: 'at least', value: 1 } },
  encoder_vs_jaxjs: { words: 'encoder product: speed over jax-js', target: { is: 'at least', value: 1 } },
  gated_sparse_over_dense: { words: 'gated step: time sparse over dense', target: { is: 'at most', value: 0.3 } },
  baseline_sparse_over_dense: { words: 'baseline step: time sparse over dense', target: { is: 'at most', value: 0.4 } },
  gated_over_encoder: { words: 'gated step: time over its encoder product alone', target: { is: 'at most', value: 2 } },
  tfjs_over_gated: { words: 'gated step: time dense in TF.js over ours', target: { is: 'at least', value: 5 } },
  jaxjs_over_gated: { words: 'gated step: time dense in jax-js over ours', target: { is: 'at least', value: 5 } },
  sweep8_over_sequential: { words: '8 runs: time in one sweep over one after another', target: { is: 'at most', value: 0.9 } },
  baseline_over_gated: { words: 'baseline step: time over the gated one', target: { is: 'at most', value: 1.05 } },
  variants_over_gated: { words: 'penalties and ablations: time over the gated step, the slowest', target: { is: 'at most', value: 1.1 } },
  untied_over_gated: { words: 'step with two encoders: time over the gated one', target: { is: 'at most', value: 1.4 } },
  jumprelu_over_gated: { words: 'JumpReLU steps: time over the gated one, the slowest', target: { is: 'at most', value: 1.2 } },
  topk_over_gated: { words: 'TopK step: time over the gated one', target: { is: 'at most', value: 1.25 } },
  batchtopk_over_gated: { words: 'BatchTopK step: time over the gated one', target: { is: 'at most', value: 1.3 } },
  matryoshka_over_gated: { words: 'Matryoshka step, 5 groups: time over the gated one', target: { is: 'at most', value: 1.6 } },
  topk_selection_share: { words: 'TopK: share of the step that its selection takes' },
  batchtopk_selection_share: { words: 'BatchTopK: share of the step that its selection takes' },
  field_sweep_over_sequential: {
    words: 'the field preset: time in one sweep over one after another',
    target: { is: 'at most', value: 0.8 },
  },
};

/** "≥ 5", "≤ 0.3". */
export const targetText = ({ is, value }: Target): string => `${is === 'at least' ? '≥' : '≤'} ${value}`;

export const isMet = ({ is, value }: Target, measured: number): boolean => (is === 'at least' ? measured >= value : measured <= value);
