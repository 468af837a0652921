/**
 * An experiment: runs trained in lockstep on the batches of one data set, and evaluated on its held-out part. Knows nothing of
 * pages or command lines: the session and the CLI drive it step by step and listen.
 */
import { BatchFeeder } from '../data/pool/feeder';
import type { Shuffle } from '../data/pool/sequencer';
import { geometricMedian, MEDIAN_ROWS } from '../data/rows/geometricMedian';
import { type Moments, sampleRows } from '../data/rows/moments';
import type { Split } from '../data/rows/split';
import type { RowSource } from '../data/rows/types';
import type { Gpu } from '../gpu/device';
import { InFlight } from '../gpu/plan';
import { foldScale } from '../interop/fold';
import type { Metrics } from '../metrics/types';
import { traitsOfRun } from '../sae/architectures';
import { initialWeights, type Start } from '../sae/init';
import { groupRuns, layoutLimits, layoutOf, optimiserNeeds } from '../sae/layout';
import { gpuMemory } from '../sae/memory';
import type { Resampled } from '../sae/resample';
import { type StepLog, SweepTrainer } from '../sae/trainer';
import type { SaeWeights } from '../sae/weights';
import { messageOf } from '../util/errors';
import { type EvaluationSource, type EvaluationTarget, Evaluator } from './evaluation';
import { misfit, refuseWithout } from './initial';
import type { Normalize } from './normalizations';
import type { Origin } from './origin';
import type { RunState } from './protocol';
import { type Placed, Resampler } from './resampling';
import { type RunSpec, trainerRun } from './runSpecs';
import { sampleScaling } from './scaling';
import { neverToStart, readyToStart, startingWeights, withGiven } from './secondStage';

export interface ExperimentData {
  sources: readonly RowSource[];
  d: number;
  split: Split;
  evaluation: EvaluationSource;
  /** Facts for saved runs: what the rows are called, and the hook and model they come from where known. */
  origin: Omit<Origin, 'batch' | 'normalize' | 'xDtype' | 'activationScale' | 'dataSeed' | 'shuffle'>;
}

export interface ExperimentOptions {
  batch: number;
  /** Seed of the data order; each run's own seed is for its weights. */
  seed: number;
  shuffle: Shuffle;
  normalize: Normalize;
  /** What each batch is rounded to, and the encoder reads. */
  xDtype: 'f32' | 'f16';
  flopsPerMs: number;
  /** Names the first run of this experiment `r${firstRun}`. */
  firstRun?: number;
}

/** A run and all that is known of it. */
export interface Run {
  id: string;
  spec: RunSpec;
  state: RunState;
  message?: string;
  step: number;
  metrics?: Metrics;
  evaluatedAt?: number;
  /** Of a second stage: the run whose weights it starts from, for which it waits. */
  from?: Run;
  /** What became of its dead latents. */
  resampled?: readonly Resampled[];
  /** Batches that its experiment had taken before this run began. */
  batchesBefore: number;
  /** Started from given weights, those of its experiment's origin. */
  hasInit?: boolean;
  /** Last weights that reached the host, for raw activations, and their step. */
  snapshot?: { weights: SaeWeights; step: number };
}

interface Group {
  trainer: SweepTrainer;
  runs: Run[];
}

export interface Listener {
  log(run: Run, log: StepLog): void;
  /** A run's state changed. */
  changed(run: Run): void;
  /** Dead latents of a run began anew before its next step. */
  resampled?(run: Run, event: Resampled): void;
}

/**
 * A squared error of so many times the activations' own mean square is divergence, though it is still a number: at random
 * initialisation it is about (d_sae / 2 d_in)².
 */
const DIVERGED = 1e6;
/** Parameters of a run up to this many bytes are read to the host at each evaluation, others at most so often. */
const SMALL_SNAPSHOT = 32 * 2 ** 20;
const SNAPSHOT_MS = 60_000;
const advice = (run: Run): string => `Lower the learning rate (now ${run.spec.schedule.lr}) or check the data for outliers.`;

