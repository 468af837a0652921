/**
 * Kernels: WGSL text plus the values of its `override`s, compiled once per device and bound by name.
 *
 * The WGSL file is the single source of truth for bindings: their names, numbers and access are read from its
 * declarations, so a host call and a shader cannot disagree silently. All bindings live in group 0.
 */
import { messageOf } from '../util/errors';

/** Text and tunables of one kernel. `code` is complete WGSL (any shared prelude already in front). */
export interface KernelSource {
  /** Dotted name that appears in every GPU label and error, e.g. `sae.encode`. */
  name: string;
  code: string;
  constants?: Record<string, number>;
}

type Access = 'uniform' | 'storage' | 'read-only-storage';

interface Slot {
  name: string;
  binding: number;
  access: Access;
}

/** A buffer, or a part of one: `offset` and `size` in bytes, offset a multiple of 256. */
export type Bindable = GPUBuffer | { buffer: GPUBuffer; offset: number; size: number };

/** Name of a WGSL variable -> what it is bound to. */
export type Bindings = Record<string, Bindable>;

/** Bindings that a WGSL text declares, in the order of the text. Pure; exported for tests. */
export function declaredBindings(code: string): Slot[] {
  const text = code.replace(/\/\/[^\n]*/g, '');
  const pattern = /@group\(0\)\s*@binding\((\d+)\)\s*var<\s*(uniform|storage)\s*(?:,\s*(read_write|read))?\s*>\s*(\w+)/g;
  return [...text.matchAll(pattern)].map(([, binding, space, mode, name]) => ({
    name: name as string,
    binding: Number(binding),
    access: space === 'uniform' ? 'uniform' : mode === 'read_write' ? 'storage' : 'read-only-storage',
  }));
}

/** A compiled compute pipeline whose buffers are bound by their WGSL names. */
export class Kernel {
  constructor(
    private readonly device: GPUDevice,
    readonly name: string,
    readonly pipeline: GPUComputePipeline,
    private readonly layout: GPUBindGroupLayout,
    private readonly slots: Slot[],
  ) {}

  /** @throws Error when a declared binding is missing or an undeclared one is given. */
  bind(bindings: Bindings): GPUBindGroup {
    const known = new Set(this.slots.map((slot) => slot.name));
    for (const name of Object.keys(bindings)) {
      if (!known.has(name)) throw new Error(`${this.name}: no binding called ${name} (has ${[...known].join(', ')})`);
    }
    return this.device.createBindGroup({
      label: `${this.name}/bindGroup`,
      layout: this.layout,
      entries: this.slots.map(({ name, binding }) => {
        const value = bindings[name];
        if (!value) throw new Error(`${this.name}: nothing bound to ${name}`);
        return { binding, resource: 'buffer' in value ? value : { buffer: value } };
      }),
    });
  }
}

/** Compiles each (text, constants) pair once; concurrent requests share one compilation. */
export class KernelCache {
  private readonly compiled = new Map<string, Promise<Kernel>>();

  constructor(private readonly device: GPUDevice) {}

  /** @throws Error with the compiler's own words, the kernel's name and the line. */
  get(source: KernelSource): Promise<Kernel> {
    const key = JSON.stringify([source.code, source.constants ?? {}]);
    let kernel = this.compiled.get(key);
    if (!kernel) {
      kernel = compile(this.device, source);
      this.compiled.set(key, kernel);
    }
    return kernel;
  }
}

async function compile(device: GPUDevice, { name, code, constants }: KernelSource): Promise<Kernel> {
  const slots = declaredBindings(code);
  const layout = device.createBindGroupLayout({
    label: `${name}/layout`,
    entries: slots.map(({ binding, access }) => ({ binding, visibility: GPUShaderStage.COMPUTE, buffer: { type: access } })),
  });
  device.pushErrorScope('validation');
  const module = device.createShaderModule({ label: name, code });
  const scope = device.popErrorScope();
  const [info, moduleError] = await Promise.all([module.getCompilationInfo(), scope]);
  const problems = info.messages
    .filter((message) => message.type === 'error')
    .map((message) => `line ${message.lineNum}: ${message.message}\n    ${code.split('\n')[message.lineNum - 1]?.trim() ?? ''}`);
  if (problems.length > 0 || moduleError) {
    throw new Error(`${name} does not compile: ${problems.join('\n') || moduleError?.message}`);
  }
  try {
    const pipeline = await device.createComputePipelineAsync({
      label: name,
      layout: device.createPipelineLayout({ label: `${name}/pipelineLayout`, bindGroupLayouts: [layout] }),
      compute: { module, entryPoint: 'main', constants: constants ?? {} },
    });
    return new Kernel(device, name, pipeline, layout, slots);
  } catch (cause) {
    throw new Error(`${name}: no pipeline: ${messageOf(cause)}`);
  }
}
