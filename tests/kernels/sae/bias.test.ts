/** The gradient of b_dec, from the decoder and through the encoder, and its Adam, against their float64 twins. */
import { describe, expect, it } from 'vitest';
import { LATENT_GROUP } from '../../../src/sae/layout';
import { padRows } from '../../../src/sae/packing';
import { poison, randoms } from '../../gpu';
import * as twin from '../../reference/saeKernels';
import { close, each, errorsOf, groups, isLive, table, untouched } from './checks';
import { dispatch } from './dispatch';
import { flagged, rowOf, runTable, type Scene, type SceneSpec, SHAPES, scene } from './scene';

describe('biasErrors', () =>
  each(
    async (s) => {
      const R = s.runs.length;
      const [g_bias, alone] = (await Promise.all(
        [16, 1].map(async (LANES) => {
          const out = await dispatch('biasErrors', {
            params: { rows: s.rows, quads: s.layout.quads, scale: 2 / 64 },
            runs: table(s),
            inputs: { errors: s.errors },
            outputs: { g_bias: poison(R * s.width) },
            grid: [groups(s.layout.quads, 16), R],
            constants: { LANES },
          });
          return out.g_bias;
        }),
      )) as [Float32Array, Float32Array];
      expect(alone, 'by one invocation').toEqual(g_bias);
      for (let r = 0; r < R; r++) {
        const own = rowOf(s, g_bias, r);
        if (!isLive(s, r)) untouched(own, `run ${r}`);
        else close(own, twin.biasErrors(errorsOf(s, r).e, s.width, 64), `run ${r}`);
      }
    },
    [...SHAPES, { d: 3, rows: 1300, runs: [{ arch: 'gated', width: 1 }] }],
  ));

describe('biasShares', () => {
  const check = async (s: Scene, dense: number[] = [], cuts = [s.layout.latents], LANES = 16) => {
    const { latents, quads } = s.layout;
    const R = s.runs.length;
    // s_i of every latent, and what latent_update makes of it: a row a group, padding not counted.
    const means = randoms(latents, 9);
    const shares = poison((latents / LATENT_GROUP) * s.width);
    s.runs.forEach((run) => {
      for (let group = run.first; group < run.first + run.width; group += LATENT_GROUP) {
        const part = { ...run, first: group, width: Math.min(LATENT_GROUP, run.first + run.width - group) };
        shares.set(
          twin.biasGradient(means, s.wEnc, part, s.width).map((value) => -value),
          (group / LATENT_GROUP) * s.width,
        );
      }
    });
    const before = randoms(R * s.width, 10);
    let state = { g_bias: before, carry: poison(R * 16 * s.width) };
    let from = 0;
    for (const [k, count] of cuts.entries()) {
      state = await dispatch('biasShares', {
        params: { quads, first: k === 0 ? 1 : 0, last: k === cuts.length - 1 ? 1 : 0 },
        runs: runTable(s.layout, s.runs, (r) => ({ live: isLive(s, r) }), { from, count }),
        inputs: {
          active_set: flagged(s, ...dense),
          shares: shares.subarray((from / LATENT_GROUP) * s.width, ((from + count) / LATENT_GROUP) * s.width),
        },
        outputs: state,
        grid: [groups(quads, 16), R],
        constants: { LANES },
      });
      from += count;
    }
    const { g_bias } = state;
    s.runs.forEach((run, r) => {
      const [actual, kept] = [rowOf(s, g_bias, r), rowOf(s, before, r)];
      if (!isLive(s, r) || dense.includes(r)) expect(actual).toEqual(kept);
      else
        close(
          actual,
          twin.biasGradient(means, s.wEnc, run, s.width).map((value, k) => value + (kept[k] as number)),
          `run ${r}`,
        );
    });
    return g_bias;
  };
  each(
    async (s) => expect(await check(s), 'by one invocation').toEqual(await check(s, [], [s.layout.latents], 1)),
    [...SHAPES, { d: 5, rows: 1, runs: [{ arch: 'gated', width: 700 }] }],
  );

  it('of the sparse runs alone', async () => {
    const s = scene(SHAPES[4] as SceneSpec);
    for (const dense of [[0], [2], [0, 2]]) await check(s, dense);
  });

  it('gives the same bits wherever the latents are cut into segments', async () => {
    const runs = [70, 3, 700, 9].map((width, r) => ({ arch: r % 2 === 0 ? ('gated' as const) : ('baseline' as const), width }));
    const s = scene({ d: 21, rows: 2, runs });
    expect(s.layout.latents).toBe(800);
    const whole = await check(s);
    for (const cuts of [
      [64, 736],
      [128, 64, 64, 512, 32],
      [768, 32],
      [...new Array<number>(12).fill(64), 32],
    ])
      for (const lanes of [16, 1]) expect(await check(s, [], cuts, lanes), `${cuts}`).toEqual(whole);
  });
});

describe.each([false, true])('adamBias, momentum %s', (momentum) =>
  each(async (s) => {
    // Betas as f32 has them, for the kernel cannot know better.
    const optimiser = (r: number): twin.TwinAdam => ({
      lr: 0.01 * (r + 1),
      beta1: momentum ? Math.fround(0.9 - 0.1 * r) : 0,
      beta2: Math.fround(0.999),
      eps: 1e-8,
      t: 3 + r,
    });
    const R = s.runs.length;
    const { d } = s.layout;
    const v = padRows(
      randoms(R * d, 17).map((value) => (value + 0.6) ** 2),
      d,
    );
    const state = { bias: s.bias, v, m: momentum ? padRows(randoms(R * d, 18), d) : poison(R * s.width) };
    const g_bias = padRows(randoms(R * d, 19), d);
    const out = await dispatch('adamBias', {
      params: { quads: s.layout.quads },
      runs: runTable(s.layout, s.runs, (r) => ({ live: isLive(s, r), ...optimiser(r) })),
      inputs: { g_bias },
      outputs: state,
      grid: [groups(s.layout.quads, 64), R],
      constants: { MOMENTUM: momentum ? 1 : 0 },
    });
    for (let r = 0; r < R; r++) {
      const kept = { bias: rowOf(s, state.bias, r), v: rowOf(s, state.v, r), m: rowOf(s, state.m, r) };
      const after = { bias: rowOf(s, out.bias, r), v: rowOf(s, out.v, r), m: rowOf(s, out.m, r) };
      if (!isLive(s, r)) {
        expect(after).toEqual(kept);
        continue;
      }
      const next = twin.adam(kept.bias, rowOf(s, g_bias, r), kept.v, momentum ? kept.m : new Float64Array(s.width), optimiser(r));
      close(after.bias, next.value, `b_dec of run ${r}`);
      close(after.v, next.v, `v of run ${r}`);
      if (momentum) close(after.m, next.m, `m of run ${r}`);
      else untouched(after.m, `m of run ${r}`);
    }
    expect(rowOf(s, out.bias, R), 'the mean').toEqual(rowOf(s, s.bias, R));
  }),
);
