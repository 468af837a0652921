/**
 * Inference of a packed sweep on given rows, for evaluation: same kernels as training, no backward pass. It borrows the sweep's
 * work buffers, so it must run between steps (the queue's order sees to it).
 */
import { Arena, readFloats, write } from '../gpu/buffers';
import type { Kernel } from '../gpu/kernel';
import { fold, Plan } from '../gpu/plan';
import { type Encoder, encoder } from './encoder';
import { MAX_RUNS, PARAMS, STATS, saeKernel } from './kernels';
import { addCorrection, addDecode, addEncode, addReduceStats, decoder } from './passes';
import { StepContext } from './stepContext';
import type { SweepTrainer } from './trainer';

/** Expected share of active latents, for the bound on a dispatch's time: half of them fire at initialisation. */
const DENSITY = 0.5;

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
  /** The sweep's buffers; what is made on the way belongs to this pass. */
  private readonly context: StepContext;
  private hasPivot = false;

  private constructor(
    private readonly trainer: SweepTrainer,
    /** Raw activations `[*, d]` f32, without padding. */
    private readonly raw: GPUBuffer,
    private readonly kernels: Kernels,
    private readonly arena: Arena,
    private readonly moments: GPUBuffer,
    private readonly pivot: GPUBuffer,
  ) {
    const { gpu, layout, shared, segments, halfX } = trainer.context;
    this.firesBuffer = shared.fires;
    this.context = new StepContext(gpu, arena, layout, shared, segments, halfX);
  }

  /** @throws Error when the GPU cannot hold its few buffers; the sweep is not touched. */
  static async create(trainer: SweepTrainer, raw: GPUBuffer): Promise<ForwardPass> {
    const kernels = await compile(trainer);
    const arena = new Arena(trainer.gpu, 'evaluation of a sweep');
    const moments = arena.storage('moments', trainer.layout.quads * 32);
    const pivot = arena.storage('pivot', trainer.layout.quads * 16);
    await arena.ready();
    return new ForwardPass(trainer, raw, kernels, arena, moments, pivot);
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
    write(this.trainer.gpu, this.pivot, 0, padded);
    this.hasPivot = pivot !== undefined;
  }

  /** Forms the sums of columns and squares of the last `run` again, about a pivot that was set since. */
  repeatMoments(rows: number): void {
    this.submit(`moments ${rows}`, () => this.addMoments(new Plan(this.trainer.gpu, 'sae.moments'), rows));
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
    this.trainer.writeRunTable(live.map((on) => ({ live: on, lr: 0, lambda: 0, t: 1 })));
    const { gpu, context } = this.trainer;
    // Which form the last step took does not matter here: every run is decoded from its active set.
    const clear = gpu.device.createCommandEncoder({ label: 'sae.forward' });
    for (const segment of context.segments) clear.clearBuffer(segment.buffers.active_set, 0, MAX_RUNS * 4);
    gpu.queue.submit([clear.finish()]);
    const key = `run ${first} ${rows}`;
    this.submit(key, () => this.forwardPlan(first, rows), this.trainer.options.flopsPerMs);
  }

  /** Reads the statistics of the last `run`. @throws Error when the GPU could not hold what that or a `restore` since needed. */
  async sums(rows: number): Promise<ForwardSums> {
    await this.arena.ready();
    const { layout, gpu, context } = this.trainer;
    const [totals, moments] = await Promise.all([
      readFloats(gpu, context.shared.totals, 0, layout.runs.length * STATS),
      readFloats(gpu, this.moments, 0, layout.quads * 8),
    ]);
    let squares = 0;
    for (let k = layout.quads * 4; k < moments.length; k++) squares += moments[k] as number;
    return { rows, totals, columnSums: moments.subarray(0, layout.d), squares };
  }

  /** Writes the reconstructions of run r by the last `run` into `target` `[*, d]`, from row `at` on, in raw units. */
  restore(r: number, rows: number, target: GPUBuffer, at: number): void {
    this.submit(`restore ${r} ${rows} ${at} ${target.label}`, () => this.restorePlan(r, rows, target, at));
  }

  /** A plan is made when it is first submitted; what the GPU refuses of that is told by `sums`. */
  private submit(key: string, make: () => Plan, flopsPerMs?: number): void {
    const known = this.plans.get(key);
    if (known) return void known.submit(flopsPerMs);
    this.arena.guard(() => {
      const plan = make();
      plan.submit(flopsPerMs);
      this.plans.set(key, plan);
    });
  }

  private forwardPlan(first: number, rows: number): Plan {
    const { gpu, layout: l, options } = this.trainer;
    const { context } = this;
    const { mean, x, x_half } = context.shared;
    const k = this.kernels;
    const plan = new Plan(gpu, 'sae.forward').add(
      k.center,
      {
        params: context.uniform('center', PARAMS.center, { rows, quads: l.quads, d: l.d, first, scale: options.scale }),
        raw: this.raw,
        mean,
        x,
        x_half: x_half,
      },
      fold(Math.ceil((rows * l.quads) / 64)),
    );
    addCorrection(plan, context, k.correction);
    addEncode(plan, context, k.encode, rows);
    addDecode(plan, context, k.decode, rows, DENSITY);
    addReduceStats(plan, context, k.reduceStats, rows);
    for (const segment of context.segments) {
      plan.add(
        k.fireCount,
        {
          params: context.uniform('fireCount', PARAMS.fireCount, {
            rows,
            quads: l.quads,
            latents: segment.count,
            row_groups: l.rowGroups,
            offset: segment.from,
          }),
          ...context.pick(segment, 'runs', 'active_set', 'x', 'w_enc', 'latent_params', 'fires'),
        },
        fold(segment.count),
      );
    }
    return this.addMoments(plan, rows);
  }

  private addMoments(plan: Plan, rows: number): Plan {
    const { layout: l } = this.trainer;
    const { context } = this;
    return plan.add(
      this.kernels.columnMoments,
      {
        params: context.uniform('columnMoments', PARAMS.columnMoments, { rows, quads: l.quads }),
        x: context.shared.x,
        pivot: this.pivot,
        moments: this.moments,
      },
      [Math.ceil(l.quads / 16)],
    );
  }

  private restorePlan(r: number, rows: number, target: GPUBuffer, at: number): Plan {
    const { gpu, layout: l, options } = this.trainer;
    const { context } = this;
    const slot = l.runs[r]?.mainSlot;
    if (slot === undefined) throw new Error(`no run ${r}`);
    return new Plan(gpu, 'sae.restore').add(
      this.kernels.restore,
      {
        params: context.uniform('restore', PARAMS.restore, {
          rows,
          quads: l.quads,
          d: l.d,
          slot_rows: l.batch,
          slot,
          first: at,
          mean_row: l.runs.length,
          unscale: 1 / options.scale,
        }),
        ...context.pick(context.only, 'residuals', 'x', 'b_dec'),
        raw_hat: target,
      },
      fold(Math.ceil((rows * l.d) / 64)),
    );
  }
}

interface Kernels extends Record<'center' | 'correction' | 'decode' | 'reduceStats' | 'fireCount' | 'columnMoments' | 'restore', Kernel> {
  encode: Encoder;
}

async function compile({ gpu, layout, context, variant }: SweepTrainer): Promise<Kernels> {
  const [center, correction, encode, decode, reduceStats, fireCount, columnMoments, restore] = await Promise.all([
    saeKernel(gpu, 'center', { HALF: context.halfX ? 1 : 0 }),
    saeKernel(gpu, 'correction'),
    encoder(gpu, variant, context.halfX, layout.registers, context.architectures),
    decoder(context),
    saeKernel(gpu, 'reduceStats'),
    saeKernel(gpu, 'fireCount', {}, context.architectures),
    saeKernel(gpu, 'columnMoments'),
    saeKernel(gpu, 'restore'),
  ]);
  return { center, correction, encode, decode, reduceStats, fireCount, columnMoments, restore };
}
