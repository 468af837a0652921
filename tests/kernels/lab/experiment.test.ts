/** Experiments as the session and the command line drive them: runs that fail, rows that are bad, memory, work in flight. */

import { describe, expect, it, vi } from 'vitest';
import { geometricMedian } from '../../../src/data/rows/geometricMedian';
import { readFloats, write } from '../../../src/gpu/buffers';
import type { Gpu } from '../../../src/gpu/device';
import type { EvaluationSource } from '../../../src/lab/evaluation';
import { Experiment, type ExperimentOptions, hasEnded, type Run } from '../../../src/lab/experiment';
import type { RunSpec } from '../../../src/lab/runSpecs';
import { defaultConfig } from '../../../src/lab/settings';
import { plainArm } from '../../../src/metrics/arms';
import { forward } from '../../../src/reference/sae';
import { initialWeights } from '../../../src/sae/init';
import { type StepLog, SweepTrainer } from '../../../src/sae/trainer';
import { maxError, randoms, testGpu } from '../../gpu';
import { bitsOf, normError, someWeights, twinOf } from '../sae/sweep';
import { ArrayRows, blocksOf } from './helpers';

const D = 13;
const values = (rows: number, seed = 1) => randoms(rows * D, seed).map((v, j) => 3 * v + 2 * Math.cos(j % D));
const spec = (arch: RunSpec['arch'], change: Partial<RunSpec['schedule']> = {}, width = 9, seed = 1): RunSpec => ({
  arch,
  arm: plainArm(arch),
  config: defaultConfig(D),
  options: {},
  width,
  seed,
  start: { encLength: 1, bDec: 'mean' },
  optimiser: { beta1: 0, beta2: 0.999, eps: 1e-8 },
  schedule: { steps: 12, lr: 2e-3, lrWarmup: 0, lrDecay: 0, lambda: 0.1, lambdaWarmup: 0, ...change },
});

interface Made {
  experiment: Experiment;
  logs: Map<Run, StepLog[]>;
  changes: string[];
}
async function make(gpu: Gpu, source: ArrayRows, options: Partial<ExperimentOptions> = {}, heldOut = values(40, 2)): Promise<Made> {
  const logs = new Map<Run, StepLog[]>();
  const changes: string[] = [];
  const held = new ArrayRows(heldOut, D);
  const evaluation: EvaluationSource = { kind: 'rows', blocks: () => blocksOf(held) };
  const all = [{ source: 0, start: 0, rows: source.facts.rows }];
  const experiment = await Experiment.create(
    gpu,
    {
      sources: [source],
      d: D,
      split: { train: all, heldOut: [], trainRows: source.facts.rows, heldOutRows: held.facts.rows },
      evaluation,
      origin: { data: 'rows' },
    },
    { batch: 16, seed: 1, shuffle: 'pool', normalize: 'mean-square', xDtype: 'f32', flopsPerMs: 1e9, ...options },
    {
      log: (run, log) => logs.set(run, [...(logs.get(run) ?? []), log]),
      changed: (run) => changes.push(`${run.id} ${run.state}`),
    },
  );
  return { experiment, logs, changes };
}

/** Steps and evaluates until every run has ended, as the command line does. */
async function toTheEnd({ experiment }: Made, limit = 200): Promise<void> {
  for (let step = 0; experiment.training && step < limit; step++) {
    await experiment.step(true);
    const done = experiment.finished();
    if (done.length === 0) continue;
    await experiment.settle();
    await experiment.evaluate(done);
    for (const run of done) experiment.end(run, 'done');
  }
  await experiment.settle();
}

