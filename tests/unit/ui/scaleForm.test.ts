import { describe, expect, it } from 'vitest';
import { defaultForm, parseSettings } from '../../../src/lab/settings';
import { scaledLambdas, scaleProposal, withScale } from '../../../src/ui/scaleForm';

const norms = { meanNorm: 8, rootMeanSquareNorm: 10 };

describe('the scale that a profile proposes', () => {
  it('is set against the one in use: the same balance of the loss needs λ times their ratio', () => {
    expect(scaleProposal(16, norms, 'mean-square')).toEqual({ factor: 0.5, present: 0.1, lambdaFactor: 5 });
    expect(scaleProposal(16, norms, 'none')).toEqual({ factor: 0.5, present: 1, lambdaFactor: 0.5 });
    expect(scaleProposal(16, norms, 'mean-norm')).toBeUndefined();
    expect(scaleProposal(16, { ...norms, meanNorm: 0 }, 'none')).toBeUndefined();
  });

  it('changes the normalisation and every λ, and nothing else of the form', () => {
    const proposal = scaleProposal(16, norms, 'mean-square');
    if (!proposal) throw new Error('nothing is proposed');
    const form = withScale(defaultForm(), proposal);
    const arms = [
      { arch: 'baseline', texts: { lambda: '0.25:2:4' } },
      { arch: 'gated', texts: { lambda: '0.5:4:4' } },
    ];
    expect(form).toEqual({ ...defaultForm(), normalize: 'mean-norm', arms });
    const [before, after] = [parseSettings(defaultForm(), 64).config, parseSettings(form, 64).config];
    expect(after?.normalize).toBe('mean-norm');
    const gated = before?.arms[1]?.knob ?? [];
    expect(gated).toHaveLength(4);
    for (const [i, lambda] of gated.entries()) expect(after?.arms[1]?.knob[i]).toBeCloseTo(5 * lambda, 3);
  });

  it('reads λ as the form does: lists, ranges, exponents; what is no number is left to be mended', () => {
    expect(scaledLambdas('0.1, 0.2 3e-2', 10)).toBe('1, 2, 0.3');
    expect(scaledLambdas('0.01:1:3, 2', 3)).toBe('0.03:3:3, 6');
    expect(scaledLambdas('0.1234567', 10)).toBe('1.23');
    expect(scaledLambdas('soon, 1:x:3', 10)).toBe('soon, 10:x:3');
  });
});
