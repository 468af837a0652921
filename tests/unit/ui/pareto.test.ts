import { describe, expect, it } from 'vitest';
import {
  commonRange,
  countDominated,
  frontier,
  frontierLine,
  l0AtQuality,
  liesAtOrAbove,
  matchedRatios,
  median,
  type ParetoPoint,
  paretoSummary,
} from '../../../src/metrics/pareto';
import { pairOf, paretoDetail, paretoSentence } from '../../../src/metrics/paretoWords';
import { QUALITIES } from '../../../src/metrics/quality';
import { EXAMPLE_RESULTS } from '../../../src/ui/exampleResults';

const point = (arch: ParetoPoint['arch'], l0: number, quality: number): ParetoPoint => ({ arch, l0, quality });

describe('frontier', () => {
  it('keeps the runs that none beats, by rising L0', () => {
    const points = [
      point('gated', 10, 0.8),
      point('gated', 5, 0.6),
      point('gated', 20, 0.7),
      point('gated', 5, 0.5),
      point('gated', 30, 0.9),
    ];
    expect(frontier(points).map((p) => p.l0)).toEqual([5, 10, 30]);
  });
  it('ignores what cannot be drawn: no active latents, NaN', () => {
    expect(frontier([point('gated', 0, 0.9), point('gated', 4, Number.NaN), point('gated', 3, 0.1)])).toEqual([point('gated', 3, 0.1)]);
  });
});

describe('L0 at equal quality', () => {
  const front = [point('gated', 10, 0.8), point('gated', 1000, 0.9)];
  it('is linear in log L0', () => {
    expect(l0AtQuality(front, 0.85)).toBeCloseTo(100, 9);
    expect(l0AtQuality(front, 0.8)).toBe(10);
    expect(l0AtQuality(front, 0.9)).toBe(1000);
  });
  it('never extrapolates', () => {
    expect(l0AtQuality(front, 0.79)).toBeUndefined();
    expect(l0AtQuality(front, 0.91)).toBeUndefined();
    expect(l0AtQuality([], 0.5)).toBeUndefined();
  });
});

describe('the frontier as a line', () => {
  const front = [point('gated', 10, 0.8), point('gated', 1000, 0.9)];
  it('is what the ratios are read from: every point of it gives its own L0 back', () => {
    const line = frontierLine(front, 3);
    expect(line.map(([, q]) => Number(q.toFixed(6)))).toEqual([0.8, 0.825, 0.85, 0.875, 0.9]);
    for (const [l0, q] of line) expect(l0AtQuality(front, q)).toBeCloseTo(l0, 9);
    // Halfway in quality is halfway in log L0: sqrt(10 · 1000).
    expect(line[2]?.[0]).toBeCloseTo(100, 9);
  });
  it('needs no points between on a log axis', () => {
    expect(frontierLine(front)).toEqual([
      [10, 0.8],
      [1000, 0.9],
    ]);
    expect(frontierLine([])).toEqual([]);
  });
  it('lies above another where it needs less L0 at every run of both', () => {
    const reference = [point('baseline', 20, 0.8), point('baseline', 2000, 0.9)];
    expect(liesAtOrAbove(front, reference)).toEqual({ holds: true, places: 2 });
    // Crosses between the reference's runs: only the other's own run shows it.
    const bent = [point('gated', 19, 0.8), point('gated', 900, 0.85), point('gated', 1900, 0.9)];
    expect(liesAtOrAbove(bent, reference)).toEqual({ holds: false, places: 3 });
    expect(liesAtOrAbove(front, [point('baseline', 1, 0.1)])).toBeUndefined();
  });
});

