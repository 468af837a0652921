/**
 * From sums over held-out rows to metrics, in float64. Definitions: docs/metrics.md, after the paper (eq. 5, 10) and
 * SAEBench's intended forms: pooled sums first, then one ratio.
 */
import { unreliableBecause } from './reliable';
import type { Metrics } from './types';

/** Relative rounding of a sum of squares that was added up in f32. */
const ROUNDING = 2 ** -20;

/**
 * What to subtract from rows before their sums are formed in f32, so that the variance about their mean keeps its digits: that mean, where
 * most of the sum of squares comes of it; undefined where the rows are centred well enough. A mean of some of the rows serves for all: its
 * distance from the mean of all is part of the variance itself, so that at most log2(rows/some) bits are lost.
 * @param sums @param squares as `VarianceSums.add` takes them.
 */
export function pivotOf(sums: ArrayLike<number>, squares: number, rows: number): Float32Array | undefined {
  const mean = Float32Array.from(sums, (sum) => sum / rows);
  const ofMean = rows * mean.reduce((total, value) => total + value * value, 0);
  return ofMean > 0.75 * squares ? mean : undefined;
}

/** Streaming variance of rows about their own mean, from sums of values that are already roughly centred (`pivotOf`). */
export class VarianceSums {
  private readonly first: Float64Array;
  private second = 0;
  rows = 0;

  constructor(readonly d: number) {
    this.first = new Float64Array(d);
  }

  /** @param sums sum over rows of each column `[d]`; @param squares sum over rows and columns of the squares. */
  add(sums: ArrayLike<number>, squares: number, rows: number): void {
    for (let k = 0; k < this.d; k++) this.first[k] = (this.first[k] as number) + (sums[k] as number);
    this.second += squares;
    this.rows += rows;
  }

  /** Mean of each column, `[d]`, in the units and about the centre of what was added. */
  mean(): Float64Array {
    return this.first.map((sum) => sum / this.rows);
  }

  /** sum ‖x - x̄‖² over all rows; 0 where it is no more than the rounding of the f32 sums it comes from. */
  total(): number {
    let correction = 0;
    for (const sum of this.first) correction += (sum * sum) / this.rows;
    const total = this.second - correction;
    return total > ROUNDING * this.second ? total : 0;
  }
}

/** Sums of one SAE over rows; the fields are sums, not means. */
export class ReconstructionSums {
  rows = 0;
  squaredError = 0;
  l0 = 0;
  hatHat = 0;
  hatX = 0;
  cosine = 0;

  /** Adds the kernel's totals (STATS of shaders/sae/common.wgsl) of some rows. */
  add(totals: ArrayLike<number>, rows: number): void {
    this.rows += rows;
    this.squaredError += totals[0] as number;
    this.l0 += totals[3] as number;
    this.hatHat += totals[4] as number;
    this.hatX += totals[5] as number;
    this.cosine += totals[7] as number;
  }
}

/** Mean cross-entropy of one way of running the model, pooled over tokens. */
export class CrossEntropySum {
  sum = 0;
  tokens = 0;

  add(losses: ArrayLike<number>): void {
    for (let i = 0; i < losses.length; i++) this.sum += losses[i] as number;
    this.tokens += losses.length;
  }

  get mean(): number {
    return this.sum / this.tokens;
  }
}

/** What an ablation costs, token by token: mean of (ablated - clean) and its standard error, taking tokens as independent. */
export class PairedGap {
  private n = 0;
  private average = 0;
  private squares = 0;

  /** @param clean @param ablated losses of the same tokens, nats. */
  add(clean: ArrayLike<number>, ablated: ArrayLike<number>): void {
    for (let i = 0; i < clean.length; i++) {
      const gap = (ablated[i] as number) - (clean[i] as number);
      const off = gap - this.average;
      this.n++;
      this.average += off / this.n;
      this.squares += off * (gap - this.average);
    }
  }

  /** 0 for fewer than two tokens. */
  get standardError(): number {
    return this.n < 2 ? 0 : Math.sqrt(this.squares / (this.n - 1) / this.n);
  }
}

