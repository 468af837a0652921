/** The gradient of b_dec, from the decoder and through the encoder, and its Adam, against their float64 twins. */
import { describe, expect, it } from 'vitest';
import { LATENT_GROUP } from '../../../src/sae/layout';
import { padRows } from '../../../src/sae/packing';
import { poison, randoms } from '../../gpu';
import * as twin from '../../reference/saeKernels';
import { close, each, errorsOf, groups, isLive, table, untouched } from './checks';
import { dispatch } from './dispatch';
import { flagged, rowOf, runTable, type Scene, type SceneSpec, SHAPES, scene } from './scene';

describe('gradBDecDecoder', () =>
  each(
    async (s) => {
      const R = s.runs.length;
      const [grad_b_dec, alone] = (await Promise.all(
        [16, 1].map(async (LANES) => {
          const out = await dispatch('sae/grad_b_dec_decoder', {
            params: { batch: s.rows, quads: s.layout.quads, scale: 2 / 64 },
            runs: table(s),
            inputs: { residuals: s.residuals },
            outputs: { grad_b_dec: poison(R * s.width), error_mean: poison(R * s.width) },
            grid: [groups(s.layout.quads, 16), R],
            constants: { LANES },
          });
          untouched(out.error_mean, 'means that nobody asked for');
          return out.grad_b_dec;
        }),
      )) as [Float32Array, Float32Array];
      expect(alone, 'by one invocation').toEqual(grad_b_dec);
      for (let r = 0; r < R; r++) {
        const own = rowOf(s, grad_b_dec, r);
        if (!isLive(s, r)) untouched(own, `run ${r}`);
        else close(own, twin.biasErrors(errorsOf(s, r).e, s.width, 64), `run ${r}`);
      }
    },
    [...SHAPES, { d: 3, rows: 1300, runs: [{ arch: 'gated', width: 1 }] }],
  ));

describe('gradBDecEncoder', () => {
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
    let state = { grad_b_dec: before, carry: poison(R * 16 * s.width) };
    let from = 0;
    for (const [k, count] of cuts.entries()) {
      state = await dispatch('sae/grad_b_dec_encoder', {
        params: { quads, first: k === 0 ? 1 : 0, last: k === cuts.length - 1 ? 1 : 0, clipped: 0 },
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
    const { grad_b_dec } = state;
    s.runs.forEach((run, r) => {
      const [actual, kept] = [rowOf(s, grad_b_dec, r), rowOf(s, before, r)];
      if (!isLive(s, r) || dense.includes(r)) expect(actual).toEqual(kept);
      else
        close(
          actual,
          twin.biasGradient(means, s.wEnc, run, s.width).map((value, k) => value + (kept[k] as number)),
          `run ${r}`,
        );
    });
    return grad_b_dec;
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
    const state = { b_dec: s.bDec, b_dec_v: v, b_dec_m: momentum ? padRows(randoms(R * d, 18), d) : poison(R * s.width) };
    const grad_b_dec = padRows(randoms(R * d, 19), d);
    const out = await dispatch('sae/adam_b_dec', {
      params: { quads: s.layout.quads },
      runs: runTable(s.layout, s.runs, (r) => ({ live: isLive(s, r), ...optimiser(r) })),
      inputs: { grad_b_dec },
      outputs: state,
      grid: [groups(s.layout.quads, 64), R],
      constants: { MOMENTUM: momentum ? 1 : 0 },
    });
    for (let r = 0; r < R; r++) {
      const kept = { b_dec: rowOf(s, state.b_dec, r), b_dec_v: rowOf(s, state.b_dec_v, r), b_dec_m: rowOf(s, state.b_dec_m, r) };
      const after = { b_dec: rowOf(s, out.b_dec, r), b_dec_v: rowOf(s, out.b_dec_v, r), b_dec_m: rowOf(s, out.b_dec_m, r) };
      if (!isLive(s, r)) {
        expect(after).toEqual(kept);
        continue;
      }
      const next = twin.adam(
        kept.b_dec,
        rowOf(s, grad_b_dec, r),
        kept.b_dec_v,
        momentum ? kept.b_dec_m : new Float64Array(s.width),
        optimiser(r),
      );
      close(after.b_dec, next.value, `b_dec of run ${r}`);
      close(after.b_dec_v, next.v, `v of run ${r}`);
      if (momentum) close(after.b_dec_m, next.m, `m of run ${r}`);
      else untouched(after.b_dec_m, `m of run ${r}`);
    }
    expect(rowOf(s, out.b_dec, R), 'the mean').toEqual(rowOf(s, s.bDec, R));
  }),
);
