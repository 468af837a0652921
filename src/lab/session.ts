/**
 * The session behind the page: owns the device, the workspace and the experiment; commands in, events out. One turn at a time:
 * a training step, an evaluation or a command, so that none sees the others half done.
 */
import { BlobSource } from '../data/byteSource';
import type { ByteSource } from '../data/types';
import { type Gpu, openGpu } from '../gpu/device';
import { calibrate } from '../sae/calibrate';
import { demoFiles, demoPlan } from './demo';
import { Experiment, hasEnded, type Run } from './experiment';
import type { Command, DeviceInfo, Estimate, Phase, ReplyOf, RunSummary, SessionState, SweepConfig } from './protocol';
import { type Emit, Reporter, summarise } from './reporter';
import { estimate, expand } from './runSpecs';
import { type Origin, savedRun } from './saveRun';
import { selfTest } from './selfTest';
import { Workspace } from './workspace';

/** First evaluation of new runs, seconds after their start: the chart should not stay empty. */
const FIRST_EVALUATION_S = 0.5;
/** An evaluation may take at most this share of the time. */
const EVALUATION_SHARE = 0.35;

class Cancelled extends Error {}

export class Session {
  private gpu: Gpu | undefined;
  private device: DeviceInfo | undefined;
  private flopsPerMs = 0;
  private workspace: Workspace | undefined;
  private experiment: Experiment | undefined;
  /** Runs of earlier experiments, ended; what is known of them stays. */
  private past: { run: Run; dIn: number; origin: Origin }[] = [];
  private config: SweepConfig | undefined;
  private phase: Phase = 'idle';
  private note = '';
  private progress: number | undefined;
  private paused = false;
  private looping = false;
  private cancelEvaluation = false;
  private nextEvaluation = 0;
  private turn: Promise<unknown> = Promise.resolve();
  private readonly reporter: Reporter;
  private readonly rowsAtEvaluation = new Map<string, number>();
  private rate = { since: 0, rows: 0, perSecond: 0, dataMs: 0, evalMs: 0, dataShare: 0, evalShare: 0 };
  private holdout = 0.05;
  private seed = 1;

  /** @param demoBase address of the folder with the demo's files. */
  constructor(
    private readonly entry: GPU | undefined,
    private readonly emit: Emit,
    private readonly demoBase: string,
  ) {
    this.reporter = new Reporter(emit);
  }

  async handle(command: Command): Promise<ReplyOf<Command['type']>> {
    switch (command.type) {
      case 'open':
        return this.inTurn(() => this.open());
      case 'demo':
        return this.demo(command.hook);
      case 'add-files':
        return this.inTurn(() => this.addFiles(command.files.map(({ path, file }) => new BlobSource(path, file))));
      case 'choose-tensor':
        return this.inTurn(() => this.changeData((workspace) => workspace.chooseTensor(command.tensor)));
      case 'choose-hook':
        return this.inTurn(() => this.changeData(async (workspace) => workspace.chooseHook(command.hook)));
      case 'clear-data':
        return this.inTurn(() => this.changeData(async (workspace) => workspace.clear()));
      case 'estimate':
        return this.estimate(command.config);
      case 'start':
        return this.inTurn(() => this.start(command.config));
      case 'pause':
        this.cancelEvaluation = true;
        this.paused = true;
        this.setPhase('paused', 'paused');
        return undefined;
      case 'resume':
        this.paused = false;
        this.resume();
        return undefined;
      case 'step':
        return this.inTurn(() => this.singleStep());
      case 'stop':
        this.cancelEvaluation = true;
        return this.inTurn(() => this.stop(this.experiment?.runs ?? []));
      case 'stop-run':
        return this.inTurn(() => this.stop([this.runOf(command.run)]));
      case 'remove-run':
        return this.inTurn(() => this.remove(command.run));
      case 'select':
        return undefined;
      case 'save-run':
        return this.inTurn(() => this.save(command.run));
      default:
        return command satisfies never;
    }
  }

  // --- device ---------------------------------------------------------------------------------------------------------

  private async open(): Promise<DeviceInfo> {
    if (this.device) return this.device;
    const gpu = await openGpu(this.entry, 'largest');
    this.flopsPerMs = await calibrate(gpu);
    this.gpu = gpu;
    const device: DeviceInfo = {
      adapter: gpu.adapter,
      gflops: this.flopsPerMs / 1e6,
      maxBufferBytes: gpu.limits.maxBufferSize,
      maxBindingBytes: gpu.limits.maxStorageBufferBindingSize,
    };
    this.device = device;
    try {
      await selfTest(gpu, this.flopsPerMs);
    } catch (error) {
      this.emit({ type: 'notice', level: 'error', message: `Self-test failed: ${error instanceof Error ? error.message : String(error)}` });
    }
    const files = [...(this.workspace?.sources ?? [])];
    this.workspace = new Workspace(gpu, {
      flopsPerMs: this.flopsPerMs,
      modelBatchTokens: gpu.adapter.isSoftware ? 512 : 8192,
      evalTokens: gpu.adapter.isSoftware ? 2048 : 65536,
      trainTokens: gpu.adapter.isSoftware ? 32768 : 2 ** 21,
      onProgress: (note, fraction) => this.setPhase('loading', note, fraction),
    });
    gpu.lost.then((info) => {
      if (info.reason !== 'destroyed') this.lose(gpu, info.message || 'no reason given');
    });
    if (files.length > 0) await this.addFiles(files);
    return device;
  }

