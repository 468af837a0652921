/** From sums to metrics: the cases in which peers' formulas go wrong, and pooled ratios. */
import { describe, expect, it } from 'vitest';
import { reliableLossRecovered } from '../../../src/metrics/reliable';
import {
  CrossEntropySum,
  latentsAbove,
  lossRecovered,
  type ModelLosses,
  metricsOf,
  PairedGap,
  ReconstructionSums,
  VarianceSums,
} from '../../../src/metrics/sums';
import { randoms } from '../../gpu';

const D = 16;
const N = 600;
/** Rows with a mean far from zero: what tells R² from its imitations. */
const x = Float64Array.from(randoms(N * D, 1), (v, j) => v + 2 + (j % D));
const columnMean = Float64Array.from({ length: D }, (_, k) => x.filter((_v, j) => j % D === k).reduce((a, b) => a + b, 0) / N);

/** The kernels' statistics of rows [from, to) and their reconstructions, in the order of STATS. */
function totals(hat: ArrayLike<number>, from: number, to: number, scale = 1): number[] {
  const sums = new Array<number>(8).fill(0);
  const add = (i: number, value: number) => {
    sums[i] = (sums[i] as number) + value;
  };
  for (let b = from; b < to; b++) {
    let [hh, hx, xx] = [0, 0, 0];
    for (let k = 0; k < D; k++) {
      const value = (x[b * D + k] as number) * scale;
      const h = (hat[b * D + k] as number) * scale;
      add(0, (h - value) ** 2);
      hh += h * h;
      hx += h * value;
      xx += value * value;
    }
    add(3, b % 3); // L0
    add(4, hh);
    add(5, hx);
    add(6, xx);
    if (hh * xx > 0) add(7, hx / Math.sqrt(hh * xx));
  }
  return sums;
}

/** Metrics of reconstructions, in two batches of unequal size, variance about `centre`. */
function metrics(hat: ArrayLike<number>, { scale = 1, centre = 0, fires = [1, 0, 3, 0] } = {}) {
  const sums = new ReconstructionSums();
  const variance = new VarianceSums(D);
  for (const [from, to] of [
    [0, 171],
    [171, N],
  ] as const) {
    sums.add(totals(hat, from, to, scale), to - from);
    const columns = new Float64Array(D);
    let squares = 0;
    for (let j = from * D; j < to * D; j++) {
      const value = (x[j] as number) * scale - centre;
      columns[j % D] = (columns[j % D] as number) + value;
      squares += value * value;
    }
    variance.add(columns, squares, to - from);
  }
  return metricsOf(sums, variance, fires, scale);
}

describe('R² on data with a large mean', () => {
  it('the mean predictor gets 0', () => expect(metrics(x.map((_, j) => columnMean[j % D] as number)).r2).toBeCloseTo(0, 9));

  it('a constant offset as large as the data’s spread gets about 0, although it explains all variation', () => {
    const { r2, cosine } = metrics(x.map((v) => v + Math.sqrt(1 / 12)));
    expect(Math.abs(r2 ?? Number.NaN)).toBeLessThan(0.02);
    expect(cosine).toBeGreaterThan(0.99);
  });

  it('30 % shrinkage towards the mean gets 0.91', () => {
    const hat = x.map((v, j) => 0.7 * v + 0.3 * (columnMean[j % D] as number));
    expect(metrics(hat).r2).toBeCloseTo(0.91, 9);
  });

  it('perfect reconstruction gets 1, FVU 0, gamma 1, cosine 1', () => {
    expect(metrics(x)).toMatchObject({ fvu: 0, r2: 1, mse: 0, gamma: 1 });
    expect(metrics(x).cosine).toBeCloseTo(1, 12);
  });

  it('is the same about any centre and in any batches, and agrees with two passes over the rows', () => {
    const hat = x.map((v, j) => v + 0.1 * Math.sin(j));
    let [off, spread] = [0, 0];
    x.forEach((v, j) => {
      off += ((hat[j] as number) - v) ** 2;
      spread += (v - (columnMean[j % D] as number)) ** 2;
    });
    for (const centre of [0, 5, -40]) expect(metrics(hat, { centre }).fvu).toBeCloseTo(off / spread, 8);
  });
});

describe('units', () => {
  it('mse is in raw units whatever the scale; ratios do not know it', () => {
    const hat = x.map((v) => 0.9 * v);
    const [raw, scaled] = [metrics(hat), metrics(hat, { scale: 0.05 })];
    for (const key of ['mse', 'fvu', 'r2', 'gamma', 'cosine', 'l0'] as const)
      expect((scaled[key] ?? Number.NaN) / (raw[key] ?? Number.NaN)).toBeCloseTo(1, 8);
    expect(raw.mse).toBeCloseTo(x.reduce((sum, v) => sum + (0.1 * v) ** 2, 0) / N, 8);
  });

  it('L0 is a mean over rows, alive a share of latents that fired, with its window', () => {
    expect(metrics(x)).toMatchObject({ l0: 1, alive: 0.5, alive_window_tokens: N, tokens: N });
  });
});

