/** The encoder: the active set of a packed sweep, bit by bit, on every matmul core; how it is counted, and what is chosen from that. */
import { describe, expect, it } from 'vitest';
import { encodeF16 } from '../../../src/data/formats/floats';
import type { Gpu } from '../../../src/gpu/device';
import { DEFAULT_MATMUL, MATMUL_VARIANTS, type MatmulVariant, matmulGrid } from '../../../src/gpu/matmul';
import { FLAG, MAX_RUNS } from '../../../src/sae/kernels';
import { layoutOf } from '../../../src/sae/layout';
import { DENSE_SHARE } from '../../../src/sae/step/train';
import { matmulTolerance, poison } from '../../gpu';
import * as twin from '../../reference/saeKernels';
import { deviceFor } from '../matmul/product';
import { each, groups, isLive, table } from './checks';
import { dispatch, words } from './dispatch';
import { counts, latentParams, PATTERNS, runTable, type Scene, type SceneSpec, SHAPES, scene, withKept } from './scene';

const POISON = 0xdeadbeef;

interface Encoded {
  variant?: MatmulVariant;
  gpu?: Gpu;
  /** Packed f16 instead of x. */
  half?: Uint32Array;
  rows?: number;
  from?: number;
  to?: number;
  /** u of the first bit of each word too. */
  keep?: boolean;
}

/** The active set after one dispatch, over poison. */
async function encoded(s: Scene, options: Encoded = {}) {
  const { variant = DEFAULT_MATMUL, gpu, half, rows = s.rows, from = 0, to = s.layout.latents, keep = false } = options;
  const { latents, quads, rowGroups } = s.layout;
  const call = {
    params: { rows, quads, latents, row_groups: rowGroups, from_latent: from, to_latent: to },
    constants: { KEEP_FIRST: keep ? 1 : 0 },
    core: variant,
    outputs: { active_set: new Uint32Array(keep ? withKept(s).length : s.active.length).fill(POISON) },
    runs: table(s),
    grid: matmulGrid(variant, rows, to - from),
  };
  const inputs = { w_enc: s.wEnc, latent_params: latentParams(s), scores: new Float32Array(4), floors: new Float32Array(4) };
  const { active_set } = half
    ? await dispatch('sae/encode_x16', { ...call, inputs: { ...inputs, x_half: half } }, gpu)
    : await dispatch('sae/encode_x32', { ...call, inputs: { ...inputs, x: s.x } }, gpu);
  return words(active_set);
}

/** The twin's active set of the first rows and some latents, with poison where nothing is to be written: the flags, ended runs, words of padding alone, all else. */
function expected(s: Scene, rows = s.rows, from = 0, to = s.layout.latents): Uint32Array {
  const { latents, rowGroups } = s.layout;
  const columns = latents / 4;
  const clean = twin.activeSet(s.u.subarray(0, rows * latents), s.latents, s.runs, rowGroups);
  const out = new Uint32Array(MAX_RUNS + clean.length).fill(POISON);
  for (let row = 0; row < groups(rows, 4); row++) {
    for (let column = from / 4; column < to / 4; column++) {
      const run = s.runs[s.latents[16 * column + 3] as number] as twin.TwinRun;
      if (!isLive(s, s.runs.indexOf(run)) || 4 * column >= run.first + run.width) continue;
      for (const at of [row * columns + column, rowGroups * columns + column * rowGroups + row]) out[MAX_RUNS + at] = clean[at] as number;
    }
  }
  return out;
}

const MIXED: SceneSpec = {
  d: 13,
  rows: 150,
  runs: [
    { arch: 'gated', width: 70 },
    { arch: 'baseline', width: 9 },
    { arch: 'gated', width: 61 },
  ],
};