describe('a run that diverges', () => {
  it('fails with its step; the others finish with the bits they would have had', async () => {
    const gpu = await testGpu();
    const good = [spec('baseline'), spec('gated', {}, 33, 2)];
    const made = await make(gpu, new ArrayRows(values(200), D));
    const [first, bad, last] = await made.experiment.add([good[0] as RunSpec, spec('gated', { lr: 1e6 }), good[1] as RunSpec]);
    await toTheEnd(made);
    expect([first, bad, last].map((run) => run?.state)).toEqual(['done', 'failed', 'done']);
    const at = Number(/^the loss became \S+ at step (\d+)\. Lower the learning rate \(now 1000000\)/.exec(bad?.message ?? '')?.[1]);
    expect(at).toBeGreaterThan(0);
    expect(at).toBeLessThan(12);
    expect(made.logs.get(bad as Run)?.map(({ step }) => step)).toEqual(Array.from({ length: at }, (_, i) => i));
    expect(made.changes.filter((change) => change === `${bad?.id} failed`)).toHaveLength(1);
    expect(bad?.metrics).toBeUndefined();

    const alone = await make(gpu, new ArrayRows(values(200), D));
    const others = await alone.experiment.add(good);
    await toTheEnd(alone);
    for (const [i, run] of [first, last].entries()) {
      const weights = (await made.experiment.weights(run as Run)).weights;
      expect(bitsOf(weights).equals(bitsOf((await alone.experiment.weights(others[i] as Run)).weights))).toBe(true);
      expect(normError(weights)).toBeLessThan(1e-5);
      expect(Object.values(run?.metrics ?? {}).every(Number.isFinite)).toBe(true);
      expect(made.logs.get(run as Run)).toHaveLength(12);
    }
    made.experiment.destroy();
    alone.experiment.destroy();
  });

  it.each(['wEnc', 'wDec', 'bDec'] as const)('NaN in %s is noticed within two steps', async (name) => {
    const gpu = await testGpu();
    const made = await make(gpu, new ArrayRows(values(200), D));
    const weights = someWeights('gated', D, 9, 1);
    weights[name].fill(Number.NaN);
    const [bad] = await made.experiment.add([spec('gated')], weights);
    const [good] = await made.experiment.add([spec('baseline', {}, 5)]);
    await toTheEnd(made);
    expect(bad?.state).toBe('failed');
    expect(bad?.message).toMatch(/^the loss became NaN at step [01]\./);
    expect(good?.state).toBe('done');
    made.experiment.destroy();
  });

  it('NaN that only silences latents is noticed when the run is measured; the others are measured', async () => {
    const gpu = await testGpu();
    const made = await make(gpu, new ArrayRows(values(200), D));
    const weights = someWeights('gated', D, 9, 1);
    weights.vectors.b_gate?.fill(Number.NaN, 0, 2);
    const [bad] = await made.experiment.add([spec('gated')], weights);
    const [good] = await made.experiment.add([spec('baseline', {}, 5)]);
    await toTheEnd(made);
    expect([bad?.state, bad?.message]).toEqual(['failed', expect.stringMatching(/^its weights are no longer finite at step 12\./)]);
    expect([good?.state, good?.metrics?.tokens]).toEqual(['done', 40]);
    made.experiment.destroy();
  });

  it('in its very last update, fails alone', async () => {
    const gpu = await testGpu();
    const made = await make(gpu, new ArrayRows(values(200), D));
    const [bad] = await made.experiment.add([spec('gated', {}, 6)]);
    const [good] = await made.experiment.add([spec('baseline')]);
    // After the last step, whose loss was fine, exp(r_mag) overflows in every latent of the first run.
    const original = SweepTrainer.prototype.step;
    const spy = vi.spyOn(SweepTrainer.prototype, 'step').mockImplementation(async function (this: SweepTrainer, slots, log) {
      const result = await original.call(this, slots, log);
      if (this.layout.runs[0]?.width === 6 && this.steps[0] === 12)
        write(
          gpu,
          this.context.only.buffers.latent_params,
          0,
          Float32Array.from({ length: 24 }, (_, i) => [10, 200, 0, 0][i % 4] as number),
        );
      return result;
    });
    await toTheEnd(made);
    spy.mockRestore();
    expect(made.logs.get(bad as Run)).toHaveLength(12);
    expect([bad?.state, bad?.message]).toEqual(['failed', expect.stringMatching(/^the evaluation gave mse = (Infinity|NaN) at step 12\./)]);
    expect([good?.state, good?.metrics?.tokens]).toEqual(['done', 40]);
    made.experiment.destroy();
  });

  it('a run whose loss is huge but finite is not called diverged too early: a wide one at random initialisation', async () => {
    const gpu = await testGpu();
    const made = await make(gpu, new ArrayRows(values(200), D));
    // 300 times as many latents as dimensions: x_hat is some hundred times too long at step 0.
    const [wide] = await made.experiment.add([spec('gated', { steps: 2, lr: 1e-4 }, 4000)]);
    await toTheEnd(made);
    expect(made.logs.get(wide as Run)?.[0]?.mse_loss).toBeGreaterThan(1000);
    expect(wide?.state).toBe('done');
    made.experiment.destroy();
  });
});

