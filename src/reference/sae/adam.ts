/** The optimiser. */
import { type TwinGradients, type TwinParams, tensorsOf, traitsOfTwin, zeros } from './params';

export interface TwinMoments {
  first: TwinGradients;
  second: TwinGradients;
}

export const zeroMoments = (p: TwinParams): TwinMoments => ({ first: zeros(p), second: zeros(p) });

export interface AdamSettings {
  lr: number;
  beta1: number;
  beta2: number;
  eps: number;
  /** Greatest norm of all gradients together; without one they are taken as they are. */
  clip?: number;
}

/** Norm over all tensors that learn, before clipping, and the factor that clipping put on them. */
export interface TwinUpdate {
  gradNorm: number;
  clipFactor: number;
}

/**
 * One optimiser step in place. Where decoder rows are held at norm 1, their gradient loses its component along each row and they are divided by their
 * norm after Adam (paper D.1.1, as dictionary_learning's ConstrainedAdam). Clipping comes between, over all tensors that learn together, as
 * torch.nn.utils.clip_grad_norm_. `t` counts from 1.
 */
export function adamStep(p: TwinParams, g: TwinGradients, moments: TwinMoments, t: number, s: AdamSettings): TwinUpdate {
  const { decoder, fixed } = traitsOfTwin(p);
  const isUnit = decoder === 'unit' && !fixed.includes('W_dec');
  const used: TwinGradients = isUnit ? { ...g, wDec: withoutRadial(p.wDec, g.wDec, p.d) } : g;
  const [grads, firsts, seconds] = [used, moments.first, moments.second].map((tensors) => tensorsOf(p.arch, tensors)) as [
    Record<string, Float64Array>,
    Record<string, Float64Array>,
    Record<string, Float64Array>,
  ];
  const learning = Object.entries(tensorsOf(p.arch, p)).filter(([name]) => !fixed.includes(name));
  let square = 0;
  for (const [name] of learning) for (const value of grads[name] as Float64Array) square += value * value;
  const gradNorm = Math.sqrt(square);
  const clipFactor = s.clip ? Math.min(1, s.clip / (gradNorm + 1e-6)) : 1;
  for (const [name, value] of learning) {
    const [grad, m, v] = [grads[name], firsts[name], seconds[name]] as [Float64Array, Float64Array, Float64Array];
    for (let j = 0; j < value.length; j++) {
      const gradient = (grad[j] as number) * clipFactor;
      m[j] = s.beta1 * (m[j] as number) + (1 - s.beta1) * gradient;
      v[j] = s.beta2 * (v[j] as number) + (1 - s.beta2) * gradient * gradient;
      const denominator = Math.sqrt((v[j] as number) / (1 - s.beta2 ** t)) + s.eps;
      value[j] = (value[j] as number) - ((s.lr / (1 - s.beta1 ** t)) * (m[j] as number)) / denominator;
    }
  }
  if (isUnit) normaliseRows(p.wDec, p.d);
  return { gradNorm, clipFactor };
}

/** A gradient `[F, D]` without its component along each row of w. */
function withoutRadial(w: Float64Array, gradient: Float64Array, d: number): Float64Array {
  const out = Float64Array.from(gradient);
  for (let i = 0; i < w.length; i += d) {
    let norm = 0;
    let dot = 0;
    for (let k = 0; k < d; k++) {
      norm += (w[i + k] as number) ** 2;
      dot += (w[i + k] as number) * (gradient[i + k] as number);
    }
    for (let k = 0; k < d; k++) out[i + k] = (out[i + k] as number) - (dot / norm) * (w[i + k] as number);
  }
  return out;
}

/** Divides each row of `[F, D]` by its Euclidean norm, in place. */
export function normaliseRows(w: Float64Array, d: number): void {
  for (let i = 0; i < w.length; i += d) {
    let norm = 0;
    for (let k = 0; k < d; k++) norm += (w[i + k] as number) ** 2;
    for (let k = 0; k < d; k++) w[i + k] = (w[i + k] as number) / Math.sqrt(norm);
  }
}
