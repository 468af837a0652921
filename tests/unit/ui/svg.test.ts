import { describe, expect, it } from 'vitest';
import { paretoSvg } from '../../../src/cli/paretoSvg';
import { drawFrontiers } from '../../../src/metrics/frontierDrawing';
import { frontier, frontierLine } from '../../../src/metrics/pareto';
import { QUALITIES } from '../../../src/metrics/quality';
import { EXAMPLE_RESULTS } from '../../../src/ui/exampleResults';
import { axes, coordinate, LIGHT_INK, linearTicks, MARK_SHAPES, mark, node, scale, svgText } from '../../../src/util/svg';

describe('small drawings', () => {
  it('escape what they are given and round what they draw', () => {
    expect(svgText(node('text', { x: 1.26, y: undefined, 'font-family': '"A" & B' }, 'a < b & "c"'))).toBe(
      '<text x="1.3" font-family="&quot;A&quot; &amp; B">a &lt; b &amp; "c"</text>',
    );
    expect(() => coordinate(Number.NaN)).toThrow(/coordinate of NaN/);
  });
  it('place values on linear and log axes', () => {
    expect(scale({ lo: 0, hi: 10, ticks: [] }, 100, 200)(2.5)).toBeCloseTo(125, 12);
    expect(scale({ lo: 1, hi: 100, log: true, ticks: [] }, 200, 0)(10)).toBeCloseTo(100, 12);
    const made = axes(
      { left: 0, right: 10, top: 0, bottom: 10 },
      { lo: 0, hi: 1, ticks: [0.5] },
      { lo: 0, hi: 1, ticks: [] },
      { grid: {}, tick: {}, title: {} },
    );
    expect(made.nodes.map(({ tag }) => tag)).toEqual(['line']);
    expect(linearTicks(0.52, 0.98)).toEqual([0.6, 0.7, 0.8, 0.9]);
  });
  it('know twelve marks, none of which is drawn as another', () => {
    expect(new Set(MARK_SHAPES.map((shape) => svgText(mark(shape, 0, 0, 10, {})))).size).toBe(12);
    expect(mark('square', 10, 10, 5, {}).attrs).toMatchObject({ x: 5.5, width: 9 });
    expect(mark('diamond', 10, 10, 4, {}).attrs.d).toBe('M10 5L15 10L10 15L5 10Z');
    expect(mark('triangle-up', 0, 0, 10, {}).tag).toBe('path');
  });
});

describe('frontiers drawn', () => {
  const svg = paretoSvg(EXAMPLE_RESULTS, QUALITIES.recovered, ['At loss recovered 0.90 …', 'left out <x>']);
  it('are a mark a run and a line a frontier, in the colours of the table', () => {
    // One more of each in the legend.
    expect(svg.split('<circle').length - 1).toBe(5);
    expect(svg.split('<rect').length - 1).toBe(4 + 1 + 1);
    expect(svg.split('stroke-width="1.75"').length - 1).toBe(4);
    expect(svg).toContain('#0072B2');
    expect(svg).toContain('left out &lt;x>');
    for (const tag of ['svg', 'text', 'title', 'g'])
      expect(svg.split(`</${tag}>`).length).toBe(svg.split(new RegExp(`<${tag}[ >]`)).length);
  });
  it('go straight from run to run on the log axis', () => {
    const size = { width: 500, height: 300, quality: QUALITIES.recovered, ink: LIGHT_INK, theme: 'light' as const };
    const [line] = drawFrontiers(EXAMPLE_RESULTS, size).filter(({ tag }) => tag === 'path');
    const corners = String(line?.attrs.d).match(/[ML]/g);
    expect(corners).toHaveLength(frontierLine(frontier(EXAMPLE_RESULTS.filter(({ arch }) => arch === 'gated'))).length);
  });
  it('draw empty axes without a run, and one run without a range', () => {
    expect(paretoSvg([], QUALITIES.r2, [])).not.toMatch(/NaN|Infinity/);
    expect(paretoSvg([{ arch: 'gated', l0: 3, quality: 0.4 }], QUALITIES.r2, [])).not.toMatch(/NaN|Infinity/);
  });
});
