/** The Pareto chart: one mark per run, frontiers as steps, and faint trails of each run's earlier evaluations. */
import type { Trace } from 'plotly.js-basic-dist-min';
import type { RunSummary } from '../../lab/protocol';
import { frontier, median, type ParetoPoint, paretoDetail, paretoSentence } from '../../metrics/pareto';
import type { Metrics } from '../../metrics/types';
import { type ArchitectureId, architecture, architectureIds, architectures } from '../../sae/architectures';

import { count, fraction, general, l0 as l0Text } from '../format';
import type { Evaluation } from '../metricStore';
import type { YMetric } from '../store';
import { axis, type ChartModel, layout, linearRange, logAxis } from './model';
import { ARCH_STYLE, type Palette } from './theme';

export interface MetricAxis {
  title: string;
  short: string;
  of: (m: Metrics) => number | undefined;
  /** +1 when larger is better, −1 when smaller is, 0 when neither: then there is no frontier. */
  better: 1 | -1 | 0;
}

export const METRIC_AXES: Record<YMetric, MetricAxis> = {
  recovered: { title: 'Loss recovered (zero ablation)', short: 'Loss recovered', of: (m) => m.loss_recovered, better: 1 },
  r2: { title: 'Variance recovered (R²)', short: 'R²', of: (m) => m.r2, better: 1 },
  fvu: { title: 'Fraction of variance unexplained', short: 'FVU', of: (m) => m.fvu, better: -1 },
  gamma: { title: 'Relative reconstruction bias γ', short: 'γ', of: (m) => m.gamma, better: 0 },
};

/** Runs with and without a measured loss never share an axis: without any, the axis is R² and says so. */
export function effectiveMetric(runs: readonly RunSummary[], wanted: YMetric): YMetric {
  return wanted === 'recovered' && !runs.some((r) => r.metrics?.loss_recovered !== undefined) ? 'r2' : wanted;
}

/** Only runs of the same data are compared: those of the selected run's, else of the newest run's. */
export function comparableRuns(runs: readonly RunSummary[], selected: string | undefined): RunSummary[] {
  const data = (runs.find((r) => r.id === selected) ?? runs.at(-1))?.data;
  return runs.filter((r) => r.data === data);
}

const FINISHED = new Set<RunSummary['state']>(['done', 'stopped']);

export interface ParetoInput {
  runs: readonly RunSummary[];
  trail: (run: string) => readonly Evaluation[];
  metric: YMetric;
  logX: boolean;
  hidden: readonly ArchitectureId[];
  selected?: string;
  hovered?: string;
  /** Changes when zoom should be forgotten. */
  view: number;
  palette: Palette;
}

interface Mark {
  run: RunSummary;
  x: number;
  y: number;
}

/** Marks traces that point at a run rather than show data; exports leave them out. */
export const CURSOR = 'cursor';

const LONGEST_TRAIL = 30;

/** Ranges come from the points alone: trails start far off and would squeeze them. */
const fromZero = (values: readonly number[]): [number, number] => [0, (linearRange(values)?.[1] ?? 1) * 1.02];

/** Points for the sentences, which compare loss recovered or R² and nothing else. */
export function paretoPoints(runs: readonly RunSummary[], metric: YMetric): ParetoPoint[] {
  const of = METRIC_AXES[metric === 'recovered' ? 'recovered' : 'r2'].of;
  return runs.flatMap((run) => {
    const quality = run.metrics && of(run.metrics);
    return run.metrics && quality !== undefined ? [{ arch: run.arch, l0: run.metrics.l0, quality }] : [];
  });
}

/** What the chart says, in words: a comparison of L0 at equal quality, or of γ. */
export function paretoWords(runs: readonly RunSummary[], metric: YMetric): { sentence: string; detail: string } {
  if (metric === 'gamma') return gammaSummary(runs);
  const points = paretoPoints(runs, metric);
  const name = metric === 'recovered' ? 'loss recovered' : 'variance recovered';
  const left = metric === 'recovered' ? runs.filter((r) => r.metrics && r.metrics.loss_recovered === undefined).length : 0;
  const missing =
    left > 0
      ? ` ${left} ${left === 1 ? 'run has' : 'runs have'} no measured loss and ${left === 1 ? 'is' : 'are'} not shown; switch to R² to see all.`
      : '';
  return { sentence: paretoSentence(points, name), detail: paretoDetail(points) + missing };
}

