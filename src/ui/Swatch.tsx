/** The mark of an architecture, as in every chart: colour and shape say which, the filling what became of the run. */
import { type ArchitectureId, architecture } from '../sae/architectures';
import { line, mark, type SvgNode } from '../util/svg';
import type { StateMark } from './runState';
import { svgElements } from './SvgDrawing';

const MIDDLE = 7;

function marks(symbol: 'circle' | 'square', kind: StateMark): SvgNode[] {
  const whole = { fill: 'currentColor' };
  if (kind === 'filled') return [mark(symbol, MIDDLE, MIDDLE, 5, whole)];
  const pen = { stroke: 'currentColor', 'stroke-width': '2', fill: 'none' };
  if (kind === 'cross') return [line(3, 3, 11, 11, pen), line(3, 11, 11, 3, pen)];
  const open = mark(symbol, MIDDLE, MIDDLE, 4.5, pen);
  return kind === 'hollow' ? [open] : [open, mark('circle', MIDDLE, MIDDLE, 1.6, whole)];
}

/** A CSS colour that follows the page's theme. */
export const themeColour = ({ light, dark }: { light: string; dark: string }): string => `light-dark(${light}, ${dark})`;

export function Swatch({ arch, kind = 'filled' }: { arch: ArchitectureId; kind?: StateMark }) {
  const { colour, symbol } = architecture(arch).look;
  return (
    <svg className="swatch" width="14" height="14" aria-hidden="true" style={{ color: themeColour(colour) }}>
      {svgElements(marks(symbol, kind))}
    </svg>
  );
}
