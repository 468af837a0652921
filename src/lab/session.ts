/**
 * The session behind the page: owns the device, the workspace and the experiment; commands in, events out. One turn at a time:
 * a training step, an evaluation or a command, so that none sees the others half done.
 */

import { BlobSource } from '../data/bytes/byteSource';
import type { ByteSource } from '../data/bytes/types';
import type { ReaderClient } from '../data/reader/client';
import type { Gpu } from '../gpu/device';
import { messageOf } from '../util/errors';
import { ClearedData } from './clearedData';
import { Experiment, type Run } from './experiment';
import { FileWait } from './fileTrouble';
import { loadDemo } from './loadDemo';
import { openDevice, openWorkspace, textSizes } from './openDevice';
import type {
  Command,
  DeviceInfo,
  Estimate,
  HarvestedShard,
  Phase,
  ReplyOf,
  SessionState,
  ShardRequest,
  SweepConfig,
  SweepTime,
} from './protocol';
import { type Emit, Reporter } from './reporter';
import { RunBook } from './runBook';
import { costLimits, estimate, expand } from './runSpecs';
import { SavingActivations } from './saveActivations';
import type { SelfTests } from './selfTest';
import { changedShared, experimentOptions, refuseToJoin, sessionState } from './sessionState';
import { defaultConfig } from './settings';
import { SweepTiming } from './sweepTiming';
import { Training } from './training';
import { Turns } from './turns';
import type { Workspace } from './workspace';

/** What the form says before anybody has changed it. */
const STANDARD = defaultConfig(1);

/** What may wait for the timing of a sweep. */
const UNHURRIED: readonly Command['type'][] = ['estimate', 'profile'];

export class Session {
  private gpu: Gpu | undefined;
  private device: DeviceInfo | undefined;
  private flopsPerMs = 0;
  private tests: SelfTests | undefined;
  private workspace: Workspace | undefined;
  private training: Training | undefined;
  private config: SweepConfig | undefined;
  private shown: Pick<SessionState, 'phase' | 'note' | 'progress'> = { phase: 'idle', note: '' };
  private readonly turns = new Turns();
  private readonly inTurn = <T>(work: () => Promise<T>): Promise<T> => this.turns.take(work);
  private readonly reporter: Reporter;
  private readonly book = new RunBook();
  private holdout = STANDARD.holdout;
  private seed = STANDARD.seeds[0] as number;
  private toldRows = '';
  private readonly saving = new SavingActivations();
  /** The file that the paused runs wait for. */
  private readonly fileWait = new FileWait();
  private readonly cleared = new ClearedData();
  private readonly timing = new SweepTiming();

  /** @param demoBase address of the folder with the demo's files. @param reader reads shards in another worker. */
  constructor(
    private readonly entry: GPU | undefined,
    private readonly emit: Emit,
    private readonly demoBase: string,
    private readonly reader?: ReaderClient,
  ) {
    this.reporter = new Reporter(emit);
  }

  async handle(command: Command): Promise<ReplyOf<Command['type']>> {
    if (!UNHURRIED.includes(command.type)) this.timing.giveUp();
    switch (command.type) {
      case 'open':
        return this.inTurn(() => this.open());
      case 'demo':
        return this.demo(command.hook);
      case 'add-files':
        return this.inTurn(() => this.addFiles(sourcesOf(command.files)));
      case 'choose':
        return this.inTurn(() => this.changeData((workspace) => workspace.choose(command.choices)));
      case 'filter':
        return this.inTurn(() => this.changeData((workspace) => workspace.leaveOut(command.request)));
      case 'profile':
        return { profile: (await this.ready().rows.profile()).total };
      case 'choose-hook':
        return this.inTurn(() => this.changeData(async (workspace) => workspace.chooseHook(command.hook, command.insist)));
      case 'clear-data':
        return this.inTurn(() => this.changeData(async (workspace) => this.clear(workspace)));
      case 'undo-clear':
        return this.inTurn(() => this.changeData((workspace) => this.cleared.bringBack(workspace)));
      case 'estimate':
        return this.estimate(command.config);
      case 'time':
        return this.time(command.config);
      case 'start':
        return this.inTurn(() => this.start(command.config));
      case 'pause':
        this.training?.pause();
        return undefined;
      case 'resume':
        this.goOn();
        return undefined;
      case 'retry-file':
        return this.inTurn(() => this.decide((deciding) => this.fileWait.retry(sourcesOf(command.files), deciding)));
      case 'skip-file':
        return this.inTurn(() => this.decide((deciding) => this.fileWait.skip(deciding)));
      case 'step':
        return this.inTurn(() => this.singleStep());
      case 'stop':
        this.training?.hurry();
        return this.inTurn(() => this.stop(this.experiment?.runs ?? []));
      case 'stop-run':
        return this.inTurn(() => this.stop([this.runOf(command.run)]));
      case 'remove-run':
        return this.inTurn(() => this.remove(command.run));
      case 'harvest-shard':
        return this.inTurn(() => this.harvestShard(command.request));
      case 'cancel-harvest':
        this.saving.cancel();
        return undefined;
      case 'save-run':
        return this.inTurn(() => this.book.save(command.run, this.experiment, command.as));
      default:
        return command satisfies never;
    }
  }

