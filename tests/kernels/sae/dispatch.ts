/** One kernel of the step, once, on buffers of its own. */
import { Arena, readBytes } from '../../../src/gpu/buffers';
import type { Gpu } from '../../../src/gpu/device';
import type { Kernel } from '../../../src/gpu/kernel';
import { type Grid, Plan } from '../../../src/gpu/plan';
import type { Struct, Values } from '../../../src/gpu/struct';
import { DENSE_PARAMS, type DenseKernelName, denseKernel } from '../../../src/sae/denseKernels';
import { PARAMS, type SaeKernelName, saeKernel } from '../../../src/sae/kernels';
import { testGpu } from '../../gpu';

type Data = Float32Array | Uint32Array;

interface Buffers<O extends string> {
  /** Bindings that are only read; written ones go into `outputs` with what they hold before. */
  inputs: Record<string, Data>;
  outputs: Record<O, Data>;
  grid: Grid;
  /** For kernels that read the run table. */
  runs?: ArrayBuffer;
}

interface Call<P, O extends string> extends Buffers<O> {
  params: P;
  constants?: Record<string, number>;
}

type ParamsOf<T extends { pack(value: never): ArrayBuffer }> = Parameters<T['pack']>[0];

/** Runs a kernel once and reads its outputs back, as f32 whatever they are (`words`). @param params the packed uniform struct. */
export async function execute<O extends string>(
  kernel: Kernel,
  params: ArrayBuffer,
  { inputs, outputs, grid, runs }: Buffers<O>,
  gpu?: Gpu,
): Promise<Record<O, Float32Array>> {
  const on = gpu ?? (await testGpu());
  const arena = new Arena(on, 'test');
  const bound: Record<string, GPUBuffer> = { params: arena.uniform('params', params) };
  if (runs) bound.runs = arena.uniform('runs', runs);
  const written = Object.entries<Data>(outputs);
  for (const [key, data] of [...Object.entries(inputs), ...written]) bound[key] = arena.upload(key, data);
  const plan = new Plan(on, 'test').add(kernel, bound, grid);
  await arena.ready();
  plan.submit();
  const results = await Promise.all(
    written.map(async ([key, data]) => [
      key,
      new Float32Array(await readBytes(on, bound[key] as GPUBuffer, 0, Math.ceil(data.byteLength / 4) * 4)),
    ]),
  );
  on.check();
  arena.destroy();
  return Object.fromEntries(results);
}

export async function dispatch<K extends SaeKernelName, O extends string>(
  name: K,
  { params, constants, ...buffers }: Call<ParamsOf<(typeof PARAMS)[K]>, O>,
): Promise<Record<O, Float32Array>> {
  const packed = (PARAMS[name] as Struct).pack(params as Values);
  return execute(await saeKernel(await testGpu(), name, constants), packed, buffers);
}

/** The same for a kernel of the dense form. */
export async function dispatchDense<K extends DenseKernelName, O extends string>(
  name: K,
  { params, constants, ...buffers }: Call<ParamsOf<(typeof DENSE_PARAMS)[K]>, O>,
): Promise<Record<O, Float32Array>> {
  const packed = (DENSE_PARAMS[name] as Struct).pack(params as Values);
  return execute(await denseKernel(await testGpu(), name, constants), packed, buffers);
}

/** Values read back as f32, as the words they are. */
export const words = (values: Float32Array): Uint32Array => new Uint32Array(values.buffer, values.byteOffset, values.length);
