/** Encoder, selection and decoders, row by row. */
import { architecture } from '../../sae/architectures';
import { kernelOptions, momentOf, type TwinGiven, type TwinMoment, type TwinParams, traitsOfTwin, vectorsOf } from './params';
import { leastKept, select, selectDead, sinceFired } from './select';

export interface TwinForward {
  /** W_enc (x - b_dec), or W_enc x: [B, F]. */
  u: Float64Array;
  /** The same by the second encoder matrix, 0 without one: [B, F]. */
  second: Float64Array;
  /** Norms of the decoder's rows where the formulas use them, else 1: [F]. */
  norms: Float64Array;
  /** Feature activations f (gated: f̃ of eq. 6): [B, F]. */
  acts: Float64Array;
  /** What the auxiliary decoder sees (gated: ReLU(pi_gate)): [B, F]. */
  gate: Float64Array;
  /** What the sparsity term sums: [B, F]. */
  penalty: Float64Array;
  /** A second sum that the architecture wants: [B, F]. */
  extra: Float64Array;
  /** 1 where a selection keeps the pair, in the main path or for AuxK; everywhere without selection: [B, F]. */
  kept: Uint8Array;
  /** x_hat: [B, D]. */
  xHat: Float64Array;
  /** Reconstruction from `gate` through the auxiliary decoder (eq. 8's third term; AuxK: of the error): [B, D]. */
  xAux: Float64Array;
  /** x_hat - x of each nested reconstruction, the whole one last; that one alone without nesting: [B, D]. */
  errors: Float64Array[];
  /** Error of the auxiliary reconstruction: [B, D]. */
  auxError: Float64Array;
  /** Weight of ‖auxError‖², 0 without an auxiliary path. */
  auxWeight: number;
  /** Where the nested reconstructions end, and their weights in the loss. */
  prefixes: readonly { end: number; weight: number }[];
  /** Of a selection: rows since each latent last fired, this batch included; dead latents; what AuxK may take a row; see `leastKept`. */
  selection?: { since: Float64Array; dead: boolean[]; kAux: number; least: number };
}

/** Rows of `[F, D]` times x, with b_dec taken off where the encoder sees x - b_dec: [B, F]. */
function product(w: Float64Array, x: Float64Array, offset: Float64Array | undefined, d: number): Float64Array {
  const f = w.length / d;
  return Float64Array.from({ length: (x.length / d) * f }, (_, at) => {
    const [row, i] = [Math.floor(at / f) * d, (at % f) * d];
    let sum = 0;
    for (let k = 0; k < d; k++) sum += (w[i + k] as number) * ((x[row + k] as number) - (offset?.[k] ?? 0));
    return sum;
  });
}

/** bias + values · W_dec, of the latents before `end`: [B, D]. */
function decode(p: TwinParams, values: Float64Array, bias: Float64Array | undefined, end = p.f): Float64Array {
  const { d, f, wDec } = p;
  const out = new Float64Array((values.length / f) * d);
  for (let b = 0; b < values.length / f; b++) {
    for (let k = 0; k < d; k++) out[b * d + k] = bias?.[k] ?? 0;
    for (let i = 0; i < end; i++) {
      const value = values[b * f + i] as number;
      if (value === 0) continue;
      for (let k = 0; k < d; k++) out[b * d + k] = (out[b * d + k] as number) + value * (wDec[i * d + k] as number);
    }
  }
  return out;
}

const minus = (a: Float64Array, b: Float64Array): Float64Array => a.map((value, j) => value - (b[j] as number));

/** E‖e - E e‖². */
function variance(e: Float64Array, d: number): number {
  const rows = e.length / d;
  const mean = new Float64Array(d);
  for (let j = 0; j < e.length; j++) mean[j % d] = (mean[j % d] as number) + (e[j] as number) / rows;
  return e.reduce((sum, value, j) => sum + (value - (mean[j % d] as number)) ** 2, 0) / rows;
}

