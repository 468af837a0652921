import { describe, expect, it } from 'vitest';
import { describeTime } from '../../../src/cli/output';
import { RateMeter } from '../../../src/lab/rate';

/** A meter on a clock that the test moves. */
function meter() {
  let now = 1000;
  const rate = new RateMeter(() => now);
  return {
    rate,
    /** A step of `ms`, of which so much was spent waiting. */
    step(ms: number, dataMs = 0, gpuMs = 0, rows = 10): boolean {
      now += ms;
      rate.step(rows, dataMs, gpuMs);
      return rate.measure();
    },
    pass(ms: number): void {
      now += ms;
    },
    evaluate(ms: number): void {
      now += ms;
      rate.evaluation(ms);
    },
  };
}

const shares = ({ dataShare, gpuShare, evalShare }: RateMeter) => [dataShare, gpuShare, evalShare];

describe('RateMeter', () => {
  it('forms nothing before a second is over, then shares of the wall time and rows a second without the evaluations', () => {
    const { rate, step, evaluate } = meter();
    expect(step(500, 100, 200)).toBe(false);
    expect(rate.rowsPerSecond).toBe(0);
    evaluate(300);
    expect(step(200, 0, 100)).toBe(true);
    expect(shares(rate)).toEqual([0.1, 0.3, 0.3]);
    expect(rate.rowsPerSecond).toBeCloseTo(20 / 0.7, 9);
  });

  it('covers the last five seconds and forgets what was before', () => {
    const { rate, step } = meter();
    for (let i = 0; i < 5; i++) step(1000, 1000, 0);
    expect(shares(rate)).toEqual([1, 0, 0]);
    step(1000, 0, 1000);
    expect(shares(rate)).toEqual([0.8, 0.2, 0]);
    for (let i = 0; i < 4; i++) step(1000, 0, 1000);
    expect(shares(rate)).toEqual([0, 1, 0]);
  });

  it('an evaluation of thirty seconds is seen whole', () => {
    const { rate, step, evaluate } = meter();
    for (let i = 0; i < 9; i++) step(1000, 0, 500);
    evaluate(30_000);
    step(1000, 0, 500);
    expect(rate.evalShare).toBeCloseTo(30 / 31, 9);
  });

  it('shares never add up to more than 1, though clocks are coarse', () => {
    const { rate, step, evaluate } = meter();
    evaluate(500);
    step(500, 300, 202);
    const sum = shares(rate).reduce((a, b) => a + b, 0);
    expect(sum).toBeLessThanOrEqual(1 + 1e-12);
    expect(sum).toBeGreaterThan(0.999);
  });

  it('a pause counts for nothing, and the last figures stay until there are new ones', () => {
    const { rate, step, pass } = meter();
    step(1000, 500, 250);
    const before = shares(rate);
    pass(60_000);
    rate.restart();
    expect(shares(rate)).toEqual(before);
    step(1000, 0, 750);
    expect(shares(rate)).toEqual([0, 0.75, 0]);
  });

  it('overall covers everything from the start, the running period included; nothing measured is nothing', () => {
    const { rate, step, evaluate, pass } = meter();
    expect(rate.overall()).toBeUndefined();
    for (let i = 0; i < 8; i++) step(1000, 100, 500);
    evaluate(1500);
    pass(500);
    expect(rate.overall()).toEqual({ data: 0.08, gpu: 0.4, evaluation: 0.15 });
  });
});

describe('describeTime', () => {
  it('names every share, the rest too', () => {
    expect(describeTime({ data: 0.004, gpu: 0.86, evaluation: 0.0961 })).toBe(
      'waiting for data 0.4 %, for the GPU 86 %, evaluating 9.6 %, host 4.0 %',
    );
  });
});
