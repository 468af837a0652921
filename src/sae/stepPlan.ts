/** The dispatches of one training step, in order. What each does is said in its WGSL file; the whole in docs/architecture.md. */
import type { Arena } from '../gpu/buffers';
import type { Gpu } from '../gpu/device';
import { fold, Plan } from '../gpu/plan';
import type { Scalar, Struct } from '../gpu/struct';
import { PARAMS, type SaeKernelName, saeKernel } from './kernels';
import type { Layout, SweepBuffers } from './layout';

/** Share of the latents assumed active when estimating the time of a dispatch: half of them fire at initialisation. */
const EXPECTED_DENSITY = 0.5;

export interface StepPlanOptions {
  layout: Layout;
  pool: GPUBuffer;
  scale: number;
}

export async function stepPlan(
  gpu: Gpu,
  arena: Arena,
  b: SweepBuffers,
  runs: GPUBuffer,
  options: StepPlanOptions,
  momentum: boolean,
): Promise<Plan> {
  const { layout: l } = options;
  const WIDTH = l.workgroup;
  const MOMENTUM = momentum ? 1 : 0;
  const kernel = (name: SaeKernelName, constants?: Record<string, number>) => saeKernel(gpu, name, constants);
  const [
    gather,
    correction,
    encode,
    split,
    decode,
    reduceStats,
    backward,
    biasErrors,
    biasGradient,
    adamEnc,
    adamDec,
    adamLatents,
    adamBias,
  ] = await Promise.all([
    kernel('gather'),
    kernel('correction'),
    kernel('encode'),
    kernel('split'),
    kernel('decode', { WIDTH }),
    kernel('reduceStats'),
    kernel('latentBackward', { WIDTH }),
    kernel('biasErrors'),
    kernel('biasGradient'),
    kernel('adamRows', { WIDTH, DECODER: 0, MOMENTUM }),
    kernel('adamRows', { WIDTH, DECODER: 1, MOMENTUM }),
    kernel('adamLatents', { MOMENTUM }),
    kernel('adamBias', { MOMENTUM }),
  ]);
  const R = l.runs.length;
  const plan = new Plan(gpu, 'sae.step');
  const uniform = <F extends Record<string, Scalar>>(label: string, type: Struct<F>, value: { [K in keyof F]: number }) =>
    arena.uniform(label, type.pack(value));
  const pick = (...names: (keyof typeof WGSL_NAMES)[]) => Object.fromEntries(names.map((name) => [name, b[WGSL_NAMES[name]]]));

  plan.add(
    gather,
    {
      params: uniform('gather', PARAMS.gather, { rows: l.batch, quads: l.quads, scale: options.scale }),
      pool: options.pool,
      ...pick('slots', 'mean', 'x'),
    },
    fold(Math.ceil((l.batch * l.quads) / 64)),
  );
  plan.add(
    correction,
    {
      params: uniform('correction', PARAMS.correction, { latents: l.latents, quads: l.quads, runs: R }),
      ...pick('w_enc', 'bias', 'latents', 'correction'),
    },
    fold(Math.ceil(l.uStride / 64)),
    2 * l.latents * l.d,
  );
  for (let first = 0; first < l.batch; first += l.blockRows) {
    const rows = Math.min(l.blockRows, l.batch - first);
    const accumulate = first === 0 ? 0 : 1;
    const product = 2 * rows * l.d * l.latents;
    plan.add(
      encode,
      {
        params: uniform('encode', PARAMS.encode, {
          rows,
          first_row: first,
          latents: l.latents,
          quads: l.quads,
          u_stride: l.uStride / 4,
          ut_stride: l.utStride / 4,
        }),
        ...pick('x', 'w_enc', 'correction', 'u', 'ut'),
      },
      [Math.ceil(l.latents / 32), Math.ceil(rows / 32)],
      product,
    );
    plan.add(
      split,
      {
        params: uniform('split', PARAMS.split, { rows, u_stride: l.uStride, runs: R }),
        runs,
        ...pick('u', 'latents', 'entries', 'counts'),
      },
      [rows, R],
    );
    plan.add(
      decode,
      {
        params: uniform('decode', PARAMS.decode, {
          rows,
          first_row: first,
          quads: l.quads,
          u_stride: l.uStride,
          runs: R,
          block_rows: l.blockRows,
          d: l.d,
        }),
        runs,
        ...pick('x', 'w_dec', 'entries', 'counts', 'bias', 'errors', 'stats'),
      },
      [rows, R, l.chunks],
      product * EXPECTED_DENSITY * 2,
    );
    plan.add(
      reduceStats,
      {
        params: uniform('reduceStats', PARAMS.reduceStats, { rows, block_rows: l.blockRows, runs: R, chunks: l.chunks, accumulate }),
        runs,
        ...pick('stats', 'totals'),
      },
      [R],
    );
    plan.add(
      backward,
      {
        params: uniform('latentBackward', PARAMS.latentBackward, {
          rows,
          first_row: first,
          quads: l.quads,
          ut_stride: l.utStride,
          block_rows: l.blockRows,
          latents: l.latents,
          accumulate,
          per_row: 1 / l.batch,
        }),
        runs,
        ...pick('ut', 'latents', 'x', 'errors', 'w_dec', 'g_enc', 'g_dec', 'sums'),
      },
      fold(l.latents),
      product * EXPECTED_DENSITY * 4,
    );
    plan.add(
      biasErrors,
      {
        params: uniform('biasErrors', PARAMS.biasErrors, { rows, quads: l.quads, block_rows: l.blockRows, accumulate, scale: 2 / l.batch }),
        runs,
        ...pick('errors', 'g_bias'),
      },
      [Math.ceil(l.quads / 16), R],
    );
  }
  plan.add(
    biasGradient,
    { params: uniform('biasGradient', PARAMS.biasGradient, { quads: l.quads }), runs, ...pick('w_enc', 'sums', 'g_bias') },
    [Math.ceil(l.quads / 16), R],
    2 * l.latents * l.d,
  );
  const rowParams = uniform('adamRows', PARAMS.adamRows, { latents: l.latents, quads: l.quads, runs: R });
  for (const [adam, side] of [
    [adamEnc, 'Enc'],
    [adamDec, 'Dec'],
  ] as const) {
    plan.add(
      adam,
      {
        params: rowParams,
        runs,
        ...pick('latents', 'sums', 'bias'),
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
      params: uniform('adamLatents', PARAMS.adamLatents, { latents: l.latents }),
      runs,
      ...pick('sums', 'latents'),
      v: b.vLatents,
      m: b.mLatents,
    },
    fold(Math.ceil(l.latents / 64)),
  );
  plan.add(
    adamBias,
    { params: uniform('adamBias', PARAMS.adamBias, { quads: l.quads }), runs, ...pick('g_bias', 'bias'), v: b.vBias, m: b.mBias },
    [Math.ceil(l.quads / 64), R],
  );
  return plan;
}

/** Names in the WGSL files -> host buffers. */
const WGSL_NAMES = {
  slots: 'slots',
  mean: 'mean',
  x: 'x',
  w_enc: 'wEnc',
  w_dec: 'wDec',
  bias: 'bias',
  latents: 'latents',
  correction: 'correction',
  u: 'u',
  ut: 'ut',
  entries: 'entries',
  counts: 'counts',
  errors: 'errors',
  stats: 'stats',
  totals: 'totals',
  g_enc: 'gEnc',
  g_dec: 'gDec',
  g_bias: 'gBias',
  sums: 'sums',
} as const satisfies Record<string, keyof SweepBuffers>;
