/** The sparse form of a step, between the encoder and Adam: lists of active latents, walked by the decoder and by each latent. */
import { fold } from '../gpu/plan';
import { PARAMS, saeKernel } from './kernels';
import { addSplitDecode } from './passes';
import { slices } from './slices';
import { EXPECTED_DENSITY, type FormPasses, type StepContext } from './stepContext';

export async function sparsePasses(context: StepContext): Promise<FormPasses> {
  const { gpu, layout: l, runs } = context;
  const WIDTH = l.workgroup;
  const [split, decode, backward] = await Promise.all([
    saeKernel(gpu, 'split'),
    saeKernel(gpu, 'decode', { WIDTH }),
    saeKernel(gpu, 'latentBackward', { WIDTH }),
  ]);
  return {
    chunks: l.chunks,
    add: (plan, block) => {
      const { rows, first, accumulate, product } = block;
      addSplitDecode(plan, context, { split, decode }, block);
      const backwardFlops = product * EXPECTED_DENSITY * 4;
      for (const { from, count } of slices(l, l.latents, backwardFlops)) {
        plan.add(
          backward,
          {
            params: context.uniform('latentBackward', PARAMS.latentBackward, {
              rows,
              first_row: first,
              quads: l.quads,
              ut_stride: l.utStride,
              block_rows: l.blockRows,
              from_latent: from,
              to_latent: from + count,
              accumulate,
              per_row: 1 / l.batch,
            }),
            runs,
            ...context.pick('ut', 'latents', 'x', 'errors', 'w_dec', 'g_enc', 'g_dec', 'sums'),
          },
          fold(count),
          (backwardFlops * count) / l.latents,
        );
      }
    },
  };
}
