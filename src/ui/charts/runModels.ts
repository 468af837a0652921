/** The charts of one run: loss terms, L0, γ, dead latents, firing density. Pure functions of its series. */
import type { Trace } from 'plotly.js-basic-dist-min';
import type { DensityHistogram, LogColumn, RunSummary } from '../../lab/protocol';
import { scaleWords } from '../../lab/settings';
import { UNBIASED } from '../../metrics/quality';
import { decimate } from '../decimate';
import { count, fraction, general, l0 as l0Text, percent } from '../format';
import type { Evaluation } from '../metricStore';
import { axis, type ChartModel, layout, logAxis } from './model';
import { gammaGuides } from './paretoModel';
import { archColour, type Palette } from './theme';

export interface RunInput {
  run: RunSummary;
  column: (name: LogColumn) => Float32Array;
  evaluations: readonly Evaluation[];
  density?: DensityHistogram;
  /** What a row of the data is called: "tokens" only when it is known to be one. */
  rowWord: string;
  palette: Palette;
}

function line(x: number[], y: number[], name: string, color: string, extra: Record<string, unknown> = {}): Trace {
  const { dash = 'solid', ...rest } = extra;
  return {
    type: 'scatter',
    mode: 'lines',
    name,
    x,
    y,
    line: { color, width: 1.5, dash },
    hovertemplate: `${name} %{y:.4g}<br>step %{x}<extra></extra>`,
    ...rest,
  };
}

function marks(evaluations: readonly Evaluation[], of: (e: Evaluation) => number, name: string, input: RunInput): Trace {
  const color = archColour(input.palette, input.run.arch);
  return {
    type: 'scatter',
    mode: evaluations.length > 40 ? 'lines' : 'lines+markers',
    name,
    ...decimate(
      evaluations.map((e) => e.step),
      evaluations.map(of),
    ),
    line: { color, width: 1.75 },
    marker: { size: 5, color },
    hovertemplate: `${name} %{y:.4g}<br>step %{x}<extra></extra>`,
  };
}

const stepAxis = (palette: Palette) => axis(palette, { title: 'Step', fromZero: true });

export function lossModel(input: RunInput): ChartModel {
  const { palette, run } = input;
  const steps = input.column('step');
  const terms: [LogColumn, string, string, 'solid' | 'dash' | 'dot'][] = [
    ['loss', 'total', palette.ink, 'solid'],
    ['mse_loss', 'reconstruction', archColour(palette, run.arch), 'solid'],
    ['sparsity_loss', 'sparsity × λ', palette.series[0], 'dash'],
    ['aux_loss', 'auxiliary', palette.series[1], 'dot'],
  ];
  const present = terms
    .map(([column, name, color, dash]) => ({ name, color, dash, ...decimate(steps, weighted(input, column)) }))
    .filter((t) => t.x.length > 0);
  const total = present.find((t) => t.name === 'total');
  const last = (t: { y: number[] }) => general(t.y.at(-1) ?? Number.NaN);
  const parts = present.filter((t) => t.name !== 'total').map((t) => `${t.name} ${last(t)}`);
  return {
    traces: present.map((t) => line(t.x, t.y, t.name, t.color, { dash: t.dash })),
    layout: layout(
      palette,
      {
        xaxis: stepAxis(palette),
        yaxis: axis(palette, { title: 'Loss per scaled row', ...logAxis(present.flatMap((t) => settled(t))) }),
      },
      { uirevision: run.id },
    ),
    legend: present.map(({ name, color, dash }) => ({ name, color, dash })),
    message: total
      ? `Loss ${last(total)} at step ${count(total.x.at(-1) ?? 0)}: ${parts.join(', ')}; of ${scaleWords(run)}.`
      : 'No training step yet.',
    table: {
      columns: ['Step', ...present.map((t) => t.name)],
      rows: sampleRows(steps, present.length, 40, (i) => present.map((t) => general(nearest(t, steps[i] as number)))),
    },
  };
}

/** A term as it enters the total: the sparsity term times the λ of its step, so that the parts add up. */
function weighted(input: RunInput, column: LogColumn): Float32Array {
  const values = input.column(column);
  if (column !== 'sparsity_loss') return values;
  const lambda = input.column('lambda');
  return values.map((v, i) => v * (lambda[i] ?? 1));
}

