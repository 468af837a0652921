/**
 * How a sweep is packed: which latents belong to which run, where a matrix is cut to fit the device's bindings, which rows the dense form
 * takes at once. Pure arithmetic; what it costs in bytes is in `memory.ts`.
 */
import { roundUp } from '../gpu/buffers';
import { type Gpu, hasSubgroupsOf } from '../gpu/device';
import { DISPATCH_MS } from '../gpu/plan';
import { type ArchitectureId, type OptionValues, type Traits, traitsOfRun } from './architectures';
import { MAX_BATCH } from './bounds';
import { MAX_RUNS } from './kernels';

/** A run begins at a multiple of it: the latents that a workgroup of the backward pass takes (GROUP in the WGSL files). */
export const LATENT_GROUP = 8;
/** 4 latents x 4 rows of f32, where a run selects. */
export const SCORE_TILE_BYTES = 64;
/** A segment begins at a multiple of it. */
const SEGMENT_STEP = 64;
/** The dense form's work buffers that grow with rows x latents stay below this, by working in row blocks. */
const DENSE_WORK_BYTES = 64 * 2 ** 20;
/** Largest gradients of one run (both matrices) that the dense form may store beside a training step that can choose it. */
const DENSE_GRADIENT_BYTES = 256 * 2 ** 20;
/** Longest estimated time of one of the dense form's dispatches on a software device, where nothing has to be drawn in between and small row blocks cost. */
const SOFTWARE_DENSE_MS = 500;
/** Row blocks of the dense form are multiples of the rows that its kernels sum in one go, so that blocks leave no trace in the bits. */
const ROW_GROUP = 32;
/** Rows, latents or columns that a workgroup of the dense form's products owns: 8 invocations of 4. */
export const DENSE_TILE = 32;
/** vec4s of a row that fit the registers of a subgroup of 8 (shaders/sae/processor), and its lanes. */
const REGISTER_QUADS = 64;
const REGISTER_LANES = 8;

/**
 * How a step does what lies between the encoder and the optimiser's results (docs/architecture.md): on the active set alone, on everything,
 * or whichever the GPU finds cheaper for each run at each step.
 */
export type StepForm = 'auto' | 'sparse' | 'dense';

export interface PackedRun {
  arch: ArchitectureId;
  /** d_sae. */
  width: number;
  /** The architecture's options; those not named are at the table's defaults. */
  options?: OptionValues;
}

/** A run's place in a packed sweep. */
export interface PlacedRun extends PackedRun {
  traits: Traits;
  /** First packed latent. */
  first: number;
  /** Packed rows from a latent's to that of its second encoder matrix; 0 without one. */
  mate: number;
  /** Nested reconstructions: latents of each, rising, and its weight in the loss. Empty without nesting. */
  prefixes: readonly { end: number; weight: number }[];
  /** Its first tile of `scores` where it selects (shaders/sae/select/walk.wgsl). */
  scores: number;
  /** Blocks of `residuals`: the first of the main path's (one a prefix), and the auxiliary path's. */
  mainSlot: number;
  auxSlot: number;
}

/** What some run of a sweep needs of its kernels, beside what all do. */
export interface Uses {
  /** A second encoder matrix. */
  second: boolean;
  /** Nested reconstructions. */
  nested: boolean;
  /** An auxiliary loss that trains the decoder. */
  trained: boolean;
  /** Gradients that are clipped by their global norm. */
  clips: boolean;
  /** Coefficients that the batch decides. */
  settles: boolean;
  /** Penalties that are a function of firing frequencies. */
  frequencies: boolean;
  /** A selection of the largest activations. */
  selects: boolean;
}

/** Consecutive packed latents whose matrices share a buffer each. */
export interface Segment {
  from: number;
  count: number;
}

/** The dense form's geometry. */
export interface DenseLayout {
  /** Rows that go through its kernels at once. */
  blockRows: number;
  /** vec4s a latent's row of u, f and g_u: ceil(blockRows/4). */
  stride: number;
}

