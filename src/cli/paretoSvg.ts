/** The Pareto chart as an SVG file, light as all exports are: title, frontiers, and the sentence under them. */
import { drawFrontiers } from '../metrics/frontierDrawing';
import type { ParetoPoint } from '../metrics/pareto';
import type { Quality } from '../metrics/quality';
import { FILE_ATTRS, LIGHT_INK, label, node, paper, sheet, svgText } from '../util/svg';

const WIDTH = 720;
const CHART = 420;
const TOP = 34;
const LINE = 17;
/** Letters of a line under the chart. */
const LETTERS = 104;

/** @param points of the runs that are compared. @param notes sentences under the chart: the comparison, and what was left out of it. */
export function paretoSvg(points: readonly ParetoPoint[], quality: Quality, notes: readonly string[]): string {
  const title = `Sparsity against ${quality.name}`;
  const chart = drawFrontiers(points, { width: WIDTH, height: CHART, quality, ink: LIGHT_INK, theme: 'light' });
  const lines = notes.flatMap((note, i) => wrapped(note, LETTERS).map((text) => ({ text, first: i === 0 })));
  const height = TOP + CHART + 8 + lines.length * LINE + 10;
  const root = sheet(
    { width: WIDTH, height, title },
    { ...FILE_ATTRS, 'font-size': '13' },
    paper({ fill: LIGHT_INK.background }),
    label(16, 24, title, { fill: LIGHT_INK.ink, 'font-weight': '600', 'font-size': '15' }),
    node('g', { transform: `translate(0 ${TOP})` }, ...chart),
    ...lines.map(({ text, first }, i) => label(16, TOP + CHART + 16 + i * LINE, text, { fill: first ? LIGHT_INK.ink : LIGHT_INK.muted })),
  );
  return `${svgText(root)}\n`;
}

/** Lines of whole words. */
function wrapped(text: string, letters: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ').filter(Boolean)) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= letters) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
