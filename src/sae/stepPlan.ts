/** The dispatches of one training step, in order. What each does is said in its WGSL file; the whole in docs/architecture.md. */
import type { MatmulVariant } from '../gpu/matmul';
import { fold, Plan } from '../gpu/plan';
import { type DenseDispatch, type DensePasses, densePasses } from './densePlan';
import { encoder } from './encoder';
import { PARAMS, type SaeKernelName, saeKernel } from './kernels';
import type { StepForm } from './layout';
import { addCorrection, addDecode, addEncode, addReduceStats, decoder } from './passes';
import { sparsePasses } from './sparsePlan';
import type { StepContext } from './stepContext';

/**
 * Share of active latents above which the dense form is taken where there is one. By count of operations both meet at 12/16 of the
 * latents of a Gated SAE; the sparse form's walks reach about a fifth of the products' speed (docs/performance.md).
 */
export const DENSE_SHARE = 1 / 8;
/** Share of active latents assumed when estimating the time of a dispatch where there is no dense form: half fire at initialisation. */
const INITIAL_DENSITY = 0.5;

export interface StepPlanOptions {
  pool: GPUBuffer;
  scale: number;
  form: StepForm;
  variant: MatmulVariant;
  momentum: boolean;
}

export async function stepPlan(context: StepContext, options: StepPlanOptions): Promise<Plan> {
  const { gpu, layout: l } = context;
  const { form, variant, momentum } = options;
  const kernel = (name: SaeKernelName, constants?: Record<string, number>) => saeKernel(gpu, name, constants, context.architectures);
  const dense = l.dense && form !== 'sparse' ? await densePasses(context, l.dense, variant, momentum) : undefined;
  const density = dense ? DENSE_SHARE : INITIAL_DENSITY;
  const sparse = form === 'dense' ? undefined : await sparsePasses(context, momentum, density);
  const [gather, correction, decode, reduceStats, gradBDecDecoder, adamBDec] = await Promise.all([
    kernel('gather', { HALF: context.halfX ? 1 : 0 }),
    kernel('correction'),
    decoder(context),
    kernel('reduceStats'),
    kernel('gradBDecDecoder', { LANES: l.sumLanes }),
    kernel('adamBDec', { MOMENTUM: momentum ? 1 : 0 }),
  ]);
  const R = l.runs.length;
  const plan = new Plan(gpu, 'sae.step');
  plan.add(
    gather,
    {
      params: context.uniform('gather', PARAMS.gather, { rows: l.batch, quads: l.quads, scale: options.scale }),
      pool: options.pool,
      ...context.pick(context.only, 'slots', 'mean', 'x', 'x_half'),
    },
    fold(Math.ceil((l.batch * l.quads) / 64)),
  );
  addCorrection(plan, context, correction);
  if (sparse) addEncode(plan, context, await encoder(gpu, variant, context.halfX, l.registers, context.architectures), l.batch);
  const place = dense && (sparse ? await choosing(plan, context, dense) : fixed(plan));
  if (sparse) addDecode(plan, context, decode, l.batch, density);
  if (dense) place?.(dense.gradients);
  addReduceStats(plan, context, reduceStats, l.batch);
  plan.add(
    gradBDecDecoder,
    {
      params: context.uniform('gradBDecDecoder', PARAMS.gradBDecDecoder, { rows: l.batch, quads: l.quads, scale: 2 / l.batch }),
      ...context.pick(context.only, 'runs', 'residuals', 'grad_b_dec'),
    },
    [Math.ceil(l.quads / 16), R],
  );
  if (dense) place?.(dense.update);
  sparse?.update(plan);
  sparse?.gradBDecEncoder(plan);
  plan.add(
    adamBDec,
    {
      params: context.uniform('adamBDec', PARAMS.adamBDec, { quads: l.quads }),
      ...context.pick(context.only, 'runs', 'grad_b_dec', 'b_dec', 'b_dec_v', 'b_dec_m'),
    },
    [Math.ceil(l.quads / 64), R],
  );
  return plan;
}

/** Adds the dense form's dispatches to the plan, part by part in their order. */
type Place = (dispatches: readonly DenseDispatch[]) => void;

/** As they are, where the dense form is the only one. */
const fixed =
  (plan: Plan): Place =>
  (dispatches) => {
    for (const { kernel, bindings, grid, flops } of dispatches) plan.add(kernel, bindings, grid, flops);
  };

/** Where there is a choice: the active set is counted here, and the GPU sets the dispatches' sizes accordingly. */
async function choosing(plan: Plan, context: StepContext, dense: DensePasses): Promise<Place> {
  const { gpu, layout: l, arena, only } = context;
  const [count, choose] = await Promise.all([saeKernel(gpu, 'count'), saeKernel(gpu, 'choose')]);
  const all = [...dense.gradients, ...dense.update];
  const grids = arena.upload('grids', Uint32Array.from(all.flatMap(({ grid: [x, y = 1, z = 1] }) => [x, y, z])));
  const now = arena.indirect('gridsNow', all.length * 12);
  const R = l.runs.length;
  plan
    .add(
      count,
      {
        params: context.uniform('count', PARAMS.count, { latents: only.count }),
        ...context.pick(only, 'runs', 'active_set', 'counts'),
      },
      [l.rowGroups, R],
    )
    .add(
      choose,
      {
        params: context.uniform('choose', PARAMS.choose, { runs: R, rows: l.batch, dispatches: all.length, share: DENSE_SHARE }),
        ...context.pick(only, 'runs', 'counts', 'active_set'),
        grids,
        grids_now: now,
      },
      [1],
    );
  return (dispatches) => {
    for (const dispatch of dispatches) {
      plan.addIndirect(dispatch.kernel, dispatch.bindings, now, 12 * all.indexOf(dispatch), dispatch.flops);
    }
  };
}
