/** The kernels of the training step: text and tunables. Geometry that depends on the tunables comes from the same records. */
import adamBias from '../../shaders/sae/adam_bias.wgsl?raw';
import adamLatents from '../../shaders/sae/adam_latents.wgsl?raw';
import adamRows from '../../shaders/sae/adam_rows.wgsl?raw';
import architectures from '../../shaders/sae/architectures.wgsl?raw';
import biasErrors from '../../shaders/sae/bias_errors.wgsl?raw';
import biasGradient from '../../shaders/sae/bias_gradient.wgsl?raw';
import center from '../../shaders/sae/center.wgsl?raw';
import columnMoments from '../../shaders/sae/column_moments.wgsl?raw';
import common from '../../shaders/sae/common.wgsl?raw';
import correction from '../../shaders/sae/correction.wgsl?raw';
import decode from '../../shaders/sae/decode.wgsl?raw';
import encode from '../../shaders/sae/encode.wgsl?raw';
import fireCount from '../../shaders/sae/fire_count.wgsl?raw';
import gather from '../../shaders/sae/gather.wgsl?raw';
import latentBackward from '../../shaders/sae/latent_backward.wgsl?raw';
import reduceStats from '../../shaders/sae/reduce_stats.wgsl?raw';
import restore from '../../shaders/sae/restore.wgsl?raw';
import split from '../../shaders/sae/split.wgsl?raw';
import type { Gpu } from '../gpu/device';
import type { Kernel } from '../gpu/kernel';
import { struct } from '../gpu/struct';

/** What goes in front of every kernel's text. */
export const PRELUDE = `${common}\n${architectures}\n`;

const TEXTS = {
  gather,
  center,
  correction,
  encode,
  split,
  decode,
  reduceStats,
  latentBackward,
  biasErrors,
  biasGradient,
  adamRows,
  adamLatents,
  adamBias,
  fireCount,
  columnMoments,
  restore,
};

export type SaeKernelName = keyof typeof TEXTS;

/** Uniform structs, field by field as in the WGSL files (a test holds them against the text). */
export const PARAMS = {
  gather: struct({ rows: 'u32', quads: 'u32', scale: 'f32' }),
  center: struct({ rows: 'u32', quads: 'u32', d: 'u32', first: 'u32', scale: 'f32' }),
  correction: struct({ latents: 'u32', quads: 'u32', runs: 'u32' }),
  encode: struct({ rows: 'u32', first_row: 'u32', latents: 'u32', quads: 'u32', u_stride: 'u32', ut_stride: 'u32', from_latent: 'u32' }),
  split: struct({ rows: 'u32', u_stride: 'u32', runs: 'u32' }),
  decode: struct({ rows: 'u32', first_row: 'u32', quads: 'u32', u_stride: 'u32', runs: 'u32', block_rows: 'u32', from_row: 'u32' }),
  reduceStats: struct({ rows: 'u32', block_rows: 'u32', runs: 'u32', chunks: 'u32', accumulate: 'u32' }),
  latentBackward: struct({
    rows: 'u32',
    first_row: 'u32',
    quads: 'u32',
    ut_stride: 'u32',
    block_rows: 'u32',
    from_latent: 'u32',
    to_latent: 'u32',
    accumulate: 'u32',
    per_row: 'f32',
  }),
  biasErrors: struct({ rows: 'u32', quads: 'u32', block_rows: 'u32', accumulate: 'u32', scale: 'f32' }),
  biasGradient: struct({ quads: 'u32' }),
  adamRows: struct({ latents: 'u32', quads: 'u32', runs: 'u32' }),
  adamLatents: struct({ latents: 'u32' }),
  adamBias: struct({ quads: 'u32' }),
  fireCount: struct({ rows: 'u32', latents: 'u32', ut_stride: 'u32' }),
  columnMoments: struct({ rows: 'u32', quads: 'u32' }),
  restore: struct({ rows: 'u32', quads: 'u32', d: 'u32', block_rows: 'u32', slot: 'u32', first: 'u32', mean_row: 'u32', unscale: 'f32' }),
} as const;

/** One entry of the run table (`Run` in common.wgsl). */
export const RUN = struct({
  first: 'u32',
  width: 'u32',
  arch: 'u32',
  live: 'u32',
  lambda: 'f32',
  lr: 'f32',
  correction1: 'f32',
  correction2: 'f32',
  beta1: 'f32',
  beta2: 'f32',
  eps: 'f32',
  main_slot: 'u32',
  aux_slot: 'u32',
  spare0: 'u32',
  spare1: 'u32',
  spare2: 'u32',
});

/** Most runs that one packed sweep can hold (the length of the run table). */
export const MAX_RUNS = 64;
/** Words of a list entry, and statistics a row: ENTRY and STATS in common.wgsl. */
export const ENTRY_WORDS = 3;
export const STATS = 8;

/** Complete text of a kernel. */
export const saeKernelText = (name: SaeKernelName): string => PRELUDE + TEXTS[name];

/** Compiles a kernel (once per device and set of constants). */
export const saeKernel = (gpu: Gpu, name: SaeKernelName, constants?: Record<string, number>): Promise<Kernel> =>
  gpu.kernels.get({ name: `sae.${name}`, code: saeKernelText(name), constants });