/** The values an axis should show: warm-up from zero would stretch a log axis over decades of nothing. */
function settled({ y }: { y: number[] }): number[] {
  const last = y.at(-1) ?? 0;
  return y.filter((v) => v > last / 10);
}

const batchAndHeldOut = ({ palette, run }: RunInput): ChartModel['legend'] => [
  { name: 'training batch', color: palette.muted, dash: 'solid' },
  { name: 'held out', color: archColour(palette, run.arch), dash: 'solid' },
];

export function l0Model(input: RunInput): ChartModel {
  const { palette, run, evaluations } = input;
  const batch = decimate(input.column('step'), input.column('l0'));
  const last = evaluations.at(-1);
  return {
    traces: [
      line(batch.x, batch.y, 'training batch', palette.muted, { opacity: 0.55 }),
      marks(evaluations, (e) => e.metrics.l0, 'held out', input),
    ],
    layout: layout(
      palette,
      {
        xaxis: stepAxis(palette),
        yaxis: axis(palette, { title: 'Latents per row', ...logAxis([...batch.y, ...evaluations.map((e) => e.metrics.l0)]) }),
      },
      { uirevision: run.id },
    ),
    legend: batchAndHeldOut(input),
    message: last ? `L0 ${l0Text(last.metrics.l0)} on held-out rows at step ${count(last.step)}.` : 'No evaluation yet.',
    table: { columns: ['Step', 'L0, held out'], rows: evaluations.map((e) => [e.step, l0Text(e.metrics.l0)]) },
  };
}

export function gammaModel(input: RunInput): ChartModel {
  const { palette, run, evaluations } = input;
  const batch = decimate(input.column('step'), input.column('gamma'));
  const last = evaluations.at(-1);
  const formed = evaluations.filter((e) => e.metrics.gamma !== undefined);
  const values = formed.map((e) => e.metrics.gamma as number);
  // The first steps may be far off; the axis keeps to what the band is about.
  const low = Math.max(0.4, Math.min(0.9, ...values) - 0.03);
  const high = Math.min(1.6, Math.max(1.1, ...values) + 0.03);
  return {
    traces: [
      line(batch.x, batch.y, 'training batch', palette.muted, { opacity: 0.55 }),
      marks(formed, (e) => e.metrics.gamma as number, 'held out', input),
    ],
    layout: layout(
      palette,
      { xaxis: stepAxis(palette), yaxis: axis(palette, { title: 'γ', range: [low, high] }) },
      { shapes: gammaGuides(palette), uirevision: run.id },
    ),
    legend: batchAndHeldOut(input),
    message: last ? gammaWords(last.metrics.gamma) : `No evaluation yet. The shaded band is ${UNBIASED.join(' to ')}.`,
    table: { columns: ['Step', 'γ, held out'], rows: evaluations.map((e) => [e.step, fraction(e.metrics.gamma)]) },
  };
}

export function gammaWords(gamma: number | undefined): string {
  if (gamma === undefined) return 'γ cannot be formed: the reconstructions are all zero.';
  const value = `γ ${fraction(gamma)}`;
  if (gamma < UNBIASED[0])
    return `${value}: reconstructions shrink; scaling them up by ${((1 / gamma - 1) * 100).toFixed(0)}\u202f% would fit better.`;
  if (gamma <= UNBIASED[1]) return `${value}: unbiased, inside the band ${UNBIASED.join(' to ')}.`;
  return `${value}: reconstructions are too long${gamma > 1.05 ? '; above 1.05 usually means a broken run' : ''}.`;
}

export function deadModel(input: RunInput): ChartModel {
  const { palette, run, evaluations, rowWord } = input;
  const dead = (e: Evaluation) => Math.round((1 - e.metrics.alive) * run.dSae);
  const last = evaluations.at(-1);
  return {
    traces: [marks(evaluations, dead, 'dead latents', input)],
    layout: layout(
      palette,
      {
        xaxis: stepAxis(palette),
        yaxis: axis(palette, {
          title: 'Dead latents',
          fromZero: true,
          ...(evaluations.every((e) => dead(e) === 0) ? { range: [-0.5, 10] as [number, number] } : {}),
        }),
      },
      { uirevision: run.id },
    ),
    message: last
      ? `${count(dead(last))} of ${count(run.dSae)} latents (${percent(dead(last) / run.dSae)}) did not fire in a window of ${count(last.metrics.alive_window_tokens)} ${rowWord}.`
      : 'No evaluation yet.',
    table: {
      columns: ['Step', 'Dead latents', `Window (${rowWord})`],
      rows: evaluations.map((e) => [e.step, dead(e), e.metrics.alive_window_tokens]),
    },
  };
}

