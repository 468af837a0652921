/** The sparse decoder against its float64 twin: any active set, rows in column chunks, latents in segments. */
import { describe, expect, it } from 'vitest';
import { MAX_RUNS, STATS } from '../../../src/sae/kernels';
import type { Segment } from '../../../src/sae/layout';
import { maxError, poison, runsProcessorKernels, testGpu } from '../../gpu';
import * as twin from '../../reference/saeKernels';
import { closeOrUntouched, each, isLive, table, untouched } from './checks';
import { dispatch } from './dispatch';
import { flagged, LONG, latentParams, PATTERNS, part, rowOf, runTable, type Scene, type SceneSpec, SHAPES, scene, withKept } from './scene';

interface Decoded {
  residuals: Float32Array;
  stats: Float32Array;
}

interface Slice {
  /** Runs that go through the dense form. */
  dense?: number[];
  from?: number;
  rows?: number;
  /** By the kernel that keeps rows in registers. */
  registers?: boolean;
}

async function decoded(s: Scene, { dense = [], from = 0, rows = s.rows - from, registers = false }: Slice = {}): Promise<Decoded> {
  const { layout: l } = s;
  const R = s.runs.length;
  const params = { batch: s.rows, quads: l.quads, latents: l.latents, runs: R, from_row: from, first: 1, last: 1 };
  const active = flagged(s, ...dense);
  const buffers = {
    runs: table(s),
    inputs: {
      active_set: registers ? withKept(s, active) : active,
      x: s.x,
      w_enc: s.wEnc,
      w_dec: s.wDec,
      latent_params: latentParams(s),
      b_dec: s.bDec,
    },
    outputs: { residuals: poison(s.residuals.length), stats: poison(l.chunks * s.rows * R * STATS) },
    grid: [rows, R, l.chunks] as const,
  };
  return registers
    ? dispatch('sae/processor/decode', { params: { ...params, row_groups: l.rowGroups }, ...buffers })
    : dispatch('sae/decode', { params: { ...params, width: l.workgroup }, ...buffers, constants: s.constants });
}

/** Errors and statistics of these rows by the twin; of the others, of ended runs and of dense ones there must be none. */
function check(s: Scene, { residuals, stats }: Decoded, { dense = [], from = 0, rows = s.rows - from }: Slice = {}) {
  const { chunks } = s.layout;
  const R = s.runs.length;
  const mean = rowOf(s, s.bDec, R);
  const expected = poison(s.residuals.length);
  s.layout.runs.forEach((place, r) => {
    for (let b = 0; b < s.rows; b++) {
      const each = Array.from({ length: chunks }, (_, c) => stats.subarray(((c * s.rows + b) * R + r) * STATS).subarray(0, STATS));
      if (!isLive(s, r) || dense.includes(r) || b < from || b >= from + rows) {
        for (const own of each) untouched(own, `statistics of row ${b}, run ${r}`);
        continue;
      }
      const list = s.lists[b]?.[r] ?? [];
      const row = twin.decode(list, s.runs[r] as twin.TwinRun, s.wDec, rowOf(s, s.x, b), rowOf(s, s.bDec, r), mean);
      // x_hat·x may cancel; what it is made of may not.
      row.stats.forEach((value, i) => {
        const actual = each.reduce((sum, own) => sum + (own[i] as number), 0);
        const scale = i === 5 ? Math.max(row.stats[4] as number, row.stats[6] as number) : value;
        expect(Math.abs(actual - value), `statistic ${i} of row ${b}, run ${r}`).toBeLessThanOrEqual(1e-5 * scale);
      });
      expected.set(row.e, (place.mainSlot * s.rows + b) * s.width);
      if (place.arch === 'gated') expected.set(row.aux, (place.auxSlot * s.rows + b) * s.width);
    }
  });
  closeOrUntouched(residuals, expected, 'errors');
}

/** Those whose rows fit the registers of a subgroup, in one column chunk. */
const SHORT = [...SHAPES, ...PATTERNS].filter(({ d, workgroup }) => d <= 256 && workgroup === undefined);

describe('decode with rows in registers: errors and statistics', () => {
  const here = async (test: () => Promise<void>) => runsProcessorKernels(await testGpu()) && test();
  each(
    (s) => here(async () => check(s, await decoded(s, { registers: true }))),
    [
      ...SHORT,
      { what: 'registers full', d: 256, rows: 9, runs: [{ arch: 'gated', width: 70 }] },
      { what: 'the last column short', d: 253, rows: 9, runs: [{ arch: 'gated', width: 70 }] },
    ],
  );

  it('of the rows of a slice alone, of the sparse runs alone', () =>
    here(async () => {
      const s = scene(SHAPES[4] as SceneSpec);
      for (const slice of [{ from: 7, rows: 13 }, { from: 32, rows: 1 }, { dense: [0] }, { dense: [0, 2] }])
        check(s, await decoded(s, { ...slice, registers: true }), slice);
    }));

  it('takes u that the encoder kept, and forms it where there is none', () =>
    here(async () => {
      const shift = (i: number) => (i % 4 === 1 ? 10 : -10);
      // One latent of four on: with one row in four all of its u are kept, so W_enc is not looked at.
      const alone = scene({ d: 13, rows: 1, runs: [{ arch: 'gated', width: 40 }], shift });
      const whole = await decoded(alone, { registers: true });
      check(alone, whole);
      alone.wEnc.fill(Number.NaN);
      expect(await decoded(alone, { registers: true })).toEqual(whole);
      // With four rows, of all but the first u must be formed.
      const rows = scene({ d: 13, rows: 4, runs: [{ arch: 'gated', width: 40 }], shift });
      const formed = await decoded(rows, { registers: true });
      check(rows, formed);
      rows.wEnc.fill(0);
      const { residuals } = await decoded(rows, { registers: true });
      const same = (row: number) => maxError(rowOf(rows, residuals, row), rowOf(rows, formed.residuals, row)) === 0;
      expect([0, 1, 2, 3].map(same)).toEqual([true, false, false, false]);
    }));
});

