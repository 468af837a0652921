/**
 * The training step of a packed sweep: R SAEs on the same batch, one compute pass and one submission a step, nothing read
 * back inside it. design: docs/architecture.md; formulas beside kernels: docs/maths.md.
 */
import { Arena, readFloats, write } from '../gpu/buffers';
import type { Gpu } from '../gpu/device';
import type { MatmulVariant } from '../gpu/matmul';
import type { Plan } from '../gpu/plan';
import { chooseMatmul } from '../gpu/tuner';
import { architecture, optionValues } from './architectures';
import { type FireCount, FireCounts } from './fireCounts';
import { FORM, MAX_QUEUE, MAX_RUNS, RUN, STATE, STATE_AT, STATS } from './kernels';
import type { Layout, PlacedRun, StepForm } from './layout';
import { type SegmentBuffers, type SharedBuffers, segmentBytes, sharedBytes } from './memory';
import { downloadRun, padRows, takeFires, uploadPadding, uploadRun } from './packing';
import { resampleLatents } from './resampleLatents';
import { writeRun } from './runTable';
import { learningRate, powerAt, type Schedule, sparsity } from './schedules';
import { type PlacedSegment, StepContext } from './step/context';
import { trainStep } from './step/train';
import { type StepLog, stepLog } from './stepLog';
import type { SaeWeights } from './weights';

export interface OptimiserSettings {
  beta1: number;
  beta2: number;
  eps: number;
  /** Greatest norm of all gradients together, to which they are scaled; 0 or absent: as they are. */
  clip?: number;
}

export interface TrainerRun {
  schedule: Schedule;
  optimiser: OptimiserSettings;
  /** Latents that a selection keeps a row: the knob of the TopK family. */
  k?: number;
  weights: SaeWeights;
}

export type { StepLog } from './stepLog';

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
  /** How a step does its work; the results agree to rounding. 'auto' unless given: dense where the layout has that form and the GPU finds it cheaper. */
  form?: StepForm;
  /** Rounds the batch to f16, which halves what the encoder reads of it; sums stay f32. False unless given. */
  halfX?: boolean;
  /** The encoder's matmul; measured for this device unless given. Leaves no trace in the bits. */
  variant?: MatmulVariant;
}

/** Steps whose statistics may be on their way to the host at once. */
const RING = 4;

export class SweepTrainer {
  /** Steps done by each run. */
  readonly steps: number[];
  private readonly live: boolean[];
  /** As the kernels have them. */
  private readonly optionValues: number[][];
  private readonly fires: { counts: FireCounts; all: FireCount }[];
  private readonly ring: { buffer: GPUBuffer; busy: Promise<unknown> }[];
  private ringNext = 0;

  private constructor(
    readonly gpu: Gpu,
    private readonly arena: Arena,
    readonly options: TrainerOptions,
    /** Buffers, also for passes that evaluation adds on them. */
    readonly context: StepContext,
    private readonly plan: Plan,
  ) {
    this.steps = options.runs.map(() => 0);
    this.live = options.runs.map(() => true);
    this.optionValues = options.layout.runs.map((place) => optionValues(architecture(place.arch), place.options));
    this.fires = options.runs.map((_, r) => {
      const counts = new FireCounts(() => takeFires(gpu, context.segments, options.layout, r));
      return { counts, all: counts.add() };
    });
    this.ring = Array.from({ length: RING }, (_, i) => ({
      buffer: arena.readback(`stats${i}`, options.layout.runs.length * (STATS + STATE) * 4),
      busy: Promise.resolve(),
    }));
  }

  get layout(): Layout {
    return this.options.layout;
  }

  /** Dispatches of a step. */
  get dispatches(): number {
    return this.plan.length;
  }

  /** Bytes of GPU memory this sweep holds. */
  get bytes(): number {
    return this.arena.bytes;
  }

