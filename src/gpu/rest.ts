/**
 * Lets the thread that waits for a GPU sleep. Node only.
 *
 * WORKAROUND: while anything is awaited, Dawn's Node binding (webgpu 0.6.2) asks for news once every turn of the event loop and so keeps the thread
 * busy. Where the GPU is the processor, that takes a core from the very work it waits for: on two cores a training step took twice the
 * time (docs/performance.md). So while work of a software GPU is awaited, each turn of the event loop sleeps for a moment. Delete when the package waits by itself.
 */

/** Longest sleep of a turn, ms: what else the thread has to do (reads that come back) waits no longer. */
const LONGEST_MS = 1;
/** A sleep is at most this share of the time waited so far, so that short work is not made longer than by that. */
const SHARE = 1 / 8;
/** Below it a sleep costs more than it saves. */
const SHORTEST_MS = 0.05;

/** @returns milliseconds to sleep after having waited for `waitedMs`; 0: not worth it yet. */
export function restMs(waitedMs: number): number {
  const ms = Math.min(LONGEST_MS, waitedMs * SHARE);
  return ms < SHORTEST_MS ? 0 : ms;
}

const cell = new Int32Array(new SharedArrayBuffer(4));
const sleep = (ms: number): void => {
  Atomics.wait(cell, 0, 0, ms);
};

/** Counts what is awaited, and sleeps turn by turn as long as there is any. */
export class Rest {
  private pending = 0;
  private since = 0;
  private turning = false;

  constructor(
    private readonly nap: (ms: number) => void = sleep,
    private readonly now: () => number = () => performance.now(),
    private readonly nextTurn: (call: () => void) => void = setImmediate,
  ) {}

  /** The promise itself; until it settles the thread sleeps between the turns of its event loop. */
  during<T>(promise: Promise<T>): Promise<T> {
    if (this.pending++ === 0) this.since = this.now();
    const settled = () => {
      this.pending--;
      // What is still awaited has its own short beginning: news came just now.
      this.since = this.now();
    };
    promise.then(settled, settled);
    if (!this.turning) {
      this.turning = true;
      this.nextTurn(() => this.turn());
    }
    return promise;
  }

  private turn(): void {
    if (this.pending === 0) {
      this.turning = false;
      return;
    }
    const ms = restMs(this.now() - this.since);
    if (ms > 0) this.nap(ms);
    this.nextTurn(() => this.turn());
  }
}

/** Where Dawn makes callers wait: for submitted work, for its results, for a compiler. */
export interface Waits {
  GPUQueue: { prototype: Pick<GPUQueue, 'onSubmittedWorkDone'> };
  GPUBuffer: { prototype: Pick<GPUBuffer, 'mapAsync'> };
  GPUDevice: { prototype: Pick<GPUDevice, 'createComputePipelineAsync'> };
}

/** Makes every such wait a rest, whoever waits. Call once. */
export function restDuringWaits({ GPUQueue, GPUBuffer, GPUDevice }: Waits, rest = new Rest()): void {
  const { onSubmittedWorkDone } = GPUQueue.prototype;
  GPUQueue.prototype.onSubmittedWorkDone = function (this: GPUQueue) {
    return rest.during(onSubmittedWorkDone.call(this));
  };
  const { mapAsync } = GPUBuffer.prototype;
  GPUBuffer.prototype.mapAsync = function (this: GPUBuffer, ...range) {
    return rest.during(mapAsync.apply(this, range));
  };
  const { createComputePipelineAsync } = GPUDevice.prototype;
  GPUDevice.prototype.createComputePipelineAsync = function (this: GPUDevice, descriptor) {
    return rest.during(createComputePipelineAsync.call(this, descriptor));
  };
}
