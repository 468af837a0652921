/**
 * The GPU in use: adapter, device, limits, and what went wrong with it.
 *
 * Limits are requested deliberately: `max(default, need)` and no more, so that a configuration which works here also
 * works on a machine with the same numbers; what was asked and what the adapter offers is kept for messages.
 */
import { messageOf } from '../util/errors';
import { KernelCache } from './kernel';

/** The limits a configuration may need beyond WebGPU's defaults; bytes. */
export interface GpuNeeds {
  maxBufferSize?: number;
  maxStorageBufferBindingSize?: number;
}

export interface AdapterSummary {
  /** One line for people: vendor, architecture or the driver's own description. */
  name: string;
  vendor: string;
  architecture: string;
  /** True for CPU rasterisers (SwiftShader, llvmpipe): everything works, a hundred times slower. */
  isSoftware: boolean;
}

export type GpuFailure = 'no-webgpu' | 'no-adapter' | 'limits' | 'device';

/** Why no device could be had, in words that say what to do. */
export class GpuUnavailableError extends Error {
  override name = 'GpuUnavailableError';
  constructor(
    readonly reason: GpuFailure,
    message: string,
  ) {
    super(message);
  }
}

/** Whether all subgroups of a device have this many lanes. */
export function hasSubgroupsOf({ device }: Pick<Gpu, 'device'>, lanes: number): boolean {
  const { subgroupMinSize, subgroupMaxSize } = device.adapterInfo;
  return device.features.has('subgroups') && subgroupMinSize === lanes && subgroupMaxSize === lanes;
}

/** A device with everything that is shared by all who use it. */
export interface Gpu {
  device: GPUDevice;
  queue: GPUQueue;
  adapter: AdapterSummary;
  limits: GPUSupportedLimits;
  kernels: KernelCache;
  /** Resolves when the device is lost, with the driver's words. Never rejects. */
  lost: Promise<GPUDeviceLostInfo>;
  /** Throws the first error that the device reported outside any error scope, or its loss. */
  check(): void;
  destroy(): void;
}

/** Used where they are: on processors a matmul variant and two kernels of the step pass rows between the lanes of a subgroup (matmul.ts, registers.wgsl). */
const OPTIONAL_FEATURES: GPUFeatureName[] = ['subgroups'];

const SOFTWARE = /swiftshader|llvmpipe|lavapipe|software|basic render/i;

/** Whether an adapter is a processor. */
export const isSoftware = ({ isFallbackAdapter, description, device, architecture, vendor }: GPUAdapterInfo): boolean =>
  isFallbackAdapter === true || [description, device, architecture, vendor].some((words) => SOFTWARE.test(words));

function summarise(info: GPUAdapterInfo): AdapterSummary {
  const name = info.description || [info.vendor, info.architecture || info.device].filter(Boolean).join(' ') || 'unnamed GPU';
  return { name, vendor: info.vendor, architecture: info.architecture, isSoftware: isSoftware(info) };
}

/**
 * Opens the machine's preferred GPU.
 * @param entry `navigator.gpu`, or Dawn's in Node.
 * @param needs bytes beyond the defaults; 'largest' takes the adapter's own two buffer limits, so that a sweep sized later fits if
 *   anything does (sizes are checked against what was got, and said, before anything is allocated).
 * @throws GpuUnavailableError with the reason, when there is no adapter or it cannot hold what is needed.
 */
export async function openGpu(entry: GPU | undefined, needs: GpuNeeds | 'largest' = {}): Promise<Gpu> {
  if (!entry) {
    throw new GpuUnavailableError(
      'no-webgpu',
      'This browser has no WebGPU. Use Chrome or Edge 113+, Safari 26+ or Firefox 141+, over https or localhost.',
    );
  }
  const adapter = await entry.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) {
    throw new GpuUnavailableError(
      'no-adapter',
      'WebGPU is there but no GPU was offered. In Chrome, turn on hardware acceleration (Settings, System) and see chrome://gpu; in Node, install a Vulkan driver (npm test prints the command).',
    );
  }
  const requiredLimits: Record<string, number> = {};
  const wanted =
    needs === 'largest'
      ? { maxBufferSize: adapter.limits.maxBufferSize, maxStorageBufferBindingSize: adapter.limits.maxStorageBufferBindingSize }
      : needs;
  for (const [name, need] of Object.entries(wanted) as [keyof GpuNeeds, number][]) {
    const offered = adapter.limits[name];
    if (need > offered) {
      throw new GpuUnavailableError(
        'limits',
        `This configuration needs ${name} = ${need} bytes; ${summarise(adapter.info).name} offers ${offered}. Lower the width, the batch or the number of runs.`,
      );
    }
    const standard = DEFAULT_LIMITS[name];
    if (need > standard) requiredLimits[name] = need;
  }
  let device: GPUDevice;
  try {
    const requiredFeatures = OPTIONAL_FEATURES.filter((feature) => adapter.features.has(feature));
    device = await adapter.requestDevice({ label: 'lab', requiredLimits, requiredFeatures });
  } catch (cause) {
    throw new GpuUnavailableError('device', `The GPU refused to open: ${messageOf(cause)}`);
  }
  let firstError: string | undefined;
  let lossMessage: string | undefined;
  device.onuncapturederror = (event) => {
    firstError ??= event.error.message;
  };
  const lost = device.lost.then((info) => {
    lossMessage = info.message || info.reason || 'the device was lost';
    return info;
  });
  return {
    device,
    queue: device.queue,
    adapter: summarise(adapter.info),
    limits: device.limits,
    kernels: new KernelCache(device),
    lost,
    check() {
      if (lossMessage !== undefined) throw new Error(`GPU device lost: ${lossMessage}`);
      if (firstError !== undefined) {
        const message = firstError;
        firstError = undefined;
        throw new Error(`GPU error: ${message}`);
      }
    },
    destroy: () => device.destroy(),
  };
}

/** WebGPU's guaranteed limits for the names of GpuNeeds, in bytes. */
export const DEFAULT_LIMITS: Required<GpuNeeds> = {
  maxBufferSize: 256 * 2 ** 20,
  maxStorageBufferBindingSize: 128 * 2 ** 20,
};
