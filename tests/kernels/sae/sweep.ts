/** Small packed sweeps on a pool of random rows, and their weights as the float64 twin has them. */
import { write } from '../../../src/gpu/buffers';
import type { Gpu } from '../../../src/gpu/device';
import { type ArchitectureId, architecture, type OptionValues } from '../../../src/sae/architectures';
import { initialWeights } from '../../../src/sae/init';
import { MAX_RUNS } from '../../../src/sae/kernels';
import { layoutOf, type StepForm } from '../../../src/sae/layout';
import { padRows } from '../../../src/sae/packing';
import type { Schedule } from '../../../src/sae/schedules';
import { SweepTrainer, type TrainerOptions } from '../../../src/sae/trainer';
import type { SaeWeights } from '../../../src/sae/weights';
import { poison, randoms, runsProcessorKernels, testGpu } from '../../gpu';

export interface RunSpec {
  arch: ArchitectureId;
  width: number;
  seed: number;
  beta1?: number;
  /** Latents that a selection keeps a row. */
  k?: number;
  /** Added to b_enc or b_gate. */
  shift?: number;
  schedule?: Partial<Schedule>;
  /** Instead of random ones. */
  weights?: SaeWeights;
  options?: OptionValues;
  /** Greatest norm of all gradients together. */
  clip?: number;
}

export interface Sweep {
  gpu: Gpu;
  trainer: SweepTrainer;
  d: number;
  batch: number;
  scale: number;
  /** Rows of the pool, `[rows, d]`, not scaled. */
  rows: Float32Array;
  /** Slots of step s. */
  slots(step: number): Uint32Array;
  destroy(): void;
}

export interface SweepOptions {
  d?: number;
  batch?: number;
  poolRows?: number;
  rows?: Float32Array;
  scale?: number;
  mean?: Float32Array;
  flopsPerMs?: number;
  /** 'sparse' unless given. */
  form?: StepForm;
  /** Keep first moments although no run has beta1 > 0: they then hold the gradients. */
  momentum?: boolean;
  /** Instead of the device's: cuts the latents into segments. */
  binding?: number;
  /** Least invocations of a row-wide workgroup: the layout's own unless given. */
  lanes?: number;
  /** Rows in the registers of a subgroup. */
  registers?: boolean;
  halfX?: boolean;
}

export const SCHEDULE: Schedule = { steps: 1000, lr: 2e-3, lrWarmup: 0, lrDecay: 0, lambda: 0.1, lambdaWarmup: 4 };

/** Weights with nothing special about them: any decoder norms, nonzero b_dec, r_mag and biases, thresholds of half to one and a half times their start. */
export function someWeights(
  arch: ArchitectureId,
  dIn: number,
  dSae: number,
  seed: number,
  shift = 0,
  options: OptionValues = {},
): SaeWeights {
  const weights = initialWeights(arch, dIn, dSae, seed, randoms(dIn, seed + 1), 1, options);
  const noise = randoms(dSae * dIn, seed + 2);
  return {
    ...weights,
    wEnc: weights.wEnc.map((w, j) => w + 0.3 * (noise[j] as number)),
    wDec: weights.wDec.map((w, j) => w * (1 + (noise[j - (j % dIn)] as number))),
    vectors: Object.fromEntries(
      architecture(arch).vectors.map(({ name, role }, i) => [
        name,
        randoms(dSae, seed + 3 + i).map((v, j) =>
          role === 'threshold' ? (weights.vectors[name]?.[j] as number) * (1 + v) : 0.3 * v + (i === 0 ? shift : 0),
        ),
      ]),
    ),
    ...(weights.wSecond && {
      wSecond: Float32Array.from(randoms(dSae * dIn, seed + 9), (v, j) => (weights.wSecond?.[j] as number) + 0.3 * v),
    }),
  };
}

export async function sweep(specs: readonly RunSpec[], options: SweepOptions = {}): Promise<Sweep> {
  const gpu = await testGpu();
  const { d = 13, batch = 37, poolRows = 101, scale = 0.7, flopsPerMs = 1e9, form = 'sparse', halfX = false } = options;
  const rows = options.rows ?? randoms(poolRows * d, 5).map((v, j) => 3 * v + Math.sin(j % d));
  const padded = padRows(rows, d);
  const pool = gpu.device.createBuffer({ size: padded.byteLength, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST });
  gpu.queue.writeBuffer(pool, 0, padded as Float32Array<ArrayBuffer>);
  const limits = {
    maxStorageBufferBindingSize: options.binding ?? gpu.limits.maxStorageBufferBindingSize,
    flopsPerMs,
    lanes: options.lanes,
    registers: options.registers === true && runsProcessorKernels(gpu),
  };
  const momentum = options.momentum ?? specs.some(({ beta1 = 0 }) => beta1 > 0);
  const trainer = await SweepTrainer.create(gpu, {
    layout: layoutOf(d, batch, specs, limits, { momentum, form, clips: specs.some(({ clip = 0 }) => clip > 0) }),
    runs: specs.map(({ arch, width, seed, beta1 = 0, k, shift = 0, schedule, weights, options: own, clip = 0 }) => ({
      schedule: { ...SCHEDULE, ...schedule },
      optimiser: { beta1, beta2: 0.999, eps: 1e-8, clip },
      ...(k !== undefined && { k }),
      weights: { ...(weights ?? someWeights(arch, d, width, seed, shift, own)), ...(own && { options: own }) },
    })),
    pool,
    scale,
    mean: options.mean ?? randoms(d, 6),
    flopsPerMs,
    form,
    halfX,
  });
  const count = rows.length / d;
  return {
    gpu,
    trainer,
    d,
    batch,
    scale,
    rows,
    slots: (step) => Uint32Array.from({ length: batch }, (_, i) => (i * 29 + step * 13) % count),
    destroy: () => {
      trainer.destroy();
      pool.destroy();
    },
  };
}

