/** The kernels from the pool to the batch, of statistics, and of evaluation, against their float64 twins. */
import { describe, expect, it } from 'vitest';
import { decodeFloats } from '../../../src/data/formats/floats';
import { fold } from '../../../src/gpu/plan';
import { MAX_RUNS, STATS } from '../../../src/sae/kernels';
import { padRows } from '../../../src/sae/packing';
import { poison, randoms } from '../../gpu';
import * as twin from '../../reference/saeKernels';
import { close, each, groups, halfBound, isLive, table, untouched } from './checks';
import { dispatch, words } from './dispatch';
import { latentParams, PATTERNS, rowOf, type Scene, SHAPES, scene, slot } from './scene';

/** The batch with HALF: f32 of the packed f16, bit for bit, and those the expected values rounded, either way; f16's subnormals may be 0. */
function checkHalf(x: Float32Array, packed: Float32Array, expected: Float64Array) {
  const values = new Float32Array(x.length);
  decodeFloats(new Uint8Array(packed.buffer, packed.byteOffset, packed.byteLength), 'f16', values);
  const [actual, wanted] = [words(x), words(values)];
  expect(
    actual.findIndex((word, j) => word !== wanted[j]),
    'first value that is not the packed one',
  ).toBe(-1);
  expect(expected.findIndex((value, j) => !(Math.abs((x[j] as number) - value) <= halfBound(value)))).toBe(-1);
}

describe.each([0, 1])('gather, HALF %s', (HALF) =>
  each(async (s) => {
    const capacity = s.rows + 3;
    const pool = padRows(randoms(capacity * s.layout.d, 1), s.layout.d);
    const slots = Uint32Array.from({ length: s.rows }, (_, i) => (i * 7 + 2) % capacity);
    const mean = rowOf(s, s.bDec, s.runs.length);
    const n = s.rows * s.width;
    const { x, x_half } = await dispatch('sae/gather', {
      params: { batch: s.rows, quads: s.layout.quads, scale: 0.3 },
      inputs: { pool, slots, mean },
      outputs: { x: poison(n + s.width), x_half: poison((n + s.width) / 2) },
      grid: fold(groups(s.rows * s.layout.quads, 64)),
      constants: { HALF },
    });
    const expected = twin.gather(pool, slots, mean, 0.3, s.width);
    if (HALF) checkHalf(x.subarray(0, n), x_half.subarray(0, n / 2), expected);
    else close(x.subarray(0, n), expected, 'x');
    untouched(x.subarray(n), 'the row after the batch');
    untouched(x_half.subarray(HALF * (n / 2)), 'the packed row after the batch, or all of them');
  }),
);

describe.each([0, 1])('center, HALF %s', (HALF) =>
  each(async (s) => {
    const { d, quads } = s.layout;
    const raw = randoms((s.rows + 2) * d, 2);
    const mean = rowOf(s, s.bDec, s.runs.length);
    const n = s.rows * s.width;
    const { x, x_half } = await dispatch('sae/center', {
      params: { rows: s.rows, quads, d, first_row: 2, scale: 0.3 },
      inputs: { raw, mean },
      outputs: { x: poison(n + s.width), x_half: poison((n + s.width) / 2) },
      grid: fold(groups(s.rows * quads, 64)),
      constants: { HALF },
    });
    const expected = twin.center(raw, mean, 0.3, 2, s.rows, d, s.width);
    if (HALF) checkHalf(x.subarray(0, n), x_half.subarray(0, n / 2), expected);
    else close(x.subarray(0, n), expected, 'x');
    untouched(x.subarray(n), 'the row after the block');
    untouched(x_half.subarray(HALF * (n / 2)), 'the packed row after the block, or all of them');
  }),
);

describe('correction', () =>
  each(async (s) => {
    const { latents, quads } = s.layout;
    s.c.fill(Number.NaN);
    const before = latentParams(s, { v: randoms(4 * latents, 3), fires: randoms(latents, 4), m: randoms(4 * latents, 5) });
    const out = await dispatch('sae/correction', {
      params: { latents, quads, runs: s.runs.length },
      runs: table(s),
      inputs: { w_enc: s.wEnc, w_dec: s.wDec, b_dec: s.bDec },
      outputs: { latent_params: before },
      grid: fold(groups(latents, 64)),
    });
    const at = (i: number) => 4 * (latents + i) + 3;
    close(
      Array.from({ length: latents }, (_, i) => out.latent_params[at(i)] as number),
      twin.correction(s.wEnc, s.bDec, s.latents, s.width),
      'c',
    );
    for (let i = 0; i < latents; i++) out.latent_params[at(i)] = Number.NaN;
    expect(out.latent_params, 'all else').toEqual(before);
  }));