describe('encode: the active set by rows and by latents, 0 in padding beside latents and behind the last row, all else left alone', () => {
  each(async (s) => expect(await encoded(s)).toEqual(expected(s)), [...SHAPES, ...PATTERNS.slice(0, 4), MIXED]);

  it('of fewer rows than the batch, of a slice of the latents', async () => {
    const s = scene(MIXED);
    for (const rows of [1, 6, 148]) expect(await encoded(s, { rows })).toEqual(expected(s, rows));
    for (const [from, to] of [
      [0, 32],
      [32, 96],
      [128, s.layout.latents],
    ] as const)
      expect(await encoded(s, { from, to })).toEqual(expected(s, s.rows, from, to));
  });

  it('and keeps the scores of runs that select, with a bit where they are above the floor of the row', async () => {
    const s = scene(MIXED);
    const { latents, quads, rowGroups } = s.layout;
    // The first run and the third, which lie one behind the other in `scores`.
    const tiles = (r: number) => rowGroups * Math.ceil((s.runs[r]?.width ?? 0) / 4);
    const floors = poison(3 * 4 * rowGroups);
    for (const r of [0, 2]) for (let b = 0; b < 4 * rowGroups; b++) floors[r * 4 * rowGroups + b] = 0.25 * (b % 5);
    for (const rows of [s.rows, 6]) {
      for (const KEEP_FIRST of [0, 1]) {
        const out = await dispatch('sae/encode_x32', {
          params: { rows, quads, latents, row_groups: rowGroups, from_latent: 0, to_latent: latents },
          constants: { KEEP_FIRST, SCORES: 1 },
          core: DEFAULT_MATMUL,
          runs: runTable(s.layout, s.runs, (r) => ({ members: r === 1 ? {} : { flags: FLAG.selectsRow, scores: r === 2 ? tiles(0) : 0 } })),
          inputs: { w_enc: s.wEnc, latent_params: latentParams(s), x: s.x, floors },
          outputs: {
            active_set: new Uint32Array(KEEP_FIRST ? withKept(s).length : s.active.length).fill(POISON),
            scores: poison(16 * (tiles(0) + tiles(2))),
          },
          grid: matmulGrid(DEFAULT_MATMUL, rows, latents),
        });
        const active = words(out.active_set).subarray(MAX_RUNS);
        // The second run's bits are what they are without scores.
        const plain = await encoded(s, { rows });
        const bound = matmulTolerance(s.layout.d, s.x, s.wEnc);
        s.runs.forEach(({ first, width }, r) => {
          for (let b = 0; b < 4 * groups(rows, 4); b++) {
            for (let i = 0; i < 4 * groups(width, 4); i++) {
              const [g, column, bit] = [Math.floor(b / 4), Math.floor((first + i) / 4), 4 * (i % 4) + (b % 4)];
              const [byRow, byLatent] = [g * (latents / 4) + column, (rowGroups * latents) / 4 + column * rowGroups + g];
              const on = [byRow, byLatent].map((at) => ((active[at] as number) >> bit) & 1);
              const what = `run ${r}, row ${b}, latent ${i}`;
              expect(on[0], what).toBe(on[1]);
              if (r === 1) {
                if (isLive(s, 1)) expect(on[0], what).toBe(((plain[MAX_RUNS + byRow] as number) >> bit) & 1);
                continue;
              }
              const score = out.scores[16 * ((r === 2 ? tiles(0) : 0) + g * Math.ceil(width / 4) + Math.floor(i / 4)) + bit] as number;
              const a = b < rows && i < width ? (s.u[b * latents + first + i] as number) + (s.latents[4 * (first + i)] as number) : 0;
              expect(Math.abs(score - Math.max(0, a)), what).toBeLessThanOrEqual(bound);
              expect(on[0], what).toBe(score > (floors[r * 4 * rowGroups + b] as number) ? 1 : 0);
            }
          }
        });
      }
    }
  });

  describe('and keeps u of the first bit of each word where that is asked for', () =>
    each(
      async (s) => {
        const both = await encoded(s, { keep: true });
        const { length } = s.active;
        expect(both.subarray(0, length)).toEqual(expected(s));
        const [kept, want] = [
          both,
          withKept(
            s,
            expected(s).map((word) => (word === POISON ? 0 : word)),
          ),
        ].map((all) => new Float32Array(all.buffer, 4 * length)) as [Float32Array, Float32Array];
        const bound = matmulTolerance(s.layout.d, s.x, s.wEnc);
        want.forEach((value, at) => {
          if (!Number.isNaN(value)) expect(Math.abs((kept[at] as number) - value), `word ${at}`).toBeLessThanOrEqual(bound);
        });
        // Words of ended runs are left alone here too.
        const columns = s.layout.latents / 4;
        kept.forEach((value, at) => {
          const live = isLive(s, s.latents[16 * (at % columns) + 3] as number);
          if (!live) expect(new Uint32Array(kept.buffer, kept.byteOffset)[at], `word ${at}, ${value}`).toBe(POISON);
        });
      },
      [...SHAPES.slice(0, 5), ...PATTERNS.slice(0, 4), MIXED],
    ));

  it('an input that is not a number, an encoder that is not, a bias that is not: nothing is on there, and nothing else changes', async () => {
    const s = scene({ d: 5, rows: 6, runs: [{ arch: 'gated', width: 9 }] });
    s.x[2 * s.width] = Number.NaN;
    s.wEnc[3 * s.width] = Number.NaN;
    s.latents[4 * 8] = Number.NaN;
    s.u.forEach((_, j) => {
      if (Math.floor(j / 16) === 2 || [3, 8].includes(j % 16)) s.u[j] = Number.NaN;
    });
    expect(await encoded(s)).toEqual(expected(s));
  });

  it('a pre-activation of exactly zero is off, the next float above it on', async () => {
    const s = scene({ d: 1, rows: 3, runs: [{ arch: 'gated', width: 1 }] });
    const values = [0.5, 0.5 - 2 ** -25, 0.5 + 2 ** -24];
    s.x.set([0.5, 0, 0, 0, 0.5 - 2 ** -25, 0, 0, 0, 0.5 + 2 ** -24, 0, 0, 0]);
    s.wEnc[0] = 1;
    s.c[0] = 0;
    s.latents.set([-0.5, 0, 4, 0]);
    s.u.set(values.flatMap((value) => [value, ...new Array<number>(7).fill(0)]));
    const active = await encoded(s);
    expect(active).toEqual(expected(s));
    expect([...active.subarray(MAX_RUNS)]).toEqual([0b100, POISON, 0b100, POISON]);
  });

  it('x as packed f16 gives the bits that its values give as f32', async () => {
    for (const spec of [SHAPES[2] as SceneSpec, MIXED]) {
      const s = scene(spec);
      const half = encodeF16(s.x);
      // f16 has 11 bits: values this near do not change on the way.
      const back = s.x.map((value) => (value === 0 ? 0 : roundTo11(value)));
      s.x.set(back);
      const packed = new Uint32Array(half.buffer);
      const bits = await encoded(s, { half: packed });
      expect(bits).toEqual(await encoded(s));
      expect(new Set(bits).size).toBeGreaterThan(3);
    }
  });

  it.each(MATMUL_VARIANTS.map((variant) => [variant.name, variant] as const))('%s gives the same bits', async (_, variant) => {
    const gpu = await deviceFor(variant);
    const s = scene(MIXED);
    expect(await encoded(s, { variant, gpu })).toEqual(expected(s));
    const kept = (words: Uint32Array) => words.filter((_, at) => at < s.active.length || s.active[at - s.active.length + MAX_RUNS] !== 0);
    expect(kept(await encoded(s, { variant, gpu, keep: true }))).toEqual(kept(await encoded(s, { keep: true })));
    expect(await encoded(s, { variant, gpu, rows: 37, from: 64, to: 128 })).toEqual(expected(s, 37, 64, 128));
  });
});

