/** The Pareto chart: one mark per run, a frontier through the compared ones, and faint trails of each run's earlier evaluations. */
import type { Trace } from 'plotly.js-basic-dist-min';
import type { ArmFacts, RunSummary } from '../../lab/protocol';
import { type ArmLook, armLooks, armNames, distinctArms, listedArms, widthFill, widthsOf } from '../../metrics/arms';
import type { Comparison } from '../../metrics/comparison';
import { L0_TITLE } from '../../metrics/frontierDrawing';
import { type Headline, headline } from '../../metrics/headline';
import { frontier, frontierLine, type Pair, pointsOf } from '../../metrics/pareto';
import { isSensible, type Quality, type QualityId, qualityOf, UNBIASED } from '../../metrics/quality';
import type { Metrics } from '../../metrics/types';
import { architecture } from '../../sae/architectures';
import { count, fraction, general, l0 as l0Text } from '../format';
import type { Evaluation } from '../metricStore';
import { stateMark } from '../runState';
import { axis, type ChartModel, layout, linearRange, logAxis } from './model';
import { type Palette, tinted } from './theme';

/** Runs with and without a measured loss never share an axis: without any, the axis is R² and says so. */
export function effectiveMetric(runs: readonly RunSummary[], wanted: QualityId): QualityId {
  return wanted === 'recovered' && !runs.some((r) => r.metrics?.loss_recovered !== undefined) ? 'r2' : wanted;
}

export interface ParetoInput {
  comparison: Comparison<RunSummary>;
  trail: (run: string) => readonly Evaluation[];
  logX: boolean;
  /** Arms, by their keys. */
  hidden: readonly string[];
  /** Of the arms, by their keys; absent: as the table has them. */
  looks?: ReadonlyMap<string, ArmLook>;
  /** Arms that the sentence compares. */
  pair?: Partial<Pair>;
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

/** What the chart says, in words, in the metric that the y axis shows. */
export const paretoWords = (comparison: Comparison<RunSummary>, pair?: Partial<Pair>): Headline => headline(comparison, pair);

/** Every run of the set with a value that the axes can show. */
function marksOf({ runs, quality, left }: Comparison<RunSummary>): Mark[] {
  return runs.flatMap((run) => {
    const y = run.metrics && qualityOf(quality, run.metrics);
    if (!run.metrics || y === undefined || !isSensible(quality, y) || !(run.metrics.l0 > 0)) return [];
    return [{ run, x: run.metrics.l0, y, why: left.find((one) => one.run === run)?.why }];
  });
}

/** An arm as it is drawn. */
interface Drawn {
  arm: ArmFacts;
  name: string;
  look: ArmLook;
  colour: string;
}

export function paretoModel(input: ParetoInput): ChartModel {
  const { comparison, palette } = input;
  const { quality } = comparison;
  const marks = marksOf(comparison);
  const shown = marks.filter((m) => !input.hidden.includes(m.run.arm.key));
  const traces: Trace[] = [];
  const arms = listedArms(comparison.runs);
  const [names, looks] = [armNames(arms), input.looks ?? armLooks(distinctArms(comparison.runs))];
  const lookOf = (key: string) => looks.get(key) as ArmLook;
  for (const arm of arms) {
    if (input.hidden.includes(arm.key)) continue;
    const mine = marks.filter((m) => m.run.arm.key === arm.key);
    if (mine.length === 0) continue;
    const look = lookOf(arm.key);
    const drawn = { arm, look, name: names.get(arm.key) as string, colour: look.colour[palette.theme] };
    traces.push(...trails(mine, drawn, input), ...front(drawn, input), points(mine, drawn, input));
  }
  traces.push(...ring(marks, lookOf, input));
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
    message: paretoWords(comparison, input.pair).sentence,
    table: dataTable(comparison, names),
  };
}

