/** Events on their way to the page, thinned: logs and run lists at most ten times a second, density histograms formed here. */
import type { StepLog } from '../sae/trainer';
import type { Experiment, Run } from './experiment';
import { type DensityHistogram, type LabEvent, LOG_COLUMNS, type RunSummary } from './protocol';

export type Emit = (event: LabEvent, transfer?: ArrayBuffer[]) => void;

const PERIOD_MS = 100;
const BINS = 40;
const LOWEST_LOG10 = -6;

/** Counts of latents by log10 firing frequency over `rows` rows. */
export function densityHistogram(fires: ArrayLike<number>, rows: number): DensityHistogram {
  const counts = new Array<number>(BINS).fill(0);
  let dead = 0;
  for (let i = 0; i < fires.length; i++) {
    const n = fires[i] as number;
    if (n === 0) {
      dead++;
      continue;
    }
    const bin = Math.floor(((Math.log10(n / rows) - LOWEST_LOG10) / -LOWEST_LOG10) * BINS);
    const at = Math.min(BINS - 1, Math.max(0, bin));
    counts[at] = (counts[at] as number) + 1;
  }
  return { counts, dead, rows };
}

/** Collects log rows and says when it is time to send. */
export class Reporter {
  private readonly pending = new Map<string, number[]>();
  private lastSent = 0;

  constructor(private readonly emit: Emit) {}

  log(run: Run, log: StepLog): void {
    const values = this.pending.get(run.id) ?? [];
    for (const column of LOG_COLUMNS) values.push(log[column] ?? Number.NaN);
    this.pending.set(run.id, values);
  }

  /** Sends what has gathered when the last sending is long enough ago; `runs` is asked for only then. */
  flush(runs: () => RunSummary[], force = false): void {
    const now = performance.now();
    if (!force && now - this.lastSent < PERIOD_MS) return;
    this.lastSent = now;
    for (const [run, list] of this.pending) {
      const values = Float32Array.from(list);
      this.emit({ type: 'log', run, values }, [values.buffer]);
    }
    this.pending.clear();
    this.emit({ type: 'runs', runs: runs() });
  }

  /** After an evaluation: metrics and firing densities of the runs that were measured. */
  async evaluated(experiment: Experiment, runs: readonly Run[], rowsSince: (run: Run) => number): Promise<void> {
    for (const run of runs) {
      if (!run.metrics || run.evaluatedAt === undefined) continue;
      const rows = rowsSince(run);
      const density = densityHistogram(rows > 0 ? await experiment.trainingFires(run) : [], Math.max(1, rows));
      this.emit({ type: 'evaluated', run: run.id, step: run.evaluatedAt, metrics: run.metrics, density: { ...density, rows } });
    }
  }
}
