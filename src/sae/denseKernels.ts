/** The kernels of the step's dense form (`shaders/sae/dense`): text, uniform structs, compilation. The others: `kernels.ts`. */
import adamLatents from '../../shaders/sae/dense/adam_latents.wgsl?raw';
import adamRows from '../../shaders/sae/dense/adam_rows.wgsl?raw';
import biasGradient from '../../shaders/sae/dense/bias_gradient.wgsl?raw';
import decode from '../../shaders/sae/dense/decode.wgsl?raw';
import latentSums from '../../shaders/sae/dense/latent_sums.wgsl?raw';
import pull from '../../shaders/sae/dense/pull.wgsl?raw';
import rowGradient from '../../shaders/sae/dense/row_gradient.wgsl?raw';
import rowStats from '../../shaders/sae/dense/row_stats.wgsl?raw';
import split from '../../shaders/sae/dense/split.wgsl?raw';
import type { Gpu } from '../gpu/device';
import type { Kernel } from '../gpu/kernel';
import { struct } from '../gpu/struct';
import { PRELUDE } from './kernels';

const TEXTS = { split, decode, rowStats, pull, latentSums, rowGradient, biasGradient, adamRows, adamLatents };

export type DenseKernelName = keyof typeof TEXTS;

/** Uniform structs, field by field as in the WGSL files (a test holds them against the text). */
export const DENSE_PARAMS = {
  split: struct({ rows: 'u32', stride: 'u32', runs: 'u32', first_row: 'u32' }),
  decode: struct({ rows: 'u32', first_row: 'u32', quads: 'u32', stride: 'u32', runs: 'u32', slot_rows: 'u32' }),
  rowStats: struct({ rows: 'u32', first_row: 'u32', quads: 'u32', runs: 'u32', slot_rows: 'u32' }),
  pull: struct({ rows: 'u32', quads: 'u32', stride: 'u32', slot_rows: 'u32', first_row: 'u32', latents: 'u32' }),
  latentSums: struct({ tiles: 'u32', latents: 'u32', accumulate: 'u32', scale: 'f32' }),
  rowGradient: struct({
    rows: 'u32',
    first_row: 'u32',
    quads: 'u32',
    stride: 'u32',
    slot_rows: 'u32',
    accumulate: 'u32',
    scale: 'f32',
  }),
  biasGradient: struct({ quads: 'u32' }),
  adamRows: struct({ latents: 'u32', quads: 'u32', runs: 'u32' }),
  adamLatents: struct({ latents: 'u32' }),
} as const;

/** Complete text of a kernel. */
export const denseKernelText = (name: DenseKernelName): string => PRELUDE + TEXTS[name];

/** Compiles a kernel (once per device and set of constants). */
export const denseKernel = (gpu: Gpu, name: DenseKernelName, constants?: Record<string, number>): Promise<Kernel> =>
  gpu.kernels.get({ name: `sae.dense.${name}`, code: denseKernelText(name), constants });
