/** What evaluation says of how SAEs that select in training were measured. */
import { expect, it } from 'vitest';
import type { EvaluationSource } from '../../../src/lab/evaluation';
import { Experiment } from '../../../src/lab/experiment';
import { expand } from '../../../src/lab/runSpecs';
import { parseSettings, readArm, type SweepConfig } from '../../../src/lab/settings';
import { randoms, testGpu } from '../../gpu';
import { ArrayRows, blocksOf } from './helpers';

it('by k, by the threshold that training came to in raw units, or that there is none yet', async () => {
  const d = 13;
  const rows = new ArrayRows(
    randoms(300 * d, 1).map((v, j) => 3 * v + Math.cos(j % d)),
    d,
  );
  const evaluation: EvaluationSource = { kind: 'rows', blocks: () => blocksOf(rows) };
  const arms = [
    'topk width=16 k=3',
    'batchtopk width=16 k=3 threshold-start=2',
    'batchtopk width=16 k=3 threshold-start=1000',
    'gated width=9',
  ];
  const { config } = parseSettings({ steps: '8', batch: '16', lr: '1e-3', lrWarmup: '0', seeds: '1', arms: arms.map(readArm) }, d);
  const experiment = await Experiment.create(
    await testGpu(),
    {
      sources: [rows],
      d,
      split: { train: [{ source: 0, start: 0, rows: 300 }], heldOut: [], trainRows: 300, heldOutRows: 300 },
      evaluation,
      origin: { data: 'rows' },
    },
    { batch: 16, seed: 1, shuffle: 'pool', normalize: 'mean-square', xDtype: 'f32', flopsPerMs: 1e9 },
    { log: () => undefined, changed: () => undefined },
  );
  const runs = (await experiment.add(expand(config as SweepConfig))).filter(
    (run) => run.spec.arch !== 'gated' || run.spec.schedule.lambda < 0.2,
  );
  for (let i = 0; i < 8; i++) await experiment.step(false);
  await experiment.evaluate(runs);
  const [byK, byThreshold, early, gated] = runs.map(({ metrics }) => metrics?.evaluated_by);
  expect([byK, early, gated]).toEqual(['k 3', 'no threshold yet: all activations above 0', undefined]);
  const { weights } = await experiment.weights(runs[1] as (typeof runs)[number]);
  expect(weights.threshold).toBeGreaterThan(0);
  expect(byThreshold).toBe(`threshold ${Number((weights.threshold as number).toPrecision(4))}`);
  experiment.destroy();
});