  /** @throws Error when the GPU cannot hold the sweep or a kernel does not compile. */
  static async create(gpu: Gpu, options: TrainerOptions): Promise<SweepTrainer> {
    const { layout, runs } = options;
    if (runs.length !== layout.runs.length) throw new Error(`layout has ${layout.runs.length} runs, options ${runs.length}`);
    const { form = 'auto', halfX = false } = options;
    const { momentum } = layout;
    if (!momentum && runs.some((run) => run.optimiser.beta1 > 0)) throw new Error('a run has beta1 > 0; the layout keeps no first moments');
    if (!layout.uses.clips && runs.some(({ optimiser }) => (optimiser.clip ?? 0) > 0))
      throw new Error('a run clips its gradients; the layout was made for none that does');
    runs.forEach((run, r) => checkRun(run, layout.runs[r] as PlacedRun, r));
    if (form === 'dense' && !layout.dense) throw new Error('this layout has no dense form');
    const variant = options.variant ?? (await chooseMatmul(gpu, { rows: layout.batch, columns: layout.latents, quads: layout.quads }));
    const arena = new Arena(gpu, 'sweep');
    const allocate = <T extends string>(sizes: Record<T, number>, suffix = '') =>
      Object.fromEntries(Object.entries<number>(sizes).map(([name, bytes]) => [name, arena.storage(name + suffix, bytes)])) as Record<
        T,
        GPUBuffer
      >;
    const shared: SharedBuffers = allocate(sharedBytes(layout, halfX));
    const segments: PlacedSegment[] = layout.segments.map((segment, s) => {
      const suffix = layout.segments.length > 1 ? `[${s}]` : '';
      const buffers: SegmentBuffers = {
        ...allocate(segmentBytes(layout, segment), suffix),
        runs: arena.written(`runs${suffix}`, MAX_RUNS * RUN.size),
      };
      return { ...segment, buffers };
    });
    try {
      await arena.ready(); // a buffer that is not there must not be written or bound: other runs would hear of it
      const mean = padRows(options.mean, layout.d);
      write(gpu, shared.mean, 0, mean);
      write(gpu, shared.b_dec, layout.runs.length * layout.quads * 16, mean);
      const context = new StepContext(gpu, arena, layout, shared, segments, halfX, variant);
      const dispatches = trainStep(context, { pool: options.pool, scale: options.scale, form });
      await context.compile(dispatches);
      const plan = arena.guard(() => context.plan('sae.step', dispatches));
      const trainer = new SweepTrainer(gpu, arena, options, context, plan);
      await arena.ready();
      uploadPadding(gpu, segments, layout);
      runs.forEach((run, r) => {
        uploadRun(gpu, trainer.parameters, layout, r, run.weights);
        const state = new Float32Array(STATE);
        state[STATE_AT.coefficient] = 1;
        state[STATE_AT.threshold] = run.weights.threshold ?? -1;
        write(gpu, shared.run_state, r * STATE * 4, state);
      });
      return trainer;
    } catch (error) {
      arena.destroy();
      throw error;
    }
  }

