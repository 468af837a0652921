/** Passes that training and evaluation share: correction, encoder, split and decoder, statistics. Long ones are cut into slices. */
import type { Kernel } from '../gpu/kernel';
import { fold, type Plan } from '../gpu/plan';
import { PARAMS } from './kernels';
import { slices } from './slices';
import { type Block, EXPECTED_DENSITY, type StepContext } from './stepContext';

export function addCorrection(plan: Plan, context: StepContext, correction: Kernel): void {
  const { layout: l } = context;
  plan.add(
    correction,
    {
      params: context.uniform('correction', PARAMS.correction, { latents: l.latents, quads: l.quads, runs: l.runs.length }),
      ...context.pick('w_enc', 'bias', 'latents', 'correction'),
    },
    fold(Math.ceil(l.uStride / 64)),
    2 * l.latents * l.d,
  );
}

export function addEncode(plan: Plan, context: StepContext, encode: Kernel, { rows, first, product }: Block): void {
  const { layout: l } = context;
  for (const { from, count } of slices(l, l.latents, product, 32)) {
    plan.add(
      encode,
      {
        params: context.uniform('encode', PARAMS.encode, {
          rows,
          first_row: first,
          latents: l.latents,
          quads: l.quads,
          u_stride: l.uStride / 4,
          ut_stride: l.utStride / 4,
          from_latent: from,
        }),
        ...context.pick('x', 'w_enc', 'correction', 'u', 'ut'),
      },
      [Math.ceil(count / 32), Math.ceil(rows / 32)],
      (product * count) / l.latents,
    );
  }
}

/** The row's active lists, and what they decode to: errors and statistics. */
export function addSplitDecode(plan: Plan, context: StepContext, kernels: { split: Kernel; decode: Kernel }, block: Block): void {
  const { layout: l, runs } = context;
  const R = l.runs.length;
  const { rows, first } = block;
  plan.add(
    kernels.split,
    {
      params: context.uniform('split', PARAMS.split, { rows, u_stride: l.uStride, runs: R }),
      runs,
      ...context.pick('u', 'latents', 'entries', 'counts'),
    },
    [rows, R],
  );
  const flops = block.product * EXPECTED_DENSITY * 2;
  for (const { from, count } of slices(l, rows, flops)) {
    plan.add(
      kernels.decode,
      {
        params: context.uniform('decode', PARAMS.decode, {
          rows,
          first_row: first,
          quads: l.quads,
          u_stride: l.uStride,
          runs: R,
          block_rows: l.blockRows,
          from_row: from,
        }),
        runs,
        ...context.pick('x', 'w_dec', 'entries', 'counts', 'bias', 'errors', 'stats'),
      },
      [count, R, l.chunks],
      (flops * count) / rows,
    );
  }
}

/** @param chunks column chunks in which `stats` was left. */
export function addReduceStats(plan: Plan, context: StepContext, reduceStats: Kernel, { rows, accumulate }: Block, chunks: number): void {
  const { layout: l, runs } = context;
  plan.add(
    reduceStats,
    {
      params: context.uniform('reduceStats', PARAMS.reduceStats, {
        rows,
        block_rows: l.blockRows,
        runs: l.runs.length,
        chunks,
        accumulate,
      }),
      runs,
      ...context.pick('stats', 'totals'),
    },
    [l.runs.length],
  );
}
