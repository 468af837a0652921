/** The pool: activations on the GPU as f32 rows, waiting to be drawn into batches. */

import { Arena, megabytes, roundUp, write } from '../../gpu/buffers';
import type { Gpu } from '../../gpu/device';
import type { Kernel } from '../../gpu/kernel';
import { fold, Plan } from '../../gpu/plan';
import { paramsOf, shaderText } from '../../gpu/shaders';
import { ROW_DTYPE_BYTES, type RowDtype } from '../formats/floats';
import { sliceBlock } from '../rows/block';
import type { RowBlock } from '../rows/types';

/** Layout of the uniform `params` of ingest.wgsl. */
export const IngestParams = paramsOf('data/ingest');

/** Numbers by which the kernel knows the dtypes. */
const DTYPE_CODE: Record<RowDtype, number> = { f32: 0, f16: 1, bf16: 2 };

/** Largest upload at once, bytes. */
const STAGING_BYTES = 16 * 2 ** 20;
/** Staging buffers taken in turn. */
const RING = 2;
/** Uploads that the queue may hold, bytes: at least as many as the staging buffers, at most so many. */
const LEAST_UPLOADS = RING * STAGING_BYTES;
const MOST_UPLOADS = 128 * 2 ** 20;
/** Default size of the pool, bytes. */
const POOL_BYTES = 256 * 2 ** 20;
const WORKGROUP = 256;

/** Floats from one row of the pool to the next: d rounded up to whole vec4s. */
export const poolStride = (d: number): number => roundUp(d, 4);

/**
 * Rows the pool should hold: 256 MiB worth, fewer where the GPU binds less or the data has less, at least two batches.
 * @throws RangeError when the GPU cannot bind two batches at once.
 */
export function defaultPoolRows(gpu: Gpu, d: number, batch: number, dataRows: number): number {
  const rowBytes = poolStride(d) * 4;
  const most = Math.floor(Math.min(POOL_BYTES, gpu.limits.maxStorageBufferBindingSize, gpu.limits.maxBufferSize) / rowBytes);
  if (most < 2 * batch)
    throw new RangeError(
      `two batches of ${batch} rows of width ${d} need ${megabytes(2 * batch * rowBytes)}; this GPU binds at most ${megabytes(most * rowBytes)} at once. Lower the batch to ${Math.floor(most / 2)}.`,
    );
  return Math.max(2 * batch, Math.min(most, dataRows));
}

/**
 * Bytes of uploads under way that do not yet make the next one wait: those of two steps, for an upload is executed behind the step
 * before it. With fewer, wide batches that come in several blocks would wait for the GPU to run dry.
 */
export const uploadBytes = (batch: number, d: number): number => Math.max(LEAST_UPLOADS, Math.min(MOST_UPLOADS, 2 * batch * d * 4));

/** Bounds what the queue holds: Dawn and browsers copy every write until it is executed. */
export class Uploads {
  /** Time waited so far, milliseconds. */
  waitedMs = 0;
  private bytes = 0;
  private readonly pending: { bytes: number; done: Promise<unknown> }[] = [];

  constructor(
    private readonly gpu: Pick<Gpu, 'queue' | 'lost' | 'check'>,
    private readonly most: number,
  ) {}

  /** Call after each submission; waits only while more than `most` bytes are under way. @throws Error when the device was lost. */
  async push(bytes: number): Promise<void> {
    // A lost device rejects what is in flight; `check` tells of it, so the rejection itself must not go unhandled.
    this.pending.push({ bytes, done: this.gpu.queue.onSubmittedWorkDone().catch(() => undefined) });
    this.bytes += bytes;
    const asked = performance.now();
    while (this.bytes > this.most) {
      const oldest = this.pending.shift();
      if (!oldest) break;
      await Promise.race([oldest.done, this.gpu.lost]);
      this.gpu.check();
      this.bytes -= oldest.bytes;
    }
    this.waitedMs += performance.now() - asked;
  }
}

interface Stage {
  raw: GPUBuffer;
  slots: GPUBuffer;
  params: GPUBuffer;
  plan: (rows: number, quads: number) => Plan;
}

/** f32 rows `[capacity, stride]` on the GPU; columns d..stride-1 are zero. */
export class GpuPool {
  private next = 0;
  private readonly uploads: Uploads;

  private constructor(
    private readonly gpu: Gpu,
    private readonly arena: Arena,
    /** `[capacity, stride]` f32. */
    readonly rows: GPUBuffer,
    private readonly stages: Stage[],
    private readonly stagingRows: (dtype: RowDtype) => number,
    readonly capacity: number,
    readonly d: number,
    readonly stride: number,
    uploads: number,
  ) {
    this.uploads = new Uploads(gpu, uploads);
  }