const freshWeights = ({ arch, width, seed, start, options }: RunSpec, d: number, bDec: Float32Array): SaeWeights =>
  initialWeights(arch, d, width, seed, bDec, start.encLength, options);

function allFinite({ wEnc, wDec, bDec, vectors }: SaeWeights): boolean {
  let zero = 0; // NaN from the first value on that is not finite
  for (const values of [wEnc, wDec, bDec, ...Object.values(vectors)]) {
    for (let i = 0; i < values.length; i++) zero += (values[i] as number) - (values[i] as number);
  }
  return zero === 0;
}

const ENDED: readonly RunState[] = ['done', 'stopped', 'failed', 'interrupted'];
export const hasEnded = (run: Run): boolean => ENDED.includes(run.state);

export class Experiment {
  readonly runs: Run[] = [];
  private groups: Group[] = [];
  private readonly inFlight: InFlight;
  private readonly logs = new Set<Promise<void>>();
  private readonly resampler: Resampler<Run>;
  /** Raw weights that runs were given of which not all learn. */
  private readonly given = new WeakMap<Run, SaeWeights>();
  private readonly snapshotTimes = new WeakMap<Run, number>();
  private nextRun: number;
  /** Rows per run trained so far, for rates. */
  rowsTrained = 0;
  /** Batches taken so far. */
  private batches = 0;
  private stepsWaitedMs = 0;

  private constructor(
    private readonly gpu: Gpu,
    readonly data: ExperimentData,
    readonly options: ExperimentOptions,
    private readonly listener: Listener,
    readonly feeder: BatchFeeder,
    readonly evaluator: Evaluator,
    /** Factor applied to activations before the SAEs see them. */
    readonly scale: number,
    /** Mean of the scaled activations, `[d]`: shared centre, and a start of b_dec. */
    private readonly mean: Float32Array,
    readonly moments: Moments,
  ) {
    this.inFlight = new InFlight(gpu);
    this.nextRun = options.firstRun ?? 1;
    const { sources, split, d } = data;
    this.resampler = new Resampler<Run>({ sources, ranges: split.train, d }, evaluator, (run, event) => {
      run.resampled = [...(run.resampled ?? []), event];
      listener.resampled?.(run, event);
    });
  }

  /** @throws DataError or Error when the data cannot be read or the GPU cannot hold the pool. */
  static async create(gpu: Gpu, data: ExperimentData, options: ExperimentOptions, listener: Listener): Promise<Experiment> {
    const { moments, scale } = await sampleScaling(data.sources, data.split.train, options);
    const mean = Float32Array.from(moments.mean, (value) => value * scale);
    const feeder = await BatchFeeder.create(gpu, data.sources, data.split.train, {
      batch: options.batch,
      seed: options.seed,
      shuffle: options.shuffle,
      d: data.d,
    });
    try {
      const evaluator = await Evaluator.create(gpu, data.d, data.evaluation);
      return new Experiment(gpu, data, options, listener, feeder, evaluator, scale, mean, moments);
    } catch (error) {
      feeder.destroy();
      throw error;
    }
  }

  /**
   * Adds runs; they start at their step 0 with the next batch, those of a second stage when the run that they start from is done. Those already
   * training are not touched.
   * @param init weights, for raw activations, that those runs start from which they fit (`misfit`); the others start as their spec says.
   */
  async add(specs: readonly RunSpec[], init?: SaeWeights): Promise<Run[]> {
    const bDec = new Map<Start['bDec'], Float32Array>();
    for (const { start } of specs) if (!bDec.has(start.bDec)) bDec.set(start.bDec, await this.bDecStart(start.bDec));
    const added: Run[] = specs.map((spec) => ({
      id: `r${this.nextRun++}`,
      spec,
      state: spec.from === undefined ? 'training' : 'queued',
      step: 0,
      batchesBefore: this.batches,
      ...(init && misfit(init, spec, this.data.d) === undefined && { hasInit: true }),
    }));
    for (const { spec, hasInit } of added) if (!hasInit) refuseWithout(spec);
    for (const run of added)
      if (init && run.hasInit && traitsOfRun(run.spec).fixed.length > 0) this.given.set(run, startingWeights(run.spec.arch, init));
    for (const run of added) if (run.spec.from !== undefined) run.from = added[run.spec.from] as Run;
    await this.begin(
      added.filter(({ from }) => !from),
      async ({ spec, hasInit }) =>
        init && hasInit
          ? startingWeights(spec.arch, foldScale(init, 1 / this.scale))
          : freshWeights(spec, this.data.d, bDec.get(spec.start.bDec) as Float32Array),
    );
    this.runs.push(...added);
    return added;
  }

