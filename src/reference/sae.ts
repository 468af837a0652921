/**
 * Float64 twin of the SAE kernels, written to read like the paper (Rajamanoharan et al. 2024, arXiv 2404.16014). Plain loops, no tricks: this is what the
 * kernels in `shaders/sae` and the training step are tested against, and the self-test too. What an architecture computes of a pre-activation is the `twin`
 * of its module in `src/sae/architectures`; the rest is the same for all.
 *
 * Letters: B rows of a batch, D d_in, F d_sae. Matrices are row-major arrays: X [B, D], W_enc and W_dec [F, D] (a latent's
 * encoder and decoder row each contiguous). Loss: sum over D, mean over the batch.
 */
import { type ArchitectureId, architecture, type OptionValues, optionValues, type TwinStep, traitsOfRun } from '../sae/architectures';

/** Parameters that are trained. */
export interface TwinTensors {
  wEnc: Float64Array;
  wDec: Float64Array;
  bDec: Float64Array;
  /** `[F]` each, in the order of the table's `vectors`. */
  vectors: Float64Array[];
}

export interface TwinParams extends TwinTensors {
  arch: ArchitectureId;
  d: number;
  f: number;
  /** As the kernels see them. */
  options: readonly number[];
}

/** Gradients have the shape of the parameters. */
export type TwinGradients = TwinTensors;

/** All tensors by the names that they have in files. */
export const tensorsOf = (arch: ArchitectureId, { wEnc, wDec, bDec, vectors }: TwinTensors): Record<string, Float64Array> => ({
  W_enc: wEnc,
  W_dec: wDec,
  b_dec: bDec,
  ...Object.fromEntries(architecture(arch).vectors.map(({ name }, k) => [name, vectors[k] as Float64Array])),
});

/** A trainer's weights in float64. */
export function twinOf(
  w: {
    arch: ArchitectureId;
    dIn: number;
    dSae: number;
    wEnc: ArrayLike<number>;
    wDec: ArrayLike<number>;
    bDec: ArrayLike<number>;
    vectors: Record<string, ArrayLike<number>>;
  },
  options: OptionValues = {},
): TwinParams {
  const entry = architecture(w.arch);
  return {
    arch: w.arch,
    d: w.dIn,
    f: w.dSae,
    options: optionValues(entry, options),
    wEnc: Float64Array.from(w.wEnc),
    wDec: Float64Array.from(w.wDec),
    bDec: Float64Array.from(w.bDec),
    vectors: entry.vectors.map(({ name }) => Float64Array.from(w.vectors[name] as ArrayLike<number>)),
  };
}

export interface TwinForward {
  /** W_enc (x - b_dec): [B, F]. */
  u: Float64Array;
  /** Feature activations f (gated: f̃ of eq. 6): [B, F]. */
  acts: Float64Array;
  /** What the auxiliary decoder sees (gated: ReLU(pi_gate)): [B, F]. */
  gate: Float64Array;
  /** What the sparsity term sums: [B, F]. */
  penalty: Float64Array;
  /** x_hat: [B, D]. */
  xHat: Float64Array;
  /** Reconstruction from `gate` through the frozen decoder (eq. 8's third term): [B, D]. */
  xAux: Float64Array;
}

/** What the architectures are told of a step of constant lambda. */
const stepOf = (lambda: number): TwinStep => ({ lambda, power: 1, nextPower: 1, threshold: -1, evaluates: false });

const vectorsOf = ({ vectors }: TwinParams, i: number): number[] => vectors.map((values) => values[i] as number);

/** Encoder and decoder: eq. 2–3 (baseline), eq. 6–7 (gated). */
export function forward(p: TwinParams, x: Float64Array): TwinForward {
  const { d, f, options } = p;
  const { twin } = architecture(p.arch);
  const batch = x.length / d;
  const u = new Float64Array(batch * f);
  const acts = new Float64Array(batch * f);
  const gate = new Float64Array(batch * f);
  const penalty = new Float64Array(batch * f);
  const xHat = new Float64Array(batch * d);
  const xAux = new Float64Array(batch * d);
  for (let b = 0; b < batch; b++) {
    for (let k = 0; k < d; k++) xHat[b * d + k] = xAux[b * d + k] = p.bDec[k] as number;
    for (let i = 0; i < f; i++) {
      let dot = 0;
      for (let k = 0; k < d; k++) dot += (p.wEnc[i * d + k] as number) * ((x[b * d + k] as number) - (p.bDec[k] as number));
      const at = b * f + i;
      const act = twin.activate({ u: dot, second: 0, norm: 1 }, vectorsOf(p, i), options, stepOf(0));
      u[at] = dot;
      acts[at] = act.f;
      gate[at] = act.gate;
      penalty[at] = act.penalty;
      for (let k = 0; k < d; k++) {
        const w = p.wDec[i * d + k] as number;
        xHat[b * d + k] = (xHat[b * d + k] as number) + act.f * w;
        xAux[b * d + k] = (xAux[b * d + k] as number) + act.gate * w;
      }
    }
  }
  return { u, acts, gate, penalty, xHat, xAux };
}