/** To the nearest value of 11 bits, ties to even. */
function roundTo11(value: number): number {
  const unit = 2 ** (Math.floor(Math.log2(Math.abs(value))) - 10);
  const n = value / unit;
  const down = Math.floor(n);
  const up = n - down > 0.5 || (n - down === 0.5 && down % 2 !== 0);
  return (down + (up ? 1 : 0)) * unit;
}

describe('count: latents that are on, over the batch, added to each live run', () =>
  each(
    async (s) => {
      const { latents, rowGroups } = s.layout;
      const before = Uint32Array.from(s.runs, (_, r) => 1000 * r);
      const out = await dispatch('sae/count', {
        params: { latents },
        runs: table(s),
        inputs: { active_set: s.active },
        outputs: { counts: before },
        grid: [rowGroups, s.runs.length],
      });
      const all = counts(s);
      expect([...words(out.counts)]).toEqual(
        s.runs.map((_, r) => 1000 * r + (isLive(s, r) ? all.reduce((sum, row) => sum + (row[r] as number), 0) : 0)),
      );
    },
    [...SHAPES, ...PATTERNS, MIXED],
  ));

describe('choose', () => {
  /** A table of runs of these widths, those at `ended` not live. */
  async function chosen(widths: number[], counted: number[], rows: number, ended: number[] = [], dispatches = 5) {
    const layout = layoutOf(
      1,
      rows,
      widths.map((width) => ({ arch: 'baseline', width })),
      { maxStorageBufferBindingSize: 2 ** 31, flopsPerMs: 1 },
    );
    const runs = layout.runs.map((run) => ({ ...run, lambda: 0 }));
    const R = widths.length;
    const grids = Uint32Array.from({ length: 3 * dispatches }, (_, i) => i + 7);
    const out = await dispatch('sae/choose', {
      params: { runs: R, batch: rows, dispatches, share: DENSE_SHARE },
      runs: runTable(layout, runs, (r) => ({ live: !ended.includes(r) })),
      inputs: { grids },
      outputs: {
        counts: Uint32Array.from([...counted, POISON]),
        active_set: new Uint32Array(MAX_RUNS + 4).fill(POISON),
        grids_now: new Uint32Array(3 * dispatches + 1).fill(POISON),
      },
      grid: [1],
    });
    const flags = words(out.active_set);
    const want = runs.map((run, r) => (!ended.includes(r) && twin.takesDense(counted[r] as number, run, rows, DENSE_SHARE) ? 1 : 0));
    expect([...flags.subarray(0, R)]).toEqual(want);
    expect([...flags.subarray(R)].every((word) => word === POISON)).toBe(true);
    expect([...words(out.counts)], 'counts start anew').toEqual([...new Array<number>(R).fill(0), POISON]);
    const now = [...words(out.grids_now)];
    expect(now).toEqual([...(want.includes(1) ? grids : grids.map(() => 0)), POISON]);
    return want;
  }

  it('takes the dense form above the share and not at it, run by run', async () => {
    expect(DENSE_SHARE).toBe(1 / 8);
    // 16 latents on 10 rows: a share of 1/8 is 20. 5 on 10: 6.25.
    expect(await chosen([16, 16, 16, 16, 5, 5], [20, 21, 0, 160, 6, 7], 10)).toEqual([0, 1, 0, 1, 0, 1]);
  });

  it('never for a run that is not live, whatever was counted', async () => {
    expect(await chosen([16, 16], [160, 160], 10, [0])).toEqual([0, 1]);
    expect(await chosen([16, 16], [160, 20], 10, [0])).toEqual([0, 0]);
  });

  it('plans nothing when no run needs it, and all 30 dispatches when one of 64 does', async () => {
    const widths = new Array<number>(64).fill(8);
    const none = widths.map(() => 8);
    expect(await chosen(widths, none, 8, [], 30)).not.toContain(1);
    expect(await chosen(widths, [...none.slice(1), 9], 8, [], 30)).toEqual([...new Array<number>(63).fill(0), 1]);
  });

  it('at the largest counts', async () => {
    expect(await chosen([60_000, 60_000], [491_512_500, 491_512_501 + 64], 65_535)).toEqual([0, 1]);
  });
});

it('the scenes say what they should: all, none, one, one row', () => {
  const of = (i: number) => counts(scene(PATTERNS[i] as SceneSpec));
  expect(of(0).every((row) => row.join() === '33,6')).toBe(true);
  expect(of(1).every((row) => row.join() === '0,0')).toBe(true);
  expect(of(2).every((row) => row.join() === '1,1')).toBe(true);
  expect(of(3).map((row) => row.join())).toEqual(Array.from({ length: 37 }, (_, b) => (b === 22 ? '33,12' : '0,0')));
  expect(of(4)).toHaveLength(530);
  expect(of(4).every((row) => row.join() === '3,2')).toBe(true);
  expect(of(5).every((row) => row.join() === '3,2')).toBe(true);
  expect(of(6).every((row) => row.join() === '1100,530')).toBe(true);
  expect(of(7).every((row) => (row[1] as number) > 300 && (row[1] as number) < 800)).toBe(true);
});