  private get parameters() {
    return { segments: this.context.segments, bias: this.context.shared.b_dec };
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
    this.writeRunTable(at);
    write(this.gpu, this.context.shared.slots, 0, slots);
    // An evaluation may have cleared it; where there is a choice, the GPU makes it.
    if (this.options.form === 'dense') write(this.gpu, this.context.only.buffers.active_set, 0, new Uint32Array(MAX_RUNS).fill(FORM.dense));
    const ring = this.ring[this.ringNext % RING];
    if (log && ring) {
      this.ringNext++;
      await ring.busy;
    }
    this.plan.submit(this.options.flopsPerMs, (encoder) => {
      if (!log || !ring) return;
      const { totals, run_state } = this.context.shared;
      const [sums, states] = [STATS, STATE].map((each) => 4 * each * layout.runs.length) as [number, number];
      encoder.copyBufferToBuffer(totals, 0, ring.buffer, 0, sums);
      encoder.copyBufferToBuffer(run_state, 0, ring.buffer, sums, states);
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
    return { log: values.then((read) => at.map((run, r) => (run.live ? this.logOf(r, run, read) : undefined))) };
  }

  /** Weights of a run, in units of the scaled activations. */
  async weights(r: number): Promise<SaeWeights> {
    const place = this.layout.runs[r] as PlacedRun;
    const [weights, state] = await Promise.all([
      downloadRun(this.gpu, this.parameters, this.layout, r),
      readFloats(this.gpu, this.context.shared.run_state, r * STATE, STATE),
    ]);
    const { options = {} } = place;
    return {
      ...weights,
      ...(Object.keys(options).length > 0 && { options }),
      ...(place.traits.selects !== 'none' && { threshold: state[STATE_AT.threshold] as number }),
    };
  }

  /**
   * How inference tells what fires in a run that selects in training: `k` a row, or what is above a threshold (scaled activations; undefined before there
   * is one, when everything above 0 is). Undefined for a run that selects nothing.
   */
  async inference(r: number): Promise<{ k: number } | { threshold: number | undefined } | undefined> {
    const { traits } = this.layout.runs[r] as PlacedRun;
    if (!traits.inference) return undefined;
    if (traits.inference.by === 'k') return { k: this.options.runs[r]?.k ?? 0 };
    const [threshold = -1] = await readFloats(this.gpu, this.context.shared.run_state, r * STATE + STATE_AT.threshold, 1);
    return { threshold: threshold < 0 ? undefined : threshold };
  }

  /** Rows on which each latent of run r fired (f > 0) in training since the last call, `[F]`; starts counting anew. */
  takeFires(r: number): Promise<Float32Array> {
    return this.firesOf(r).all.take();
  }

  /** A count of the same from now on, of which `takeFires` and other counts know nothing. */
  countFires(r: number): Promise<FireCount> {
    return this.firesOf(r).counts.begin();
  }

  /**
   * Gives latents of run r new rows along inputs `[latents, d]` (a row each, in any units, not zero), as `resample.ts` says: their vectors begin anew, all
   * that Adam keeps of them is 0. The other latents, b_dec and Adam's step count stay.
   */
  resample(r: number, latents: readonly number[], inputs: Float32Array): Promise<void> {
    return resampleLatents(this.gpu, this.context.segments, this.layout, r, latents, inputs);
  }

  private firesOf(r: number) {
    const of = this.fires[r];
    if (!of) throw new Error(`no run ${r}`);
    return of;
  }

  destroy(): void {
    this.arena.destroy();
  }

  /** Writes the run table of every segment; evaluation passes use it to choose which runs they touch. */
  writeRunTable(values: readonly { live: boolean; lr?: number; lambda?: number; step?: number }[], evaluates = false): void {
    const { layout, runs } = this.options;
    for (const segment of this.context.segments) {
      const table = new ArrayBuffer(layout.runs.length * RUN.size);
      layout.runs.forEach((place, r) => {
        const { optimiser, schedule, k } = runs[r] as TrainerRun;
        const { live, lr = 0, lambda = 0, step = 0 } = values[r] as (typeof values)[number];
        const { anneal } = schedule;
        writeRun(table, r, place, segment, {
          live,
          lr,
          lambda,
          step,
          ...optimiser,
          clip: optimiser.clip ?? 0,
          options: this.optionValues[r] as number[],
          k,
          anneal: anneal && { ...powerAt(anneal, step), queue: anneal.queue },
          evaluates,
        });
      });
      this.gpu.queue.writeBuffer(segment.buffers.runs, 0, table);
    }
  }

  private logOf(r: number, at: { step: number; lr: number; lambda: number }, read: Float32Array): StepLog {
    const { batch, runs } = this.layout;
    const states = STATS * runs.length;
    return stepLog(runs[r] as PlacedRun, this.options.runs[r] as TrainerRun, at, {
      batch,
      totals: read.subarray(r * STATS, (r + 1) * STATS),
      state: read.subarray(states + r * STATE, states + (r + 1) * STATE),
    });
  }
}

/** @throws Error when a run is not what its place in the layout was made for. */
function checkRun({ weights, schedule, k }: TrainerRun, place: PlacedRun, r: number): void {
  const entry = architecture(place.arch);
  const [mine, theirs] = [place.options, weights.options].map((options) => optionValues(entry, options));
  if (String(mine) !== String(theirs)) throw new Error(`run ${r}, ${place.arch}: its weights are of other options than its place`);
  if (place.traits.selects !== 'none' && !(Number.isInteger(k) && (k as number) >= 1 && (k as number) <= place.width))
    throw new Error(`run ${r}, ${place.arch}: k must be a whole number from 1 to the width, ${place.width}, not ${k}`);
  if (place.traits.settles === 'anneal' && !schedule.anneal)
    throw new Error(`run ${r}, ${place.arch}: its penalty has no schedule of exponents`);
  const { at = [], powers = [], queue = 1 } = schedule.anneal ?? {};
  if (at.length !== powers.length || !(queue >= 1 && queue <= MAX_QUEUE))
    throw new Error(`run ${r}: ${at.length} steps for ${powers.length} exponents, or a queue of ${queue} (1 to ${MAX_QUEUE})`);
}