  /** The device is gone: runs keep their last evaluated state; `open` may be asked again. */
  private lose(gpu: Gpu, message: string): void {
    if (this.gpu !== gpu) return;
    this.gpu = undefined;
    this.device = undefined;
    for (const run of this.experiment?.runs ?? []) {
      if (hasEnded(run)) continue;
      run.state = 'interrupted';
      run.message = run.snapshot
        ? `the GPU was lost at step ${run.step}; metrics and weights of step ${run.snapshot.step} are kept`
        : `the GPU was lost at step ${run.step}, before the first evaluation`;
    }
    this.retire();
    this.setPhase('failed', 'the GPU was lost');
    this.emit({ type: 'device-lost', message });
    this.reporter.flush(() => this.summaries(), true);
  }

  // --- data -----------------------------------------------------------------------------------------------------------

  private async addFiles(sources: ByteSource[]): Promise<undefined> {
    return this.changeData(async (workspace) => {
      this.setPhase(this.experiment?.training ? this.phase : 'loading', 'reading file headers');
      await workspace.add(sources);
    });
  }

  private async changeData(change: (workspace: Workspace) => Promise<void>): Promise<undefined> {
    const workspace = this.ready();
    if (this.experiment?.training) throw new Error('Runs are training on the present data. Stop them first, then change the data.');
    await this.endExperiment();
    try {
      await change(workspace);
    } finally {
      this.sendData();
      this.setPhase('idle', '');
    }
    return undefined;
  }

  private async demo(hook: string | undefined): Promise<{ config: SweepConfig }> {
    const config = await this.inTurn(async () => {
      const workspace = this.ready();
      if (this.experiment?.training) throw new Error('Runs are training. Stop them first, then run the demo.');
      this.setPhase('loading', 'loading the demo model and its text');
      await this.endExperiment();
      try {
        workspace.clear();
        const isSoftware = this.gpu?.adapter.isSoftware === true;
        workspace.configure(demoPlan(512, isSoftware).workspace);
        await workspace.add(await demoFiles(this.demoBase));
        if (hook !== undefined) workspace.chooseHook(hook);
        const plan = demoPlan(workspace.d ?? 512, isSoftware);
        workspace.note = plan.note;
        this.holdout = plan.config.holdout;
        this.sendData();
        return plan.config;
      } catch (error) {
        this.sendData();
        this.setPhase('idle', '');
        throw error;
      }
    });
    await this.inTurn(() => this.start(config));
    return { config };
  }

  private sendData(): void {
    if (this.workspace) this.emit({ type: 'data', data: this.workspace.state(this.holdout, this.seed) });
  }

  // --- runs -----------------------------------------------------------------------------------------------------------

  private estimate(config: SweepConfig): Estimate {
    if (!this.device) throw new Error('The GPU is not open.');
    return estimate(config, this.workspace?.d, {
      maxBufferSize: this.device.maxBufferBytes,
      maxStorageBufferBindingSize: this.device.maxBindingBytes,
      flopsPerMs: this.flopsPerMs,
    });
  }

  private async start(config: SweepConfig): Promise<{ runs: string[] }> {
    const workspace = this.ready();
    const gpu = this.gpu as Gpu;
    const cost = this.estimate(config);
    if (!cost.ok) throw new Error(cost.problems.join(' '));
    const running = this.experiment?.training === true;
    this.setPhase(running ? this.phase : 'preparing', 'compiling kernels, reading the first rows');
    try {
      if (this.experiment && this.config) {
        const fixed = ['batch', 'normalize', 'bDecInit', 'holdout'] as const;
        const changed = fixed.filter((name) => config[name] !== this.config?.[name]);
        if (running && changed.length > 0) {
          throw new Error(
            `Runs that join share the batches of those in training: ${changed.join(', ')} must be as they are there (${changed.map((name) => this.config?.[name]).join(', ')}).`,
          );
        }
        if (!running && changed.length > 0) await this.endExperiment();
      }
      if (!this.experiment) {
        const seed = config.seeds[0] ?? 1;
        this.holdout = config.holdout;
        this.seed = seed;
        const data = await workspace.prepare(seed, config.holdout);
        this.experiment = await Experiment.create(
          gpu,
          data,
          {
            batch: config.batch,
            seed,
            shuffle: 'pool',
            normalize: config.normalize,
            bDecInit: config.bDecInit,
            flopsPerMs: this.flopsPerMs,
            firstRun: this.nextRunNumber(),
          },
          { log: (run, log) => this.reporter.log(run, log), changed: () => undefined },
        );
        this.sendData();
      }
      this.config = config;
      const added = await this.experiment.add(expand(config));
      for (const run of added) this.rowsAtEvaluation.set(run.id, this.experiment.rowsTrained);
      this.nextEvaluation = Math.min(this.nextEvaluation, performance.now() + FIRST_EVALUATION_S * 1000);
      if (!running) this.nextEvaluation = performance.now() + FIRST_EVALUATION_S * 1000;
      this.paused = false;
      this.resume();
      this.reporter.flush(() => this.summaries(), true);
      return { runs: added.map(({ id }) => id) };
    } catch (error) {
      this.setPhase(running ? 'training' : 'idle', '');
      throw error;
    }
  }

