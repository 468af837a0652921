import { describe, expect, it } from 'vitest';
import {
  commonRange,
  countDominated,
  frontier,
  l0AtQuality,
  matchedRatios,
  median,
  type ParetoPoint,
  paretoDetail,
  paretoSentence,
  paretoSummary,
} from '../../../src/metrics/pareto';
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
    expect(paretoSentence(points, 'variance recovered')).toMatch(/^At variance recovered 0\.90 /);
  });
  it('else near the middle of what both reach', () => {
    const points = [point('gated', 2, 0.3), point('gated', 10, 0.7), point('baseline', 4, 0.31), point('baseline', 20, 0.66)];
    expect(paretoSummary(points).at?.quality).toBe(0.5);
    const narrow = [point('gated', 2, 0.3), point('gated', 10, 0.71234), point('baseline', 4, 0.7121), point('baseline', 20, 0.99)];
    const at = paretoSummary(narrow).at?.quality as number;
    expect(at).toBeGreaterThanOrEqual(0.7121);
    expect(at).toBeLessThanOrEqual(0.71234);
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
