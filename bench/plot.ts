/** Cost against F, B and L0 (case e) and the steps as bars (case b), as one SVG file that is legible on light and dark pages. */
import { architecture, SUBJECT } from '../src/sae/architectures';
import { FAMILIES } from '../src/sae/architectures/families';
import {
  axes,
  DARK_INK,
  FILE_ATTRS,
  type Ink,
  LIGHT_INK,
  label,
  logTicks,
  mark,
  node,
  paper,
  polyline,
  type SvgNode,
  sheet,
  svgText,
} from '../src/util/svg';
import type { Bar, Curve } from './context';
import { adapterText, milliseconds, type Report, settingText } from './report';

const WIDTH = 800;
const LEFT = 64;
const RIGHT = 20;
const PANEL = { height: 190, gap: 34 };
const BAR = { height: 18, gap: 7, left: 222 };

export const AXIS_TITLES: Record<Curve['axis'], string> = {
  F: 'F: latents',
  B: 'B: rows a step',
  L0: 'L0: active latents a row',
};

const rules = ({ ink, muted, background, grid }: Ink, own: string, dense: string, peer: string): string =>
  `text{fill:${ink}}.muted{fill:${muted}}.paper{fill:${background}}.grid{stroke:${grid}}.mark{fill:${own}}` +
  `.fit{stroke:${own};stroke-dasharray:5 4}.sparse{fill:${own}}.dense{fill:${dense}}.peer{fill:${peer}}`;

/** All that is timed here is the subject's step. */
const { colour } = FAMILIES[architecture(SUBJECT).family];
const STYLE = `${rules(LIGHT_INK, colour.light, '#56B4E9', '#9aa1ab')}
@media(prefers-color-scheme:dark){${rules(DARK_INK, colour.dark, '#1f6391', '#5c636e')}}`;

const AXES = { grid: { class: 'grid' }, tick: { class: 'muted' }, title: {} };

const heading = (y: number, words: string, notes: string): SvgNode =>
  node('text', { x: LEFT, y }, node('tspan', { 'font-weight': '600' }, words), node('tspan', { class: 'muted', dx: 9 }, notes));

/** "time ~ F^0.80" with a raised exponent. */
const law = (x: number, y: number, axis: string, slope: number): SvgNode =>
  node('text', { x, y, 'font-weight': '600' }, `time ~ ${axis}`, node('tspan', { dx: 1, dy: -5, 'font-size': 10 }, slope.toFixed(2)));

/** @throws Error when neither case gave anything to draw. */
export function plot(report: Report): string {
  const curves = report.cases.flatMap((one) => one.curves ?? []).filter(({ points }) => points.length > 0);
  const bars = byArchitecture(report.cases.flatMap((one) => one.bars ?? []));
  if (curves.length === 0 && bars.length === 0) throw new Error('nothing to plot: neither case b nor case e gave a time');
  const parts: SvgNode[] = [];
  let y = 26;
  if (curves.length > 0) {
    const notes = report.cases.find(({ letter }) => letter === 'e')?.notes[0] ?? '';
    parts.push(heading(y, 'Cost of a gated step', notes));
    parts.push(...panels(curves, y + 16));
    y += 16 + PANEL.height + 78;
  }
  if (bars.length > 0) {
    const notes = report.cases.find(({ letter }) => letter === 'b')?.notes[0] ?? '';
    parts.push(heading(y, 'Time of one step', notes));
    const drawn = barChart(bars, y + 14);
    parts.push(...drawn.parts);
    y = drawn.end + 34;
  }
  parts.push(label(LEFT, y, adapterText(report.setting), { class: 'muted' }));
  parts.push(label(LEFT, y + 17, settingText(report.setting), { class: 'muted' }));
  const height = y + 33;
  const title = 'Cost of a training step against its sizes, and beside TF.js and jax-js';
  const root = sheet(
    { width: WIDTH, height, title },
    { ...FILE_ATTRS, 'font-size': '12.5' },
    node('style', {}, STYLE),
    paper({ class: 'paper' }),
    ...parts,
  );
  return `${svgText(root)}\n`;
}

