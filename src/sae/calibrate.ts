/**
 * Speed of the matmul that was tuned for this device, for the bounds on dispatches and submissions and for time estimates. Grows the problem
 * until one dispatch takes a few milliseconds, so that a fast GPU is not measured by its launch overhead.
 */
import { Arena } from '../gpu/buffers';
import type { Gpu } from '../gpu/device';
import { matmulGrid, matmulSource } from '../gpu/matmul';
import { Plan } from '../gpu/plan';
import { paramsOf, shaderFile } from '../gpu/shaders';
import { chooseMatmul } from '../gpu/tuner';

const PARAMS = paramsOf('matmul/plain');
const D = 128;
const LATENTS = 512;
/** A dispatch at least this long is trusted. */
const ENOUGH_MS = 4;

/** @returns floating-point operations a millisecond (2 a multiply-add). */
export async function calibrate(gpu: Gpu): Promise<number> {
  const variant = await chooseMatmul(gpu, { rows: 2048, columns: LATENTS, quads: D / 4 });
  const kernel = await gpu.kernels.get(matmulSource(variant, 'calibrate', shaderFile('matmul/plain')));
  let speed = 0;
  for (const rows of [32, 256, 2048, 8192]) {
    const arena = new Arena(gpu, 'calibrate');
    try {
      const buffers = {
        params: arena.uniform('params', PARAMS.pack({ rows, columns: LATENTS, quads: D / 4 })),
        a: arena.storage('x', rows * D * 4),
        b: arena.storage('w', LATENTS * D * 4),
        c: arena.storage('u', rows * LATENTS * 4),
      };
      await arena.ready();
      const flops = 2 * rows * D * LATENTS;
      const plan = new Plan(gpu, 'calibrate').add(kernel, buffers, matmulGrid(variant, rows, LATENTS), flops);
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
