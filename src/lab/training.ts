/**
 * The training loop of a session: steps, evaluations when they are due, pause, single steps, stops. Every piece of work takes a turn,
 * so that commands come in between two steps and never see one half done.
 */
import { DataError } from '../data/bytes/types';
import { type Experiment, hasEnded, type Run } from './experiment';
import type { Phase } from './protocol';
import type { RateMeter } from './rate';
import type { Reporter } from './reporter';
import { Stepping } from './stepping';
import type { TimeRange } from './timeEstimate';
import { breathe, type Turns } from './turns';

/** First evaluation of new runs, seconds after their start: the chart should not stay empty. */
const FIRST_EVALUATION_S = 0.5;
/** An evaluation may take at most this share of the time. */
const EVALUATION_SHARE = 0.35;

class Cancelled extends Error {}

/** What the loop needs of the session. */
export interface TrainingHost {
  turns: Turns;
  reporter: Reporter;
  /** Throws when the device is lost. */
  check(): void;
  setPhase(phase: Phase, note: string, progress?: number): void;
  /** Runs have changed; `now` when the page should hear of it at once. */
  changed(now: boolean): void;
  /** New figures of speed. */
  measured(): void;
  failed(error: unknown): void;
}

export class Training {
  private readonly steps: Stepping;
  paused = false;
  private looping = false;
  private closed = false;
  private cancelEvaluation = false;
  private nextEvaluation = 0;
  private readonly rowsAtEvaluation = new Map<Run, number>();

  constructor(
    readonly experiment: Experiment,
    private readonly host: TrainingHost,
    /** Seconds between evaluations. */
    public evalEvery: number,
  ) {
    this.steps = new Stepping(experiment, () => host.check());
  }

  get rate(): RateMeter {
    return this.steps.rate;
  }

  /** Seconds until all runs have ended; undefined until that can be told. */
  get remaining(): TimeRange | undefined {
    return this.steps.remaining;
  }

  /** Runs were added: the loop begins, or goes on with them. Beside runs that are paused they wait too. */
  joined(runs: readonly Run[]): void {
    for (const run of runs) this.rowsAtEvaluation.set(run, this.experiment.rowsTrained);
    this.steps.changed();
    const soon = performance.now() + FIRST_EVALUATION_S * 1000;
    this.nextEvaluation = this.looping ? Math.min(this.nextEvaluation, soon) : soon;
    if (this.paused) this.host.setPhase('paused', `paused, with ${runs.length} ${runs.length === 1 ? 'run' : 'runs'} added`);
    else this.resume();
  }

  resume(): void {
    if (!this.steps.isOpen) return;
    this.paused = false;
    this.host.setPhase('training', 'training');
    if (!this.looping) void this.loop();
  }

  /** Ends an evaluation under way; the step under way is finished. */
  pause(): void {
    this.cancelEvaluation = true;
    this.paused = true;
    this.host.setPhase('paused', 'paused');
  }

  /** The next evaluation that may be cut short is. */
  hurry(): void {
    this.cancelEvaluation = true;
  }

  /** No more steps: the experiment is going. */
  close(): void {
    this.closed = true;
  }

  /** Exactly one step of every run. @throws Error unless paused with something to train. */
  async singleStep(): Promise<void> {
    if (!this.paused || !this.experiment.training) throw new Error('Pause the runs before stepping.');
    this.steps.restart();
    await this.steps.step(true);
    await this.experiment.settle();
    await this.finish();
    this.host.changed(true);
  }

  /** Ends runs after a last evaluation of their present state. */
  async stop(runs: readonly Run[]): Promise<void> {
    const open = runs.filter((run) => !hasEnded(run));
    if (open.length === 0) return;
    let unread: string | undefined;
    try {
      await this.evaluate(open, false);
    } catch (error) {
      // A file that cannot be read must not keep runs from ending: they keep what was measured last.
      if (!(error instanceof DataError)) throw error;
      unread = `not measured at its end: ${error.message}`;
    }
    for (const run of open) this.experiment.end(run, 'stopped', unread);
    await this.releaseIfOver();
    this.host.changed(true);
  }

  private async loop(): Promise<void> {
    this.looping = true;
    this.steps.restart();
    try {
      while (!this.paused && !this.closed && this.steps.isOpen) {
        await this.host.turns.take(() => this.advance());
        await breathe();
      }
    } catch (error) {
      if (!this.closed) this.host.failed(error);
    } finally {
      this.looping = false;
    }
    this.host.changed(true);
  }

  /** One step, and an evaluation when it is due. */
  private async advance(): Promise<void> {
    const { experiment } = this;
    if (this.paused || this.closed) return;
    if (experiment.training) await this.steps.step(true);
    const finished = await this.finish();
    if (!finished && performance.now() >= this.nextEvaluation) {
      await this.evaluate(
        experiment.runs.filter((run) => run.state === 'training'),
        true,
      );
    }
    if (this.rate.measure()) this.host.measured();
    this.host.changed(false);
    await this.releaseIfOver();
  }

  private finish(): Promise<boolean> {
    return this.steps.finish((runs) => this.evaluate(runs, false));
  }

  private async releaseIfOver(): Promise<void> {
    if (this.steps.isOpen) return;
    await this.experiment.release();
    this.paused = false;
    this.host.setPhase('finished', 'all runs have ended');
  }

  private async evaluate(runs: readonly Run[], cancellable: boolean): Promise<void> {
    const { experiment, host } = this;
    if (runs.length === 0) return;
    const start = performance.now();
    const note = `evaluating ${runs.length} ${runs.length === 1 ? 'run' : 'runs'} on held-out data`;
    this.cancelEvaluation = false;
    host.setPhase('training', note, 0);
    try {
      await this.steps.evaluate(runs, (fraction) => {
        if (cancellable && this.cancelEvaluation) throw new Cancelled();
        host.setPhase('training', note, fraction);
      });
      await host.reporter.evaluated(experiment, runs, (run) => experiment.rowsTrained - (this.rowsAtEvaluation.get(run) ?? 0));
      for (const run of runs) this.rowsAtEvaluation.set(run, experiment.rowsTrained);
    } catch (error) {
      if (!(error instanceof Cancelled)) throw error;
    }
    const spent = performance.now() - start;
    this.nextEvaluation = performance.now() + Math.max(this.evalEvery * 1000, spent * (1 / EVALUATION_SHARE - 1));
    if (!this.paused) host.setPhase('training', 'training');
    else host.setPhase('paused', 'paused');
  }
}
