/** Each kernel of the dense form against its float64 twin. The form as a whole: dense.test.ts. */
import { describe, expect, it } from 'vitest';
import { DEFAULT_MATMUL, matmulGrid } from '../../../src/gpu/matmul';
import { fold } from '../../../src/gpu/plan';
import { STATS } from '../../../src/sae/kernels';
import { DENSE_TILE } from '../../../src/sae/layout';
import { padRows } from '../../../src/sae/packing';
import { matmulTolerance, poison, randoms } from '../../gpu';
import * as twin from '../../reference/saeKernels';
import { close, closeOrUntouched, each, errorsOf, groups, isLive } from './checks';
import { dispatch } from './dispatch';
import { flagged, joined, latentParams, PATTERNS, rowOf, runTable, type Scene, type SceneSpec, SHAPES, scene } from './scene';

const CASES = [...SHAPES, ...PATTERNS.slice(0, 4)];

/** Of three runs, where the second has ended, the last takes the sparse form. */
const isDense = (r: number) => r !== 2;
const takesPart = (s: Scene, r: number) => isLive(s, r) && isDense(r);
const active = (s: Scene) => flagged(s, ...[...s.runs.keys()].filter(isDense));
const table = (s: Scene) => runTable(s.layout, s.runs, (r) => ({ live: isLive(s, r) }));
const stride = (s: Scene) => groups(s.rows, 4);
const widest = (s: Scene) => groups(Math.max(...s.runs.map(({ width }) => width)), DENSE_TILE);

/** `[latents, 4·stride]` of those who take part, NaN elsewhere. */
function byLatent(s: Scene, value: (run: twin.TwinRun, i: number, row: number) => number): Float32Array {
  const n = 4 * stride(s);
  const out = poison(s.layout.latents * n);
  s.runs.forEach((run, r) => {
    if (!takesPart(s, r)) return;
    for (let i = run.first; i < run.first + run.width; i++) for (let row = 0; row < n; row++) out[i * n + row] = value(run, i, row);
  });
  return out;
}
/** NaN beyond the batch: nothing may come of it. */
const preActs = (s: Scene) => byLatent(s, (_, i, row) => s.u[row * s.layout.latents + i] ?? Number.NaN);
/** f, and the gates of runs with an auxiliary loss; 0 beyond the batch. */
const activations = (s: Scene) => {
  const of = (run: twin.TwinRun, i: number, row: number) =>
    row < s.rows ? twin.activate(run.arch, s.u[row * s.layout.latents + i] as number, s.latents, i) : { f: 0, gate: 0 };
  return {
    acts: byLatent(s, (run, i, row) => of(run, i, row).f),
    gates: byLatent(s, (run, i, row) => (run.arch === 'gated' ? of(run, i, row).gate : Number.NaN)),
  };
};

describe('encode: u of the dense runs, by latents', () =>
  each(async (s) => {
    const { latents, quads } = s.layout;
    const first = s.rows > 4 ? 3 : 0;
    const rows = s.rows - first;
    const n = 4 * groups(rows, 4);
    const out = await dispatch('sae/dense/encode', {
      params: { rows, first_row: first, quads, latents, stride: n / 4 },
      core: DEFAULT_MATMUL,
      inputs: { x: s.x, w_enc: s.wEnc, latent_params: latentParams(s), active_set: active(s) },
      outputs: { pre_acts: poison(latents * n) },
      runs: table(s),
      grid: matmulGrid(DEFAULT_MATMUL, rows, latents),
    });
    const expected = twin.encode(s.x, s.wEnc, s.c, first, rows, s.width);
    const tolerance = matmulTolerance(s.layout.d, s.x, s.wEnc);
    for (let i = 0; i < latents; i++) {
      for (let row = 0; row < rows; row++) {
        const got = out.pre_acts[i * n + row] as number;
        if (!takesPart(s, s.latents[4 * i + 3] as number)) expect(got).toBeNaN();
        else if (!(Math.abs(got - (expected[row * latents + i] as number)) <= tolerance))
          expect(got, `u of latent ${i}, row ${row}`).toBe(expected[row * latents + i]);
      }
    }
  }, CASES));

