import { describe, expect, it } from 'vitest';
import { logLogSlope, median, relativeDifference, roundOrder, runsPerSample } from '../../../bench/stats';

describe('statistics of the benchmark', () => {
  it('takes the middle, or the mean of the two middles', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([1, 1, 1, 1, 1e6])).toBe(1);
    expect(() => median([])).toThrow(RangeError);
  });

  it('finds the exponent of a power law, whatever its factor', () => {
    const law = (p: number) => [1, 2, 4, 8].map((x) => ({ x, y: 7 * x ** p }));
    expect(logLogSlope(law(1))).toBeCloseTo(1, 12);
    expect(logLogSlope(law(-0.5))).toBeCloseTo(-0.5, 12);
    expect(logLogSlope(law(0))).toBeCloseTo(0, 12);
  });

  it('refuses a slope that is none', () => {
    expect(() => logLogSlope([{ x: 2, y: 1 }])).toThrow(RangeError);
    expect(() =>
      logLogSlope([
        { x: 2, y: 1 },
        { x: 2, y: 3 },
      ]),
    ).toThrow(RangeError);
    expect(() =>
      logLogSlope([
        { x: 1, y: 0 },
        { x: 2, y: 3 },
      ]),
    ).toThrow(RangeError);
  });

  it('gives every contender every place in the order', () => {
    for (const n of [1, 2, 3, 5]) {
      const places = Array.from({ length: n }, () => new Set<number>());
      for (let round = 0; round < 2 * n; round++) {
        const order = roundOrder(n, round);
        expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: n }, (_, i) => i));
        for (const [place, i] of order.entries()) places[i]?.add(place);
      }
      for (const seen of places) expect(seen.size).toBe(n);
    }
  });

  it('repeats short runs and no long ones', () => {
    expect(runsPerSample(200, 100)).toBe(1);
    expect(runsPerSample(30, 100)).toBe(4);
    expect(runsPerSample(0, 100)).toBe(64);
  });

  it('measures differences against the larger', () => {
    expect(relativeDifference(100, 101)).toBeCloseTo(1 / 101, 12);
    expect(relativeDifference(0, 0)).toBe(0);
    expect(relativeDifference(Number.NaN, 1)).toBeNaN();
  });
});