describe('latents that fire often', () => {
  const rows = 1000;
  // Densities 0, 0.1 %, exactly 1 %, 2 %, exactly 10 %, 50 %.
  const fires = [0, 1, 10, 20, 100, 500];

  it('more than 1 % and 10 % are meant, not as much', () => {
    expect(latentsAbove(1, fires, rows)).toEqual({ latents: 3, ofLatents: 0.5, ofFirings: 620 / 631 });
    expect(latentsAbove(10, fires, rows)).toEqual({ latents: 1, ofLatents: 1 / 6, ofFirings: 500 / 631 });
    // 0.01 · 700 is above 7 in binary, 0.29 · 100 below 29.
    for (const [n, percent, of] of [
      [7, 1, 700],
      [29, 29, 100],
    ] as const)
      expect([latentsAbove(percent, [n], of).latents, latentsAbove(percent, [n + 1], of).latents]).toEqual([0, 1]);
  });

  it("agree with SAEBench's arithmetic on densities", () => {
    // Its own example: densities 0, 0.005, 0.02, 0.2 -> 0.5, 0.25, 0.22/0.225, 0.2/0.225.
    const sums = new ReconstructionSums();
    sums.add([1, 0, 0, 225, 1, 1, 1, 1], rows);
    const variance = new VarianceSums(1);
    variance.add([0], 2, 2);
    const of = (counts: number[]) => metricsOf(sums, variance, counts, 1);
    const m = of([0, 5, 20, 200]);
    expect(m).toMatchObject({ alive: 0.75, latents_over_1_percent: 2, latents_over_10_percent: 1 });
    expect(m).toMatchObject({ freq_over_1_percent: 0.5, freq_over_10_percent: 0.25 });
    expect(m.normalized_freq_over_1_percent).toBeCloseTo(0.22 / 0.225, 12);
    expect(m.normalized_freq_over_10_percent).toBeCloseTo(0.2 / 0.225, 12);
    // Nothing fired: shares of nothing are absent, not 0.
    expect(of([0, 0])).not.toHaveProperty('normalized_freq_over_1_percent');
    expect(of([0, 0])).toMatchObject({ latents_over_10_percent: 0, freq_over_10_percent: 0 });
  });
});

describe('gamma', () => {
  it('x = 1, x̂ = 1/2 gives 1/2 (v1 of the paper gave 1/sqrt 3)', () => {
    const sums = new ReconstructionSums();
    sums.add([0.25, 0, 0, 1, 0.25, 0.5, 1, 1], 1);
    const variance = new VarianceSums(1);
    variance.add([1], 2, 2); // any variance
    expect(metricsOf(sums, variance, [1], 1).gamma).toBe(0.5);
  });

  it('both forms of eq. 10 agree on any batch', () => {
    for (const factor of [0.3, 0.9, 1.2]) {
      const hat = x.map((v, j) => factor * v + Math.cos(3 * j));
      const t = totals(hat, 0, N);
      const [error, hatHat, xx] = [t[0], t[4], t[6]] as [number, number, number];
      expect(metrics(hat).gamma).toBeCloseTo((2 * hatHat) / (hatHat + xx - error), 9);
    }
  });

  it('is a ratio of pooled sums, not a mean of ratios', () => {
    const sums = new ReconstructionSums();
    sums.add([0, 0, 0, 0, 1, 2, 0, 0], 1); // alone 0.5
    sums.add([0, 0, 0, 0, 9, 9, 0, 0], 1); // alone 1
    const variance = new VarianceSums(1);
    variance.add([1], 2, 2);
    expect(metricsOf(sums, variance, [1], 1).gamma).toBeCloseTo(10 / 11, 12);
  });
});

