/** The dispatches of evaluation: training's own without a backward pass, on rows that somebody else holds. */
import { fold } from '../../gpu/plan';
import type { Dispatch, StepContext } from './context';
import { floors, selectRows } from './select';
import { correction, decode, encode, reduceStats, up } from './shared';

/** Expected share of active latents, for the bound on a dispatch's time: half of them fire at initialisation. */
const DENSITY = 0.5;

/** Buffers of an evaluation. */
export interface EvaluationBuffers {
  /** Raw activations `[*, d]` f32, without padding. */
  raw: GPUBuffer;
  /** What the moments are about, `[Q]` vec4s, and the moments, `[2, Q]`. */
  pivot: GPUBuffer;
  moments: GPUBuffer;
}

/** Raw rows [first_row, first_row + rows), scaled, to residuals, sums of the statistics, firing counts and moments. */
export const evaluateStep = (c: StepContext, buffers: EvaluationBuffers, first_row: number, rows: number, scale: number): Dispatch[] => [
  c.dispatch('sae/center', fold(up(rows * c.layout.quads, 64)), { rows, first_row, scale }, { bind: { raw: buffers.raw } }),
  ...(c.layout.uses.selects ? c.segments.map((segment) => c.dispatch('sae/recall', [1], {}, { segment })) : []),
  ...correction(c),
  ...(c.layout.uses.selects ? floors(c, rows) : []),
  ...encode(c, rows),
  ...(c.layout.uses.selects ? selectRows(c, rows) : []),
  ...decode(c, rows, DENSITY),
  reduceStats(c, rows),
  ...c.segments.map((segment) => c.dispatch('sae/fire_count', fold(segment.count), { rows }, { segment })),
  columnMoments(c, buffers, rows),
];

/** Sums over the rows, of each column and of its squares. */
export const columnMoments = (c: StepContext, { pivot, moments }: EvaluationBuffers, rows: number): Dispatch =>
  c.dispatch('sae/column_moments', [up(c.layout.quads, 16)], { rows }, { bind: { pivot, moments } });

/** Reconstructions of the run in `slot`, into `raw_hat` from its row `first_row` on, in raw units. */
export const restore = (c: StepContext, slot: number, raw_hat: GPUBuffer, first_row: number, rows: number, scale: number): Dispatch =>
  c.dispatch('sae/restore', fold(up(rows * c.layout.d, 64)), { rows, first_row, slot, unscale: 1 / scale }, { bind: { raw_hat } });
