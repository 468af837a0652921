/** latent_update, backward pass and optimiser of each latent, against its float64 twin. */
import { describe, expect, it } from 'vitest';
import { fold } from '../../../src/gpu/plan';
import { LATENT_GROUP } from '../../../src/sae/layout';
import { padRows } from '../../../src/sae/packing';
import { poison, randoms, runsProcessorKernels, testGpu } from '../../gpu';
import * as twin from '../../reference/saeKernels';
import { close, each, errorsOf, groups, isLive, largest, untouched } from './checks';
import { dispatch } from './dispatch';
import { flagged, joined, LONG, latentParams, PATTERNS, rowOf, runTable, type Scene, type SceneSpec, SHAPES, scene, slot } from './scene';

/** Every size of workgroup is compiled once more with first moments: the usual one will do. */
const USUAL = PATTERNS.filter(({ workgroup }) => workgroup === undefined);

/** Adam's settings of each run; betas as f32 has them. beta2 is small, so that the gradient shows in v. */
const optimiser = (r: number, beta1: number): twin.TwinAdam => ({
  lr: 0.01 * (r + 1),
  beta1: beta1 === 0 ? 0 : Math.fround(beta1 - 0.1 * r),
  beta2: 0.5,
  eps: 1e-8,
  t: 3 + r,
});
const positive = (n: number, seed: number) => randoms(n, seed).map((v) => (v + 0.6) ** 2);

interface Options {
  momentum?: boolean;
  beta1?: number;
  /** Runs that go through the dense form. */
  dense?: number[];
  /** Groups of this dispatch. */
  from?: number;
  to?: number;
  /** The grid folded in two. */
  folded?: boolean;
  /** By the kernel that keeps rows in registers. */
  registers?: boolean;
}

/** The buffers as they are before: random moments, firing counts that go on, NaN where nothing may be read. */
function before(s: Scene, momentum: boolean) {
  const { latents, d, quads, chunks } = s.layout;
  const rows = (make: typeof randoms, seed: number) => padRows(make(latents * d, seed), d);
  const state = {
    v: positive(4 * latents, 14),
    fires: Float32Array.from({ length: latents }, (_, i) => 3 * i),
    m: momentum ? randoms(4 * latents, 15) : undefined,
  };
  return {
    w_enc: joined(s.wEnc, rows(positive, 11), ...(momentum ? [rows(randoms, 12)] : [])),
    w_dec: joined(s.wDec, rows(positive, 13), ...(momentum ? [rows(randoms, 16)] : [])),
    latent_params: latentParams(s, state),
    shares: poison((latents / LATENT_GROUP) * quads * 4 * (chunks > 1 ? 3 : 1)),
  };
}
type Buffers = ReturnType<typeof before>;

async function updated(s: Scene, was: Buffers, options: Options) {
  const { momentum = false, beta1 = 0, dense = [], from = 0, to, folded = false, registers = false } = options;
  const { layout: l } = s;
  const end = to ?? l.latents / LATENT_GROUP;
  const params = {
    batch: s.rows,
    quads: l.quads,
    latents: l.latents,
    row_groups: l.rowGroups,
    runs: s.runs.length,
    from_group: from,
    to_group: end,
    per_row: 1 / s.rows,
  };
  const buffers = {
    runs: runTable(l, s.runs, (r) => ({ live: isLive(s, r), ...optimiser(r, beta1) })),
    inputs: { active_set: flagged(s, ...dense), x: s.x, residuals: s.residuals, b_dec: s.bDec },
    outputs: was,
    grid: folded ? ([3, groups(end - from, 3)] as const) : fold(end - from),
  };
  const MOMENTUM = momentum ? 1 : 0;
  return registers
    ? dispatch('sae/processor/latent_update', { params, ...buffers, constants: { MOMENTUM } })
    : dispatch('sae/latent_update', {
        params: { ...params, chunks: l.chunks, width: l.workgroup },
        ...buffers,
        constants: { ...s.constants, MOMENTUM },
      });
}

/** Value, v and m of a latent in a buffer of planes. */
const planes = (buffer: Float32Array, latents: number, width: number, i: number, momentum: boolean) => {
  const plane = (p: number) => buffer.subarray((p * latents + i) * width, (p * latents + i + 1) * width);
  return { value: plane(0), v: plane(1), m: momentum ? plane(2) : new Float32Array(width) };
};
/** A latent's scalars: value, v and m, three each. */
const scalars = (buffer: Float32Array, latents: number, i: number, momentum: boolean) => {
  const three = (p: number) => buffer.subarray(4 * (p * latents + i), 4 * (p * latents + i) + 3);
  return { value: three(0), v: three(1), m: momentum ? three(3) : new Float32Array(3) };
};

