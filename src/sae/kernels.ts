/** The kernels of the training step: text and tunables. Geometry that depends on the tunables comes from the same records. */
import adamBias from '../../shaders/sae/adam_bias.wgsl?raw';

import biasErrors from '../../shaders/sae/bias_errors.wgsl?raw';
import biasShares from '../../shaders/sae/bias_shares.wgsl?raw';
import center from '../../shaders/sae/center.wgsl?raw';
import choose from '../../shaders/sae/choose.wgsl?raw';
import columnMoments from '../../shaders/sae/column_moments.wgsl?raw';
import common from '../../shaders/sae/common.wgsl?raw';
import correction from '../../shaders/sae/correction.wgsl?raw';
import count from '../../shaders/sae/count.wgsl?raw';
import decode from '../../shaders/sae/decode.wgsl?raw';
import decodeSubgroup from '../../shaders/sae/decode_subgroup.wgsl?raw';
import fireCount from '../../shaders/sae/fire_count.wgsl?raw';
import gather from '../../shaders/sae/gather.wgsl?raw';
import latent from '../../shaders/sae/latent.wgsl?raw';
import latentUpdate from '../../shaders/sae/latent_update.wgsl?raw';
import latentUpdateSubgroup from '../../shaders/sae/latent_update_subgroup.wgsl?raw';
import reduceStats from '../../shaders/sae/reduce_stats.wgsl?raw';
import registers from '../../shaders/sae/registers.wgsl?raw';
import restore from '../../shaders/sae/restore.wgsl?raw';
import row from '../../shaders/sae/row.wgsl?raw';
import type { Gpu } from '../gpu/device';
import type { Kernel } from '../gpu/kernel';
import { struct } from '../gpu/struct';
import { dispatch } from './architectures/dispatch';

/** What goes in front of every kernel's text. */
export const PRELUDE = `${common}\n${dispatch()}\n`;

/** Texts of kernels that need subgroups of 8 (registers.wgsl). */
const SUBGROUP_TEXTS = {
  decodeSubgroup: registers + row + decodeSubgroup,
  latentUpdateSubgroup: registers + latent + latentUpdateSubgroup,
};

const TEXTS = {
  ...SUBGROUP_TEXTS,
  gather,
  center,
  correction,
  count,
  choose,
  decode: row + decode,
  latentUpdate: latent + latentUpdate,
  biasErrors,
  biasShares,
  adamBias,
  reduceStats,
  fireCount,
  columnMoments,
  restore,
};

export type SaeKernelName = keyof typeof TEXTS;

/** Uniform structs, field by field as in the WGSL files (a test holds them against the text). The encoder's: `encoder.ts`. */
export const PARAMS = {
  gather: struct({ rows: 'u32', quads: 'u32', scale: 'f32' }),
  center: struct({ rows: 'u32', quads: 'u32', d: 'u32', first: 'u32', scale: 'f32' }),
  correction: struct({ latents: 'u32', quads: 'u32', runs: 'u32' }),
  count: struct({ latents: 'u32' }),
  choose: struct({ runs: 'u32', rows: 'u32', dispatches: 'u32', share: 'f32' }),
  decode: struct({ rows: 'u32', quads: 'u32', latents: 'u32', runs: 'u32', from_row: 'u32', first: 'u32', last: 'u32', width: 'u32' }),
  decodeSubgroup: struct({
    rows: 'u32',
    quads: 'u32',
    latents: 'u32',
    row_groups: 'u32',
    runs: 'u32',
    from_row: 'u32',
    first: 'u32',
    last: 'u32',
  }),
  latentUpdate: struct({
    rows: 'u32',
    quads: 'u32',
    latents: 'u32',
    row_groups: 'u32',
    runs: 'u32',
    chunks: 'u32',
    from_group: 'u32',
    to_group: 'u32',
    per_row: 'f32',
    width: 'u32',
  }),
  latentUpdateSubgroup: struct({
    rows: 'u32',
    quads: 'u32',
    latents: 'u32',
    row_groups: 'u32',
    runs: 'u32',
    from_group: 'u32',
    to_group: 'u32',
    per_row: 'f32',
  }),
  biasErrors: struct({ rows: 'u32', quads: 'u32', scale: 'f32' }),
  biasShares: struct({ quads: 'u32', first: 'u32', last: 'u32' }),
  adamBias: struct({ quads: 'u32' }),
  reduceStats: struct({ rows: 'u32', slot_rows: 'u32', runs: 'u32', chunks: 'u32' }),
  fireCount: struct({ rows: 'u32', quads: 'u32', latents: 'u32', row_groups: 'u32', offset: 'u32' }),
  columnMoments: struct({ rows: 'u32', quads: 'u32' }),
  restore: struct({ rows: 'u32', quads: 'u32', d: 'u32', slot_rows: 'u32', slot: 'u32', first: 'u32', mean_row: 'u32', unscale: 'f32' }),
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
  before: 'u32',
  spare0: 'u32',
  spare1: 'u32',
});

/** Most runs that one packed sweep can hold (the length of the run table). */
export { MAX_RUNS } from './bounds';
/** Statistics a row: STATS in common.wgsl. */
export const STATS = 8;

/** WGSL wants both in front of everything else. That the lanes walk together depends on ballots, which the compiler cannot follow. */
const SUBGROUPS = 'enable subgroups;\ndiagnostic(off, subgroup_uniformity);\n';

/** Complete text of a kernel. */
export const saeKernelText = (name: SaeKernelName): string => (name in SUBGROUP_TEXTS ? SUBGROUPS : '') + PRELUDE + TEXTS[name];

/** Compiles a kernel (once per device and set of constants). */
export const saeKernel = (gpu: Gpu, name: SaeKernelName, constants?: Record<string, number>): Promise<Kernel> =>
  gpu.kernels.get({ name: `sae.${name}`, code: saeKernelText(name), constants });
