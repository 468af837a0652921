import { expect, it } from 'vitest';
import { foundWords, startOf } from '../../../src/lab/settings';

const TABLE = { 600: { a: { encLength: 0.1, lr: 3e-3 } }, 3000: { a: { encLength: 0.3, lr: 1e-3 }, b: { encLength: 1, lr: 1e-2 } } };

it('a start is that of the nearest number of steps, by its ratio, at which the architecture was run', () => {
  expect(startOf('a', 600, TABLE).lr).toBe(3e-3);
  expect(startOf('a', 1, TABLE).lr).toBe(3e-3);
  // The middle of 600 and 3000 is 1342.
  expect(startOf('a', 1341, TABLE).encLength).toBe(0.1);
  expect(startOf('a', 1343, TABLE).encLength).toBe(0.3);
  expect(startOf('b', 10, TABLE).lr).toBe(1e-2);
});

it('what was found reaches to four times the most steps that were tried', () => {
  expect(startOf('a', 12_000, TABLE).encLength).toBe(0.3);
  expect(startOf('a', 12_001, TABLE)).toEqual({ encLength: 1, lr: 1e-3 });
});

it('an architecture that nobody ran starts as long as its decoder', () => {
  expect(startOf('c', 600, TABLE)).toEqual({ encLength: 1, lr: 1e-3 });
});

it('auto is shown with what it stands for', () => {
  expect(foundWords('nobody ran it', 600, 'lr', 'auto, 0.5')).toBe('auto (0.001, not tried), 0.5');
});
