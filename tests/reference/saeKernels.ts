/**
 * Float64 twins of the single kernels of `shaders/sae` and `shaders/sae/dense`, in plain loops; the whole step's twin, written
 * like the paper, is `sae.ts`. A twin takes what its kernel takes and returns what it writes.
 *
 * Rows are `width` values apart, as in the kernels: D rounded up to 4, the surplus zero. `latents` is `[latents, 4]`: the
 * vectors of the architecture table, then the owning run (plane 0 of `latent_params`). `u` is `[rows, latents]`.
 */
import { type ArchitectureId, architecture, type TwinActivation, type TwinStep, traitsOfRun } from '../../src/sae/architectures';

type Numbers = ArrayLike<number>;

/** A run of a packed sweep. */
export interface TwinRun {
  arch: ArchitectureId;
  first: number;
  width: number;
  lambda: number;
}

const at = (values: Numbers, i: number): number => values[i] as number;

/** Calls `visit` for every (row, column), and puts its result into a new `[rows, width]` array. */
function matrix(rows: number, width: number, value: (row: number, k: number) => number): Float64Array {
  return Float64Array.from({ length: rows * width }, (_, i) => value(Math.floor(i / width), i % width));
}

function dot(width: number, a: Numbers, a0: number, b: Numbers, b0: number): number {
  let sum = 0;
  for (let k = 0; k < width; k++) sum += at(a, a0 + k) * at(b, b0 + k);
  return sum;
}

/** gather: x[b] = pool[slots[b]]·scale - mean. */
export const gather = (pool: Numbers, slots: Numbers, mean: Numbers, scale: number, width: number): Float64Array =>
  matrix(slots.length, width, (b, k) => at(pool, at(slots, b) * width + k) * scale - at(mean, k));

/** center: the same from rows `[*, d]` without padding, from row `first` on. */
export const center = (raw: Numbers, mean: Numbers, scale: number, first: number, rows: number, d: number, width: number): Float64Array =>
  matrix(rows, width, (b, k) => (k < d ? at(raw, (first + b) * d + k) * scale - at(mean, k) : 0));

/** correction: c_i = <W_enc row i, b_dec of its run - mean>; `bias` is `[R + 1, width]`, the last row the mean. */
export function correction(wEnc: Numbers, bias: Numbers, latents: Numbers, width: number): Float64Array {
  const mean = bias.length - width;
  return Float64Array.from({ length: latents.length / 4 }, (_, i) => {
    const run = at(latents, 4 * i + 3);
    let sum = 0;
    for (let k = 0; k < width; k++) sum += at(wEnc, i * width + k) * (at(bias, run * width + k) - at(bias, mean + k));
    return sum;
  });
}

/** dense/encode, and what encode forms on its way: u = x W_encᵀ - c, rows [first, first + rows) of x. */
export const encode = (x: Numbers, wEnc: Numbers, c: Numbers, first: number, rows: number, width: number): Float64Array =>
  matrix(rows, c.length, (b, i) => dot(width, x, (first + b) * width, wEnc, i * width) - at(c, i));

const STEP: TwinStep = { lambda: 0, power: 1, nextPower: 1, threshold: -1, evaluates: false };

/** A latent's vectors, in the table's order. */
const vectorsOf = (arch: ArchitectureId, latents: Numbers, i: number): number[] =>
  architecture(arch).vectors.map((_, k) => at(latents, 4 * i + k));

/** Eq. 2 and 6–7: what the decoder sees (f), what the auxiliary decoder sees (gate), what the sparsity term sums (penalty). Options are not in these scenes. */
export const activate = (arch: ArchitectureId, u: number, latents: Numbers, i: number): TwinActivation =>
  architecture(arch).twin.activate({ u, second: 0, norm: 1 }, vectorsOf(arch, latents, i), [], STEP);

/**
 * encode: the active set {u + bias > 0} of the runs' latents, without padding, a bit a (row, latent). A word holds 4 rows x 4 latents, bit 4·(latent % 4) + row % 4; by
 * rows `[rowGroups, latents/4]`, then by latents `[latents/4, rowGroups]`. Rows that `u` lacks are 0.
 */