/** One panel a size, side by side; all have the same y axis, so that they can be compared. */
function panels(curves: readonly Curve[], top: number): SvgNode[] {
  const all = curves.flatMap(({ points }) => points.map(({ ms }) => ms));
  const [lo, hi] = [Math.min(...all) / 1.35, Math.max(...all) * 1.35];
  const ms = { lo, hi, log: true, ticks: logTicks(lo, hi) };
  const width = (WIDTH - LEFT - RIGHT - PANEL.gap * (curves.length - 1)) / curves.length;
  return curves.flatMap(({ axis, points, slope }, i) => {
    const left = LEFT + i * (width + PANEL.gap);
    const xs = points.map((point) => point.x);
    const [least, most] = [Math.min(...xs), Math.max(...xs)];
    const made = axes(
      { left, right: left + width, top, bottom: top + PANEL.height },
      {
        lo: least / 1.25,
        hi: most * 1.25,
        log: true,
        ticks: xs,
        title: `${AXIS_TITLES[axis]} (log)`,
        format: (value) => String(Math.round(value)),
      },
      i === 0 ? { ...ms, title: 'ms a step (log)', format: String } : ms,
      AXES,
    );
    const nodes = [...made.nodes];
    if (slope !== undefined) {
      const at = fitted(points, slope);
      const ends = [least, most].map((value) => [made.x(value), made.y(at(value))] as const);
      nodes.push(polyline(ends, { class: 'fit', 'stroke-width': '1.5' }), law(left + 8, top + 17, axis, slope));
    }
    return [...nodes, ...points.map((point) => mark('circle', made.x(point.x), made.y(point.ms), 4.5, { class: 'mark' }))];
  });
}

/** The power law with this exponent that lies in the middle of the points. */
export function fitted(points: readonly { x: number; ms: number }[], slope: number): (x: number) => number {
  const mean = (of: (point: { x: number; ms: number }) => number) => points.reduce((sum, p) => sum + Math.log(of(p)), 0) / points.length;
  const intercept = mean((p) => p.ms) - slope * mean((p) => p.x);
  return (x) => Math.exp(intercept + slope * Math.log(x));
}

/** Together by kind, each in the order of measurement: ours before the peers. */
export const byArchitecture = (bars: readonly Bar[]): Bar[] =>
  [...new Set(bars.map(({ arch }) => arch))].flatMap((arch) => bars.filter((bar) => bar.arch === arch));

const kind = (who: string): string => (who === 'sparse' || who === 'dense' ? who : 'peer');

function barChart(bars: readonly Bar[], top: number): { parts: SvgNode[]; end: number } {
  const most = Math.max(...bars.map(({ ms }) => ms));
  const room = WIDTH - BAR.left - RIGHT - 70;
  const parts: SvgNode[] = [];
  let y = top;
  bars.forEach(({ arch, who, ms }, i) => {
    if (i > 0 && bars[i - 1]?.arch !== arch) y += 10;
    const name = kind(who) === 'peer' ? `${arch} dense, ${who}` : `${arch} ${who}`;
    const width = Math.max(1, (ms / most) * room);
    parts.push(label(BAR.left - 8, y + BAR.height - 5, name, { 'text-anchor': 'end' }));
    parts.push(node('rect', { class: kind(who), x: BAR.left, y, width, height: BAR.height, rx: 2 }));
    parts.push(label(BAR.left + width + 7, y + BAR.height - 5, `${milliseconds(ms)} ms`));
    y += BAR.height + BAR.gap;
  });
  parts.push(label(BAR.left, y + 14, 'median milliseconds a step; shorter is better', { class: 'muted' }));
  return { parts, end: y + 14 };
}
