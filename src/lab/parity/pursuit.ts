/** A case of gradient pursuit through the product: the same latents in every round, their weights, and what is made of them. */
import type { Gpu } from '../../gpu/device';
import { GradientPursuit } from '../../sae/pursuit';
import { exact, type Finding, largest, type Outcome, relative, sameBits, type Tensor, type Tensors } from './findings';

/** `expected.json`, as far as it is used. */
export interface ExpectedPursuit {
  d_in: number;
  d_sae: number;
  rows: number;
  per_k: { k: number; l0: number; mse: number; fvu: number; gamma: number }[];
}

/** Of codes and reconstructions. */
export const PURSUIT_TOLERANCE = 1e-4;

export async function checkPursuit(
  gpu: Gpu,
  { d_in: dIn, d_sae: dSae, rows, per_k }: ExpectedPursuit,
  { init, data, final }: { init: Tensors; data: Tensors; final: Tensors },
): Promise<Outcome> {
  const get = (tensors: Tensors, name: string) => {
    const tensor = tensors.get(name);
    if (!tensor) throw new Error(`the case has no ${name}`);
    return tensor.data;
  };
  const x = get(data, 'activations') as Float32Array;
  const dictionary = { dIn, dSae, wDec: get(init, 'W_dec') as Float32Array, bDec: get(init, 'b_dec') as Float32Array };
  const pursuit = await GradientPursuit.create(gpu, dictionary, { rows, k: Math.max(...per_k.map(({ k }) => k)) });
  const findings: Finding[] = [];
  const tensors = new Map<string, Tensor>();
  const figures: Record<string, number>[] = [];
  try {
    for (const { k, ...wanted } of per_k) {
      const { picks, codes, xHat } = await pursuit.run(x, k);
      findings.push(exact(`picks_k${k}`, sameBits(picks, get(final, `picks_k${k}`))));
      findings.push(largest(`codes_k${k}`, codes, get(final, `codes_k${k}`), PURSUIT_TOLERANCE));
      findings.push(largest(`x_hat_k${k}`, xHat, get(final, `x_hat_k${k}`), PURSUIT_TOLERANCE));
      const found = figuresOf(x, codes, xHat, dIn);
      for (const [name, value] of Object.entries(wanted))
        if (name in found) findings.push(relative(`${name} at k ${k}`, found[name as keyof typeof found], value, PURSUIT_TOLERANCE));
      figures.push({ k, ...found });
      tensors.set(`picks_k${k}`, { shape: [rows, k], data: picks });
      tensors.set(`codes_k${k}`, { shape: [rows, dSae], data: codes });
      tensors.set(`x_hat_k${k}`, { shape: [rows, dIn], data: xHat });
    }
    gpu.check();
  } finally {
    pursuit.destroy();
  }
  return { findings, computed: { 'final.safetensors': { tensors }, 'steps.json': { json: figures } } };
}

function figuresOf(x: Float32Array, codes: Float32Array, xHat: Float32Array, d: number) {
  const rows = x.length / d;
  const mean = Array.from({ length: d }, (_, k) => {
    let sum = 0;
    for (let j = k; j < x.length; j += d) sum += x[j] as number;
    return sum / rows;
  });
  const sums = { error: 0, spread: 0, hat: 0, cross: 0 };
  x.forEach((value, j) => {
    const hat = xHat[j] as number;
    sums.error += (value - hat) ** 2;
    sums.spread += (value - (mean[j % d] as number)) ** 2;
    sums.hat += hat * hat;
    sums.cross += hat * value;
  });
  return {
    l0: codes.filter((code) => code !== 0).length / rows,
    mse: sums.error / rows,
    fvu: sums.error / sums.spread,
    gamma: sums.hat / sums.cross,
  };
}
