/** Random packed sweeps for the kernel tests: what the step's kernels find in their buffers, and what the twin makes of it. */

import { MAX_RUNS, RUN } from '../../../src/sae/kernels';
import { type Layout, layoutOf, type PackedRun, type Segment } from '../../../src/sae/layout';
import { padRows } from '../../../src/sae/packing';
import { writeRun } from '../../../src/sae/runTable';
import { matmulTolerance, randoms } from '../../gpu';
import { activeList, activeSet, encode, type TwinAdam, type TwinEntry, type TwinRun } from '../../reference/saeKernels';

export interface RunValues extends Partial<TwinAdam> {
  live?: boolean;
  /** Members of the entry that the architecture at hand would not have so. */
  members?: Partial<Record<keyof typeof RUN.fields, number>>;
}

/** The run table of a segment (the whole, unless given); betas are f32 there, so corrections are formed from what f32 makes of them. */
export function runTable(
  layout: Layout,
  runs: readonly TwinRun[],
  values: (r: number) => RunValues = () => ({}),
  segment: Segment = { from: 0, count: layout.latents },
): ArrayBuffer {
  const table = new ArrayBuffer(MAX_RUNS * RUN.size);
  layout.runs.forEach((place, r) => {
    const { live = true, members = {}, lr = 0, beta1 = 0, beta2 = 0.999, eps = 1e-8, t = 1 } = values(r);
    writeRun(table, r, place, segment, {
      live,
      lr,
      lambda: runs[r]?.lambda ?? 0,
      step: t - 1,
      beta1,
      beta2,
      eps,
      clip: 0,
      options: new Array(8).fill(0),
    });
    const view = new DataView(table, r * RUN.size, RUN.size);
    for (const { name, type, offset } of RUN.members) {
      const value = members[name as keyof typeof members];
      if (value !== undefined) type === 'f32' ? view.setFloat32(offset, value, true) : view.setUint32(offset, value, true);
    }
  });
  return table;
}

export interface SceneSpec {
  d: number;
  rows: number;
  runs: PackedRun[];
  /** Invocations of the row-wide kernels; less than the layout's own cuts rows into column chunks. */
  workgroup?: number;
  /** Added to the bias of every latent's gate, or of latent i of run r: +10 on, -10 off, on (nearly) every row. */
  shift?: number | ((i: number, r: number) => number);
  /** On this row every latent gets 30 more. */
  bright?: number;
  /** What it is there for. */
  what?: string;
}

export interface Scene {
  layout: Layout;
  /** Values from one row to the next: d rounded up to 4. */
  width: number;
  rows: number;
  runs: TwinRun[];
  x: Float32Array;
  wEnc: Float32Array;
  wDec: Float32Array;
  /** `[R + 1, width]`: b_dec of each run, then the mean. */
  bDec: Float32Array;
  /** Plane 0 of `latent_params`. */
  latents: Float32Array;
  /** The correction c, `[latents]`. */
  c: Float32Array;
  /** `[rows, latents]` by the twin. No |u + bias| on it, nor any magnitude, is so near 0 that f32 could take it for the other sign. */
  u: Float64Array;
  /** The active set as `encode` leaves it, without the flags of the dense form. */
  active: Uint32Array;
  lists: TwinEntry[][][];
  /** `[slots, rows, width]`. */
  residuals: Float32Array;
  constants: { WIDTH: number };
}

/** The first of start, start + step, … by which none of the values comes within `margin` of 0. */
function clearOf(values: readonly number[], start: number, margin: number): number {
  let offset = Math.fround(start);
  for (let k = 1; values.some((value) => Math.abs(value + offset) <= margin); k++) offset = Math.fround(start + 2.3 * k * margin);
  return offset;
}

