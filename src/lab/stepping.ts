/** What page and command line do alike in a training loop: a step, the last evaluation of runs that have done theirs, and where the time went. */
import { type Experiment, hasEnded, type Run } from './experiment';
import { RateMeter } from './rate';
import { Pace, type TimeRange } from './timeEstimate';

/** Of a run that waits for another, that one's too. */
const stepsLeft = ({ spec, step, from }: Run): number =>
  spec.schedule.steps - step + (from && !hasEnded(from) ? from.spec.schedule.steps - from.step : 0);

export class Stepping {
  readonly rate = new RateMeter();
  private readonly pace = new Pace();
  private steppedMs = 0;

  /** @param check throws when the device is lost. */
  constructor(
    readonly experiment: Experiment,
    private readonly check: () => void,
  ) {}

  /** True while there is a step or a last evaluation to do. */
  get isOpen(): boolean {
    return this.experiment.training || this.experiment.finished().length > 0;
  }

  /** Training begins or goes on: what went by before does not count. */
  restart(): void {
    this.rate.restart();
    this.pace.restart();
  }

  /** Runs were added, so that steps take longer from now on. */
  changed(): void {
    this.pace.forget();
  }

  /** Seconds until all runs have ended; undefined before the first few steps. */
  get remaining(): TimeRange | undefined {
    const left = this.experiment.runs.filter((run) => !hasEnded(run)).map((run) => stepsLeft(run));
    return left.length > 0 ? this.pace.remaining(Math.max(...left)) : undefined;
  }

  /** Rows a second over all steps, evaluations not counted. */
  get rowsPerSecond(): number {
    return this.experiment.rowsTrained / Math.max(1e-3, this.steppedMs / 1000);
  }

  /** One step of every run; steps that end a run are always logged. */
  async step(log: boolean): Promise<void> {
    const { experiment, rate } = this;
    const start = performance.now();
    const { stats } = experiment.feeder;
    const [dataMs, gpuMs] = [stats.waitedMs, experiment.gpuWaitedMs];
    await experiment.step(log || experiment.runs.some((run) => !hasEnded(run) && run.step + 1 === run.spec.schedule.steps));
    const stepped = performance.now();
    // What an ended run still waits for belongs to its steps, not to its evaluation.
    if (experiment.finished().length > 0) await experiment.settle();
    const end = performance.now();
    rate.step(experiment.options.batch, experiment.feeder.stats.waitedMs - dataMs, experiment.gpuWaitedMs - gpuMs + end - stepped);
    this.steppedMs += end - start;
    this.pace.step();
    this.check();
  }

  /** @param onBatch fraction done; may throw to cancel. */
  async evaluate(runs: readonly Run[], onBatch: (fraction: number) => void): Promise<void> {
    const start = performance.now();
    try {
      await this.experiment.evaluate(runs, onBatch);
    } finally {
      const spent = performance.now() - start;
      this.rate.evaluation(spent);
      this.pace.evaluated(spent);
    }
  }

  /** Runs that have done their steps are evaluated for the last time and end. @returns whether there were any. */
  async finish(evaluate: (runs: readonly Run[]) => Promise<void>): Promise<boolean> {
    const done = this.experiment.finished();
    if (done.length === 0) return false;
    await evaluate(done);
    for (const run of done) this.experiment.end(run, 'done');
    return true;
  }
}
