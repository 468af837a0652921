/**
 * Each kernel of the training step against its float64 twin, alone, at ragged shapes, into NaN-poisoned outputs. In sweeps of
 * three the middle run has ended: nothing of it may be written. Tolerance: 1e-5 of the largest value (`close`), unless said
 * otherwise; dot products of the encoder by `matmulTolerance`.
 */
import { describe, expect, it } from 'vitest';
import { fold } from '../../../src/gpu/plan';
import * as twin from '../../../src/reference/saeKernels';
import { ENTRY_WORDS, STATS } from '../../../src/sae/kernels';
import { padRows } from '../../../src/sae/packing';
import { matmulTolerance, maxError, poison, randoms } from '../../gpu';
import { dispatch, NAN_BITS, name, rowOf, runTable, type Scene, type SceneSpec, SHAPES, scene, slot } from './scene';

const largest = (values: ArrayLike<number>) => Array.from(values).reduce((most, v) => Math.max(most, Math.abs(v)), 0);
/** Within `tolerance` of the largest expected value; NaN is never close. */
function close(actual: ArrayLike<number>, expected: ArrayLike<number>, what: string, tolerance = 1e-5) {
  expect(actual.length, `${what}: length`).toBe(expected.length);
  expect(maxError(actual, expected), what).toBeLessThanOrEqual(tolerance * Math.max(largest(expected), 1e-3));
}
function untouched(values: ArrayLike<number>, what: string) {
  expect(
    Array.from(values).findIndex((v) => !Number.isNaN(v)),
    `${what}: first value written`,
  ).toBe(-1);
}
const isLive = (s: Scene, r: number) => !(s.runs.length === 3 && r === 1);
const table = (s: Scene) => runTable(s.layout, s.runs, (r) => ({ live: isLive(s, r) }));
const each = (test: (s: Scene) => Promise<void>, shapes: SceneSpec[] = SHAPES) =>
  it.each(shapes.map((spec) => [name(spec), spec] as const))('%s', (_, spec) => test(scene(spec)));
const groups = (n: number, size: number) => Math.ceil(n / size);

/** e and the auxiliary error of one run, `[rows, width]`. */
const errorsOf = (s: Scene, r: number) => {
  const place = s.layout.runs[r] as Scene['layout']['runs'][number];
  return { e: slot(s, s.errors, place.mainSlot), aux: slot(s, s.errors, place.auxSlot) };
};

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

