/**
 * Buffers: labelled, counted, and checked for memory that is not there.
 *
 * WebGPU reports a failed allocation only to an error scope and hands out an invalid buffer that poisons every command
 * using it. So each arena allocates inside scopes and must be `ready()` before its buffers are used.
 */
import type { Gpu } from './device';

/** Rounds up to a multiple of `step`. */
export const roundUp = (n: number, step: number): number => Math.ceil(n / step) * step;

/** "12.3 MB": decimal megabytes, as in every message of the lab. */
export const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;

/** A set of buffers that live and die together, with their total size. */
export class Arena {
  private readonly buffers: GPUBuffer[] = [];
  private readonly scopes: Promise<GPUError | null>[] = [];
  /** Bytes allocated and not yet destroyed. */
  bytes = 0;

  constructor(
    private readonly gpu: Gpu,
    readonly label: string,
  ) {}

  /** A storage buffer that can also be copied from and to; zero-filled, at least 16 bytes. */
  storage(label: string, bytes: number): GPUBuffer {
    return this.create(label, bytes, GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST);
  }

  /** A storage buffer from which dispatches take their sizes. */
  indirect(label: string, bytes: number): GPUBuffer {
    return this.create(label, bytes, GPUBufferUsage.STORAGE | GPUBufferUsage.INDIRECT | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST);
  }

  /** A uniform buffer, filled with `data` when given. */
  uniform(label: string, data: ArrayBuffer | number): GPUBuffer {
    const bytes = typeof data === 'number' ? data : data.byteLength;
    const buffer = this.create(label, bytes, GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST);
    if (typeof data !== 'number') this.guard(() => this.gpu.queue.writeBuffer(buffer, 0, data));
    return buffer;
  }

  /** A uniform buffer that kernels write too. */
  written(label: string, bytes: number): GPUBuffer {
    return this.create(label, bytes, GPUBufferUsage.UNIFORM | GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST);
  }

  /** A storage buffer holding `data`. */
  upload(label: string, data: Float32Array | Uint32Array | Int32Array | Uint8Array): GPUBuffer {
    const buffer = this.storage(label, data.byteLength);
    this.guard(() => write(this.gpu, buffer, 0, data));
    return buffer;
  }

  /** A buffer the CPU can map for reading. */
  readback(label: string, bytes: number): GPUBuffer {
    return this.create(label, bytes, GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST);
  }

  /**
   * Work on buffers that may not be there, such as binding small ones that are made on the way: what the GPU refuses of it is told by
   * the next `ready()` of this arena, and not by the `check()` of somebody whose buffers are fine.
   */
  guard<T>(work: () => T): T {
    const { device } = this.gpu;
    const end = () => void this.scopes.push(device.popErrorScope());
    device.pushErrorScope('validation');
    let result: T;
    try {
      result = work();
    } catch (error) {
      end();
      throw error;
    }
    if (result instanceof Promise) return result.finally(end) as T;
    end();
    return result;
  }

  /** @throws Error naming the arena and its size when the GPU could not hold it; nothing is left of it then. */
  async ready(): Promise<void> {
    const errors = await Promise.all(this.scopes.splice(0));
    const error = errors.find((e) => e !== null);
    if (error) {
      const asked = this.bytes;
      this.destroy();
      throw new Error(`${this.label}: the GPU could not hold ${megabytes(asked)}: ${error.message}`);
    }
  }

  destroy(): void {
    for (const buffer of this.buffers.splice(0)) buffer.destroy();
    this.bytes = 0;
  }

  private create(label: string, bytes: number, usage: number): GPUBuffer {
    const size = Math.max(16, roundUp(bytes, 4));
    this.gpu.device.pushErrorScope('out-of-memory');
    this.gpu.device.pushErrorScope('validation');
    const buffer = this.gpu.device.createBuffer({ label: `${this.label}.${label}`, size, usage });
    this.scopes.push(this.gpu.device.popErrorScope(), this.gpu.device.popErrorScope());
    this.buffers.push(buffer);
    this.bytes += size;
    return buffer;
  }
}

/** Writes a typed array; a byte length that is no multiple of 4 is padded with zeros. */
export function write(gpu: Gpu, buffer: GPUBuffer, offset: number, data: Float32Array | Uint32Array | Int32Array | Uint8Array): void {
  let bytes = new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
  if (bytes.byteLength % 4 !== 0) {
    const padded = new Uint8Array(roundUp(bytes.byteLength, 4));
    padded.set(bytes);
    bytes = padded;
  }
  gpu.queue.writeBuffer(buffer, offset, bytes);
}

/**
 * Reads `bytes` bytes back. For set-up, evaluation and export: never inside a training step.
 * @throws Error when the device was lost or the buffer is invalid; never returns partial data.
 */
export async function readBytes(gpu: Gpu, buffer: GPUBuffer, offset = 0, bytes = buffer.size - offset): Promise<ArrayBuffer> {
  const staging = gpu.device.createBuffer({
    label: `${buffer.label}/read`,
    size: bytes,
    usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
  });
  try {
    const encoder = gpu.device.createCommandEncoder({ label: `${buffer.label}/read` });
    encoder.copyBufferToBuffer(buffer, offset, staging, 0, bytes);
    gpu.queue.submit([encoder.finish()]);
    await staging.mapAsync(GPUMapMode.READ);
    const copy = staging.getMappedRange().slice(0);
    gpu.check();
    return copy;
  } finally {
    staging.destroy();
  }
}

/** Reads f32 values back; offset and count in elements. */
export async function readFloats(gpu: Gpu, buffer: GPUBuffer, offset = 0, count = buffer.size / 4 - offset): Promise<Float32Array> {
  return new Float32Array(await readBytes(gpu, buffer, offset * 4, count * 4));
}
