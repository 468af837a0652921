import { expect, it } from 'vitest';
import { selfTest } from '../../../src/lab/selfTest';
import { testGpu } from '../../gpu';

it('this device computes the training step as the float64 twin does', async () => {
  expect(await selfTest(await testGpu(), 1e9)).toBeLessThan(1e-2);
});
