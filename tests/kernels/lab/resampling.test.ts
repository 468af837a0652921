/** Runs whose dead latents begin anew while they train in lockstep with others. */
import { describe, expect, it } from 'vitest';
import { drawRows } from '../../../src/data/rows/randomRows';
import type { RowBlock } from '../../../src/data/rows/types';
import type { EvaluationSource } from '../../../src/lab/evaluation';
import { Experiment, type Run } from '../../../src/lab/experiment';
import type { RunSpec } from '../../../src/lab/runSpecs';
import { defaultConfig } from '../../../src/lab/settings';
import { plainArm } from '../../../src/metrics/arms';
import { forward } from '../../../src/reference/sae';
import { chooseRows, type Resampled } from '../../../src/sae/resample';
import type { SaeWeights } from '../../../src/sae/weights';
import { Rng } from '../../../src/util/rng';
import { randoms, testGpu } from '../../gpu';
import { bitsOf, someWeights, twinOf } from '../sae/sweep';
import { ArrayRows, blocksOf } from './helpers';

const D = 13;
const ROWS = 500;
const values = randoms(ROWS * D, 1).map((v, j) => 3 * v + 2 * Math.cos(j % D));

/** Rows of which some reads fail. */
class FailingRows extends ArrayRows {
  fails = 0;

  override async read(start: number, rows: number): Promise<RowBlock> {
    if (this.fails > 0) {
      this.fails--;
      throw new Error('the disk is gone');
    }
    return super.read(start, rows);
  }
}

const spec = (change: Partial<RunSpec> = {}, steps = 12, lr = 2e-3): RunSpec => ({
  arch: 'gated',
  arm: plainArm('gated'),
  config: defaultConfig(D),
  options: {},
  width: 20,
  seed: 5,
  start: { encLength: 1, bDec: 'mean' },
  optimiser: { beta1: 0, beta2: 0.999, eps: 1e-8 },
  schedule: { steps, lr, lrWarmup: 0, lrDecay: 0, lambda: 0.1, lambdaWarmup: 0 },
  resampling: { at: [4, 9], inputs: 300 },
  ...change,
});

async function make(source = new FailingRows(values, D)) {
  const held = new ArrayRows(values.subarray(0, 40 * D), D);
  const evaluation: EvaluationSource = { kind: 'rows', blocks: () => blocksOf(held) };
  const split = { train: [{ source: 0, start: 0, rows: ROWS }], heldOut: [], trainRows: ROWS, heldOutRows: 40 };
  const events = new Map<string, Resampled[]>();
  const experiment = await Experiment.create(
    await testGpu(),
    { sources: [source], d: D, split, evaluation, origin: { data: 'rows' } },
    { batch: 16, seed: 1, shuffle: 'pool', normalize: 'mean-square', xDtype: 'f32', flopsPerMs: 1e9 },
    {
      log: () => undefined,
      changed: () => undefined,
      resampled: (run, event) => events.set(run.id, [...(events.get(run.id) ?? []), event]),
    },
  );
  return { experiment, events, source };
}

/** Some latents that cannot fire. */
function withDead(dead: readonly number[], width = 20, arch = 'gated'): SaeWeights {
  const weights = someWeights(arch, D, width, 3);
  for (const i of dead) for (const vector of Object.values(weights.vectors)) vector[i] = -1e3;
  return weights;
}

async function steps({ experiment }: { experiment: Experiment }, n: number): Promise<void> {
  for (let i = 0; i < n; i++) await experiment.step(false);
}