  /** @param weightsOf what a run starts from, for the scaled activations. */
  private async begin(added: readonly Run[], weightsOf: (run: Run) => Promise<SaeWeights>): Promise<void> {
    const { batch, flopsPerMs } = this.options;
    const limits = layoutLimits(this.gpu, flopsPerMs);
    const made: Group[] = [];
    try {
      const packed = added.map((run) => ({ run, arch: run.spec.arch, width: run.spec.width, options: run.spec.options }));
      for (const { runs, form } of groupRuns(this.data.d, batch, packed, limits)) {
        const weights = await Promise.all(runs.map(({ run }) => weightsOf(run)));
        const trainer = await SweepTrainer.create(this.gpu, {
          layout: layoutOf(this.data.d, batch, runs, limits, { ...optimiserNeeds(runs.map(({ run }) => run.spec)), form }),
          runs: runs.map(({ run }, i) => trainerRun(run.spec, weights[i] as SaeWeights)),
          pool: this.feeder.pool.rows,
          scale: this.scale,
          mean: this.mean,
          flopsPerMs,
          halfX: this.halfX,
        });
        made.push({ trainer, runs: runs.map(({ run }) => run) });
      }
    } catch (error) {
      for (const { trainer } of made) trainer.destroy();
      throw error;
    }
    this.groups.push(...made);
  }

  /** Runs of a second stage whose turn has come begin; those for which there is no room fail. */
  private async beginSecondStage(): Promise<void> {
    const ready = readyToStart(this.runs);
    if (ready.length === 0) return;
    try {
      await this.begin(ready, async ({ spec, from }) => {
        const { group, index } = this.place(from as Run);
        return startingWeights(spec.arch, await group.trainer.weights(index));
      });
    } catch (cause) {
      for (const run of ready) this.end(run, 'failed', `it could not start: ${messageOf(cause)}`);
      return;
    }
    for (const run of ready) {
      run.state = 'training';
      run.batchesBefore = this.batches;
      this.listener.changed(run);
    }
  }

  /** A decoder bias to begin with, in units of the scaled activations. */
  private async bDecStart(kind: Start['bDec']): Promise<Float32Array> {
    if (kind === 'zero') return new Float32Array(this.data.d);
    if (kind === 'mean') return this.mean;
    const { sources, split, d } = this.data;
    const rows = await sampleRows(sources, split.train, { maxRows: MEDIAN_ROWS, seed: this.options.seed });
    return Float32Array.from(
      geometricMedian(
        rows.map((value) => this.scale * value),
        d,
      ),
    );
  }

  /** Takes batches that no run trains on: a run that is added then begins where one began that joined later. */
  async skip(batches: number): Promise<void> {
    for (let i = 0; i < batches; i++) await this.feeder.next();
    this.batches += batches;
  }

  private get halfX(): boolean {
    return this.options.xDtype === 'f16';
  }

  /** False when nothing is held out and no language model is there: runs can be trained but not measured. */
  get measurable(): boolean {
    return this.data.evaluation.kind === 'model' || this.data.split.heldOutRows > 0;
  }

  get origin(): Origin {
    const { batch, normalize, xDtype, seed, shuffle } = this.options;
    return { ...this.data.origin, batch, normalize, xDtype, dataSeed: seed, shuffle, activationScale: this.scale };
  }

