/**
 * Small drawings: the command line's chart, the page's example, the benchmark's plot. A drawing is a tree of plain nodes, which
 * files write as text (`svgText`) and the page as elements. Pure: no DOM, no Node.
 */

/** Numbers are written with one decimal at most; undefined ones are left out. */
export type SvgAttrs = Readonly<Record<string, string | number | undefined>>;

export interface SvgNode {
  tag: string;
  attrs: SvgAttrs;
  children: readonly (SvgNode | string)[];
}

/** Colours of paper, writing and grid on light and on dark pages. */
export interface Ink {
  background: string;
  ink: string;
  muted: string;
  grid: string;
}

export const LIGHT_INK: Ink = { background: '#ffffff', ink: '#1b1e23', muted: '#5c636e', grid: '#eceef0' };
export const DARK_INK: Ink = { background: '#15171a', ink: '#e8eaed', muted: '#9aa1ab', grid: '#24282d' };

export const node = (tag: string, attrs: SvgAttrs = {}, ...children: readonly (SvgNode | string)[]): SvgNode => ({ tag, attrs, children });

const escaped = (text: string): string => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/"/g, '&quot;');
/** Quotes stay readable between tags. */
const words = (text: string): string => text.replace(/&/g, '&amp;').replace(/</g, '&lt;');

/** A coordinate as it is written. @throws Error when it is not a finite number, which no viewer draws. */
export function coordinate(value: number): string {
  if (!Number.isFinite(value)) throw new Error(`a drawing cannot have a coordinate of ${value}`);
  return String(Number(value.toFixed(1)));
}

/** The attributes in their written form, without absent ones. */
export const written = (attrs: SvgAttrs): [string, string][] =>
  Object.entries(attrs).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, typeof value === 'number' ? coordinate(value) : value]],
  );

/** A node as the text of an SVG file. */
export function svgText({ tag, attrs, children }: SvgNode): string {
  const open = [tag, ...written(attrs).map(([name, value]) => `${name}="${escaped(value)}"`)].join(' ');
  if (children.length === 0) return `<${open}/>`;
  return `<${open}>${children.map((child) => (typeof child === 'string' ? words(child) : svgText(child))).join('')}</${tag}>`;
}

/** The root: a sheet of paper with a title for those who do not see it. */
export const sheet = (
  { width, height, title }: { width: number; height: number; title: string },
  attrs: SvgAttrs,
  ...children: readonly SvgNode[]
): SvgNode =>
  node('svg', { viewBox: `0 0 ${coordinate(width)} ${coordinate(height)}`, role: 'img', ...attrs }, node('title', {}, title), ...children);

/** Of a file: its namespace and letters. */
export const FILE_ATTRS: SvgAttrs = { xmlns: 'http://www.w3.org/2000/svg', 'font-family': 'system-ui, sans-serif' };

export const paper = (attrs: SvgAttrs): SvgNode => node('rect', { ...attrs, width: '100%', height: '100%' });

export const label = (x: number, y: number, text: string, attrs: SvgAttrs = {}): SvgNode => node('text', { x, y, ...attrs }, text);

/** Upwards along a y axis. */
export const upright = (x: number, y: number, text: string, attrs: SvgAttrs = {}): SvgNode =>
  node('text', { transform: `translate(${coordinate(x)} ${coordinate(y)}) rotate(-90)`, 'text-anchor': 'middle', ...attrs }, text);

export const line = (x1: number, y1: number, x2: number, y2: number, attrs: SvgAttrs = {}): SvgNode =>
  node('line', { x1, x2, y1, y2, ...attrs });

/** Straight from point to point. */
export const polyline = (points: readonly (readonly [x: number, y: number])[], attrs: SvgAttrs): SvgNode =>
  node('path', {
    d: points.map(([x, y], i) => `${i === 0 ? 'M' : 'L'}${coordinate(x)} ${coordinate(y)}`).join(''),
    fill: 'none',
    ...attrs,
  });

/** As Plotly calls them, those first that are told apart most easily; each has an open form there, with a dot and without. */
export const MARK_SHAPES = [
  'triangle-left',
  'star-diamond',
  'triangle-right',
  'star-square',
  'diamond',
  'triangle-up',
  'triangle-down',
  'cross',
  'star',
  'hexagon',
  'circle',
  'square',
] as const;
export type MarkShape = (typeof MARK_SHAPES)[number];

/** Corners on a circle, the first one up, at these distances in turn. */
const around = (n: number, ...radii: number[]): [number, number][] =>
  Array.from({ length: n }, (_, i) => {
    const [radius, angle] = [radii[i % radii.length] as number, (2 * Math.PI * i) / n];
    return [radius * Math.sin(angle), -radius * Math.cos(angle)];
  });
const turned = (corners: readonly [number, number][], quarters: number): [number, number][] =>
  corners.map(([x, y]) => (quarters === 1 ? [-y, x] : quarters === 2 ? [-x, -y] : [y, -x]));

const TRIANGLE: [number, number][] = [
  [0, -1.2],
  [1.15, 0.85],
  [-1.15, 0.85],
];
const CROSS: [number, number][] = [
  [0.42, -1.2],
  [0.42, -0.42],
  [1.2, -0.42],
];