export interface TwinLoss {
  loss: number;
  mse_loss: number;
  /** Mean over the batch of the sparsity term, before lambda. */
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
    sparsity += fw.penalty[j] as number;
    if (fw.acts[j] !== 0) l0++;
  }
  const auxLoss = traitsOfRun({ arch: p.arch }).aux !== 'none' ? aux / batch : 0;
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
  const { d, f, options } = p;
  const { twin } = architecture(p.arch);
  const hasAux = traitsOfRun({ arch: p.arch }).aux !== 'none';
  const step = stepOf(lambda);
  const batch = x.length / d;
  const g = zeros(p);
  const add = (to: Float64Array, at: number, value: number) => {
    to[at] = (to[at] as number) + value / batch;
  };
  for (let b = 0; b < batch; b++) {
    const e = Float64Array.from({ length: d }, (_, k) => (fw.xHat[b * d + k] as number) - (x[b * d + k] as number));
    const ea = Float64Array.from({ length: d }, (_, k) => (fw.xAux[b * d + k] as number) - (x[b * d + k] as number));
    for (let k = 0; k < d; k++) add(g.bDec, k, 2 * (e[k] as number));
    for (let i = 0; i < f; i++) {
      const at = b * f + i;
      const [u, acts, v] = [fw.u[at] as number, fw.acts[at] as number, vectorsOf(p, i)];
      if (!twin.touched(u, v, options, step)) continue;
      let we = 0;
      let wa = 0;
      for (let k = 0; k < d; k++) {
        we += (p.wDec[i * d + k] as number) * (e[k] as number);
        if (hasAux) wa += (p.wDec[i * d + k] as number) * (ea[k] as number);
      }
      const act = { f: acts, gate: fw.gate[at] as number, penalty: fw.penalty[at] as number, extra: 0 };
      const back = twin.backward({ at: { u, second: 0, norm: 1 }, v, o: options, act, we, wa, step });
      for (const [k, values] of g.vectors.entries()) add(values, i, back.vectors[k] as number);
      for (let k = 0; k < d; k++) {
        add(g.wEnc, i * d + k, back.u * ((x[b * d + k] as number) - (p.bDec[k] as number)));
        add(g.wDec, i * d + k, 2 * (e[k] as number) * acts);
        add(g.bDec, k, -back.u * (p.wEnc[i * d + k] as number));
      }
    }
  }
  return g;
}

export interface TwinMoments {
  first: TwinGradients;
  second: TwinGradients;
}

const zeros = ({ d, f, vectors }: TwinParams): TwinGradients => ({
  wEnc: new Float64Array(f * d),
  wDec: new Float64Array(f * d),
  bDec: new Float64Array(d),
  vectors: vectors.map(() => new Float64Array(f)),
});

export const zeroMoments = (p: TwinParams): TwinMoments => ({ first: zeros(p), second: zeros(p) });

export interface AdamSettings {
  lr: number;
  beta1: number;
  beta2: number;
  eps: number;
}

/**
 * One optimiser step in place. Where decoder rows are held at norm 1, their gradient loses its component along each row and they are divided by their
 * norm after Adam (paper D.1.1, as dictionary_learning's ConstrainedAdam). `t` counts from 1.
 */
export function adamStep(p: TwinParams, g: TwinGradients, moments: TwinMoments, t: number, s: AdamSettings): void {
  const isUnit = traitsOfRun({ arch: p.arch }).decoder === 'unit';
  const used: TwinGradients = isUnit ? { ...g, wDec: withoutRadial(p.wDec, g.wDec, p.d) } : g;
  const all = [used, moments.first, moments.second].map((tensors) => tensorsOf(p.arch, tensors));
  for (const [name, value] of Object.entries(tensorsOf(p.arch, p))) {
    const [grad, m, v] = all.map((tensors) => tensors[name]) as [Float64Array, Float64Array, Float64Array];
    for (let j = 0; j < value.length; j++) {
      const gradient = grad[j] as number;
      m[j] = s.beta1 * (m[j] as number) + (1 - s.beta1) * gradient;
      v[j] = s.beta2 * (v[j] as number) + (1 - s.beta2) * gradient * gradient;
      const denominator = Math.sqrt((v[j] as number) / (1 - s.beta2 ** t)) + s.eps;
      value[j] = (value[j] as number) - ((s.lr / (1 - s.beta1 ** t)) * (m[j] as number)) / denominator;
    }
  }
  if (isUnit) normaliseRows(p.wDec, p.d);
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
