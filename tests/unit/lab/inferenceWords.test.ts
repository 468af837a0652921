/** What is said of how an SAE that selects in training was measured. */
import { expect, it } from 'vitest';
import { inferenceWords } from '../../../src/lab/evaluation';

it('says by what latents fired, a threshold in the units of the rows as in the file', () => {
  expect(inferenceWords(undefined, 2)).toBeUndefined();
  expect(inferenceWords({ k: 10 }, 2)).toBe('k 10');
  expect(inferenceWords({ threshold: 0.5 }, 0.25)).toBe('threshold 2');
  expect(inferenceWords({ threshold: 1 / 3 }, 1)).toBe('threshold 0.3333');
  expect(inferenceWords({ threshold: undefined }, 2)).toBe('no threshold yet: all activations above 0');
});
