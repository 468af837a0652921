/** The one device of a test file. No adapter is a failure, never a skip. */
import { type Gpu, hasSubgroupsOf, openGpu } from '../src/gpu/device';
import { nodeGpu } from '../src/gpu/node';

let shared: Promise<Gpu> | undefined;

/** A device with WebGPU's default limits: whatever passes here runs on every WebGPU machine. */
export function testGpu(): Promise<Gpu> {
  shared ??= nodeGpu().then((entry) => openGpu(entry));
  return shared;
}

/**
 * True where the kernels of the processor folders of shaders run: on subgroups of 8 lanes, as Mesa's llvmpipe has them with vectors of 256 bits.
 * @throws Error with what to do elsewhere: their tests run or fail.
 */
export function runsProcessorKernels(gpu: Gpu): true {
  if (hasSubgroupsOf(gpu, 8)) return true;
  const { subgroupMinSize: least, subgroupMaxSize: most } = gpu.device.adapterInfo ?? {};
  throw new Error(
    `the kernels of the processor folders of shaders need subgroups of 8 lanes; ${gpu.adapter.name} has ${least ?? 'none'}${most === least ? '' : ` to ${most}`}. Test them on Mesa's llvmpipe (Debian: mesa-vulkan-drivers): VK_ICD_FILENAMES=$(ls /usr/share/vulkan/icd.d/lvp_icd*.json) LP_NATIVE_VECTOR_WIDTH=256 npm test -- kernels`,
  );
}

/** n values that are NaN in every bit pattern a kernel could forget to overwrite. */
export const poison = (n: number): Float32Array => new Float32Array(n).fill(Number.NaN);

/** Largest |a - b|, with NaN counting as infinite. */
export function maxError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length < expected.length) throw new Error(`${actual.length} values for ${expected.length} expected`);
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    const error = Math.abs((actual[i] as number) - (expected[i] as number));
    worst = Math.max(worst, Number.isNaN(error) ? Number.POSITIVE_INFINITY : error);
  }
  return worst;
}

/** Root mean square of a list. */
export const rms = (values: ArrayLike<number>): number => {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += (values[i] as number) ** 2;
  return Math.sqrt(sum / Math.max(1, values.length));
};

/** Error bound of a K-term f32 dot product of entries with these root mean squares (measured: eps·K·rms·rms; four times that is allowed). */
export const matmulTolerance = (k: number, a: ArrayLike<number>, b: ArrayLike<number>): number => 4 * 2 ** -23 * k * rms(a) * rms(b) + 1e-7;

/** A small seeded generator for test data (mulberry32), uniform in [-0.5, 0.5). */
export function randoms(n: number, seed: number): Float32Array {
  const out = new Float32Array(n);
  let s = seed >>> 0;
  for (let i = 0; i < n; i++) {
    s = (s + 0x6d2b79f5) >>> 0;
    let t = s;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    out[i] = ((t ^ (t >>> 14)) >>> 0) / 4294967296 - 0.5;
  }
  return out;
}