describe('comparison', () => {
  it('finds the reference table’s ratios, 0.49 to 0.57 at equal loss recovered', () => {
    const gated = frontier(EXAMPLE_RESULTS.filter((p) => p.arch === 'gated'));
    const baseline = frontier(EXAMPLE_RESULTS.filter((p) => p.arch === 'baseline'));
    const ratios = matchedRatios(gated, baseline).map((r) => r.ratio);
    expect(ratios).toHaveLength(3);
    expect(Math.min(...ratios)).toBeCloseTo(0.49, 2);
    // The table's own 0.57 comes from unrounded values; its three printed digits give 0.583.
    expect(Math.max(...ratios)).toBeCloseTo(0.583, 3);
  });
  it('needs an overlap', () => {
    expect(commonRange([point('gated', 1, 0.9)], [point('baseline', 1, 0.5)])).toBeUndefined();
    expect(commonRange([], [])).toBeUndefined();
    expect(matchedRatios([point('gated', 1, 0.9)], [point('baseline', 1, 0.5)])).toEqual([]);
  });
  it('counts a run as dominated when another is better in one and no worse in the other', () => {
    const by = [point('gated', 5, 0.8)];
    expect(countDominated([point('baseline', 5, 0.8)], by)).toBe(0);
    expect(countDominated([point('baseline', 5, 0.7), point('baseline', 6, 0.8), point('baseline', 4, 0.7)], by)).toBe(2);
  });
  it('takes medians', () => {
    expect(median([])).toBeUndefined();
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
  });
});

describe('the sentence', () => {
  it('compares at 0.90 when both reach it', () => {
    const points = [point('gated', 31, 0.9), point('gated', 5, 0.5), point('baseline', 74, 0.9), point('baseline', 10, 0.5)];
    expect(paretoSentence(points)).toBe('At loss recovered 0.90 Gated needs 0.42x the L0 of baseline (31 vs 74).');
    expect(paretoSentence(points, QUALITIES.r2)).toMatch(/^At variance recovered \(R²\) 0\.90 /);
  });
  it('else near the middle of what both reach', () => {
    const points = [point('gated', 2, 0.3), point('gated', 10, 0.7), point('baseline', 4, 0.31), point('baseline', 20, 0.66)];
    expect(paretoSummary(points, 0.9, pairOf(points)).at?.quality).toBe(0.5);
    const narrow = [point('gated', 2, 0.3), point('gated', 10, 0.71234), point('baseline', 4, 0.7121), point('baseline', 20, 0.99)];
    const at = paretoSummary(narrow, 0.9, pairOf(narrow)).at?.quality as number;
    expect(at).toBeGreaterThanOrEqual(0.7121);
    expect(at).toBeLessThanOrEqual(0.71234);
  });
  it('talks of the metric that is looked at, whichever way is better', () => {
    // FVU 0.1 is R² 0.9: the same runs need the same L0.
    const fvu = [point('gated', 31, -0.1), point('gated', 5, -0.5), point('baseline', 74, -0.1), point('baseline', 10, -0.5)];
    expect(paretoSentence(fvu, QUALITIES.fvu)).toBe('At FVU 0.10 Gated needs 0.42x the L0 of baseline (31 vs 74).');
    expect(paretoDetail(fvu, QUALITIES.fvu)).toMatch(/0\.50 to 0\.10/);
    const apart = [point('gated', 1, -0.1), point('baseline', 1, -0.5)];
    expect(paretoSentence(apart, QUALITIES.fvu)).toMatch(
      /Gated runs span FVU 0\.10, baseline runs 0\.50\. Add runs with smaller baseline λ/,
    );
  });
  it('says so when there is nothing to compare', () => {
    expect(paretoSentence([])).toBe('No evaluation yet.');
    expect(paretoSentence([point('gated', 1, 0.5)])).toMatch(/^Only Gated runs so far/);
    expect(paretoSentence([point('baseline', 1, 0.5)])).toMatch(/^Only baseline runs so far/);
    const apart = [point('gated', 1, 0.9), point('baseline', 1, 0.5)];
    expect(paretoSentence(apart)).toMatch(/^No common range yet: .*smaller baseline λ/);
    expect(paretoDetail(apart)).toBe('');
  });
  it('adds the median ratio and dominance', () => {
    expect(paretoDetail(EXAMPLE_RESULTS)).toMatch(
      /^Median over the common range 0\.5\dx \(3 matched points, 0\.635 to 0\.965\)\. 4 of 4 baseline runs are dominated\.$/,
    );
  });
});
