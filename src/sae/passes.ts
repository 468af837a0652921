/** Passes that training and evaluation share: correction, encoder, decoder, statistics. Long ones are cut into slices. */
import type { Kernel } from '../gpu/kernel';
import { matmulGrid } from '../gpu/matmul';
import { fold, type Plan } from '../gpu/plan';
import { MAX_BATCH } from './bounds';
import { ENCODE_PARAMS, type Encoder } from './encoder';
import { PARAMS, saeKernel } from './kernels';
import { WALK_COST } from './layout';
import { slices } from './slices';
import type { StepContext } from './stepContext';

/** FLOPs of the products of `rows` rows with the latents of all runs, or of `latents` of them. */
export const productFlops = ({ layout: l }: StepContext, rows: number, latents = l.latents): number => 2 * rows * l.d * latents;

export function addCorrection(plan: Plan, context: StepContext, correction: Kernel): void {
  const { layout: l } = context;
  for (const segment of context.segments) {
    plan.add(
      correction,
      {
        params: context.uniform('correction', PARAMS.correction, { latents: segment.count, quads: l.quads, runs: l.runs.length }),
        ...context.pick(segment, 'w_enc', 'b_dec', 'latent_params'),
      },
      fold(Math.ceil(segment.count / 64)),
      2 * segment.count * l.d,
    );
  }
}

/** x to the active set. */
export function addEncode(plan: Plan, context: StepContext, { variant, kernel }: Encoder, rows: number): void {
  const { layout: l } = context;
  const unit = Math.max(32, variant.tileColumns);
  for (const segment of context.segments) {
    for (const { from, count } of slices(l, segment.count, productFlops(context, rows, segment.count), unit)) {
      plan.add(
        kernel,
        {
          params: context.uniform('encode', ENCODE_PARAMS.encode, {
            rows,
            quads: l.quads,
            latents: segment.count,
            row_groups: l.rowGroups,
            from_latent: from,
            to_latent: from + count,
          }),
          ...context.pick(segment, 'runs', 'w_enc', 'latent_params', 'active_set'),
          x: context.halfX ? context.shared.x_half : context.shared.x,
        },
        matmulGrid(variant, rows, count),
        productFlops(context, rows, count),
      );
    }
  }
}

/** The kernel of `addDecode` that suits the layout. */
export const decoder = ({ gpu, layout: l, architectures }: StepContext): Promise<Kernel> =>
  l.registers ? saeKernel(gpu, 'decodeSubgroup', {}, architectures) : saeKernel(gpu, 'decode', { WIDTH: l.workgroup }, architectures);

/** The active set to errors and statistics. @param density expected share of active latents, for the time bound. */
export function addDecode(plan: Plan, context: StepContext, decode: Kernel, rows: number, density: number): void {
  const { layout: l } = context;
  const R = l.runs.length;
  context.segments.forEach((segment, s) => {
    const flops = productFlops(context, rows, segment.count) * density * 3 * WALK_COST;
    for (const { from, count } of slices(l, rows, flops, 1, MAX_BATCH)) {
      const params = {
        rows: l.batch,
        quads: l.quads,
        latents: segment.count,
        runs: R,
        from_row: from,
        first: s === 0 ? 1 : 0,
        last: s === context.segments.length - 1 ? 1 : 0,
      };
      plan.add(
        decode,
        {
          params: l.registers
            ? context.uniform('decode', PARAMS.decodeSubgroup, { ...params, row_groups: l.rowGroups })
            : context.uniform('decode', PARAMS.decode, { ...params, width: l.workgroup }),
          ...context.pick(segment, 'runs', 'active_set', 'x', 'w_enc', 'w_dec', 'latent_params', 'b_dec', 'residuals', 'stats'),
        },
        [count, R, l.chunks],
        (flops * count) / rows,
      );
    }
  });
}

export function addReduceStats(plan: Plan, context: StepContext, reduceStats: Kernel, rows: number): void {
  const { layout: l } = context;
  plan.add(
    reduceStats,
    {
      params: context.uniform('reduceStats', PARAMS.reduceStats, { rows, slot_rows: l.batch, runs: l.runs.length, chunks: l.chunks }),
      ...context.pick(context.only, 'runs', 'stats', 'totals'),
    },
    [l.runs.length],
  );
}
