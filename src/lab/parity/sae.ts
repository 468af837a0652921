/**
 * A saved SAE's case through the product: rows are encoded and decoded by the evaluation's own kernels. They keep no features, which are read off
 * reconstructions: with the rows of an identity in the decoder's place, d latents at a time, x̂ − b_dec is f.
 */
import { Arena, readFloats } from '../../gpu/buffers';
import type { Gpu } from '../../gpu/device';
import { ForwardPass } from '../../sae/forwardPass';
import { layoutLimits, layoutOf } from '../../sae/layout';
import { SweepTrainer } from '../../sae/trainer';
import type { SaeWeights } from '../../sae/weights';
import { type Finding, largest, type Outcome, type Tensors } from './findings';

export const SAE_TOLERANCE = 2e-4;

/** x̂ `[rows, d]` of rows `[rows, d]`. */
export async function reconstruct(gpu: Gpu, flopsPerMs: number, sae: SaeWeights, x: Float32Array): Promise<Float32Array> {
  const { dIn: d, dSae, arch, options, k } = sae;
  const rows = x.length / d;
  const arena = new Arena(gpu, 'parity of a SAE');
  const raw = arena.upload('rows', x);
  const hat = arena.storage('x_hat', x.byteLength);
  await arena.ready();
  const trainer = await SweepTrainer.create(gpu, {
    layout: layoutOf(d, rows, [{ arch, width: dSae, ...(options && { options }) }], layoutLimits(gpu, flopsPerMs), { form: 'sparse' }),
    runs: [
      {
        schedule: { steps: 1, lr: 0, lrWarmup: 0, lrDecay: 0, lambda: 1, lambdaWarmup: 0 },
        optimiser: { beta1: 0, beta2: 0.999, eps: 1e-8 },
        ...(k !== undefined && { k }),
        weights: sae,
      },
    ],
    pool: raw,
    scale: 1,
    mean: new Float32Array(d),
    flopsPerMs,
    form: 'sparse',
  });
  try {
    const pass = await ForwardPass.create(trainer, raw);
    pass.run(0, rows, [true]);
    pass.restore(0, rows, hat, 0);
    await pass.sums(rows);
    const values = (await readFloats(gpu, hat, 0, rows * d)).slice();
    pass.destroy();
    gpu.check();
    return values;
  } finally {
    trainer.destroy();
    arena.destroy();
  }
}

/** f `[rows, F]` of rows `[rows, d]`. */
export async function features(gpu: Gpu, flopsPerMs: number, sae: SaeWeights, x: Float32Array): Promise<Float32Array> {
  const { dIn: d, dSae, bDec } = sae;
  const rows = x.length / d;
  const f = new Float32Array(rows * dSae);
  for (let from = 0; from < dSae; from += d) {
    const wDec = new Float32Array(dSae * d);
    const count = Math.min(d, dSae - from);
    for (let i = 0; i < count; i++) wDec[(from + i) * d + i] = 1;
    const hat = await reconstruct(gpu, flopsPerMs, { ...sae, wDec }, x);
    for (let r = 0; r < rows; r++)
      for (let i = 0; i < count; i++) f[r * dSae + from + i] = (hat[r * d + i] as number) - (bDec[i] as number);
  }
  return f;
}

/** @param values the case's tensors: `x` [rows, d], `f` [rows, F], `x_hat` [rows, d]. */
export async function checkSae(gpu: Gpu, flopsPerMs: number, sae: SaeWeights, values: Tensors): Promise<Outcome> {
  const x = values.get('x');
  if (x?.shape.length !== 2) throw new Error('expected.safetensors has no x [rows, d]');
  const rows = x.shape[0] as number;
  const hat = await reconstruct(gpu, flopsPerMs, sae, x.data as Float32Array);
  const f = await features(gpu, flopsPerMs, sae, x.data as Float32Array);
  const findings: Finding[] = [
    largest('x_hat', hat, wanted(values, 'x_hat'), SAE_TOLERANCE),
    largest('f', f, wanted(values, 'f'), SAE_TOLERANCE),
  ];
  return {
    findings,
    computed: {
      'x_hat.safetensors': { tensors: new Map([['x_hat', { shape: [rows, sae.dIn], data: hat }]]) },
      'f.safetensors': { tensors: new Map([['f', { shape: [rows, sae.dSae], data: f }]]) },
    },
  };
}

/** Where the format's own library computed in bfloat16, the fixture has what it gives in float32 beside that. */
const wanted = (values: Tensors, name: string): ArrayLike<number> => (values.get(`${name}_float32`) ?? values.get(name))?.data ?? [];
