/**
 * The dense form of a step: every product in full, as a textbook step has it (with the encoder 5 for a baseline, 7 for a Gated SAE), for
 * runs whose active set is large. It agrees with the sparse form to rounding.
 *
 * `pulls` first holds gate, then, once the auxiliary decoder has used that, g_u.
 */
import type { Kernel } from '../gpu/kernel';
import { type MatmulVariant, matmulGrid } from '../gpu/matmul';
import { fold, type Grid } from '../gpu/plan';
import { architecture } from './architectures';
import { DENSE_PARAMS, denseKernel } from './denseKernels';
import { denseEncoder, ENCODE_PARAMS } from './encoder';
import { DENSE_TILE, type DenseLayout } from './layout';
import { productFlops } from './passes';
import type { StepContext } from './stepContext';

/** A dispatch of the plan; whether its size is fixed or the GPU's decision is for the plan. */
export interface DenseDispatch {
  kernel: Kernel;
  bindings: Record<string, GPUBuffer>;
  grid: Grid;
  flops: number;
}

export interface DensePasses {
  /** From x to errors, statistics and the gradients of the matrices and the latents. */
  gradients: DenseDispatch[];
  /** The encoder's part in the gradient of b_dec (before the matrices change), then Adam on the matrices and the latents. */
  update: DenseDispatch[];
}

