/** Intervals over seeds. Figures: Student's t from printed tables, the rest by Python's `math` and `statistics`, apart from ours. */
import { describe, expect, it } from 'vitest';
import type { ArmFacts } from '../../../src/lab/protocol';
import { logInterval, overlap, studentT } from '../../../src/metrics/interval';
import { type ParetoPoint, paretoSummary } from '../../../src/metrics/pareto';
import { intervalWords, paretoSentence } from '../../../src/metrics/paretoWords';
import { QUALITIES } from '../../../src/metrics/quality';

describe('an interval over seeds', () => {
  it('takes Student’s t of n − 1 degrees of freedom', () => {
    expect([1, 2, 5, 10, 30, 60, 120].map((df) => Number(studentT(df).toFixed(3)))).toEqual([12.706, 4.303, 2.571, 2.228, 2.042, 2, 1.98]);
  });
  it.each([
    [
      [20, 22, 24],
      [21.9392, 17.4919, 27.5172],
    ],
    [
      [40, 44],
      [41.9524, 22.8973, 76.8649],
    ],
    [
      [30, 31, 32, 33],
      [31.4801, 29.4912, 33.6032],
    ],
  ])('of %j is of the logarithms', (values, [middle, lo, hi]) => {
    const found = logInterval(values);
    expect(found?.middle).toBeCloseTo(middle as number, 3);
    expect(found?.lo).toBeCloseTo(lo as number, 3);
    expect(found?.hi).toBeCloseTo(hi as number, 3);
    expect(found?.n).toBe(values.length);
  });
  it('is none for one seed', () => {
    expect(logInterval([20])).toBeUndefined();
    expect(logInterval([])).toBeUndefined();
  });
  it('overlaps another that begins before it ends', () => {
    expect(overlap({ lo: 1, hi: 2 }, { lo: 2, hi: 3 })).toBe(true);
    expect(overlap({ lo: 4, hi: 5 }, { lo: 2, hi: 3 })).toBe(false);
  });
});

/** A frontier from L0 to 100 times that, loss recovered 0.8 to 0.9: at 0.85 it is at ten times. */
const line = (arm: ArmFacts, seed: number, l0: number): ParetoPoint[] =>
  [0.8, 0.9].map((quality, i) => ({ arch: arm.arch, arm, seed, l0: l0 * 100 ** i, quality }));
const arm = (key: string, words: Record<string, string> = {}): ArmFacts => ({ key, arch: 'gated', words });
const [one, other] = [arm('one', { width: '64' }), arm('other', { width: '128' })];
const pair = { compared: 'one', reference: 'other' };

describe('two arms of several seeds', () => {
  const points = (a: number[], b: number[]) => [...a.flatMap((l0, i) => line(one, i, l0)), ...b.flatMap((l0, i) => line(other, i, l0))];
  const quality = { ...QUALITIES.recovered, preferred: 0.85 };

  it('are told apart where the intervals are; L0 is the geometric mean', () => {
    const found = paretoSummary(points([10, 10.1], [30, 31]), 0.85, pair);
    expect(found.at?.l0).toBeCloseTo(Math.sqrt(100 * 101), 6);
    expect(found.at?.ratio).toBeCloseTo(Math.sqrt((100 * 101) / (300 * 310)), 6);
    expect(found.intervals?.overlap).toBe(false);
    expect(paretoSentence(points([10, 10.1], [30, 31]), quality, pair)).toBe(
      'At loss recovered 0.85 Gated width 64 needs 0.33x the L0 of Gated width 128 (100 vs 305).',
    );
    // 100, 101: 94.3 to 107.1. 300, 310: 247.6 to 375.6.
    expect(intervalWords(points([10, 10.1], [30, 31]), quality, pair)).toBe('L0 94 to 107 and 248 to 376, 95 % over 2 seeds each.');
  });
  it('are not told apart where they overlap, and that is what is said', () => {
    // 100, 120: 34.4 to 348.8.
    const near = points([10, 12], [30, 31]);
    expect(paretoSentence(near, quality, pair)).toBe(
      'At loss recovered 0.85 the lab cannot tell Gated width 64 from Gated width 128: L0 110 (34 to 349) and 305 (248 to 376).',
    );
    expect(intervalWords(near, quality, pair)).toBe('The intervals overlap, 95 % over 2 seeds each.');
  });
  it('have no interval where one of them has one seed', () => {
    expect(paretoSummary(points([10, 12], [30]), 0.85, pair).intervals).toBeUndefined();
    expect(intervalWords(points([10, 12], [30]), quality, pair)).toMatch(/^One seed of Gated width 128: how far another/);
    expect(intervalWords(points([10], [30]), quality, pair)).toMatch(/^One seed of each/);
  });
  it('are compared where every seed gets to, and without an interval where that is nowhere', () => {
    const short: ParetoPoint[] = [{ arch: 'gated', arm: one, seed: 2, l0: 5, quality: 0.7 }];
    const found = paretoSummary([...points([10, 12], [30, 31]), ...short], 0.85, pair);
    expect(found.at?.quality).toBe(0.85);
    expect(found.intervals).toBeUndefined();
    const words = intervalWords([...points([10, 12], [30, 31]), ...short], quality, pair);
    expect(words).toBe('The seeds reach no quality in common: no interval.');
  });
});
