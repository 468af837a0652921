/**
 * Dead latents of an experiment's runs begin anew (src/sae/resample.ts): counts firings in each run's window, forms the losses of training rows drawn by the
 * run's own seed, and gives the dead latents the rows that these choose. Nothing of it depends on the other runs of the sweep.
 */
import { drawRows, readBlocks } from '../data/rows/randomRows';
import type { RowRange, RowSource } from '../data/rows/types';
import type { FireCount } from '../sae/fireCounts';
import { chooseRows, type Resampled, type Resampling, rowNorms, windowOf } from '../sae/resample';
import type { SweepTrainer } from '../sae/trainer';
import { groupBy } from '../util/groupBy';
import { Rng } from '../util/rng';
import type { Evaluator } from './evaluation';

/** What of a run is asked here. */
export interface ResamplingRun {
  step: number;
  spec: { seed: number; resampling?: Resampling };
  resampled?: readonly Resampled[];
}

/** A run in its packed sweep. */
export interface Placed<R> {
  run: R;
  trainer: SweepTrainer;
  index: number;
}

/** A run whose turn it is, and its latents that did not fire. */
interface Due<R> extends Placed<R> {
  dead: readonly number[];
}

/** What is known of one resampling that is to come. */
interface Window {
  count: FireCount;
  /** Once it is over. */
  dead?: readonly number[];
}

/** A block of rows that were drawn, and the place of its first among all. */
interface Drawn {
  range: RowRange;
  first: number;
  rows: number;
}

/** Rows of which the losses are formed at once. */
const ROWS_AT_ONCE = 4096;

export interface DrawnFrom {
  sources: readonly RowSource[];
  ranges: readonly RowRange[];
  d: number;
}

export class Resampler<R extends ResamplingRun> {
  private readonly windows = new WeakMap<R, Map<number, Window>>();

  /** @param done hears what became of each. */
  constructor(
    private readonly data: DrawnFrom,
    private readonly evaluator: Evaluator,
    private readonly done: (run: R, event: Resampled) => void,
  ) {}

  /**
   * Before the next step of these runs. May be called again for the same step after an error: what is done is not done twice.
   * @throws DataError when a file cannot be read.
   */
  async before(runs: readonly Placed<R>[]): Promise<void> {
    const due: Due<R>[] = [];
    for (const placed of runs) {
      const { run } = placed;
      const { at } = run.spec.resampling ?? { at: [] };
      for (const [n, step] of at.entries()) {
        const window = await this.window(placed, n);
        if (run.step !== step || !window || run.resampled?.some((event) => event.step === step)) continue;
        window.dead ??= await silent(window.count);
        due.push({ ...placed, dead: window.dead });
      }
    }
    for (const { run } of due.filter(({ dead }) => dead.length === 0)) this.done(run, { step: run.step, latents: 0, inputs: 0 });
    // Runs of one seed draw the same rows, which are then read once.
    const some = due.filter(({ dead }) => dead.length > 0);
    for (const alike of groupBy(some, ({ run }) => `${run.spec.seed} ${run.step} ${run.spec.resampling?.inputs}`))
      await this.resample(alike);
  }

  /** That of the run's n-th resampling, opened when its time has come; undefined before. */
  private async window({ run, trainer, index }: Placed<R>, n: number): Promise<Window | undefined> {
    const own = this.windows.get(run) ?? new Map<number, Window>();
    this.windows.set(run, own);
    const { resampling } = run.spec;
    if (resampling && !own.has(n) && run.step === (resampling.at[n] as number) - windowOf(resampling, n))
      own.set(n, { count: await trainer.countFires(index) });
    return own.get(n);
  }