/** All runs of the set, those that cannot be drawn too. */
function dataTable({ runs, quality, left }: Comparison<RunSummary>, names: ReadonlyMap<string, string>): ChartModel['table'] {
  const knobs = [...new Set(runs.map(({ arch }) => architecture(arch).knob.symbol))].join(' / ');
  const measured = runs.filter(({ metrics }) => metrics !== undefined);
  return {
    columns: ['Run', 'Arm', knobs, 'State', 'L0', quality.short, 'Compared'],
    rows: measured
      .toSorted((a, b) => (a.metrics as Metrics).l0 - (b.metrics as Metrics).l0)
      .map((run) => {
        const metrics = run.metrics as Metrics;
        const why = left.find((one) => one.run === run)?.why;
        const value = fraction(qualityOf(quality, metrics));
        return [
          run.name,
          names.get(run.arm.key) ?? '',
          general(run.lambda),
          run.state,
          l0Text(metrics.l0),
          value,
          why ? `no: ${why}` : 'yes',
        ];
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

function trails(marks: readonly Mark[], { colour }: Drawn, { trail, comparison: { quality } }: ParetoInput): Trace[] {
  // One trace for all runs of an arm, broken by nulls.
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
  return [
    {
      type: 'scatter',
      mode: 'lines',
      x,
      y,
      line: { color: colour, width: 1 },
      opacity: 0.28,
      hoverinfo: 'skip',
      showlegend: false,
      connectgaps: false,
    },
  ];
}

function front({ arm, name, look, colour }: Drawn, { comparison, logX }: ParetoInput): Trace[] {
  const { quality, points } = comparison;
  if (quality.better === 0) return [];
  const line = frontierLine(frontier(pointsOf(points, arm.key)), logX ? 0 : CURVE);
  if (line.length < 2) return [];
  return [
    {
      type: 'scatter',
      mode: 'lines',
      name: `${name} frontier`,
      x: line.map(([l0]) => l0),
      y: line.map(([, q]) => q * quality.better),
      line: { color: colour, width: 1.75, dash: look.dash },
      hoverinfo: 'skip',
    },
  ];
}

function points(marks: readonly Mark[], { arm, name, look, colour }: Drawn, { palette, hovered, comparison }: ParetoInput): Trace {
  const kinds = marks.map((m) => stateMark(m.run.state));
  const fills = marks.map((m, i) => (kinds[i] === 'filled' ? widthFill(m.run.dSae, widthsOf(arm)) : 1));
  const isFull = kinds.map((kind, i) => kind === 'filled' && fills[i] === 1);
  return {
    type: 'scatter',
    mode: 'markers',
    name,
    x: marks.map((m) => m.x),
    y: marks.map((m) => m.y),
    customdata: marks.map((m) => m.run.id),
    marker: {
      symbol: kinds.map((kind) => (kind === 'cross' ? 'x' : kind === 'dot' ? `${look.symbol}-open-dot` : look.symbol)),
      size: 10,
      color: kinds.map((kind, i) => (kind === 'hollow' ? palette.background : tinted(colour, fills[i] as number))),
      line: {
        color: isFull.map((full) => (full ? palette.background : colour)),
        width: isFull.map((full, i) => (full ? 1 : kinds[i] === 'filled' ? 1.25 : 2)),
      },
      opacity: marks.map((m) => (m.why !== undefined || (hovered && hovered !== m.run.id) ? 0.5 : 1)),
    },
    text: marks.map((m) => hoverText(m, name, comparison.quality)),
    hovertemplate: '%{text}<extra></extra>',
  };
}

function hoverText({ run, why }: Mark, name: string, quality: Quality): string {
  const m = run.metrics as Metrics;
  const { knob } = architecture(run.arch);
  const lines = [
    `<b>${run.name}</b>  ${name}, ${count(run.dSae)} latents, ${knob.symbol} ${general(run.lambda)}, seed ${run.seed}`,
    `L0 ${l0Text(m.l0)}`,
    m.loss_recovered === undefined ? undefined : `Loss recovered ${fraction(m.loss_recovered)}`,
    `R² ${fraction(m.r2)}${quality.id === 'fvu' ? `, FVU ${fraction(m.fvu)}` : ''}`,
    `γ ${fraction(m.gamma)}`,
    `${run.state}, evaluated at step ${count(run.evaluatedAt ?? run.step)}`,
    why === undefined ? undefined : `not compared: ${why}`,
  ];
  return lines.filter(Boolean).join('<br>');
}

function ring(marks: readonly Mark[], lookOf: (key: string) => ArmLook, { selected, hovered, palette, hidden }: ParetoInput): Trace[] {
  return [hovered, selected].flatMap((id, i) => {
    const mark = marks.find((m) => m.run.id === id);
    if (!mark || hidden.includes(mark.run.arm.key) || (i === 1 && hovered === selected)) return [];
    return [
      {
        type: 'scatter',
        mode: 'markers',
        x: [mark.x],
        y: [mark.y],
        marker: {
          symbol: `${lookOf(mark.run.arm.key).symbol}-open`,
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