describe('split: f and gate by latents, L1 and L0 by rows', () =>
  each(async (s) => {
    const R = s.runs.length;
    const n = s.layout.latents * 4 * stride(s);
    const out = await dispatch('sae/dense/activate', {
      params: { rows: s.rows, stride: stride(s), runs: R, first_row: 0, latents: s.layout.latents, row_groups: s.layout.rowGroups },
      runs: table(s),
      inputs: { pre_acts: preActs(s), latent_params: latentParams(s), active_set: active(s) },
      outputs: { acts: poison(n), gates: poison(n), stats: poison(s.rows * R * STATS) },
      grid: [groups(s.rows, 16), R],
    });
    const { acts, gates } = activations(s);
    closeOrUntouched(out.acts, acts, 'f');
    closeOrUntouched(out.gates, gates, 'gate');
    const stats = poison(s.rows * R * STATS);
    s.lists.forEach((row, b) => {
      row.forEach((list, r) => {
        if (!takesPart(s, r)) return;
        stats[(b * R + r) * STATS + 2] = list.reduce((sum, { gate }) => sum + gate, 0);
        stats[(b * R + r) * STATS + 3] = list.filter(({ f }) => f > 0).length;
        stats[(b * R + r) * STATS + 8] = 0;
      });
    });
    closeOrUntouched(out.stats, stats, 'L1 and L0');
  }, CASES));

/** e, e_aux and the rest of the statistics by the twin, with what `split` has left of them. */
function reconstructed(s: Scene) {
  const R = s.runs.length;
  const residuals = poison(s.residuals.length);
  const stats = poison(s.rows * R * STATS);
  s.layout.runs.forEach((place, r) => {
    if (!takesPart(s, r)) return;
    for (let b = 0; b < s.rows; b++) {
      const mean = rowOf(s, s.bDec, R);
      const own = twin.decode(s.lists[b]?.[r] ?? [], s.runs[r] as twin.TwinRun, s.wDec, rowOf(s, s.x, b), rowOf(s, s.bDec, r), mean);
      residuals.set(own.e, (place.mainSlot * s.rows + b) * s.width);
      if (place.arch === 'gated') residuals.set(own.aux, (place.auxSlot * s.rows + b) * s.width);
      for (const i of [0, 1, 4, 5, 6]) stats[(b * R + r) * STATS + i] = own.stats[i] as number;
      stats[(b * R + r) * STATS + 9] = own.stats[0] as number;
    }
  });
  return { residuals, stats };
}

describe('decode and rowStats: errors, and the statistics that come from them', () =>
  each(async (s) => {
    const { quads } = s.layout;
    const R = s.runs.length;
    const { acts, gates } = activations(s);
    const shared = { x: s.x, b_dec: s.bDec, active_set: active(s) };
    const { residuals } = await dispatch('sae/dense/decode', {
      params: { rows: s.rows, first_row: 0, quads, stride: stride(s), runs: R, batch: s.rows },
      runs: table(s),
      inputs: { ...shared, w_dec: s.wDec, acts, gates },
      outputs: { residuals: poison(s.residuals.length) },
      grid: [groups(quads, 8), groups(s.rows, DENSE_TILE), R],
    });
    const expected = reconstructed(s);
    closeOrUntouched(residuals, expected.residuals, 'errors');
    const { stats } = await dispatch('sae/dense/row_stats', {
      params: { rows: s.rows, first_row: 0, quads, runs: R, batch: s.rows, width: s.constants.WIDTH },
      runs: table(s),
      inputs: { ...shared, residuals },
      outputs: { stats: poison(s.rows * R * STATS) },
      grid: [s.rows, R],
      constants: s.constants,
    });
    expected.stats.forEach((value, j) => {
      const got = stats[j] as number;
      const row = expected.stats.subarray(j - (j % STATS));
      // x_hat·x may cancel; what it is made of may not.
      const scale = j % STATS === 5 ? Math.max(row[4] as number, row[6] as number) : Math.abs(value);
      if (Number.isNaN(value) ? !Number.isNaN(got) : !(Math.abs(got - value) <= 1e-5 * scale)) expect(got, `statistic ${j}`).toBe(value);
    });
  }, CASES));