describe('dead latents', () => {
  it('take rows by the squares of their losses, those that the run’s seed draws', async () => {
    const made = await make();
    const silent = [2, 7, 13];
    // lr 0: what changes is resampled, and only that.
    const [run] = await made.experiment.add([spec({}, 12, 0)], withDead(silent));
    await steps(made, 4);
    expect(run?.resampled).toBeUndefined();
    const { weights: before } = await made.experiment.weights(run as Run);
    await steps(made, 1);
    const { weights: after } = await made.experiment.weights(run as Run);
    const rowOf = (m: ArrayLike<number>, i: number) => Array.from({ length: D }, (_, k) => m[i * D + k] as number);
    const latents = Array.from({ length: 20 }, (_, i) => i);
    // The window is short: others may have been silent too.
    const dead = latents.filter((i) => rowOf(before.wEnc, i).some((v, k) => v !== after.wEnc[i * D + k]));
    expect(dead).toEqual(expect.arrayContaining(silent));
    expect(run?.resampled).toEqual([{ step: 4, latents: dead.length, inputs: 300 }]);

    const rng = Rng.stream(5, 'resample', 4);
    const drawn: number[] = [];
    for await (const block of drawRows([made.source], [{ source: 0, start: 0, rows: ROWS }], 300, rng.fork('inputs')))
      drawn.push(...block.values);
    const { xHat: hat } = forward(twinOf(before), Float64Array.from(drawn));
    const losses = Float64Array.from({ length: 300 }, (_, j) => {
      let sum = 0;
      for (let k = j * D; k < (j + 1) * D; k++) sum += ((hat[k] as number) - (drawn[k] as number)) ** 2;
      return sum;
    });
    const uniforms = rng.fork('picks');
    const picks = chooseRows(
      losses,
      dead.map(() => uniforms.uniform()),
    ) as number[];
    const norm = (row: ArrayLike<number>) => Math.sqrt(Array.from(row).reduce((sum, v) => sum + v * v, 0));
    const alive = latents.filter((i) => !dead.includes(i));
    const length = 0.2 * (alive.reduce((sum, i) => sum + norm(rowOf(before.wEnc, i)), 0) / alive.length);
    for (const [n, i] of dead.entries()) {
      const x = rowOf(drawn, picks[n] as number);
      for (let k = 0; k < D; k++) {
        const direction = (x[k] as number) / norm(x);
        expect(after.wDec[i * D + k]).toBeCloseTo(direction * norm(rowOf(after.wDec, i)), 5);
        expect(after.wEnc[i * D + k]).toBeCloseTo(length * direction, 5);
      }
      for (const vector of Object.values(after.vectors)) expect(vector[i]).toBe(0);
    }
    for (const i of alive) {
      expect(rowOf(after.wEnc, i)).toEqual(rowOf(before.wEnc, i));
      for (const [name, vector] of Object.entries(after.vectors)) expect(vector[i]).toBe(before.vectors[name]?.[i]);
    }
    made.experiment.destroy();
  });

  it('a run has the bits that it has alone, whatever the others do; the page’s histogram takes nothing from its window', async () => {
    const alone = await make();
    const [only] = await alone.experiment.add([spec()], withDead([2, 7]));
    await steps(alone, 12);
    expect(alone.events.get('r1')?.map(({ step }) => step)).toEqual([4, 9]);
    expect(alone.events.get('r1')?.[0]?.latents).toBeGreaterThanOrEqual(2);

    const many = await make();
    const others = [spec({ resampling: undefined }), spec({ seed: 6 }), spec({ resampling: { at: [3, 4, 5], inputs: 77, window: 1 } })];
    const [, , , run] = await many.experiment.add([...others, spec()], withDead([2, 7]));
    for (let i = 0; i < 12; i++) {
      await many.experiment.step(false);
      if (i === 2 || i === 6) await many.experiment.evaluate(many.experiment.runs);
      if (i % 2 === 0) await many.experiment.trainingFires(run as Run);
    }
    expect(many.events.get('r4')).toEqual(alone.events.get('r1'));
    const [a, b] = [await alone.experiment.weights(only as Run), await many.experiment.weights(run as Run)];
    expect(bitsOf(a.weights).equals(bitsOf(b.weights))).toBe(true);
    expect(many.events.has('r1')).toBe(false);
    for (const { experiment } of [alone, many]) experiment.destroy();
  });

  it('a file that cannot be read is told, and what follows is as if nothing had been', async () => {
    const [fine, broken] = [await make(), await make()];
    const weights: SaeWeights[] = [];
    for (const made of [fine, broken]) {
      const [run] = await made.experiment.add([spec()], withDead([2, 7]));
      await steps(made, 4);
      if (made === broken) {
        made.source.fails = 1;
        await expect(made.experiment.step(false)).rejects.toThrow('the disk is gone');
        expect(run?.step).toBe(4);
      }
      await steps(made, 8);
      weights.push((await made.experiment.weights(run as Run)).weights);
    }
    expect(broken.events).toEqual(fine.events);
    expect(bitsOf(weights[0] as SaeWeights).equals(bitsOf(weights[1] as SaeWeights))).toBe(true);
    for (const { experiment } of [fine, broken]) experiment.destroy();
  });

  it('none dead, none begins anew; a baseline is resampled too', async () => {
    const made = await make();
    const [run] = await made.experiment.add(
      [spec({ arch: 'baseline', resampling: { at: [6], inputs: 500 } }, 8)],
      withDead([0], 20, 'baseline'),
    );
    const [alive] = await made.experiment.add([spec({ arch: 'baseline', width: 3, resampling: { at: [6], inputs: 500 } }, 8)]);
    await steps(made, 8);
    expect(run?.resampled).toEqual([{ step: 6, latents: expect.any(Number), inputs: 500 }]);
    expect(run?.resampled?.[0]?.latents).toBeGreaterThan(0);
    expect(alive?.resampled).toEqual([{ step: 6, latents: 0, inputs: 0 }]);
    made.experiment.destroy();
  });
});
