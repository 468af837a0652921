/**
 * Evaluation on held-out data: rows alone (L0, R², gamma, …), or a language model into which each reconstruction is spliced
 * (all of those on the model's own held-out text, plus cross-entropy and loss recovered).
 *
 * Runs between training steps on the sweep's own work buffers. Language-model batches are bounded, every await lets the session
 * answer commands.
 */

import { blockToFloats } from '../data/rows/block';
import type { RowBlock } from '../data/rows/types';
import { Arena, readFloats, write } from '../gpu/buffers';
import type { Gpu } from '../gpu/device';
import type { LanguageModel } from '../lm/model';
import { Splicer } from '../lm/splice';
import { CrossEntropySum, type ModelLosses, metricsOf, PairedGap, pivotOf, ReconstructionSums, VarianceSums } from '../metrics/sums';
import type { Metrics } from '../metrics/types';
import { ForwardPass } from '../sae/forwardPass';
import { STATS } from '../sae/kernels';
import type { SweepTrainer } from '../sae/trainer';
import { messageOf } from '../util/errors';
import { giveRowMeans, takeRowMeans } from './rowMeans';

/** Reconstructions kept for splicing at once, bytes. */
const SPLICE_BYTES = 64 * 2 ** 20;
/** Held-out rows uploaded at once. */
const ROWS_AT_ONCE = 4096;

/** Sequences of tokens, all of one length, held out from training. */
export interface Sequences {
  /** `[n·T]` ids. */
  tokens: Uint32Array;
  n: number;
  T: number;
}

export type EvaluationSource =
  | { kind: 'rows'; blocks: () => AsyncIterable<RowBlock> }
  | { kind: 'model'; model: LanguageModel; hook: string; sequences: Sequences };

export interface EvaluatorOptions {
  /**
   * Rows lose their own mean over d before an SAE sees them, and reconstructions get it back before the model goes on. Metrics are of the rows
   * without it, which are those that the SAE was made for. For SAEs of models whose writing weights were centred.
   */
  centreRows?: boolean;
}

/** A packed sweep and which of its runs are wanted. */
export interface EvaluationTarget {
  trainer: SweepTrainer;
  runs: { index: number; id: string }[];
}

/** What was measured of one run, or why that is no number: its weights have diverged. The other runs are not concerned. */
export type Evaluated = { metrics: Metrics; problem?: undefined } | { metrics?: undefined; problem: string };

export class Evaluator {
  private readonly passes = new Map<SweepTrainer, ForwardPass>();
  private baselineLosses: Promise<ModelLosses> | undefined;

  private constructor(
    private readonly gpu: Gpu,
    readonly source: EvaluationSource,
    private readonly d: number,
    private readonly arena: Arena,
    private readonly raw: GPUBuffer,
    private readonly rawRows: number,
    private readonly spliced: GPUBuffer[],
    private readonly options: EvaluatorOptions,
  ) {}

  /** @param d width of the activations; a model's hook must have the same. */
  static async create(gpu: Gpu, d: number, source: EvaluationSource, options: EvaluatorOptions = {}): Promise<Evaluator> {
    const arena = new Arena(gpu, 'evaluation');
    const rawRows = source.kind === 'model' ? batchSequences(source) * source.sequences.T : ROWS_AT_ONCE;
    const bytes = rawRows * d * 4;
    const raw = arena.storage('raw', bytes);
    const copies = source.kind === 'model' ? Math.max(1, Math.min(16, Math.floor(SPLICE_BYTES / bytes))) : 0;
    const spliced = Array.from({ length: copies }, (_, i) => arena.storage(`spliced${i}`, bytes));
    await arena.ready();
    return new Evaluator(gpu, source, d, arena, raw, rawRows, spliced, options);
  }

  /** CE of the model clean, zero-ablated and mean-ablated (the mean over these very sequences), nats. Measured once. */
  modelLosses(): Promise<ModelLosses> {
    const { source } = this;
    if (source.kind !== 'model') throw new Error('there is no language model to measure');
    this.baselineLosses ??= measureModel(this.gpu, source).catch((error) => {
      this.baselineLosses = undefined;
      throw error;
    });
    return this.baselineLosses;
  }

