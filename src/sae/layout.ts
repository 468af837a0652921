/**
 * How a sweep is packed: which latents belong to which run, how many rows go through the kernels at once, how many bytes
 * that takes. Pure arithmetic, so that the page can say what a configuration costs before anything is allocated.
 */
import { roundUp } from '../gpu/buffers';
import { DISPATCH_MS } from '../gpu/plan';
import { ARCHITECTURES, type ArchitectureId } from './architectures';
import { ENTRY_WORDS, MAX_RUNS, STATS } from './kernels';

/** Work buffers that grow with rows x latents stay below this, by working in row blocks. */
const WORK_BYTES = 64 * 2 ** 20;
/** Most slices into which a long dispatch is cut (`slices.ts`); row blocks are small enough that they suffice. */
export const MAX_SLICES = 64;
/** Row blocks are multiples of the groups of rows that the kernels sum (GROUP in the WGSL files), so that blocks leave no trace in the bits. */
const ROW_GROUP = 32;
/** Smallest row block: below it the dispatches' own cost rules. */
const MIN_BLOCK = 32;
/** Largest one: the split and the decoder dispatch a workgroup a row, and a dimension takes 65 535. */
const MAX_BLOCK = 65_504;
/** Rows, latents or columns that a workgroup of the dense form's products owns: 8 invocations of 4. */
export const DENSE_TILE = 32;

/** How a step does what lies between the encoder and Adam: on the active set alone, or all of it (docs/architecture.md). */
export type StepForm = 'sparse' | 'dense';

export interface PackedRun {
  arch: ArchitectureId;
  /** d_sae. */
  width: number;
}

export interface Layout {
  d: number;
  /** vec4s a row: ceil(d/4). */
  quads: number;
  batch: number;
  runs: (PackedRun & { first: number; mainSlot: number; auxSlot: number })[];
  /** Packed latents of all runs. */
  latents: number;
  /** Values a row of u: latents rounded up to 4. */
  uStride: number;
  /** Rows that go through the kernels at once; a multiple of 32 unless it is the whole batch. */
  blockRows: number;
  /** Values a row of ut: blockRows rounded up to 4. */
  utStride: number;
  /** Blocks of `errors`: one a run, one more where there is an auxiliary loss. */
  slots: number;
  /** Invocations of the row-wide kernels, a power of two: each owns about four vec4 columns. */
  workgroup: number;
  /** Column chunks of the decoder. */
  chunks: number;
  /** FLOPs that one dispatch may take by the time bound; longer ones are cut into slices. */
  dispatchFlops: number;
}

export interface LayoutLimits {
  maxStorageBufferBindingSize: number;
  /** Calibrated speed; bounds the time of one dispatch. */
  flopsPerMs: number;
}

/** @throws Error when there is no run, more than MAX_RUNS, or a size is not a positive integer. */
export function layoutOf(d: number, batch: number, packed: readonly PackedRun[], limits: LayoutLimits): Layout {
  if (packed.length === 0 || packed.length > MAX_RUNS) throw new Error(`a packed sweep holds 1 to ${MAX_RUNS} runs, not ${packed.length}`);
  for (const [name, n] of [['d_in', d], ['batch', batch], ...packed.map((run) => ['d_sae', run.width] as const)] as const) {
    if (!Number.isInteger(n) || n < 1) throw new Error(`${name} must be a positive integer, not ${n}`);
  }
  let first = 0;
  let slots = 0;
  const runs = packed.map((run) => {
    const mainSlot = slots++;
    const auxSlot = ARCHITECTURES[run.arch].hasAux ? slots++ : mainSlot;
    const placed = { ...run, first, mainSlot, auxSlot };
    first += run.width;
    return placed;
  });
  const latents = first;
  const quads = Math.ceil(d / 4);
  const uStride = roundUp(latents, 4);
  const dispatchFlops = limits.flopsPerMs * DISPATCH_MS;
  const bytes = Math.min(WORK_BYTES, limits.maxStorageBufferBindingSize);
  const widest = Math.min(
    bytes / (uStride * ENTRY_WORDS * 4),
    bytes / (slots * quads * 16),
    // The backward pass is the longest dispatch: at initialisation, half of the latents active, twice the encoder's product.
    (MAX_SLICES * dispatchFlops) / (4 * d * latents),
  );
  const blockRows = Math.min(batch, MAX_BLOCK, Math.max(MIN_BLOCK, Math.floor(widest / ROW_GROUP) * ROW_GROUP));
  const workgroup = Math.min(256, Math.max(32, 2 ** Math.ceil(Math.log2(quads / 4))));
  return {
    d,
    quads,
    batch,
    runs,
    latents,
    uStride,
    blockRows,
    utStride: roundUp(blockRows, 4),
    slots,
    workgroup,
    chunks: Math.ceil(quads / (4 * workgroup)),
    dispatchFlops,
  };
}

