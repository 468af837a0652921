/** Reusable read-back buffers: a steady stream of small results creates no GPU objects. */
import type { Arena } from '../gpu/buffers';
import type { Gpu } from '../gpu/device';

/** One result on its way to the CPU. */
export interface Ticket {
  /** Appends the copy to the encoder of the work that produces the result. */
  copy(encoder: GPUCommandEncoder, source: GPUBuffer, bytes: number): void;
  /**
   * Resolves once the work is done; call after submitting it.
   * @throws Error when the device was lost or reported an error; never returns partial data.
   */
  floats(): Promise<Float32Array>;
}

export class Readbacks {
  private readonly free: GPUBuffer[] = [];

  constructor(
    private readonly gpu: Gpu,
    private readonly arena: Arena,
    private readonly bytes: number,
  ) {}

  /** The next `take` makes a buffer. */
  get isExhausted(): boolean {
    return this.free.length === 0;
  }

  /** Forgets them: they are gone. */
  clear(): void {
    this.free.length = 0;
  }

  take(): Ticket {
    const buffer = this.free.pop() ?? this.arena.readback('read-back', this.bytes);
    let used = 0;
    return {
      copy: (encoder, source, bytes) => {
        used = bytes;
        encoder.copyBufferToBuffer(source, 0, buffer, 0, bytes);
      },
      floats: async () => {
        try {
          await buffer.mapAsync(GPUMapMode.READ, 0, used);
        } catch (error) {
          this.gpu.check(); // says more than the rejected map when the device is to blame
          throw error;
        }
        const values = new Float32Array(buffer.getMappedRange(0, used).slice(0));
        buffer.unmap();
        this.free.push(buffer);
        this.gpu.check();
        return values;
      },
    };
  }
}
