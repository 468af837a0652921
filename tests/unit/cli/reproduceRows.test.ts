/** The loss recovered at an L0 that no run has. */
import { expect, it } from 'vitest';
import { recoveredAt } from '../../../src/cli/reproduce/rows';

it('is linear in log L0 between the two runs next to it, that of a run at its own L0, and unknown outside', () => {
  const runs = [
    { l0: 40, recovered: 0.9 },
    { l0: 10, recovered: 0.7 },
    { l0: 0, recovered: -1 },
  ];
  expect(recoveredAt(runs, 20)).toBeCloseTo(0.8, 12);
  expect(recoveredAt(runs, 10)).toBe(0.7);
  expect([recoveredAt(runs, 9), recoveredAt(runs, 41), recoveredAt([], 5)]).toEqual([undefined, undefined, undefined]);
});
