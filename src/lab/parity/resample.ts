/** A resampling case through the product: dead latents begin anew on the packed buffers, beside another run, with Adam's moments as the fixture has them. */
import { readFloats, write } from '../../gpu/buffers';
import type { Gpu } from '../../gpu/device';
import { architecture, SUBJECT } from '../../sae/architectures';
import { initialWeights } from '../../sae/init';
import { layoutLimits, layoutOf } from '../../sae/layout';
import { cutRows, padRows } from '../../sae/packing';
import { chooseRows } from '../../sae/resample';
import { SweepTrainer } from '../../sae/trainer';
import { armOf } from './arms';
import { exact, type Finding, largest, type Outcome, sameBits, type Tensor, type Tensors } from './findings';
import { tensorsOf, transpose, weightsOf } from './weights';

/** `expected.json`, as far as it is used. */
export interface ExpectedResampling {
  case: string;
  architecture: string;
  d_in: number;
  d_sae: number;
  picked_rows: number[];
}

export const RESAMPLE_TOLERANCE = 1e-6;

/** Place of the moments' planes: of a matrix, and of `latent_params`. */
const MOMENTS = { 'v.': { matrix: 1, vector: 1 }, 'm.': { matrix: 2, vector: 3 } } as const;
type Moment = keyof typeof MOMENTS;
const KINDS = Object.keys(MOMENTS) as Moment[];

/** The run of the case in its sweep: the second. */
const OWN = 1;

export async function checkResampling(
  gpu: Gpu,
  flopsPerMs: number,
  expected: ExpectedResampling,
  { init, data, final }: { init: Tensors; data: Tensors; final: Tensors },
): Promise<Outcome> {
  const { d_in: d, d_sae: width } = expected;
  const arm = armOf(expected);
  const get = (name: string): Tensor => {
    const tensor = init.get(name);
    if (!tensor) throw new Error(`init.safetensors has no ${name}`);
    return tensor;
  };
  const dead = [...get('dead').data];
  const rows = [...data.values()][0]?.data ?? new Float32Array();
  const picks = chooseRows(get('losses').data, [...get('uniforms').data]) ?? [];
  const pool = gpu.device.createBuffer({ size: 4096, usage: GPUBufferUsage.STORAGE });
  const schedule = { steps: 1, lr: 0, lrWarmup: 0, lrDecay: 0, lambda: 0.1, lambdaWarmup: 0 };
  const optimiser = { beta1: 0.9, beta2: 0.999, eps: 1e-8 };
  const trainer = await SweepTrainer.create(gpu, {
    layout: layoutOf(
      d,
      4,
      [
        { arch: SUBJECT, width: 11 },
        { arch: arm.arch, width },
      ],
      layoutLimits(gpu, flopsPerMs),
      {
        form: 'sparse',
        momentum: true,
      },
    ),
    runs: [initialWeights(SUBJECT, d, 11, 3, new Float32Array(d)), weightsOf(arm, expected, init)].map((weights) => ({
      schedule,
      optimiser,
      weights,
    })),
    pool,
    scale: 1,
    mean: new Float32Array(d),
    flopsPerMs,
    form: 'sparse',
  });
  try {
    const buffers = buffersOf(trainer, arm.arch);
    for (const kind of KINDS) {
      buffers.writeMatrix('w_enc', kind, transpose(get(`${kind}W_enc`).data, d, width));
      buffers.writeMatrix('w_dec', kind, get(`${kind}W_dec`).data as Float32Array);
      buffers.writeVectors(kind, (name) => get(`${kind}${name}`).data);
      buffers.writeBias(kind, get(`${kind}b_dec`).data as Float32Array);
    }
    const inputs = Float32Array.from(picks.flatMap((j) => [...rows.subarray(j * d, (j + 1) * d)]));
    await trainer.resample(OWN, dead, inputs);
    const found = new Map(tensorsOf(await trainer.weights(OWN), [...final.keys()]));
    for (const kind of KINDS) {
      const matrix = await buffers.matrix('w_enc', kind);
      found.set(`${kind}W_enc`, { shape: [d, width], data: transpose(matrix, width, d) });
      found.set(`${kind}W_dec`, { shape: [width, d], data: await buffers.matrix('w_dec', kind) });
      for (const [name, values] of await buffers.vectors(kind)) found.set(`${kind}${name}`, { shape: [width], data: values });
      found.set(`${kind}b_dec`, { shape: [d], data: await buffers.bias(kind) });
    }
    gpu.check();
    const findings: Finding[] = [exact(`picked rows ${picks.join(', ')}`, sameBits(picks, expected.picked_rows))];
    for (const [name, { data: wanted }] of final) {
      const actual = found.get(name)?.data ?? [];
      findings.push(largest(name, actual, wanted, RESAMPLE_TOLERANCE));
      // What begins anew begins at 0, what does not keeps its bits.
      const zeros = [...wanted].every((value, i) => value !== 0 || actual[i] === 0);
      if (/^[mv]\./.test(name)) findings.push(exact(`${name} is exactly 0 where it begins anew`, zeros));
    }
    return { findings, computed: { 'final.safetensors': { tensors: found }, 'steps.json': { json: [{ picked_rows: picks, dead }] } } };
  } finally {
    trainer.destroy();
    pool.destroy();
  }
}

/** Adam's moments of the case's run in the packed buffers, which nothing but resampling touches by latent. */
function buffersOf({ gpu, context, layout }: SweepTrainer, arch: string) {
  const [segment] = context.segments;
  const { first, width } = layout.runs[OWN] as { first: number; width: number };
  if (!segment || context.segments.length > 1) throw new Error('the case does not fit one segment of this device');
  const { vectors } = architecture(arch);
  const { d, quads } = layout;
  const matrixRow = (kind: Moment) => MOMENTS[kind].matrix * segment.count + first;
  const vectorRow = (kind: Moment) => MOMENTS[kind].vector * segment.count + first;
  const biasOf = (kind: Moment) => (kind === 'v.' ? context.shared.b_dec_v : context.shared.b_dec_m);
  return {
    writeMatrix: (name: 'w_enc' | 'w_dec', kind: Moment, values: Float32Array) =>
      write(gpu, segment.buffers[name], matrixRow(kind) * quads * 16, padRows(values, d)),
    writeVectors(kind: Moment, of: (name: string) => ArrayLike<number>) {
      const packed = new Float32Array(width * 4);
      vectors.forEach(({ name }, k) => {
        const values = of(name);
        for (let i = 0; i < width; i++) packed[4 * i + k] = values[i] as number;
      });
      write(gpu, segment.buffers.latent_params, vectorRow(kind) * 16, packed);
    },
    writeBias: (kind: Moment, values: Float32Array) => write(gpu, biasOf(kind), OWN * quads * 16, padRows(values, d)),
    matrix: async (name: 'w_enc' | 'w_dec', kind: Moment) =>
      cutRows(await readFloats(gpu, segment.buffers[name], matrixRow(kind) * quads * 4, width * quads * 4), d),
    async vectors(kind: Moment): Promise<[string, Float32Array][]> {
      const values = await readFloats(gpu, segment.buffers.latent_params, vectorRow(kind) * 4, width * 4);
      return vectors.map(({ name }, k) => [name, Float32Array.from({ length: width }, (_, i) => values[4 * i + k] as number)]);
    },
    bias: async (kind: Moment) => cutRows(await readFloats(gpu, biasOf(kind), OWN * quads * 4, quads * 4), d),
  };
}
