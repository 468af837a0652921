/**
 * The dense form of a step: every product in full, as a textbook step has it (with the encoder 5 for a baseline, 7 for a Gated SAE), for
 * runs whose active set is large. It agrees with the sparse form to rounding.
 *
 * `grad_u` first holds gate, then, once the auxiliary decoder has used that, g_u.
 */
import type { Kernel } from '../gpu/kernel';
import { type MatmulVariant, matmulGrid } from '../gpu/matmul';
import { fold, type Grid } from '../gpu/plan';
import { architecture } from './architectures';
import { DENSE_PARAMS, type DenseKernelName, denseKernel } from './denseKernels';
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
  const kernel = (name: DenseKernelName, constants?: Record<string, number>) => denseKernel(gpu, name, constants, context.architectures);
  const [
    encode,
    activate,
    decode,
    rowStats,
    backward,
    gradLatents,
    gradientDec,
    gradientEnc,
    gradBDecEncoder,
    adamEnc,
    adamDec,
    adamLatents,
  ] = await Promise.all([
    denseEncoder(gpu, variant, context.architectures),
    kernel('activate'),
    kernel('decode'),
    kernel('rowStats', { WIDTH }),
    kernel('backward'),
    kernel('gradLatents'),
    kernel('gradRows', { ENCODER: 0 }),
    kernel('gradRows', { ENCODER: 1 }),
    kernel('gradBDecEncoder'),
    kernel('adamRows', { WIDTH, DECODER: 0, MOMENTUM }),
    kernel('adamRows', { WIDTH, DECODER: 1, MOMENTUM }),
    kernel('adamLatents', { MOMENTUM }),
  ]);
  const tiles = (n: number) => Math.ceil(n / DENSE_TILE);
  const columnTiles = tiles(4 * l.quads);
  const latentTiles = tiles(Math.max(...l.runs.map((run) => run.width)));
  const withAux = l.runs.reduce((sum, run) => sum + (architecture(run.arch).hasAux ? run.width : 0), 0);
  const gates = context.shared.grad_u;
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
        ...context.pick(only, 'runs', 'x', 'w_enc', 'latent_params', 'active_set', 'pre_acts'),
      },
      matmulGrid(variant, rows, l.latents),
      product,
    );
    add(
      activate,
      {
        params: context.uniform('dense.activate', DENSE_PARAMS.activate, { ...at, stride, runs: R }),
        ...context.pick(only, 'runs', 'pre_acts', 'latent_params', 'acts', 'stats', 'active_set'),
        gates,
      },
      [Math.ceil(rows / 16), R],
    );
    add(
      decode,
      {
        params: context.uniform('dense.decode', DENSE_PARAMS.decode, { ...at, ...sizes, stride, runs: R }),
        ...context.pick(only, 'runs', 'x', 'w_dec', 'acts', 'b_dec', 'residuals', 'active_set'),
        gates,
      },
      [columnTiles, tiles(rows), R],
      both,
    );
    add(
      rowStats,
      {
        params: context.uniform('dense.rowStats', DENSE_PARAMS.rowStats, { ...at, ...sizes, runs: R }),
        ...context.pick(only, 'runs', 'x', 'b_dec', 'residuals', 'stats', 'active_set'),
      },
      [rows, R],
    );
    add(
      backward,
      {
        params: context.uniform('dense.backward', DENSE_PARAMS.backward, { ...at, ...sizes, stride, latents: l.latents }),
        ...context.pick(only, 'runs', 'pre_acts', 'latent_params', 'residuals', 'w_dec', 'grad_u', 'tile_sums', 'active_set'),
      },
      [latentTiles, tiles(rows), R],
      both,
    );
    add(
      gradLatents,
      {
        params: context.uniform('dense.gradLatents', DENSE_PARAMS.gradLatents, {
          tiles: tiles(rows),
          latents: l.latents,
          accumulate,
          scale: mean(1),
        }),
        ...context.pick(only, 'runs', 'latent_params', 'tile_sums', 'latent_grads', 'active_set'),
      },
      fold(Math.ceil(l.latents / 64)),
    );
    for (const [gradient, coefficients, vectors, target, scale] of [
      [gradientDec, 'acts', 'residuals', 'grad_dec', mean(2)],
      [gradientEnc, 'grad_u', 'x', 'grad_enc', mean(1)],
    ] as const) {
      add(
        gradient,
        {
          params: context.uniform('dense.gradRows', DENSE_PARAMS.gradRows, { ...at, ...sizes, stride, accumulate, scale }),
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
    gradBDecEncoder,
    {
      params: context.uniform('dense.gradBDecEncoder', DENSE_PARAMS.gradBDecEncoder, { quads: l.quads }),
      ...context.pick(only, 'runs', 'w_enc', 'latent_grads', 'grad_b_dec', 'active_set'),
    },
    [Math.ceil(l.quads / 16), R],
    2 * l.latents * l.d,
  );
  const params = context.uniform('dense.adamRows', DENSE_PARAMS.adamRows, { latents: l.latents, quads: l.quads, runs: R });
  for (const [kernel, gradient, w] of [
    [adamEnc, context.shared.grad_enc, only.buffers.w_enc],
    [adamDec, context.shared.grad_dec, only.buffers.w_dec],
  ] as const) {
    add(
      kernel,
      { params, ...context.pick(only, 'runs', 'latent_params', 'latent_grads', 'b_dec', 'active_set'), gradient, w },
      fold(l.latents),
      15 * l.latents * l.d,
    );
  }
  add(
    adamLatents,
    {
      params: context.uniform('dense.adamLatents', DENSE_PARAMS.adamLatents, { latents: l.latents }),
      ...context.pick(only, 'runs', 'latent_grads', 'latent_params', 'active_set'),
    },
    fold(Math.ceil(l.latents / 64)),
  );
  return { gradients, update };
}