  /** @param onBatch called after each batch with the fraction done; throws to cancel. */
  async evaluate(targets: readonly EvaluationTarget[], onBatch?: (fraction: number) => void): Promise<Map<string, Evaluated>> {
    const work = await Promise.all(
      targets.map(async ({ trainer, runs }) => {
        const pass = await this.passOf(trainer);
        pass.resetFires();
        pass.setPivot();
        return { trainer, pass, runs: runs.map((run) => ({ ...run, sums: new ReconstructionSums(), ce: new CrossEntropySum() })) };
      }),
    );
    const variance = new VarianceSums(this.d);
    let scale = 1;
    for (const { trainer } of targets) scale = trainer.options.scale;

    const read = (trainer: SweepTrainer, pass: ForwardPass, n: number) =>
      pass.sums(n).catch((error: unknown) => {
        this.forget(trainer); // what it could not have, the next evaluation asks for again
        throw error;
      });

    /**
     * Statistics of raw rows [0, rows) for the chosen runs and, where a buffer is given, their reconstructions.
     * `firstVisit`: these rows have not been seen yet, so their variance counts (once, by the first sweep).
     */
    const forward = async (rows: number, chosen: (id: string) => GPUBuffer | undefined | 'stats', firstVisit: boolean) => {
      for (const [w, { trainer, pass, runs }] of work.entries()) {
        const wanted = runs.map((run) => ({ run, to: chosen(run.id) })).filter(({ to }) => to !== undefined);
        if (wanted.length === 0) continue;
        const live = trainer.layout.runs.map((_, r) => wanted.some(({ run }) => run.index === r));
        for (let at = 0; at < rows; at += pass.maxRows) {
          const n = Math.min(pass.maxRows, rows - at);
          pass.run(at, n, live);
          for (const { run, to } of wanted) if (to !== 'stats' && to) pass.restore(run.index, n, to, at);
          let sums = await read(trainer, pass, n);
          if (firstVisit && w === 0 && variance.rows === 0) {
            // These rows may lie far from the mean that they are centred by, which is that of others.
            const pivot = pivotOf(sums.columnSums, sums.squares, n);
            if (pivot) {
              pass.setPivot(pivot);
              pass.repeatMoments(n);
              sums = await read(trainer, pass, n);
            }
          }
          if (firstVisit && w === 0) variance.add(sums.columnSums, sums.squares, n);
          for (const { run } of wanted) run.sums.add(sums.totals.subarray(run.index * STATS, (run.index + 1) * STATS), n);
        }
      }
    };

    if (this.source.kind === 'rows') {
      for await (const block of this.source.blocks()) {
        const values = blockToFloats(block);
        if (this.options.centreRows) takeRowMeans(values, this.d);
        for (let at = 0; at < block.rows; at += this.rawRows) {
          const rows = Math.min(this.rawRows, block.rows - at);
          write(this.gpu, this.raw, 0, values.subarray(at * this.d, (at + rows) * this.d));
          await forward(rows, () => 'stats', true);
        }
        onBatch?.(Number.NaN);
      }
    } else {
      await this.splice(work, forward, onBatch);
    }
    if (variance.rows === 0) throw new Error('there are no held-out rows to evaluate on; hold out a larger fraction');

    const model = this.source.kind === 'model' ? await this.modelLosses() : undefined;
    const results = new Map<string, Evaluated>();
    for (const { trainer, pass, runs } of work) {
      for (const run of runs) {
        const fires = await pass.fires(run.index);
        try {
          const metrics = metricsOf(run.sums, variance, fires, scale, model && { sae: run.ce.mean, model });
          const how = inferenceWords(await trainer.inference(run.index), scale);
          results.set(run.id, { metrics: { ...metrics, ...(how !== undefined && { evaluated_by: how }) } });
        } catch (cause) {
          results.set(run.id, { problem: messageOf(cause) });
        }
      }
    }
    return results;
  }

  /**
   * ‖x − x̂‖² of raw rows for runs of a sweep, `[rows]` each, in units of the scaled rows; between steps.
   * @param values the rows, `[at least rows, d]`.
   */
  async rowErrors(trainer: SweepTrainer, runs: readonly number[], values: Float32Array, rows: number): Promise<Float32Array[]> {
    const pass = await this.passOf(trainer);
    const errors = runs.map(() => new Float32Array(rows));
    const live = trainer.layout.runs.map((_, r) => runs.includes(r));
    const most = Math.min(pass.maxRows, this.rawRows);
    for (let at = 0; at < rows; at += most) {
      const n = Math.min(most, rows - at);
      write(this.gpu, this.raw, 0, values.subarray(at * this.d, (at + n) * this.d));
      pass.run(0, n, live);
      (await pass.errors(n, runs)).forEach((some, i) => errors[i]?.set(some, at));
    }
    return errors;
  }

  destroy(): void {
    for (const trainer of [...this.passes.keys()]) this.forget(trainer);
    this.arena.destroy();
  }

  private async splice(
    work: { runs: { id: string; ce: CrossEntropySum }[] }[],
    forward: (rows: number, chosen: (id: string) => GPUBuffer | undefined, firstVisit: boolean) => Promise<void>,
    onBatch?: (fraction: number) => void,
  ): Promise<void> {
    const source = this.source as EvaluationSource & { kind: 'model' };
    const all = work.flatMap(({ runs }) => runs);
    for (const batch of batches(source)) {
      await source.model.exclusive(async () => {
        const value = source.model.prefix(source.hook, batch.tokens, batch.n, batch.T);
        const encoder = this.gpu.device.createCommandEncoder({ label: 'evaluation.raw' });
        encoder.copyBufferToBuffer(value.buffer, 0, this.raw, 0, value.rows * value.width * 4);
        this.gpu.queue.submit([encoder.finish()]);
        const means = this.options.centreRows ? await this.takeMeans(value.rows) : undefined;
        for (let from = 0; from < all.length; from += this.spliced.length) {
          const some = all.slice(from, from + this.spliced.length);
          await forward(value.rows, (id) => this.spliced[some.findIndex((run) => run.id === id)], from === 0);
          if (means) await Promise.all(some.map((_, i) => this.giveMeans(this.spliced[i] as GPUBuffer, means)));
          const losses = await Promise.all(some.map((_, i) => source.model.crossEntropy(this.spliced[i])));
          losses.forEach((values, i) => {
            some[i]?.ce.add(values);
          });
        }
      });
      onBatch?.((batch.first + batch.n) / source.sequences.n);
    }
  }