describe('bad rows', () => {
  it('never reach training: the runs are those of the clean rows, and the rows are counted', async () => {
    const gpu = await testGpu();
    const clean = values(96);
    const dirty = new Float32Array(100 * D);
    const bad = [3, 50, 51, 99];
    let next = 0;
    for (let b = 0; b < 100; b++) {
      if (bad.includes(b)) dirty.fill(0.5, b * D, (b + 1) * D);
      else dirty.set(clean.subarray(next * D, ++next * D), b * D);
    }
    bad.forEach((b, i) => {
      dirty[b * D + ((5 * i) % D)] = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN][i] as number;
    });
    const results: Buffer[] = [];
    for (const rows of [clean, dirty]) {
      const made = await make(gpu, new ArrayRows(rows, D), { shuffle: 'none' });
      const [run] = await made.experiment.add([spec('gated')]);
      await toTheEnd(made);
      expect(run?.state).toBe('done');
      const { weights } = await made.experiment.weights(run as Run);
      results.push(bitsOf(weights));
      const pool = await readFloats(gpu, made.experiment.feeder.pool.rows);
      expect(pool.every(Number.isFinite)).toBe(true);
      expect(made.experiment.feeder.stats.badRows).toBe(rows === dirty ? 4 : 0);
      expect(made.experiment.moments.badRows).toBe(rows === dirty ? 4 : 0);
      made.experiment.destroy();
    }
    expect(results[1]?.equals(results[0] as Buffer)).toBe(true);
  });

  it('a source that is mostly bad is refused by name', async () => {
    const gpu = await testGpu();
    const rows = values(60);
    for (let b = 0; b < 40; b++) rows[b * D] = Number.NaN;
    const made = await make(gpu, new ArrayRows(rows, D, 'broken.safetensors'));
    await made.experiment.add([spec('gated')]);
    await expect(toTheEnd(made)).rejects.toThrow(/broken\.safetensors.*NaN or Inf, more than half/);
    made.experiment.destroy();
  });

  it('rows that are all zero cannot be normalised, and that is said', async () => {
    const gpu = await testGpu();
    await expect(make(gpu, new ArrayRows(new Float32Array(50 * D), D))).rejects.toThrow('all zero');
  });
});

