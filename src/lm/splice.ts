/** Ablations: what a hook's value is replaced by before `LanguageModel.crossEntropy`. */
import { Arena, readFloats } from '../gpu/buffers';
import type { Gpu } from '../gpu/device';
import type { Kernel } from '../gpu/kernel';
import { fold, Plan } from '../gpu/plan';
import { LM_SHADERS, lmKernel, WG } from './kernels';
import type { HookValue } from './model';

export type SpliceMode = 'zero' | 'mean' | 'half';

/** Rows added up in f32 before the host goes on in float64. */
const BLOCK = 64;

type Rows = Pick<HookValue, 'buffer' | 'rows' | 'width'>;

/** Makes replaced values of one width, for batches of up to `maxRows`. */
export class Splicer {
  private constructor(
    private readonly gpu: Gpu,
    private readonly width: number,
    private readonly maxRows: number,
    private readonly kernels: { fill: Kernel; sums: Kernel },
    private readonly arena: Arena,
    private readonly buffers: { params: GPUBuffer; shift: GPUBuffer; result: GPUBuffer; sums: GPUBuffer },
  ) {}

  /** @throws Error when the GPU cannot hold the buffers. */
  static async create(gpu: Gpu, width: number, maxRows: number): Promise<Splicer> {
    const arena = new Arena(gpu, 'splice');
    const buffers = {
      params: arena.uniform('params', LM_SHADERS.splice_value.params.size),
      shift: arena.storage('shift', width * 4),
      result: arena.storage('result', maxRows * width * 4),
      sums: arena.storage('sums', Math.ceil(maxRows / BLOCK) * width * 4),
    };
    await arena.ready();
    const [fill, sums] = await Promise.all([
      lmKernel(gpu, 'splice_value', { WG: WG.element }),
      lmKernel(gpu, 'column_sums', { WG: WG.element, BLOCK }),
    ]);
    return new Splicer(gpu, width, maxRows, { fill, sums }, arena, buffers);
  }

  /** Zero everywhere. The returned buffer, as of every method, is valid until the next call. */
  zero(value: Rows): GPUBuffer {
    return this.fill(value, 0, new Float32Array(this.width));
  }

  /** Half the value. */
  half(value: Rows): GPUBuffer {
    return this.fill(value, 0.5, new Float32Array(this.width));
  }

  /** `mean` [width] in every row. */
  mean(value: Rows, mean: ArrayLike<number>): GPUBuffer {
    if (mean.length !== this.width) throw new Error(`A mean of ${mean.length} values cannot replace a hook of ${this.width}.`);
    return this.fill(value, 0, Float32Array.from(mean));
  }

  /** Column sums of a value [rows, width], for a mean over any number of batches. Reads back: for evaluation only. */
  async columnSums(value: Rows): Promise<Float64Array> {
    this.check(value);
    const { rows, width } = value;
    this.gpu.queue.writeBuffer(this.buffers.params, 0, LM_SHADERS.column_sums.params.pack({ rows, width }));
    const blocks = Math.ceil(rows / BLOCK);
    const plan = new Plan(this.gpu, 'lm.column_sums');
    plan.add(
      this.kernels.sums,
      { params: this.buffers.params, x: value.buffer, sums: this.buffers.sums },
      fold(Math.ceil((blocks * width) / WG.element)),
    );
    plan.submit();
    const partial = await readFloats(this.gpu, this.buffers.sums, 0, blocks * width);
    const sums = new Float64Array(width);
    partial.forEach((sum, i) => {
      sums[i % width] = (sums[i % width] as number) + sum;
    });
    return sums;
  }

  destroy(): void {
    this.arena.destroy();
  }

  private fill(value: Rows, scale: number, shift: Float32Array<ArrayBuffer>): GPUBuffer {
    this.check(value);
    const { params, result } = this.buffers;
    this.gpu.queue.writeBuffer(params, 0, LM_SHADERS.splice_value.params.pack({ rows: value.rows, width: this.width, scale }));
    this.gpu.queue.writeBuffer(this.buffers.shift, 0, shift);
    const plan = new Plan(this.gpu, 'lm.splice_value');
    plan.add(
      this.kernels.fill,
      { params, x: value.buffer, shift: this.buffers.shift, y: result },
      fold(Math.ceil((value.rows * this.width) / WG.element)),
    );
    plan.submit();
    return result;
  }

  private check({ rows, width }: Rows): void {
    if (width !== this.width || rows > this.maxRows)
      throw new Error(`A value of ${rows} x ${width} does not fit a splicer of ${this.maxRows} x ${this.width}.`);
  }
}

/**
 * The replacement for one ablation.
 * @param mean [width], e.g. over all evaluation windows; without it `mean` uses the batch's own (one read-back).
 */
export async function spliceValue(splicer: Splicer, mode: SpliceMode, value: Rows, mean?: ArrayLike<number>): Promise<GPUBuffer> {
  if (mode === 'zero') return splicer.zero(value);
  if (mode === 'half') return splicer.half(value);
  return splicer.mean(value, mean ?? (await splicer.columnSums(value)).map((sum) => sum / value.rows));
}