export function activeSet(u: Numbers, latents: Numbers, runs: readonly TwinRun[], rowGroups: number): Uint32Array {
  const total = latents.length / 4;
  const words = new Uint32Array((2 * rowGroups * total) / 4);
  const set = (word: number, bit: number) => {
    words[word] = at(words, word) | (1 << bit);
  };
  const isPadding = Array.from({ length: total }, (_, i) => !runs.some(({ first, width }) => i >= first && i < first + width));
  for (let b = 0; b < u.length / total; b++) {
    for (let i = 0; i < total; i++) {
      if (isPadding[i]) continue;
      if (!(at(u, b * total + i) + at(latents, 4 * i) > 0)) continue;
      const [rows, columns, bit] = [Math.floor(b / 4), Math.floor(i / 4), 4 * (i % 4) + (b % 4)];
      set(rows * (total / 4) + columns, bit);
      set((rowGroups * total) / 4 + columns * rowGroups + rows, bit);
    }
  }
  return words;
}

/** choose: whether a run whose active set over `rows` rows has this size takes the dense form. */
export const takesDense = (count: number, run: TwinRun, rows: number, share: number): boolean => count / (run.width * rows) > share;

export interface TwinEntry {
  /** Relative to the run. */
  latent: number;
  f: number;
  gate: number;
}

/** What decode lists of one row and run, and dense/activate writes of it: {gate > 0} in the order of the latents. */
export function activeList(u: Numbers, latents: Numbers, run: TwinRun, row: number): TwinEntry[] {
  const total = latents.length / 4;
  const list: TwinEntry[] = [];
  for (let latent = 0; latent < run.width; latent++) {
    const i = run.first + latent;
    const { f, gate } = activate(run.arch, at(u, row * total + i), latents, i);
    if (gate > 0) list.push({ latent, f, gate });
  }
  return list;
}

export interface TwinRow {
  /** x_hat - x and x_aux - x, `[width]`. */
  e: Float64Array;
  aux: Float64Array;
  /** ‖e‖², ‖e_aux‖² (0 without an auxiliary loss), L1, L0, ‖x_hat‖², x_hat·x, ‖x‖². */
  stats: number[];
}

/** decode, and dense/decode with dense/row_stats: one row of one run from its active list; `x` is the centred row, `bDec` and `mean` are `[width]`. */
export function decode(list: readonly TwinEntry[], run: TwinRun, wDec: Numbers, x: Numbers, bDec: Numbers, mean: Numbers): TwinRow {
  const width = x.length;
  const e = new Float64Array(width);
  const aux = new Float64Array(width);
  const stats = [0, 0, 0, 0, 0, 0, 0];
  const add = (i: number, value: number) => {
    stats[i] = (stats[i] as number) + value;
  };
  for (let k = 0; k < width; k++) {
    const raw = at(x, k) + at(mean, k);
    let hat = at(bDec, k);
    let second = at(bDec, k);
    for (const { latent, f, gate } of list) {
      const w = at(wDec, (run.first + latent) * width + k);
      hat += f * w;
      second += gate * w;
    }
    e[k] = hat - raw;
    aux[k] = second - raw;
    add(0, (hat - raw) ** 2);
    if (traitsOfRun({ arch: run.arch }).aux !== 'none') add(1, (second - raw) ** 2);
    add(4, hat * hat);
    add(5, hat * raw);
    add(6, raw * raw);
  }
  for (const { f, gate } of list) {
    add(2, gate);
    if (f > 0) add(3, 1);
  }
  return { e, aux, stats };
}

/** reduce_stats: sums over rows; the eighth value is the sum of the cosines of x_hat and x (0 where either vanishes). */
export function reduceStats(rows: readonly Numbers[]): number[] {
  const totals = new Array<number>(10).fill(0);
  for (const row of rows) {
    for (const i of [0, 1, 2, 3, 4, 5, 6, 8, 9]) totals[i] = (totals[i] as number) + at(row, i);
    const norms = at(row, 4) * at(row, 6);
    if (norms > 0) totals[7] = (totals[7] as number) + at(row, 5) / Math.sqrt(norms);
  }
  return totals;
}