describe('loss recovered', () => {
  const variance = new VarianceSums(1);
  variance.add([1], 2, 2);
  const sums = new ReconstructionSums();
  sums.add([1, 0, 0, 1, 1, 1, 1, 1], 1);

  it('is 0 at the ablated loss, 1 at the clean one, and may leave [0, 1]', () => {
    expect(lossRecovered(5, 2, 5)).toBe(0);
    expect(lossRecovered(2, 2, 5)).toBe(1);
    expect(lossRecovered(1.7, 2, 5)).toBeGreaterThan(1);
    expect(lossRecovered(8, 2, 5)).toBe(-1);
  });

  it('pools losses over tokens before the one ratio', () => {
    const [sae, clean, zero] = [new CrossEntropySum(), new CrossEntropySum(), new CrossEntropySum()];
    // Batch 1: three tokens, recovered 0.5. Batch 2: one token, recovered 0.9.
    sae.add([3, 3, 3]);
    clean.add([2, 2, 2]);
    zero.add([4, 4, 4]);
    sae.add([2]);
    clean.add([1]);
    zero.add([11]);
    const m = metricsOf(sums, variance, [1], 1, { sae: sae.mean, model: { clean: clean.mean, zero: zero.mean, mean: 3 } });
    expect(m).toMatchObject({ ce_sae: 11 / 4, ce_clean: 7 / 4, ce_zero: 23 / 4, ce_mean: 3 });
    expect(m.loss_recovered).toBeCloseTo(1 - 4 / 16, 12);
    expect(m.loss_recovered).not.toBeCloseTo((0.5 + 0.9) / 2, 2);
    expect(m.loss_recovered_mean).toBeCloseTo(1 - (11 / 4 - 7 / 4) / (3 - 7 / 4), 12);
  });

  it('is flagged where the ablation costs too little to divide by, with the figures', () => {
    const of = (model: ModelLosses) => metricsOf(sums, variance, [1], 1, { sae: 2, model });
    expect(of({ clean: 2, zero: 3, mean: 2.5 })).not.toHaveProperty('loss_recovered_unreliable');
    const below = of({ clean: 2, zero: 1.9, mean: 2.5 });
    expect(below.loss_recovered_unreliable).toBe('ce_zero (1.9000) is not clearly above ce_clean (2.0000): the difference is -0.1000 nats');
    expect([below.loss_recovered, reliableLossRecovered(below)]).toEqual([1, undefined]);
    expect(below).not.toHaveProperty('loss_recovered_mean_unreliable');
    // Equal losses: the ratio is not a number and absent, the reason is there.
    const equal = of({ clean: 2, zero: 2, mean: 2 });
    expect(equal).not.toHaveProperty('loss_recovered');
    expect(equal.loss_recovered_mean_unreliable).toMatch(/^ce_mean \(2\.0000\) is not clearly above/);
    const noisy = { clean: 2, zero: 2.05, mean: 3 };
    expect(reliableLossRecovered(of({ ...noisy, zeroError: 0.012 }))).toBeCloseTo(1, 12);
    expect(of({ ...noisy, zeroError: 0.013 }).loss_recovered_unreliable).toMatch(/the difference is 0\.0500 ± 0\.0130 nats$/);
  });

  it('the cost of an ablation is paired by token: its spread, not that of the losses, is its standard error', () => {
    const gap = new PairedGap();
    gap.add([1, 5], [2, 7]);
    gap.add([9], [12]);
    expect(gap.standardError).toBeCloseTo(1 / Math.sqrt(3), 12); // differences 1, 2, 3: deviation 1 over 3 tokens
  });

  it('is absent without a language model', () => {
    const m = metricsOf(sums, variance, [1], 1);
    expect(Object.keys(m).filter((key) => key.startsWith('ce_') || key.startsWith('loss_'))).toEqual([]);
  });
});

describe('what cannot be formed', () => {
  it('is left out: gamma of an SAE that outputs nothing', () => {
    const m = metrics(new Float64Array(N * D));
    expect('gamma' in m).toBe(false);
    expect(m.cosine).toBe(0);
    expect(JSON.stringify(m)).not.toMatch(/null|NaN/);
  });

  it('is refused where it is the core: NaN in an error or in L0', () => {
    for (const broken of [0, 3]) {
      const sums = new ReconstructionSums();
      sums.add(
        Array.from({ length: 8 }, (_, i) => (i === broken ? Number.NaN : 1)),
        1,
      );
      const variance = new VarianceSums(1);
      variance.add([0], 1, 1);
      expect(() => metricsOf(sums, variance, [1], 1)).toThrow(broken === 0 ? /mse = NaN/ : /l0 = NaN/);
    }
  });
});

it('rows without variance have no R², whatever the rounding', () => {
  const variance = new VarianceSums(2);
  variance.add([300, 300], 2 * 100 * 9 * (1 + 1e-7), 100);
  const sums = new ReconstructionSums();
  sums.add([1, 0, 0, 0, 1, 1, 1, 100], 100);
  const { r2, fvu, mse } = metricsOf(sums, variance, [1], 1);
  expect([r2, fvu]).toEqual([undefined, undefined]);
  expect(mse).toBeCloseTo(0.01, 12);
});