export interface Layout {
  d: number;
  /** vec4s a row: ceil(d/4). */
  quads: number;
  batch: number;
  /** Rows of 4 in the batch: words of the active set a group of 4 latents. */
  rowGroups: number;
  runs: PlacedRun[];
  uses: Uses;
  /** Tiles of `scores` of all runs that select. */
  scoreTiles: number;
  /** Packed latents of all runs, padding and second encoder matrices included. */
  latents: number;
  segments: Segment[];
  /** Blocks of `residuals`: one a run, one more where there is an auxiliary loss. */
  slots: number;
  /** Invocations of the row-wide kernels, a power of two: each owns about four vec4 columns. */
  workgroup: number;
  /** Invocations that share the 16 lanes of a sum over rows or latents (grad_b_dec_decoder.wgsl, grad_b_dec_encoder.wgsl). */
  sumLanes: number;
  /** Column chunks of the row-wide kernels. */
  chunks: number;
  /** Rows fit the registers of one subgroup, and the device has such: two of the row-wide kernels are then others (shaders/sae/processor), and the encoder keeps some of u. */
  registers: boolean;
  /** Absent when the sparse form is the only one. */
  dense?: DenseLayout;
  /** Adam's first moments are kept. */
  momentum: boolean;
  /** FLOPs that one dispatch may take by the time bound; longer ones are cut into slices. */
  dispatchFlops: number;
}

export interface LayoutLimits {
  maxStorageBufferBindingSize: number;
  /** Calibrated speed; bounds the time of one dispatch. */
  flopsPerMs: number;
  /** Least invocations of a row-wide workgroup: 32, a GPU's subgroup, unless given. A software device is faster with 8, for it pays for every barrier. */
  lanes?: number;
  /** Longest estimated time of one of the dense form's dispatches, which are not cut into slices but work on row blocks: DISPATCH_MS unless given. */
  denseMs?: number;
  /** Keep rows in the registers of a subgroup where they fit. For software devices whose subgroups have 8 lanes: measured on those alone. */
  registers?: boolean;
}

/** The limits of a device. */
export const layoutLimits = (gpu: Pick<Gpu, 'limits' | 'adapter' | 'device'>, flopsPerMs: number): LayoutLimits => ({
  maxStorageBufferBindingSize: gpu.limits.maxStorageBufferBindingSize,
  flopsPerMs,
  lanes: gpu.adapter.isSoftware ? 8 : 32,
  denseMs: gpu.adapter.isSoftware ? SOFTWARE_DENSE_MS : DISPATCH_MS,
  registers: gpu.adapter.isSoftware && hasSubgroupsOf(gpu, REGISTER_LANES),
});

export interface LayoutOptions {
  /** Any run has beta1 > 0. */
  momentum?: boolean;
  /** Any run's gradients are clipped. */
  clips?: boolean;
  /** 'auto' unless given. */
  form?: StepForm;
}

/** What the optimisers of a sweep's runs ask of its layout. */
export const optimiserNeeds = (
  runs: readonly { optimiser: { beta1: number; clip?: number } }[],
): Required<Pick<LayoutOptions, 'momentum' | 'clips'>> => ({
  momentum: runs.some(({ optimiser }) => optimiser.beta1 > 0),
  clips: runs.some(({ optimiser }) => (optimiser.clip ?? 0) > 0),
});

