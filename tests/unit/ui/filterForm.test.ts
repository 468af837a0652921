import { describe, expect, it } from 'vitest';
import type { Profile } from '../../../src/lab/protocol';
import { resultsJson } from '../../../src/ui/exportResults';
import { maxNormText, parseMaxNorm, parseTokens, proposalsOf, tokensText } from '../../../src/ui/filterForm';

describe('what is typed into the filter', () => {
  it('takes token ids by commas or spaces, each once, and says what is wrong', () => {
    expect(parseTokens(' 0, 2 2;50256 ')).toEqual([0, 2, 50256]);
    expect(parseTokens('  ')).toBeUndefined();
    for (const text of ['a', '-1', '1.5']) expect(parseTokens(text)).toMatch(/whole numbers/);
    expect(tokensText({ tokens: [0, 2] })).toBe('0, 2');
  });

  it('takes a norm, or so many times the median, one in place of the other', () => {
    expect(parseMaxNorm('50')).toEqual({ maxNorm: 50, maxNormMedians: undefined });
    expect(parseMaxNorm(' 10x')).toEqual({ maxNorm: undefined, maxNormMedians: 10 });
    expect(parseMaxNorm('2.5 ×')).toEqual({ maxNorm: undefined, maxNormMedians: 2.5 });
    expect(parseMaxNorm('')).toEqual({ maxNorm: undefined, maxNormMedians: undefined });
    for (const text of ['0', '-3', 'x', 'many', 'Infinity']) expect(parseMaxNorm(text), text).toMatch(/above 0/);
    for (const request of [{ maxNorm: 50 }, { maxNormMedians: 10 }]) expect(parseMaxNorm(maxNormText(request))).toMatchObject(request);
  });
});

const profile = (over: Partial<Profile> = {}): Profile => ({
  rows: 1000,
  sampledRows: 100,
  d: 8,
  dtype: 'f32',
  badRows: 0,
  maskedRows: 0,
  zeroRows: 0,
  meanNorm: 3,
  rootMeanSquareNorm: 4,
  normPercentiles: { p1: 1, p5: 1, p50: 2, p95: 3, p99: 40 },
  meanVectorNorm: 1,
  meanVectorShare: 0.3,
  constantColumns: 0,
  constantColumnList: [],
  outliers: { bound: 20, rows: 12, positions: [{ at: 0, outliers: 9, rows: 10 }], tokens: [] },
  left: { rows: 88, meanNorm: 2, rootMeanSquareNorm: 2 },
  proposal: { bos: true, zero: false, tokens: [], maxNormMedians: 10, scale: 1 },
  ...over,
});

describe('what a profile proposes', () => {
  it('counts for the bound only the outliers that the first positions leave over', () => {
    const [bos, norm] = proposalsOf(profile(), {});
    expect(bos).toMatchObject({ id: 'bos', change: { bos: true }, text: expect.stringContaining('9 of 10') });
    expect(norm).toMatchObject({ id: 'norm', change: { maxNormMedians: 10 }, text: expect.stringContaining('Drop 3 outlier rows') });
  });

  it('is not proposed again once it was asked for, and adds to what was', () => {
    expect(proposalsOf(profile(), { bos: true }).map(({ id }) => id)).toEqual(['norm']);
    expect(proposalsOf(profile(), { bos: true, maxNorm: 50 })).toEqual([]);
    const tokens = profile({ proposal: { bos: false, zero: false, tokens: [2, 5], scale: 1 } });
    expect(proposalsOf(tokens, { tokens: [2] })[0]?.change).toEqual({ tokens: [2, 5] });
    expect(proposalsOf(profile({ proposal: { bos: false, zero: false, tokens: [], scale: 1 } }), {})).toEqual([]);
  });
});

describe('results', () => {
  it('JSON names the files by their fingerprint and what was left out of them', () => {
    const shards = {
      source: 'shards' as const,
      label: 'a.npy',
      rows: 10,
      d: 2,
      dtype: 'f32',
      trainRows: 9,
      heldOutRows: 1,
      bytes: 80,
      badRows: 0,
      filter: 'without masked rows',
      dropped: '2 masked',
      fingerprint: 'ab'.repeat(32),
    };
    const out = JSON.parse(resultsJson([], { files: [], shards }, undefined, new Date(0)));
    expect(out.data).toMatchObject({ filter: 'without masked rows', dropped: '2 masked', fingerprint: 'ab'.repeat(32) });
  });
});
