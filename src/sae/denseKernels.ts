/** The kernels of the step's dense form (`shaders/sae/dense`): text, uniform structs, compilation. The others: `kernels.ts`. */
import adam from '../../shaders/sae/adam.wgsl?raw';
import activate from '../../shaders/sae/dense/activate.wgsl?raw';
import adamLatents from '../../shaders/sae/dense/adam_latents.wgsl?raw';
import adamRows from '../../shaders/sae/dense/adam_rows.wgsl?raw';
import backward from '../../shaders/sae/dense/backward.wgsl?raw';
import decode from '../../shaders/sae/dense/decode.wgsl?raw';
import gradBDecEncoder from '../../shaders/sae/dense/grad_b_dec_encoder.wgsl?raw';
import gradLatents from '../../shaders/sae/dense/grad_latents.wgsl?raw';
import gradRows from '../../shaders/sae/dense/grad_rows.wgsl?raw';
import rowStats from '../../shaders/sae/dense/row_stats.wgsl?raw';
import type { Gpu } from '../gpu/device';
import type { Kernel } from '../gpu/kernel';
import { struct } from '../gpu/struct';
import type { ArchitectureId } from './architectures';
import { prelude } from './kernels';

const TEXTS = {
  activate,
  decode,
  rowStats,
  backward,
  gradLatents,
  gradRows,
  gradBDecEncoder,
  adamRows: adam + adamRows,
  adamLatents: adam + adamLatents,
};

export type DenseKernelName = keyof typeof TEXTS;

/** Uniform structs, field by field as in the WGSL files (a test holds them against the text). */
export const DENSE_PARAMS = {
  activate: struct({ rows: 'u32', stride: 'u32', runs: 'u32', first_row: 'u32' }),
  decode: struct({ rows: 'u32', first_row: 'u32', quads: 'u32', stride: 'u32', runs: 'u32', slot_rows: 'u32' }),
  rowStats: struct({ rows: 'u32', first_row: 'u32', quads: 'u32', runs: 'u32', slot_rows: 'u32' }),
  backward: struct({ rows: 'u32', quads: 'u32', stride: 'u32', slot_rows: 'u32', first_row: 'u32', latents: 'u32' }),
  gradLatents: struct({ tiles: 'u32', latents: 'u32', accumulate: 'u32', scale: 'f32' }),
  gradRows: struct({
    rows: 'u32',
    first_row: 'u32',
    quads: 'u32',
    stride: 'u32',
    slot_rows: 'u32',
    accumulate: 'u32',
    scale: 'f32',
  }),
  gradBDecEncoder: struct({ quads: 'u32' }),
  adamRows: struct({ latents: 'u32', quads: 'u32', runs: 'u32' }),
  adamLatents: struct({ latents: 'u32' }),
} as const;

/** Complete text of a kernel for a sweep of these architectures. */
export const denseKernelText = (name: DenseKernelName, present?: Iterable<ArchitectureId>): string => prelude(present) + TEXTS[name];

/** Compiles a kernel (once per device, set of constants and of architectures). */
export const denseKernel = (
  gpu: Gpu,
  name: DenseKernelName,
  constants?: Record<string, number>,
  present?: Iterable<ArchitectureId>,
): Promise<Kernel> => gpu.kernels.get({ name: `sae.dense.${name}`, code: denseKernelText(name, present), constants });
