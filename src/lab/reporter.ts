/** Events on their way to the page, thinned: logs and run lists at most ten times a second, density histograms formed here. */
import { architecture, optionWords } from '../sae/architectures';
import type { StepLog } from '../sae/trainer';
import type { Experiment, Run } from './experiment';
import { type Identified, identityOf, type Origin } from './origin';
import { type DensityHistogram, type LabEvent, LOG_COLUMNS, type RunSummary } from './protocol';
import { recipeOf } from './recipe';

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

/** What a run's summary takes from its experiment. */
export interface SharedFacts extends Identified, Origin {
  dIn: number;
  paused: boolean;
  rowsPerSecond?: number | undefined;
}

export function summarise(run: Run, extra: SharedFacts): RunSummary {
  const { id, spec, state, step, message, metrics, evaluatedAt } = run;
  const entry = architecture(spec.arch);
  const { knob } = entry;
  const summary: RunSummary = {
    id,
    name: [spec.arch, spec.width, knob.symbol, spec.schedule.lambda, ...optionWords(entry, spec.options)].join(' '),
    arch: spec.arch,
    ...(Object.keys(spec.options).length > 0 && { options: spec.options }),
    dIn: extra.dIn,
    dSae: spec.width,
    lambda: spec.schedule.lambda,
    seed: spec.seed,
    normalize: extra.normalize,
    activationScale: extra.activationScale,
    steps: spec.schedule.steps,
    step,
    state: state === 'training' && extra.paused ? 'paused' : state,
    data: extra.data,
    identity: identityOf(extra),
    recipe: recipeOf(run, extra),
  };
  if (extra.provenance) summary.provenance = extra.provenance;
  if (message !== undefined) summary.message = message;
  if (metrics) {
    summary.metrics = metrics;
    summary.quality = metrics.loss_recovered === undefined ? 'r2' : 'loss_recovered';
  }
  if (evaluatedAt !== undefined) summary.evaluatedAt = evaluatedAt;
  if (extra.rowsPerSecond !== undefined && state === 'training' && !extra.paused) summary.rowsPerSecond = extra.rowsPerSecond;
  return summary;
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