  /** Runs of one seed at one step. */
  private async resample(runs: readonly Due<R>[]): Promise<void> {
    const { spec, step } = (runs[0] as Due<R>).run;
    const rng = Rng.stream(spec.seed, 'resample', step);
    const { drawn, losses } = await this.losses(runs, spec.resampling?.inputs ?? 0, rng.fork('inputs'));
    const picked = runs.map(({ dead }, i) => {
      const uniforms = rng.fork('picks');
      return chooseRows(
        losses[i] as Float32Array,
        dead.map(() => uniforms.uniform()),
      );
    });
    const rows = await this.fetch(drawn, new Set(picked.flatMap((picks) => picks ?? [])));
    const { d } = this.data;
    for (const [i, { run, trainer, index, dead }] of runs.entries()) {
      const picks = picked[i];
      if (picks) {
        const inputs = new Float32Array(dead.length * d);
        picks.forEach((row, n) => inputs.set(rows.get(row) as Float32Array, n * d));
        await trainer.resample(index, dead, inputs);
      }
      this.done(run, { step, latents: picks ? dead.length : 0, inputs: losses[i]?.length ?? 0 });
    }
  }

  /** Rows drawn, and for each run ‖x − x̂‖² of each; 0 of a row of zeros, which has no direction. */
  private async losses(runs: readonly Due<R>[], inputs: number, rng: Rng): Promise<{ drawn: Drawn[]; losses: Float32Array[] }> {
    const { sources, ranges, d } = this.data;
    const losses = runs.map(() => new Float32Array(inputs));
    const drawn: Drawn[] = [];
    const values = new Float32Array(Math.min(inputs, ROWS_AT_ONCE) * d);
    let [total, held] = [0, 0];
    const flush = async () => {
      const norms = rowNorms(values.subarray(0, held * d), d);
      for (const some of groupBy([...runs.keys()], (i) => runs[i]?.trainer)) {
        const { trainer } = runs[some[0] as number] as Due<R>;
        const errors = await this.evaluator.rowErrors(
          trainer,
          some.map((i) => runs[i]?.index as number),
          values,
          held,
        );
        some.forEach((i, k) =>
          losses[i]?.set(
            (errors[k] as Float32Array).map((error, row) => (norms[row] === 0 ? 0 : error)),
            total - held,
          ),
        );
      }
      held = 0;
    };
    for await (const block of drawRows(sources, ranges, inputs, rng)) {
      drawn.push({ range: block.range, first: total, rows: block.rows });
      for (let at = 0; at < block.rows; ) {
        const n = Math.min(block.rows - at, values.length / d - held);
        values.set(block.values.subarray(at * d, (at + n) * d), held * d);
        [at, held, total] = [at + n, held + n, total + n];
        if (held * d === values.length) await flush();
      }
    }
    if (held > 0) await flush();
    return { drawn, losses: losses.map((all) => all.subarray(0, total)) };
  }

  /** Those rows, read again: all that were drawn might not fit into memory. */
  private async fetch(drawn: readonly Drawn[], wanted: ReadonlySet<number>): Promise<Map<number, Float32Array>> {
    const { sources, d } = this.data;
    const rows = new Map<number, Float32Array>();
    const places = [...wanted].sort((a, b) => a - b);
    const blocks = drawn.filter(({ first, rows: n }) => places.some((place) => place >= first && place < first + n));
    const of = new Map(blocks.map((block) => [block.range, block]));
    for await (const { range, values } of readBlocks(
      sources,
      blocks.map((block) => block.range),
    )) {
      const { first, rows: n } = of.get(range) as Drawn;
      for (const place of places)
        if (place >= first && place < first + n) rows.set(place, values.slice((place - first) * d, (place - first + 1) * d));
    }
    return rows;
  }
}

/** Latents that did not fire. */
async function silent(count: FireCount): Promise<number[]> {
  const fires = await count.take();
  count.close();
  return [...fires.keys()].filter((i) => fires[i] === 0);
}

/** What of a resampling cannot be done, in sentences. @param trainRows undefined where nobody knows. */
export function resamplingProblems(resampling: Resampling | undefined, trainRows: number | undefined): string[] {
  if (!resampling) return [];
  const { at, inputs } = resampling;
  const problems: string[] = [];
  if (trainRows !== undefined && inputs > trainRows)
    problems.push(
      `Resampling asks for the losses of ${inputs} training rows; there are ${trainRows}. Ask for at most as many (resample-inputs).`,
    );
  for (const [n, step] of at.entries()) {
    const window = windowOf(resampling, n);
    if (window > step)
      problems.push(
        `A latent cannot have been silent for ${window} steps at step ${step}: take a shorter window (resample-window) or a later step.`,
      );
  }
  return problems;
}
