/** The sparse form's backward pass and optimiser: latent by latent, gradients never stored. */
import { fold, type Plan } from '../gpu/plan';
import { PARAMS, saeKernel } from './kernels';
import { LATENT_GROUP, WALK_COST } from './layout';
import { productFlops } from './passes';
import { slices } from './slices';
import type { StepContext } from './stepContext';

export interface SparsePasses {
  /** Both rows and the scalars of every latent, and its share in the gradient of b_dec. */
  update(plan: Plan): void;
  /** Adds those shares to the gradient of b_dec. */
  gradBDecEncoder(plan: Plan): void;
}

/** @param density expected share of active latents, for the time bound. */
export async function sparsePasses(context: StepContext, momentum: boolean, density: number): Promise<SparsePasses> {
  const { gpu, layout: l } = context;
  const [latentUpdate, gradBDecEncoder] = await Promise.all([
    l.registers
      ? saeKernel(gpu, 'latentUpdateSubgroup', { MOMENTUM: momentum ? 1 : 0 }, context.architectures)
      : saeKernel(gpu, 'latentUpdate', { WIDTH: l.workgroup, MOMENTUM: momentum ? 1 : 0 }, context.architectures),
    saeKernel(gpu, 'gradBDecEncoder', { LANES: l.sumLanes }),
  ]);
  return {
    update: (plan) => {
      for (const segment of context.segments) {
        const groups = segment.count / LATENT_GROUP;
        const flops = productFlops(context, l.batch, segment.count) * density * 5 * WALK_COST + 30 * segment.count * l.d;
        for (const { from, count } of slices(l, groups, flops)) {
          const params = {
            rows: l.batch,
            quads: l.quads,
            latents: segment.count,
            row_groups: l.rowGroups,
            runs: l.runs.length,
            from_group: from,
            to_group: from + count,
            per_row: 1 / l.batch,
          };
          plan.add(
            latentUpdate,
            {
              params: l.registers
                ? context.uniform('latentUpdate', PARAMS.latentUpdateSubgroup, params)
                : context.uniform('latentUpdate', PARAMS.latentUpdate, { ...params, chunks: l.chunks, width: l.workgroup }),
              ...context.pick(segment, 'runs', 'active_set', 'x', 'residuals', 'b_dec', 'w_enc', 'w_dec', 'latent_params', 'shares'),
            },
            fold(count),
            (flops * count) / groups,
          );
        }
      }
    },
    gradBDecEncoder: (plan) => {
      context.segments.forEach((segment, s) => {
        const [first, last] = [s === 0, s === context.segments.length - 1].map(Number) as [number, number];
        plan.add(
          gradBDecEncoder,
          {
            params: context.uniform('gradBDecEncoder', PARAMS.gradBDecEncoder, { quads: l.quads, first, last }),
            ...context.pick(segment, 'runs', 'active_set', 'shares', 'grad_b_dec', 'carry'),
          },
          [Math.ceil(l.quads / 16), l.runs.length],
        );
      });
    },
  };
}
