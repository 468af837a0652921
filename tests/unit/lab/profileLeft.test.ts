import { describe, expect, it } from 'vitest';
import { ProfileSample } from '../../../src/data/rows/profile';
import { describeProfile, scaleOfLeft } from '../../../src/data/rows/profileText';
import type { RowBlock } from '../../../src/data/rows/types';

const [D, SEQUENCE, ROWS] = [2, 4, 400];

/** Norms 5, but 500 at first positions. */
function sample(): ProfileSample {
  const values = Float32Array.from({ length: ROWS * D }, (_, i) => (Math.floor(i / D) % SEQUENCE === 0 ? 100 : 1) * (i % D === 0 ? 3 : 4));
  const block: RowBlock = { start: 0, rows: ROWS, d: D, dtype: 'f32', bytes: new Uint8Array(values.buffer) };
  const out = new ProfileSample(D);
  out.add(block, { positions: Int32Array.from({ length: ROWS }, (_, r) => r % SEQUENCE) });
  return out;
}

describe('the scale of a profile', () => {
  it('is given with all rows, and with those that the proposed filter leaves, which is what will be trained on', () => {
    const profile = sample().profile(ROWS, 'f32');
    if (!profile) throw new Error('no profile');
    expect(profile.proposal).toMatchObject({ bos: true, tokens: [] });
    expect(profile.meanNorm).toBeCloseTo((500 + 3 * 5) / 4, 9);
    expect(profile.proposal.scale).toBeCloseTo(Math.sqrt(D) / profile.meanNorm, 12);
    expect(profile.left).toEqual({ rows: (3 * ROWS) / 4, meanNorm: 5, rootMeanSquareNorm: 5 });
    expect(scaleOfLeft(profile)).toBeCloseTo(Math.sqrt(D) / 5, 12);
    expect(describeProfile(profile).at(-1)).toBe(
      'to scale to a mean norm of sqrt(d), times 0.01098 by this sample, times 0.2828 of the rows that are then left: --normalize mean-norm',
    );
  });
});