export interface TwinLatentGradient {
  /** `[width]`; the encoder's without what b_dec contributes (see `encoderGradient`). */
  enc: Float64Array;
  dec: Float64Array;
  /** Of the latent's three scalars and of u, means over the batch. */
  sums: number[];
  /** Rows with f > 0. */
  fires: number;
}

/**
 * Backward pass of one latent over some rows (in latent_update, and dense/pull, dense/latent_sums and dense/row_gradient together).
 * `x` is `[*, width]` from its row `first` on; `e` and `aux` are `[rows, width]`; `batch` is what means are over.
 */
export function latentBackward(
  i: number,
  run: TwinRun,
  latents: Numbers,
  u: Numbers,
  x: Numbers,
  first: number,
  e: Numbers,
  aux: Numbers,
  wDec: Numbers,
  batch: number,
): TwinLatentGradient {
  const total = latents.length / 4;
  const rows = u.length / total;
  const width = wDec.length / total;
  const { twin } = architecture(run.arch);
  const hasAux = traitsOfRun({ arch: run.arch }).aux !== 'none';
  const step = { ...STEP, lambda: run.lambda };
  const out: TwinLatentGradient = { enc: new Float64Array(width), dec: new Float64Array(width), sums: [0, 0, 0, 0], fires: 0 };
  const add = (to: number[] | Float64Array, k: number, value: number) => {
    to[k] = (to[k] as number) + value / batch;
  };
  for (let b = 0; b < rows; b++) {
    const ui = at(u, b * total + i);
    const act = activate(run.arch, ui, latents, i);
    const { f } = act;
    const v = vectorsOf(run.arch, latents, i);
    if (!twin.touched(ui, v, [], step)) continue;
    const we = dot(width, wDec, i * width, e, b * width);
    const wa = hasAux ? dot(width, wDec, i * width, aux, b * width) : 0;
    const back = twin.backward({ at: { u: ui, second: 0, norm: 1 }, v, o: [], act, we, wa, step });
    back.vectors.forEach((g, k) => {
      add(out.sums, k, g);
    });
    add(out.sums, 3, back.u);
    if (f > 0) out.fires++;
    for (let k = 0; k < width; k++) {
      add(out.enc, k, back.u * at(x, (first + b) * width + k));
      add(out.dec, k, 2 * f * at(e, b * width + k));
    }
  }
  return out;
}

/** bias_errors: (2/B) sum of the rows of e. */
export function biasErrors(e: Numbers, width: number, batch: number): Float64Array {
  const sums = new Float64Array(width);
  for (let j = 0; j < e.length; j++) sums[j % width] = (sums[j % width] as number) + (2 * at(e, j)) / batch;
  return sums;
}

/** latent_update's shares, and dense/bias_gradient, together with bias_shares: minus sum_i s_i W_enc_i over the run's latents. */
export const biasGradient = (s: Numbers, wEnc: Numbers, run: TwinRun, width: number): Float64Array =>
  Float64Array.from({ length: width }, (_, k) => {
    let sum = 0;
    for (let i = run.first; i < run.first + run.width; i++) sum -= at(s, i) * at(wEnc, i * width + k);
    return sum;
  });

export interface TwinAdam {
  lr: number;
  beta1: number;
  beta2: number;
  eps: number;
  /** Counted from 1. */
  t: number;
}

export interface TwinAdamState {
  value: Float64Array;
  v: Float64Array;
  m: Float64Array;
}

