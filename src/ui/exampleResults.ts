/**
 * What the chart shows before anything has been trained: a PyTorch reference run on the demo model, one seed,
 * `blocks.0.mlp.hook_post` (512 wide), 2500 steps of 1024 rows, evaluated on the first 300 windows of stories.txt.
 * Source: the table "What a PyTorch reference finds on it" in public/demo/README.md.
 */
import type { ParetoPoint } from '../metrics/pareto';

export const EXAMPLE_SOURCE = 'example results: a PyTorch reference on the demo model, arms not tuned';

export const EXAMPLE_RESULTS: readonly (ParetoPoint & { width: number; lambda: number; gamma: number })[] = [
  { arch: 'gated', width: 1024, lambda: 0.1, l0: 49.7, quality: 0.97, gamma: 1.001 },
  { arch: 'gated', width: 1024, lambda: 0.2, l0: 15.3, quality: 0.933, gamma: 1.001 },
  { arch: 'gated', width: 1024, lambda: 0.4, l0: 4.6, quality: 0.858, gamma: 1.002 },
  { arch: 'gated', width: 1024, lambda: 0.8, l0: 1.5, quality: 0.635, gamma: 1.002 },
  { arch: 'baseline', width: 1536, lambda: 0.05, l0: 72.7, quality: 0.965, gamma: 0.925 },
  { arch: 'baseline', width: 1536, lambda: 0.1, l0: 25.5, quality: 0.929, gamma: 0.902 },
  { arch: 'baseline', width: 1536, lambda: 0.2, l0: 9.1, quality: 0.85, gamma: 0.853 },
  { arch: 'baseline', width: 1536, lambda: 0.4, l0: 3.0, quality: 0.55, gamma: 0.756 },
];