  get training(): boolean {
    return this.groups.some(({ trainer }) => trainer.anyLive) || readyToStart(this.runs).length > 0;
  }

  /** Time that steps have waited for the GPU, uploads of their rows included, milliseconds. */
  get gpuWaitedMs(): number {
    return this.stepsWaitedMs + this.feeder.gpuWaitedMs;
  }

  get gpuBytes(): number {
    return this.feeder.pool.bytes + this.groups.reduce((sum, { trainer }) => sum + trainer.bytes, 0);
  }

  /** The same by the formula, and of that what the method itself needs: parameters and Adam's moments. */
  get formulaBytes(): { total: number; state: number } {
    const memories = this.groups.map(({ trainer }) => gpuMemory(trainer.layout, this.halfX));
    return {
      total: memories.reduce((sum, { total }) => sum + total, this.feeder.pool.bytes),
      state: memories.reduce((sum, { state }) => sum + state, 0),
    };
  }

  /** One step of every live run on the next batch. With `log`, the listener hears of it when the GPU is there. */
  async step(log: boolean): Promise<void> {
    await this.beginSecondStage();
    await this.resampler.before(this.liveRuns());
    const slots = await this.feeder.next();
    this.batches++;
    for (const group of this.groups) {
      if (!group.trainer.anyLive) continue;
      const { log: pending } = await group.trainer.step(slots, log);
      if (pending) this.hear(group, pending);
      group.runs.forEach((run, r) => {
        if (!group.trainer.isLive(r)) return;
        run.step = group.trainer.steps[r] as number;
        if (run.step >= run.spec.schedule.steps) group.trainer.stop(r);
      });
    }
    this.rowsTrained += slots.length;
    const submitted = performance.now();
    await this.inFlight.push();
    this.stepsWaitedMs += performance.now() - submitted;
  }

  private liveRuns(): Placed<Run>[] {
    return this.groups.flatMap(({ trainer, runs }) =>
      runs.flatMap((run, index) => (trainer.isLive(index) ? [{ run, trainer, index }] : [])),
    );
  }

  /** Runs that have done all their steps but are not evaluated for the last time yet. */
  finished(): Run[] {
    return this.runs.filter((run) => run.state === 'training' && run.step >= run.spec.schedule.steps);
  }

  /** Waits for the GPU and for all logs that are on their way. */
  async settle(): Promise<void> {
    await this.inFlight.drain();
    await Promise.all(this.logs);
  }

  /**
   * Evaluates runs on held-out data and keeps their metrics; a snapshot of their weights comes to the host too.
   * @param onBatch fraction done (NaN when unknown); may throw to cancel.
   */
  async evaluate(runs: readonly Run[], onBatch?: (fraction: number) => void): Promise<void> {
    await this.settle();
    const wanted = this.measurable ? runs.filter((run) => run.state !== 'failed') : [];
    const targets: EvaluationTarget[] = this.groups
      .map(({ trainer, runs: own }) => ({
        trainer,
        runs: own.map((run, index) => ({ index, id: run.id })).filter(({ id }) => wanted.some((run) => run.id === id)),
      }))
      .filter((target) => target.runs.length > 0);
    if (targets.length === 0) return;
    const results = await this.evaluator.evaluate(targets, onBatch);
    for (const run of wanted) {
      const result = results.get(run.id);
      if (!result) continue;
      const weights = this.snapshotIsDue(run) ? await this.readWeights(run) : undefined;
      const problem = result.problem ?? (!weights || allFinite(weights) ? undefined : 'its weights are no longer finite');
      if (problem !== undefined) {
        this.end(run, 'failed', `${problem} at step ${run.step}. ${advice(run)}`);
        continue;
      }
      run.metrics = result.metrics;
      run.evaluatedAt = run.step;
      if (weights) {
        run.snapshot = { weights, step: run.step };
        this.snapshotTimes.set(run, performance.now());
      }
    }
  }