/** adam_bias and dense/adam_latents: one Adam step; new arrays. */
export function adam(value: Numbers, g: Numbers, v: Numbers, m: Numbers, s: TwinAdam): TwinAdamState {
  const out: TwinAdamState = {
    value: new Float64Array(value.length),
    v: new Float64Array(value.length),
    m: new Float64Array(value.length),
  };
  for (let j = 0; j < value.length; j++) {
    const second = s.beta2 * at(v, j) + (1 - s.beta2) * at(g, j) ** 2;
    const first = s.beta1 * at(m, j) + (1 - s.beta1) * at(g, j);
    out.v[j] = second;
    out.m[j] = first;
    out.value[j] = at(value, j) - (s.lr * (first / (1 - s.beta1 ** s.t))) / (Math.sqrt(second / (1 - s.beta2 ** s.t)) + s.eps);
  }
  return out;
}

/** Of latent_update and dense/adam_rows, W_enc: the gradient of a row gains - s (b_dec - mean). */
export const encoderGradient = (g: Numbers, s: number, bDec: Numbers, mean: Numbers): Float64Array =>
  Float64Array.from({ length: g.length }, (_, k) => at(g, k) - s * (at(bDec, k) - at(mean, k)));

/** Of latent_update and dense/adam_rows, W_dec: the gradient loses its component along the row. */
export function decoderGradient(g: Numbers, w: Numbers): Float64Array {
  const along = dot(g.length, g, 0, w, 0) / dot(g.length, w, 0, w, 0);
  return Float64Array.from({ length: g.length }, (_, k) => at(g, k) - along * at(w, k));
}

export function unitRow(w: Numbers): Float64Array {
  const norm = Math.sqrt(dot(w.length, w, 0, w, 0));
  return Float64Array.from(w, (value) => value / norm);
}

export interface TwinLatent {
  enc: TwinAdamState;
  dec: TwinAdamState;
  /** The latent's three. */
  scalars: TwinAdamState;
}

/** latent_update: what becomes of one latent, and its s_i W_enc_i (old row), from which the gradient of b_dec is formed. */
export function latentUpdate(
  g: TwinLatentGradient,
  { enc, dec, scalars }: { [K in keyof TwinLatent]: Record<keyof TwinAdamState, Numbers> },
  bDec: Numbers,
  mean: Numbers,
  settings: TwinAdam,
): TwinLatent & { share: Float64Array } {
  const s = at(g.sums, 3);
  const step = ({ value, v, m }: typeof enc, gradient: Numbers) => adam(value, gradient, v, m, settings);
  const decoder = step(dec, decoderGradient(g.dec, dec.value));
  return {
    enc: step(enc, encoderGradient(g.enc, s, bDec, mean)),
    dec: { ...decoder, value: unitRow(decoder.value) },
    scalars: step(scalars, g.sums.slice(0, 3)),
    share: Float64Array.from(enc.value, (w) => s * w),
  };
}

/** fire_count: rows on which each latent has f > 0. */
export function fireCount(u: Numbers, latents: Numbers, runs: readonly TwinRun[]): number[] {
  const total = latents.length / 4;
  return Array.from({ length: total }, (_, i) => {
    const { arch, first, width } = runs[at(latents, 4 * i + 3)] as TwinRun;
    let count = 0;
    if (i >= first + width) return count;
    for (let b = 0; b < u.length / total; b++) if (activate(arch, at(u, b * total + i), latents, i).f > 0) count++;
    return count;
  });
}

/** column_moments: `[2, width]`, sums and sums of squares of each column minus its pivot. */
export function columnMoments(x: Numbers, pivot: Numbers, width: number): Float64Array {
  const out = new Float64Array(2 * width);
  for (let j = 0; j < x.length; j++) {
    const k = j % width;
    const value = at(x, j) - at(pivot, k);
    out[k] = (out[k] as number) + value;
    out[width + k] = (out[width + k] as number) + value ** 2;
  }
  return out;
}

/** restore: (e + x + mean)/scale without padding, `[rows, d]`. */
export const restore = (e: Numbers, x: Numbers, mean: Numbers, scale: number, rows: number, d: number, width: number): Float64Array =>
  matrix(rows, d, (b, k) => (at(e, b * width + k) + at(x, b * width + k) + at(mean, k)) / scale);
