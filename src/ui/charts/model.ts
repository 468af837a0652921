/** What a chart is before Plotly draws it: a plain value made by a pure function, so that it can be tested and shown as a table. */
import type { Layout, Trace } from 'plotly.js-basic-dist-min';
import { linearTicks } from '../../util/svg';
import { FONT, type Palette } from './theme';

export interface ChartModel {
  traces: Trace[];
  layout: Layout;
  /** One sentence: what the chart shows now. */
  message: string;
  table: { columns: string[]; rows: (string | number)[][] };
  /** Keys of the series, drawn as text beside the heading; exports use Plotly's own legend. */
  legend?: { name: string; color: string; dash: 'solid' | 'dash' | 'dot' }[];
}

export interface AxisOptions {
  title: string;
  log?: boolean;
  range?: [number, number];
  ticks?: { values: number[]; labels?: string[] };
  percent?: boolean;
  /** Keeps 0 in view. */
  fromZero?: boolean;
}

export function axis(palette: Palette, options: AxisOptions): Record<string, unknown> {
  return {
    title: { text: options.title, font: { size: 11.5, color: palette.muted }, standoff: 6 },
    type: options.log ? 'log' : 'linear',
    ...(options.range ? { range: options.range } : { autorange: true }),
    ...(options.fromZero ? { rangemode: 'tozero' } : {}),
    ...(options.ticks ? { tickvals: options.ticks.values, ticktext: options.ticks.labels ?? options.ticks.values.map(String) } : {}),
    ...(options.percent ? { tickformat: '.0%' } : {}),
    gridcolor: palette.grid,
    linecolor: palette.grid,
    zeroline: false,
    ticks: '',
    tickfont: { size: 11, color: palette.muted },
    automargin: true,
    tickangle: 0,
    nticks: 6,
  };
}

const DECADES = Array.from({ length: 17 }, (_, i) => i - 10);

/** A log axis over these values: padded range, labels at 1, 2 and 5; at powers of ten only over many decades, at round steps within one. */
export function logAxis(values: readonly number[], pad = 0.06): Pick<AxisOptions, 'log' | 'range' | 'ticks'> {
  const finite = values.filter((v) => Number.isFinite(v) && v > 0);
  if (finite.length === 0) return { log: true, ticks: { values: DECADES.map((e) => 10 ** e) } };
  const lo = Math.log10(finite.reduce((a, b) => Math.min(a, b)));
  const hi = Math.log10(finite.reduce((a, b) => Math.max(a, b)));
  const margin = Math.max((hi - lo) * pad, 0.05);
  const span = hi - lo + 2 * margin;
  const steps = span > 2.5 ? [1] : [1, 2, 5];
  const ticks =
    span > 0.7
      ? DECADES.flatMap((e) => steps.map((m) => Number((m * 10 ** e).toPrecision(1))))
      : linearTicks(10 ** (lo - margin), 10 ** (hi + margin), 4);
  return { log: true, range: [lo - margin, hi + margin], ticks: { values: ticks } };
}

export function linearRange(values: readonly number[], pad = 0.07): [number, number] | undefined {
  const finite = values.filter((v) => Number.isFinite(v));
  if (finite.length === 0) return undefined;
  const lo = finite.reduce((a, b) => Math.min(a, b));
  const hi = finite.reduce((a, b) => Math.max(a, b));
  const margin = hi > lo ? (hi - lo) * pad : Math.max(Math.abs(hi) * 0.1, 0.01);
  return [lo - margin, hi + margin];
}

export function layout(palette: Palette, axes: Layout, extra: Layout = {}): Layout {
  return {
    font: { family: FONT, size: 12, color: palette.ink },
    paper_bgcolor: 'rgba(0,0,0,0)',
    plot_bgcolor: 'rgba(0,0,0,0)',
    margin: { l: 52, r: 14, t: 10, b: 40 },
    showlegend: false,
    hovermode: 'closest',
    hoverlabel: {
      bgcolor: palette.background,
      bordercolor: palette.muted,
      font: { family: FONT, size: 12, color: palette.ink },
      align: 'left',
    },
    dragmode: 'zoom',
    ...axes,
    ...extra,
  };
}
