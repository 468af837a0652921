import { describe, expect, it } from 'vitest';
import { byArchitecture, fitted, plot } from '../../../bench/plot';
import { reportOf } from '../../../bench/report';
import { logTicks } from '../../../src/util/svg';
import { drawable, measuredCase, setting } from './fixtures';

describe('plot of the benchmark', () => {
  const svg = plot(reportOf(setting(), drawable, []));

  it('is one closed SVG, legible on light and dark pages', () => {
    expect(svg).toMatch(/^<svg [^>]*viewBox="0 0 \d+ \d+"/);
    for (const tag of ['svg', 'text', 'title', 'style', 'tspan'])
      expect(svg.split(`</${tag}>`).length, tag).toBe(svg.split(new RegExp(`<${tag}[ >]`)).length);
    expect(svg).toContain('prefers-color-scheme:dark');
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
    expect(svg).toContain('TF.js &lt;4.22>');
  });

  it('has axes with units, the fitted exponents, and a mark a point', () => {
    for (const words of ['F: latents (log)', 'B: rows a step (log)', 'L0: active latents a row (log)', 'ms a step (log)'])
      expect(svg).toContain(words);
    expect(svg).toContain('>1.00</tspan>');
    expect(svg).toContain('>0.50</tspan>');
    expect(svg.split('class="mark"').length - 1).toBe(7);
    // A single point has no slope and no line.
    expect(svg.split('class="fit"').length - 1).toBe(2);
  });

  it('has a bar a step with its milliseconds, gated ones together', () => {
    expect(svg.split('<rect class="').length - 1).toBe(7);
    expect(svg).toContain('277 ms');
    const bars = drawable.flatMap((one) => one.bars ?? []);
    expect(byArchitecture(bars).map(({ arch }) => arch)).toEqual(['gated', 'gated', 'gated', 'gated', 'baseline', 'baseline']);
  });

  it('draws what there is, and refuses to draw nothing', () => {
    expect(plot(reportOf(setting(), drawable.slice(0, 1), []))).not.toContain('Cost of a gated step<');
    expect(() => plot(reportOf(setting(), [measuredCase()], []))).toThrow(/nothing to plot/);
  });

  it('labels a log axis at 1, 2 and 5', () => {
    expect(logTicks(18, 220)).toEqual([20, 50, 100, 200]);
    expect(logTicks(0.9, 2)).toEqual([1, 2]);
  });

  it('puts the law through the middle of its points', () => {
    const at = fitted(
      [
        { x: 1, ms: 2 },
        { x: 4, ms: 8 },
      ],
      1,
    );
    expect(at(1)).toBeCloseTo(2, 12);
    expect(at(4)).toBeCloseTo(8, 12);
  });
});
