/** The encoder's kernels: an epilogue on the matmul core that suits the device (`src/gpu/matmul.ts`). */
import dense from '../../shaders/sae/dense/encode.wgsl?raw';
import encode from '../../shaders/sae/encode.wgsl?raw';
import x16 from '../../shaders/sae/encode_x16.wgsl?raw';
import x32 from '../../shaders/sae/encode_x32.wgsl?raw';
import type { Gpu } from '../gpu/device';
import type { Kernel, KernelSource } from '../gpu/kernel';
import { type MatmulVariant, matmulSource } from '../gpu/matmul';
import { struct } from '../gpu/struct';
import type { ArchitectureId } from './architectures';
import { prelude } from './kernels';

/** Uniform structs, field by field as in the WGSL files (a test holds them against the text). */
export const ENCODE_PARAMS = {
  /** To the active set. */
  encode: struct({ rows: 'u32', quads: 'u32', latents: 'u32', row_groups: 'u32', from_latent: 'u32', to_latent: 'u32' }),
  /** To u, for the dense form. */
  dense: struct({ rows: 'u32', first_row: 'u32', quads: 'u32', latents: 'u32', stride: 'u32' }),
} as const;

/** @param halfX x is stored as packed f16. @param keepFirst u of the lowest bit of each word is kept (`registers` of the layout). */
export const encodeSource = (variant: MatmulVariant, halfX: boolean, keepFirst = false, present?: Iterable<ArchitectureId>): KernelSource =>
  matmulSource(variant, halfX ? 'sae.encode.f16' : 'sae.encode', `${prelude(present)}${halfX ? x16 : x32}${encode}`, {
    KEEP_FIRST: keepFirst ? 1 : 0,
  });

export const denseEncodeSource = (variant: MatmulVariant, present?: Iterable<ArchitectureId>): KernelSource =>
  matmulSource(variant, 'sae.dense.encode', prelude(present) + dense);

export interface Encoder {
  variant: MatmulVariant;
  kernel: Kernel;
}

export const encoder = async (
  gpu: Gpu,
  variant: MatmulVariant,
  halfX: boolean,
  keepFirst: boolean,
  present: Iterable<ArchitectureId>,
): Promise<Encoder> => ({
  variant,
  kernel: await gpu.kernels.get(encodeSource(variant, halfX, keepFirst, present)),
});

export const denseEncoder = async (gpu: Gpu, variant: MatmulVariant, present: Iterable<ArchitectureId>): Promise<Encoder> => ({
  variant,
  kernel: await gpu.kernels.get(denseEncodeSource(variant, present)),
});
