import { describe, expect, it } from 'vitest';
import { ratio } from '../../../bench/context';
import { type Contender, measure } from '../../../bench/measure';
import { figuresOf, jsonLine } from '../../../bench/report';
import { logLogSlope, median, relativeDifference, roundOrder, runsPerSample } from '../../../bench/stats';

describe('statistics of the benchmark', () => {
  it('takes the middle, or the mean of the two middles', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([1, 1, 1, 1, 1e6])).toBe(1);
    expect(() => median([])).toThrow(RangeError);
  });

  it('finds the exponent of a power law, whatever its factor', () => {
    const law = (p: number) => [1, 2, 4, 8].map((x) => ({ x, y: 7 * x ** p }));
    expect(logLogSlope(law(1))).toBeCloseTo(1, 12);
    expect(logLogSlope(law(-0.5))).toBeCloseTo(-0.5, 12);
    expect(logLogSlope(law(0))).toBeCloseTo(0, 12);
  });

  it('refuses a slope that is none', () => {
    expect(() => logLogSlope([{ x: 2, y: 1 }])).toThrow(RangeError);
    expect(() =>
      logLogSlope([
        { x: 2, y: 1 },
        { x: 2, y: 3 },
      ]),
    ).toThrow(RangeError);
    expect(() =>
      logLogSlope([
        { x: 1, y: 0 },
        { x: 2, y: 3 },
      ]),
    ).toThrow(RangeError);
  });

  it('gives every contender every place in the order', () => {
    for (const n of [1, 2, 3, 5]) {
      const places = Array.from({ length: n }, () => new Set<number>());
      for (let round = 0; round < 2 * n; round++) {
        const order = roundOrder(n, round);
        expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: n }, (_, i) => i));
        for (const [place, i] of order.entries()) places[i]?.add(place);
      }
      for (const seen of places) expect(seen.size).toBe(n);
    }
  });

  it('repeats short runs and no long ones', () => {
    expect(runsPerSample(200, 100)).toBe(1);
    expect(runsPerSample(30, 100)).toBe(4);
    expect(runsPerSample(0, 100)).toBe(64);
  });

  it('measures differences against the larger', () => {
    expect(relativeDifference(100, 101)).toBeCloseTo(1 / 101, 12);
    expect(relativeDifference(0, 0)).toBe(0);
    expect(relativeDifference(Number.NaN, 1)).toBeNaN();
  });
});

describe('measure', () => {
  const effort = { rounds: 4, leastRounds: 2, budgetMs: 1e6, sampleMs: 1 };
  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  const contender = (name: string, log: string[]): Contender => ({
    name,
    async run() {
      log.push(name);
      await pause(3);
    },
  });

  it('interleaves: no contender runs all its samples at once', async () => {
    const log: string[] = [];
    const timings = await measure([contender('a', log), contender('b', log)], effort);
    expect(timings.map(({ name, samples }) => [name, samples])).toEqual([
      ['a', 4],
      ['b', 4],
    ]);
    const timed = log.slice(-8);
    for (let round = 0; round < 4; round++) expect(new Set(timed.slice(2 * round, 2 * round + 2))).toEqual(new Set(['a', 'b']));
    for (const { ms, least, most } of timings) expect(least <= ms && ms <= most).toBe(true);
  });

  it('stops at its time, after the least rounds', async () => {
    const timings = await measure([contender('a', [])], { ...effort, budgetMs: 0 });
    expect(timings[0]?.samples).toBe(2);
  });

  it('does not warm up what has been run, and does not hide a failure', async () => {
    const log: string[] = [];
    await measure([{ ...contender('a', log), knownMs: 500 }], { ...effort, rounds: 1 });
    expect(log).toEqual(['a']);
    const broken = { name: 'broken', run: () => Promise.reject(new Error('lost')) };
    await expect(measure([broken], effort)).rejects.toThrow('lost');
  });
});

describe('report', () => {
  const result = {
    title: '',
    figures: { tfjs_over_gated: 7.123456, encoder_gflops: 5, jaxjs_over_gated: undefined },
    timings: [],
    notes: [],
  };

  it('leaves out what was not measured and keeps one order', () => {
    expect(Object.keys(figuresOf([result]))).toEqual(['encoder_gflops', 'tfjs_over_gated']);
    expect(JSON.parse(jsonLine('a GPU', [result]))).toEqual({ adapter: 'a GPU', encoder_gflops: 5, tfjs_over_gated: 7.123 });
    expect(jsonLine('a GPU', [])).toBe('{"adapter":"a GPU"}');
  });

  it('has no ratio of what is not there', () => {
    const timings = [
      { name: 'a', ms: 4, least: 4, most: 4, cpuMs: 4, samples: 1 },
      { name: 'b', ms: 8, least: 8, most: 8, cpuMs: 8, samples: 1 },
    ];
    expect(ratio(timings, 'a', 'b')).toBe(0.5);
    expect(ratio(timings, 'a', 'c')).toBeUndefined();
  });
});