/** @throws Error when there is no run, more than MAX_RUNS, a size is not a positive integer, or what cannot be cut exceeds a binding. */
export function layoutOf(
  d: number,
  batch: number,
  packed: readonly PackedRun[],
  limits: LayoutLimits,
  { momentum = false, clips = false, form = 'auto' }: LayoutOptions = {},
): Layout {
  if (packed.length === 0 || packed.length > MAX_RUNS) throw new Error(`a packed sweep holds 1 to ${MAX_RUNS} runs, not ${packed.length}`);
  for (const [name, n] of [['d_in', d], ['batch', batch], ...packed.map((run) => ['d_sae', run.width] as const)] as const) {
    if (!Number.isInteger(n) || n < 1) throw new Error(`${name} must be a positive integer, not ${n}`);
  }
  if (batch > MAX_BATCH) throw new Error(`batch must be at most ${MAX_BATCH}, not ${batch}`);
  let first = 0;
  let slots = 0;
  let scores = 0;
  const rowGroups = Math.ceil(batch / 4);
  const runs = packed.map((run): PlacedRun => {
    const traits = traitsOfRun(run);
    const prefixes = prefixesOf(traits, run.width);
    const mainSlot = slots;
    slots += slotsOf(traits, run.width);
    const auxSlot = traits.aux === 'none' ? mainSlot : slots - 1;
    const mate = traits.encoders === 2 ? roundUp(run.width, LATENT_GROUP) : 0;
    const placed = { ...run, traits, first, mate, prefixes, scores, mainSlot, auxSlot };
    first += rowsOf(traits, run.width);
    scores += tilesOf(traits, run.width, rowGroups);
    return placed;
  });
  const uses = usesOf(runs, clips);
  const latents = first;
  const quads = Math.ceil(d / 4);
  const binding = limits.maxStorageBufferBindingSize;
  if (slots * batch * quads * 16 > binding) {
    throw new Error(
      `the errors of ${packed.length} ${packed.length === 1 ? 'run' : 'runs'} on a batch of ${batch} rows take ${slots * batch * quads * 16} bytes; this device binds at most ${binding}: take a smaller batch`,
    );
  }
  if (latents * 4 > binding)
    throw new Error(`${latents} latents are more than this device can count: it binds at most ${binding} bytes at once`);
  if (scores * SCORE_TILE_BYTES > binding)
    throw new Error(
      `the scores of ${batch} rows that ${packed.length === 1 ? 'a run selects' : 'runs select'} from take ${scores * SCORE_TILE_BYTES} bytes; this device binds at most ${binding}: take a smaller batch, or fewer or narrower runs`,
    );
  const registers = keepsRows(quads, limits);
  const segments = segmentsOf(latents, latentBytes(quads, rowGroups, momentum, registers), binding);
  if (segments.length > 1) {
    const whole = runs.find(({ traits }) => staysWhole(traits));
    if (whole)
      throw new Error(
        `a ${whole.arch} run needs the ${latents} latents that are trained with it in one piece of memory; this device binds at most ${binding} bytes: take fewer or smaller runs`,
      );
  }
  const { workgroup, chunks } = rowGeometry(quads, limits);
  const layout: Layout = {
    d,
    quads,
    batch,
    rowGroups,
    runs,
    uses,
    scoreTiles: scores,
    latents,
    segments,
    slots,
    workgroup,
    // Where every invocation waits its turn at a barrier, one does the work of all.
    sumLanes: (limits.lanes ?? 32) < 32 ? 1 : 16,
    chunks,
    registers,
    momentum,
    dispatchFlops: limits.flopsPerMs * DISPATCH_MS,
  };
  const dense = denseLayout(layout, limits, form);
  if (form === 'dense' && !dense) throw new Error('the dense form needs matrices that fit one binding and rows of at most 4096 values');
  return dense ? { ...layout, dense } : layout;
}

/** Whether a run's latents, and all that are packed with it, must lie in one segment. */
const staysWhole = ({ encoders, selects, prefixes }: Traits): boolean => encoders === 2 || selects !== 'none' || prefixes !== undefined;

/** Tiles of `scores` that a run takes. */
const tilesOf = ({ selects }: Traits, width: number, rowGroups: number): number =>
  selects === 'none' ? 0 : rowGroups * Math.ceil(width / 4);

/** Packed rows of a run: its latents, and again as many with a second encoder matrix. */
export const rowsOf = ({ encoders }: Traits, width: number): number => encoders * roundUp(width, LATENT_GROUP);

/** Most nested reconstructions of a run (`ends` and `more_ends` of common.wgsl). */
const MAX_PREFIXES = 8;

