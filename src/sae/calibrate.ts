/**
 * Speed of the encoder matmul on this device, for the bounds on dispatches and submissions and for time estimates. Grows the problem
 * until one dispatch takes a few milliseconds, so that a fast GPU is not measured by its launch overhead.
 */
import { Arena } from '../gpu/buffers';
import type { Gpu } from '../gpu/device';
import { Plan } from '../gpu/plan';
import { PARAMS, saeKernel } from './kernels';

const D = 128;
const LATENTS = 512;
/** A dispatch at least this long is trusted. */
const ENOUGH_MS = 4;

/** @returns floating-point operations a millisecond (2 a multiply-add). */
export async function calibrate(gpu: Gpu): Promise<number> {
  const encode = await saeKernel(gpu, 'encode');
  let speed = 0;
  for (const rows of [32, 256, 2048, 8192]) {
    const arena = new Arena(gpu, 'calibrate');
    try {
      const buffers = {
        params: arena.uniform(
          'params',
          PARAMS.encode.pack({
            rows,
            first_row: 0,
            latents: LATENTS,
            quads: D / 4,
            u_stride: LATENTS / 4,
            ut_stride: rows / 4,
            from_latent: 0,
          }),
        ),
        x: arena.storage('x', rows * D * 4),
        w_enc: arena.storage('w', LATENTS * D * 4),
        correction: arena.storage('c', LATENTS * 4),
        u: arena.storage('u', rows * LATENTS * 4),
        ut: arena.storage('ut', rows * LATENTS * 4),
      };
      await arena.ready();
      const flops = 2 * rows * D * LATENTS;
      const plan = new Plan(gpu, 'calibrate').add(encode, buffers, [LATENTS / 32, Math.ceil(rows / 32)], flops);
      plan.submit();
      await gpu.queue.onSubmittedWorkDone();
      let best = Number.POSITIVE_INFINITY;
      for (let i = 0; i < 3; i++) {
        const start = performance.now();
        plan.submit();
        await gpu.queue.onSubmittedWorkDone();
        best = Math.min(best, performance.now() - start);
      }
      speed = flops / Math.max(best, 0.01);
      if (best > ENOUGH_MS) break;
    } finally {
      arena.destroy();
    }
  }
  return speed;
}