export async function densePasses(
  context: StepContext,
  { blockRows, stride }: DenseLayout,
  variant: MatmulVariant,
  momentum: boolean,
): Promise<DensePasses> {
  const { gpu, layout: l, only } = context;
  const R = l.runs.length;
  const WIDTH = l.workgroup;
  const MOMENTUM = momentum ? 1 : 0;
  const [encode, split, decode, rowStats, pull, latentSums, gradientDec, gradientEnc, biasGradient, adamEnc, adamDec, adamLatents] =
    await Promise.all([
      denseEncoder(gpu, variant),
      denseKernel(gpu, 'split'),
      denseKernel(gpu, 'decode'),
      denseKernel(gpu, 'rowStats', { WIDTH }),
      denseKernel(gpu, 'pull'),
      denseKernel(gpu, 'latentSums'),
      denseKernel(gpu, 'rowGradient', { ENCODER: 0 }),
      denseKernel(gpu, 'rowGradient', { ENCODER: 1 }),
      denseKernel(gpu, 'biasGradient'),
      denseKernel(gpu, 'adamRows', { WIDTH, DECODER: 0, MOMENTUM }),
      denseKernel(gpu, 'adamRows', { WIDTH, DECODER: 1, MOMENTUM }),
      denseKernel(gpu, 'adamLatents', { MOMENTUM }),
    ]);
  const tiles = (n: number) => Math.ceil(n / DENSE_TILE);
  const columnTiles = tiles(4 * l.quads);
  const latentTiles = tiles(Math.max(...l.runs.map((run) => run.width)));
  const withAux = l.runs.reduce((sum, run) => sum + (architecture(run.arch).hasAux ? run.width : 0), 0);
  const gates = context.shared.pulls;
  const sizes = { quads: l.quads, slot_rows: l.batch };

  const gradients: DenseDispatch[] = [];
  const update: DenseDispatch[] = [];
  const into =
    (list: DenseDispatch[]) =>
    (kernel: Kernel, bindings: Record<string, GPUBuffer>, grid: Grid, flops = 0): void => {
      list.push({ kernel, bindings, grid, flops });
    };

  const block = (first: number, rows: number): void => {
    const add = into(gradients);
    const product = productFlops(context, rows);
    const both = product + productFlops(context, rows, withAux);
    const at = { rows, first_row: first };
    // Sums over rows run through all blocks as they are and become means at the end.
    const mean = (factor: number) => (first + rows === l.batch ? factor / l.batch : 1);
    const accumulate = first === 0 ? 0 : 1;
    add(
      encode.kernel,
      {
        params: context.uniform('dense.encode', ENCODE_PARAMS.dense, { ...at, quads: l.quads, latents: l.latents, stride }),
        ...context.pick(only, 'runs', 'x', 'enc', 'records', 'active_set', 'ut'),
      },
      matmulGrid(variant, rows, l.latents),
      product,
    );
    add(
      split,
      {
        params: context.uniform('dense.split', DENSE_PARAMS.split, { ...at, stride, runs: R }),
        ...context.pick(only, 'runs', 'ut', 'latents', 'acts', 'stats', 'active_set'),
        gates,
      },
      [Math.ceil(rows / 16), R],
    );
    add(
      decode,
      {
        params: context.uniform('dense.decode', DENSE_PARAMS.decode, { ...at, ...sizes, stride, runs: R }),
        ...context.pick(only, 'runs', 'x', 'w_dec', 'acts', 'bias', 'errors', 'active_set'),
        gates,
      },
      [columnTiles, tiles(rows), R],
      both,
    );
    add(
      rowStats,
      {
        params: context.uniform('dense.rowStats', DENSE_PARAMS.rowStats, { ...at, ...sizes, runs: R }),
        ...context.pick(only, 'runs', 'x', 'bias', 'errors', 'stats', 'active_set'),
      },
      [rows, R],
    );
    add(
      pull,
      {
        params: context.uniform('dense.pull', DENSE_PARAMS.pull, { ...at, ...sizes, stride, latents: l.latents }),
        ...context.pick(only, 'runs', 'ut', 'latents', 'errors', 'w_dec', 'pulls', 'partials', 'active_set'),
      },
      [latentTiles, tiles(rows), R],
      both,
    );
    add(
      latentSums,
      {
        params: context.uniform('dense.latentSums', DENSE_PARAMS.latentSums, {
          tiles: tiles(rows),
          latents: l.latents,
          accumulate,
          scale: mean(1),
        }),
        ...context.pick(only, 'runs', 'records', 'partials', 'sums', 'active_set'),
      },
      fold(Math.ceil(l.latents / 64)),
    );
    for (const [gradient, coefficients, vectors, target, scale] of [
      [gradientDec, 'acts', 'errors', 'gDec', mean(2)],
      [gradientEnc, 'pulls', 'x', 'gEnc', mean(1)],
    ] as const) {
      add(
        gradient,
        {
          params: context.uniform('dense.rowGradient', DENSE_PARAMS.rowGradient, { ...at, ...sizes, stride, accumulate, scale }),
          ...context.pick(only, 'runs', 'active_set'),
          coefficients: context.shared[coefficients],
          vectors: context.shared[vectors],
          gradient: context.shared[target],
        },
        [columnTiles, latentTiles, R],
        product,
      );
    }
  };

  for (let first = 0; first < l.batch; first += blockRows) block(first, Math.min(blockRows, l.batch - first));

  const add = into(update);
  add(
    biasGradient,
    {
      params: context.uniform('dense.biasGradient', DENSE_PARAMS.biasGradient, { quads: l.quads }),
      ...context.pick(only, 'runs', 'enc', 'sums', 'g_bias', 'active_set'),
    },
    [Math.ceil(l.quads / 16), R],
    2 * l.latents * l.d,
  );
  const params = context.uniform('dense.adamRows', DENSE_PARAMS.adamRows, { latents: l.latents, quads: l.quads, runs: R });
  for (const [kernel, gradient, w] of [
    [adamEnc, context.shared.gEnc, only.buffers.enc],
    [adamDec, context.shared.gDec, only.buffers.dec],
  ] as const) {
    add(
      kernel,
      { params, ...context.pick(only, 'runs', 'records', 'sums', 'bias', 'active_set'), gradient, w },
      fold(l.latents),
      15 * l.latents * l.d,
    );
  }
  add(
    adamLatents,
    {
      params: context.uniform('dense.adamLatents', DENSE_PARAMS.adamLatents, { latents: l.latents }),
      ...context.pick(only, 'runs', 'sums', 'records', 'active_set'),
    },
    fold(Math.ceil(l.latents / 64)),
  );
  return { gradients, update };
}
