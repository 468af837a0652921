/** The kernels from the pool to errors and statistics, and those of evaluation, against their float64 twins. */
import { describe, expect, it } from 'vitest';
import { fold } from '../../../src/gpu/plan';
import * as twin from '../../../src/reference/saeKernels';
import { ENTRY_WORDS, STATS } from '../../../src/sae/kernels';
import { padRows } from '../../../src/sae/packing';
import { matmulTolerance, poison, randoms } from '../../gpu';
import { close, each, groups, isLive, largest, table, untouched } from './checks';
import { dispatch, NAN_BITS, rowOf, SHAPES, scene, slot } from './scene';

describe('gather', () =>
  each(async (s) => {
    const capacity = s.rows + 3;
    const pool = padRows(randoms(capacity * s.layout.d, 1), s.layout.d);
    const slots = Uint32Array.from({ length: s.rows }, (_, i) => (i * 7 + 2) % capacity);
    const mean = rowOf(s, s.bias, s.runs.length);
    const { x } = await dispatch('gather', {
      params: { rows: s.rows, quads: s.layout.quads, scale: 0.3 },
      inputs: { pool, slots, mean },
      outputs: { x: poison((s.rows + 1) * s.width) },
      grid: fold(groups(s.rows * s.layout.quads, 64)),
    });
    close((x as Float32Array).subarray(0, s.rows * s.width), twin.gather(pool, slots, mean, 0.3, s.width), 'x');
    untouched((x as Float32Array).subarray(s.rows * s.width), 'the row after the batch');
  }));

describe('center', () =>
  each(async (s) => {
    const { d } = s.layout;
    const raw = randoms((s.rows + s.first) * d, 2);
    const mean = rowOf(s, s.bias, s.runs.length);
    const { x } = await dispatch('center', {
      params: { rows: s.rows, quads: s.layout.quads, d, first: s.first, scale: 0.3 },
      inputs: { raw, mean },
      outputs: { x: poison((s.rows + 1) * s.width) },
      grid: fold(groups(s.rows * s.layout.quads, 64)),
    });
    close((x as Float32Array).subarray(0, s.rows * s.width), twin.center(raw, mean, 0.3, s.first, s.rows, d, s.width), 'x');
    untouched((x as Float32Array).subarray(s.rows * s.width), 'the row after the block');
  }));

describe('correction', () =>
  each(async (s) => {
    const { latents, uStride, quads } = s.layout;
    const { correction } = await dispatch('correction', {
      params: { latents, quads, runs: s.runs.length },
      inputs: { w_enc: s.wEnc, bias: s.bias, latents: s.latents },
      outputs: { correction: poison(uStride + 4) },
      grid: fold(groups(uStride, 64)),
    });
    const c = correction as Float32Array;
    close(c.subarray(0, latents), twin.correction(s.wEnc, s.bias, s.latents, s.width), 'c');
    expect([...c.subarray(latents, uStride)], 'padding').toEqual(new Array(uStride - latents).fill(0));
    untouched(c.subarray(uStride), 'after the padding');
  }));

describe('encode', () =>
  each(async (s) => {
    const { latents, uStride, utStride, blockRows, quads } = s.layout;
    const correction = new Float32Array(uStride).fill(Number.NaN);
    correction.set(randoms(latents, 3));
    const { u, ut } = await dispatch('encode', {
      params: { rows: s.rows, first_row: s.first, latents, quads, u_stride: uStride / 4, ut_stride: utStride / 4, from_latent: 0 },
      inputs: { x: s.x, w_enc: s.wEnc, correction },
      outputs: { u: poison(blockRows * uStride), ut: poison(latents * utStride) },
      grid: [groups(latents, 32), groups(s.rows, 32)],
    });
    const expected = twin.encode(s.x, s.wEnc, correction.subarray(0, latents), s.first, s.rows, s.width);
    const tolerance = matmulTolerance(s.layout.d, s.x, s.wEnc);
    let worst = 0;
    for (let b = 0; b < s.rows; b++) {
      for (let i = 0; i < latents; i++) {
        const value = expected[b * latents + i] as number;
        const [byRow, byLatent] = [u?.[b * uStride + i] as number, ut?.[i * utStride + b] as number];
        expect(byLatent, `ut[${i}, ${b}]`).toBe(byRow);
        const error = Math.abs(byRow - value);
        worst = Math.max(worst, Number.isNaN(error) ? Number.POSITIVE_INFINITY : error);
      }
    }
    expect(worst).toBeLessThanOrEqual(tolerance);
    untouched((u as Float32Array).subarray(s.rows * uStride), 'rows of u after the block');
  }));

