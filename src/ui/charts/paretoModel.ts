/** The Pareto chart: one mark per run, a frontier through the compared ones, and faint trails of each run's earlier evaluations. */
import type { Trace } from 'plotly.js-basic-dist-min';
import type { RunSummary } from '../../lab/protocol';
import type { Comparison } from '../../metrics/comparison';
import { L0_TITLE } from '../../metrics/frontierDrawing';
import { type Headline, headline } from '../../metrics/headline';
import { frontier, frontierLine } from '../../metrics/pareto';
import { isSensible, type Quality, type QualityId, qualityOf, UNBIASED } from '../../metrics/quality';
import type { Metrics } from '../../metrics/types';
import { type ArchitectureId, architecture, architectures } from '../../sae/architectures';
import { count, fraction, general, l0 as l0Text } from '../format';
import type { Evaluation } from '../metricStore';
import { stateMark } from '../runState';
import { axis, type ChartModel, layout, linearRange, logAxis } from './model';
import { archColour, type Palette } from './theme';

/** Runs with and without a measured loss never share an axis: without any, the axis is R² and says so. */
export function effectiveMetric(runs: readonly RunSummary[], wanted: QualityId): QualityId {
  return wanted === 'recovered' && !runs.some((r) => r.metrics?.loss_recovered !== undefined) ? 'r2' : wanted;
}

export interface ParetoInput {
  comparison: Comparison<RunSummary>;
  trail: (run: string) => readonly Evaluation[];
  logX: boolean;
  hidden: readonly ArchitectureId[];
  selected?: string;
  hovered?: string;
  /** Changes when zoom should be forgotten. */
  view: string;
  palette: Palette;
}

interface Mark {
  run: RunSummary;
  x: number;
  y: number;
  /** Why it is not compared, when it is not. */
  why?: string | undefined;
}

/** Marks traces that point at a run rather than show data; exports leave them out. */
export const CURSOR = 'cursor';

const LONGEST_TRAIL = 30;
/** Points of a frontier between two runs on a linear axis, where it is curved. */
const CURVE = 24;

/** Ranges come from the points alone: trails start far off and would squeeze them. */
const fromZero = (values: readonly number[]): [number, number] => [0, (linearRange(values)?.[1] ?? 1) * 1.02];

/** What the chart says, in words, in the metric that the y axis shows; of the selected run's architecture. */
export const paretoWords = (comparison: Comparison<RunSummary>, selected?: string): Headline =>
  headline(comparison, comparison.points.find(({ run }) => run.id === selected)?.arch);

/** Every run of the set with a value that the axes can show. */
function marksOf({ runs, quality, left }: Comparison<RunSummary>): Mark[] {
  return runs.flatMap((run) => {
    const y = run.metrics && qualityOf(quality, run.metrics);
    if (!run.metrics || y === undefined || !isSensible(quality, y) || !(run.metrics.l0 > 0)) return [];
    return [{ run, x: run.metrics.l0, y, why: left.find((one) => one.run === run)?.why }];
  });
}

export function paretoModel(input: ParetoInput): ChartModel {
  const { comparison, palette } = input;
  const { quality } = comparison;
  const marks = marksOf(comparison);
  const shown = marks.filter((m) => !input.hidden.includes(m.run.arch));
  const traces: Trace[] = [];
  for (const { id } of architectures()) {
    if (input.hidden.includes(id)) continue;
    const mine = marks.filter((m) => m.run.arch === id);
    if (mine.length === 0) continue;
    traces.push(...trails(mine, input), ...front(id, input), points(mine, id, input));
  }
  traces.push(...ring(marks, input));
  return {
    traces,
    layout: layout(
      palette,
      {
        xaxis: axis(palette, {
          title: L0_TITLE,
          ...(input.logX ? logAxis(shown.map((m) => m.x)) : { range: fromZero(shown.map((m) => m.x)) }),
        }),
        yaxis: axis(palette, {
          title: quality.title,
          range: linearRange(quality.id === 'gamma' ? [0.96, 1.04, ...shown.map((m) => m.y)] : shown.map((m) => m.y)),
        }),
      },
      {
        // A constant revision keeps the person's zoom while data streams in.
        uirevision: `${quality.id}/${input.logX}/${input.view}`,
        ...(quality.id === 'gamma' ? { shapes: gammaGuides(palette) } : {}),
      },
    ),
    message: paretoWords(comparison, input.selected).sentence,
    table: dataTable(comparison),
  };
}