/** Every latent against the twin, or, where it is not this dispatch's, unchanged. */
function check(
  s: Scene,
  was: Buffers,
  is: Buffers,
  { momentum = false, beta1 = 0, dense = [], from = 0, to = Number.POSITIVE_INFINITY }: Options,
) {
  const { latents } = s.layout;
  const { width } = s;
  const mean = rowOf(s, s.bDec, s.runs.length);
  const shares = poison((latents / LATENT_GROUP) * width);
  const touched = new Set<number>();
  // First moments with beta1 = 0 are the gradients themselves: within 1e-5 of the largest of their matrix.
  const gradients = { enc: [[], []], dec: [[], []], scalars: [[], []] } as Record<'enc' | 'dec' | 'scalars', [number[], number[]]>;
  s.runs.forEach((run, r) => {
    if (!isLive(s, r) || dense.includes(r)) return;
    const { e, aux } = errorsOf(s, r);
    for (let i = run.first; i < run.first + run.width; i++) {
      const group = Math.floor(i / LATENT_GROUP);
      if (group < from || group >= to) continue;
      touched.add(i);
      const g = twin.latentBackward(i, run, s.latents, s.u, s.x, 0, e, aux, s.wDec, s.rows);
      const old = {
        enc: planes(was.w_enc, latents, width, i, momentum),
        dec: planes(was.w_dec, latents, width, i, momentum),
        scalars: scalars(was.latent_params, latents, i, momentum),
      };
      const next = twin.latentUpdate(g, old, rowOf(s, s.bDec, r), mean, optimiser(r, beta1));
      const now = {
        enc: planes(is.w_enc, latents, width, i, momentum),
        dec: planes(is.w_dec, latents, width, i, momentum),
        scalars: scalars(is.latent_params, latents, i, momentum),
      };
      for (const part of ['enc', 'dec', 'scalars'] as const) {
        close(now[part].value, next[part].value, `${part} of latent ${i}`);
        close(now[part].v, next[part].v, `v of ${part} of latent ${i}`);
        if (!momentum) continue;
        if (beta1 > 0) close(now[part].m, next[part].m, `m of ${part} of latent ${i}`);
        gradients[part][0].push(...now[part].m);
        gradients[part][1].push(...next[part].m);
      }
      expect(is.latent_params[4 * (2 * latents + i)], `rows on which latent ${i} fired`).toBe(3 * i + g.fires);
      expect([is.latent_params[4 * i + 3], is.latent_params[4 * (latents + i) + 3]], 'run and correction').toEqual([r, s.c[i]]);
      for (const row of [now.enc.value, now.dec.value])
        expect(
          row.subarray(s.layout.d).every((v) => v === 0),
          'padding columns',
        ).toBe(true);
      const share = shares.subarray(group * width, (group + 1) * width);
      next.share.forEach((value, k) => {
        share[k] = (i % LATENT_GROUP === 0 ? 0 : (share[k] as number)) + value;
      });
    }
  });
  for (const [part, [actual, expected]] of Object.entries(gradients)) close(actual, expected, `gradients or first moments of ${part}`);
  const got = is.shares.subarray(0, shares.length);
  const known = Array.from(shares.keys()).filter((j) => !Number.isNaN(shares[j]));
  close(
    known.map((j) => got[j] as number),
    known.map((j) => shares[j] as number),
    'shares',
  );
  untouched(
    got.filter((_, j) => Number.isNaN(shares[j])),
    'shares of others',
  );
  // Padding, ended runs, dense ones, other groups: as they were.
  for (const [name, size] of [
    ['w_enc', width],
    ['w_dec', width],
    ['latent_params', 4],
  ] as const) {
    const differs = is[name].findIndex((value, j) => !touched.has(Math.floor(j / size) % latents) && !Object.is(value, was[name][j]));
    expect(differs, `${name}: first value changed that should not`).toBe(-1);
  }
}

const run = async (s: Scene, options: Options = {}) => {
  const was = before(s, options.momentum ?? false);
  check(s, was, await updated(s, was, options), options);
};

