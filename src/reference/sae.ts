/**
 * Float64 twin of the SAE kernels, written to read like the paper (Rajamanoharan et al. 2024, arXiv 2404.16014).
 * Plain loops, no tricks: this is what the kernels in `shaders/sae` are tested against.
 *
 * Letters: B rows of a batch, D d_in, F d_sae. Matrices are row-major arrays: X [B, D], W_enc and W_dec [F, D] (a latent's
 * encoder and decoder row each contiguous). Loss: sum over D, mean over the batch.
 */
import type { ArchitectureId } from '../sae/architectures';

export interface TwinParams {
  arch: ArchitectureId;
  d: number;
  f: number;
  wEnc: Float64Array;
  wDec: Float64Array;
  bDec: Float64Array;
  /** baseline: b_enc. gated: b_gate. [F] */
  bias: Float64Array;
  /** gated only; zero for the baseline. [F] */
  rMag: Float64Array;
  bMag: Float64Array;
}

/** Gradients have the shape of the parameters. */
export type TwinGradients = Omit<TwinParams, 'arch' | 'd' | 'f'>;

export interface TwinForward {
  /** W_enc (x - b_dec): [B, F]. */
  u: Float64Array;
  /** Feature activations f (gated: f̃ of eq. 6): [B, F]. */
  acts: Float64Array;
  /** ReLU(pi_gate) of a gated SAE, ReLU of the pre-activation of a baseline: [B, F]. */
  gate: Float64Array;
  /** x_hat: [B, D]. */
  xHat: Float64Array;
  /** Reconstruction from `gate` through the frozen decoder (eq. 8's third term): [B, D]. Gated only. */
  xAux: Float64Array;
}

/** Encoder and decoder: eq. 2–3 (baseline), eq. 6–7 (gated). */
export function forward(p: TwinParams, x: Float64Array): TwinForward {
  const { d, f } = p;
  const batch = x.length / d;
  const u = new Float64Array(batch * f);
  const acts = new Float64Array(batch * f);
  const gate = new Float64Array(batch * f);
  const xHat = new Float64Array(batch * d);
  const xAux = new Float64Array(batch * d);
  for (let b = 0; b < batch; b++) {
    for (let k = 0; k < d; k++) xHat[b * d + k] = xAux[b * d + k] = p.bDec[k] as number;
    for (let i = 0; i < f; i++) {
      let dot = 0;
      for (let k = 0; k < d; k++) dot += (p.wEnc[i * d + k] as number) * ((x[b * d + k] as number) - (p.bDec[k] as number));
      const at = b * f + i;
      u[at] = dot;
      const pi = dot + (p.bias[i] as number);
      gate[at] = Math.max(0, pi);
      if (p.arch === 'gated') {
        const magnitude = Math.exp(p.rMag[i] as number) * dot + (p.bMag[i] as number);
        acts[at] = pi > 0 ? Math.max(0, magnitude) : 0;
      } else {
        acts[at] = Math.max(0, pi);
      }
      for (let k = 0; k < d; k++) {
        const w = p.wDec[i * d + k] as number;
        xHat[b * d + k] = (xHat[b * d + k] as number) + (acts[at] as number) * w;
        xAux[b * d + k] = (xAux[b * d + k] as number) + (gate[at] as number) * w;
      }
    }
  }
  return { u, acts, gate, xHat, xAux };
}

export interface TwinLoss {
  loss: number;
  mse_loss: number;
  /** Mean over the batch of the L1 term, before lambda. */
  sparsity_loss: number;
  aux_loss: number;
  l0: number;
  gamma: number;
}

/** Eq. 4 (baseline) and eq. 8 (gated); gamma is eq. 10. */
export function loss(p: TwinParams, x: Float64Array, lambda: number, fw = forward(p, x)): TwinLoss {
  const batch = x.length / p.d;
  let mse = 0;
  let aux = 0;
  let hatHat = 0;
  let hatX = 0;
  for (let j = 0; j < x.length; j++) {
    const value = x[j] as number;
    const hat = fw.xHat[j] as number;
    mse += (value - hat) ** 2;
    aux += (value - (fw.xAux[j] as number)) ** 2;
    hatHat += hat * hat;
    hatX += hat * value;
  }
  let sparsity = 0;
  let l0 = 0;
  for (let j = 0; j < fw.acts.length; j++) {
    sparsity += fw.gate[j] as number;
    if ((fw.acts[j] as number) > 0) l0++;
  }
  const auxLoss = p.arch === 'gated' ? aux / batch : 0;
  return {
    loss: mse / batch + (lambda * sparsity) / batch + auxLoss,
    mse_loss: mse / batch,
    sparsity_loss: sparsity / batch,
    aux_loss: auxLoss,
    l0: l0 / batch,
    gamma: hatHat / hatX,
  };
}

/**
 * Gradients of the loss, by hand: docs/maths.md, checked against finite differences.
 * The stop-gradients of eq. 8 cover the decoder's use of W_dec and b_dec in the auxiliary term only.
 */
