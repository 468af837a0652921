/**
 * Inference of a packed sweep on given rows, for evaluation: same kernels as training, no backward pass. It borrows the sweep's
 * work buffers, so it must run between steps (the queue's order sees to it).
 */
import { Arena, readFloats, write } from '../gpu/buffers';
import type { Plan } from '../gpu/plan';
import { MAX_RUNS, STAT, STATS } from './kernels';
import { type Dispatch, StepContext } from './step/context';
import { columnMoments, type EvaluationBuffers, evaluateStep, restore } from './step/evaluate';
import type { SweepTrainer } from './trainer';

/** Statistics of some rows, read back. */
export interface ForwardSums {
  rows: number;
  /** `[R, STATS]` sums over the rows (STATS of common.wgsl); garbage for runs that were not asked for. */
  totals: Float32Array;
  /** Sums over rows of each column of the scaled, centred rows minus the pivot, `[d]`, and of all their squares. */
  columnSums: Float32Array;
  squares: number;
}

export class ForwardPass {
  private readonly plans = new Map<string, Plan>();
  private readonly firesBuffer: GPUBuffer;
  private hasPivot = false;

  private constructor(
    private readonly trainer: SweepTrainer,
    /** The sweep's buffers; what is made on the way belongs to this pass. */
    private readonly context: StepContext,
    private readonly arena: Arena,
    private readonly buffers: EvaluationBuffers,
  ) {
    this.firesBuffer = context.shared.fires;
  }

  /** @throws Error when the GPU cannot hold its few buffers; the sweep is not touched. */
  static async create(trainer: SweepTrainer, raw: GPUBuffer): Promise<ForwardPass> {
    const { gpu, layout, shared, segments, halfX, variant } = trainer.context;
    const arena = new Arena(gpu, 'evaluation of a sweep');
    const context = new StepContext(gpu, arena, layout, shared, segments, halfX, variant);
    const buffers = { raw, moments: arena.storage('moments', layout.quads * 32), pivot: arena.storage('pivot', layout.quads * 16) };
    await arena.ready();
    const pass = new ForwardPass(trainer, context, arena, buffers);
    await context.compile([...pass.step(0, 1), ...pass.restored(0, 1, raw, 0)]);
    return pass;
  }

  destroy(): void {
    this.plans.clear();
    this.arena.destroy();
  }

  /** Rows that one `run` can take. */
  get maxRows(): number {
    return this.trainer.layout.batch;
  }

  /**
   * What the sums of columns and squares are about, in units of the scaled and centred rows, `[d]`; without one zero, as at the start.
   * A pivot near the rows' mean keeps the digits of their variance.
   */
  setPivot(pivot?: Float32Array): void {
    if (!pivot && !this.hasPivot) return;
    const padded = new Float32Array(this.trainer.layout.quads * 4);
    padded.set(pivot ?? []);
    write(this.trainer.gpu, this.buffers.pivot, 0, padded);
    this.hasPivot = pivot !== undefined;
  }

  /** Forms the sums of columns and squares of the last `run` again, about a pivot that was set since. */
  repeatMoments(rows: number): void {
    this.submit(`moments ${rows}`, () => [columnMoments(this.context, this.buffers, rows)]);
  }

  /** Sets the firing counts of all latents to zero. */
  resetFires(): void {
    const encoder = this.trainer.gpu.device.createCommandEncoder({ label: 'sae.resetFires' });
    encoder.clearBuffer(this.firesBuffer);
    this.trainer.gpu.queue.submit([encoder.finish()]);
  }

  /** Firing counts of one run's latents since the last reset, `[F]`. */
  async fires(r: number): Promise<Uint32Array> {
    const { first, width } = this.trainer.layout.runs[r] as { first: number; width: number };
    return new Uint32Array((await readFloats(this.trainer.gpu, this.firesBuffer, first, width)).buffer);
  }

  /** Encodes and decodes raw rows [first, first + rows) for the chosen runs. Errors stay on the GPU for `restore`. */
  run(first: number, rows: number, live: readonly boolean[]): void {
    if (rows > this.maxRows) throw new Error(`${rows} rows for a pass of ${this.maxRows}`);
    this.trainer.writeRunTable(
      live.map((on) => ({ live: on })),
      true,
    );
    const { gpu, context } = this.trainer;
    // Which form the last step took does not matter here: every run is decoded from its active set.
    const clear = gpu.device.createCommandEncoder({ label: 'sae.forward' });
    for (const segment of context.segments) clear.clearBuffer(segment.buffers.active_set, 0, MAX_RUNS * 4);
    gpu.queue.submit([clear.finish()]);
    const key = `run ${first} ${rows}`;
    this.submit(key, () => this.step(first, rows), this.trainer.options.flopsPerMs);
  }

  /** Reads the statistics of the last `run`. @throws Error when the GPU could not hold what that or a `restore` since needed. */
  async sums(rows: number): Promise<ForwardSums> {
    await this.arena.ready();
    const { layout, gpu, context } = this.trainer;
    const [totals, moments] = await Promise.all([
      readFloats(gpu, context.shared.totals, 0, layout.runs.length * STATS),
      readFloats(gpu, this.buffers.moments, 0, layout.quads * 8),
    ]);
    let squares = 0;
    for (let k = layout.quads * 4; k < moments.length; k++) squares += moments[k] as number;
    return { rows, totals, columnSums: moments.subarray(0, layout.d), squares };
  }

  /** ‖x − x̂‖² of each row of the last `run`, in units of the scaled rows: `[rows]` for each of the runs. */
  async errors(rows: number, runs: readonly number[]): Promise<Float32Array[]> {
    await this.arena.ready();
    const { layout, gpu, context } = this.trainer;
    const stride = layout.runs.length * STATS;
    const chunks = await Promise.all(
      Array.from({ length: layout.chunks }, (_, c) => readFloats(gpu, context.shared.stats, c * layout.batch * stride, rows * stride)),
    );
    return runs.map((r) =>
      Float32Array.from({ length: rows }, (_, row) =>
        chunks.reduce((sum, values) => sum + (values[row * stride + r * STATS + STAT.error] as number), 0),
      ),
    );
  }

  /** Writes the reconstructions of run r by the last `run` into `target` `[*, d]`, from row `at` on, in raw units. */
  restore(r: number, rows: number, target: GPUBuffer, at: number): void {
    this.submit(`restore ${r} ${rows} ${at} ${target.label}`, () => this.restored(r, rows, target, at));
  }

  /** A plan is made when it is first submitted; what the GPU refuses of that is told by `sums`. */
  private submit(key: string, make: () => Dispatch[], flopsPerMs?: number): void {
    const known = this.plans.get(key);
    if (known) return void known.submit(flopsPerMs);
    this.arena.guard(() => {
      const plan = this.context.plan(`sae.forward ${key}`, make());
      plan.submit(flopsPerMs);
      this.plans.set(key, plan);
    });
  }

  private step(first: number, rows: number): Dispatch[] {
    return evaluateStep(this.context, this.buffers, first, rows, this.trainer.options.scale);
  }

  private restored(r: number, rows: number, target: GPUBuffer, at: number): Dispatch[] {
    const slot = this.trainer.layout.runs[r]?.mainSlot;
    if (slot === undefined) throw new Error(`no run ${r}`);
    return [restore(this.context, slot, target, at, rows, this.trainer.options.scale)];
  }
}
