/** The kernels of the language model: WGSL text, parameter block and tunables of each, and their compilation for a model. */
import type { Gpu } from '../gpu/device';
import type { Kernel } from '../gpu/kernel';
import { DEFAULT_MATMUL, type MatmulVariant, matmulSource } from '../gpu/matmul';
import { paramsOf, type ShaderName, shaderText } from '../gpu/shaders';
import { chooseMatmul } from '../gpu/tuner';
import { ACTIVATIONS, type LmConfig } from './config';

/** Text and parameter block of each kernel. */
const shader = <K extends ShaderName>(name: K) => ({ code: shaderText(name), params: paramsOf(name) });
export const LM_SHADERS = {
  embed: shader('lm/embed'),
  layernorm: shader('lm/layernorm'),
  rmsnorm: shader('lm/rmsnorm'),
  linear: shader('lm/linear'),
  linear_ragged: shader('lm/linear_ragged'),
  rope: shader('lm/rope'),
  attention: shader('lm/attention'),
  activation: shader('lm/activation'),
  add: shader('lm/add'),
  unembed_cross_entropy: shader('lm/unembed_cross_entropy'),
  cross_entropy_reduce: shader('lm/cross_entropy_reduce'),
  column_sums: shader('lm/column_sums'),
  splice_value: shader('lm/splice_value'),
};
export type LmShader = keyof typeof LM_SHADERS;

/** Compiles one kernel; `linear`, which is an epilogue, on the matmul core that every device runs. */
export function lmKernel(gpu: Gpu, name: LmShader, constants: Record<string, number> = {}): Promise<Kernel> {
  if (name === 'linear') return linearKernel(gpu, DEFAULT_MATMUL, constants);
  return gpu.kernels.get({ name: `lm.${name}`, code: LM_SHADERS[name].code, constants });
}

const linearKernel = (gpu: Gpu, variant: MatmulVariant, constants: Record<string, number> = {}): Promise<Kernel> =>
  gpu.kernels.get(matmulSource(variant, 'lm.linear', LM_SHADERS.linear.code, constants));

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