describe('split', () =>
  each(
    async (s) => {
      const { uStride } = s.layout;
      const { entries, counts } = await dispatch('split', {
        params: { rows: s.rows, u_stride: uStride, runs: s.runs.length },
        runs: table(s),
        inputs: { u: s.uPacked, latents: s.latents },
        outputs: { entries: new Uint32Array(s.entries.length).fill(NAN_BITS), counts: new Uint32Array(s.counts.length).fill(NAN_BITS) },
        grid: [s.rows, s.runs.length],
      });
      expect(new Uint32Array((counts as Float32Array).buffer)).toEqual(s.counts);
      // The order inside a list is the kernel's own business: by latent, both must hold the same, and nothing lies behind.
      const read = (values: Uint32Array, row: number, run: twin.TwinRun, r: number) => {
        const from = (row * uStride + run.first) * ENTRY_WORDS;
        const words = values.slice(from, from + run.width * ENTRY_WORDS);
        const count = s.counts[row * s.runs.length + r] as number;
        const floats = new Float32Array(words.buffer);
        const list = Array.from(
          { length: count },
          (_, k) => [words[k * ENTRY_WORDS], floats[k * ENTRY_WORDS + 1], floats[k * ENTRY_WORDS + 2]] as number[],
        );
        return { list: list.sort(([a = 0], [b = 0]) => a - b), rest: words.subarray(count * ENTRY_WORDS) };
      };
      const after = new Uint32Array((entries as Float32Array).buffer);
      for (let b = 0; b < s.rows; b++) {
        s.runs.forEach((run, r) => {
          const [actual, expected] = [read(after, b, run, r), read(s.entries, b, run, r)];
          expect(actual.list.map(([latent]) => latent)).toEqual(expected.list.map(([latent]) => latent));
          expect(actual.rest, 'entries beyond the count').toEqual(expected.rest);
          close(
            actual.list.flatMap((entry) => entry.slice(1)),
            expected.list.flatMap((entry) => entry.slice(1)),
            `f and gate of row ${b}, run ${r}`,
          );
        });
      }
    },
    [
      ...SHAPES,
      {
        d: 3,
        rows: 2,
        runs: [
          { arch: 'gated', width: 1100 },
          { arch: 'baseline', width: 515 },
        ],
        shift: 10,
      },
      {
        d: 3,
        rows: 2,
        runs: [
          { arch: 'gated', width: 33 },
          { arch: 'baseline', width: 5 },
        ],
        shift: -10,
      },
    ],
  ));

it('split and fire count: a gate of exactly zero is off, whatever the magnitude', async () => {
  const s = scene({ d: 1, rows: 1, runs: [{ arch: 'gated', width: 3 }] });
  s.latents.set([-0.5, 0, 4, 0, -0.5, 0, 4, 0, -0.5, 0, 4, 0]);
  const below = Math.fround(0.5 - 2 ** -25);
  const above = Math.fround(0.5 + 2 ** -24);
  s.uPacked.set([0.5, below, above]);
  const { counts, entries } = await dispatch('split', {
    params: { rows: 1, u_stride: 4, runs: 1 },
    runs: table(s),
    inputs: { u: s.uPacked, latents: s.latents },
    outputs: { entries: new Uint32Array(12), counts: new Uint32Array(1) },
    grid: [1, 1],
  });
  expect(new Uint32Array((counts as Float32Array).buffer)[0]).toBe(1);
  expect(new Uint32Array((entries as Float32Array).buffer)[0]).toBe(2);
  const { fires } = await dispatch('fireCount', {
    params: { rows: 3, latents: 1, ut_stride: 4 },
    runs: table(s),
    inputs: { ut: Float32Array.of(0.5, below, above, 9), latents: s.latents },
    outputs: { fires: new Uint32Array(1) },
    grid: [1],
  });
  expect(new Uint32Array((fires as Float32Array).buffer)[0]).toBe(1);
});