/**
 * Bytes of each GPU buffer of a packed sweep, by name; `momentum` when any run has beta1 > 0. The dense form has work buffers of its own
 * beside the lists, which evaluation uses in either form.
 */
export function bufferBytes(l: Layout, momentum: boolean, form: StepForm = 'sparse') {
  const matrix = l.latents * l.quads * 16;
  const row = l.quads * 16;
  const dense = form === 'dense';
  return {
    wEnc: matrix,
    wDec: matrix,
    gEnc: matrix,
    gDec: matrix,
    vEnc: matrix,
    vDec: matrix,
    mEnc: momentum ? matrix : 16,
    mDec: momentum ? matrix : 16,
    latents: l.latents * 16,
    vLatents: l.latents * 16,
    mLatents: momentum ? l.latents * 16 : 16,
    sums: l.latents * 32,
    fires: l.latents * 4,
    bias: (l.runs.length + 1) * row,
    gBias: l.runs.length * row,
    vBias: l.runs.length * row,
    mBias: momentum ? l.runs.length * row : 16,
    mean: row,
    x: l.batch * row,
    slots: l.batch * 4,
    correction: l.uStride * 4,
    u: l.blockRows * l.uStride * 4,
    ut: l.latents * l.utStride * 4,
    entries: l.blockRows * l.uStride * ENTRY_WORDS * 4,
    counts: l.blockRows * l.runs.length * 4,
    acts: dense ? l.latents * l.utStride * 4 : 16,
    pulls: dense ? l.latents * l.utStride * 4 : 16,
    partials: dense ? Math.ceil(l.blockRows / DENSE_TILE) * l.latents * 32 : 16,
    errors: l.slots * l.blockRows * row,
    stats: l.chunks * l.blockRows * l.runs.length * STATS * 4,
    totals: l.runs.length * STATS * 4,
  } satisfies Record<string, number>;
}

/** The buffers themselves. */
export type SweepBuffers = Record<keyof ReturnType<typeof bufferBytes>, GPUBuffer>;

/** Total and largest single buffer, bytes. */
export function gpuMemory(l: Layout, momentum: boolean, form: StepForm = 'sparse'): { total: number; largest: number } {
  const sizes = Object.values(bufferBytes(l, momentum, form));
  return { total: sizes.reduce((sum, n) => sum + n, 0), largest: Math.max(...sizes) };
}

/**
 * Floating-point operations of one step by the irreducible count: the encoder matmul densely, everything else on the
 * expected active set (`density` of the latents).
 */
export function stepFlops(l: Layout, density: number): number {
  const product = 2 * l.batch * l.d * l.latents;
  return product * (1 + 6 * density) + 30 * l.latents * l.d;
}

/** Most latents that one packed group can hold: a matrix must fit a binding, and so must the lists of the smallest row block (they rule where rows are narrow). */
export const widestRun = (d: number, maxStorageBufferBindingSize: number): number =>
  Math.floor(maxStorageBufferBindingSize / Math.max(Math.ceil(d / 4) * 16, MIN_BLOCK * ENTRY_WORDS * 4));

/** Splits runs, in order, into packed groups that each respect the run table and the device's largest binding. */
export function groupRuns<T extends PackedRun>(d: number, runs: readonly T[], maxStorageBufferBindingSize: number): T[][] {
  const most = widestRun(d, maxStorageBufferBindingSize);
  const groups: T[][] = [];
  let latents = Number.POSITIVE_INFINITY;
  for (const run of runs) {
    const last = groups.at(-1);
    if (last && last.length < MAX_RUNS && latents + run.width <= most) {
      last.push(run);
      latents += run.width;
    } else {
      groups.push([run]);
      latents = run.width;
    }
  }
  return groups;
}