/** CE of the model without any SAE, nats. */
export interface ModelLosses {
  clean: number;
  zero: number;
  mean: number;
  /** Standard errors of zero - clean and mean - clean, where they were measured. */
  zeroError?: number;
  meanError?: number;
}

/** 1 - (CE_sae - CE_clean)/(CE_ablated - CE_clean), eq. 5 of the paper. */
export const lossRecovered = (sae: number, clean: number, ablated: number): number => 1 - (sae - clean) / (ablated - clean);

/** Of some latents: how many they are, their share of all latents, their share of all firings (NaN when nothing fired). */
export interface LatentShare {
  latents: number;
  ofLatents: number;
  ofFirings: number;
}

/** Latents that fired on more than `percent` of `rows` rows. @param fires firing counts by latent. */
export function latentsAbove(percent: number, fires: ArrayLike<number>, rows: number): LatentShare {
  let [latents, theirs, all] = [0, 0, 0];
  for (let i = 0; i < fires.length; i++) {
    const n = fires[i] as number;
    all += n;
    if (100 * n <= percent * rows) continue;
    latents++;
    theirs += n;
  }
  return { latents, ofLatents: latents / fires.length, ofFirings: theirs / all };
}

/**
 * @param scale the factor by which activations were multiplied before the SAE; metrics are on un-scaled ones.
 * @param fires per-latent firing counts over the same rows.
 * @throws Error when a value is not finite: a failed measurement is never presented as a number.
 */
export function metricsOf(
  sums: ReconstructionSums,
  variance: VarianceSums,
  fires: ArrayLike<number>,
  scale: number,
  ce?: { sae: number; model: ModelLosses },
): Metrics {
  const [ever, above1, above10] = [0, 1, 10].map((percent) => latentsAbove(percent, fires, sums.rows)) as [
    LatentShare,
    LatentShare,
    LatentShare,
  ];
  const fvu = sums.squaredError / variance.total();
  const metrics: Metrics = {
    l0: sums.l0 / sums.rows,
    mse: sums.squaredError / sums.rows / (scale * scale),
    fvu,
    r2: 1 - fvu,
    gamma: sums.hatHat / sums.hatX,
    cosine: sums.cosine / sums.rows,
    alive: ever.ofLatents,
    alive_window_tokens: sums.rows,
    latents_over_1_percent: above1.latents,
    latents_over_10_percent: above10.latents,
    freq_over_1_percent: above1.ofLatents,
    freq_over_10_percent: above10.ofLatents,
    normalized_freq_over_1_percent: above1.ofFirings,
    normalized_freq_over_10_percent: above10.ofFirings,
    tokens: sums.rows,
  };
  if (ce) {
    metrics.ce_clean = ce.model.clean;
    metrics.ce_sae = ce.sae;
    metrics.ce_zero = ce.model.zero;
    metrics.ce_mean = ce.model.mean;
    metrics.loss_recovered = lossRecovered(ce.sae, ce.model.clean, ce.model.zero);
    metrics.loss_recovered_mean = lossRecovered(ce.sae, ce.model.clean, ce.model.mean);
  }
  const finite = finiteOnly(metrics);
  if (ce) {
    const { clean, zero, mean, zeroError, meanError } = ce.model;
    const [ofZero, ofMean] = [unreliableBecause('ce_zero', clean, zero, zeroError), unreliableBecause('ce_mean', clean, mean, meanError)];
    if (ofZero !== undefined) finite.loss_recovered_unreliable = ofZero;
    if (ofMean !== undefined) finite.loss_recovered_mean_unreliable = ofMean;
  }
  return finite;
}

/** Leaves out what could not be formed (gamma of an SAE that outputs nothing); throws when the core is not finite. */
function finiteOnly(metrics: Metrics): Metrics {
  for (const name of ['l0', 'mse'] as const) {
    if (!Number.isFinite(metrics[name])) throw new Error(`the evaluation gave ${name} = ${metrics[name]}`);
  }
  return Object.fromEntries(Object.entries(metrics).filter(([, value]) => Number.isFinite(value))) as unknown as Metrics;
}
