/** Frontiers as a small drawing: L0 (log) against a quality, a mark a run, a line an arm's frontier. Of the command line's file and the page's example. */
import { type Axis, axes, dashes, type Ink, label, line, linearTicks, logTicks, mark, polyline, type SvgNode, tickText } from '../util/svg';
import { type ArmLook, armLooks, armNames, armOf, distinctArms, listedArms, widthFill, widthsOf } from './arms';
import { frontier, frontierLine, type ParetoPoint, pointsOf } from './pareto';
import type { Quality } from './quality';

export const L0_TITLE = 'L0: mean active latents per row';

export interface FrontierDrawing {
  width: number;
  height: number;
  quality: Quality;
  ink: Ink;
  theme: 'light' | 'dark';
}

const LEFT = 66;
const RIGHT = 20;
const TOP = 12;
const BELOW = 48;
const MARK = 5;

/** The range of values with a little room, never without height. */
function padded(values: readonly number[], pad: number): { lo: number; hi: number } {
  const [lo, hi] = [Math.min(...values), Math.max(...values)];
  const room = hi > lo ? (hi - lo) * pad : 0.05;
  return { lo: lo - room, hi: hi + room };
}

/** @param points sensible ones; those without an active latent have no place on a log axis. An empty list draws empty axes. */
export function drawFrontiers(points: readonly ParetoPoint[], { width, height, quality, ink, theme }: FrontierDrawing): SvgNode[] {
  const sign = quality.better < 0 ? -1 : 1;
  const drawn = points.filter(({ l0 }) => l0 > 0).map((point) => ({ ...point, value: point.quality * sign }));
  const logs =
    drawn.length > 0
      ? padded(
          drawn.map(({ l0 }) => Math.log10(l0)),
          0.08,
        )
      : { lo: 0, hi: 2 };
  const range =
    drawn.length > 0
      ? padded(
          drawn.map(({ value }) => value),
          0.08,
        )
      : { lo: 0, hi: 1 };
  const x: Axis = { lo: 10 ** logs.lo, hi: 10 ** logs.hi, log: true, ticks: [], title: `${L0_TITLE} (log)`, format: String };
  const ticks = logTicks(x.lo, x.hi);
  const levels = linearTicks(range.lo, range.hi);
  const y: Axis = { ...range, ticks: levels, title: quality.title, format: tickText(levels) };
  const frame = { left: LEFT, right: width - RIGHT, top: TOP, bottom: height - BELOW };
  const look = { grid: { stroke: ink.grid }, tick: { fill: ink.muted }, title: { fill: ink.ink } };
  // Within less than a decade there may be no 1, 2 or 5.
  const made = axes(frame, { ...x, ticks: ticks.length > 1 ? ticks : linearTicks(x.lo, x.hi, 4) }, y, look);
  const nodes = [...made.nodes];
  const arms = listedArms(drawn);
  const looks = armLooks(distinctArms(drawn));
  for (const { key } of arms) {
    const { colour, symbol, dash } = looks.get(key) as ArmLook;
    const mine = pointsOf(drawn, key);
    const path = frontierLine(frontier(mine)).map(([l0, q]) => [made.x(l0), made.y(q * sign)] as const);
    if (path.length > 1) nodes.push(polyline(path, { stroke: colour[theme], 'stroke-width': '1.75', ...dashes(dash) }));
    for (const point of mine) {
      const fill = point.width === undefined ? 1 : widthFill(point.width, widthsOf(armOf(point)));
      const rim = fill === 1 ? { stroke: ink.background } : { stroke: colour[theme], 'fill-opacity': fill.toFixed(2) };
      nodes.push(mark(symbol, made.x(point.l0), made.y(point.value), MARK, { fill: colour[theme], ...rim }));
    }
  }
  const names = armNames(arms);
  const rows = arms.map(({ key }) => ({ name: names.get(key) as string, look: looks.get(key) as ArmLook }));
  return [...nodes, ...legend(rows, frame.right - 8, frame.bottom - 10, { ink, theme })];
}

/** Letters are so wide, about. */
const LETTER = 7.2;

/** In the lower right corner, which a frontier of L0 leaves free: it rises to the right. */
function legend(
  rows: readonly { name: string; look: ArmLook }[],
  right: number,
  bottom: number,
  { ink, theme }: Pick<FrontierDrawing, 'ink' | 'theme'>,
): SvgNode[] {
  const words = Math.max(82, ...rows.map(({ name }) => name.length * LETTER));
  return rows.flatMap(({ name, look }, i) => {
    const y = bottom - (rows.length - 1 - i) * 19;
    const colour = look.colour[theme];
    return [
      line(right - words - 40, y - 4, right - words - 8, y - 4, { stroke: colour, 'stroke-width': '1.75', ...dashes(look.dash) }),
      mark(look.symbol, right - words - 24, y - 4, MARK, { fill: colour, stroke: ink.background }),
      label(right - words, y, name, { fill: ink.ink, 'font-weight': '600' }),
    ];
  });
}
