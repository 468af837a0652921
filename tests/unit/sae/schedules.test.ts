/** Schedules, initial weights, and the way in and out of padded rows. */
import { describe, expect, it } from 'vitest';
import { architecture } from '../../../src/sae/architectures';
import { initialWeights } from '../../../src/sae/init';
import { cutRows, padRows } from '../../../src/sae/packing';
import { learningRate, type Schedule, sparsity } from '../../../src/sae/schedules';

const schedule = (change: Partial<Schedule> = {}): Schedule => ({
  steps: 10,
  lr: 2,
  lrWarmup: 0,
  lrDecay: 0,
  lambda: 3,
  lambdaWarmup: 0,
  ...change,
});
const over = (s: Schedule, f: (s: Schedule, t: number) => number) => Array.from({ length: s.steps }, (_, t) => f(s, t));

describe('schedules', () => {
  it('are constant without warm-up and decay', () => {
    expect(over(schedule(), learningRate)).toEqual(new Array(10).fill(2));
    expect(over(schedule(), sparsity)).toEqual(new Array(10).fill(3));
  });
  it('rise linearly from 0, reaching the full value at step N', () => {
    expect(over(schedule({ lrWarmup: 4 }), learningRate).slice(0, 6)).toEqual([0, 0.5, 1, 1.5, 2, 2]);
    expect(over(schedule({ lambdaWarmup: 3 }), sparsity).slice(0, 5)).toEqual([0, 1, 2, 3, 3]);
  });
  it('fall linearly over the last fraction, never to zero before the end', () => {
    expect(over(schedule({ lrDecay: 0.4 }), learningRate)).toEqual([2, 2, 2, 2, 2, 2, 2, 1.5, 1, 0.5]);
    expect(learningRate(schedule({ lrDecay: 0.4 }), 10)).toBe(0);
    expect(over(schedule({ lrDecay: 1, lrWarmup: 2 }), learningRate)[1]).toBeCloseTo(2 * 0.5 * 0.9, 12);
    expect(over(schedule({ lrDecay: 0.4 }), sparsity)[9]).toBe(3);
  });
  it('or on half a cosine', () => {
    const fall = over(schedule({ lrDecay: 0.4, lrDecayShape: 'cosine' }), learningRate);
    // (1 + cos 0°, 45°, 90°, 135°) times half of 2.
    const expected = [2, 2, 2, 2, 2, 2, 2, 1 + Math.SQRT1_2, 1, 1 - Math.SQRT1_2];
    fall.forEach((lr, t) => expect(lr, `step ${t}`).toBeCloseTo(expected[t] as number, 12));
    expect(learningRate(schedule({ lrDecay: 0.4, lrDecayShape: 'cosine' }), 10)).toBe(0);
  });
});

describe('initial weights', () => {
  it('unit decoder rows, encoder equal to them, vectors zero, b_dec as given; a function of the seed', () => {
    const bDec = Float32Array.of(1, 2, 3, 4, 5);
    const w = initialWeights('gated', 5, 40, 7, bDec);
    expect(w.wEnc).toEqual(w.wDec);
    expect(w.wEnc).not.toBe(w.wDec);
    expect([...w.bDec]).toEqual([1, 2, 3, 4, 5]);
    expect(w.bDec).not.toBe(bDec);
    expect(Object.keys(w.vectors)).toEqual(['b_gate', 'r_mag', 'b_mag']);
    expect(Object.values(w.vectors).every((v) => v.length === 40 && v.every((x) => x === 0))).toBe(true);
    const norms = Array.from({ length: 40 }, (_, i) => Math.hypot(...w.wDec.subarray(5 * i, 5 * i + 5)));
    for (const norm of norms) expect(norm).toBeCloseTo(1, 6);
    expect(initialWeights('gated', 5, 40, 7, bDec)).toEqual(w);
    expect(initialWeights('gated', 5, 40, 8, bDec).wDec).not.toEqual(w.wDec);
    // Directions are spread: no coordinate is favoured.
    const mean = w.wDec.reduce((sum, v) => sum + v, 0) / w.wDec.length;
    expect(Math.abs(mean)).toBeLessThan(0.15);
  });

  it('the encoder’s rows are as long as asked, in the same directions', () => {
    const [one, tenth] = [1, 0.1].map((length) => initialWeights('gated', 5, 40, 7, new Float32Array(5), length));
    expect(tenth?.wDec).toEqual(one?.wDec);
    expect(tenth?.wEnc).toEqual(one?.wDec.map((value) => 0.1 * value));
  });

  it('two architectures of one seed start from the same directions', () => {
    const zero = new Float32Array(3);
    expect(initialWeights('baseline', 3, 4, 1, zero).wDec).toEqual(initialWeights('gated', 3, 4, 1, zero).wDec);
  });

  it('a gated SAE has exactly 2F parameters more than a baseline of its width', () => {
    const count = (arch: 'gated' | 'baseline') => {
      const w = initialWeights(arch, 3, 11, 1, new Float32Array(3));
      return w.wEnc.length + w.wDec.length + w.bDec.length + Object.values(w.vectors).reduce((n, v) => n + v.length, 0);
    };
    expect(count('gated') - count('baseline')).toBe(2 * 11);
    expect(architecture('gated').vectors.length - architecture('baseline').vectors.length).toBe(2);
  });
});

describe('padRows and cutRows', () => {
  it.each([1, 2, 3, 4, 5, 8])('d %i: pads with zeros to whole vec4s, and back', (d) => {
    const values = Float32Array.from({ length: 3 * d }, (_, i) => i + 1);
    const padded = padRows(values, d);
    const stride = Math.ceil(d / 4) * 4;
    expect(padded.length).toBe(3 * stride);
    for (let j = 0; j < padded.length; j++) expect(padded[j]).toBe(j % stride < d ? Math.floor(j / stride) * d + (j % stride) + 1 : 0);
    expect(cutRows(padded, d)).toEqual(values);
  });
});