  /** Reading a wide run's weights would stall training at every evaluation: then once a minute, and when it has done all its steps. */
  private snapshotIsDue(run: Run): boolean {
    const bytes = run.spec.width * this.data.d * 8;
    const taken = this.snapshotTimes.get(run);
    return bytes <= SMALL_SNAPSHOT || taken === undefined || run.step >= run.spec.schedule.steps || performance.now() - taken > SNAPSHOT_MS;
  }

  /** Firing frequencies of the run's latents over the rows trained since the last call, and those rows. */
  async trainingFires(run: Run): Promise<Float32Array> {
    const { group, index } = this.place(run);
    return group.trainer.takeFires(index);
  }

  /** Weights for raw activations: from the GPU while the run is there, else the last snapshot. */
  async weights(run: Run): Promise<{ weights: SaeWeights; step: number }> {
    if (this.groups.some(({ runs }) => runs.includes(run)) && run.state !== 'interrupted')
      return { weights: await this.readWeights(run), step: run.step };
    if (!run.snapshot) throw new Error(`run ${run.id} was never evaluated, so no weights of it are kept`);
    return run.snapshot;
  }

  /** Ends a run in the given state. */
  end(run: Run, state: 'done' | 'stopped' | 'failed' | 'interrupted', message?: string): void {
    if (hasEnded(run)) return;
    for (const { trainer, runs } of this.groups) {
      const r = runs.indexOf(run);
      if (r >= 0) trainer.stop(r);
    }
    run.state = state;
    if (message !== undefined) run.message = message;
    this.listener.changed(run);
    const fate = state === 'done' ? 'stopped' : state;
    for (const waiting of neverToStart(this.runs, run)) this.end(waiting.run, fate, waiting.message);
  }

  /** Frees sweeps whose runs have all ended; their last weights stay on the host. */
  async release(): Promise<void> {
    await this.settle();
    const over = this.groups.filter(({ runs }) => runs.every(hasEnded));
    for (const group of over) {
      for (const run of group.runs) {
        if (run.state !== 'failed' && run.snapshot?.step !== run.step)
          run.snapshot = { weights: await this.readWeights(run), step: run.step };
      }
      this.evaluator.forget(group.trainer);
      group.trainer.destroy();
    }
    this.groups = this.groups.filter((group) => !over.includes(group));
  }

  remove(run: Run): void {
    this.end(run, 'stopped');
    this.runs.splice(this.runs.indexOf(run), 1);
  }

  destroy(): void {
    this.evaluator.destroy();
    this.feeder.destroy();
    for (const { trainer } of this.groups) trainer.destroy();
    this.groups = [];
  }

  private hear(group: Group, pending: Promise<(StepLog | undefined)[]>): void {
    const ceiling = DIVERGED * this.moments.meanSquareNorm * this.scale ** 2;
    const heard = pending.then(
      (logs) => {
        logs.forEach((log, r) => {
          const run = group.runs[r];
          if (!log || !run || run.state === 'failed') return;
          // Written so that NaN fails too.
          if (!(log.mse_loss + (log.aux_loss ?? 0) <= ceiling && Number.isFinite(log.loss))) {
            this.end(run, 'failed', `the loss became ${log.loss} at step ${log.step}. ${advice(run)}`);
            return;
          }
          this.listener.log(run, log);
        });
      },
      () => undefined, // the device was lost or the sweep freed: the loop hears of that itself
    );
    this.logs.add(heard);
    heard.finally(() => this.logs.delete(heard));
  }

  private async readWeights(run: Run): Promise<SaeWeights> {
    const { group, index } = this.place(run);
    const weights = foldScale(await group.trainer.weights(index), this.scale);
    const given = this.given.get(run);
    return given ? withGiven(weights, given) : weights;
  }

  private place(run: Run): { group: Group; index: number } {
    for (const group of this.groups) {
      const index = group.runs.indexOf(run);
      if (index >= 0) return { group, index };
    }
    throw new Error(`run ${run.id} is no longer on the GPU`);
  }
}