describe('backward, gradLatents and gradRows: the gradients', () =>
  each(async (s) => {
    const { quads, latents } = s.layout;
    const R = s.runs.length;
    const tiles = groups(s.rows, DENSE_TILE);
    const { acts } = activations(s);
    const shared = { active_set: active(s) };
    const reached = await dispatch('sae/dense/backward', {
      params: { rows: s.rows, quads, stride: stride(s), batch: s.rows, first_row: 0, latents, row_groups: s.layout.rowGroups },
      runs: table(s),
      inputs: { ...shared, pre_acts: preActs(s), latent_params: latentParams(s), residuals: s.residuals, w_dec: s.wDec },
      outputs: { grad_u: poison(latents * 4 * stride(s)), tile_sums: poison(tiles * latents * 8) },
      grid: [widest(s), tiles, R],
    });
    const fires = Float32Array.from({ length: latents }, (_, i) => 3 * i);
    const { latent_grads, latent_params: counted } = await dispatch('sae/dense/grad_latents', {
      params: { tiles, latents, accumulate: 0, batch: s.rows, ends: 1 },
      runs: table(s),
      inputs: { ...shared, tile_sums: reached.tile_sums },
      outputs: { latent_grads: poison(4 * latents), latent_params: latentParams(s, { fires }) },
      grid: fold(groups(latents, 64)),
    });
    const gradient = async (ENCODER: number, coefficients: Float32Array, vectors: Float32Array, scale: number) =>
      (
        await dispatch('sae/dense/grad_rows', {
          params: { rows: s.rows, first_row: 0, quads, stride: stride(s), batch: s.rows, accumulate: 0, mate: 0, scale },
          runs: table(s),
          inputs: { ...shared, coefficients, vectors, gates: coefficients },
          outputs: { gradient: poison(latents * s.width) },
          grid: [groups(quads, 8), widest(s), R],
          constants: { ENCODER },
        })
      ).gradient;
    const gEnc = await gradient(1, reached.grad_u, s.x, 1 / s.rows);
    const gDec = await gradient(0, acts, s.residuals, 2 / s.rows);
    const expected = { gEnc: poison(gEnc.length), gDec: poison(gDec.length), latent_grads: poison(4 * latents) };
    s.runs.forEach((run, r) => {
      const { e, aux } = errorsOf(s, r);
      for (let i = run.first; i < run.first + run.width; i++) {
        const g = twin.latentBackward(i, run, s.latents, s.u, s.x, 0, e, aux, s.wDec, s.rows);
        expect(counted[4 * (2 * latents + i)]).toBe(3 * i + (takesPart(s, r) ? g.fires : 0));
        if (!takesPart(s, r)) continue;
        expected.gEnc.set(g.enc, i * s.width);
        expected.gDec.set(g.dec, i * s.width);
        expected.latent_grads.set(g.sums, 4 * i);
      }
      // Sums of padding are nobody's.
      if (takesPart(s, r)) latent_grads.fill(Number.NaN, 4 * (run.first + run.width), 4 * (s.layout.runs[r + 1]?.first ?? latents));
    });
    closeOrUntouched(gEnc, expected.gEnc, 'gradient of W_enc');
    closeOrUntouched(gDec, expected.gDec, 'gradient of W_dec');
    closeOrUntouched(latent_grads, expected.latent_grads, 'gradients of the scalars and of u');
  }, CASES));