/** The scaled rows of a batch in float64, `[batch, d]`. */
export const batchOf = ({ rows, d, scale }: Sweep, slots: Uint32Array): Float64Array =>
  Float64Array.from({ length: slots.length * d }, (_, j) => (rows[(slots[Math.floor(j / d)] as number) * d + (j % d)] as number) * scale);

export { twinOf } from '../../../src/reference/sae';

/** All numbers of some weights as bytes, for comparison bit for bit. */
export const bitsOf = ({ wEnc, wSecond, wDec, bDec, vectors }: SaeWeights): Buffer =>
  Buffer.concat(
    [wEnc, ...(wSecond ? [wSecond] : []), wDec, bDec, ...Object.values(vectors)].map((values) =>
      Buffer.from(values.buffer, values.byteOffset, values.byteLength),
    ),
  );

/** Largest deviation of a decoder row's norm from 1. */
export function normError({ wDec, dIn }: SaeWeights): number {
  let worst = 0;
  for (let i = 0; i < wDec.length; i += dIn) {
    let square = 0;
    for (let k = 0; k < dIn; k++) square += (wDec[i + k] as number) ** 2;
    worst = Math.max(worst, Math.abs(Math.sqrt(square) - 1));
  }
  return worst;
}

/** Another trainer on a sweep's pool, from the same start. */
export const beside = ({ gpu, trainer }: Sweep, options: Partial<TrainerOptions>): Promise<SweepTrainer> =>
  SweepTrainer.create(gpu, { ...trainer.options, ...options });

export const weightsOf = (trainer: SweepTrainer): Promise<SaeWeights[]> =>
  Promise.all(trainer.layout.runs.map((_, r) => trainer.weights(r)));

/** A trainer's parameters and what Adam keeps of them into another's of the same layout. */
export function copyState(gpu: Gpu, from: SweepTrainer, to: SweepTrainer): void {
  const encoder = gpu.device.createCommandEncoder();
  const copy = (a: GPUBuffer, b: GPUBuffer) => encoder.copyBufferToBuffer(a, 0, b, 0, a.size);
  for (const name of ['b_dec', 'b_dec_v', 'b_dec_m', 'run_state', 'selection'] as const)
    copy(from.context.shared[name], to.context.shared[name]);
  from.context.segments.forEach(({ buffers }, s) => {
    const others = to.context.segments[s]?.buffers;
    if (!others) throw new Error('another layout');
    for (const name of ['w_enc', 'w_dec', 'latent_params'] as const) copy(buffers[name], others[name]);
  });
  gpu.queue.submit([encoder.finish()]);
}

/** Tensors of some weights, by name. */
export const tensorsOf = (w: SaeWeights): [string, Float32Array][] => [
  ['wEnc', w.wEnc],
  ...(w.wSecond ? [['wSecond', w.wSecond] as [string, Float32Array]] : []),
  ['wDec', w.wDec],
  ['bDec', w.bDec],
  ...Object.entries(w.vectors),
];

/** Fills with NaN what a step writes before it reads it: every work buffer, and the active set but for the flags. */
export function poisonWork(gpu: Gpu, { context: { shared, segments } }: SweepTrainer): void {
  const { x, x_half, grad_b_dec, residuals, stats, totals, pre_acts, acts, grad_u, tile_sums, grad_enc, grad_dec, latent_grads } = shared;
  for (const buffer of [
    x,
    x_half,
    grad_b_dec,
    residuals,
    stats,
    totals,
    pre_acts,
    acts,
    grad_u,
    tile_sums,
    grad_enc,
    grad_dec,
    latent_grads,
  ])
    write(gpu, buffer, 0, poison(buffer.size / 4));
  for (const { buffers } of segments) {
    write(gpu, buffers.shares, 0, poison(buffers.shares.size / 4));
    write(gpu, buffers.active_set, 4 * MAX_RUNS, poison(buffers.active_set.size / 4 - MAX_RUNS));
  }
}
