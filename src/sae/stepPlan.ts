/** The dispatches of one training step, in order. What each does is said in its WGSL file; the whole in docs/architecture.md. */
import { fold, Plan } from '../gpu/plan';
import { densePasses } from './densePlan';
import { PARAMS, type SaeKernelName, saeKernel } from './kernels';
import type { StepForm } from './layout';
import { addCorrection, addEncode, addReduceStats } from './passes';
import { sparsePasses } from './sparsePlan';
import type { StepContext } from './stepContext';

export interface StepPlanOptions {
  pool: GPUBuffer;
  scale: number;
  form?: StepForm;
}

export async function stepPlan(context: StepContext, options: StepPlanOptions, momentum: boolean): Promise<Plan> {
  const { gpu, layout: l, buffers: b, runs } = context;
  const WIDTH = l.workgroup;
  const MOMENTUM = momentum ? 1 : 0;
  const form = await (options.form === 'dense' ? densePasses(context) : sparsePasses(context));
  const kernel = (name: SaeKernelName, constants?: Record<string, number>) => saeKernel(gpu, name, constants);
  const [gather, correction, encode, reduceStats, biasErrors, biasGradient, adamEnc, adamDec, adamLatents, adamBias] = await Promise.all([
    kernel('gather'),
    kernel('correction'),
    kernel('encode'),
    kernel('reduceStats'),
    kernel('biasErrors'),
    kernel('biasGradient'),
    kernel('adamRows', { WIDTH, DECODER: 0, MOMENTUM }),
    kernel('adamRows', { WIDTH, DECODER: 1, MOMENTUM }),
    kernel('adamLatents', { MOMENTUM }),
    kernel('adamBias', { MOMENTUM }),
  ]);
  const R = l.runs.length;
  const plan = new Plan(gpu, 'sae.step');

  plan.add(
    gather,
    {
      params: context.uniform('gather', PARAMS.gather, { rows: l.batch, quads: l.quads, scale: options.scale }),
      pool: options.pool,
      ...context.pick('slots', 'mean', 'x'),
    },
    fold(Math.ceil((l.batch * l.quads) / 64)),
  );
  addCorrection(plan, context, correction);
  for (let first = 0; first < l.batch; first += l.blockRows) {
    const rows = Math.min(l.blockRows, l.batch - first);
    const accumulate = first === 0 ? 0 : 1;
    const block = { rows, first, accumulate, product: 2 * rows * l.d * l.latents } as const;
    addEncode(plan, context, encode, block);
    form.add(plan, block);
    addReduceStats(plan, context, reduceStats, block, form.chunks);
    plan.add(
      biasErrors,
      {
        params: context.uniform('biasErrors', PARAMS.biasErrors, {
          rows,
          quads: l.quads,
          block_rows: l.blockRows,
          accumulate,
          scale: 2 / l.batch,
        }),
        runs,
        ...context.pick('errors', 'g_bias'),
      },
      [Math.ceil(l.quads / 16), R],
    );
  }
  plan.add(
    biasGradient,
    { params: context.uniform('biasGradient', PARAMS.biasGradient, { quads: l.quads }), runs, ...context.pick('w_enc', 'sums', 'g_bias') },
    [Math.ceil(l.quads / 16), R],
    2 * l.latents * l.d,
  );
  const rowParams = context.uniform('adamRows', PARAMS.adamRows, { latents: l.latents, quads: l.quads, runs: R });
  for (const [adam, side] of [
    [adamEnc, 'Enc'],
    [adamDec, 'Dec'],
  ] as const) {
    plan.add(
      adam,
      {
        params: rowParams,
        runs,
        ...context.pick('latents', 'sums', 'bias'),
        gradient: b[`g${side}`],
        w: b[`w${side}`],
        v: b[`v${side}`],
        m: b[`m${side}`],
      },
      fold(l.latents),
      15 * l.latents * l.d,
    );
  }
  plan.add(
    adamLatents,
    {
      params: context.uniform('adamLatents', PARAMS.adamLatents, { latents: l.latents }),
      runs,
      ...context.pick('sums', 'latents'),
      v: b.vLatents,
      m: b.mLatents,
    },
    fold(Math.ceil(l.latents / 64)),
  );
  plan.add(
    adamBias,
    {
      params: context.uniform('adamBias', PARAMS.adamBias, { quads: l.quads }),
      runs,
      ...context.pick('g_bias', 'bias'),
      v: b.vBias,
      m: b.mBias,
    },
    [Math.ceil(l.quads / 64), R],
  );
  return plan;
}