  /** On the host: a rare case, and a batch is a few megabytes. */
  private async takeMeans(rows: number): Promise<Float64Array> {
    const values = (await readFloats(this.gpu, this.raw, 0, rows * this.d)).slice();
    const means = takeRowMeans(values, this.d);
    write(this.gpu, this.raw, 0, values);
    return means;
  }

  private async giveMeans(buffer: GPUBuffer, means: Float64Array): Promise<void> {
    const values = (await readFloats(this.gpu, buffer, 0, means.length * this.d)).slice();
    giveRowMeans(values, this.d, means);
    write(this.gpu, buffer, 0, values);
  }

  private async passOf(trainer: SweepTrainer): Promise<ForwardPass> {
    let pass = this.passes.get(trainer);
    if (!pass) {
      pass = await ForwardPass.create(trainer, this.raw);
      this.passes.set(trainer, pass);
    }
    return pass;
  }

  /** Forgets a sweep whose buffers are gone. */
  forget(trainer: SweepTrainer): void {
    this.passes.get(trainer)?.destroy();
    this.passes.delete(trainer);
  }
}

/** How it was told what fires, where training selects. @param scale of the activations that the threshold is of. */
export function inferenceWords(how: Awaited<ReturnType<SweepTrainer['inference']>>, scale: number): string | undefined {
  if (!how) return undefined;
  if ('k' in how) return `k ${how.k}`;
  if (how.threshold === undefined) return 'no threshold yet: all activations above 0';
  return `threshold ${Number((how.threshold / scale).toPrecision(4))}`;
}

export type ModelSource = EvaluationSource & { kind: 'model' };

/** Sequences that the model takes at once. */
export const batchSequences = ({ model, sequences }: ModelSource): number =>
  Math.max(1, Math.min(sequences.n, Math.floor(model.maxTokens / sequences.T)));

/** The sequences in batches that the model takes. */
export function* batches(source: ModelSource): Generator<Sequences & { first: number }> {
  const { tokens, n, T } = source.sequences;
  const size = batchSequences(source);
  for (let first = 0; first < n; first += size) {
    const count = Math.min(size, n - first);
    yield { tokens: tokens.subarray(first * T, (first + count) * T), n: count, T, first };
  }
}

/** Clean, zero- and mean-ablated CE over all sequences; two passes, since the mean must be known before it is spliced in. */
async function measureModel(gpu: Gpu, source: ModelSource): Promise<ModelLosses> {
  const { model, hook } = source;
  const width = model.hookWidth(hook);
  const splicer = await Splicer.create(gpu, width, batchSequences(source) * source.sequences.T);
  try {
    const sums = new Float64Array(width);
    let rows = 0;
    const clean = new CrossEntropySum();
    const zero = new CrossEntropySum();
    const mean = new CrossEntropySum();
    const [zeroGap, meanGap] = [new PairedGap(), new PairedGap()];
    const cleanLosses: ArrayLike<number>[] = [];
    for (const { tokens, n, T } of batches(source)) {
      await model.exclusive(async () => {
        const value = model.prefix(hook, tokens, n, T);
        const [cleanCe, zeroCe, columns] = await Promise.all([
          model.crossEntropy(),
          model.crossEntropy(splicer.zero(value)),
          splicer.columnSums(value),
        ]);
        clean.add(cleanCe);
        zero.add(zeroCe);
        zeroGap.add(cleanCe, zeroCe);
        cleanLosses.push(cleanCe);
        columns.forEach((sum, k) => {
          sums[k] = (sums[k] as number) + sum;
        });
        rows += value.rows;
      });
    }
    const average = sums.map((sum) => sum / rows);
    for (const { tokens, n, T } of batches(source)) {
      await model.exclusive(async () => {
        const value = model.prefix(hook, tokens, n, T);
        const meanCe = await model.crossEntropy(splicer.mean(value, average));
        mean.add(meanCe);
        meanGap.add(cleanLosses.shift() as ArrayLike<number>, meanCe);
      });
    }
    return { clean: clean.mean, zero: zero.mean, mean: mean.mean, zeroError: zeroGap.standardError, meanError: meanGap.standardError };
  } finally {
    splicer.destroy();
  }
}