export function gradients(p: TwinParams, x: Float64Array, lambda: number, fw = forward(p, x)): TwinGradients {
  const { d, f } = p;
  const batch = x.length / d;
  const g: TwinGradients = {
    wEnc: new Float64Array(f * d),
    wDec: new Float64Array(f * d),
    bDec: new Float64Array(d),
    bias: new Float64Array(f),
    rMag: new Float64Array(f),
    bMag: new Float64Array(f),
  };
  const add = (to: Float64Array, at: number, value: number) => {
    to[at] = (to[at] as number) + value / batch;
  };
  for (let b = 0; b < batch; b++) {
    const e = Float64Array.from({ length: d }, (_, k) => (fw.xHat[b * d + k] as number) - (x[b * d + k] as number));
    const ea = Float64Array.from({ length: d }, (_, k) => (fw.xAux[b * d + k] as number) - (x[b * d + k] as number));
    for (let k = 0; k < d; k++) add(g.bDec, k, 2 * (e[k] as number));
    for (let i = 0; i < f; i++) {
      const at = b * f + i;
      if ((fw.gate[at] as number) <= 0) continue;
      let we = 0;
      let wa = 0;
      for (let k = 0; k < d; k++) {
        we += (p.wDec[i * d + k] as number) * (e[k] as number);
        wa += (p.wDec[i * d + k] as number) * (ea[k] as number);
      }
      let gU: number;
      if (p.arch === 'gated') {
        const scale = Math.exp(p.rMag[i] as number);
        const gM = (fw.acts[at] as number) > 0 ? 2 * we : 0;
        const gPi = 2 * wa + lambda;
        add(g.bMag, i, gM);
        add(g.bias, i, gPi);
        add(g.rMag, i, gM * scale * (fw.u[at] as number));
        gU = gPi + scale * gM;
      } else {
        gU = 2 * we + lambda;
        add(g.bias, i, gU);
      }
      for (let k = 0; k < d; k++) {
        add(g.wEnc, i * d + k, gU * ((x[b * d + k] as number) - (p.bDec[k] as number)));
        add(g.wDec, i * d + k, 2 * (e[k] as number) * (fw.acts[at] as number));
        add(g.bDec, k, -gU * (p.wEnc[i * d + k] as number));
      }
    }
  }
  return g;
}

export interface TwinMoments {
  first: TwinGradients;
  second: TwinGradients;
}

export const zeroMoments = (p: TwinParams): TwinMoments => {
  const zeros = (): TwinGradients => ({
    wEnc: new Float64Array(p.f * p.d),
    wDec: new Float64Array(p.f * p.d),
    bDec: new Float64Array(p.d),
    bias: new Float64Array(p.f),
    rMag: new Float64Array(p.f),
    bMag: new Float64Array(p.f),
  });
  return { first: zeros(), second: zeros() };
};

export interface AdamSettings {
  lr: number;
  beta1: number;
  beta2: number;
  eps: number;
}

/**
 * One optimiser step in place: the decoder gradient loses its component along each unit row, Adam, then each decoder row
 * is divided by its norm (paper D.1.1, as dictionary_learning's ConstrainedAdam). `t` counts from 1.
 */
export function adamStep(p: TwinParams, g: TwinGradients, moments: TwinMoments, t: number, s: AdamSettings): void {
  const { d, f } = p;
  const projected = Float64Array.from(g.wDec);
  for (let i = 0; i < f; i++) {
    let norm = 0;
    let dot = 0;
    for (let k = 0; k < d; k++) {
      norm += (p.wDec[i * d + k] as number) ** 2;
      dot += (p.wDec[i * d + k] as number) * (g.wDec[i * d + k] as number);
    }
    for (let k = 0; k < d; k++) projected[i * d + k] = (projected[i * d + k] as number) - (dot / norm) * (p.wDec[i * d + k] as number);
  }
  const all: TwinGradients = { ...g, wDec: projected };
  for (const name of ['wEnc', 'wDec', 'bDec', 'bias', 'rMag', 'bMag'] as const) {
    const [value, grad, m, v] = [p[name], all[name], moments.first[name], moments.second[name]];
    for (let j = 0; j < value.length; j++) {
      const gradient = grad[j] as number;
      m[j] = s.beta1 * (m[j] as number) + (1 - s.beta1) * gradient;
      v[j] = s.beta2 * (v[j] as number) + (1 - s.beta2) * gradient * gradient;
      const denominator = Math.sqrt((v[j] as number) / (1 - s.beta2 ** t)) + s.eps;
      value[j] = (value[j] as number) - ((s.lr / (1 - s.beta1 ** t)) * (m[j] as number)) / denominator;
    }
  }
  normaliseRows(p.wDec, d);
}

/** Divides each row of `[F, D]` by its Euclidean norm, in place. */
export function normaliseRows(w: Float64Array, d: number): void {
  for (let i = 0; i < w.length; i += d) {
    let norm = 0;
    for (let k = 0; k < d; k++) norm += (w[i + k] as number) ** 2;
    for (let k = 0; k < d; k++) w[i + k] = (w[i + k] as number) / Math.sqrt(norm);
  }
}

/** JumpReLU threshold of each latent of a gated SAE: theta = b_mag - exp(r_mag)·b_gate (paper 3.2.1, App. E). */
export const jumpReluThreshold = (p: TwinParams): Float64Array =>
  Float64Array.from({ length: p.f }, (_, i) => (p.bMag[i] as number) - Math.exp(p.rMag[i] as number) * (p.bias[i] as number));
