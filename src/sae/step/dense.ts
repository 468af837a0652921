/**
 * The dense form of a step: every product in full, as a textbook step has it (with the encoder 5 for a baseline, 7 for a Gated SAE), for
 * runs whose active set is large. It agrees with the sparse form to rounding.
 */
import { matmulGrid } from '../../gpu/matmul';
import { fold } from '../../gpu/plan';
import { DENSE_TILE } from '../layout';
import type { Dispatch, StepContext } from './context';
import { up } from './shared';

export interface DenseStep {
  /** From x to residuals and statistics; and to the gradients, where nothing that they need waits for the statistics of all rows. */
  forward: Dispatch[];
  /** To the gradients of the matrices and the latents, where the batch decides coefficients. */
  backward: Dispatch[];
  /** The encoder's part in the gradient of b_dec; the norms of the gradients that are clipped. */
  measure: Dispatch[];
  /** Adam on the matrices and the latents. */
  update: Dispatch[];
}

export function denseStep(c: StepContext): DenseStep {
  const { layout: l, variant: core } = c;
  const { batch: B, quads: Q, latents: N, uses } = l;
  const R = l.runs.length;
  const blockRows = l.dense?.blockRows ?? B;
  const tiles = (n: number) => up(n, DENSE_TILE);
  const [columns, widest] = [tiles(4 * Q), tiles(Math.max(...l.runs.map(({ width }) => width)))];
  const withAux = l.runs.reduce((sum, run) => sum + (run.traits.aux !== 'none' ? run.width : 0), 0);
  const first_rows = Array.from({ length: up(B, blockRows) }, (_, k) => k * blockRows);

  const block = (first_row: number) => {
    const rows = Math.min(blockRows, B - first_row);
    const at = { rows, first_row };
    const [product, both] = [c.product(rows), c.product(rows) + c.product(rows, withAux)];
    // Sums over rows run through all blocks as they are and become means at the end.
    const accumulate = first_row === 0 ? 0 : 1;
    const isLast = first_row + rows === B;
    const mean = (factor: number) => (isLast ? factor / B : 1);
    const gradRows = (
      scale: number,
      bind: { coefficients: 'acts' | 'grad_u'; vectors: 'residuals' | 'x'; gradient: 'grad_dec' | 'grad_enc' },
      mate: 0 | 1 = 0,
    ) =>
      c.dispatch(
        'sae/dense/grad_rows',
        [columns, widest, R],
        { ...at, accumulate, scale, mate, ENCODER: bind.vectors === 'x' ? 1 : 0 },
        { bind, flops: product },
      );
    const encoder = { coefficients: 'grad_u', vectors: 'x', gradient: 'grad_enc' } as const;
    return {
      activations: [
        c.dispatch('sae/dense/encode', matmulGrid(core, rows, N), at, { core, flops: product }),
        c.dispatch('sae/dense/activate', [up(rows, 16), R], at),
      ],
      errors: [
        c.dispatch('sae/dense/decode', [columns, tiles(rows), R], at, { flops: both }),
        c.dispatch('sae/dense/row_stats', [rows, R], at),
      ],
      gradients: [
        // Before `grad_u` takes the place of the gates.
        gradRows(mean(2), { coefficients: 'acts', vectors: 'residuals', gradient: 'grad_dec' }),
        c.dispatch('sae/dense/backward', [widest, tiles(rows), R], at, { flops: both }),
        c.dispatch('sae/dense/grad_latents', fold(up(N, 64)), { tiles: tiles(rows), accumulate, ends: isLast ? 1 : 0 }),
        gradRows(mean(1), encoder),
        ...(uses.second ? [gradRows(mean(1), encoder, 1)] : []),
      ],
    };
  };
  const blocks = first_rows.map(block);
  // What of a block is no longer there when the statistics of all are known is formed once more.
  const again = blocks.length > 1;
  const forward = blocks.flatMap(({ activations, errors, gradients }) => [...activations, ...errors, ...(uses.settles ? [] : gradients)]);
  const backward = uses.settles ? blocks.flatMap(({ activations, gradients }) => [...(again ? activations : []), ...gradients]) : [];

  const onRows = (MEASURE: 0 | 1): Dispatch[] => {
    const one = (DECODER: 0 | 1, mate: 0 | 1, bind: { gradient: 'grad_enc' | 'grad_dec'; w: 'w_enc' | 'w_dec' }) =>
      c.dispatch(
        'sae/dense/adam_rows',
        fold(N),
        { DECODER, MEASURE, mate },
        // Sums over tiles are no longer needed.
        { bind: { ...bind, squares: 'tile_sums' }, flops: 15 * N * l.d },
      );
    return [
      one(0, 0, { gradient: 'grad_enc', w: 'w_enc' }),
      ...(uses.second ? [one(0, 1, { gradient: 'grad_enc', w: 'w_enc' })] : []),
      one(1, 0, { gradient: 'grad_dec', w: 'w_dec' }),
      c.dispatch('sae/dense/adam_latents', fold(up(N, 64)), { MEASURE }, { bind: { squares: 'tile_sums' } }),
    ];
  };
  return {
    forward,
    backward,
    measure: [c.dispatch('sae/dense/grad_b_dec_encoder', [up(Q, 16), R], {}, { flops: c.product(1) }), ...(uses.clips ? onRows(1) : [])],
    update: onRows(0),
  };
}
