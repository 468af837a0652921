/** Which inputs dead latents take, and when: by hand, and by the fixtures of tests/fixtures/train2. */
import { describe, expect, it } from 'vitest';
import { FireCounts } from '../../../src/sae/fireCounts';
import { chooseRows, meanOfAlive, resampledRows, rowNorms, windowOf } from '../../../src/sae/resample';
import { learningRate } from '../../../src/sae/schedules';
import { readF32, readJson } from '../../fixtures';

describe('the rows taken', () => {
  it('have probabilities proportional to the squares of their losses', () => {
    // Squares 1, 0, 4, 9, 2: cumulated 1/16, 1/16, 5/16, 14/16, 1.
    const losses = [1, 0, 2, 3, Math.SQRT2];
    expect(chooseRows(losses, [0, 0.062, 0.0626, 0.31, 0.3126, 0.874, 0.876, 0.9999999])).toEqual([0, 0, 2, 2, 3, 3, 4, 4]);
  });

  it('never are rows without a loss, not even at the ends', () => {
    expect(chooseRows([0, 3, 0], [0, 0.5, 1 - 2 ** -53])).toEqual([1, 1, 1]);
    expect(chooseRows([0, 0], [0.5])).toBeUndefined();
    expect(chooseRows([1, Number.NaN], [0.5])).toBeUndefined();
    expect(chooseRows([1, 1e300], [0.5])).toBeUndefined();
  });

  it.each(['resample_gated', 'resample_standard'])('are those of %s', (name) => {
    const { picked_rows, dead, alive_encoder_norm, d_in } = readJson<{
      picked_rows: number[];
      dead: number[];
      alive_encoder_norm: number;
      d_in: number;
    }>(`train2/${name}/expected.json`);
    const init = readF32(`train2/${name}/init.safetensors`);
    const of = (key: string) => (init[key] as { data: Float32Array }).data;
    expect(chooseRows(of('losses'), [...of('uniforms')])).toEqual(picked_rows);
    const wEnc = of('W_enc'); // [D, F]
    const f = wEnc.length / d_in;
    const rows = Float32Array.from(wEnc, (_, j) => wEnc[(j % d_in) * f + Math.floor(j / d_in)] as number);
    expect(meanOfAlive(rowNorms(rows, d_in), dead)).toBeCloseTo(alive_encoder_norm, 7);
  });
});

it('a latent takes the direction of its input; the alive alone say how long its encoder row is', () => {
  const { enc, dec } = resampledRows([3, 0, -4], 0.5);
  expect([...dec].map((v) => Number(v.toFixed(6)))).toEqual([0.6, 0, -0.8]);
  expect([...enc].map((v) => Number(v.toFixed(6)))).toEqual([0.3, 0, -0.4]);
  const norms = Float64Array.of(1, 5, 3);
  expect([meanOfAlive(norms, [1]), meanOfAlive(norms, [0, 1, 2])]).toEqual([2, 3]);
});

it('the window is half of the steps since the resampling before, unless given', () => {
  const at = [100, 150, 1001];
  expect(at.map((_, n) => windowOf({ at, inputs: 1 }, n))).toEqual([50, 25, 425]);
  expect(at.map((_, n) => windowOf({ at, inputs: 1, window: 7 }, n))).toEqual([7, 7, 7]);
  expect(windowOf({ at: [1], inputs: 1 }, 0)).toBe(1);
});

it('lr falls to a tenth at each resampling and returns on half a cosine', () => {
  const schedule = { steps: 100, lr: 2, lrWarmup: 0, lrDecay: 0, lambda: 1, lambdaWarmup: 0, rewarm: { at: [20, 50, 55], steps: 10 } };
  const lr = (t: number) => learningRate(schedule, t);
  expect([lr(0), lr(19), lr(30), lr(49), lr(65), lr(99)]).toEqual([2, 2, 2, 2, 2, 2]);
  expect([lr(20), lr(25), lr(50), lr(55), lr(60)].map((v) => Number(v.toFixed(12)))).toEqual([0.2, 1.1, 0.2, 0.2, 1.1]);
  // A third of the way: (1 - cos 60°)/2 of it.
  expect(learningRate({ ...schedule, rewarm: { at: [20], steps: 30 } }, 30)).toBeCloseTo(2 * (0.1 + 0.9 * 0.25), 12);
});

it('several may count firings, each since it began', async () => {
  let gpu = [0, 0];
  const counts = new FireCounts(async () => {
    const taken = Float32Array.from(gpu);
    gpu = [0, 0];
    return taken;
  });
  const fire = (...more: number[]) => {
    gpu = gpu.map((n, i) => n + (more[i] as number));
  };
  const all = counts.add();
  fire(1, 0);
  const later = await counts.begin();
  fire(2, 3);
  expect([...(await all.take())]).toEqual([3, 3]);
  fire(0, 5);
  const [a, b] = [later.take(), all.take()];
  fire(4, 0);
  expect([[...(await a)], [...(await b)]]).toEqual([
    [2, 8],
    [0, 5],
  ]);
  expect([[...(await later.take())], [...(await all.take())]]).toEqual([
    [4, 0],
    [4, 0],
  ]);
  later.close();
  await expect(later.take()).rejects.toThrow('closed');
});
