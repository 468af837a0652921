/** The kernels of the backward pass and of Adam against their float64 twins. */
import { describe, expect, it } from 'vitest';
import { fold } from '../../../src/gpu/plan';
import * as twin from '../../../src/reference/saeKernels';
import { padRows } from '../../../src/sae/packing';
import { poison, randoms } from '../../gpu';
import { close, each, errorsOf, groups, isLive, largest, table, untouched } from './checks';
import { dispatch, rowOf, runTable, type Scene, type SceneSpec, SHAPES, scene, slot } from './scene';

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
