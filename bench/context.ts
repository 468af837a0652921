/** What the cases share. */
import type { Gpu } from '../src/gpu/device';
import type { Effort, Timing } from './measure';
import type { Peer } from './peers/peer';

/** Keys of the line of JSON. */
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

/** What a figure means, and what it should be on a software GPU at the sizes of docs/performance.md. */
export const MEANING: Record<Figure, { words: string; target?: string }> = {
  encoder_gflops: { words: 'encoder product, GFLOP/s' },
  encoder_vs_tfjs: { words: 'encoder product: speed over TF.js', target: '>= 1' },
  encoder_vs_jaxjs: { words: 'encoder product: speed over jax-js', target: '>= 1' },
  gated_sparse_over_dense: { words: 'gated step: sparse over dense', target: '<= 0.30' },
  baseline_sparse_over_dense: { words: 'baseline step: sparse over dense', target: '<= 0.40' },
  gated_over_encoder: { words: 'gated step over its encoder product', target: '<= 2.0' },
  tfjs_over_gated: { words: 'dense gated step in TF.js over ours', target: '>= 5' },
  jaxjs_over_gated: { words: 'dense gated step in jax-js over ours', target: '>= 5' },
  sweep8_over_sequential: { words: '8 runs in a sweep over the 8 one after another', target: '<= 0.9' },
};

export interface Context {
  gpu: Gpu;
  /** Calibrated speed, as a session uses it. */
  flopsPerMs: number;
  quick: boolean;
  effort: Effort;
  peers: readonly Peer[];
  /** Words for whoever waits. */
  say(line: string): void;
}

export interface CaseResult {
  title: string;
  figures: Partial<Record<Figure, number>>;
  timings: Timing[];
  /** Further lines: slopes, shares, what could not be run. */
  notes: string[];
}

export type Case = (context: Context) => Promise<CaseResult>;

/** times[top] / times[bottom], or nothing where one of them was not measured. */
export function ratio(timings: readonly Timing[], top: string, bottom: string): number | undefined {
  const [a, b] = [top, bottom].map((name) => timings.find((timing) => timing.name === name));
  return a && b ? a.ms / b.ms : undefined;
}

/** For contenders that are all fast: no round is left out for lack of time. */
export const allRounds = ({ effort }: Context): Effort => ({ ...effort, leastRounds: effort.rounds });
