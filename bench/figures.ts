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
  | 'sweep8_over_sequential';

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
};

/** "≥ 5", "≤ 0.3". */
export const targetText = ({ is, value }: Target): string => `${is === 'at least' ? '≥' : '≤'} ${value}`;

export const isMet = ({ is, value }: Target, measured: number): boolean => (is === 'at least' ? measured >= value : measured <= value);