/** @throws Error when prefixes do not rise to the width, or there are too many. */
function prefixesOf({ prefixes }: Traits, width: number): readonly { end: number; weight: number }[] {
  const all = prefixes?.(width) ?? [];
  if (all.length > MAX_PREFIXES) throw new Error(`${all.length} nested reconstructions; at most ${MAX_PREFIXES} are trained`);
  const isRising = all.every(({ end }, k) => Number.isInteger(end) && end > (all[k - 1]?.end ?? 0));
  if (all.length > 0 && (!isRising || all.at(-1)?.end !== width))
    throw new Error(`nested reconstructions of ${all.map(({ end }) => end).join(', ')} latents do not rise to the width, ${width}`);
  return all;
}

/** Blocks of `residuals` that a run takes. */
const slotsOf = (traits: Traits, width: number): number => Math.max(1, prefixesOf(traits, width).length) + (traits.aux === 'none' ? 0 : 1);

const usesOf = (runs: readonly PlacedRun[], clips: boolean): Uses => {
  const any = (holds: (traits: Traits) => boolean) => runs.some(({ traits }) => holds(traits));
  return {
    second: any(({ encoders }) => encoders === 2),
    nested: runs.some(({ prefixes }) => prefixes.length > 0),
    trained: any(({ aux }) => aux === 'trained' || aux === 'error'),
    clips,
    settles: any(({ settles, aux }) => settles !== undefined || aux === 'error'),
    frequencies: any(({ omega0 }) => omega0 !== undefined),
    selects: any(({ selects }) => selects !== 'none'),
  };
};

function rowGeometry(quads: number, { lanes = 32 }: LayoutLimits): { workgroup: number; chunks: number } {
  const workgroup = Math.min(256, Math.max(lanes, 2 ** Math.ceil(Math.log2(quads / 4))));
  return { workgroup, chunks: Math.ceil(quads / (4 * workgroup)) };
}

const keepsRows = (quads: number, { registers = false }: LayoutLimits): boolean => registers && quads <= REGISTER_QUADS;

/** Bytes of the largest buffer of a segment, a latent: a matrix with what Adam keeps of it, `latent_params`, or the active set. */
export const latentBytes = (quads: number, rowGroups: number, momentum: boolean, registers = false): number =>
  Math.max((momentum ? 3 : 2) * quads * 16, (momentum ? 4 : 3) * 16, (registers ? 3 : 2) * rowGroups + 4);

const mostLatents = (bytesEach: number, binding: number): number => Math.floor(binding / bytesEach / SEGMENT_STEP) * SEGMENT_STEP;

function segmentsOf(latents: number, bytesEach: number, binding: number): Segment[] {
  const most = mostLatents(bytesEach, binding);
  if (most === 0) throw new Error(`${SEGMENT_STEP} latents take ${SEGMENT_STEP * bytesEach} bytes; this device binds at most ${binding}`);
  const segments: Segment[] = [];
  for (let from = 0; from < latents; from += most) segments.push({ from, count: Math.min(most, latents - from) });
  return segments;
}

function denseLayout(l: Layout, limits: LayoutLimits, form: StepForm): DenseLayout | undefined {
  const { maxStorageBufferBindingSize, flopsPerMs, denseMs = DISPATCH_MS } = limits;
  const largest = Math.max(...l.runs.map(({ traits, width }) => gradientBytes(l.quads, traits, width)));
  const possible = form !== 'sparse' && l.segments.length === 1 && l.chunks === 1;
  if (!possible || (form === 'auto' && largest > DENSE_GRADIENT_BYTES)) return undefined;
  const most = Math.min(
    Math.min(DENSE_WORK_BYTES, maxStorageBufferBindingSize) / (l.latents * 4),
    (flopsPerMs * denseMs) / (4 * l.d * l.latents),
  );
  const blockRows = Math.min(l.batch, Math.max(ROW_GROUP, Math.floor(most / ROW_GROUP) * ROW_GROUP));
  if (l.latents * Math.ceil(blockRows / 4) * 16 > maxStorageBufferBindingSize) return undefined;
  return { blockRows, stride: Math.ceil(blockRows / 4) };
}

/** Gradients of both matrices of a run, each with rows for a second encoder matrix where it has one. */
const gradientBytes = (quads: number, { encoders }: Traits, width: number): number => 2 * encoders * width * quads * 16;