const BINS = 40;
const LOWEST = -6;
const BIN = -LOWEST / BINS;
/** Where the bar of latents that never fired stands, left of the lowest bin. */
const NEVER = LOWEST - 0.8;

export function densityModel(input: RunInput): ChartModel {
  const { palette, density, run, rowWord } = input;
  const color = archColour(palette, run.arch);
  const counts = density?.counts ?? [];
  const center = (i: number) => LOWEST + (i + 0.5) * BIN;
  const never = `never fired in ${density ? count(density.rows) : 'these'} ${rowWord}`;
  const bar = { type: 'bar', showlegend: false };
  return {
    traces: density
      ? [
          {
            ...bar,
            x: [NEVER],
            y: [density.dead],
            width: 0.4,
            marker: { color: palette.muted, pattern: { shape: '/', size: 5, solidity: 0.5 } },
            hovertemplate: `%{y} latents ${never}<extra></extra>`,
          },
          {
            ...bar,
            x: counts.map((_, i) => center(i)),
            y: counts,
            width: BIN * 0.88,
            marker: { color },
            customdata: counts.map((_, i) => `${power(LOWEST + i * BIN)} to ${power(LOWEST + (i + 1) * BIN)}`),
            hovertemplate: '%{y} latents fire on %{customdata} of rows<extra></extra>',
          },
        ]
      : [],
    layout: layout(
      palette,
      {
        xaxis: axis(palette, {
          title: `Firing frequency (share of ${rowWord}, log)`,
          range: [NEVER - 0.35, 0.1],
          ticks: { values: [NEVER, -6, -5, -4, -3, -2, -1, 0], labels: ['never', '', '10⁻⁵', '', '10⁻³', '', '0.1', '1'] },
        }),
        yaxis: axis(palette, { title: 'Latents', fromZero: true }),
      },
      { bargap: 0, uirevision: run.id },
    ),
    message: density ? densityWords(density, never) : 'No evaluation yet.',
    table: {
      columns: ['Firing frequency', 'Latents'],
      rows: density
        ? [
            [never, density.dead],
            ...counts.flatMap((n, i): (string | number)[][] =>
              n > 0 ? [[`${power(LOWEST + i * BIN)} to ${power(LOWEST + (i + 1) * BIN)}`, n]] : [],
            ),
          ]
        : [],
    },
  };
}

function densityWords(density: DensityHistogram, never: string): string {
  const total = density.counts.reduce((a, b) => a + b, 0);
  let seen = 0;
  const middle = density.counts.findIndex((n) => {
    seen += n;
    return seen >= total / 2;
  });
  const typical = total > 0 ? `The median latent that fires does so on about ${power(LOWEST + (middle + 0.5) * BIN)} of rows; ` : '';
  return `${typical}${count(density.dead)} ${never}.`;
}

const power = (exponent: number) => {
  const value = 10 ** exponent;
  return value >= 0.001 ? `${Number((value * 100).toPrecision(2))} %` : value.toExponential(1);
};

function nearest(series: { x: number[]; y: number[] }, step: number): number {
  let best = 0;
  for (let i = 1; i < series.x.length; i++)
    if (Math.abs((series.x[i] as number) - step) < Math.abs((series.x[best] as number) - step)) best = i;
  return series.y[best] as number;
}

/** At most `most` evenly spaced rows for the data table, the last included. */
function sampleRows(steps: Float32Array, columns: number, most: number, row: (i: number) => (string | number)[]): (string | number)[][] {
  if (columns === 0 || steps.length === 0) return [];
  const n = Math.min(most, steps.length);
  return Array.from({ length: n }, (_, k) => {
    const i = n === 1 ? 0 : Math.round((k * (steps.length - 1)) / (n - 1));
    return [steps[i] as number, ...row(i)];
  });
}