describe('latentBackward', () => {
  const run = async (s: Scene, accumulate: 0 | 1, errors = s.errors) => {
    const { latents, quads, utStride, blockRows } = s.layout;
    const initial = (n: number, seed: number) => (accumulate ? randoms(n, seed) : poison(n));
    const [gEnc, gDec] = [initial(latents * s.width, 5), initial(latents * s.width, 6)];
    const sums = initial(latents * 8, 7);
    for (let i = 0; i < latents; i++) sums[8 * i + 4] = 3; // firing counts go on from what they are
    const out = await dispatch('latentBackward', {
      params: {
        rows: s.rows,
        first_row: s.first,
        quads,
        ut_stride: utStride,
        block_rows: blockRows,
        from_latent: 0,
        to_latent: latents,
        accumulate,
        per_row: 1 / 64,
      },
      runs: table(s),
      inputs: { ut: s.ut, latents: s.latents, x: s.x, errors, w_dec: s.wDec },
      outputs: { g_enc: gEnc, g_dec: gDec, sums },
      grid: fold(latents),
      constants: s.constants,
    });
    return {
      before: { gEnc, gDec, sums },
      gEnc: out.g_enc as Float32Array,
      gDec: out.g_dec as Float32Array,
      sums: out.sums as Float32Array,
    };
  };
  const check = async (s: Scene, accumulate: 0 | 1) => {
    const { before, gEnc, gDec, sums } = await run(s, accumulate);
    const expected = { gEnc: new Float64Array(gEnc.length), gDec: new Float64Array(gDec.length), sums: new Float64Array(sums.length) };
    s.runs.forEach((own, r) => {
      const { e, aux } = errorsOf(s, r);
      for (let i = own.first; i < own.first + own.width; i++) {
        const g = twin.latentBackward(i, own, s.latents, s.u, s.x, s.first, e, aux, s.wDec, 64);
        const plus = (values: ArrayLike<number>, kept: Float32Array, at: number) =>
          Float64Array.from(values, (v, k) => v + (accumulate ? (kept[at + k] as number) : 0));
        expected.gEnc.set(isLive(s, r) ? plus(g.enc, before.gEnc, i * s.width) : rowOf(s, before.gEnc, i), i * s.width);
        expected.gDec.set(isLive(s, r) ? plus(g.dec, before.gDec, i * s.width) : rowOf(s, before.gDec, i), i * s.width);
        const own8 = before.sums.subarray(8 * i, 8 * i + 8);
        expected.sums.set(isLive(s, r) ? [...plus(g.sums, before.sums, 8 * i), 3 + g.fires, ...own8.subarray(5)] : own8, 8 * i);
      }
    });
    for (const [key, actual] of Object.entries({ gEnc, gDec, sums })) {
      const want = expected[key as keyof typeof expected];
      const scale = largest(want.filter((v) => !Number.isNaN(v)));
      want.forEach((value, j) => {
        const got = actual[j] as number;
        if (Number.isNaN(value) ? !Number.isNaN(got) : !(Math.abs(got - value) <= 1e-5 * scale)) expect(got, `${key}[${j}]`).toBe(value);
      });
    }
  };
  each((s) => check(s, 0));
  it('adds to what earlier row blocks left', () => check(scene(SHAPES[3] as SceneSpec), 1));

  it.each([
    ['every latent on all of 1300 rows: the list is worked off several times', 10, 1300],
    ['about half of them on', 0, 1300],
    ['a row more than the list holds', 10, 513],
    ['none on', -10, 300],
  ])('%s', async (_, shift, rows) => {
    const s = scene({
      d: 3,
      rows,
      runs: [
        { arch: 'gated', width: 3 },
        { arch: 'baseline', width: 2 },
      ],
      shift,
    });
    if (shift === 10) expect(s.lists.every((row) => row[0]?.length === 3 && row[1]?.length === 2)).toBe(true);
    await check(s, 0);
  });

  it('gated: with no main error the auxiliary one gives W_dec exactly zero; with neither, and lambda 0, everything is zero', async () => {
    const s = scene(SHAPES[1] as SceneSpec);
    const place = s.layout.runs[0] as Scene['layout']['runs'][number];
    slot(s, s.errors, place.mainSlot).fill(0);
    const auxOnly = await run(s, 0);
    expect(auxOnly.gDec.every((v) => v === 0)).toBe(true);
    expect(largest(auxOnly.gEnc)).toBeGreaterThan(1e-2);
    // s_i, from which b_dec's gradient through x - b_dec is formed.
    expect(Math.abs(auxOnly.sums[3] as number)).toBeGreaterThan(1e-3);
    slot(s, s.errors, place.auxSlot).fill(0);
    (s.runs[0] as twin.TwinRun).lambda = 0;
    const nothing = await run(s, 0);
    expect(nothing.gEnc.every((v) => v === 0)).toBe(true);
    expect([0, 1, 2].map((i) => [...nothing.sums.subarray(8 * i, 8 * i + 4)])).toEqual(new Array(3).fill([0, 0, 0, 0]));
  });

  it('gated: without an auxiliary error and lambda, reconstruction gives b_gate exactly zero', async () => {
    const s = scene(SHAPES[1] as SceneSpec);
    slot(s, s.errors, s.layout.runs[0]?.auxSlot ?? 0).fill(0);
    (s.runs[0] as twin.TwinRun).lambda = 0;
    const { sums, gDec } = await run(s, 0);
    expect([0, 1, 2].map((i) => sums[8 * i])).toEqual([0, 0, 0]);
    expect(largest([0, 1, 2].map((i) => sums[8 * i + 1] as number))).toBeGreaterThan(1e-3);
    expect(largest(gDec)).toBeGreaterThan(1e-2);
  });
});

