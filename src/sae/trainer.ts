/**
 * The training step of a packed sweep: R SAEs on the same batch, one compute pass and one submission a step, nothing read
 * back inside it. design: docs/architecture.md; formulas beside kernels: docs/maths.md.
 */
import { Arena, readFloats, write } from '../gpu/buffers';
import type { Gpu } from '../gpu/device';
import type { Plan } from '../gpu/plan';
import { ARCHITECTURES } from './architectures';
import { MAX_RUNS, RUN, STATS } from './kernels';
import { bufferBytes, type Layout, type StepForm, type SweepBuffers } from './layout';
import { downloadRun, padRows, uploadRun } from './packing';
import { learningRate, type Schedule, sparsity } from './schedules';
import { StepContext } from './stepContext';
import { stepPlan } from './stepPlan';
import type { SaeWeights } from './weights';

export interface OptimiserSettings {
  beta1: number;
  beta2: number;
  eps: number;
}

export interface TrainerRun {
  schedule: Schedule;
  optimiser: OptimiserSettings;
  weights: SaeWeights;
}

/** Training values of one run at one step, measured before that step's update, in units of the scaled activations. */
export interface StepLog {
  step: number;
  lr: number;
  lambda: number;
  loss: number;
  mse_loss: number;
  /** Mean over the batch of the L1 term, before lambda. */
  sparsity_loss: number;
  /** Absent for architectures without an auxiliary loss. */
  aux_loss?: number;
  l0: number;
  gamma: number;
}

export interface TrainerOptions {
  layout: Layout;
  runs: TrainerRun[];
  /** GPU rows the batches are drawn from, `[capacity, 4·quads]` f32. */
  pool: GPUBuffer;
  /** Activations are multiplied by this … */
  scale: number;
  /** … and this mean (of the scaled activations, `[d]`) is subtracted, once for all runs. */
  mean: Float32Array;
  /** Calibrated speed, FLOPs a millisecond: long steps are cut into several submissions. */
  flopsPerMs: number;
  /** How a step computes what lies between the encoder and Adam; the results agree to rounding. 'sparse' unless given. */
  form?: StepForm;
}

/** Steps whose statistics may be on their way to the host at once. */
const RING = 4;

export class SweepTrainer {
  /** Steps done by each run. */
  readonly steps: number[];
  private readonly live: boolean[];
  private readonly ring: { buffer: GPUBuffer; busy: Promise<unknown> }[];
  private ringNext = 0;

  private constructor(
    readonly gpu: Gpu,
    private readonly arena: Arena,
    readonly options: TrainerOptions,
    readonly buffers: SweepBuffers,
    readonly runTable: GPUBuffer,
    /** For passes that evaluation adds on the same buffers. */
    readonly context: StepContext,
    private readonly plan: Plan,
  ) {
    this.steps = options.runs.map(() => 0);
    this.live = options.runs.map(() => true);
    this.ring = Array.from({ length: RING }, (_, i) => ({
      buffer: arena.readback(`stats${i}`, options.layout.runs.length * STATS * 4),
      busy: Promise.resolve(),
    }));
  }

  get layout(): Layout {
    return this.options.layout;
  }

  /** Bytes of GPU memory this sweep holds. */
  get bytes(): number {
    return this.arena.bytes;
  }

  /** @throws Error when the GPU cannot hold the sweep or a kernel does not compile. */
  static async create(gpu: Gpu, options: TrainerOptions): Promise<SweepTrainer> {
    const { layout, runs } = options;
    if (runs.length !== layout.runs.length) throw new Error(`layout has ${layout.runs.length} runs, options ${runs.length}`);
    const momentum = runs.some((run) => run.optimiser.beta1 > 0);
    const arena = new Arena(gpu, 'sweep');
    const buffers = Object.fromEntries(
      Object.entries(bufferBytes(layout, momentum, options.form)).map(([name, bytes]) => [name, arena.storage(name, bytes)]),
    ) as SweepBuffers;
    const runTable = arena.uniform('runs', MAX_RUNS * RUN.size);
    const mean = padRows(options.mean, layout.d);
    write(gpu, buffers.mean, 0, mean);
    write(gpu, buffers.bias, layout.runs.length * layout.quads * 16, mean);
    try {
      const context = new StepContext(gpu, arena, layout, buffers, runTable);
      const plan = await stepPlan(context, options, momentum);
      const trainer = new SweepTrainer(gpu, arena, options, buffers, runTable, context, plan);
      await arena.ready();
      runs.forEach((run, r) => uploadRun(gpu, buffers, layout, r, run.weights));
      return trainer;
    } catch (error) {
      arena.destroy();
      throw error;
    }
  }

  /** Memory that lives as long as the sweep, for passes that use its buffers. */
  storage(label: string, bytes: number): GPUBuffer {
    return this.arena.storage(label, bytes);
  }