it.each(['mean-square', 'mean-norm'] as const)(
  '%s: weights to start from are for raw activations, and so are those that come back',
  async (normalize) => {
    const gpu = await testGpu();
    const made = await make(gpu, new ArrayRows(values(200), D), { normalize });
    expect(Math.abs(made.experiment.scale - 1)).toBeGreaterThan(0.3);
    const start = initialWeights('gated', D, 9, 3, randoms(D, 4));
    start.vectors.b_gate?.set(randoms(9, 5));
    // Two steps of learning rate 0.
    const [run] = await made.experiment.add([spec('gated', { steps: 2, lrWarmup: 1e6, lr: 1e-9 })], start);
    await toTheEnd(made);
    const { weights } = await made.experiment.weights(run as Run);
    for (const name of ['wEnc', 'wDec', 'bDec'] as const) expect(maxError(weights[name], start[name]), name).toBeLessThan(1e-6);
    expect(maxError(weights.vectors.b_gate ?? [], start.vectors.b_gate ?? [])).toBeLessThan(1e-6);
    // Metrics are in raw units: those of the twin on the raw held-out rows.
    const x = Float64Array.from(values(40, 2));
    const { xHat, acts } = forward(twinOf(start), x);
    const mse = xHat.reduce((sum, hat, j) => sum + (hat - (x[j] as number)) ** 2, 0) / 40;
    expect(Math.abs((run?.metrics?.mse as number) / mse - 1)).toBeLessThan(1e-5);
    expect(run?.metrics?.l0).toBeCloseTo(acts.filter((f) => f > 0).length / 40, 6);
    made.experiment.destroy();
  },
);

it('each run of a sweep has a start of its own: length of the encoder’s rows, and b_dec, for raw activations', async () => {
  const gpu = await testGpu();
  const rows = values(200);
  const made = await make(gpu, new ArrayRows(rows, D));
  const starts = (['mean', 'zero', 'geometric-median'] as const).map((bDec, i) => ({ bDec, encLength: [1, 0.1, 2][i] as number }));
  const runs = await made.experiment.add(starts.map((start) => ({ ...spec('gated', { steps: 1, lr: 1e-9, lrWarmup: 1e6 }), start })));
  await made.experiment.step(false);
  await made.experiment.settle();
  const mean = Float64Array.from({ length: D }, (_, c) => rows.reduce((sum, x, i) => sum + (i % D === c ? x / 200 : 0), 0));
  const bDecs = [mean, new Float64Array(D), geometricMedian(rows, D)];
  expect(maxError(bDecs[0] as Float64Array, bDecs[2] as Float64Array)).toBeGreaterThan(0.01);
  for (const [i, run] of runs.entries()) {
    const { weights } = await made.experiment.weights(run);
    expect(maxError(weights.bDec, bDecs[i] as Float64Array), starts[i]?.bDec).toBeLessThan(2e-5);
    const length = starts[i]?.encLength as number;
    expect(
      maxError(
        weights.wEnc,
        weights.wDec.map((value) => length * value),
      ),
    ).toBeLessThan(1e-6);
  }
  made.experiment.destroy();
});

it('with λ times the ratio of the scales, a sweep on differently scaled rows has the same loss, in the other units', async () => {
  const gpu = await testGpu();
  const first: StepLog[] = [];
  const scales: number[] = [];
  for (const normalize of ['mean-square', 'mean-norm'] as const) {
    const made = await make(gpu, new ArrayRows(values(200), D), { normalize });
    scales.push(made.experiment.scale);
    const [run] = await made.experiment.add([spec('gated', { lambda: 0.1 * (made.experiment.scale / (scales[0] as number)), steps: 1 })]);
    await toTheEnd(made);
    first.push(made.logs.get(run as Run)?.[0] as StepLog);
    made.experiment.destroy();
  }
  const [square, norm] = first as [StepLog, StepLog];
  const ratio = (scales[1] as number) / (scales[0] as number);
  expect(ratio).toBeGreaterThan(2);
  for (const term of ['loss', 'mse_loss', 'aux_loss'] as const)
    expect((norm[term] as number) / (square[term] as number) / ratio ** 2, term).toBeCloseTo(1, 4);
  expect(norm.sparsity_loss / square.sparsity_loss / ratio).toBeCloseTo(1, 4);
  expect(norm.l0).toBe(square.l0);
});