describe('biasErrors', () =>
  each(async (s) => {
    const R = s.runs.length;
    for (const accumulate of [0, 1]) {
      const before = accumulate ? randoms(R * s.width, 8) : poison(R * s.width);
      const { g_bias } = await dispatch('biasErrors', {
        params: { rows: s.rows, quads: s.layout.quads, block_rows: s.layout.blockRows, accumulate, scale: 2 / 64 },
        runs: table(s),
        inputs: { errors: s.errors },
        outputs: { g_bias: before },
        grid: [groups(s.layout.quads, 16), R],
      });
      for (let r = 0; r < R; r++) {
        const [own, kept] = [rowOf(s, g_bias as Float32Array, r), rowOf(s, before, r)];
        if (!isLive(s, r)) expect(own).toEqual(kept);
        else
          close(
            own,
            twin.biasErrors(errorsOf(s, r).e, s.width, 64).map((v, k) => v + (accumulate ? (kept[k] as number) : 0)),
            `run ${r}`,
          );
      }
    }
  }));

describe('biasGradient', () =>
  each(async (s) => {
    const { latents, quads } = s.layout;
    const R = s.runs.length;
    const sums = poison(latents * 8);
    const own = randoms(latents, 9);
    own.forEach((value, i) => {
      sums[8 * i + 3] = value;
    });
    const before = randoms(R * s.width, 10);
    const { g_bias } = await dispatch('biasGradient', {
      params: { quads },
      runs: table(s),
      inputs: { w_enc: s.wEnc, sums },
      outputs: { g_bias: before },
      grid: [groups(quads, 16), R],
    });
    s.runs.forEach((run, r) => {
      const [actual, kept] = [rowOf(s, g_bias as Float32Array, r), rowOf(s, before, r)];
      if (!isLive(s, r)) expect(actual).toEqual(kept);
      else
        close(
          actual,
          twin.biasGradient(own, s.wEnc, run, s.width).map((v, k) => v + (kept[k] as number)),
          `run ${r}`,
        );
    });
  }));

/** Adam's settings of each run; betas as f32 has them, for the kernel cannot know better. */
const optimiser = (r: number, momentum: boolean): twin.TwinAdam => ({
  lr: 0.01 * (r + 1),
  beta1: momentum ? Math.fround(0.9 - 0.1 * r) : 0,
  beta2: Math.fround(0.999),
  eps: 1e-8,
  t: 3 + r,
});
const adamTable = (s: Scene, momentum: boolean) => runTable(s.layout, s.runs, (r) => ({ live: isLive(s, r), ...optimiser(r, momentum) }));
const positive = (n: number, seed: number) => randoms(n, seed).map((v) => (v + 0.6) ** 2);

describe.each([false, true])('adamRows, momentum %s', (momentum) => {
  describe.each(['W_enc', 'W_dec'] as const)('%s', (matrix) =>
    each(async (s) => {
      const { latents, quads, d } = s.layout;
      const n = latents * s.width;
      const isDecoder = matrix === 'W_dec';
      const state = {
        w: isDecoder ? s.wDec : s.wEnc,
        v: padRows(positive(latents * d, 11), d),
        m: momentum ? padRows(randoms(latents * d, 12), d) : poison(n),
      };
      const gradient = padRows(randoms(latents * d, 13), d);
      const sums = poison(latents * 8);
      for (let i = 0; i < latents; i++) sums[8 * i + 3] = 0.1 * (i + 1);
      const out = await dispatch('adamRows', {
        params: { latents, quads, runs: s.runs.length },
        runs: adamTable(s, momentum),
        inputs: { latents: s.latents, sums, bias: s.bias, gradient },
        outputs: state,
        grid: fold(latents),
        constants: { ...s.constants, DECODER: isDecoder ? 1 : 0, MOMENTUM: momentum ? 1 : 0 },
      });
      const mean = rowOf(s, s.bias, s.runs.length);
      s.runs.forEach((run, r) => {
        for (let i = run.first; i < run.first + run.width; i++) {
          const [w, v, m] = [rowOf(s, out.w as Float32Array, i), rowOf(s, out.v as Float32Array, i), rowOf(s, out.m as Float32Array, i)];
          const kept = { w: rowOf(s, state.w, i), v: rowOf(s, state.v, i), m: rowOf(s, state.m, i) };
          if (!isLive(s, r)) {
            expect({ w, v, m }).toEqual(kept);
            continue;
          }
          const g = rowOf(s, gradient, i);
          const used = isDecoder
            ? twin.decoderGradient(g, kept.w)
            : twin.encoderGradient(g, sums[8 * i + 3] as number, rowOf(s, s.bias, r), mean);
          const next = twin.adam(kept.w, used, kept.v, momentum ? kept.m : new Float64Array(s.width), optimiser(r, momentum));
          close(w, isDecoder ? twin.unitRow(next.value) : next.value, `w of latent ${i}`);
          close(v, next.v, `v of latent ${i}`);
          if (momentum) close(m, next.m, `m of latent ${i}`);
          else untouched(m, `m of latent ${i}`);
          expect(
            w.subarray(d).every((value) => value === 0),
            'padding stays zero',
          ).toBe(true);
        }
      });
    }),
  );
});

