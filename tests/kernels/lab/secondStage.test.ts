/** Rescale & shift: runs that wait for a baseline and start from its weights, of which nothing but r_mag and b_mag moves. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { EvaluationSource } from '../../../src/lab/evaluation';
import { Experiment, hasEnded, type Run } from '../../../src/lab/experiment';
import { expand } from '../../../src/lab/runSpecs';
import { summaryOf } from '../../../src/lab/runSummary';
import { parseSettings, readArm, type SweepConfig } from '../../../src/lab/settings';
import { Stepping } from '../../../src/lab/stepping';
import { isArchitecture, register } from '../../../src/sae/architectures';
import { rescaleShift } from '../../../src/sae/architectures/rescale_shift';
import { type StepLog, SweepTrainer } from '../../../src/sae/trainer';
import type { SaeWeights } from '../../../src/sae/weights';
import { randoms, testGpu } from '../../gpu';
import { bitsOf } from '../sae/sweep';
import { ArrayRows, blocksOf } from './helpers';

if (!isArchitecture(rescaleShift.id)) register(rescaleShift);
afterEach(() => vi.restoreAllMocks());

const D = 13;
const ROWS = 500;
const values = randoms(ROWS * D, 1).map((v, j) => 3 * v + 2 * Math.cos(j % D));
const SHARED = { steps: '60', batch: '16', lr: '5e-3', lrWarmup: '0', lambdaWarmup: '0', lrDecay: '0', seeds: '1' };

function sweep(arms: readonly string[], change: Record<string, string> = {}): SweepConfig {
  const { config, errors } = parseSettings({ ...SHARED, ...change, arms: arms.map(readArm) }, D);
  if (!config) throw new Error(JSON.stringify(errors));
  return config;
}

async function make(normalize: 'none' | 'mean-square' = 'mean-square') {
  const source = new ArrayRows(values, D);
  const held = new ArrayRows(values.subarray(0, 80 * D), D);
  const evaluation: EvaluationSource = { kind: 'rows', blocks: () => blocksOf(held) };
  const split = { train: [{ source: 0, start: 0, rows: ROWS }], heldOut: [], trainRows: ROWS, heldOutRows: 80 };
  const logs = new Map<Run, StepLog[]>();
  const changes: string[] = [];
  const experiment = await Experiment.create(
    await testGpu(),
    { sources: [source], d: D, split, evaluation, origin: { data: 'rows' } },
    { batch: 16, seed: 1, shuffle: 'pool', normalize, xDtype: 'f32', flopsPerMs: 1e9 },
    {
      log: (run, log) => logs.set(run, [...(logs.get(run) ?? []), log]),
      changed: ({ id, state }) => changes.push(`${id} ${state}`),
    },
  );
  return { experiment, logs, changes, steps: new Stepping(experiment, () => undefined) };
}
type Made = Awaited<ReturnType<typeof make>>;

async function toTheEnd({ experiment, steps }: Made, limit = 300): Promise<void> {
  for (let i = 0; steps.isOpen && i < limit; i++) {
    if (experiment.training) await steps.step(true);
    await steps.finish((runs) => experiment.evaluate(runs));
  }
  await experiment.settle();
}

const weightsOf = async ({ experiment }: Made, run: Run | undefined): Promise<SaeWeights> => (await experiment.weights(run as Run)).weights;

const ARMS = ['baseline width=20 lambda=0.1,0.4', 'gated width=9 lambda=0.2', 'rescale_shift steps=40'];

describe('rescale & shift', () => {
  it('waits, starts from its baseline, and learns r_mag and b_mag alone: all else keeps its bits', async () => {
    const made = await make();
    const runs = await made.experiment.add(expand(sweep(ARMS)));
    expect(runs.map(({ state }) => state)).toEqual(['training', 'training', 'training', 'queued', 'queued']);
    expect(runs.map((run) => summaryOf(run, made.experiment).from)).toEqual([undefined, undefined, undefined, 'r1', 'r2']);
    const bytes = made.experiment.gpuBytes;
    await toTheEnd(made);
    expect(runs.map(({ state, step }) => [state, step])).toEqual([...new Array(3).fill(['done', 60]), ...new Array(2).fill(['done', 40])]);
    expect(made.experiment.gpuBytes).toBeGreaterThan(bytes);
    expect(runs.map(({ batchesBefore }) => batchesBefore)).toEqual([0, 0, 0, 60, 60]);
    expect(made.logs.get(runs[3] as Run)?.map(({ step }) => step)).toEqual(Array.from({ length: 40 }, (_, i) => i));
    for (const [first, second] of [
      [runs[0], runs[3]],
      [runs[1], runs[4]],
    ]) {
      const [base, own] = [await weightsOf(made, first), await weightsOf(made, second)];
      expect(own.arch).toBe('rescale_shift');
      for (const name of ['wEnc', 'wDec', 'bDec'] as const)
        expect(Buffer.from(own[name].buffer).equals(Buffer.from(base[name].buffer)), name).toBe(true);
      expect(own.vectors.b_gate).toEqual(base.vectors.b_enc);
      expect(own.vectors.r_mag?.some((r) => r !== 0)).toBe(true);
      expect(own.vectors.b_mag).not.toEqual(base.vectors.b_enc);
      const [before, after] = [first?.metrics, second?.metrics];
      expect(after?.fvu).toBeLessThan(before?.fvu ?? 0);
      expect(after?.l0).toBeLessThanOrEqual(before?.l0 ?? 0);
      expect(Math.abs(1 - (after?.gamma ?? 0))).toBeLessThan(Math.abs(1 - (before?.gamma ?? 0)));
      // There is no sparsity term in its loss.
      const log = made.logs.get(second as Run)?.[0];
      expect([log?.lambda, log?.sparsity_loss, log?.loss]).toEqual([0, 0, log?.mse_loss]);
    }
    const names = runs.map((run) => summaryOf(run, made.experiment).name);
    expect(names.slice(3)).toEqual(['rescale_shift 20 λ 0.1 from r1', 'rescale_shift 20 λ 0.4 from r2']);
    expect(summaryOf(runs[3] as Run, made.experiment).recipe).toMatchObject({ init: 'r1', batchesBefore: 60 });
    (await testGpu()).check();
    made.experiment.destroy();
  });

  it('has the bits that it has beside others, alone, and from the weights of its baseline on the same batches', async () => {
    const [many, one] = [await make('none'), await make('none')];
    const runs = await many.experiment.add(expand(sweep(ARMS)));
    await toTheEnd(many);
    const [, alone] = await one.experiment.add(expand(sweep(['baseline width=20 lambda=0.4', 'rescale_shift steps=40'])));
    await toTheEnd(one);
    const wanted = bitsOf(await weightsOf(many, runs[4]));
    expect(bitsOf(await weightsOf(one, alone)).equals(wanted)).toBe(true);
    const again = await make('none');
    await again.experiment.skip(60);
    const init = await weightsOf(many, runs[1]);
    const [given] = await again.experiment.add(expand(sweep(['rescale_shift from=init width=20 lambda=0.4 steps=40'])), init);
    expect(given?.state).toBe('training');
    await toTheEnd(again);
    expect(bitsOf(await weightsOf(again, given)).equals(wanted)).toBe(true);
    for (const { experiment } of [many, one, again]) experiment.destroy();
  });

  it('from given weights keeps what does not learn to the bit, whatever the rows are scaled by', async () => {
    const [first, second] = [await make(), await make()];
    const [base] = await first.experiment.add(expand(sweep(['baseline width=20 lambda=0.4'])));
    await toTheEnd(first);
    const init = await weightsOf(first, base);
    const [run] = await second.experiment.add(expand(sweep(['rescale_shift from=init width=20 lambda=0.4 steps=30'])), init);
    await toTheEnd(second);
    const own = await weightsOf(second, run);
    expect([own.wEnc, own.wDec, own.bDec, own.vectors.b_gate]).toEqual([init.wEnc, init.wDec, init.bDec, init.vectors.b_enc]);
    expect(own.vectors.b_mag).not.toEqual(init.vectors.b_enc);
    for (const { experiment } of [first, second]) experiment.destroy();
  });

  it('ends where its baseline does not get there, and says why; the others go on', async () => {
    const made = await make();
    const specs = expand(sweep(['baseline width=20 lambda=0.1,0.2 lr=5e-3,10', 'rescale_shift steps=10 lr=5e-3']));
    // More than a form allows, so that it is sure to fail.
    const runs = await made.experiment.add(
      specs.map((spec) => (spec.schedule.lr === 10 ? { ...spec, schedule: { ...spec.schedule, lr: 1e6 } } : spec)),
    );
    for (let i = 0; i < 5; i++) await made.steps.step(true);
    // λ 0.1 and 0.2, each with an lr that is sensible and one that is not.
    made.experiment.end(runs[0] as Run, 'stopped');
    await toTheEnd(made);
    expect(runs.map(({ state }) => state)).toEqual(['stopped', 'failed', 'done', 'failed', 'stopped', 'failed', 'done', 'failed']);
    expect(runs[4]?.message).toBe('it was to start from r1, which was stopped at step 5');
    expect(runs[5]?.message).toMatch(/^it was to start from r2, which failed at step \d+$/);
    expect(runs[6]?.from).toBe(runs[2]);
    expect(runs.every(hasEnded)).toBe(true);
    made.experiment.destroy();
  });

  it('goes with its baseline when that is removed, or when it is stopped itself', async () => {
    const made = await make();
    const runs = await made.experiment.add(expand(sweep(['baseline width=20 lambda=0.1,0.2', 'rescale_shift steps=10'])));
    await made.steps.step(false);
    made.experiment.remove(runs[0] as Run);
    expect([runs[2]?.state, runs[2]?.message]).toEqual(['stopped', 'it was to start from r1, which was stopped at step 1']);
    made.experiment.end(runs[3] as Run, 'stopped');
    await toTheEnd(made);
    expect(runs.map(({ state }) => state)).toEqual(['stopped', 'done', 'stopped', 'stopped']);
    made.experiment.destroy();
  });

  it('for which there is no room fails alone', async () => {
    const made = await make();
    const runs = await made.experiment.add(expand(sweep(['baseline width=20 lambda=0.1', 'rescale_shift steps=10'])));
    vi.spyOn(SweepTrainer, 'create').mockRejectedValue(new Error('the GPU cannot hold it'));
    await toTheEnd(made);
    expect(runs.map(({ state }) => state)).toEqual(['done', 'failed']);
    expect(runs[1]?.message).toBe('it could not start: the GPU cannot hold it');
    made.experiment.destroy();
  });

  it('tells what is left of both stages', async () => {
    const made = await make();
    await made.experiment.add(expand(sweep(['baseline width=20 lambda=0.1', 'rescale_shift steps=600'])));
    const alone = await make();
    await alone.experiment.add(expand(sweep(['baseline width=20 lambda=0.1'])));
    for (const { steps } of [made, alone]) {
      steps.restart();
      for (let i = 0; i < 20; i++) await steps.step(false);
    }
    // 640 steps and 40.
    expect(made.steps.remaining?.most).toBeGreaterThan(4 * (alone.steps.remaining?.most ?? Number.NaN));
    for (const { experiment } of [made, alone]) experiment.destroy();
  });
});
