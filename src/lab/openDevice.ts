/** The GPU with what is measured of it at start, and the workspace on it. */

import { type Gpu, openGpu } from '../gpu/device';
import { calibrate } from '../sae/calibrate';
import type { DeviceInfo } from './protocol';
import type { Emit } from './reporter';
import { SelfTests } from './selfTest';
import { Workspace, type WorkspaceOptions } from './workspace';

export interface OpenedDevice {
  gpu: Gpu;
  device: DeviceInfo;
  flopsPerMs: number;
  tests: SelfTests;
}

/** @throws GpuError saying why there is none. A failed self-test is told, and changes nothing else. */
export async function openDevice(entry: GPU | undefined, emit: Emit): Promise<OpenedDevice> {
  const gpu = await openGpu(entry, 'largest');
  const flopsPerMs = await calibrate(gpu);
  const tests = new SelfTests(gpu, flopsPerMs);
  const message = await tests.problem();
  if (message !== undefined) emit({ type: 'notice', level: 'error', message });
  const device: DeviceInfo = {
    adapter: gpu.adapter,
    gflops: flopsPerMs / 1e6,
    maxBufferBytes: gpu.limits.maxBufferSize,
    maxBindingBytes: gpu.limits.maxStorageBufferBindingSize,
  };
  return { gpu, device, flopsPerMs, tests };
}

/** What files are dropped into, sized for the device. */
export const openWorkspace = (gpu: Gpu, more: Pick<WorkspaceOptions, 'flopsPerMs' | 'reader' | 'onProgress'>): Workspace =>
  new Workspace(gpu, {
    modelBatchTokens: gpu.adapter.isSoftware ? 512 : 8192,
    ...textSizes(gpu.adapter.isSoftware),
    cacheBytes: 2 ** 28,
    ...more,
  });

/** Tokens taken from a person's own text: a software GPU gets through few. */
export const textSizes = (isSoftware: boolean) =>
  isSoftware ? { evalTokens: 2048, trainTokens: 32768 } : { evalTokens: 65536, trainTokens: 2 ** 21 };