describe('gradBDecEncoder', () =>
  each(async (s) => {
    const { latents, quads } = s.layout;
    const R = s.runs.length;
    const own = randoms(latents, 9);
    const latent_grads = poison(latents * 4).map((nan, j) => (j % 4 === 3 ? (own[(j - 3) / 4] as number) : nan));
    const before = randoms(R * s.width, 10);
    const { grad_b_dec } = await dispatch('sae/dense/grad_b_dec_encoder', {
      params: { quads },
      runs: table(s),
      inputs: { w_enc: s.wEnc, latent_grads, active_set: active(s) },
      outputs: { grad_b_dec: before },
      grid: [groups(quads, 16), R],
    });
    s.runs.forEach((run, r) => {
      const [actual, kept] = [rowOf(s, grad_b_dec, r), rowOf(s, before, r)];
      if (!takesPart(s, r)) expect(actual).toEqual(kept);
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
      const isDecoder = matrix === 'W_dec';
      const plane = (make: typeof randoms, seed: number) => padRows(make(latents * d, seed), d);
      const before = joined(isDecoder ? s.wDec : s.wEnc, plane(positive, 11), ...(momentum ? [plane(randoms, 12)] : []));
      const gradient = plane(randoms, 13);
      const latent_grads = poison(latents * 4).map((nan, j) => (j % 4 === 3 ? 0.1 * (j / 4 + 1) : nan));
      const { w: after } = await dispatch('sae/dense/adam_rows', {
        params: { latents, quads, runs: s.runs.length, mate: 0, width: s.constants.WIDTH },
        runs: adamTable(s, momentum),
        inputs: { latent_params: latentParams(s), latent_grads, b_dec: s.bDec, gradient, active_set: active(s) },
        outputs: { w: before, squares: poison(4 * latents) },
        grid: fold(latents),
        constants: { ...s.constants, DECODER: isDecoder ? 1 : 0, MOMENTUM: momentum ? 1 : 0 },
      });
      const mean = rowOf(s, s.bDec, s.runs.length);
      const changed = new Set<number>();
      s.runs.forEach((run, r) => {
        if (!takesPart(s, r)) return;
        for (let i = run.first; i < run.first + run.width; i++) {
          changed.add(i);
          const at = (buffer: Float32Array, p: number) => rowOf(s, buffer, p * latents + i);
          const w = at(before, 0);
          const g = rowOf(s, gradient, i);
          const used = isDecoder
            ? twin.decoderGradient(g, w)
            : twin.encoderGradient(g, latent_grads[4 * i + 3] as number, rowOf(s, s.bDec, r), mean);
          const next = twin.adam(w, used, at(before, 1), momentum ? at(before, 2) : new Float64Array(s.width), optimiser(r, momentum));
          close(at(after, 0), isDecoder ? twin.unitRow(next.value) : next.value, `w of latent ${i}`);
          close(at(after, 1), next.v, `v of latent ${i}`);
          if (momentum) close(at(after, 2), next.m, `m of latent ${i}`);
          const surplus = at(after, 0).subarray(d);
          expect(
            surplus.every((value) => value === 0),
            'padding columns stay zero',
          ).toBe(true);
        }
      });
      const wrong = after.findIndex((value, j) => !changed.has(Math.floor(j / s.width) % latents) && value !== before[j]);
      expect(wrong, 'first value of padding, an ended run or a sparse one that changed').toBe(-1);
    }),
  );
});