function gammaSummary(runs: readonly RunSummary[]): { sentence: string; detail: string } {
  const parts = architectures()
    .map(({ id }) => id)
    .flatMap((arch) => {
      const values = runs.flatMap((r) => (r.arch === arch && r.metrics?.gamma !== undefined ? [r.metrics.gamma] : []));
      const middle = median(values);
      if (middle === undefined) return [];
      const inside = values.filter((g) => g >= 0.97 && g <= 1.03).length;
      return [
        { median: `${architecture(arch).title} ${middle.toFixed(2)}`, inside: `${inside} of ${values.length} ${architecture(arch).title}` },
      ];
    });
  if (parts.length === 0) return { sentence: 'No evaluation yet.', detail: '' };
  return {
    sentence: `Median γ: ${parts.map((p) => p.median).join(', ')}.`,
    detail: `Inside the band 0.97 to 1.03: ${parts.map((p) => p.inside).join(', ')}. Below 1 is shrinkage.`,
  };
}

export function paretoModel(input: ParetoInput): ChartModel {
  const { runs, palette } = input;
  const metric = METRIC_AXES[input.metric];
  const marks: Mark[] = runs.flatMap((run) => {
    const y = run.metrics && metric.of(run.metrics);
    return run.metrics && y !== undefined && Number.isFinite(y) && run.metrics.l0 > 0 ? [{ run, x: run.metrics.l0, y }] : [];
  });
  const shown = marks.filter((m) => !input.hidden.includes(m.run.arch));
  const traces: Trace[] = [];
  for (const arch of architectureIds()) {
    if (input.hidden.includes(arch)) continue;
    const mine = marks.filter((m) => m.run.arch === arch);
    if (mine.length === 0) continue;
    traces.push(...trails(mine, input, metric), ...front(mine, arch, palette, metric), points(mine, arch, input));
  }
  traces.push(...ring(marks, input));
  return {
    traces,
    layout: layout(
      palette,
      {
        xaxis: axis(palette, {
          title: 'L0: mean active latents per row',
          ...(input.logX ? logAxis(shown.map((m) => m.x)) : { range: fromZero(shown.map((m) => m.x)) }),
        }),
        yaxis: axis(palette, {
          title: metric.title,
          range: linearRange(input.metric === 'gamma' ? [0.96, 1.04, ...shown.map((m) => m.y)] : shown.map((m) => m.y)),
        }),
      },
      {
        // A constant revision keeps the person's zoom while data streams in.
        uirevision: `${input.metric}/${input.logX}/${input.view}`,
        ...(input.metric === 'gamma' ? { shapes: gammaGuides(palette) } : {}),
      },
    ),
    message: paretoWords(runs, input.metric).sentence,
    table: {
      columns: ['Run', 'Architecture', 'λ', 'State', 'L0', metric.short],
      rows: marks
        .sort((a, b) => a.x - b.x)
        .map(({ run, x, y }) => [run.name, architecture(run.arch).title, general(run.lambda), run.state, l0Text(x), fraction(y)]),
    },
  };
}

/** The band 0.97 to 1.03 and the line at 1. */
export function gammaGuides(palette: Palette): Record<string, unknown>[] {
  return [
    { type: 'rect', xref: 'paper', x0: 0, x1: 1, y0: 0.97, y1: 1.03, fillcolor: palette.band, line: { width: 0 }, layer: 'below' },
    { type: 'line', xref: 'paper', x0: 0, x1: 1, y0: 1, y1: 1, line: { color: palette.muted, width: 1 }, layer: 'below' },
  ];
}