describe('reduceStats', () => {
  each(
    async (s) => {
      const { chunks } = s.layout;
      const R = s.runs.length;
      const slotRows = s.rows + 3;
      // Every row's statistics, cut over the chunks as the decoder leaves them.
      const rows = Array.from({ length: s.rows }, (_, b) =>
        Array.from({ length: R }, (_, r) => randoms(10, 100 * b + r).map((v, i) => (i === 7 ? Number.NaN : v + 1))),
      );
      const stats = poison(chunks * slotRows * R * STATS);
      rows.forEach((row, b) => {
        row.forEach((values, r) => {
          for (let c = 0; c < chunks; c++) {
            values.forEach((value, i) => {
              stats[((c * slotRows + b) * R + r) * STATS + i] = value / chunks;
            });
          }
        });
      });
      const { totals } = await dispatch('sae/reduce_stats', {
        params: { rows: s.rows, batch: slotRows, runs: R, chunks },
        runs: table(s),
        inputs: { stats },
        outputs: { totals: poison(R * STATS) },
        grid: [R],
      });
      s.runs.forEach((_, r) => {
        const own = totals.subarray(r * STATS, (r + 1) * STATS);
        if (!isLive(s, r)) untouched(own, `totals of ended run ${r}`);
        else close(own, twin.reduceStats(rows.map((row) => row[r] as Float32Array)), `totals of run ${r}`);
      });
    },
    [...SHAPES, { d: 1, rows: 2100, runs: [{ arch: 'gated', width: 1 }] }],
  );

  it('gives a reconstruction of norm zero the cosine 0', async () => {
    const s = scene({ d: 1, rows: 1, runs: [{ arch: 'baseline', width: 1 }] });
    const { totals } = await dispatch('sae/reduce_stats', {
      params: { rows: 1, batch: 1, runs: 1, chunks: 1 },
      runs: table(s),
      inputs: { stats: Float32Array.of(1, 0, 0, 0, 0, 0, 1, Number.NaN, 0, 1) },
      outputs: { totals: poison(10) },
      grid: [1],
    });
    expect([...totals]).toEqual([1, 0, 0, 0, 0, 0, 1, 0, 0, 1]);
  });
});

describe('fireCount', () => {
  const OFFSET = 8;
  const check = async (s: Scene, rows = s.rows) => {
    const { latents, quads, rowGroups } = s.layout;
    const before = Uint32Array.from({ length: OFFSET + latents }, (_, i) => 1000 * i);
    const u = s.u.subarray(0, rows * latents);
    // Of fewer rows than the buffer has, the encoder leaves the words behind them as they were.
    const active = new Uint32Array(s.active.length).fill(0xffffffff);
    const clean = twin.activeSet(u, s.latents, s.runs, rowGroups);
    const half = clean.length / 2;
    for (let i = 0; i < half; i++) {
      if (Math.floor(i / (latents / 4)) < groups(rows, 4)) active[MAX_RUNS + i] = clean[i] as number;
      if (i % rowGroups < groups(rows, 4)) active[MAX_RUNS + half + i] = clean[half + i] as number;
    }
    const { fires } = await dispatch('sae/fire_count', {
      params: { rows, quads, latents, row_groups: rowGroups, offset: OFFSET },
      runs: table(s),
      inputs: { active_set: active, x: s.x, w_enc: s.wEnc, latent_params: latentParams(s) },
      outputs: { fires: before },
      grid: fold(latents),
    });
    const counted = twin.fireCount(u, s.latents, s.runs).map((n, i) => (isLive(s, s.latents[4 * i + 3] as number) ? n : 0));
    expect([...words(fires)]).toEqual([...before].map((value, i) => value + (counted[i - OFFSET] ?? 0)));
  };
  each((s) => check(s), [...SHAPES, ...PATTERNS.slice(0, 4)]);

  it('of fewer rows than the batch: nothing behind them is counted', async () => {
    const s = scene(SHAPES[3] as (typeof SHAPES)[number]);
    for (const rows of [1, 6, 32]) await check(s, rows);
  });
});

describe('columnMoments', () =>
  each(async (s) => {
    const { quads } = s.layout;
    const pivot = randoms(s.width, 11);
    const { moments } = await dispatch('sae/column_moments', {
      params: { rows: s.rows, quads },
      inputs: { x: s.x, pivot },
      outputs: { moments: poison(2 * s.width + 4) },
      grid: [groups(quads, 16)],
    });
    close(moments.subarray(0, 2 * s.width), twin.columnMoments(s.x, pivot, s.width), 'moments');
    untouched(moments.subarray(2 * s.width), 'after them');
  }));

describe('restore', () =>
  each(async (s) => {
    const { d, quads, slots } = s.layout;
    const R = s.runs.length;
    const at = slots - 1;
    const { raw_hat } = await dispatch('sae/restore', {
      params: { rows: s.rows, quads, d, batch: s.rows, slot: at, first_row: 2, runs: R, unscale: 1 / 0.3 },
      inputs: { residuals: s.residuals, x: s.x, b_dec: s.bDec },
      outputs: { raw_hat: poison((s.rows + 3) * d) },
      grid: fold(groups(s.rows * d, 64)),
    });
    close(
      raw_hat.subarray(2 * d, (2 + s.rows) * d),
      twin.restore(slot(s, s.residuals, at), s.x, rowOf(s, s.bDec, R), 0.3, s.rows, d, s.width),
      'rows',
    );
    untouched(raw_hat.subarray(0, 2 * d), 'rows before');
    untouched(raw_hat.subarray((2 + s.rows) * d), 'the row after');
  }));
