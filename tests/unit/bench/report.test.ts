import { describe, expect, it } from 'vitest';
import { isMet, targetText } from '../../../bench/figures';
import { readable } from '../../../bench/node/print';
import { figureInfos, figuresOf, fullJson, jsonLine, markdown, reportOf } from '../../../bench/report';
import { measuredCase, setting } from './fixtures';

const measured = measuredCase({
  figures: { tfjs_over_gated: 7.123456, encoder_gflops: 5, jaxjs_over_gated: undefined, gated_over_encoder: 2.5 },
  timings: [{ name: 'a | b', ms: 123.4, least: 100, most: 200, samples: 3 }],
  notes: ['a note'],
});

describe('figures', () => {
  it('are met at their target and missed beyond it', () => {
    const [least, most] = [{ is: 'at least', value: 5 } as const, { is: 'at most', value: 0.3 } as const];
    expect([4.99, 5, 6].map((value) => isMet(least, value))).toEqual([false, true, true]);
    expect([0.31, 0.3, 0].map((value) => isMet(most, value))).toEqual([false, true, true]);
    expect(isMet(least, Number.NaN) || isMet(most, Number.NaN)).toBe(false);
    expect([least, most].map(targetText)).toEqual(['≥ 5', '≤ 0.3']);
  });

  it('have words, and a target except where a number means nothing by itself', () => {
    for (const { key, words, target } of figureInfos()) {
      expect(words.length).toBeGreaterThan(8);
      expect(target === undefined, key).toBe(/gflops|share/.test(key));
    }
  });
});

describe('report', () => {
  it('leaves out what was not measured and keeps one order', () => {
    expect(Object.keys(figuresOf([measured]))).toEqual(['encoder_gflops', 'gated_over_encoder', 'tfjs_over_gated']);
  });

  it('is one line of JSON with a key a figure', () => {
    const line = jsonLine(reportOf(setting(), [measured], []));
    expect(line).not.toContain('\n');
    expect(JSON.parse(line)).toEqual({ adapter: 'a GPU', encoder_gflops: 5, gated_over_encoder: 2.5, tfjs_over_gated: 7.123 });
    expect(jsonLine(reportOf(setting(), [], []))).toBe('{"adapter":"a GPU"}');
  });

  it('judges at the usual sizes alone, and says so at others', () => {
    const verdicts = (small: boolean) => reportOf(setting({ small }), [measured], []).figures.map(({ verdict }) => verdict);
    expect(verdicts(false)).toEqual([undefined, 'missed', 'met']);
    expect(verdicts(true)).toEqual([undefined, undefined, undefined]);
    expect(JSON.parse(jsonLine(reportOf(setting({ small: true }), [measured], [])))).toMatchObject({ sizes: 'small' });
    expect(markdown(reportOf(setting({ small: true }), [measured], []))).toContain('targets do not apply');
  });

  it('names what failed instead of giving it a number', () => {
    const problems = [{ what: 'TF.js', why: 'no backend', stack: 'secret path' }];
    const report = reportOf(setting(), [measuredCase()], problems);
    for (const text of [markdown(report), readable(report)]) expect(text).toContain('not measured: TF.js: no backend');
    expect(JSON.parse(fullJson(report))).toMatchObject({ not_measured: [{ what: 'TF.js', why: 'no backend' }] });
    expect(fullJson(report)).not.toContain('secret');
    expect(jsonLine(report)).not.toContain('tfjs');
  });

  it('puts cases in the order of their letters, whatever the order of running', () => {
    const report = reportOf(setting(), [measuredCase({ letter: 'e' }), measuredCase({ letter: 'b' })], []);
    expect(report.cases.map(({ letter }) => letter)).toEqual(['b', 'e']);
  });

  it('is Markdown whose tables have as many cells in each row', () => {
    const rows = markdown(reportOf(setting(), [measured], []))
      .split('\n')
      .filter((line) => line.startsWith('|'));
    const cells = rows.map((row) => row.replaceAll('\\|', '').split('|').length - 2);
    expect(cells).toEqual([5, 5, 5, 5, 5, 4, 4, 4]);
  });
});
