import { describe, expect, it } from 'vitest';
import { fitOf, judge, likeness, rowMoments } from '../../../src/lab/rowFit';
import { randoms } from '../../gpu';

const D = 64;
const N = 40;
const y = randoms(N * D, 1).map((v, j) => v * (1 + (j % D)) + Math.sin(j % D));

describe('rows against those of a model', () => {
  it('are the same, or differ by so much of their norm', () => {
    expect(fitOf(y, y, D)).toMatchObject({ rows: N, plain: 0 });
    // Every row longer by a tenth: 0.1 / 1.1 of the longer norm.
    expect(
      fitOf(
        y.map((v) => 1.1 * v),
        y,
        D,
      ).plain,
    ).toBeCloseTo(0.1 / 1.1, 5);
    expect(fitOf(randoms(N * D, 2), y, D).plain).toBeGreaterThan(0.5);
  });

  it('times a factor, less their own means, less one vector: each is found', () => {
    const scaled = fitOf(
      y.map((v) => 0.07 * v),
      y,
      D,
    );
    expect(scaled.scaled.factor).toBeCloseTo(0.07, 6);
    expect(scaled.scaled.error).toBeLessThan(1e-6);
    const centred = y.map((v, j) => v - y.subarray(Math.floor(j / D) * D, Math.floor(j / D) * D + D).reduce((a, b) => a + b, 0) / D);
    expect(fitOf(centred, y, D).centered).toBeLessThan(1e-6);
    const shift = randoms(D, 5);
    const moved = fitOf(
      y.map((v, j) => v - 9 * (shift[j % D] as number)),
      y,
      D,
    );
    expect(moved.shifted).toBeLessThan(1e-5);
    expect(Math.min(moved.plain, moved.scaled.error, moved.centered)).toBeGreaterThan(0.05);
  });

  it('one row in ten that is another is no other place; a row that is NaN is', () => {
    const few = y.map((v, j) => (j < 4 * D ? -v : v));
    expect(fitOf(few, y, D).plain).toBe(0);
    expect(
      fitOf(
        y.map(() => Number.NaN),
        y,
        D,
      ).plain,
    ).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('moments', () => {
  // Columns of quite different spreads, as in a language model; two halves of one sample, and another order of the columns.
  const rows = randoms(2000 * D, 7).map((v, j) => v * Math.exp(2 * Math.sin(3 * (j % D))) + 0.3 * Math.cos(j % D));
  const [a, b] = [rows.subarray(0, 1000 * D), rows.subarray(1000 * D)];
  const of = (x: Float32Array) => rowMoments(x, D) as NonNullable<ReturnType<typeof rowMoments>>;

  it('of two samples of one place are alike, of permuted columns foreign, of scaled rows too', () => {
    expect(judge(likeness(of(a), of(b)), D)).toBe('alike');
    const permuted = b.map((_, j) => b[Math.floor(j / D) * D + ((29 * (j % D) + 11) % D)] as number);
    expect(judge(likeness(of(a), of(permuted)), D)).toBe('foreign');
    const half = likeness(of(a.map((v) => v / 3)), of(b));
    expect(half.norm).toBeCloseTo(1 / 3, 1);
    expect(judge(half, D)).toBe('foreign');
  });

  it('of few columns do not tell', () => {
    expect(judge({ spread: 0.9, mean: 0.9, norm: 1 }, 24)).toBe('open');
  });

  it('leave out norm sinks and what is not finite', () => {
    const odd = a.slice();
    odd.fill(1e4, 0, D);
    odd.fill(Number.NaN, D, 2 * D);
    expect(of(odd).rows).toBe(998);
    expect(of(odd).meanNorm).toBeCloseTo(of(a.subarray(2 * D)).meanNorm, 3);
  });
});
