/**
 * Time series, kept outside React: one growing Float32Array of log rows per run, and its evaluations.
 *
 * Bounded: beyond MAX_ROWS every second row is dropped and from then on only every second (fourth, …) new row is kept,
 * so a long run costs no more memory than a short one and keeps its whole history.
 */
import { type DensityHistogram, LOG_COLUMNS, type LogColumn } from '../lab/protocol';
import type { Metrics } from '../metrics/types';

const WIDTH = LOG_COLUMNS.length;
export const MAX_ROWS = 1 << 16;

export interface Evaluation {
  step: number;
  metrics: Metrics;
}

class Series {
  private values = new Float32Array(256 * WIDTH);
  rows = 0;
  private stride = 1;
  private skipped = 0;

  append(values: Float32Array): void {
    for (let from = 0; from + WIDTH <= values.length; from += WIDTH) {
      if (this.skipped > 0) {
        this.skipped--;
        continue;
      }
      if (this.rows === MAX_ROWS) this.thin();
      if ((this.rows + 1) * WIDTH > this.values.length) {
        const grown = new Float32Array(this.values.length * 2);
        grown.set(this.values);
        this.values = grown;
      }
      this.values.set(values.subarray(from, from + WIDTH), this.rows * WIDTH);
      this.rows++;
      this.skipped = this.stride - 1;
    }
  }

  private thin(): void {
    for (let row = 0; row < MAX_ROWS / 2; row++) this.values.copyWithin(row * WIDTH, row * 2 * WIDTH, (row * 2 + 1) * WIDTH);
    this.rows = MAX_ROWS / 2;
    this.stride *= 2;
  }

  column(name: LogColumn): Float32Array {
    const at = LOG_COLUMNS.indexOf(name);
    const out = new Float32Array(this.rows);
    for (let row = 0; row < this.rows; row++) out[row] = this.values[row * WIDTH + at] as number;
    return out;
  }
}

interface RunSeries {
  log: Series;
  evaluations: Evaluation[];
  density?: DensityHistogram;
}

export class MetricStore {
  private readonly runs = new Map<string, RunSeries>();
  private readonly listeners = new Set<(run: string) => void>();

  appendLog(run: string, values: Float32Array): void {
    this.run(run).log.append(values);
    this.announce(run);
  }

  addEvaluation(run: string, evaluation: Evaluation, density: DensityHistogram): void {
    const series = this.run(run);
    const last = series.evaluations.at(-1);
    if (last && last.step === evaluation.step) series.evaluations.pop();
    series.evaluations.push(evaluation);
    series.density = density;
    this.announce(run);
  }

  column(run: string, name: LogColumn): Float32Array {
    return this.runs.get(run)?.log.column(name) ?? new Float32Array(0);
  }

  evaluations(run: string): readonly Evaluation[] {
    return this.runs.get(run)?.evaluations ?? [];
  }

  density(run: string): DensityHistogram | undefined {
    return this.runs.get(run)?.density;
  }

  /** Forgets every run not named. */
  keep(ids: ReadonlySet<string>): void {
    for (const id of this.runs.keys()) if (!ids.has(id)) this.runs.delete(id);
  }

  /** Called with the id of a run that has new data. Returns the unsubscriber. */
  subscribe(listener: (run: string) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private run(id: string): RunSeries {
    let series = this.runs.get(id);
    if (!series) {
      series = { log: new Series(), evaluations: [] };
      this.runs.set(id, series);
    }
    return series;
  }

  private announce(run: string): void {
    for (const listener of this.listeners) listener(run);
  }
}