  isLive(r: number): boolean {
    return this.live[r] === true;
  }

  get anyLive(): boolean {
    return this.live.includes(true);
  }

  /** Ends a run: no kernel touches its parameters again. The others' bits do not change. */
  stop(r: number): void {
    this.live[r] = false;
  }

  /**
   * One step of every live run on the pool rows `slots` (length = batch), as one or a few submissions.
   * @returns with `log`, a promise of the step's values of each live run (undefined for the others), pending until the GPU is there.
   */
  async step(slots: Uint32Array, log = false): Promise<{ log?: Promise<(StepLog | undefined)[]> }> {
    const { layout } = this.options;
    if (slots.length !== layout.batch) throw new Error(`${slots.length} rows for a batch of ${layout.batch}`);
    const at = this.options.runs.map((run, r) => {
      const t = this.steps[r] as number;
      return { live: this.isLive(r), step: t, lr: learningRate(run.schedule, t), lambda: sparsity(run.schedule, t) };
    });
    this.writeRunTable(at.map(({ live, lr, lambda, step }) => ({ live, lr, lambda, t: step + 1 })));
    write(this.gpu, this.buffers.slots, 0, slots);
    const ring = this.ring[this.ringNext % RING];
    if (log && ring) {
      this.ringNext++;
      await ring.busy;
    }
    this.plan.submit(this.options.flopsPerMs, (encoder) => {
      if (log && ring) encoder.copyBufferToBuffer(this.buffers.totals, 0, ring.buffer, 0, ring.buffer.size);
    });
    this.live.forEach((live, r) => {
      if (live) this.steps[r] = (this.steps[r] as number) + 1;
    });
    if (!log || !ring) return {};
    const values = ring.buffer.mapAsync(GPUMapMode.READ).then(() => {
      const copy = new Float32Array(ring.buffer.getMappedRange().slice(0));
      ring.buffer.unmap();
      return copy;
    });
    ring.busy = values.catch(() => undefined);
    return { log: values.then((totals) => at.map((run, r) => (run.live ? this.logOf(r, run, totals) : undefined))) };
  }

  /** Weights of a run, in units of the scaled activations. */
  weights(r: number): Promise<SaeWeights> {
    return downloadRun(this.gpu, this.buffers, this.options.layout, r);
  }

  /** Rows on which each latent of run r fired (f > 0) in training since the last call, `[F]`; starts counting anew. */
  async takeFires(r: number): Promise<Float32Array> {
    const { first, width } = this.layout.runs[r] as { first: number; width: number };
    const sums = await readFloats(this.gpu, this.buffers.sums, first * 8, width * 8);
    const encoder = this.gpu.device.createCommandEncoder({ label: 'sae.resetFires' });
    encoder.clearBuffer(this.buffers.sums, first * 32, width * 32);
    this.gpu.queue.submit([encoder.finish()]);
    return Float32Array.from({ length: width }, (_, i) => sums[i * 8 + 4] as number);
  }

  destroy(): void {
    this.arena.destroy();
  }

  /** Writes the run table; evaluation passes use it to choose which runs they touch. */
  writeRunTable(values: { live: boolean; lr: number; lambda: number; t: number }[]): void {
    const { layout, runs } = this.options;
    const table = new ArrayBuffer(layout.runs.length * RUN.size);
    layout.runs.forEach((place, r) => {
      const { optimiser } = runs[r] as TrainerRun;
      const { live, lr, lambda, t } = values[r] as (typeof values)[number];
      RUN.packInto(table, r * RUN.size, {
        first: place.first,
        width: place.width,
        arch: ARCHITECTURES[place.arch].code,
        live: live ? 1 : 0,
        lambda,
        lr,
        correction1: 1 / (1 - optimiser.beta1 ** t),
        correction2: 1 / (1 - optimiser.beta2 ** t),
        beta1: optimiser.beta1,
        beta2: optimiser.beta2,
        eps: optimiser.eps,
        main_slot: place.mainSlot,
        aux_slot: place.auxSlot,
        spare0: 0,
        spare1: 0,
        spare2: 0,
      });
    });
    this.gpu.queue.writeBuffer(this.runTable, 0, table);
  }

  private logOf(r: number, at: { step: number; lr: number; lambda: number }, totals: Float32Array): StepLog {
    const { layout } = this.options;
    const of = (i: number) => (totals[r * STATS + i] as number) / layout.batch;
    const hasAux = ARCHITECTURES[(layout.runs[r] as Layout['runs'][number]).arch].hasAux;
    const aux = hasAux ? of(1) : 0;
    return {
      step: at.step,
      lr: at.lr,
      lambda: at.lambda,
      loss: of(0) + at.lambda * of(2) + aux,
      mse_loss: of(0),
      sparsity_loss: of(2),
      ...(hasAux ? { aux_loss: aux } : {}),
      l0: of(3),
      gamma: of(4) / of(5),
    };
  }
}