/** All runs of the set, those that cannot be drawn too. */
function dataTable({ runs, quality, left }: Comparison<RunSummary>): ChartModel['table'] {
  const knobs = [...new Set(runs.map(({ arch }) => architecture(arch).knob.symbol))].join(' / ');
  const measured = runs.filter(({ metrics }) => metrics !== undefined);
  return {
    columns: ['Run', 'Architecture', knobs, 'State', 'L0', quality.short, 'Compared'],
    rows: measured
      .toSorted((a, b) => (a.metrics as Metrics).l0 - (b.metrics as Metrics).l0)
      .map((run) => {
        const metrics = run.metrics as Metrics;
        const why = left.find((one) => one.run === run)?.why;
        const value = fraction(qualityOf(quality, metrics));
        const { title } = architecture(run.arch);
        return [run.name, title, general(run.lambda), run.state, l0Text(metrics.l0), value, why ? `no: ${why}` : 'yes'];
      }),
  };
}

/** The band of unbiased γ and the line at 1. */
export function gammaGuides(palette: Palette): Record<string, unknown>[] {
  const [y0, y1] = UNBIASED;
  return [
    { type: 'rect', xref: 'paper', x0: 0, x1: 1, y0, y1, fillcolor: palette.band, line: { width: 0 }, layer: 'below' },
    { type: 'line', xref: 'paper', x0: 0, x1: 1, y0: 1, y1: 1, line: { color: palette.muted, width: 1 }, layer: 'below' },
  ];
}

function trails(marks: readonly Mark[], { trail, palette, comparison: { quality } }: ParetoInput): Trace[] {
  // One trace for all runs of an architecture, broken by nulls.
  const x: (number | null)[] = [];
  const y: (number | null)[] = [];
  for (const { run } of marks) {
    const past = trail(run.id).slice(-LONGEST_TRAIL);
    if (past.length < 2) continue;
    for (const e of past) {
      const value = qualityOf(quality, e.metrics);
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
      line: { color: archColour(palette, arch), width: 1 },
      opacity: 0.28,
      hoverinfo: 'skip',
      showlegend: false,
      connectgaps: false,
    },
  ];
}

function front(arch: ArchitectureId, { comparison, palette, logX }: ParetoInput): Trace[] {
  const { quality, points } = comparison;
  if (quality.better === 0) return [];
  const line = frontierLine(frontier(points.filter((p) => p.arch === arch)), logX ? 0 : CURVE);
  if (line.length < 2) return [];
  const { title, look } = architecture(arch);
  return [
    {
      type: 'scatter',
      mode: 'lines',
      name: `${title} frontier`,
      x: line.map(([l0]) => l0),
      y: line.map(([, q]) => q * quality.better),
      line: { color: archColour(palette, arch), width: 1.75, dash: look.dash },
      hoverinfo: 'skip',
    },
  ];
}

function points(marks: readonly Mark[], arch: ArchitectureId, { palette, hovered, comparison }: ParetoInput): Trace {
  const color = archColour(palette, arch);
  const { title, look } = architecture(arch);
  const kinds = marks.map((m) => stateMark(m.run.state));
  const filled = kinds.map((kind) => kind === 'filled');
  return {
    type: 'scatter',
    mode: 'markers',
    name: title,
    x: marks.map((m) => m.x),
    y: marks.map((m) => m.y),
    customdata: marks.map((m) => m.run.id),
    marker: {
      symbol: kinds.map((kind) => (kind === 'cross' ? 'x' : kind === 'dot' ? `${look.symbol}-open-dot` : look.symbol)),
      size: 10,
      color: kinds.map((kind) => (kind === 'hollow' ? palette.background : color)),
      line: { color: filled.map((f) => (f ? palette.background : color)), width: filled.map((f) => (f ? 1 : 2)) },
      opacity: marks.map((m) => (m.why !== undefined || (hovered && hovered !== m.run.id) ? 0.5 : 1)),
    },
    text: marks.map((m) => hoverText(m, comparison.quality)),
    hovertemplate: '%{text}<extra></extra>',
  };
}

function hoverText({ run, why }: Mark, quality: Quality): string {
  const m = run.metrics as Metrics;
  const { title, knob } = architecture(run.arch);
  const lines = [
    `<b>${run.name}</b>  ${title}, ${count(run.dSae)} latents, ${knob.symbol} ${general(run.lambda)}, seed ${run.seed}`,
    `L0 ${l0Text(m.l0)}`,
    m.loss_recovered === undefined ? undefined : `Loss recovered ${fraction(m.loss_recovered)}`,
    `R² ${fraction(m.r2)}${quality.id === 'fvu' ? `, FVU ${fraction(m.fvu)}` : ''}`,
    `γ ${fraction(m.gamma)}`,
    `${run.state}, evaluated at step ${count(run.evaluatedAt ?? run.step)}`,
    why === undefined ? undefined : `not compared: ${why}`,
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
          symbol: `${architecture(mark.run.arch).look.symbol}-open`,
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