describe.each([false, true])('adamLatents, momentum %s', (momentum) =>
  each(async (s) => {
    const n = s.layout.latents;
    const before = latentParams(s, { v: positive(4 * n, 14), fires: randoms(n, 20), m: momentum ? randoms(4 * n, 15) : undefined });
    const latent_grads = randoms(4 * n, 16);
    const { latent_params: after } = await dispatch('sae/dense/adam_latents', {
      params: { latents: n },
      runs: adamTable(s, momentum),
      inputs: { latent_grads, active_set: active(s), squares: poison(4 * n) },
      outputs: { latent_params: before },
      grid: fold(groups(n, 64)),
      constants: { MOMENTUM: momentum ? 1 : 0 },
    });
    const expected = Float64Array.from(before);
    s.runs.forEach((run, r) => {
      if (!takesPart(s, r)) return;
      for (let i = run.first; i < run.first + run.width; i++) {
        const three = (p: number) => before.subarray(4 * (p * n + i), 4 * (p * n + i) + 3);
        const next = twin.adam(
          three(0),
          latent_grads.subarray(4 * i, 4 * i + 3),
          three(1),
          momentum ? three(3) : new Float64Array(3),
          optimiser(r, momentum),
        );
        expected.set(next.value, 4 * i);
        expected.set(next.v, 4 * (n + i));
        if (momentum) expected.set(next.m, 4 * (3 * n + i));
      }
    });
    // Padding's bias is large, so that a bound from the largest value would mean nothing.
    const wrong = expected.findIndex((value, j) => !(Math.abs((after[j] as number) - value) <= 1e-5 * Math.min(1, Math.abs(value) + 1e-2)));
    expect([wrong, after[wrong], before[wrong]], 'first value that is not the twin’s').toEqual([-1, undefined, undefined]);
    for (let i = 0; i < n; i++)
      expect([after[4 * i + 3], after[4 * (n + i) + 3], after[4 * (2 * n + i)]]).toEqual([
        before[4 * i + 3],
        before[4 * (n + i) + 3],
        before[4 * (2 * n + i)],
      ]);
  }),
);

it('row blocks: a block that begins at a row goes on from the sums of those before', async () => {
  const s = scene(SHAPES[4] as SceneSpec);
  const { latents, quads } = s.layout;
  const latent_grads = randoms(4 * latents, 21);
  const tile_sums = randoms(latents * 8, 22);
  const out = await dispatch('sae/dense/grad_latents', {
    // A batch of two, of which it is the last block.
    params: { tiles: 1, latents, accumulate: 1, batch: 2, ends: 1 },
    runs: table(s),
    inputs: { tile_sums, active_set: active(s) },
    outputs: { latent_grads, latent_params: latentParams(s) },
    grid: fold(groups(latents, 64)),
  });
  const first = s.runs[0] as twin.TwinRun;
  for (let j = 4 * first.first; j < 4 * (first.first + first.width); j++) {
    const expected = 0.5 * ((latent_grads[j] as number) + (tile_sums[8 * Math.floor(j / 4) + (j % 4)] as number));
    expect(Math.abs((out.latent_grads[j] as number) - expected)).toBeLessThan(1e-6);
  }
  expect(out.latent_grads.subarray(4 * (s.layout.runs[1] as { first: number }).first)).toEqual(
    latent_grads.subarray(4 * (s.layout.runs[1] as { first: number }).first),
  );

  // One row of the batch, from row 64 on.
  const coefficients = randoms(latents * 4, 23);
  const before = randoms(latents * s.width, 24);
  const { gradient } = await dispatch('sae/dense/grad_rows', {
    params: { rows: 1, first_row: 64, quads, stride: 1, batch: s.rows, accumulate: 1, mate: 0, scale: 0.25 },
    runs: table(s),
    inputs: { coefficients, vectors: s.x, gates: coefficients, active_set: active(s) },
    outputs: { gradient: before },
    grid: [groups(quads, 8), widest(s), s.runs.length],
    constants: { ENCODER: 1 },
  });
  for (let i = first.first; i < first.first + first.width; i++) {
    const expected = Float64Array.from(
      { length: s.width },
      (_, k) => 0.25 * ((before[i * s.width + k] as number) + (coefficients[4 * i] as number) * (s.x[64 * s.width + k] as number)),
    );
    close(rowOf(s, gradient, i), expected, `latent ${i}`);
  }
});
