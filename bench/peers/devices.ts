/** The libraries ask navigator.gpu for a device and keep it to themselves. Here it is noted, so that their work can be waited for. */

/** Devices opened through `noting`, in order. */
const opened: GPUDevice[] = [];
const faults = new WeakMap<GPUDevice, string>();

/** The same adapters and devices; each device is noted when it is opened, with the limits and features that the library asks for. */
export function noting(gpu: GPU): GPU {
  return wrapped(gpu, {
    async requestAdapter(options?: GPURequestAdapterOptions) {
      const adapter = await gpu.requestAdapter(options);
      return (
        adapter && wrapped(adapter, { requestDevice: async (wanted?: GPUDeviceDescriptor) => note(await adapter.requestDevice(wanted)) })
      );
    },
  });
}

function note(device: GPUDevice): GPUDevice {
  opened.push(device);
  device.addEventListener('uncapturederror', (event) => {
    if (!faults.has(device)) faults.set(device, event.error.message);
  });
  return device;
}

/** `target` with some methods of its own; everything else is called on the target itself, as the browser's objects demand. */
function wrapped<T extends object>(target: T, methods: Record<string, unknown>): T {
  return new Proxy(target, {
    get(_, name) {
      if (typeof name === 'string' && name in methods) return methods[name];
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
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
