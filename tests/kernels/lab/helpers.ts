/** Data in memory, SAEs with known answers, and language models from folders, for the tests of the lab. */
import { MemorySource } from '../../../src/data/bytes/byteSource';
import type { RowBlock, RowFacts, RowSource } from '../../../src/data/rows/types';
import type { Gpu } from '../../../src/gpu/device';
import { type EvaluationSource, Evaluator } from '../../../src/lab/evaluation';
import type { TensorReader } from '../../../src/lm/checkpoint';
import { parseConfig } from '../../../src/lm/families';
import { LanguageModel } from '../../../src/lm/model';
import type { Metrics } from '../../../src/metrics/types';
import { type ArchitectureId, architecture } from '../../../src/sae/architectures';
import { layoutOf } from '../../../src/sae/layout';
import { SweepTrainer } from '../../../src/sae/trainer';
import type { SaeWeights } from '../../../src/sae/weights';
import { openTensors, readJson } from '../lm/safetensors';

/** Rows of f32 in memory. */
export class ArrayRows implements RowSource {
  readonly facts: RowFacts;

  constructor(
    readonly values: Float32Array,
    readonly d: number,
    label = 'rows',
  ) {
    const rows = values.length / d;
    this.facts = { label, rows, d, dtype: 'f32', hasTokens: false, hasMask: false, sequence: 1, bytes: 0 };
  }

  async read(start: number, rows: number): Promise<RowBlock> {
    const values = this.values.slice(start * this.d, (start + rows) * this.d);
    return { start, rows, d: this.d, dtype: 'f32', bytes: new Uint8Array(values.buffer) };
  }
}

export async function* blocksOf(source: RowSource, step = source.facts.rows): AsyncGenerator<RowBlock> {
  for (let start = 0; start < source.facts.rows; start += step) yield source.read(start, Math.min(step, source.facts.rows - start));
}

const vectorsOf = (arch: ArchitectureId, dSae: number, first = 0) =>
  Object.fromEntries(architecture(arch).vectors.map(({ name }, i) => [name, new Float32Array(dSae).fill(i === 0 ? first : 0)]));

/** W_enc = [I; -I], W_dec = factor·[I; -I], no biases: x̂ = factor·(ReLU(x) - ReLU(-x)) = factor·x. */
export function identitySae(arch: ArchitectureId, d: number, factor = 1): SaeWeights {
  const wEnc = new Float32Array(2 * d * d);
  for (let k = 0; k < d; k++) {
    wEnc[k * d + k] = 1;
    wEnc[(d + k) * d + k] = -1;
  }
  return { arch, dIn: d, dSae: 2 * d, wEnc, wDec: wEnc.map((w) => factor * w), bDec: new Float32Array(d), vectors: vectorsOf(arch, 2 * d) };
}

/** No latent ever fires; x̂ = b_dec. */
export function silentSae(arch: ArchitectureId, d: number, dSae: number, bDec = new Float32Array(d)): SaeWeights {
  const w = new Float32Array(dSae * d).fill(0.1);
  return { arch, dIn: d, dSae, wEnc: w, wDec: w.slice(), bDec, vectors: vectorsOf(arch, dSae, -1e9) };
}

/** A packed sweep of given SAEs, for evaluation. */
export function trainerOf(
  gpu: Gpu,
  saes: readonly SaeWeights[],
  { batch = 64, scale = 1, mean = new Float32Array(saes[0]?.dIn ?? 0) }: { batch?: number; scale?: number; mean?: Float32Array } = {},
): Promise<SweepTrainer> {
  const d = saes[0]?.dIn ?? 0;
  const pool = gpu.device.createBuffer({ size: 16, usage: GPUBufferUsage.STORAGE });
  return SweepTrainer.create(gpu, {
    layout: layoutOf(
      d,
      batch,
      saes.map(({ arch, dSae }) => ({ arch, width: dSae })),
      { maxStorageBufferBindingSize: gpu.limits.maxStorageBufferBindingSize, flopsPerMs: 1e9 },
    ),
    runs: saes.map((weights) => ({
      schedule: { steps: 0, lr: 0, lrWarmup: 0, lrDecay: 0, lambda: 0, lambdaWarmup: 0 },
      optimiser: { beta1: 0, beta2: 0.999, eps: 1e-8 },
      weights,
    })),
    pool,
    scale,
    mean,
    flopsPerMs: 1e9,
  });
}

/** Metrics of given SAEs, packed together, in their order. */
export async function evaluated(
  gpu: Gpu,
  source: EvaluationSource,
  saes: readonly SaeWeights[],
  options: Parameters<typeof trainerOf>[2] = {},
): Promise<Metrics[]> {
  const trainer = await trainerOf(gpu, saes, options);
  const evaluator = await Evaluator.create(gpu, trainer.layout.d, source);
  const results = await evaluator.evaluate([{ trainer, runs: saes.map((_, index) => ({ index, id: String(index) })) }]);
  gpu.check();
  evaluator.destroy();
  trainer.destroy();
  return saes.map((_, i) => results.get(String(i))?.metrics as Metrics);
}

export const loadModelFrom = (gpu: Gpu, folder: string, tensors: TensorReader, maxTokens: number): Promise<LanguageModel> =>
  LanguageModel.load(gpu, parseConfig(readJson(`${folder}/config.json`)), tensors, { maxTokens });

export const loadModel = (gpu: Gpu, folder: string, maxTokens: number): Promise<LanguageModel> =>
  loadModelFrom(gpu, folder, openTensors(`${folder}/model.safetensors`), maxTokens);

/** Files of a saved SAE as sources. */
export const filesOf = (files: readonly { name: string; bytes: Uint8Array }[]): MemorySource[] =>
  files.map(({ name, bytes }) => new MemorySource(`sae/${name}`, bytes));
