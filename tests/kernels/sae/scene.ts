/** Random packed sweeps for the kernel tests, and one kernel's run on them. */
import { Arena, readBytes, roundUp } from '../../../src/gpu/buffers';
import { type Grid, Plan } from '../../../src/gpu/plan';
import { split, type TwinEntry, type TwinRun } from '../../../src/reference/saeKernels';
import { ARCHITECTURES } from '../../../src/sae/architectures';
import { ENTRY_WORDS, MAX_RUNS, PARAMS, RUN, type SaeKernelName, saeKernel } from '../../../src/sae/kernels';
import { type Layout, layoutOf, type PackedRun } from '../../../src/sae/layout';
import { padRows } from '../../../src/sae/packing';
import { randoms, testGpu } from '../../gpu';

type Data = Float32Array | Uint32Array;

interface Call<K extends SaeKernelName> {
  params: Parameters<(typeof PARAMS)[K]['pack']>[0];
  /** Bindings that are only read; written ones go into `outputs` with what they hold before. */
  inputs: Record<string, Data>;
  outputs: Record<string, Data>;
  grid: Grid;
  constants?: Record<string, number>;
  /** For kernels that read the run table. */
  runs?: ArrayBuffer;
}

/** Runs one kernel once and reads its outputs back, as words of the types given. */
export async function dispatch<K extends SaeKernelName>(name: K, call: Call<K>): Promise<Record<string, Float32Array>> {
  const gpu = await testGpu();
  const arena = new Arena(gpu, 'test');
  const pack = PARAMS[name].pack as (value: typeof call.params) => ArrayBuffer;
  const bound: Record<string, GPUBuffer> = { params: arena.uniform('params', pack(call.params)) };
  if (call.runs) bound.runs = arena.uniform('runs', call.runs);
  for (const [key, data] of Object.entries({ ...call.inputs, ...call.outputs })) bound[key] = arena.upload(key, data);
  const plan = new Plan(gpu, 'test').add(await saeKernel(gpu, name, call.constants), bound, call.grid);
  await arena.ready();
  plan.submit();
  const result: Record<string, Float32Array> = {};
  for (const [key, data] of Object.entries(call.outputs)) {
    result[key] = new Float32Array(await readBytes(gpu, bound[key] as GPUBuffer, 0, data.byteLength));
  }
  gpu.check();
  arena.destroy();
  return result;
}

export interface RunValues {
  live?: boolean;
  lr?: number;
  beta1?: number;
  beta2?: number;
  eps?: number;
  /** Adam's step, from 1. */
  t?: number;
}

/** The run table; betas are f32 there, so corrections are formed from what f32 makes of them. */
export function runTable(layout: Layout, runs: readonly TwinRun[], values: (r: number) => RunValues = () => ({})): ArrayBuffer {
  const table = new ArrayBuffer(MAX_RUNS * RUN.size);
  layout.runs.forEach((place, r) => {
    const { live = true, lr = 0, beta1 = 0, beta2 = 0.999, eps = 1e-8, t = 1 } = values(r);
    RUN.packInto(table, r * RUN.size, {
      first: place.first,
      width: place.width,
      arch: ARCHITECTURES[place.arch].code,
      live: live ? 1 : 0,
      lambda: runs[r]?.lambda ?? 0,
      lr,
      correction1: 1 / (1 - beta1 ** t),
      correction2: 1 / (1 - beta2 ** t),
      beta1,
      beta2,
      eps,
      main_slot: place.mainSlot,
      aux_slot: place.auxSlot,
      spare0: 0,
      spare1: 0,
      spare2: 0,
    });
  });
  return table;
}

export interface SceneSpec {
  d: number;
  rows: number;
  runs: PackedRun[];
  /** Invocations of the row-wide kernels; less than the layout's own cuts the decoder into column chunks. */
  workgroup?: number;
  /** Added to the bias of every latent's gate: +10 all on, -10 none. */
  shift?: number;
}

export interface Scene {
  layout: Layout;
  /** Values from one row to the next: d rounded up to 4. */
  width: number;
  rows: number;
  /** The block begins at this row of x. */
  first: number;
  runs: TwinRun[];
  x: Float32Array;
  wEnc: Float32Array;
  wDec: Float32Array;
  /** `[R + 1, width]`. */
  bias: Float32Array;
  latents: Float32Array;
  /** `[rows, latents]`, and as the kernels have it: `[blockRows, uStride]` and `[latents, utStride]`, padding NaN. */
  u: Float32Array;
  uPacked: Float32Array;
  ut: Float32Array;
  lists: TwinEntry[][][];
  /** What `split` would leave: entries `[blockRows, uStride, 3]`, counts `[blockRows, R]`. */
  entries: Uint32Array;
  counts: Uint32Array;
  /** `[slots, blockRows, width]`. */
  errors: Float32Array;
  constants: { WIDTH: number };
}

