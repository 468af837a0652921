/**
 * The session behind the page: owns the device, the workspace and the experiment; commands in, events out. One turn at a time:
 * a training step, an evaluation or a command, so that none sees the others half done.
 */
import { BlobSource } from '../data/byteSource';
import type { ByteSource } from '../data/types';
import { type Gpu, openGpu } from '../gpu/device';
import { calibrate } from '../sae/calibrate';
import { demoFiles, demoPlan } from './demo';
import { Experiment, type Run } from './experiment';
import type { Command, DeviceInfo, Estimate, Phase, ReplyOf, SessionState, SweepConfig } from './protocol';
import { type Emit, Reporter } from './reporter';
import { RunBook } from './runBook';
import { estimate, expand } from './runSpecs';
import { selfTest } from './selfTest';
import { Training } from './training';
import { Turns } from './turns';
import { Workspace } from './workspace';

export class Session {
  private gpu: Gpu | undefined;
  private device: DeviceInfo | undefined;
  private flopsPerMs = 0;
  private workspace: Workspace | undefined;
  private training: Training | undefined;
  private config: SweepConfig | undefined;
  private phase: Phase = 'idle';
  private note = '';
  private progress: number | undefined;
  private readonly turns = new Turns();
  private readonly reporter: Reporter;
  private readonly book = new RunBook();
  private holdout = 0.05;
  private seed = 1;
  private toldBadRows = 0;

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
        return this.inTurn(() => this.changeData((workspace) => this.clear(workspace)));
      case 'estimate':
        return this.estimate(command.config);
      case 'start':
        return this.inTurn(() => this.start(command.config));
      case 'pause':
        this.training?.pause();
        return undefined;
      case 'resume':
        this.training?.resume();
        return undefined;
      case 'step':
        return this.inTurn(() => this.present().singleStep().then(nothing));
      case 'stop':
        this.training?.hurry();
        return this.inTurn(() =>
          this.present()
            .stop(this.experiment?.runs ?? [])
            .then(nothing),
        );
      case 'stop-run':
        return this.inTurn(() =>
          this.present()
            .stop([this.runOf(command.run)])
            .then(nothing),
        );
      case 'remove-run':
        return this.inTurn(() => this.remove(command.run));
      case 'save-run':
        return this.inTurn(() => this.book.save(command.run, this.experiment));
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
      ...textSizes(gpu.adapter.isSoftware),
      cacheBytes: 2 ** 28,
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
    RunBook.interrupt(this.experiment?.runs ?? []);
    this.retire();
    this.setPhase('failed', 'the GPU was lost');
    this.emit({ type: 'device-lost', message });
    this.changed(true);
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

  private async clear(workspace: Workspace): Promise<void> {
    workspace.clear();
    workspace.configure(textSizes(this.gpu?.adapter.isSoftware === true));
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
    if (this.workspace) this.emit({ type: 'data', data: this.workspace.state(this.holdout, this.seed, this.badRows()) });
  }

  /** Rows of the present data that training left out; the page hears of each new one. */
  private badRows(): number {
    return this.experiment?.feeder.stats.badRows ?? 0;
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
      this.training ??= await this.begin(workspace, gpu, config);
      const { experiment } = this.training;
      this.config = config;
      this.training.evalEvery = config.evalEvery;
      const added = await experiment.add(expand(config));
      this.training.joined(added);
      this.changed(true);
      return { runs: added.map(({ id }) => id) };
    } catch (error) {
      this.setPhase(running ? 'training' : 'idle', '');
      throw error;
    }
  }

  /** A new experiment on what is loaded. */
  private async begin(workspace: Workspace, gpu: Gpu, config: SweepConfig): Promise<Training> {
    const seed = config.seeds[0] ?? 1;
    this.holdout = config.holdout;
    this.seed = seed;
    const experiment = await Experiment.create(
      gpu,
      await workspace.prepare(seed, config.holdout),
      {
        batch: config.batch,
        seed,
        shuffle: 'pool',
        normalize: config.normalize,
        bDecInit: config.bDecInit,
        flopsPerMs: this.flopsPerMs,
        firstRun: this.book.nextNumber(undefined),
      },
      { log: (run, log) => this.reporter.log(run, log), changed: () => undefined },
    );
    const training = new Training(
      experiment,
      {
        turns: this.turns,
        reporter: this.reporter,
        check: () => gpu.check(),
        setPhase: (phase, note, progress) => this.setPhase(phase, note, progress),
        changed: (now) => this.changed(now),
        measured: () => this.measured(),
        failed: (error) => this.fail(error),
      },
      config.evalEvery,
    );
    this.training = training;
    this.sendData();
    return training;
  }

  private async remove(id: string): Promise<undefined> {
    if (!this.book.forget(id)) this.experiment?.remove(this.runOf(id));
    this.changed(true);
    return undefined;
  }

  // --- small things ---------------------------------------------------------------------------------------------------

  private fail(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    if (!this.gpu) return; // the loss has been told already
    this.training?.pause();
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
    const { training } = this;
    if (!training) return;
    training.close();
    this.book.retire(training.experiment);
    this.training = undefined;
    try {
      training.experiment.destroy();
    } catch {
      // buffers of a lost device
    }
  }

  private get experiment(): Experiment | undefined {
    return this.training?.experiment;
  }

  private present(): Training {
    if (!this.training) throw new Error('Nothing is being trained.');
    return this.training;
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

  private changed(now: boolean): void {
    const { training } = this;
    this.reporter.flush(() => this.book.summaries(training?.experiment, training?.paused === true, training?.rate.rowsPerSecond ?? 0), now);
  }

  private measured(): void {
    if (this.badRows() !== this.toldBadRows) {
      this.toldBadRows = this.badRows();
      this.sendData();
    }
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
    if (this.training) {
      const { experiment, rate } = this.training;
      state.gpuBytes = experiment.gpuBytes;
      state.gpuFormulaBytes = experiment.formulaBytes;
      state.epoch = experiment.feeder.stats.epoch;
      if (rate.rowsPerSecond > 0) {
        state.rowsPerSecond = rate.rowsPerSecond;
        state.dataShare = rate.dataShare;
        state.evalShare = rate.evalShare;
      }
    }
    this.emit({ type: 'state', state });
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    return this.turns.take(work);
  }
}

const nothing = (): undefined => undefined;

/** Tokens taken from a person's own text: a software GPU gets through few. */
const textSizes = (isSoftware: boolean) =>
  isSoftware ? { evalTokens: 2048, trainTokens: 32768 } : { evalTokens: 65536, trainTokens: 2 ** 21 };