  private resume(): void {
    if (!this.experiment?.training) return;
    this.setPhase('training', 'training');
    if (!this.looping) void this.loop();
  }

  /** Trains until nothing is left to train, paused or lost. */
  private async loop(): Promise<void> {
    this.looping = true;
    this.rate = { ...this.rate, since: performance.now(), rows: 0, dataMs: 0, evalMs: 0 };
    try {
      while (!this.paused && this.gpu && this.experiment && (this.experiment.training || this.experiment.finished().length > 0)) {
        await this.inTurn(() => this.advance());
        // Lets messages in: without a macrotask between steps, commands would wait for the end.
        await breathe();
      }
    } catch (error) {
      this.fail(error);
    } finally {
      this.looping = false;
    }
    this.reporter.flush(() => this.summaries(), true);
    this.sendState();
  }

  /** One step, and an evaluation when it is due. */
  private async advance(): Promise<void> {
    const experiment = this.experiment;
    const gpu = this.gpu;
    if (!experiment || !gpu || this.paused) return;
    if (experiment.training) {
      const waited = experiment.feeder.stats.waitedMs;
      await experiment.step(true);
      gpu.check();
      this.rate.rows += experiment.options.batch;
      this.rate.dataMs += experiment.feeder.stats.waitedMs - waited;
    }
    const done = experiment.finished();
    if (done.length > 0) {
      await this.evaluate(done, false);
      for (const run of done) experiment.end(run, 'done');
    } else if (performance.now() >= this.nextEvaluation) {
      await this.evaluate(
        experiment.runs.filter((run) => run.state === 'training'),
        true,
      );
    }
    this.measureRate();
    this.reporter.flush(() => this.summaries());
    if (!experiment.training && experiment.finished().length === 0) {
      await experiment.release();
      this.setPhase('finished', 'all runs have ended');
    }
  }

  private async evaluate(runs: readonly Run[], cancellable: boolean): Promise<void> {
    const experiment = this.experiment;
    if (!experiment || runs.length === 0) return;
    const start = performance.now();
    this.cancelEvaluation = false;
    this.setPhase('training', `evaluating ${runs.length} ${runs.length === 1 ? 'run' : 'runs'} on held-out data`, 0);
    try {
      await experiment.evaluate(runs, (fraction) => {
        if (cancellable && this.cancelEvaluation) throw new Cancelled();
        this.setPhase('training', `evaluating ${runs.length} ${runs.length === 1 ? 'run' : 'runs'} on held-out data`, fraction);
      });
      await this.reporter.evaluated(experiment, runs, (run) => experiment.rowsTrained - (this.rowsAtEvaluation.get(run.id) ?? 0));
      for (const run of runs) this.rowsAtEvaluation.set(run.id, experiment.rowsTrained);
    } catch (error) {
      if (!(error instanceof Cancelled)) throw error;
    }
    const spent = performance.now() - start;
    this.rate.evalMs += spent;
    const period = Math.max((this.config?.evalEvery ?? 2) * 1000, spent * (1 / EVALUATION_SHARE - 1));
    this.nextEvaluation = performance.now() + period;
    if (!this.paused) this.setPhase('training', 'training');
  }

  private async singleStep(): Promise<undefined> {
    if (!this.paused || !this.experiment?.training) throw new Error('Pause the runs before stepping.');
    await this.experiment.step(true);
    await this.experiment.settle();
    const done = this.experiment.finished();
    if (done.length > 0) {
      await this.evaluate(done, false);
      for (const run of done) this.experiment.end(run, 'done');
    }
    this.reporter.flush(() => this.summaries(), true);
    return undefined;
  }

