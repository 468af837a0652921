/**
 * The GPU in use: adapter, device, limits, and what went wrong with it.
 *
 * Limits are requested deliberately: `max(default, need)` and no more, so that a configuration which works here also
 * works on a machine with the same numbers; what was asked and what the adapter offers is kept for messages.
 */
import { messageOf } from '../util/errors';
import { insteadOfSoftware, type Place, thisPlace, withoutAdapter, withoutWebGpu } from './advice';
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
  /** How to get a real GPU in place of a processor, where something is known. */
  advice?: string;
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

/** Used where they are: on processors a matmul variant and two kernels of the step pass rows between the lanes of a subgroup (matmul.ts, shaders/sae/processor). */
const OPTIONAL_FEATURES: GPUFeatureName[] = ['subgroups'];

const SOFTWARE = /swiftshader|llvmpipe|lavapipe|software|basic render/i;

/** Whether an adapter is a processor. */
export const isSoftware = ({ isFallbackAdapter, description, device, architecture, vendor }: Partial<GPUAdapterInfo>): boolean =>
  isFallbackAdapter === true || [description, device, architecture, vendor].some((words) => words !== undefined && SOFTWARE.test(words));

function summarise(info: Partial<GPUAdapterInfo>, place: Place): AdapterSummary {
  const { vendor = '', architecture = '' } = info;
  const name = info.description || [vendor, architecture || info.device].filter(Boolean).join(' ') || 'unnamed GPU';
  const software = isSoftware(info);
  const advice = software ? insteadOfSoftware(place) : undefined;
  return { name, vendor, architecture, isSoftware: software, ...(advice !== undefined && { advice }) };
}

/** Adapters as older browsers have them. */
interface OlderAdapter {
  info?: GPUAdapterInfo;
  requestAdapterInfo?(): Promise<GPUAdapterInfo>;
  isFallbackAdapter?: boolean;
}

/**
 * What an adapter says of itself.
 * WORKAROUND: `adapter.info` is missing before Chrome 127, where `requestAdapterInfo()` gives it, and `isFallbackAdapter`
 * stood on the adapter itself. Delete when none of them is in use.
 */
async function infoOf(adapter: GPUAdapter): Promise<Partial<GPUAdapterInfo>> {
  const older = adapter as OlderAdapter;
  if (older.info) return older.info;
  const { vendor, architecture, device, description } = (await older.requestAdapterInfo?.().catch(() => undefined)) ?? {};
  const known = Object.entries({ vendor, architecture, device, description }).filter(([, words]) => words !== undefined);
  return { ...Object.fromEntries(known), ...(older.isFallbackAdapter !== undefined && { isFallbackAdapter: older.isFallbackAdapter }) };
}

/** Waits before each try for an adapter, in milliseconds. */
const TRIES_MS = [0, 250, 1000];

export interface OpenOptions {
  /** Where the code runs, for advice; this thread unless told. */
  place?: Place;
  wait?(ms: number): Promise<void>;
}

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/**
 * An adapter, asked for more than once: Firefox and a GPU process that is still starting answer the first question with null, and some
 * drivers offer nothing under a power preference.
 */
async function adapterOf(entry: GPU, place: Place, wait: (ms: number) => Promise<void>): Promise<GPUAdapter> {
  let refusal = '';
  for (const [tried, ms] of TRIES_MS.entries()) {
    if (ms > 0) await wait(ms);
    try {
      const adapter = await entry.requestAdapter(tried < TRIES_MS.length - 1 ? { powerPreference: 'high-performance' } : undefined);
      if (adapter) return adapter;
    } catch (cause) {
      // Firefox rejects where WebGPU is turned off.
      refusal = ` (${messageOf(cause)})`;
    }
  }
  throw new GpuUnavailableError('no-adapter', `${withoutAdapter(place)}${refusal}`);
}

/**
 * Opens the machine's preferred GPU.
 * @param entry `navigator.gpu`, or Dawn's in Node.
 * @param needs bytes beyond the defaults; 'largest' takes the adapter's own two buffer limits, so that a sweep sized later fits if
 *   anything does (sizes are checked against what was got, and said, before anything is allocated).
 * @throws GpuUnavailableError with the reason and what to do in this browser, when there is no adapter or it cannot hold what is needed.
 */
export async function openGpu(entry: GPU | undefined, needs: GpuNeeds | 'largest' = {}, options: OpenOptions = {}): Promise<Gpu> {
  const { place = thisPlace(), wait = sleep } = options;
  if (!entry) throw new GpuUnavailableError('no-webgpu', withoutWebGpu(place));
  const adapter = await adapterOf(entry, place, wait);
  const info = await infoOf(adapter);
  const summary = summarise(info, place);
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
        `This configuration needs ${name} = ${need} bytes; ${summary.name} offers ${offered}. Lower the width, the batch or the number of runs.`,
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
  // WORKAROUND: Safari 26's device lacks `adapterInfo`, which kernels ask for the sizes of subgroups. Delete when Safari has it.
  if (!(device as { adapterInfo?: GPUAdapterInfo }).adapterInfo) Object.defineProperty(device, 'adapterInfo', { value: info });
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
    adapter: summary,
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