const bits = (value: number): number => new Uint32Array(Float32Array.of(value).buffer)[0] as number;
export const NAN_BITS = bits(Number.NaN);

/** Everything random: decoder rows of any norm, b_dec, the mean and r_mag nonzero, a block that begins at row 2 and leaves room. */
export function scene({ d, rows, runs: packed, workgroup, shift = 0 }: SceneSpec, seed = d * 1000 + rows): Scene {
  const first = 2;
  const blockRows = roundUp(rows, 4) + 4;
  const base = layoutOf(d, rows + first, packed, { maxStorageBufferBindingSize: 2 ** 27, flopsPerMs: 1e9 });
  const wg = workgroup ?? base.workgroup;
  const layout: Layout = { ...base, blockRows, utStride: blockRows, workgroup: wg, chunks: Math.ceil(base.quads / (4 * wg)) };
  const width = layout.quads * 4;
  let next = seed;
  const random = (n: number, scale: number) => randoms(n, next++).map((v) => v * scale);
  const matrix = (n: number, scale: number) => padRows(random(n * d, scale), d);
  const runs: TwinRun[] = layout.runs.map(({ arch, first: from, width: f }, r) => ({
    arch,
    first: from,
    width: f,
    lambda: Math.fround(0.3 + 0.1 * r),
  }));
  const F = layout.latents;
  const latents = random(F * 4, 1);
  runs.forEach((run, r) => {
    for (let i = run.first; i < run.first + run.width; i++) {
      latents[4 * i] = (latents[4 * i] as number) + shift;
      latents[4 * i + 3] = r;
    }
  });
  const u = random(rows * F, 4);
  const uPacked = new Float32Array(blockRows * layout.uStride).fill(Number.NaN);
  const ut = new Float32Array(F * layout.utStride).fill(Number.NaN);
  for (let b = 0; b < rows; b++) {
    for (let i = 0; i < F; i++) {
      const value = u[b * F + i] as number;
      uPacked[b * layout.uStride + i] = value;
      ut[i * layout.utStride + b] = value;
    }
  }
  const lists = Array.from({ length: rows }, (_, b) => runs.map((run) => split(u, latents, run, b)));
  const entries = new Uint32Array(blockRows * layout.uStride * ENTRY_WORDS).fill(NAN_BITS);
  const counts = new Uint32Array(blockRows * runs.length).fill(NAN_BITS);
  lists.forEach((row, b) => {
    row.forEach((list, r) => {
      counts[b * runs.length + r] = list.length;
      list.forEach(({ latent, f, gate }, k) => {
        entries.set([latent, bits(f), bits(gate)], (b * layout.uStride + (runs[r]?.first ?? 0) + k) * ENTRY_WORDS);
      });
    });
  });
  return {
    layout,
    width,
    rows,
    first,
    runs,
    x: matrix(rows + first, 2),
    wEnc: matrix(F, 2),
    wDec: matrix(F, 2),
    bias: matrix(runs.length + 1, 1),
    latents,
    u,
    uPacked,
    ut,
    lists,
    entries,
    counts,
    errors: padSlots(layout, rows, matrix(layout.slots * rows, 2), width),
    constants: { WIDTH: wg },
  };
}

/** `[slots, rows, width]` -> `[slots, blockRows, width]`, the rest NaN. */
function padSlots(layout: Layout, rows: number, values: Float32Array, width: number): Float32Array {
  const out = new Float32Array(layout.slots * layout.blockRows * width).fill(Number.NaN);
  for (let s = 0; s < layout.slots; s++) out.set(values.subarray(s * rows * width, (s + 1) * rows * width), s * layout.blockRows * width);
  return out;
}

/** The rows of one slot of `errors`, `[rows, width]`. */
export const slot = (s: Scene, errors: Float32Array, index: number): Float32Array =>
  errors.subarray(index * s.layout.blockRows * s.width, (index * s.layout.blockRows + s.rows) * s.width);

/** Part of `[*, width]` as the run's own row. */
export const rowOf = (s: Scene, values: Float32Array, row: number): Float32Array => values.subarray(row * s.width, (row + 1) * s.width);

/** Ragged shapes, runs of both architectures in every order, with and without column chunks. */
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
      { arch: 'gated', width: 70 },
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
    workgroup: 8,
  },
  {
    d: 521,
    rows: 3,
    runs: [
      { arch: 'baseline', width: 1 },
      { arch: 'gated', width: 3 },
    ],
  },
];

export const name = ({ d, rows, runs, workgroup }: SceneSpec): string =>
  `D ${d}, ${rows} rows, ${runs.map(({ arch, width }) => `${arch} ${width}`).join(' + ')}${workgroup ? `, ${workgroup} invocations` : ''}`;