describe('decode', () =>
  each(
    async (s) => {
      const { quads, uStride, blockRows, chunks, slots } = s.layout;
      const R = s.runs.length;
      const { errors, stats } = await dispatch('decode', {
        params: { rows: s.rows, first_row: s.first, quads, u_stride: uStride, runs: R, block_rows: blockRows, from_row: 0 },
        runs: table(s),
        inputs: { x: s.x, w_dec: s.wDec, entries: s.entries, counts: s.counts, bias: s.bias },
        outputs: { errors: poison(slots * blockRows * s.width), stats: poison(chunks * blockRows * R * STATS) },
        grid: [s.rows, R, chunks],
        constants: s.constants,
      });
      const mean = rowOf(s, s.bias, R);
      const expectedErrors = poison(slots * blockRows * s.width);
      s.layout.runs.forEach((place, r) => {
        for (let b = 0; b < s.rows; b++) {
          const {
            e,
            aux,
            stats: expected,
          } = twin.decode(s.lists[b]?.[r] ?? [], s.runs[r] as twin.TwinRun, s.wDec, rowOf(s, s.x, s.first + b), rowOf(s, s.bias, r), mean);
          const actual = new Array<number>(STATS).fill(0);
          for (let c = 0; c < chunks; c++) {
            for (let i = 0; i < STATS; i++)
              actual[i] = (actual[i] as number) + (stats?.[((c * blockRows + b) * R + r) * STATS + i] as number);
          }
          if (!isLive(s, r)) {
            untouched(actual, `statistics of ended run ${r}`);
            continue;
          }
          // x_hat·x may cancel; what it is made of may not.
          expected.forEach((value, i) => {
            const scale = i === 5 ? Math.max(expected[4] as number, expected[6] as number) : value;
            expect(Math.abs((actual[i] as number) - value), `statistic ${i} of row ${b}, run ${r}`).toBeLessThanOrEqual(1e-5 * scale);
          });
          expectedErrors.set(e, (place.mainSlot * blockRows + b) * s.width);
          if (place.arch === 'gated') expectedErrors.set(aux, (place.auxSlot * blockRows + b) * s.width);
        }
      });
      const scale = largest(expectedErrors.filter((v) => !Number.isNaN(v)));
      expectedErrors.forEach((value, j) => {
        const actual = errors?.[j] as number;
        if (Number.isNaN(value) ? !Number.isNaN(actual) : !(Math.abs(actual - value) <= 1e-5 * scale))
          expect(actual, `error ${j}`).toBe(value);
      });
    },
    [
      ...SHAPES,
      {
        d: 5,
        rows: 3,
        runs: [
          { arch: 'gated', width: 33 },
          { arch: 'baseline', width: 3 },
        ],
        shift: -10,
      },
    ],
  ));

