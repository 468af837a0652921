/** Small packed sweeps on a pool of random rows, and their weights as the float64 twin has them. */
import type { Gpu } from '../../../src/gpu/device';
import type { TwinParams } from '../../../src/reference/sae';
import { ARCHITECTURES, type ArchitectureId } from '../../../src/sae/architectures';
import { initialWeights } from '../../../src/sae/init';
import { layoutOf } from '../../../src/sae/layout';
import { padRows } from '../../../src/sae/packing';
import type { Schedule } from '../../../src/sae/schedules';
import { SweepTrainer } from '../../../src/sae/trainer';
import type { SaeWeights } from '../../../src/sae/weights';
import { randoms, testGpu } from '../../gpu';

export interface RunSpec {
  arch: ArchitectureId;
  width: number;
  seed: number;
  beta1?: number;
  /** Added to b_enc or b_gate. */
  shift?: number;
  schedule?: Partial<Schedule>;
  /** Instead of random ones. */
  weights?: SaeWeights;
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
}

export const SCHEDULE: Schedule = { steps: 1000, lr: 2e-3, lrWarmup: 0, lrDecay: 0, lambda: 0.1, lambdaWarmup: 4 };

/** Weights with nothing special about them: any decoder norms, nonzero b_dec, r_mag and biases. */
export function someWeights(arch: ArchitectureId, dIn: number, dSae: number, seed: number, shift = 0): SaeWeights {
  const weights = initialWeights(arch, dIn, dSae, seed, randoms(dIn, seed + 1));
  const noise = randoms(dSae * dIn, seed + 2);
  return {
    ...weights,
    wEnc: weights.wEnc.map((w, j) => w + 0.3 * (noise[j] as number)),
    wDec: weights.wDec.map((w, j) => w * (1 + (noise[j - (j % dIn)] as number))),
    vectors: Object.fromEntries(
      ARCHITECTURES[arch].vectors.map((name, i) => [name, randoms(dSae, seed + 3 + i).map((v) => 0.3 * v + (i === 0 ? shift : 0))]),
    ),
  };
}

export async function sweep(specs: readonly RunSpec[], options: SweepOptions = {}): Promise<Sweep> {
  const gpu = await testGpu();
  const { d = 13, batch = 37, poolRows = 101, scale = 0.7, flopsPerMs = 1e9 } = options;
  const rows = options.rows ?? randoms(poolRows * d, 5).map((v, j) => 3 * v + Math.sin(j % d));
  const padded = padRows(rows, d);
  const pool = gpu.device.createBuffer({ size: padded.byteLength, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST });
  gpu.queue.writeBuffer(pool, 0, padded as Float32Array<ArrayBuffer>);
  const limits = { maxStorageBufferBindingSize: gpu.limits.maxStorageBufferBindingSize, flopsPerMs };
  const trainer = await SweepTrainer.create(gpu, {
    layout: layoutOf(d, batch, specs, limits),
    runs: specs.map(({ arch, width, seed, beta1 = 0, shift = 0, schedule, weights }) => ({
      schedule: { ...SCHEDULE, ...schedule },
      optimiser: { beta1, beta2: 0.999, eps: 1e-8 },
      weights: weights ?? someWeights(arch, d, width, seed, shift),
    })),
    pool,
    scale,
    mean: options.mean ?? randoms(d, 6),
    flopsPerMs,
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

export function twinOf(w: SaeWeights): TwinParams {
  const vector = (name: string) => Float64Array.from(w.vectors[name] ?? new Float32Array(w.dSae));
  return {
    arch: w.arch,
    d: w.dIn,
    f: w.dSae,
    wEnc: Float64Array.from(w.wEnc),
    wDec: Float64Array.from(w.wDec),
    bDec: Float64Array.from(w.bDec),
    bias: vector(ARCHITECTURES[w.arch].vectors[0] as string),
    rMag: vector('r_mag'),
    bMag: vector('b_mag'),
  };
}

/** All numbers of some weights as bytes, for comparison bit for bit. */
export const bitsOf = ({ wEnc, wDec, bDec, vectors }: SaeWeights): Buffer =>
  Buffer.concat(
    [wEnc, wDec, bDec, ...Object.values(vectors)].map((values) => Buffer.from(values.buffer, values.byteOffset, values.byteLength)),
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
