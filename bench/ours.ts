/** The lab's own step and encoder product, as contenders. */
import { Arena } from '../src/gpu/buffers';
import type { Gpu } from '../src/gpu/device';
import { matmulGrid, matmulSource } from '../src/gpu/matmul';
import { Plan } from '../src/gpu/plan';
import { paramsOf, shaderFile } from '../src/gpu/shaders';
import { chooseMatmul } from '../src/gpu/tuner';
import { architecture, traitsOf } from '../src/sae/architectures';
import { layoutLimits, layoutOf } from '../src/sae/layout';
import { SweepTrainer, type TrainerOptions } from '../src/sae/trainer';
import type { SaeWeights } from '../src/sae/weights';
import type { Context } from './context';
import type { Contender } from './measure';
import { BETA2, EPS, LAMBDA } from './problem';

const PRODUCT = paramsOf('matmul/plain');

/** So small that the weights, hence L0 and the work, stay as they are while they are timed. */
export const STILL = 1e-12;

export interface OurStep extends Contender {
  trainer: SweepTrainer;
  /** Loss and mean L0 of each run at one further step, before its update. */
  log(): Promise<{ loss: number; l0: number }[]>;
  dispose(): void;
}

export type Form = NonNullable<TrainerOptions['form']>;

/** An annealed penalty is measured at p 0.6. */
const ANNEAL = { at: [0], powers: [0.6], queue: 10 };

/** A packed sweep on a fixed batch `[batch, d]` of rows. @param k, ks latents that a selection keeps a row, of all runs or of each. */
export async function ourStep(
  context: Pick<Context, 'gpu' | 'flopsPerMs'>,
  name: string,
  x: Float32Array,
  runs: SaeWeights[],
  { lr = STILL, form, k, ks }: { lr?: number; form?: Form; k?: number; ks?: number[] } = {},
): Promise<OurStep> {
  const { gpu, flopsPerMs } = context;
  const d = (runs[0] as SaeWeights).dIn;
  const batch = x.length / d;
  if (d % 4 !== 0) throw new Error('the benchmark takes widths that are multiples of 4');
  const arena = new Arena(gpu, 'bench');
  const pool = arena.upload('rows', x);
  await arena.ready();
  const trainer = await SweepTrainer.create(gpu, {
    layout: layoutOf(
      d,
      batch,
      runs.map(({ arch, dSae, options }) => ({ arch, width: dSae, ...(options && { options }) })),
      layoutLimits(gpu, flopsPerMs),
      { form: form ?? 'auto' },
    ),
    runs: runs.map((weights, r) => {
      const { settles, selects } = traitsOf(architecture(weights.arch), weights.options);
      const kept = ks?.[r] ?? k;
      return {
        weights,
        schedule: {
          ...{ steps: 1e6, lr, lrWarmup: 0, lrDecay: 0, lambda: LAMBDA, lambdaWarmup: 0 },
          ...(settles === 'anneal' && { anneal: ANNEAL }),
        },
        optimiser: { beta1: 0, beta2: BETA2, eps: EPS },
        ...(selects !== 'none' && kept !== undefined && { k: kept }),
      };
    }),
    pool,
    scale: 1,
    mean: new Float32Array(d),
    flopsPerMs,
    ...(form === undefined ? {} : { form }),
  });
  const slots = Uint32Array.from({ length: batch }, (_, i) => i);
  return {
    name,
    trainer,
    async run(times) {
      for (let i = 0; i < times; i++) await trainer.step(slots);
      await gpu.queue.onSubmittedWorkDone();
      gpu.check();
    },
    async log() {
      const { log } = await trainer.step(slots, true);
      return ((await log) ?? []).map((entry) => ({ loss: entry?.loss ?? Number.NaN, l0: entry?.l0 ?? Number.NaN }));
    },
    dispose() {
      trainer.destroy();
      arena.destroy();
    },
  };
}

export interface OurProduct extends Contender {
  flops: number;
  /** The pre-activations' buffer `[batch, f]`. */
  u: GPUBuffer;
  dispose(): void;
}

/** x·W_encᵀ alone, in one dispatch of the matmul that the tuner chose, as the step's encoder; the result is stored. */
export async function ourProduct(gpu: Gpu, name: string, x: Float32Array, w: Float32Array, d: number): Promise<OurProduct> {
  const rows = x.length / d;
  const latents = w.length / d;
  if (d % 4 !== 0) throw new Error('the benchmark takes widths that are multiples of 4');
  const variant = await chooseMatmul(gpu, { rows, columns: latents, quads: d / 4 });
  const kernel = await gpu.kernels.get(matmulSource(variant, 'bench.product', shaderFile('matmul/plain')));
  const arena = new Arena(gpu, 'bench.product');
  const u = arena.storage('u', rows * latents * 4);
  const flops = 2 * rows * d * latents;
  const plan = new Plan(gpu, 'bench.product').add(
    kernel,
    {
      params: arena.uniform('params', PRODUCT.pack({ rows, columns: latents, quads: d / 4 })),
      a: arena.upload('x', x),
      b: arena.upload('w', w),
      c: u,
    },
    matmulGrid(variant, rows, latents),
    flops,
  );
  await arena.ready();
  return {
    name,
    flops,
    u,
    async run(times) {
      for (let i = 0; i < times; i++) plan.submit();
      await gpu.queue.onSubmittedWorkDone();
      gpu.check();
    },
    dispose: () => arena.destroy(),
  };
}
