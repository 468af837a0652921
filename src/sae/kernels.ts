/** The kernels of the training step: text and tunables. Geometry that depends on the tunables comes from the same records. */

import adam from '../../shaders/sae/adam.wgsl?raw';
import adamBDecCode from '../../shaders/sae/adam_b_dec.wgsl?raw';
import center from '../../shaders/sae/center.wgsl?raw';
import choose from '../../shaders/sae/choose.wgsl?raw';
import columnMoments from '../../shaders/sae/column_moments.wgsl?raw';
import common from '../../shaders/sae/common.wgsl?raw';
import correction from '../../shaders/sae/correction.wgsl?raw';
import count from '../../shaders/sae/count.wgsl?raw';
import decode from '../../shaders/sae/decode.wgsl?raw';
import fireCount from '../../shaders/sae/fire_count.wgsl?raw';
import gather from '../../shaders/sae/gather.wgsl?raw';
import gradBDecDecoder from '../../shaders/sae/grad_b_dec_decoder.wgsl?raw';
import gradBDecEncoder from '../../shaders/sae/grad_b_dec_encoder.wgsl?raw';
import latent from '../../shaders/sae/latent.wgsl?raw';
import latentUpdate from '../../shaders/sae/latent_update.wgsl?raw';
import decodeSubgroup from '../../shaders/sae/processor/decode.wgsl?raw';
import latentUpdateSubgroup from '../../shaders/sae/processor/latent_update.wgsl?raw';
import registers from '../../shaders/sae/processor/registers.wgsl?raw';
import reduceStats from '../../shaders/sae/reduce_stats.wgsl?raw';
import restore from '../../shaders/sae/restore.wgsl?raw';
import row from '../../shaders/sae/row.wgsl?raw';
import type { Gpu } from '../gpu/device';
import type { Kernel } from '../gpu/kernel';
import { constantIn, struct, structIn } from '../gpu/struct';
import type { ArchitectureId } from './architectures';
import { dispatch } from './architectures/dispatch';

/** What goes in front of every kernel's text, with the functions of the sweep's architectures. */
export const prelude = (present?: Iterable<ArchitectureId>): string => `${common}\n${dispatch(present)}\n`;

/** Texts of kernels that need subgroups of 8 (registers.wgsl). */
const SUBGROUP_TEXTS = {
  decodeSubgroup: registers + row + decodeSubgroup,
  latentUpdateSubgroup: registers + adam + latent + latentUpdateSubgroup,
};

const TEXTS = {
  ...SUBGROUP_TEXTS,
  gather,
  center,
  correction,
  count,
  choose,
  decode: row + decode,
  latentUpdate: adam + latent + latentUpdate,
  gradBDecDecoder,
  gradBDecEncoder,
  adamBDec: adam + adamBDecCode,
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
  gradBDecDecoder: struct({ rows: 'u32', quads: 'u32', scale: 'f32' }),
  gradBDecEncoder: struct({ quads: 'u32', first: 'u32', last: 'u32' }),
  adamBDec: struct({ quads: 'u32' }),
  reduceStats: struct({ rows: 'u32', slot_rows: 'u32', runs: 'u32', chunks: 'u32' }),
  fireCount: struct({ rows: 'u32', quads: 'u32', latents: 'u32', row_groups: 'u32', offset: 'u32' }),
  columnMoments: struct({ rows: 'u32', quads: 'u32' }),
  restore: struct({ rows: 'u32', quads: 'u32', d: 'u32', slot_rows: 'u32', slot: 'u32', first: 'u32', mean_row: 'u32', unscale: 'f32' }),
} as const;

/** One entry of the run table (`Run` in common.wgsl). */
export const RUN = structIn<RunMember>(common, 'Run');
type RunMember =
  | 'first'
  | 'width'
  | 'arch'
  | 'live'
  | 'lambda'
  | 'lr'
  | 'correction1'
  | 'correction2'
  | 'beta1'
  | 'beta2'
  | 'eps'
  | 'main_slot'
  | 'aux_slot'
  | 'before'
  | 'options';

/** Most runs that one packed sweep can hold (the length of the run table). */
export { MAX_RUNS } from './bounds';
/** Statistics a row, and the place of each. */
export const STATS = constantIn(common, 'STATS');
export const STAT = {
  error: constantIn(common, 'STAT_ERROR'),
  aux: constantIn(common, 'STAT_AUX'),
  penalty: constantIn(common, 'STAT_PENALTY'),
  l0: constantIn(common, 'STAT_L0'),
  hat: constantIn(common, 'STAT_HAT'),
  cross: constantIn(common, 'STAT_CROSS'),
};

/** WGSL wants both in front of everything else. That the lanes walk together depends on ballots, which the compiler cannot follow. */
const SUBGROUPS = 'enable subgroups;\ndiagnostic(off, subgroup_uniformity);\n';

/** Complete text of a kernel for a sweep of these architectures. */
export const saeKernelText = (name: SaeKernelName, present?: Iterable<ArchitectureId>): string =>
  (name in SUBGROUP_TEXTS ? SUBGROUPS : '') + prelude(present) + TEXTS[name];

/** Compiles a kernel (once per device, set of constants and of architectures). */
export const saeKernel = (
  gpu: Gpu,
  name: SaeKernelName,
  constants?: Record<string, number>,
  present?: Iterable<ArchitectureId>,
): Promise<Kernel> => gpu.kernels.get({ name: `sae.${name}`, code: saeKernelText(name, present), constants });
