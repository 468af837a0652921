/**
 * `navigator.gpu` in Node: both libraries ask it for their device, as in a page. They get Dawn's own entry point, the one that the lab
 * uses, hence the same adapter; each opens its own device with the limits and features that it asks for.
 */
import { nodeGpu } from '../../src/gpu/node';

/** Devices opened through the shim, in order. */
const opened: GPUDevice[] = [];
const faults = new WeakMap<GPUDevice, string>();

export async function provideNavigator(): Promise<void> {
  const gpu = await nodeGpu();
  const noting = {
    async requestAdapter(options?: GPURequestAdapterOptions): Promise<GPUAdapter | null> {
      const adapter = await gpu.requestAdapter(options);
      if (!adapter) return null;
      return new Proxy(adapter, {
        get(target, name) {
          if (name === 'requestDevice') {
            return async (descriptor?: GPUDeviceDescriptor) => {
              const device = await target.requestDevice(descriptor);
              opened.push(device);
              device.addEventListener('uncapturederror', (event) => {
                if (!faults.has(device)) faults.set(device, event.error.message);
              });
              return device;
            };
          }
          const value: unknown = Reflect.get(target, name, target);
          return typeof value === 'function' ? value.bind(target) : value;
        },
      });
    },
    getPreferredCanvasFormat: () => gpu.getPreferredCanvasFormat(),
  };
  // Node 21 and later have a navigator of their own, without gpu; jax-js reads the user agent to tell phones.
  const shim = { gpu: noting, userAgent: `Node.js/${process.versions.node}`, hardwareConcurrency: 2 };
  Object.defineProperty(globalThis, 'navigator', { value: shim, configurable: true, writable: true });
}

/** The device opened last: the library's that has just been started. */
export function lastDevice(): GPUDevice {
  const device = opened.at(-1);
  if (!device) throw new Error('the library opened no WebGPU device');
  return device;
}

/** @throws Error when the device reported an error: its timings would be those of nothing. */
export function checkDevice(device: GPUDevice): void {
  const fault = faults.get(device);
  if (fault !== undefined) throw new Error(`the library's device reported: ${fault.split('\n')[0]}`);
}
