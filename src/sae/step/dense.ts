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
  /** From x to residuals, statistics and the gradients of the matrices and the latents. */
  gradients: Dispatch[];
  /** The encoder's part in the gradient of b_dec (before the matrices change), then Adam on the matrices and the latents. */
  update: Dispatch[];
}

export function denseStep(c: StepContext): DenseStep {
  const { layout: l, variant: core } = c;
  const { batch: B, quads: Q, latents: N } = l;
  const R = l.runs.length;
  const blockRows = l.dense?.blockRows ?? B;
  const tiles = (n: number) => up(n, DENSE_TILE);
  const [columns, widest] = [tiles(4 * Q), tiles(Math.max(...l.runs.map(({ width }) => width)))];
  const withAux = l.runs.reduce((sum, run) => sum + (run.traits.aux !== 'none' ? run.width : 0), 0);

  const block = (first_row: number): Dispatch[] => {
    const rows = Math.min(blockRows, B - first_row);
    const at = { rows, first_row };
    const [product, both] = [c.product(rows), c.product(rows) + c.product(rows, withAux)];
    // Sums over rows run through all blocks as they are and become means at the end.
    const accumulate = first_row === 0 ? 0 : 1;
    const mean = (factor: number) => (first_row + rows === B ? factor / B : 1);
    const gradRows = (
      scale: number,
      ENCODER: number,
      bind: { coefficients: 'acts' | 'grad_u'; vectors: 'residuals' | 'x'; gradient: 'grad_dec' | 'grad_enc' },
    ) => c.dispatch('sae/dense/grad_rows', [columns, widest, R], { ...at, accumulate, scale, ENCODER }, { bind, flops: product });
    return [
      c.dispatch('sae/dense/encode', matmulGrid(core, rows, N), at, { core, flops: product }),
      // A selection stands here: it makes `pre_acts` of what it drops too low for any activation.
      c.dispatch('sae/dense/activate', [up(rows, 16), R], at),
      c.dispatch('sae/dense/decode', [columns, tiles(rows), R], at, { flops: both }),
      c.dispatch('sae/dense/row_stats', [rows, R], at),
      c.dispatch('sae/dense/backward', [widest, tiles(rows), R], at, { flops: both }),
      c.dispatch('sae/dense/grad_latents', fold(up(N, 64)), { tiles: tiles(rows), accumulate, scale: mean(1) }),
      gradRows(mean(2), 0, { coefficients: 'acts', vectors: 'residuals', gradient: 'grad_dec' }),
      gradRows(mean(1), 1, { coefficients: 'grad_u', vectors: 'x', gradient: 'grad_enc' }),
    ];
  };
  const adamRows = (DECODER: number, bind: { gradient: 'grad_enc' | 'grad_dec'; w: 'w_enc' | 'w_dec' }) =>
    c.dispatch('sae/dense/adam_rows', fold(N), { DECODER }, { bind, flops: 15 * N * l.d });

  return {
    gradients: Array.from({ length: up(B, blockRows) }, (_, k) => block(k * blockRows)).flat(),
    update: [
      c.dispatch('sae/dense/grad_b_dec_encoder', [up(Q, 16), R], {}, { flops: c.product(1) }),
      adamRows(0, { gradient: 'grad_enc', w: 'w_enc' }),
      adamRows(1, { gradient: 'grad_dec', w: 'w_dec' }),
      c.dispatch('sae/dense/adam_latents', fold(up(N, 64)), {}),
    ],
  };
}