describe('latent_update without first moments', () => {
  each((s) => run(s), [...SHAPES, ...PATTERNS, LONG]);

  it('of the groups of a dispatch alone, whose grid may be folded', async () => {
    const s = scene(SHAPES[4] as SceneSpec);
    for (const [from, to, folded] of [
      [0, 1, false],
      [3, 11, true],
      [0, 15, true],
    ] as const)
      await run(s, { from, to, folded });
  });

  it('of the sparse runs alone', async () => {
    const s = scene(SHAPES[4] as SceneSpec);
    for (const dense of [[0], [2], [0, 2]]) await run(s, { dense });
  });
});

describe('latent_update with first moments', () => {
  describe('beta1 0: they are the gradients', () => each((s) => run(s, { momentum: true }), [...SHAPES, ...USUAL]));
  describe('beta1 0.9 and less', () => each((s) => run(s, { momentum: true, beta1: 0.9 }), [...SHAPES, ...PATTERNS.slice(0, 4)]));
});

describe('latent_update with rows in registers', () => {
  const SHORT = [...SHAPES, ...PATTERNS].filter(({ d, workgroup }) => d <= 256 && workgroup === undefined);
  const there = async (s: Scene, options: Options = {}) => run(s, { ...options, registers: runsProcessorKernels(await testGpu()) });
  each(there, [
    ...SHORT,
    { what: 'registers full', d: 256, rows: 9, runs: [{ arch: 'gated', width: 70 }] },
    { what: 'the last column short', d: 253, rows: 9, runs: [{ arch: 'gated', width: 70 }] },
  ]);
  describe('beta1 0: first moments are the gradients', () => each((s) => there(s, { momentum: true }), SHORT));
  describe('beta1 0.9 and less', () => each((s) => there(s, { momentum: true, beta1: 0.9 }), SHAPES.slice(0, 5)));

  it('of the groups of a dispatch alone, whose grid may be folded; of the sparse runs alone', async () => {
    const s = scene(SHAPES[4] as SceneSpec);
    for (const options of [{ from: 0, to: 1 }, { from: 3, to: 11, folded: true }, { dense: [0] }, { dense: [0, 2] }])
      await there(s, options);
  });
});

describe('what the loss does not reach', () => {
  const gradients = async (s: Scene) => {
    const { latents } = s.layout;
    const was = before(s, true);
    // So that W_enc's gradient is mean g_u x alone, and W_dec's has no part taken away.
    const is = await updated(s, was, { momentum: true });
    const m = (buffer: Float32Array, size: number, plane: number) => buffer.subarray(plane * latents * size).subarray(0, 3 * size);
    return {
      enc: m(is.w_enc, s.width, 2),
      dec: m(is.w_dec, s.width, 2),
      scalars: m(is.latent_params, 4, 3),
      shares: is.shares.subarray(0, s.width),
    };
  };

  it('gated: with no main error the auxiliary one gives W_dec exactly zero; with neither, and lambda 0, everything is zero', async () => {
    const s = scene(SHAPES[1] as SceneSpec);
    const place = s.layout.runs[0] as Scene['layout']['runs'][number];
    slot(s, s.residuals, place.mainSlot).fill(0);
    const auxOnly = await gradients(s);
    expect(auxOnly.dec.every((v) => v === 0)).toBe(true);
    expect(largest(auxOnly.enc)).toBeGreaterThan(1e-2);
    // The gradient of b_dec through x - b_dec.
    expect(largest(auxOnly.shares)).toBeGreaterThan(1e-3);
    slot(s, s.residuals, place.auxSlot).fill(0);
    (s.runs[0] as twin.TwinRun).lambda = 0;
    const nothing = await gradients(s);
    for (const values of Object.values(nothing)) expect(values.every((v) => v === 0)).toBe(true);
  });

  it('gated: without an auxiliary error and lambda, reconstruction gives b_gate exactly zero', async () => {
    const s = scene(SHAPES[1] as SceneSpec);
    slot(s, s.residuals, s.layout.runs[0]?.auxSlot ?? 0).fill(0);
    (s.runs[0] as twin.TwinRun).lambda = 0;
    const { scalars: g, dec } = await gradients(s);
    expect([0, 1, 2].map((i) => g[4 * i])).toEqual([0, 0, 0]);
    expect(largest([0, 1, 2].map((i) => g[4 * i + 1] as number))).toBeGreaterThan(1e-3);
    expect(largest(dec)).toBeGreaterThan(1e-2);
  });
});
