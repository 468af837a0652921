/** Every run of a session: those of the present experiment and those of earlier ones, whose weights live on the host. */
import { type Experiment, hasEnded, type Run } from './experiment';
import type { Origin } from './origin';
import type { RunSummary } from './protocol';
import { summarise, summaryOf } from './runSummary';
import { runFolder, savedRun } from './saveRun';

interface PastRun {
  run: Run;
  dIn: number;
  origin: Origin;
}

/** Weights of wide runs are older than the last evaluation. */
const keptWords = (run: Run, step: number): string =>
  run.evaluatedAt === step ? `metrics and weights of step ${step}` : `metrics of step ${run.evaluatedAt} and weights of step ${step}`;

export class RunBook {
  private past: PastRun[] = [];

  /** Keeps the runs of an experiment that is about to go. */
  retire(experiment: Experiment): void {
    this.past.push(...experiment.runs.map((run) => ({ run, dIn: experiment.data.d, origin: experiment.origin })));
  }

  /** The device went: open runs keep what was last evaluated. */
  static interrupt(runs: readonly Run[]): void {
    for (const run of runs) {
      if (hasEnded(run)) continue;
      run.state = 'interrupted';
      run.message = run.snapshot
        ? `the GPU was lost at step ${run.step}; ${keptWords(run, run.snapshot.step)} are kept`
        : `the GPU was lost at step ${run.step}, before the first evaluation`;
    }
  }

  nextNumber(experiment: Experiment | undefined): number {
    const all = [...this.past.map(({ run }) => run), ...(experiment?.runs ?? [])];
    return 1 + Math.max(0, ...all.map(({ id }) => Number(id.slice(1))));
  }

  /** Takes an earlier run off the list. @returns false when it is not one of them. */
  forget(id: string): boolean {
    const index = this.past.findIndex(({ run }) => run.id === id);
    if (index >= 0) this.past.splice(index, 1);
    return index >= 0;
  }

  summaries(experiment: Experiment | undefined, paused: boolean, rowsPerSecond: number): RunSummary[] {
    return [
      ...this.past.map(({ run, dIn, origin }) => summarise(run, { ...origin, dIn, paused: false })),
      ...(experiment?.runs ?? []).map((run) =>
        summaryOf(run, experiment as Experiment, { paused, rowsPerSecond: rowsPerSecond || undefined }),
      ),
    ];
  }

  /**
   * The SAELens folder of any run.
   * @param as the architecture in its cfg.json; the run's own unless given.
   * @throws Error when there is no such run, no weights of it are kept, or they have no such form.
   */
  async save(
    id: string,
    experiment: Experiment | undefined,
    as?: string,
  ): Promise<{ folder: string; files: { name: string; bytes: Uint8Array }[] }> {
    const earlier = this.past.find(({ run }) => run.id === id);
    const run = earlier?.run ?? experiment?.runs.find((candidate) => candidate.id === id);
    const origin = earlier?.origin ?? experiment?.origin;
    if (!run || !origin) throw new Error(`There is no run ${id}.`);
    const kept = earlier ? run.snapshot : await experiment?.weights(run);
    if (!kept) throw new Error(`No weights of ${id} are kept: it ended before its first evaluation.`);
    return { folder: runFolder(run, as), files: savedRun(run, kept, origin, as) };
  }
}
