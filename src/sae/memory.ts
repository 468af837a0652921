/** Bytes of a packed sweep's GPU buffers, so that the page can say what a configuration costs before anything is allocated. */
import { MAX_RUNS, SELECTION, STATE, STATS } from './kernels';
import { DENSE_TILE, LATENT_GROUP, type Layout, SCORE_TILE_BYTES, type Segment } from './layout';

/** Buffers of all runs together, by name. */
export function sharedBytes(l: Layout, halfX = false) {
  const row = l.quads * 16;
  const { dense } = l;
  const { selects } = l.uses;
  const block = dense ? l.latents * dense.stride * 16 : 16;
  const matrix = dense ? l.latents * row : 16;
  return {
    b_dec: (l.runs.length + 1) * row,
    grad_b_dec: l.runs.length * row,
    b_dec_v: l.runs.length * row,
    b_dec_m: l.momentum ? l.runs.length * row : 16,
    mean: row,
    x: l.batch * row,
    x_half: halfX ? l.batch * l.quads * 8 : 16,
    slots: l.batch * 4,
    residuals: l.slots * l.batch * row,
    stats: l.chunks * l.batch * l.runs.length * STATS * 4,
    totals: l.runs.length * STATS * 4,
    counts: MAX_RUNS * 4,
    run_state: l.runs.length * STATE * 4,
    // Column means of the error, where an auxiliary loss is relative to its variance.
    error_mean: l.runs.some(({ traits }) => traits.aux === 'error') ? l.runs.length * row : 16,
    // Of selections (shaders/sae/select).
    scores: l.scoreTiles * SCORE_TILE_BYTES,
    floors: selects ? (2 * l.runs.length + 1) * l.rowGroups * 16 : 16,
    least: selects ? 2 * l.runs.length * l.rowGroups * 16 : 16,
    selection: selects ? l.runs.length * SELECTION * 4 : 16,
    norm_lanes: l.uses.clips ? l.runs.length * 64 * 4 : 16,
    fires: l.latents * 4,
    // Sums of grad_b_dec_encoder between segments, 16 lanes.
    carry: l.segments.length > 1 ? l.runs.length * 16 * row : 16,
    // The dense form's own.
    pre_acts: block,
    acts: block,
    grad_u: block,
    tile_sums: dense ? Math.ceil(dense.blockRows / DENSE_TILE) * l.latents * 32 : 16,
    grad_enc: matrix,
    grad_dec: matrix,
    latent_grads: dense ? l.latents * (l.runs.some(({ traits }) => traits.norms) ? 32 : 16) : 16,
  } satisfies Record<string, number>;
}

/** Buffers of one segment of latents, by name: planes of a matrix and of `latent_params` as in common.wgsl. */
export function segmentBytes(l: Layout, { count }: Segment) {
  const matrix = count * l.quads * 16;
  return {
    w_enc: matrix * (l.momentum ? 3 : 2),
    w_dec: matrix * (l.momentum ? 3 : 2),
    latent_params: count * 16 * (l.momentum ? 4 : 3),
    active_set: MAX_RUNS * 4 + (count / 4) * l.rowGroups * (l.registers ? 12 : 8),
    dead: l.uses.selects ? count : 16,
    shares: (count / LATENT_GROUP) * l.quads * 16 * (l.chunks > 1 ? (l.uses.second ? 4 : 3) : 1),
  } satisfies Record<string, number>;
}

export type SharedBuffers = Record<keyof ReturnType<typeof sharedBytes>, GPUBuffer>;
/** A segment's buffers, and its own view of the run table. */
export type SegmentBuffers = Record<keyof ReturnType<typeof segmentBytes>, GPUBuffer> & { runs: GPUBuffer };

const sum = (sizes: number[]): number => sizes.reduce((all, n) => all + n, 0);

export interface GpuMemory {
  total: number;
  /** Largest single buffer. */
  largest: number;
  /** Of the total, what the method itself needs: parameters and Adam's second moments (first ones too with beta1 > 0). */
  state: number;
}

/** By the formula: 4·F·D·4 bytes for a run (W_enc, W_dec and a second moment each), its vectors, and work buffers bounded by the batch. */
export function gpuMemory(l: Layout, halfX = false): GpuMemory {
  const shared = sharedBytes(l, halfX);
  const segments = l.segments.map((segment) => segmentBytes(l, segment));
  const all = [shared, ...segments].flatMap((sizes) => Object.values<number>(sizes));
  const state = shared.b_dec + shared.b_dec_v + shared.b_dec_m + sum(segments.map((s) => s.w_enc + s.w_dec + s.latent_params));
  return { total: sum(all), largest: Math.max(...all), state };
}