function trails(marks: readonly Mark[], input: ParetoInput, metric: MetricAxis): Trace[] {
  // One trace for all runs of an architecture, broken by nulls.
  const x: (number | null)[] = [];
  const y: (number | null)[] = [];
  for (const { run } of marks) {
    const past = input.trail(run.id).slice(-LONGEST_TRAIL);
    if (past.length < 2) continue;
    for (const e of past) {
      const value = metric.of(e.metrics);
      if (value === undefined || !(e.metrics.l0 > 0)) continue;
      x.push(e.metrics.l0);
      y.push(value);
    }
    x.push(null);
    y.push(null);
  }
  if (x.length === 0) return [];
  const arch = (marks[0] as Mark).run.arch;
  return [
    {
      type: 'scatter',
      mode: 'lines',
      x,
      y,
      line: { color: input.palette.arch[arch], width: 1 },
      opacity: 0.28,
      hoverinfo: 'skip',
      showlegend: false,
      connectgaps: false,
    },
  ];
}

function front(marks: readonly Mark[], arch: ArchitectureId, palette: Palette, metric: MetricAxis): Trace[] {
  if (metric.better === 0) return [];
  const line = frontier(marks.map((m) => ({ l0: m.x, quality: m.y * metric.better })));
  if (line.length < 2) return [];
  return [
    {
      type: 'scatter',
      mode: 'lines',
      name: `${architecture(arch).title} frontier`,
      x: line.map((p) => p.l0),
      y: line.map((p) => p.quality * metric.better),
      line: { shape: 'hv', color: palette.arch[arch], width: 1.75, dash: ARCH_STYLE[arch].dash },
      hoverinfo: 'skip',
    },
  ];
}

function points(marks: readonly Mark[], arch: ArchitectureId, { palette, hovered, metric }: ParetoInput): Trace {
  const color = palette.arch[arch];
  const filled = marks.map((m) => FINISHED.has(m.run.state));
  return {
    type: 'scatter',
    mode: 'markers',
    name: architecture(arch).title,
    x: marks.map((m) => m.x),
    y: marks.map((m) => m.y),
    customdata: marks.map((m) => m.run.id),
    marker: {
      symbol: ARCH_STYLE[arch].symbol,
      size: 10,
      color: filled.map((f) => (f ? color : palette.background)),
      line: { color: filled.map((f) => (f ? palette.background : color)), width: filled.map((f) => (f ? 1 : 2)) },
      opacity: marks.map((m) => (m.run.state === 'failed' || (hovered && hovered !== m.run.id) ? 0.45 : 1)),
    },
    text: marks.map((m) => hoverText(m.run, metric)),
    hovertemplate: '%{text}<extra></extra>',
  };
}

function hoverText(run: RunSummary, metric: YMetric): string {
  const m = run.metrics as Metrics;
  const lines = [
    `<b>${run.name}</b>  ${architecture(run.arch).title}, ${count(run.dSae)} latents, λ ${general(run.lambda)}, seed ${run.seed}`,
    `L0 ${l0Text(m.l0)}`,
    m.loss_recovered === undefined ? undefined : `Loss recovered ${fraction(m.loss_recovered)}`,
    `R² ${fraction(m.r2)}${metric === 'fvu' ? `, FVU ${fraction(m.fvu)}` : ''}`,
    `γ ${fraction(m.gamma)}`,
    `${run.state}, evaluated at step ${count(run.evaluatedAt ?? run.step)}`,
  ];
  return lines.filter(Boolean).join('<br>');
}

function ring(marks: readonly Mark[], { selected, hovered, palette, hidden }: ParetoInput): Trace[] {
  return [hovered, selected].flatMap((id, i) => {
    const mark = marks.find((m) => m.run.id === id);
    if (!mark || hidden.includes(mark.run.arch) || (i === 1 && hovered === selected)) return [];
    return [
      {
        type: 'scatter',
        mode: 'markers',
        x: [mark.x],
        y: [mark.y],
        marker: {
          symbol: `${ARCH_STYLE[mark.run.arch].symbol}-open`,
          size: 18,
          color: id === selected ? palette.ink : palette.muted,
          line: { width: 1.5 },
        },
        hoverinfo: 'skip',
        showlegend: false,
        meta: CURSOR,
      },
    ];
  });
}
