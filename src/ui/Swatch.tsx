/** The mark of an arm, as in every chart: colour and shape say which, the filling its width and what became of the run. */
import type { RunSummary } from '../lab/protocol';
import type { ArmLook } from '../metrics/arms';
import { line, type MarkShape, mark, type SvgNode } from '../util/svg';
import { useRunLook } from './looks';
import { type StateMark, stateMark } from './runState';
import { svgElements } from './SvgDrawing';

const MIDDLE = 7;

function marks(symbol: MarkShape, kind: StateMark, fill: number): SvgNode[] {
  const whole = { fill: 'currentColor' };
  if (kind === 'filled' && fill === 1) return [mark(symbol, MIDDLE, MIDDLE, 5, whole)];
  if (kind === 'filled')
    return [
      mark(symbol, MIDDLE, MIDDLE, 4.5, { ...whole, 'fill-opacity': fill.toFixed(2), stroke: 'currentColor', 'stroke-width': '1.25' }),
    ];
  const pen = { stroke: 'currentColor', 'stroke-width': '2', fill: 'none' };
  if (kind === 'cross') return [line(3, 3, 11, 11, pen), line(3, 11, 11, 3, pen)];
  const open = mark(symbol, MIDDLE, MIDDLE, 4.5, pen);
  return kind === 'hollow' ? [open] : [open, mark('circle', MIDDLE, MIDDLE, 1.6, whole)];
}

/** A CSS colour that follows the page's theme. */
export const themeColour = ({ light, dark }: { light: string; dark: string }): string => `light-dark(${light}, ${dark})`;

interface SwatchProps {
  look: ArmLook;
  kind?: StateMark;
  /** 0 to 1. */
  fill?: number;
}

export function Swatch({ look: { colour, symbol }, kind = 'filled', fill = 1 }: SwatchProps) {
  return (
    <svg className="swatch" width="14" height="14" aria-hidden="true" style={{ color: themeColour(colour) }}>
      {svgElements(marks(symbol, kind, fill))}
    </svg>
  );
}

export function RunSwatch({ run }: { run: RunSummary }) {
  const { look, fill } = useRunLook(run);
  return <Swatch look={look} fill={fill} kind={stateMark(run.state)} />;
}