/** Everything random: decoder rows of any norm, b_dec, the mean, c and r_mag nonzero; u about 1 in size; padding that only its place keeps off. */
export function scene({ d, rows, runs: packed, workgroup, shift = 0, bright }: SceneSpec, seed = d * 1000 + rows): Scene {
  const base = layoutOf(d, rows, packed, { maxStorageBufferBindingSize: 2 ** 27, flopsPerMs: 1e9 });
  const wg = workgroup ?? base.workgroup;
  const layout: Layout = { ...base, workgroup: wg, chunks: Math.ceil(base.quads / (4 * wg)) };
  const width = layout.quads * 4;
  let next = seed;
  const random = (n: number, scale: number) => randoms(n, next++).map((v) => v * scale);
  const matrix = (n: number, scale: number) => padRows(random(n * d, scale), d);
  const runs: TwinRun[] = layout.runs.map(({ arch, first, width: f }, r) => ({
    arch,
    first,
    width: f,
    lambda: Math.fround(0.3 + 0.1 * r),
  }));
  const F = layout.latents;
  const x = matrix(rows, 2);
  const wEnc = matrix(F, 6 / Math.sqrt(d));
  if (bright !== undefined) {
    for (let b = 0; b < rows; b++) x[b * width] = b === bright ? 30 : 0;
    for (let i = 0; i < F; i++) wEnc[i * width] = 1;
  }
  const c = random(F, 1);
  const u = encode(x, wEnc, c, 0, rows, width);
  const latents = random(F * 4, 1);
  const margin = Math.max(1e-5, 2 * matmulTolerance(d, x, wEnc));
  runs.forEach((run, r) => {
    const next = layout.runs[r + 1]?.first ?? F;
    for (let i = run.first; i < next; i++) {
      latents[4 * i + 3] = r;
      if (i >= run.first + run.width) {
        // It would be on for every row.
        latents.set([100, 0, 0], 4 * i);
        continue;
      }
      const own = Array.from({ length: rows }, (_, b) => u[b * F + i] as number);
      const plus = typeof shift === 'number' ? shift : shift(i - run.first, r);
      const gate = clearOf(own, (latents[4 * i] as number) + plus, margin);
      const scale = Math.exp(latents[4 * i + 1] as number);
      const on = own.filter((value) => value + gate > 0).map((value) => scale * value);
      latents[4 * i] = gate;
      latents[4 * i + 2] = clearOf(on, latents[4 * i + 2] as number, 10 * margin);
    }
  });
  const active = new Uint32Array(MAX_RUNS + (layout.rowGroups * F) / 2);
  active.set(activeSet(u, latents, runs, layout.rowGroups), MAX_RUNS);
  return {
    layout,
    width,
    rows,
    runs,
    x,
    wEnc,
    wDec: matrix(F, 2),
    bDec: matrix(runs.length + 1, 1),
    latents,
    c,
    u,
    active,
    lists: Array.from({ length: rows }, (_, b) => runs.map((run) => activeList(u, latents, run, b))),
    residuals: matrix(layout.slots * rows, 2),
    constants: { WIDTH: wg },
  };
}

/** Latents of each run that are on, a row. */
export const counts = (s: Scene): number[][] => s.lists.map((row) => row.map((list) => list.length));

/** The active set with the flags of these runs set. */
export function flagged(s: Scene, ...dense: number[]): Uint32Array {
  const active = s.active.slice();
  for (const r of dense) active[r] = 1;
  return active;
}

/** The active set as kernels that keep rows in registers find it: behind it u of the lowest bit of each word, NaN where there is none. */
export function withKept(s: Scene, active = s.active): Uint32Array {
  const { rowGroups, latents } = s.layout;
  const words = (rowGroups * latents) / 4;
  const out = new Uint32Array(MAX_RUNS + 3 * words);
  out.set(active);
  const kept = new Float32Array(out.buffer, 4 * (MAX_RUNS + 2 * words)).fill(Number.NaN);
  for (let at = 0; at < words; at++) {
    const word = active[MAX_RUNS + at] as number;
    const bit = 31 - Math.clz32(word & -word);
    if (bit < 0) continue;
    const [row, column] = [Math.floor(at / (latents / 4)), at % (latents / 4)];
    kept[at] = s.u[(4 * row + (bit % 4)) * latents + 4 * column + (bit >> 2)] as number;
  }
  return out;
}

/** `latent_params`: the scene's, these second moments, firing counts and first moments (plane 3 is there with the last alone). */
export function latentParams(s: Scene, state: { v?: Float32Array; fires?: Float32Array; m?: Float32Array } = {}): Float32Array {
  const F = s.layout.latents;
  const out = new Float32Array(F * 4 * (state.m ? 4 : 3));
  out.set(s.latents);
  for (let i = 0; i < F; i++) {
    out.set([...(state.v?.subarray(4 * i, 4 * i + 3) ?? [0, 0, 0]), s.c[i] as number], 4 * (F + i));
    out[4 * (2 * F + i)] = state.fires?.[i] ?? 0;
    if (state.m) out.set(state.m.subarray(4 * i, 4 * i + 3), 4 * (3 * F + i));
  }
  return out;
}