/** In units of the size. */
const CORNERS: Readonly<Record<Exclude<MarkShape, 'circle' | 'square'>, readonly [number, number][]>> = {
  diamond: around(4, 1.25),
  'triangle-up': TRIANGLE,
  'triangle-right': turned(TRIANGLE, 1),
  'triangle-down': turned(TRIANGLE, 2),
  'triangle-left': turned(TRIANGLE, 3),
  cross: [...CROSS, ...turned(CROSS, 1), ...turned(CROSS, 2), ...turned(CROSS, 3)],
  star: around(10, 1.4, 0.56),
  hexagon: around(6, 1.1),
  'star-diamond': around(8, 1.45, 0.55),
  'star-square': around(8, 0.55, 1.45),
};

/** A mark about 2·`size` wide, centred; all shapes look equally heavy. */
export function mark(shape: MarkShape, x: number, y: number, size: number, attrs: SvgAttrs): SvgNode {
  if (shape === 'circle') return node('circle', { cx: x, cy: y, r: size, ...attrs });
  if (shape === 'square') return node('rect', { x: x - 0.9 * size, y: y - 0.9 * size, width: 1.8 * size, height: 1.8 * size, ...attrs });
  const d = CORNERS[shape].map(([dx, dy], i) => `${i === 0 ? 'M' : 'L'}${coordinate(x + dx * size)} ${coordinate(y + dy * size)}`).join('');
  return node('path', { d: `${d}Z`, ...attrs });
}

/** As Plotly calls them. */
export const DASHES = ['solid', 'dash', 'dot', 'dashdot', 'longdash', 'longdashdot'] as const;
export type Dash = (typeof DASHES)[number];
const DASH_ARRAYS: Readonly<Record<Exclude<Dash, 'solid'>, string>> = {
  dash: '5 4',
  dot: '2 3',
  dashdot: '5 3 2 3',
  longdash: '9 4',
  longdashdot: '9 3 2 3',
};
/** A line's dashes, in widths of the line about. */
export const dashes = (dash: Dash): SvgAttrs => (dash === 'solid' ? {} : { 'stroke-dasharray': DASH_ARRAYS[dash] });

export interface Axis {
  /** Values at the two ends of the frame. */
  lo: number;
  hi: number;
  log?: boolean;
  ticks: readonly number[];
  title?: string;
  /** How a tick is written; absent: not at all. */
  format?: (tick: number) => string;
}

/** Where a value lies between `from` (of `lo`) and `to` (of `hi`). */
export function scale({ lo, hi, log = false }: Axis, from: number, to: number): (value: number) => number {
  const of = log ? Math.log : (value: number) => value;
  return (value) => from + ((of(value) - of(lo)) / (of(hi) - of(lo))) * (to - from);
}

/** Labels at 1, 2 and 5 times powers of ten within a range. */
export function logTicks(lo: number, hi: number): number[] {
  const ticks: number[] = [];
  for (let power = Math.floor(Math.log10(lo)); power <= Math.ceil(Math.log10(hi)); power++)
    for (const digit of [1, 2, 5]) ticks.push(Number((digit * 10 ** power).toPrecision(1)));
  return ticks.filter((tick) => tick >= lo && tick <= hi);
}

/** Multiples of 1, 2 or 5 times a power of ten within a range: about `wanted`. */
export function linearTicks(lo: number, hi: number, wanted = 5): number[] {
  const raw = (hi - lo) / wanted;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = ([1, 2, 5].find((m) => m * power >= raw) ?? 10) * power;
  const first = Math.ceil(lo / step);
  return Array.from({ length: Math.max(0, Math.floor(hi / step) - first + 1) }, (_, i) => Number(((first + i) * step).toPrecision(6)));
}

/** Ticks with as many decimals as the one that has most. */
export function tickText(ticks: readonly number[]): (tick: number) => string {
  const decimals = Math.max(0, ...ticks.map((tick) => String(tick).split('.')[1]?.length ?? 0));
  return (tick) => tick.toFixed(decimals);
}

export interface Frame {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

/** How the parts of the axes look. */
export interface AxesLook {
  grid: SvgAttrs;
  tick: SvgAttrs;
  title: SvgAttrs;
}

/** Grid, labels and titles of a frame, and the place of a value in it. */
export function axes(
  { left, right, top, bottom }: Frame,
  x: Axis,
  y: Axis,
  look: AxesLook,
): { nodes: SvgNode[]; x: (value: number) => number; y: (value: number) => number } {
  const [xOf, yOf] = [scale(x, left, right), scale(y, bottom, top)];
  const nodes: SvgNode[] = [];
  for (const tick of y.ticks) {
    nodes.push(line(left, yOf(tick), right, yOf(tick), look.grid));
    if (y.format) nodes.push(label(left - 8, yOf(tick) + 4, y.format(tick), { 'text-anchor': 'end', ...look.tick }));
  }
  for (const tick of x.ticks) {
    nodes.push(line(xOf(tick), top, xOf(tick), bottom, look.grid));
    if (x.format) nodes.push(label(xOf(tick), bottom + 17, x.format(tick), { 'text-anchor': 'middle', ...look.tick }));
  }
  if (x.title) nodes.push(label((left + right) / 2, bottom + 36, x.title, { 'text-anchor': 'middle', ...look.title }));
  if (y.title) nodes.push(upright(left - 46, (top + bottom) / 2, y.title, look.title));
  return { nodes, x: xOf, y: yOf };
}
