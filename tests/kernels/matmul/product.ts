/** Products of the matmul variants on a device, and the device with subgroups that one of them needs. */
import { Arena, readFloats } from '../../../src/gpu/buffers';
import { type Gpu, openGpu } from '../../../src/gpu/device';
import { type MatmulShape, type MatmulVariant, matmulGrid, matmulSource, supportsMatmul } from '../../../src/gpu/matmul';
import { PLAIN_PARAMS, plainBytes } from '../../../src/gpu/matmulBench';
import { nodeGpu } from '../../../src/gpu/node';
import { Plan } from '../../../src/gpu/plan';
import { shaderFile } from '../../../src/gpu/shaders';
import { poison, runsProcessorKernels, testGpu } from '../../gpu';

export const PLAIN = shaderFile('matmul/plain');

let shared: Promise<Gpu> | undefined;

/** Default limits, and subgroups where the adapter has them: no variant is then beyond this device but for its subgroups' size. */
export function subgroupGpu(): Promise<Gpu> {
  shared ??= openWithSubgroups();
  return shared;
}

async function openWithSubgroups(): Promise<Gpu> {
  const entry = await nodeGpu();
  const adapter = await entry.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) throw new Error('no adapter');
  const requiredFeatures: GPUFeatureName[] = adapter.features.has('subgroups') ? ['subgroups'] : [];
  const device = await adapter.requestDevice({ requiredFeatures });
  const opened = { limits: adapter.limits, info: adapter.info, features: adapter.features, requestDevice: async () => device };
  return openGpu({ requestAdapter: async () => opened } as unknown as GPU);
}

/** A device that runs the variant. @throws Error with what to do where there is none. */
export async function deviceFor(variant: MatmulVariant): Promise<Gpu> {
  const gpu = variant.lanes === undefined ? await testGpu() : await subgroupGpu();
  if (variant.lanes !== undefined) runsProcessorKernels(gpu);
  if (!supportsMatmul(gpu, variant)) throw new Error(`${variant.name} does not run on ${gpu.adapter.name} within WebGPU's default limits`);
  return gpu;
}

/** C [rows, columns] of a kernel made of this epilogue and variant, written over NaN. */
export async function product(
  gpu: Gpu,
  variant: MatmulVariant,
  size: MatmulShape,
  a: Float32Array | Uint32Array,
  b: Float32Array,
  epilogue = PLAIN,
): Promise<Float32Array> {
  const arena = new Arena(gpu, 'test');
  const kernel = await gpu.kernels.get(matmulSource(variant, 'test.matmul', epilogue));
  const c = arena.upload('c', poison(plainBytes(size.rows, size.columns) / 4));
  const bindings = { params: arena.uniform('params', PLAIN_PARAMS.pack(size)), a: arena.upload('a', a), b: arena.upload('b', b), c };
  await arena.ready();
  new Plan(gpu, 'test').add(kernel, bindings, matmulGrid(variant, size.rows, size.columns)).submit();
  const padded = await readFloats(gpu, c);
  arena.destroy();
  const stride = padded.length / size.rows;
  const rows = Array.from({ length: size.rows }, (_, r) => [...padded.subarray(r * stride, r * stride + size.columns)]);
  return Float32Array.from(rows.flat());
}

/** C in float64. */
export function reference({ rows, columns, quads }: MatmulShape, a: Float32Array, b: Float32Array): Float64Array {
  const k = quads * 4;
  const c = new Float64Array(rows * columns);
  for (let r = 0; r < rows; r++) {
    for (let o = 0; o < columns; o++) {
      let sum = 0;
      for (let i = 0; i < k; i++) sum += (a[r * k + i] as number) * (b[o * k + i] as number);
      c[r * columns + o] = sum;
    }
  }
  return c;
}
