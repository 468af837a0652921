/** The sparse form of a step, between the encoder and Adam: lists of active latents, walked by the decoder and by each latent. */
import { fold } from '../gpu/plan';
import { PARAMS, saeKernel } from './kernels';
import { EXPECTED_DENSITY, type FormPasses, type StepContext } from './stepContext';

export async function sparsePasses(context: StepContext): Promise<FormPasses> {
  const { gpu, layout: l, runs } = context;
  const WIDTH = l.workgroup;
  const R = l.runs.length;
  const [split, decode, backward] = await Promise.all([
    saeKernel(gpu, 'split'),
    saeKernel(gpu, 'decode', { WIDTH }),
    saeKernel(gpu, 'latentBackward', { WIDTH }),
  ]);
  return {
    chunks: l.chunks,
    add: (plan, { rows, first, accumulate, product }) => {
      plan
        .add(
          split,
          {
            params: context.uniform('split', PARAMS.split, { rows, u_stride: l.uStride, runs: R }),
            runs,
            ...context.pick('u', 'latents', 'entries', 'counts'),
          },
          [rows, R],
        )
        .add(
          decode,
          {
            params: context.uniform('decode', PARAMS.decode, {
              rows,
              first_row: first,
              quads: l.quads,
              u_stride: l.uStride,
              runs: R,
              block_rows: l.blockRows,
              d: l.d,
            }),
            runs,
            ...context.pick('x', 'w_dec', 'entries', 'counts', 'bias', 'errors', 'stats'),
          },
          [rows, R, l.chunks],
          product * EXPECTED_DENSITY * 2,
        )
        .add(
          backward,
          {
            params: context.uniform('latentBackward', PARAMS.latentBackward, {
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
            ...context.pick('ut', 'latents', 'x', 'errors', 'w_dec', 'g_enc', 'g_dec', 'sums'),
          },
          fold(l.latents),
          product * EXPECTED_DENSITY * 4,
        );
    },
  };
}