/** The auxiliary path: its reconstruction, its error and its weight in the loss. */
function auxiliary(p: TwinParams, x: Float64Array, gate: Float64Array, xHat: Float64Array, anyDead: boolean) {
  const { aux, auxK } = traitsOfTwin(p);
  if (aux !== 'error') {
    const xAux = decode(p, gate, p.bDec);
    return { xAux, auxError: minus(xAux, x), auxWeight: aux === 'none' ? 0 : 1 };
  }
  const xAux = decode(p, gate, undefined);
  const error = minus(x, xHat);
  return { xAux, auxError: minus(xAux, error), auxWeight: anyDead ? (auxK?.coefficient ?? 0) / variance(error, p.d) : 0 };
}

/** Which (row, latent) pairs a selection keeps, and what it finds of dead latents; undefined without a selection in this step. */
function selection(p: TwinParams, pairs: (since: ArrayLike<number>) => Float64Array, s: TwinMoment) {
  const { selects, auxK, inference } = traitsOfTwin(p);
  if (selects === 'none' || (s.evaluates && inference?.by === 'threshold')) return undefined;
  const values = pairs(new Float64Array(p.f));
  const kept = select(selects, values, p.f, s.k);
  const least = leastKept(selects, values, kept, p.f);
  const since = sinceFired(s.since, kept);
  const dead = Array.from(since, (rows) => auxK !== undefined && !s.evaluates && rows >= auxK.deadAfter);
  const kAux = Math.min(auxK?.k || Math.floor(p.d / 2), dead.filter(Boolean).length);
  const taken = selectDead(values, dead, kAux);
  return { kept: kept.map((bit, at) => bit | (taken[at] as number)), found: { since, dead, kAux, least } };
}

/** Encoder and decoder: eq. 2–3 (baseline), eq. 6–7 (gated), and what the table says of the others. */
export function forward(p: TwinParams, x: Float64Array, given: TwinGiven = 0): TwinForward {
  const { d, f } = p;
  const s = momentOf(p, given);
  const options = kernelOptions(p);
  const { twin } = architecture(p.arch);
  const traits = traitsOfTwin(p);
  const offset = traits.preBias ? p.bDec : undefined;
  const u = product(p.wEnc, x, offset, d);
  const second = p.wSecond ? product(p.wSecond, x, offset, d) : new Float64Array(u.length);
  const norms = Float64Array.from({ length: f }, (_, i) => (traits.norms ? Math.hypot(...p.wDec.subarray(i * d, (i + 1) * d)) : 1));
  const activated = (since: ArrayLike<number>) => {
    const own = Array.from({ length: f }, (_, i) => [...vectorsOf(p, i), ...(traits.auxK ? [since[i] as number] : [])]);
    return Array.from(u, (value, at) => {
      const i = at % f;
      const point = { u: value, second: second[at] as number, norm: norms[i] as number };
      return twin.activate(point, own[i] as number[], options, s);
    });
  };
  const chosen = selection(p, (since) => Float64Array.from(activated(since), (act) => act.f), s);
  const pairs = activated(chosen?.found.since ?? new Float64Array(f));
  const kept = chosen?.kept ?? new Uint8Array(u.length).fill(1);
  const of = (name: 'f' | 'gate' | 'penalty' | 'extra') => Float64Array.from(pairs, (act, at) => (kept[at] === 1 ? act[name] : 0));
  const [acts, gate] = [of('f'), of('gate')];
  const prefixes = traits.prefixes?.(f) ?? [{ end: f, weight: 1 }];
  const hats = prefixes.map(({ end }) => decode(p, acts, p.bDec, end));
  const xHat = hats.at(-1) as Float64Array;
  return {
    u,
    second,
    norms,
    acts,
    gate,
    penalty: of('penalty'),
    extra: of('extra'),
    kept,
    xHat,
    errors: hats.map((hat) => minus(hat, x)),
    prefixes,
    ...auxiliary(p, x, gate, xHat, chosen?.found.dead.includes(true) ?? false),
    ...(chosen && { selection: chosen.found }),
  };
}
