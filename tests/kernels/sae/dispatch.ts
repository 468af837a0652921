/** One kernel of the step, once, on buffers of its own. */
import { Arena, readBytes } from '../../../src/gpu/buffers';
import type { Gpu } from '../../../src/gpu/device';
import type { Kernel } from '../../../src/gpu/kernel';
import type { MatmulVariant } from '../../../src/gpu/matmul';
import { type Grid, Plan } from '../../../src/gpu/plan';
import { type ParamsOf, paramsOf, type ShaderName } from '../../../src/gpu/shaders';
import { saeSource } from '../../../src/sae/kernels';
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

interface Call<K extends ShaderName, O extends string> extends Buffers<O> {
  params: Record<ParamsOf<K>, number>;
  constants?: Record<string, number>;
  /** The matmul core of which it is the epilogue. */
  core?: MatmulVariant;
}

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

export async function dispatch<K extends ShaderName, O extends string>(
  name: K,
  { params, constants, core, ...buffers }: Call<K, O>,
  gpu?: Gpu,
): Promise<Record<O, Float32Array>> {
  const { kernels } = gpu ?? (await testGpu());
  return execute(await kernels.get(saeSource(name, { constants, core })), paramsOf(name).pack(params), buffers, gpu);
}

/** Values read back as f32, as the words they are. */
export const words = (values: Float32Array): Uint32Array => new Uint32Array(values.buffer, values.byteOffset, values.length);