/** The part of a run's latents that lies in a segment, in the segment's own count (width 0 when none does), and how many lie in earlier ones. */
export function clip(run: { first: number; width: number }, segment: Segment): { first: number; width: number; before: number } {
  const from = Math.max(run.first, segment.from);
  const to = Math.min(run.first + run.width, segment.from + segment.count);
  const before = Math.min(run.width, Math.max(0, segment.from - run.first));
  return to <= from ? { first: 0, width: 0, before } : { first: from - segment.from, width: to - from, before };
}

/**
 * What one floating-point operation on the active set costs, in those of a product, roughly: walks load each value for two or four operations.
 * Measured on llvmpipe alone (docs/performance.md).
 */
export const WALK_COST = 4;

/**
 * Floating-point operations of a product that take as long as one step: the encoder matmul densely, everything else on the
 * expected active set (`density` of the latents).
 */
export function stepFlops(l: Layout, density: number): number {
  const product = 2 * l.batch * l.d * l.latents;
  return product * (1 + WALK_COST * 8 * density) + 30 * l.latents * l.d;
}

/** Runs that are packed together, and how their steps are to be done. */
export interface RunGroup<T> {
  runs: T[];
  form: 'auto' | 'sparse';
}

/**
 * Whether the dense form has room for so many packed latents: one segment of them. Counted with first moments and the smallest row blocks, so that
 * neither another run's beta1 nor the device's measured speed decides.
 */
function mayBeDense(d: number, batch: number, latents: number, limits: LayoutLimits): boolean {
  const quads = Math.ceil(d / 4);
  const { maxStorageBufferBindingSize: binding } = limits;
  const each = latentBytes(quads, Math.ceil(batch / 4), true, keepsRows(quads, limits));
  return rowGeometry(quads, limits).chunks === 1 && latents <= mostLatents(each, binding) && latents * ROW_GROUP * 4 <= binding;
}

/**
 * Splits runs into packed groups that respect the run table and the size of `residuals` on this device. Whether a run may take the dense form
 * depends on the run alone, so that its bits do: those that may are packed for as long as all of them still may, and never with the others.
 */
export function groupRuns<T extends PackedRun>(d: number, batch: number, runs: readonly T[], limits: LayoutLimits): RunGroup<T>[] {
  const { maxStorageBufferBindingSize: binding } = limits;
  const [quads, rowGroups] = [Math.ceil(d / 4), Math.ceil(batch / 4)];
  const most = {
    slots: Math.floor(binding / (batch * quads * 16)),
    tiles: Math.floor(binding / SCORE_TILE_BYTES),
    /** Of a segment. */
    latents: mostLatents(latentBytes(quads, rowGroups, true, keepsRows(quads, limits)), binding),
  };
  const groups: RunGroup<T>[] = [];
  const open = new Map<RunGroup<T>['form'], { group: RunGroup<T>; slots: number; latents: number; tiles: number; whole: boolean }>();
  for (const run of runs) {
    const traits = traitsOfRun(run);
    const slots = slotsOf(traits, run.width);
    const latents = rowsOf(traits, run.width);
    const tiles = tilesOf(traits, run.width, rowGroups);
    const whole = staysWhole(traits);
    const isSmall = gradientBytes(quads, traits, run.width) <= DENSE_GRADIENT_BYTES;
    const form = isSmall && mayBeDense(d, batch, latents, limits) ? 'auto' : 'sparse';
    const last = open.get(form);
    if (
      last &&
      last.group.runs.length < MAX_RUNS &&
      last.slots + slots <= most.slots &&
      last.tiles + tiles <= most.tiles &&
      (!(last.whole || whole) || last.latents + latents <= most.latents) &&
      (form === 'sparse' || mayBeDense(d, batch, last.latents + latents, limits))
    ) {
      last.group.runs.push(run);
      last.slots += slots;
      last.latents += latents;
      last.tiles += tiles;
      last.whole ||= whole;
    } else {
      const group: RunGroup<T> = { runs: [run], form };
      groups.push(group);
      open.set(form, { group, slots, latents, tiles, whole });
    }
  }
  return groups;
}
