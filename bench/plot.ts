/** Cost against F, B and L0 (case e) and the steps as bars (case b), as one SVG file that is legible on light and dark pages. */
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

const STYLE = `
text{fill:#1b1e23}.muted{fill:#5c636e}.paper{fill:#fff}.grid{stroke:#e3e5e8}.mark{fill:#0072B2}.fit{stroke:#0072B2;stroke-dasharray:5 4}
.sparse{fill:#0072B2}.dense{fill:#56B4E9}.peer{fill:#9aa1ab}
@media(prefers-color-scheme:dark){text{fill:#e8eaed}.muted{fill:#9aa1ab}.paper{fill:#15171a}.grid{stroke:#2a2e34}.mark{fill:#3b9cdc}.fit{stroke:#3b9cdc}
.sparse{fill:#3b9cdc}.dense{fill:#1f6391}.peer{fill:#5c636e}}`;

const xml = (text: string): string => text.replace(/&/g, '&amp;').replace(/</g, '&lt;');

interface TextOptions {
  anchor?: 'start' | 'middle' | 'end';
  className?: string;
}

const text = (x: number, y: number, words: string, { anchor = 'start', className }: TextOptions = {}): string =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}"${anchor === 'start' ? '' : ` text-anchor="${anchor}"`}${className ? ` class="${className}"` : ''}>${xml(words)}</text>`;

const heading = (y: number, words: string, notes: string): string =>
  `<text x="${LEFT}" y="${y}"><tspan font-weight="600">${xml(words)}</tspan><tspan class="muted" dx="9">${xml(notes)}</tspan></text>`;

/** "time ~ F^0.80" with a raised exponent. */
const law = (x: number, y: number, axis: string, slope: number): string =>
  `<text x="${x.toFixed(1)}" y="${y}" font-weight="600">time ~ ${axis}<tspan dx="1" dy="-5" font-size="10">${slope.toFixed(2)}</tspan></text>`;

const gridLine = (x1: number, y1: number, x2: number, y2: number): string =>
  `<line class="grid" x1="${x1.toFixed(1)}" y1="${y1.toFixed(1)}" x2="${x2.toFixed(1)}" y2="${y2.toFixed(1)}"/>`;

/** @throws Error when neither case gave anything to draw. */
export function plot(report: Report): string {
  const curves = report.cases.flatMap((one) => one.curves ?? []).filter(({ points }) => points.length > 0);
  const bars = byArchitecture(report.cases.flatMap((one) => one.bars ?? []));
  if (curves.length === 0 && bars.length === 0) throw new Error('nothing to plot: neither case b nor case e gave a time');
  const parts: string[] = [];
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
  parts.push(text(LEFT, y, adapterText(report.setting), { className: 'muted' }));
  parts.push(text(LEFT, y + 17, settingText(report.setting), { className: 'muted' }));
  const height = y + 33;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="12.5"><title>Cost of a training step against its sizes, and beside TF.js and jax-js</title><style>${STYLE}</style><rect class="paper" width="100%" height="100%"/>${parts.join('')}</svg>\n`;
}

/** Labels at 1, 2 and 5 times powers of ten within a range. */
export function logTicks(low: number, high: number): number[] {
  const ticks: number[] = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++)
    for (const digit of [1, 2, 5]) ticks.push(Number((digit * 10 ** power).toPrecision(1)));
  return ticks.filter((tick) => tick >= low && tick <= high);
}

/** One panel a size, side by side; all have the same y axis, so that they can be compared. */
function panels(curves: readonly Curve[], top: number): string[] {
  const all = curves.flatMap(({ points }) => points.map(({ ms }) => ms));
  const [low, high] = [Math.min(...all) / 1.35, Math.max(...all) * 1.35];
  const bottom = top + PANEL.height;
  const y = (ms: number) => bottom - (Math.log(ms / low) / Math.log(high / low)) * PANEL.height;
  const width = (WIDTH - LEFT - RIGHT - PANEL.gap * (curves.length - 1)) / curves.length;
  const parts: string[] = [
    `<text transform="translate(18 ${(top + bottom) / 2}) rotate(-90)" text-anchor="middle">ms a step (log)</text>`,
    ...logTicks(low, high).map((tick) => text(LEFT - 8, y(tick) + 4, String(tick), { anchor: 'end', className: 'muted' })),
  ];
  curves.forEach(({ axis, points, slope }, i) => {
    const left = LEFT + i * (width + PANEL.gap);
    const xs = points.map((point) => point.x);
    const [least, most] = [Math.min(...xs) / 1.25, Math.max(...xs) * 1.25];
    const x = (value: number) => left + (Math.log(value / least) / Math.log(most / least)) * width;
    for (const tick of logTicks(low, high)) parts.push(gridLine(left, y(tick), left + width, y(tick)));
    for (const value of xs) {
      parts.push(gridLine(x(value), top, x(value), bottom));
      parts.push(text(x(value), bottom + 17, String(Math.round(value)), { anchor: 'middle', className: 'muted' }));
    }
    const middle = left + width / 2;
    parts.push(text(middle, bottom + 36, `${AXIS_TITLES[axis]} (log)`, { anchor: 'middle' }));
    if (slope !== undefined) {
      const at = fitted(points, slope);
      const [x1, x2] = [Math.min(...xs), Math.max(...xs)];
      parts.push(
        `<path class="fit" fill="none" stroke-width="1.5" d="M${x(x1).toFixed(1)} ${y(at(x1)).toFixed(1)}L${x(x2).toFixed(1)} ${y(at(x2)).toFixed(1)}"/>`,
      );
      parts.push(law(left + 8, top + 17, axis, slope));
    }
    for (const point of points) parts.push(`<circle class="mark" cx="${x(point.x).toFixed(1)}" cy="${y(point.ms).toFixed(1)}" r="4.5"/>`);
  });
  return parts;
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

function barChart(bars: readonly Bar[], top: number): { parts: string[]; end: number } {
  const most = Math.max(...bars.map(({ ms }) => ms));
  const room = WIDTH - BAR.left - RIGHT - 70;
  const parts: string[] = [];
  let y = top;
  bars.forEach(({ arch, who, ms }, i) => {
    if (i > 0 && bars[i - 1]?.arch !== arch) y += 10;
    const label = kind(who) === 'peer' ? `${arch} dense, ${who}` : `${arch} ${who}`;
    const width = Math.max(1, (ms / most) * room);
    parts.push(text(BAR.left - 8, y + BAR.height - 5, label, { anchor: 'end' }));
    parts.push(`<rect class="${kind(who)}" x="${BAR.left}" y="${y}" width="${width.toFixed(1)}" height="${BAR.height}" rx="2"/>`);
    parts.push(text(BAR.left + width + 7, y + BAR.height - 5, `${milliseconds(ms)} ms`));
    y += BAR.height + BAR.gap;
  });
  parts.push(text(BAR.left, y + 14, 'median milliseconds a step; shorter is better', { className: 'muted' }));
  return { parts, end: y + 14 };
}