describe('the machine', () => {
  it('holds the same GPU memory after the second evaluation as after the first, and at most three submissions of steps', async () => {
    const gpu = await testGpu();
    const live = new Set<GPUBuffer>();
    const create = gpu.device.createBuffer.bind(gpu.device);
    const spy = vi.spyOn(gpu.device, 'createBuffer').mockImplementation((descriptor) => {
      const buffer = create(descriptor);
      const destroy = buffer.destroy.bind(buffer);
      live.add(buffer);
      buffer.destroy = () => {
        live.delete(buffer);
        return destroy();
      };
      return buffer;
    });
    const bytes = () => [...live].reduce((sum, { size }) => sum + size, 0);
    const made = await make(gpu, new ArrayRows(values(200), D));
    const runs = await made.experiment.add([spec('gated', { steps: 100 }), spec('baseline', { steps: 100 })]);

    let [open, most] = [0, 0];
    const done = gpu.queue.onSubmittedWorkDone.bind(gpu.queue);
    const waits = vi.spyOn(gpu.queue, 'onSubmittedWorkDone').mockImplementation(async () => {
      most = Math.max(most, ++open);
      const result = await done();
      open--;
      return result;
    });
    const round = async () => {
      for (let i = 0; i < 12; i++) await made.experiment.step(true);
      await made.experiment.evaluate(runs);
      for (const run of runs) await made.experiment.trainingFires(run);
      return bytes();
    };
    const first = await round();
    expect(first).toBeGreaterThan(made.experiment.gpuBytes);
    expect([await round(), await round()]).toEqual([first, first]);
    expect(waits.mock.calls.length).toBeGreaterThanOrEqual(36);
    // Steps are bounded to 3; the pool's own uploads to as many again.
    expect(most).toBeLessThanOrEqual(6);
    waits.mockRestore();

    for (const run of runs) made.experiment.end(run, 'stopped');
    await made.experiment.release();
    expect(bytes()).toBeLessThan(first);
    made.experiment.destroy();
    expect([...live].map(({ label }) => label)).toEqual([]);
    spy.mockRestore();
  });

  it('a run stopped midway keeps its weights while the others go on; released, they come from the host', async () => {
    const gpu = await testGpu();
    const made = await make(gpu, new ArrayRows(values(200), D));
    const [stopped, other] = await made.experiment.add([spec('gated'), spec('baseline')]);
    for (let i = 0; i < 5; i++) await made.experiment.step(true);
    made.experiment.end(stopped as Run, 'stopped');
    const before = bitsOf((await made.experiment.weights(stopped as Run)).weights);
    await toTheEnd(made);
    expect([stopped?.state, stopped?.step, other?.state, other?.step]).toEqual(['stopped', 5, 'done', 12]);
    await made.experiment.release();
    const kept = await made.experiment.weights(stopped as Run);
    expect(kept.step).toBe(5);
    expect(bitsOf(kept.weights).equals(before)).toBe(true);
    expect(made.experiment.runs.every(hasEnded)).toBe(true);
    made.experiment.destroy();
  });

  it('runs that join later start at their own step 0 and leave the others’ bits alone', async () => {
    const gpu = await testGpu();
    const results: Buffer[] = [];
    for (const joins of [false, true]) {
      const made = await make(gpu, new ArrayRows(values(200), D));
      const [first] = await made.experiment.add([spec('gated')]);
      for (let i = 0; i < 5; i++) await made.experiment.step(true);
      const added = joins ? await made.experiment.add([spec('baseline', { lrWarmup: 4 })]) : [];
      await toTheEnd(made);
      results.push(bitsOf((await made.experiment.weights(first as Run)).weights));
      for (const run of added) {
        expect(run.id).toBe('r2');
        expect(run.state).toBe('done');
        expect(
          made.logs
            .get(run)
            ?.map(({ step, lr }) => [step, lr])
            .slice(0, 3),
        ).toEqual([
          [0, 0],
          [1, 5e-4],
          [2, 1e-3],
        ]);
      }
      made.experiment.destroy();
    }
    expect(results[1]?.equals(results[0] as Buffer)).toBe(true);
  });
});
