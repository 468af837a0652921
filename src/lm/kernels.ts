/** The kernels of the language model: WGSL text, parameter block and tunables of each, and their compilation for a model. */
import activationCode from '../../shaders/lm/activation.wgsl?raw';
import addCode from '../../shaders/lm/add.wgsl?raw';
import attentionCode from '../../shaders/lm/attention.wgsl?raw';
import columnSumsCode from '../../shaders/lm/column_sums.wgsl?raw';
import reduceCode from '../../shaders/lm/cross_entropy_reduce.wgsl?raw';
import embedCode from '../../shaders/lm/embed.wgsl?raw';
import layernormCode from '../../shaders/lm/layernorm.wgsl?raw';
import linearCode from '../../shaders/lm/linear.wgsl?raw';
import linearRaggedCode from '../../shaders/lm/linear_ragged.wgsl?raw';
import rmsnormCode from '../../shaders/lm/rmsnorm.wgsl?raw';
import ropeCode from '../../shaders/lm/rope.wgsl?raw';
import spliceValueCode from '../../shaders/lm/splice_value.wgsl?raw';
import crossEntropyCode from '../../shaders/lm/unembed_cross_entropy.wgsl?raw';
import type { Gpu } from '../gpu/device';
import type { Kernel } from '../gpu/kernel';
import { DEFAULT_MATMUL, type MatmulVariant, matmulSource } from '../gpu/matmul';
import { struct } from '../gpu/struct';
import { chooseMatmul } from '../gpu/tuner';
import { ACTIVATIONS, type LmConfig } from './config';

const linearParams = struct({ row0: 'u32', row_end: 'u32', ins: 'u32', outs: 'u32', out0: 'u32', stride: 'u32', has_bias: 'u32' });
const normParams = struct({ rows: 'u32', width: 'u32', eps: 'f32' });

/** Text and parameter block of each kernel; a test holds the blocks against the WGSL. */
export const LM_SHADERS = {
  embed: {
    code: embedCode,
    params: struct({ rows: 'u32', width: 'u32', sequence: 'u32', first: 'u32', part: 'u32', has_positions: 'u32' }),
  },
  layernorm: { code: layernormCode, params: normParams },
  rmsnorm: { code: rmsnormCode, params: normParams },
  linear: { code: linearCode, params: linearParams },
  linear_ragged: { code: linearRaggedCode, params: linearParams },
  rope: { code: ropeCode, params: struct({ rows: 'u32', stride: 'u32', heads: 'u32', head_dim: 'u32', pairs: 'u32', sequence: 'u32' }) },
  attention: {
    code: attentionCode,
    params: struct({ sequence: 'u32', heads: 'u32', kv_heads: 'u32', head4: 'u32', first: 'u32', block0: 'u32', scale: 'f32' }),
  },
  activation: { code: activationCode, params: struct({ rows: 'u32', width: 'u32' }) },
  add: { code: addCode, params: struct({ count: 'u32' }) },
  unembed_cross_entropy: {
    code: crossEntropyCode,
    params: struct({
      p0: 'u32',
      p_end: 'u32',
      predictions: 'u32',
      sequence: 'u32',
      ins: 'u32',
      part: 'u32',
      v0: 'u32',
      tile: 'u32',
      tile0: 'u32',
      first: 'u32',
    }),
  },
  cross_entropy_reduce: { code: reduceCode, params: struct({ predictions: 'u32', tiles: 'u32' }) },
  column_sums: { code: columnSumsCode, params: struct({ rows: 'u32', width: 'u32' }) },
  splice_value: { code: spliceValueCode, params: struct({ rows: 'u32', width: 'u32', scale: 'f32' }) },
} as const;
export type LmShader = keyof typeof LM_SHADERS;

/** Compiles one kernel; `linear`, which is an epilogue, on the matmul core that every device runs. */
export function lmKernel(gpu: Gpu, name: LmShader, constants: Record<string, number> = {}): Promise<Kernel> {
  if (name === 'linear') return linearKernel(gpu, DEFAULT_MATMUL, constants);
  return gpu.kernels.get({ name: `lm.${name}`, code: LM_SHADERS[name].code, constants });
}

const linearKernel = (gpu: Gpu, variant: MatmulVariant, constants: Record<string, number> = {}): Promise<Kernel> =>
  gpu.kernels.get(matmulSource(variant, 'lm.linear', linearCode, constants));

/** Invocations of a workgroup, as the grids of `encoder.ts` count them; the ragged linear kernel's are a square of `ragged`², each with 4 rows. */
export const WG = { element: 64, norm: 32, attention: 32, crossEntropy: 32, ragged: 8 } as const;

/** A linear layer's kernel and the geometry that belongs to it. */
export interface LinearKernel {
  kernel: Kernel;
  variant: MatmulVariant;
}

export interface LmKernels {
  embed: Kernel;
  norm: Kernel;
  /** By `linearKey`. */
  linear: ReadonlyMap<string, LinearKernel>;
  linearRagged: Kernel;
  rope: Kernel;
  attention: Kernel;
  activation: Kernel;
  add: Kernel;
  crossEntropy: Kernel;
  reduce: Kernel;
}

export const linearKey = (outs: number, ins: number): string => `${outs}x${ins}`;

/** [outs, ins] of a block's linear layers, as `weights.ts` stacks them. */
const linearShapes = ({ dModel, dMlp, heads, kvHeads, headDim, gated }: LmConfig): [outs: number, ins: number][] => [
  [(heads + 2 * kvHeads) * headDim, dModel],
  [dModel, heads * headDim],
  [gated ? 2 * dMlp : dMlp, dModel],
  [dModel, dMlp],
];

/** The linear kernels that are fastest on this device for so many rows; none for widths that are no multiple of 4. */
async function linearKernels(gpu: Gpu, config: LmConfig, rows: number): Promise<LmKernels['linear']> {
  const shapes = linearShapes(config).filter(([, ins]) => ins % 4 === 0);
  const entries = shapes.map(async ([outs, ins]): Promise<[string, LinearKernel]> => {
    const variant = await chooseMatmul(gpu, { rows, columns: outs, quads: ins / 4 });
    return [linearKey(outs, ins), { variant, kernel: await linearKernel(gpu, variant) }];
  });
  return new Map(await Promise.all(entries));
}

/**
 * Every kernel a model's forward pass uses, compiled together.
 * @param rows tokens of a batch, to which the linear kernels are tuned.
 */
export async function compileKernels(gpu: Gpu, config: LmConfig, rows: number): Promise<LmKernels> {
  const element = { WG: WG.element };
  const [embed, norm, linear, linearRagged, rope, attention, activation, add, crossEntropy, reduce] = await Promise.all([
    lmKernel(gpu, 'embed', element),
    lmKernel(gpu, config.norm, { WG: WG.norm }),
    linearKernels(gpu, config, rows),
    lmKernel(gpu, 'linear_ragged', { WG_X: WG.ragged, WG_Y: WG.ragged }),
    lmKernel(gpu, 'rope', element),
    lmKernel(gpu, 'attention', { WG: WG.attention }),
    lmKernel(gpu, 'activation', { ...element, KIND: ACTIVATIONS.indexOf(config.activation), GATED: config.gated ? 1 : 0 }),
    lmKernel(gpu, 'add', element),
    lmKernel(gpu, 'unembed_cross_entropy', { WG: WG.crossEntropy }),
    lmKernel(gpu, 'cross_entropy_reduce', element),
  ]);
  return { embed, norm, linear, linearRagged, rope, attention, activation, add, crossEntropy, reduce };
}
