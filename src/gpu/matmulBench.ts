/** Runs matmul variants on a device for the tuner: do they agree, and how long do they take. */
import { Arena, readBytes } from './buffers';
import type { Gpu } from './device';
import type { Kernel } from './kernel';
import { DEFAULT_MATMUL, type MatmulShape, type MatmulVariant, matmulFlops, matmulGrid, matmulSource } from './matmul';
import { Plan } from './plan';
import { paramsOf, shaderFile } from './shaders';

export const PLAIN_PARAMS = paramsOf('matmul/plain');

/** Bytes of its C: rows padded to whole vec4s. */
export const plainBytes = (rows: number, columns: number): number => rows * Math.ceil(columns / 4) * 16;

export const plainSource = (variant: MatmulVariant) => matmulSource(variant, 'matmul.plain', shaderFile('matmul/plain'));

/** The time one run should take: well above what a submission costs, short enough for a hundred of them. */
const RUN_MS = 3;
/** Where sizing begins; a processor takes some ms for it. */
const FIRST_FLOPS = 2 ** 23;
/** Of one buffer: half of what every device can bind. */
const LARGEST_BYTES = 2 ** 26;
/** Dispatches of one run at most, where the class itself is too small to take RUN_MS. */
const MOST_REPEATS = 64;
/** More than one tile of every variant each way, and ragged. */
const AGREEMENT: MatmulShape = { rows: 141, columns: 139, quads: 9 };

const bytesOf = ({ rows, columns, quads }: MatmulShape) => ({
  a: rows * quads * 16,
  b: columns * quads * 16,
  c: plainBytes(rows, columns),
});
const widestBytes = (size: MatmulShape): number => Math.max(...Object.values(bytesOf(size)));

/**
 * The class, or what of it stays below this many FLOPs: fewer rows and columns at first, since K decides how loads meet the caches.
 */
export function fitShape(size: MatmulShape, flops: number): MatmulShape {
  let { rows, columns, quads } = size;
  const isTooMuch = () => matmulFlops({ rows, columns, quads }) > flops || widestBytes({ rows, columns, quads }) > LARGEST_BYTES;
  while (isTooMuch()) {
    if (Math.max(rows, columns) > 128) {
      if (rows > columns) rows /= 2;
      else columns /= 2;
    } else if (quads > 64) quads /= 2;
    else break;
  }
  return { rows, columns, quads };
}

interface Problem {
  arena: Arena;
  size: MatmulShape;
  bindings: Record<'params' | 'a' | 'b' | 'c', GPUBuffer>;
}

export class MatmulBench {
  private readonly kernels = new Map<MatmulVariant, Promise<Kernel | undefined>>();
  private agreement: Promise<{ problem: Problem; bits: Uint32Array } | undefined> | undefined;
  private problem: Problem | undefined;
  private repeats = 1;

  constructor(private readonly gpu: Gpu) {}

  /** Undefined where the driver refuses the text: the variant is then not for this device. */
  compile(variant: MatmulVariant): Promise<Kernel | undefined> {
    let kernel = this.kernels.get(variant);
    if (!kernel) {
      kernel = this.gpu.kernels.get(plainSource(variant)).catch(() => undefined);
      this.kernels.set(variant, kernel);
    }
    return kernel;
  }

  /** Whether the variant compiles and gives the default's bits. */
  async agrees(variant: MatmulVariant): Promise<boolean> {
    this.agreement ??= this.prepareAgreement();
    const reference = await this.agreement;
    if (!reference) return false;
    if (variant === DEFAULT_MATMUL) return true;
    const bits = await this.bitsOf(variant, reference.problem);
    return bits?.every((value, i) => value === reference.bits[i]) ?? false;
  }

  /**
   * Allocates a product of the class for which this variant takes about RUN_MS.
   * @returns false when there is no memory for it.
   */
  async settle(variant: MatmulVariant, size: MatmulShape): Promise<boolean> {
    for (let flops = FIRST_FLOPS; ; ) {
      const fitted = fitShape(size, flops);
      this.problem?.arena.destroy();
      this.problem = await this.allocate(fitted);
      if (!this.problem) return false;
      this.repeats = 1;
      await this.time(variant);
      const ms = await this.time(variant);
      const isWhole = matmulFlops(fitted) >= matmulFlops(fitShape(size, Number.POSITIVE_INFINITY));
      if (ms >= RUN_MS / 2 || isWhole) {
        this.repeats = Math.min(MOST_REPEATS, Math.max(1, Math.ceil(RUN_MS / 2 / ms)));
        return true;
      }
      flops *= Math.min(16, Math.max(2, RUN_MS / ms));
    }
  }

  /** Milliseconds of one run of what `settle` allocated. */
  async time(variant: MatmulVariant): Promise<number> {
    const kernel = await this.compile(variant);
    if (!kernel || !this.problem) return Number.POSITIVE_INFINITY;
    const plan = this.planOf(kernel, variant, this.problem, this.repeats);
    const start = performance.now();
    plan.submit();
    await Promise.race([this.gpu.queue.onSubmittedWorkDone(), this.gpu.lost]);
    return performance.now() - start;
  }

  destroy(): void {
    this.problem?.arena.destroy();
    // Allocation is over by now, or it failed.
    void this.agreement?.then((reference) => reference?.problem.arena.destroy());
  }

  private async prepareAgreement() {
    const problem = await this.allocate(AGREEMENT);
    if (!problem) return undefined;
    const { rows, columns, quads } = AGREEMENT;
    this.gpu.queue.writeBuffer(problem.bindings.a, 0, noise(rows * quads * 4, 1));
    this.gpu.queue.writeBuffer(problem.bindings.b, 0, noise(columns * quads * 4, 2));
    const bits = await this.bitsOf(DEFAULT_MATMUL, problem);
    return bits && { problem, bits };
  }

  private async bitsOf(variant: MatmulVariant, problem: Problem): Promise<Uint32Array | undefined> {
    const kernel = await this.compile(variant);
    if (!kernel) return undefined;
    const { c } = problem.bindings;
    const bytes = bytesOf(problem.size).c;
    // What a variant leaves out must not be another one's result.
    this.gpu.queue.writeBuffer(c, 0, new Float32Array(bytes / 4).fill(Number.NaN));
    this.planOf(kernel, variant, problem, 1).submit();
    return new Uint32Array(await readBytes(this.gpu, c, 0, bytes));
  }

  private planOf(kernel: Kernel, variant: MatmulVariant, { size, bindings }: Problem, repeats: number): Plan {
    const plan = new Plan(this.gpu, `matmul.tune ${variant.name}`);
    for (let i = 0; i < repeats; i++) plan.add(kernel, bindings, matmulGrid(variant, size.rows, size.columns));
    return plan;
  }

  private async allocate(size: MatmulShape): Promise<Problem | undefined> {
    const bytes = bytesOf(size);
    const arena = new Arena(this.gpu, 'matmul.tune');
    const bindings = {
      params: arena.uniform('params', PLAIN_PARAMS.pack(size)),
      a: arena.storage('a', bytes.a),
      b: arena.storage('b', bytes.b),
      c: arena.storage('c', bytes.c),
    };
    try {
      await arena.ready();
      return { arena, size, bindings };
    } catch {
      return undefined;
    }
  }
}

/** Numbers in (-1, 1) whose sums round: a Weyl sequence, the same on every machine. */
function noise(n: number, seed: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: n }, (_, i) => (((i * seed + seed) * 0.6180339887498949) % 1) * 2 - 1);
}
