import { expect, it } from 'vitest';
import { meanQuality, sharedRange } from '../../../src/metrics/frontierArea';

const point = (l0: number, quality: number) => ({ l0, quality });

it('is the mean over log L0: of a straight line its middle, of two pieces the mean weighted by their log lengths', () => {
  expect(meanQuality([point(1, 0.2), point(100, 0.6)], { lo: 1, hi: 100 })).toBeCloseTo(0.4, 12);
  // From 10 to 100 the line goes from 0.4 to 0.6.
  expect(meanQuality([point(1, 0.2), point(100, 0.6)], { lo: 10, hi: 100 })).toBeCloseTo(0.5, 12);
  // One decade at a mean of 0.5, two at 0.9: (0.5 + 2 · 0.9) / 3.
  expect(meanQuality([point(1, 0.2), point(10, 0.8), point(1000, 1)], { lo: 1, hi: 1000 })).toBeCloseTo(2.3 / 3, 12);
  // Against a sum over many strips.
  const front = [point(2, 0.31), point(5, 0.52), point(19, 0.77), point(80, 0.93)];
  const at = (l0: number): number => {
    const i = front.findIndex((p) => p.l0 >= l0);
    const [a, b] = [front[i - 1], front[i]] as [(typeof front)[0], (typeof front)[0]];
    return a.quality + (Math.log(l0 / a.l0) / Math.log(b.l0 / a.l0)) * (b.quality - a.quality);
  };
  const strips = Array.from({ length: 10_000 }, (_, i) => at(3 * 20 ** ((i + 0.5) / 10_000)));
  expect(meanQuality(front, { lo: 3, hi: 60 })).toBeCloseTo(strips.reduce((sum, q) => sum + q, 0) / 10_000, 6);
});

it('nothing is drawn on beyond the ends of a frontier', () => {
  const front = [point(5, 0.5), point(50, 0.9)];
  expect(meanQuality(front, { lo: 4, hi: 50 })).toBeUndefined();
  expect(meanQuality(front, { lo: 5, hi: 51 })).toBeUndefined();
  expect(meanQuality([], { lo: 1, hi: 2 })).toBeUndefined();
  expect(meanQuality(front, { lo: 10, hi: 10 })).toBeUndefined();
});

it('the range is the one that all frontiers span; those that collapsed are left out where it would be narrow', () => {
  const fronts = [1, 2, 3, 4].map((l0) => [point(l0, 0.1), point(l0 * 20, 0.9)]);
  // Beginnings 1, 2, 3, 4; ends 20, 40, 60, 80.
  expect(sharedRange(fronts)).toEqual({ lo: 4, hi: 20 });
  // Less than 4 times 15: without it the others' next ones count, 4 and 40.
  const late = [point(15, 0.1), point(90, 0.2)];
  expect(sharedRange([...fronts, late, [], [point(3, 0.4)]])).toEqual({ lo: 4, hi: 40 });
  expect(
    sharedRange([
      [point(1, 0), point(2, 1)],
      [point(3, 0), point(4, 1)],
    ]),
  ).toBeUndefined();
  expect(sharedRange([])).toBeUndefined();
});