describe.each([false, true])('adamLatents, momentum %s', (momentum) =>
  each(async (s) => {
    const n = s.layout.latents;
    const four = (seed: number, make = randoms) => make(4 * n, seed).map((v, j) => (j % 4 === 3 ? 0 : v));
    const state = { latents: s.latents, v: four(14, positive), m: momentum ? four(15) : poison(4 * n) };
    const sums = poison(8 * n);
    const gradient = randoms(4 * n, 16);
    for (let i = 0; i < n; i++) sums.set(gradient.subarray(4 * i, 4 * i + 4), 8 * i);
    const out = await dispatch('adamLatents', {
      params: { latents: n },
      runs: adamTable(s, momentum),
      inputs: { sums },
      outputs: state,
      grid: fold(groups(n, 64)),
      constants: { MOMENTUM: momentum ? 1 : 0 },
    });
    s.runs.forEach((run, r) => {
      const from = 4 * run.first;
      const to = from + 4 * run.width;
      const kept = { latents: state.latents.subarray(from, to), v: state.v.subarray(from, to), m: state.m.subarray(from, to) };
      const after = { latents: out.latents?.subarray(from, to), v: out.v?.subarray(from, to), m: out.m?.subarray(from, to) };
      if (!isLive(s, r)) {
        expect(after).toEqual(kept);
        return;
      }
      const g = gradient.subarray(from, to).map((v, j) => (j % 4 === 3 ? 0 : v));
      const next = twin.adam(kept.latents, g, kept.v, momentum ? kept.m : new Float64Array(g.length), optimiser(r, momentum));
      close(after.latents ?? [], next.value, `vectors of run ${r}`);
      close(after.v ?? [], next.v, `v of run ${r}`);
      if (momentum) close(after.m ?? [], next.m, `m of run ${r}`);
      for (let i = 0; i < run.width; i++) expect(after.latents?.[4 * i + 3], 'the owning run').toBe(r);
    });
  }),
);

describe.each([false, true])('adamBias, momentum %s', (momentum) =>
  each(async (s) => {
    const R = s.runs.length;
    const { d } = s.layout;
    const state = { bias: s.bias, v: padRows(positive(R * d, 17), d), m: momentum ? padRows(randoms(R * d, 18), d) : poison(R * s.width) };
    const g_bias = padRows(randoms(R * d, 19), d);
    const out = await dispatch('adamBias', {
      params: { quads: s.layout.quads },
      runs: adamTable(s, momentum),
      inputs: { g_bias },
      outputs: state,
      grid: [groups(s.layout.quads, 64), R],
      constants: { MOMENTUM: momentum ? 1 : 0 },
    });
    for (let r = 0; r < R; r++) {
      const kept = { bias: rowOf(s, state.bias, r), v: rowOf(s, state.v, r), m: rowOf(s, state.m, r) };
      const after = {
        bias: rowOf(s, out.bias as Float32Array, r),
        v: rowOf(s, out.v as Float32Array, r),
        m: rowOf(s, out.m as Float32Array, r),
      };
      if (!isLive(s, r)) {
        expect(after).toEqual(kept);
        continue;
      }
      const next = twin.adam(kept.bias, rowOf(s, g_bias, r), kept.v, momentum ? kept.m : new Float64Array(s.width), optimiser(r, momentum));
      close(after.bias, next.value, `b_dec of run ${r}`);
      close(after.v, next.v, `v of run ${r}`);
      if (momentum) close(after.m, next.m, `m of run ${r}`);
    }
    expect(rowOf(s, out.bias as Float32Array, R), 'the mean').toEqual(rowOf(s, s.bias, R));
  }),
);

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