describe('reduceStats', () => {
  each(async (s) => {
    const { blockRows, chunks } = s.layout;
    const R = s.runs.length;
    // Every row's statistics, cut over the chunks as the decoder leaves them: L1 and L0 in the first alone.
    const rows = Array.from({ length: s.rows }, (_, b) => Array.from({ length: R }, (_, r) => randoms(7, 100 * b + r).map((v) => v + 1)));
    const stats = poison(chunks * blockRows * R * STATS);
    rows.forEach((row, b) => {
      row.forEach((values, r) => {
        for (let c = 0; c < chunks; c++) {
          values.forEach((value, i) => {
            stats[((c * blockRows + b) * R + r) * STATS + i] = value / chunks;
          });
        }
      });
    });
    for (const accumulate of [0, 1]) {
      const before = accumulate ? randoms(R * STATS, 4) : poison(R * STATS);
      const { totals } = await dispatch('reduceStats', {
        params: { rows: s.rows, block_rows: blockRows, runs: R, chunks, accumulate },
        runs: table(s),
        inputs: { stats },
        outputs: { totals: before },
        grid: [R],
      });
      s.runs.forEach((_, r) => {
        const own = (totals as Float32Array).subarray(r * STATS, (r + 1) * STATS);
        const kept = before.subarray(r * STATS, (r + 1) * STATS);
        if (!isLive(s, r)) expect(own).toEqual(kept);
        else
          close(
            own,
            twin.reduceStats(rows.map((row) => row[r] as Float32Array)).map((v, i) => v + (accumulate ? (kept[i] as number) : 0)),
            `totals of run ${r}`,
          );
      });
    }
  });

  it('gives a reconstruction of norm zero the cosine 0', async () => {
    const s = scene({ d: 1, rows: 1, runs: [{ arch: 'baseline', width: 1 }] });
    const { totals } = await dispatch('reduceStats', {
      params: { rows: 1, block_rows: 8, runs: 1, chunks: 1, accumulate: 0 },
      runs: table(s),
      inputs: { stats: Float32Array.of(1, 0, 0, 0, 0, 0, 1, Number.NaN) },
      outputs: { totals: poison(8) },
      grid: [1],
    });
    expect([...(totals as Float32Array)]).toEqual([1, 0, 0, 0, 0, 0, 1, 0]);
  });
});

describe('fireCount', () =>
  each(
    async (s) => {
      const { latents, utStride } = s.layout;
      const before = Uint32Array.from({ length: latents }, (_, i) => 1000 * i);
      const { fires } = await dispatch('fireCount', {
        params: { rows: s.rows, latents, ut_stride: utStride },
        runs: table(s),
        inputs: { ut: s.ut, latents: s.latents },
        outputs: { fires: before },
        grid: fold(groups(latents, 64)),
      });
      const expected = twin.fireCount(s.u, s.latents, s.runs).map((n, i) => (isLive(s, s.latents[4 * i + 3] as number) ? n : 0) + 1000 * i);
      expect([...new Uint32Array((fires as Float32Array).buffer)]).toEqual(expected);
    },
    [...SHAPES, { d: 3, rows: 33, runs: [{ arch: 'gated', width: 70 }], shift: 10 }],
  ));

describe('columnMoments', () =>
  each(async (s) => {
    const { quads } = s.layout;
    const x = s.x.subarray(0, s.rows * s.width);
    const { moments } = await dispatch('columnMoments', {
      params: { rows: s.rows, quads },
      inputs: { x: s.x },
      outputs: { moments: poison(2 * s.width + 4) },
      grid: [groups(quads, 16)],
    });
    close((moments as Float32Array).subarray(0, 2 * s.width), twin.columnMoments(x, s.width), 'moments');
    untouched((moments as Float32Array).subarray(2 * s.width), 'after them');
  }));

describe('restore', () =>
  each(async (s) => {
    const { d, quads, blockRows, slots } = s.layout;
    const R = s.runs.length;
    const at = slots - 1;
    const { raw_hat } = await dispatch('restore', {
      params: { rows: s.rows, quads, d, block_rows: blockRows, slot: at, first: 2, mean_row: R, unscale: 1 / 0.3 },
      inputs: { errors: s.errors, x: s.x, bias: s.bias },
      outputs: { raw_hat: poison((s.rows + 3) * d) },
      grid: fold(groups(s.rows * d, 64)),
    });
    const actual = raw_hat as Float32Array;
    close(
      actual.subarray(2 * d, (2 + s.rows) * d),
      twin.restore(slot(s, s.errors, at), s.x, rowOf(s, s.bias, R), 0.3, s.rows, d, s.width),
      'rows',
    );
    untouched(actual.subarray(0, 2 * d), 'rows before');
    untouched(actual.subarray((2 + s.rows) * d), 'the row after');
  }));
