/** Gradient pursuit beyond the fixtures (tests/kernels/train2*): what it does with a dictionary whose answer is known, and what it refuses. */
import { describe, expect, it } from 'vitest';
import { GradientPursuit, MAX_PICKS } from '../../../src/sae/pursuit';
import { randoms, testGpu } from '../../gpu';

const [D, F, ROWS] = [9, 14, 37];

/** Orthonormal rows: the axes, each twice where there are more latents than axes. */
const axes = Float32Array.from({ length: F * D }, (_, i) => (Math.floor(i / D) % D === i % D ? 1 : 0));

describe('gradient pursuit', () => {
  it('of orthonormal directions takes the largest positive parts of a row, in order, the first of equal ones, exactly', async () => {
    const bDec = randoms(D, 1);
    const pursuit = await GradientPursuit.create(await testGpu(), { dIn: D, dSae: F, wDec: axes, bDec }, { rows: ROWS, k: 4 });
    const x = randoms(ROWS * D, 2).map((v, j) => v + (bDec[j % D] as number) + 0.2);
    const { picks, codes, xHat } = await pursuit.run(x, 3);
    for (let row = 0; row < ROWS; row++) {
      const y = Array.from({ length: D }, (_, k) => Math.fround((x[row * D + k] as number) - (bDec[k] as number)));
      const order = y.map((value, k) => ({ value, k })).sort((a, b) => b.value - a.value || a.k - b.k);
      expect([...picks.subarray(row * 3, row * 3 + 3)]).toEqual(order.slice(0, 3).map(({ k }) => k));
      for (let k = 0; k < D; k++) {
        const chosen = order.slice(0, 3).some((one) => one.k === k);
        expect(codes[row * F + k]).toBeCloseTo(chosen ? Math.max(0, y[k] as number) : 0, 5);
        expect(xHat[row * D + k]).toBeCloseTo((bDec[k] as number) + (chosen ? Math.max(0, y[k] as number) : 0), 5);
      }
    }
    const again = await pursuit.run(x, 3);
    expect(again.codes, 'the same bits twice').toEqual(codes);
    pursuit.destroy();
  });

  it('leaves a row of zeros as it is', async () => {
    const pursuit = await GradientPursuit.create(
      await testGpu(),
      { dIn: D, dSae: F, wDec: axes, bDec: new Float32Array(D) },
      { rows: 2, k: 2 },
    );
    const { codes, xHat } = await pursuit.run(new Float32Array(2 * D), 2);
    expect([...codes, ...xHat].every((value) => value === 0)).toBe(true);
    pursuit.destroy();
  });

  it.each([0, 2.5, F + 1, Number.NaN])('refuses k = %d', async (k) => {
    const made = GradientPursuit.create(await testGpu(), { dIn: D, dSae: F, wDec: axes, bDec: new Float32Array(D) }, { rows: 2, k });
    await expect(made).rejects.toThrow(`k must be a whole number from 1 to ${Math.min(F, MAX_PICKS)}, not ${k}`);
  });
});