describe('decode: errors and statistics', () => {
  each(async (s) => check(s, await decoded(s)), [...SHAPES, ...PATTERNS, LONG]);

  it('of the rows of a slice alone', async () => {
    const s = scene(SHAPES[3] as SceneSpec);
    for (const [from, rows] of [
      [0, 1],
      [7, 13],
      [32, 1],
    ] as const)
      check(s, await decoded(s, { from, rows }), { from, rows });
  });

  it('of the sparse runs alone', async () => {
    const s = scene(SHAPES[4] as SceneSpec);
    for (const dense of [[0], [2], [0, 2]]) check(s, await decoded(s, { dense }), { dense });
  });

  it('does not read the active set of other runs', async () => {
    const s = scene(SHAPES[4] as SceneSpec);
    const whole = await decoded(s);
    const { latents, rowGroups } = s.layout;
    const ended = s.layout.runs[1] as { first: number };
    for (let g = 0; g < rowGroups; g++)
      s.active.fill(0xffff, MAX_RUNS + (g * latents + ended.first) / 4, MAX_RUNS + (g * latents + ended.first + 8) / 4);
    expect(await decoded(s)).toEqual(whole);
  });
});

describe('a run cut into segments: first and last go on where the one before ended, to the same bits', () => {
  const cut = async (s: Scene, segments: Segment[]): Promise<Decoded> => {
    const { layout: l } = s;
    const R = s.runs.length;
    const { rowGroups } = l;
    let state: Decoded = { residuals: poison(s.residuals.length), stats: poison(l.chunks * s.rows * R * STATS) };
    const all = latentParams(s);
    for (const [k, segment] of segments.entries()) {
      const words = new Uint32Array(MAX_RUNS + (rowGroups * segment.count) / 4);
      for (let g = 0; g < rowGroups; g++) {
        const from = MAX_RUNS + (g * l.latents + segment.from) / 4;
        words.set(s.active.subarray(from, from + segment.count / 4), MAX_RUNS + (g * segment.count) / 4);
      }
      const own = new Float32Array(segment.count * 12);
      [0, 1, 2].forEach((plane) => {
        const from = 4 * (plane * l.latents + segment.from);
        own.set(all.subarray(from, from + 4 * segment.count), 4 * plane * segment.count);
      });
      state = await dispatch('sae/decode', {
        params: {
          batch: s.rows,
          quads: l.quads,
          latents: segment.count,
          runs: R,
          from_row: 0,
          first: k === 0 ? 1 : 0,
          last: k === segments.length - 1 ? 1 : 0,
          width: l.workgroup,
        },
        runs: runTable(l, s.runs, (r) => ({ live: isLive(s, r) }), segment),
        inputs: {
          active_set: words,
          x: s.x,
          w_enc: part(s.wEnc, segment, s.width),
          w_dec: part(s.wDec, segment, s.width),
          latent_params: own,
          b_dec: s.bDec,
        },
        outputs: { residuals: state.residuals, stats: state.stats },
        grid: [s.rows, R, l.chunks],
        constants: s.constants,
      });
    }
    return state;
  };

  it.each([
    ['two segments, the cut inside a run', SHAPES[4] as SceneSpec, [64, 56]],
    [
      'three, with a run in all of them',
      {
        d: 13,
        rows: 6,
        runs: [
          { arch: 'gated', width: 150 },
          { arch: 'baseline', width: 9 },
        ],
      } as SceneSpec,
      [64, 64, 40],
    ],
    [
      'a run that begins with a segment, one that ends with it',
      {
        d: 13,
        rows: 6,
        runs: [
          { arch: 'gated', width: 64 },
          { arch: 'gated', width: 61 },
        ],
      } as SceneSpec,
      [64, 64],
    ],
    ['in column chunks', { ...(SHAPES[5] as SceneSpec), runs: [{ arch: 'gated', width: 70 }] } as SceneSpec, [64, 8]],
    ['with nothing on', { d: 13, rows: 6, runs: [{ arch: 'gated', width: 70 }], shift: -10 } as SceneSpec, [64, 8]],
  ])('%s', async (_, spec, sizes) => {
    const s = scene(spec);
    let from = 0;
    const segments = sizes.map((count) => {
      const segment = { from, count };
      from += count;
      return segment;
    });
    expect(from).toBe(s.layout.latents);
    const actual = await cut(s, segments);
    expect(actual).toEqual(await decoded(s));
    check(s, actual);
  });
});
