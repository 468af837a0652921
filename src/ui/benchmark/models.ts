/** The benchmark's charts: cost against one size, and the steps as bars. Pure functions of its results. */
import type { Bar, Curve, Report } from '../../../bench/page/protocol';
import { SUBJECT } from '../../sae/architectures';
import { axis, type ChartModel, layout, linearRange, logAxis } from '../charts/model';
import { archColour, type Palette } from '../charts/theme';
import { milliseconds } from '../format';

const SIZES: Record<Curve['axis'], { title: string; words: string }> = {
  F: { title: 'F: latents', words: 'latents' },
  B: { title: 'B: rows a step', words: 'rows a step' },
  L0: { title: 'L0: active latents a row', words: 'active latents a row' },
};

export const curvesOf = (report: Report): Curve[] => report.cases.flatMap((one) => one.curves ?? []).filter((c) => c.points.length > 0);
export const barsOf = (report: Report): Bar[] => report.cases.flatMap((one) => one.bars ?? []);

/** The power law with the slope that was fitted, through the middle of the points (bench/plot.ts draws the same line). */
function powerLaw({ points, slope }: Curve): { x: number[]; y: number[] } | undefined {
  if (slope === undefined) return undefined;
  const mean = (of: (p: { x: number; ms: number }) => number) => points.reduce((sum, p) => sum + Math.log(of(p)), 0) / points.length;
  const intercept = mean((p) => p.ms) - slope * mean((p) => p.x);
  const xs = points.map((p) => p.x);
  const x = [Math.min(...xs), Math.max(...xs)];
  return { x, y: x.map((value) => Math.exp(intercept + slope * Math.log(value))) };
}

/** @param all every curve: they share one y axis, so that they can be compared. */
export function costModel(curve: Curve, all: readonly Curve[], palette: Palette): ChartModel {
  const { title, words } = SIZES[curve.axis];
  const xs = curve.points.map((p) => p.x);
  const line = powerLaw(curve);
  const color = archColour(palette, SUBJECT);
  return {
    traces: [
      ...(line
        ? [{ type: 'scatter', mode: 'lines', name: 'fitted', ...line, line: { color, width: 1.25, dash: 'dash' }, hoverinfo: 'skip' }]
        : []),
      {
        type: 'scatter',
        mode: 'markers',
        name: 'measured',
        x: xs,
        y: curve.points.map((p) => p.ms),
        marker: { size: 8, color },
        hovertemplate: `%{x:.0f} ${words}<br>%{y:.3~g} ms<extra></extra>`,
      },
    ],
    layout: layout(palette, {
      xaxis: axis(palette, { title, ...logAxis(xs, 0.12), ticks: { values: xs, labels: xs.map((x) => String(Math.round(x))) } }),
      yaxis: axis(palette, { title: 'ms a step', ...logAxis(all.flatMap(({ points }) => points.map((p) => p.ms))) }),
    }),
    message:
      curve.slope === undefined
        ? 'One point only: no slope.'
        : `time ~ ${curve.axis}^${curve.slope.toFixed(2)}: twice the ${words} cost ${(2 ** curve.slope).toFixed(2)} times as much. Both axes are logarithmic.`,
    table: { columns: [title, 'ms a step'], rows: curve.points.map((p) => [String(Math.round(p.x)), milliseconds(p.ms)]) },
    legend: [{ name: 'power law fitted to the points', color, dash: 'dash' }],
  };
}

const isOurs = ({ who }: Bar) => who === 'sparse' || who === 'dense';
const label = (bar: Bar) => (isOurs(bar) ? `${bar.arch} ${bar.who}` : `${bar.arch}, ${bar.who}`);

export function stepsModel(bars: readonly Bar[], palette: Palette): ChartModel {
  // Plotly draws the first bar lowest.
  const shown = [...new Set([SUBJECT, ...bars.map((bar) => bar.arch)])].flatMap((arch) => bars.filter((bar) => bar.arch === arch));
  const upwards = shown.toReversed();
  const best = shown.find((bar) => bar.arch === SUBJECT && bar.who === 'sparse');
  const others = best ? shown.filter((bar) => bar.arch === SUBJECT && bar !== best) : [];
  const [, most] = linearRange([0, ...shown.map(({ ms }) => ms)], 0.3) ?? [0, 1];
  return {
    traces: [
      {
        type: 'bar',
        orientation: 'h',
        x: upwards.map(({ ms }) => ms),
        y: upwards.map(label),
        marker: {
          color: upwards.map((bar) => (isOurs(bar) ? archColour(palette, bar.arch) : palette.muted)),
          opacity: upwards.map(opacityOf),
        },
        text: upwards.map(({ ms }) => `${milliseconds(ms)} ms`),
        textposition: 'outside',
        textfont: { color: palette.ink },
        cliponaxis: false,
        hovertemplate: '%{y}: %{text}<extra></extra>',
      },
    ],
    layout: layout(palette, {
      xaxis: axis(palette, { title: 'ms a step, median', range: [0, most] }),
      yaxis: { ...axis(palette, { title: '' }), type: 'category', dtick: 1, gridcolor: 'rgba(0,0,0,0)' },
      bargap: 0.28,
    }),
    message:
      best && others.length > 0
        ? `The sparse gated step takes ${milliseconds(best.ms)} ms; ${others.map((bar) => `${bar.who} ${(bar.ms / best.ms).toFixed(1)} times as long`).join(', ')}.`
        : 'Shorter is better.',
    table: { columns: ['step', 'ms, median'], rows: shown.map((bar) => [label(bar), milliseconds(bar.ms)]) },
  };
}

const opacityOf = (bar: Bar): number => (bar.who === 'sparse' ? 1 : 0.6);