  /** Ends runs after a last evaluation of their present state. */
  private async stop(runs: readonly Run[]): Promise<undefined> {
    const experiment = this.experiment;
    const open = runs.filter((run) => !hasEnded(run));
    if (!experiment || open.length === 0) return undefined;
    await this.evaluate(open, false);
    for (const run of open) experiment.end(run, 'stopped');
    if (!experiment.training) {
      await experiment.release();
      this.paused = false;
      this.setPhase('finished', 'all runs have ended');
    }
    this.reporter.flush(() => this.summaries(), true);
    return undefined;
  }

  private async remove(id: string): Promise<undefined> {
    const index = this.past.findIndex(({ run }) => run.id === id);
    if (index >= 0) this.past.splice(index, 1);
    else this.experiment?.remove(this.runOf(id));
    this.reporter.flush(() => this.summaries(), true);
    return undefined;
  }

  private async save(id: string): Promise<ReplyOf<'save-run'>> {
    const past = this.past.find(({ run }) => run.id === id);
    const run = past?.run ?? this.runOf(id);
    const kept = past ? run.snapshot : await this.experiment?.weights(run);
    if (!kept) throw new Error(`No weights of ${id} are kept: it ended before its first evaluation.`);
    const origin = past?.origin ?? this.experiment?.origin;
    if (!origin) throw new Error(`Nothing is known of where ${id} comes from.`);
    const { arch, width, schedule, seed } = run.spec;
    return { folder: `${arch}_${width}_lambda${schedule.lambda}_seed${seed}_${id}`, files: savedRun(run, kept, origin) };
  }

  // --- small things ---------------------------------------------------------------------------------------------------

  private fail(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    if (!this.gpu) return; // the loss has been told already
    this.paused = true;
    this.setPhase('paused', 'paused after an error');
    this.emit({ type: 'notice', level: 'error', message });
  }

  /** Ends the experiment, keeping its runs in the list. */
  private async endExperiment(): Promise<void> {
    if (!this.experiment) return;
    await this.experiment.release();
    this.retire();
  }

  private retire(): void {
    const { experiment } = this;
    if (!experiment) return;
    this.past.push(...experiment.runs.map((run) => ({ run, dIn: experiment.data.d, origin: experiment.origin })));
    this.experiment = undefined;
    try {
      experiment.destroy();
    } catch {
      // buffers of a lost device
    }
  }

  private nextRunNumber(): number {
    return 1 + Math.max(0, ...[...this.past.map(({ run }) => run), ...(this.experiment?.runs ?? [])].map(({ id }) => Number(id.slice(1))));
  }

  private ready(): Workspace {
    if (!this.gpu || !this.workspace) throw new Error('There is no GPU to work with.');
    return this.workspace;
  }

  private runOf(id: string): Run {
    const run = this.experiment?.runs.find((candidate) => candidate.id === id);
    if (!run) throw new Error(`There is no run ${id} in training.`);
    return run;
  }

  private summaries(): RunSummary[] {
    const { experiment } = this;
    const rowsPerSecond = this.rate.perSecond || undefined;
    return [
      ...this.past.map(({ run, dIn, origin }) => summarise(run, { dIn, data: origin.data, paused: false })),
      ...(experiment?.runs ?? []).map((run) =>
        summarise(run, { dIn: experiment?.data.d ?? 0, data: experiment?.origin.data ?? '', paused: this.paused, rowsPerSecond }),
      ),
    ];
  }

  private measureRate(): void {
    const now = performance.now();
    const elapsed = now - this.rate.since;
    if (elapsed < 1000) return;
    const trainingMs = Math.max(1, elapsed - this.rate.evalMs);
    this.rate = {
      since: now,
      rows: 0,
      perSecond: (1000 * this.rate.rows) / trainingMs,
      dataShare: this.rate.dataMs / elapsed,
      evalShare: this.rate.evalMs / elapsed,
      dataMs: 0,
      evalMs: 0,
    };
    this.sendState();
  }

  private setPhase(phase: Phase, note: string, progress?: number): void {
    this.phase = phase;
    this.note = note;
    this.progress = progress !== undefined && Number.isFinite(progress) ? progress : undefined;
    this.sendState();
  }

  private sendState(): void {
    const state: SessionState = { phase: this.phase, note: this.note };
    if (this.progress !== undefined) state.progress = this.progress;
    if (this.experiment) {
      state.gpuBytes = this.experiment.gpuBytes;
      state.epoch = this.experiment.feeder.stats.epoch;
      if (this.rate.perSecond > 0) {
        state.rowsPerSecond = this.rate.perSecond;
        state.dataShare = this.rate.dataShare;
        state.evalShare = this.rate.evalShare;
      }
    }
    this.emit({ type: 'state', state });
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.turn.then(work);
    this.turn = result.catch(() => undefined);
    return result;
  }
}

/** A macrotask without the 4 ms clamp of timers. */
function breathe(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}