  private async open(): Promise<DeviceInfo> {
    if (this.device) return this.device;
    const { gpu, device, flopsPerMs, tests } = await openDevice(this.entry, this.emit);
    this.tests = tests;
    this.flopsPerMs = flopsPerMs;
    this.gpu = gpu;
    this.device = device;
    const before = this.workspace;
    const onProgress = (note: string, fraction: number) => this.setPhase('loading', note, fraction);
    this.workspace = openWorkspace(gpu, { flopsPerMs, ...(this.reader && { reader: this.reader }), onProgress });
    gpu.lost.then((info) => {
      if (info.reason !== 'destroyed') this.lose(gpu, info.message || 'no reason given');
    });
    if (before && before.sources.length > 0) await this.changeData((workspace) => workspace.adopt(before.memory));
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

  private async addFiles(sources: ByteSource[]): Promise<undefined> {
    return this.changeData(async (workspace) => {
      this.setPhase(this.experiment?.training ? this.shown.phase : 'loading', 'reading file headers');
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

  private clear(workspace: Workspace): void {
    this.cleared.remember(workspace);
    workspace.clear(textSizes(this.gpu?.adapter.isSoftware === true));
  }

  private async demo(hook: string | undefined): Promise<{ config: SweepConfig }> {
    const config = await this.inTurn(async () => {
      const workspace = this.ready();
      if (this.experiment?.training) throw new Error('Runs are training. Stop them first, then run the demo.');
      this.setPhase('loading', 'loading the demo model and its text');
      await this.endExperiment();
      try {
        const { config, note } = await loadDemo(workspace, this.demoBase, hook, this.gpu?.adapter.isSoftware === true);
        workspace.note = note;
        this.holdout = config.holdout;
        this.sendData();
        return config;
      } catch (error) {
        this.sendData();
        this.setPhase('idle', '');
        throw error;
      }
    });
    await this.inTurn(() => this.start(config));
    return { config };
  }

  private async harvestShard(request: ShardRequest): Promise<HarvestedShard> {
    const workspace = this.ready();
    if (this.experiment?.training) throw new Error('Runs are training. Stop them first, then save activations.');
    const { phase, note } = this.shown;
    const onProgress = (fraction?: number) => this.setPhase('loading', 'computing activations', fraction);
    onProgress();
    try {
      return await this.saving.shard(this.gpu as Gpu, workspace, request, onProgress);
    } finally {
      this.setPhase(phase, note);
    }
  }

  private sendData(): void {
    if (this.workspace) this.emit({ type: 'data', data: this.workspace.state(this.holdout, this.seed, this.badRows()) });
  }

  private badRows(): number {
    return this.experiment?.feeder.stats.badRows ?? 0;
  }

  private estimate(config: SweepConfig): Estimate {
    if (!this.gpu) throw new Error('The GPU is not open.');
    return estimate(config, this.workspace?.d, costLimits(this.gpu, this.flopsPerMs), this.workspace?.trainRows(config));
  }

  private async time(config: SweepConfig): Promise<SweepTime> {
    const { gpu, workspace, flopsPerMs } = this;
    if (!gpu || !workspace || this.experiment?.training || !this.estimate(config).ok) return {};
    return this.timing.time(config, { gpu, workspace, flopsPerMs }, this.inTurn, () => !this.experiment?.training);
  }

  private async start(config: SweepConfig): Promise<{ runs: string[] }> {
    const workspace = this.ready();
    const gpu = this.gpu as Gpu;
    const cost = this.estimate(config);
    if (!cost.ok) throw new Error(cost.problems.join(' '));
    const running = this.experiment?.training === true;
    const { phase, note } = this.shown;
    this.setPhase(running ? phase : 'preparing', 'compiling kernels, reading the first rows');
    try {
      if (this.experiment && this.config) {
        const changed = changedShared(config, this.config);
        if (running) refuseToJoin(changed, this.config);
        else if (changed.length > 0) await this.endExperiment();
      }
      this.training ??= await this.begin(workspace, gpu, config);
      const { experiment } = this.training;
      this.config = config;
      this.training.evalEvery = config.evalEvery;
      const message = await this.tests?.problem(expand(config));
      if (message !== undefined) this.emit({ type: 'notice', level: 'error', message });
      const added = await experiment.add(expand(config));
      if (!this.training.paused) this.fileWait.end();
      this.training.joined(added);
      this.changed(true);
      return { runs: added.map(({ id }) => id) };
    } catch (error) {
      this.setPhase(running ? phase : 'idle', running ? note : '');
      throw error;
    }
  }

  /** A new experiment on what is loaded. */
  private async begin(workspace: Workspace, gpu: Gpu, config: SweepConfig): Promise<Training> {
    const seed = config.seeds[0] as number;
    this.holdout = config.holdout;
    this.seed = seed;
    const data = await workspace.prepare(seed, config.holdout);
    const options = { flopsPerMs: this.flopsPerMs, firstRun: this.book.nextNumber(undefined), ...experimentOptions(config, seed) };
    const experiment = await Experiment.create(gpu, data, options, {
      log: (run, log) => this.reporter.log(run, log),
      changed: () => undefined,
    });
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
    const problem = data.origin.provenance?.lossProblem;
    if (problem !== undefined) this.emit({ type: 'notice', level: 'warning', message: `Loss recovered is not measured: ${problem}` });
    return training;
  }

  private async stop(runs: readonly Run[]): Promise<undefined> {
    await this.present().stop(runs);
    if (!this.experiment?.training) {
      this.fileWait.end();
      this.sendState();
    }
    return undefined;
  }

  private async remove(id: string): Promise<undefined> {
    if (!this.book.forget(id)) this.experiment?.remove(this.runOf(id));
    this.changed(true);
    return undefined;
  }

  private fail(error: unknown): void {
    if (!this.gpu) return; // the loss has been told already
    this.training?.pause();
    if (this.waitForFile(error)) return;
    this.setPhase('paused', 'paused after an error');
    this.emit({ type: 'notice', level: 'error', message: messageOf(error) });
  }

  /** When the error is about a file in use, the runs wait and the page is asked what to do. */
  private waitForFile(error: unknown): boolean {
    const waits = this.fileWait.begin(error, this.training && this.workspace?.reading);
    if (waits) this.setPhase('paused', 'a file cannot be read');
    return waits;
  }

  private async singleStep(): Promise<undefined> {
    try {
      await this.present().singleStep();
    } catch (error) {
      if (!this.waitForFile(error)) throw error;
    }
    return undefined;
  }

  /** The runs go on when the decision could be carried out. */
  private async decide(decision: (deciding: { workspace: Workspace; experiment: Experiment }) => void | Promise<void>): Promise<undefined> {
    await decision({ workspace: this.ready(), experiment: this.present().experiment });
    this.sendData();
    this.goOn();
    return undefined;
  }

  private goOn(): void {
    this.fileWait.end();
    this.training?.resume();
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
    this.fileWait.end();
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
    if (now) this.measured();
    this.reporter.flush(() => this.book.summaries(training?.experiment, training?.paused === true, training?.rate.rowsPerSecond ?? 0), now);
  }

  private measured(): void {
    const rows = JSON.stringify([this.badRows(), this.workspace?.rows.dropped]);
    if (rows !== this.toldRows) {
      this.toldRows = rows;
      this.sendData();
    }
    this.sendState();
  }

  private setPhase(phase: Phase, note: string, progress?: number): void {
    this.shown = { phase, note, ...(progress !== undefined && Number.isFinite(progress) && { progress }) };
    this.sendState();
  }

  private sendState(): void {
    const { trouble } = this.fileWait;
    this.emit({ type: 'state', state: sessionState({ ...this.shown, ...(trouble && { trouble }) }, this.training) });
  }
}

const sourcesOf = (files: readonly { path: string; file: File }[]): ByteSource[] =>
  files.map(({ path, file }) => new BlobSource(path, file));