  /** @param uploads bytes that may be under way to it. @throws Error when the GPU cannot hold or bind it. */
  static async create(gpu: Gpu, capacity: number, d: number, uploads = LEAST_UPLOADS): Promise<GpuPool> {
    const stride = poolStride(d);
    const bytes = capacity * stride * 4;
    const limit = Math.min(gpu.limits.maxStorageBufferBindingSize, gpu.limits.maxBufferSize);
    if (bytes > limit)
      throw new RangeError(
        `a pool of ${capacity} rows of width ${d} takes ${megabytes(bytes)}; this GPU binds at most ${megabytes(limit)} at once. Take at most ${Math.floor(limit / stride / 4)} rows.`,
      );
    const kernel = await gpu.kernels.get({ name: 'data.ingest', code: shaderText('data/ingest'), constants: { WORKGROUP } });
    const arena = new Arena(gpu, 'pool');
    const rows = arena.storage('rows', bytes);
    const stagingBytes = Math.max(d * 4, Math.min(STAGING_BYTES, capacity * d * 4));
    const stagingRows = (dtype: RowDtype): number => Math.min(capacity, Math.floor(stagingBytes / (d * ROW_DTYPE_BYTES[dtype])));
    const slotRows = Math.max(...(Object.keys(DTYPE_CODE) as RowDtype[]).map(stagingRows));
    const stages = Array.from({ length: RING }, (_, i) => makeStage(gpu, arena, kernel, rows, i, stagingBytes, slotRows));
    await arena.ready();
    return new GpuPool(gpu, arena, rows, stages, stagingRows, capacity, d, stride, uploads);
  }

  /** Time that `ingest` has waited for the GPU, milliseconds. */
  get waitedMs(): number {
    return this.uploads.waitedMs;
  }

  /** Bytes of GPU memory held. */
  get bytes(): number {
    return this.arena.bytes;
  }

  /**
   * Uploads rows and converts them to f32 in the given slots (`slots[i]` for row i, no slot twice). Ordered on the queue:
   * work submitted before still reads the old rows, work submitted after reads the new ones.
   */
  async ingest(block: RowBlock, slots: Uint32Array): Promise<void> {
    if (block.d !== this.d) throw new RangeError(`rows of width ${block.d} for a pool of width ${this.d}`);
    if (slots.length !== block.rows) throw new RangeError(`${slots.length} slots for ${block.rows} rows`);
    const step = this.stagingRows(block.dtype);
    for (let from = 0; from < block.rows; from += step) {
      const rows = Math.min(step, block.rows - from);
      this.upload(sliceBlock(block, from, rows), slots.subarray(from, from + rows));
      await this.uploads.push(rows * this.d * ROW_DTYPE_BYTES[block.dtype]);
    }
  }

  destroy(): void {
    this.arena.destroy();
  }

  private upload(block: RowBlock, slots: Uint32Array): void {
    const stage = this.stages[this.next] as Stage;
    this.next = (this.next + 1) % this.stages.length;
    const quads = this.stride / 4;
    writePadded(this.gpu, stage.raw, block.bytes);
    write(this.gpu, stage.slots, 0, slots);
    this.gpu.queue.writeBuffer(stage.params, 0, IngestParams.pack({ rows: block.rows, d: this.d, quads, dtype: DTYPE_CODE[block.dtype] }));
    stage.plan(block.rows, quads).submit();
  }
}

function makeStage(gpu: Gpu, arena: Arena, kernel: Kernel, rows: GPUBuffer, index: number, bytes: number, slotRows: number): Stage {
  const raw = arena.storage(`staging${index}`, bytes);
  const slots = arena.storage(`slots${index}`, slotRows * 4);
  const params = arena.uniform(`params${index}`, IngestParams.size);
  const plan = (n: number, quads: number): Plan =>
    new Plan(gpu, 'data.ingest').add(kernel, { params, raw, slots, pool: rows }, fold(Math.ceil((n * quads) / WORKGROUP)));
  return { raw, slots, params, plan };
}

/** writeBuffer takes multiples of 4 bytes; only the last word is copied to be padded. */
function writePadded(gpu: Gpu, buffer: GPUBuffer, bytes: Uint8Array): void {
  const whole = bytes.byteLength & ~3;
  if (whole > 0) gpu.queue.writeBuffer(buffer, 0, bytes as Uint8Array<ArrayBuffer>, 0, whole);
  if (whole < bytes.byteLength) write(gpu, buffer, whole, bytes.subarray(whole));
}
