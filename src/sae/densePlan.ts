/**
 * The dense form of a step, between the encoder and Adam: every product in full, as a textbook step has it (with the encoder 5 for a
 * baseline, 7 for a Gated SAE). For comparison with the sparse form, with which it agrees to rounding.
 *
 * `pulls` first holds gate, then, once the auxiliary decoder has used that, g_u.
 */
import { fold } from '../gpu/plan';
import { ARCHITECTURES } from './architectures';
import { DENSE_PARAMS, denseKernel } from './denseKernels';
import { DENSE_TILE } from './layout';
import type { FormPasses, StepContext } from './stepContext';

export async function densePasses(context: StepContext): Promise<FormPasses> {
  const { gpu, layout: l, runs, buffers: b } = context;
  const R = l.runs.length;
  const [split, decode, rowStats, pull, latentSums, gradientDec, gradientEnc] = await Promise.all([
    denseKernel(gpu, 'split'),
    denseKernel(gpu, 'decode'),
    denseKernel(gpu, 'rowStats', { WIDTH: l.workgroup }),
    denseKernel(gpu, 'pull'),
    denseKernel(gpu, 'latentSums'),
    denseKernel(gpu, 'rowGradient', { ENCODER: 0 }),
    denseKernel(gpu, 'rowGradient', { ENCODER: 1 }),
  ]);
  const tiles = (n: number) => Math.ceil(n / DENSE_TILE);
  const columnTiles = tiles(4 * l.quads);
  const latentTiles = tiles(Math.max(...l.runs.map((run) => run.width)));
  const withAux = l.runs.reduce((sum, run) => sum + (ARCHITECTURES[run.arch].hasAux ? run.width : 0), 0);
  const stride = l.utStride / 4;
  return {
    chunks: 1,
    add: (plan, { rows, first, accumulate, product }) => {
      // Sums over rows run through all blocks as they are and become means at the end.
      const mean = (factor: number) => (first + rows === l.batch ? factor / l.batch : 1);
      const auxProduct = (product * withAux) / l.latents;
      plan.add(
        split,
        {
          params: context.uniform('dense.split', DENSE_PARAMS.split, { rows, stride, runs: R }),
          runs,
          ...context.pick('ut', 'latents', 'acts', 'stats'),
          gates: b.pulls,
        },
        [Math.ceil(rows / 16), R],
      );
      plan
        .add(
          decode,
          {
            params: context.uniform('dense.decode', DENSE_PARAMS.decode, {
              rows,
              first_row: first,
              quads: l.quads,
              stride,
              runs: R,
              block_rows: l.blockRows,
            }),
            runs,
            ...context.pick('x', 'w_dec', 'acts', 'bias', 'errors'),
            gates: b.pulls,
          },
          [columnTiles, tiles(rows), R],
          product + auxProduct,
        )
        .add(
          rowStats,
          {
            params: context.uniform('dense.rowStats', DENSE_PARAMS.rowStats, {
              rows,
              first_row: first,
              quads: l.quads,
              runs: R,
              block_rows: l.blockRows,
            }),
            runs,
            ...context.pick('x', 'bias', 'errors', 'stats'),
          },
          [rows, R],
        )
        .add(
          pull,
          {
            params: context.uniform('dense.pull', DENSE_PARAMS.pull, {
              rows,
              quads: l.quads,
              stride,
              block_rows: l.blockRows,
              latents: l.latents,
            }),
            runs,
            ...context.pick('ut', 'latents', 'errors', 'w_dec', 'pulls', 'partials'),
          },
          [latentTiles, tiles(rows), R],
          product + auxProduct,
        )
        .add(
          latentSums,
          {
            params: context.uniform('dense.latentSums', DENSE_PARAMS.latentSums, {
              tiles: tiles(rows),
              latents: l.latents,
              accumulate,
              scale: mean(1),
            }),
            runs,
            ...context.pick('latents', 'partials', 'sums'),
          },
          fold(Math.ceil(l.latents / 64)),
        );
      for (const [gradient, coefficients, vectors, target, scale] of [
        [gradientDec, b.acts, b.errors, b.gDec, mean(2)],
        [gradientEnc, b.pulls, b.x, b.gEnc, mean(1)],
      ] as const) {
        plan.add(
          gradient,
          {
            params: context.uniform('dense.rowGradient', DENSE_PARAMS.rowGradient, {
              rows,
              first_row: first,
              quads: l.quads,
              stride,
              block_rows: l.blockRows,
              accumulate,
              scale,
            }),
            runs,
            coefficients,
            vectors,
            gradient: target,
          },
          [columnTiles, latentTiles, R],
          product,
        );
      }
    },
  };
}