export const joined = (...planes: Float32Array[]): Float32Array => Float32Array.from(planes.flatMap((plane) => [...plane]));

/** The rows of one slot of `residuals`, `[rows, width]`. */
export const slot = (s: Scene, errors: Float32Array, index: number): Float32Array =>
  errors.subarray(index * s.rows * s.width, (index + 1) * s.rows * s.width);

/** A row of `[*, width]`. */
export const rowOf = (s: Scene, values: Float32Array, row: number): Float32Array => values.subarray(row * s.width, (row + 1) * s.width);

/** A copy in which a group of latents, all of them `rows` values long, is that of a segment. */
export const part = (values: Float32Array, { from, count }: Segment, rows: number): Float32Array =>
  values.slice(from * rows, (from + count) * rows);

/** Ragged shapes, runs of both architectures in every order, with and without column chunks, padding of every kind. */
export const SHAPES: SceneSpec[] = [
  { d: 1, rows: 1, runs: [{ arch: 'baseline', width: 1 }] },
  { d: 3, rows: 3, runs: [{ arch: 'gated', width: 3 }] },
  {
    d: 5,
    rows: 5,
    runs: [
      { arch: 'gated', width: 3 },
      { arch: 'baseline', width: 1 },
      { arch: 'gated', width: 33 },
    ],
  },
  {
    d: 65,
    rows: 33,
    runs: [
      { arch: 'baseline', width: 33 },
      { arch: 'gated', width: 72 },
    ],
  },
  {
    d: 130,
    rows: 65,
    runs: [
      { arch: 'gated', width: 70 },
      { arch: 'baseline', width: 3 },
      { arch: 'baseline', width: 33 },
    ],
  },
  {
    d: 521,
    rows: 3,
    runs: [
      { arch: 'baseline', width: 1 },
      { arch: 'gated', width: 3 },
    ],
    workgroup: 32,
  },
];

const BOTH = (gated: number, baseline: number): PackedRun[] => [
  { arch: 'gated', width: gated },
  { arch: 'baseline', width: baseline },
];

/** Active sets of every form, and rows too long for one pass. */
export const PATTERNS: SceneSpec[] = [
  { what: 'every latent on', d: 13, rows: 37, runs: BOTH(33, 6), shift: 10 },
  { what: 'none on', d: 13, rows: 37, runs: BOTH(33, 6), shift: -10 },
  { what: 'one latent on for every row', d: 13, rows: 37, runs: BOTH(33, 12), shift: (i) => (i === 9 ? 10 : -10) },
  { what: 'everything on for one row, nothing for the others', d: 13, rows: 37, runs: BOTH(33, 12), shift: -10, bright: 22 },
  { what: 'columns of more than the list holds', d: 3, rows: 530, runs: BOTH(3, 2), shift: 10 },
  { what: 'columns of 1300 rows', d: 3, rows: 1300, runs: BOTH(3, 2), shift: 10 },
  { what: 'rows of more than the list holds', d: 3, rows: 2, runs: BOTH(1100, 530), shift: 10 },
  { what: 'rows of more than the list holds, half on', d: 6, rows: 3, runs: BOTH(261, 1100) },
  { what: 'eight invocations, as on software devices', d: 65, rows: 33, runs: BOTH(33, 6), workgroup: 8 },
  { what: 'columns of more than the list holds, in column chunks', d: 130, rows: 530, runs: BOTH(3, 2), shift: 10, workgroup: 8 },
  { what: 'rows of more than the list holds, in column chunks', d: 130, rows: 2, runs: BOTH(3, 530), shift: 10, workgroup: 8 },
];

/** More than 4096 values a row: two column chunks of the widest workgroup. */
export const LONG: SceneSpec = { what: 'D above 4096', d: 4101, rows: 5, runs: BOTH(5, 9) };

export const name = ({ what, d, rows, runs, workgroup }: SceneSpec): string =>
  `${what ? `${what}: ` : ''}D ${d}, ${rows} rows, ${runs.map(({ arch, width }) => `${arch} ${width}`).join(' + ')}${workgroup ? `, ${workgroup} invocations` : ''}`;
