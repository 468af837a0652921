/** What saved SAEs compute, in float64, from the formulas of the papers and of SAELens' forward passes; nothing of it is the lab's code. */

import type { SaeWeights } from '../../../src/sae/weights';
import { randoms } from '../../gpu';

type Latent = { u: number; second: number; v: (name: string) => number };

/** Feature before any selection, of one latent. */
function activation({ arch, options = {} }: SaeWeights, { u, second, v }: Latent): number {
  const relu = (value: number) => Math.max(0, value);
  switch (arch) {
    case 'gated':
    case 'rescale_shift': {
      const magnitude = options.encoders === 'untied' ? second + v('b_mag') : Math.exp(v('r_mag')) * u + v('b_mag');
      return u + v('b_gate') > 0 ? relu(magnitude) : 0;
    }
    case 'jumprelu': {
      const [z, theta] = [u + v('b_enc'), options.theta === 'log' ? Math.exp(v('threshold')) : v('threshold')];
      return z > theta ? z : 0;
    }
    case 'no_heaviside':
      return v('t') * relu(u + v('b_enc'));
    case 'baseline':
    case 'topk':
    case 'batchtopk':
    case 'matryoshka':
      return relu(u + v('b_enc'));
    default:
      throw new Error(`no formula of ${arch}`);
  }
}

/** Whether the encoder sees x − b_dec. */
const subtracts = ({ arch, options = {} }: SaeWeights) => arch !== 'jumprelu' || options['pre-bias'] === 'yes';

/** Features and reconstruction of one row. */
export function computed(sae: SaeWeights, x: ArrayLike<number>): { f: number[]; hat: number[] } {
  const { arch, options = {}, dIn, dSae, wEnc, wSecond, wDec, bDec, vectors, k = 0, threshold = 0 } = sae;
  const input = Array.from({ length: dIn }, (_, c) => (x[c] as number) - (subtracts(sae) ? (bDec[c] as number) : 0));
  const product = (matrix: Float32Array, i: number) => input.reduce((sum, value, c) => sum + value * (matrix[i * dIn + c] as number), 0);
  let f = Array.from({ length: dSae }, (_, i) =>
    activation(sae, {
      u: product(wEnc, i),
      second: wSecond ? product(wSecond, i) : 0,
      v: (name) => vectors[name]?.[i] as number,
    }),
  );
  if (arch === 'topk' && options.threshold !== 'threshold') {
    const kept = [...f.keys()].sort((a, b) => (f[b] as number) - (f[a] as number) || a - b).slice(0, k);
    f = f.map((value, i) => (kept.includes(i) ? value : 0));
  } else if (['topk', 'batchtopk', 'matryoshka'].includes(arch)) {
    f = f.map((value) => (value > threshold ? value : 0));
  }
  const hat = Array.from({ length: dIn }, (_, c) =>
    f.reduce((sum, value, i) => sum + value * (wDec[i * dIn + c] as number), bDec[c] as number),
  );
  return { f, hat };
}

/** The largest difference between what a SAE computes of rows and what it should. */
export function worstError(sae: SaeWeights, { x, f, hat }: { x: Float32Array; f: Float32Array; hat: Float32Array }): number {
  let worst = 0;
  for (let row = 0; row < x.length / sae.dIn; row++) {
    const got = computed(sae, x.subarray(row * sae.dIn, (row + 1) * sae.dIn));
    const differ = (values: number[], expected: Float32Array) =>
      values.forEach((value, i) => {
        const off = Math.abs(value - (expected[row * values.length + i] as number));
        worst = off <= worst ? worst : off;
      });
    differ(got.f, f);
    differ(got.hat, hat);
  }
  return worst;
}

/** A SAE of every architecture and of every option that bears on its weights, with random ones; d 12, 40 latents. */
export const SORTS: Record<string, Pick<SaeWeights, 'arch' | 'options' | 'k' | 'threshold'>> = {
  baseline: { arch: 'baseline' },
  'baseline-free': { arch: 'baseline', options: { penalty: 'sqrt', decoder: 'free', weighted: 'trained' } },
  gated: { arch: 'gated' },
  'gated-no-r': { arch: 'gated', options: { r_mag: 'none', aux: 'unfrozen' } },
  'gated-untied': { arch: 'gated', options: { encoders: 'untied' } },
  'gated-tanh': { arch: 'gated', options: { aux: 'none', penalty: 'tanh', 'penalty-constant': 3 } },
  'rescale-shift': { arch: 'rescale_shift' },
  'no-heaviside': { arch: 'no_heaviside' },
  jumprelu: { arch: 'jumprelu' },
  'jumprelu-log': { arch: 'jumprelu', options: { theta: 'log', 'pre-bias': 'yes', loss: 'tanh' } },
  topk: { arch: 'topk', k: 5, threshold: Math.fround(0.7) },
  'topk-threshold': { arch: 'topk', options: { threshold: 'threshold' }, k: 5, threshold: Math.fround(1.1) },
  batchtopk: { arch: 'batchtopk', k: 6, threshold: Math.fround(0.9) },
  matryoshka: { arch: 'matryoshka', k: 6, threshold: Math.fround(1.3) },
};

/** @param name one of `SORTS`. */
export function someSae(name: string, dIn = 12, dSae = 40): SaeWeights {
  const sort = SORTS[name] as (typeof SORTS)[string];
  const v = (seed: number, times = 0.5) => randoms(dSae, seed).map((value) => times * value);
  const { arch, options } = sort;
  const theta = v(7).map((value) => Math.abs(value) + 0.3);
  const vectors: Record<string, Record<string, Float32Array>> = {
    gated: {
      b_gate: v(4),
      r_mag: options?.r_mag === 'none' || options?.encoders === 'untied' ? new Float32Array(dSae) : v(5),
      b_mag: v(6),
    },
    rescale_shift: { b_gate: v(4), r_mag: v(5), b_mag: v(6) },
    jumprelu: { b_enc: v(4), threshold: options?.theta === 'log' ? theta.map(Math.log) : theta },
    no_heaviside: { b_enc: v(4), t: v(8, 1).map((value) => 1 + value) },
  };
  return {
    ...sort,
    dIn,
    dSae,
    wEnc: randoms(dSae * dIn, 1),
    wDec: randoms(dSae * dIn, 2),
    bDec: randoms(dIn, 3),
    vectors: vectors[arch] ?? { b_enc: v(4) },
    ...(options?.encoders === 'untied' && { wSecond: randoms(dSae * dIn, 9) }),
  };
}
