/**
 * Plans: a recorded list of dispatches, replayed as one compute pass and (as long as it stays short) one submission.
 *
 * Bounds: Windows resets a GPU that is busy for 2 s and the page must draw in between, so a plan whose estimated time
 * exceeds SUBMIT_MS is cut into several submissions. Estimates are FLOPs over the calibrated speed (`calibrate.ts`).
 */
import type { Gpu } from './device';
import type { Bindings, Kernel } from './kernel';

/** Longest estimated GPU time of one submission and of one dispatch, in milliseconds. */
export const SUBMIT_MS = 250;
export const DISPATCH_MS = 50;

export type Grid = readonly [x: number, y?: number, z?: number];

interface Dispatch {
  kernel: Kernel;
  group: GPUBindGroup;
  /** Workgroups, or the place in a buffer where the GPU itself has put their numbers. */
  grid: Grid | { buffer: GPUBuffer; offset: number };
  flops: number;
}

const isGrid = (grid: Dispatch['grid']): grid is Grid => Array.isArray(grid);

/** Workgroups for `n` items in one dimension, folded into two when above the 65 535 limit. The shader recovers the index as x + y·num_workgroups.x and must discard the surplus. */
export function fold(n: number): Grid {
  if (n <= 65535) return [n];
  const x = Math.ceil(Math.sqrt(n));
  return [x, Math.ceil(n / x)];
}

export class Plan {
  private readonly dispatches: Dispatch[] = [];

  constructor(
    private readonly gpu: Gpu,
    readonly label: string,
  ) {}

  /** @param flops estimated floating-point operations of the dispatch, for the bounds above. */
  add(kernel: Kernel, bindings: Bindings, grid: Grid, flops = 0): this {
    if (grid.some((n) => n === 0)) return this;
    this.dispatches.push({ kernel, group: kernel.bind(bindings), grid, flops });
    return this;
  }

  /** A dispatch whose size the GPU decides: three u32 at `offset` of `buffer`. */
  addIndirect(kernel: Kernel, bindings: Bindings, buffer: GPUBuffer, offset: number, flops = 0): this {
    this.dispatches.push({ kernel, group: kernel.bind(bindings), grid: { buffer, offset }, flops });
    return this;
  }

  /** Dispatches recorded. */
  get length(): number {
    return this.dispatches.length;
  }

  /**
   * Encodes and submits everything.
   * @param flopsPerMs calibrated speed; without it the plan is one submission.
   * @param tail copies to append to the last submission (metrics on their way to a read-back buffer).
   * @returns the number of submissions.
   */
  submit(flopsPerMs = Number.POSITIVE_INFINITY, tail?: (encoder: GPUCommandEncoder) => void): number {
    const { device, queue } = this.gpu;
    const budget = flopsPerMs * SUBMIT_MS;
    let submissions = 0;
    let next = 0;
    do {
      const encoder = device.createCommandEncoder({ label: this.label });
      const pass = encoder.beginComputePass({ label: this.label });
      let spent = 0;
      while (next < this.dispatches.length) {
        const dispatch = this.dispatches[next] as Dispatch;
        if (spent > 0 && spent + dispatch.flops > budget) break;
        pass.setPipeline(dispatch.kernel.pipeline);
        pass.setBindGroup(0, dispatch.group);
        if (isGrid(dispatch.grid)) pass.dispatchWorkgroups(...dispatch.grid);
        else pass.dispatchWorkgroupsIndirect(dispatch.grid.buffer, dispatch.grid.offset);
        spent += dispatch.flops;
        next++;
      }
      pass.end();
      if (next === this.dispatches.length) tail?.(encoder);
      queue.submit([encoder.finish()]);
      submissions++;
    } while (next < this.dispatches.length);
    return submissions;
  }
}

/** Keeps at most `depth` submissions in flight; more only add latency and memory. */
export class InFlight {
  private readonly pending: Promise<unknown>[] = [];

  constructor(
    private readonly gpu: Gpu,
    private readonly depth = 2,
  ) {}

  /** Call after each submission; waits only when the queue is already full. @throws Error when the device was lost. */
  async push(): Promise<void> {
    // A lost device rejects what is in flight; `check` tells of it, so the rejection itself must not go unhandled.
    this.pending.push(this.gpu.queue.onSubmittedWorkDone().catch(() => undefined));
    while (this.pending.length > this.depth) {
      await Promise.race([this.pending.shift(), this.gpu.lost]);
      this.gpu.check();
    }
  }

  async drain(): Promise<void> {
    await Promise.race([Promise.all(this.pending.splice(0)), this.gpu.lost]);
    this.gpu.check();
  }
}
