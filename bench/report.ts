/** What the benchmark found, as plain values and as texts: one line of JSON, JSON with all there is, Markdown. */
import type { AdapterSummary } from '../src/gpu/device';
import type { Letter } from './cases';
import type { CaseResult } from './context';
import { type Figure, isMet, MEANING, targetText } from './figures';
import type { Problem } from './peers/open';

export interface Setting {
  gpu: AdapterSummary;
  /** "Node 20.20.2", "Chrome 156". */
  platform: string;
  /** Calibrated speed of the encoder product, for judging the sizes. */
  gflops: number;
  quick: boolean;
  small: boolean;
}

export interface MeasuredCase extends CaseResult {
  letter: Letter;
  seconds: number;
}

/** A figure before it is measured. */
export interface FigureInfo {
  key: Figure;
  words: string;
  /** "≥ 5". */
  target?: string;
}

export interface FigureRow extends FigureInfo {
  value: number;
  /** The value as it is shown, with its unit: "0.31", "7.89 GFLOP/s". */
  text: string;
  /** Absent without a target, and at small sizes, where the target says nothing. */
  verdict?: 'met' | 'missed';
}

export interface Report {
  setting: Setting;
  figures: FigureRow[];
  /** By letter. */
  cases: MeasuredCase[];
  problems: Problem[];
}

/** All figures that there are, in their order. */
export const figureInfos = (): FigureInfo[] =>
  (Object.keys(MEANING) as Figure[]).map((key) => {
    const { words, target } = MEANING[key];
    return { key, words, ...(target ? { target: targetText(target) } : {}) };
  });

export function reportOf(setting: Setting, cases: readonly MeasuredCase[], problems: readonly Problem[]): Report {
  const measured = figuresOf(cases);
  const figures = figureInfos().flatMap((info): FigureRow[] => {
    const value = measured[info.key];
    if (value === undefined) return [];
    const { unit, target } = MEANING[info.key];
    const verdict = target === undefined || setting.small ? undefined : isMet(target, value) ? 'met' : 'missed';
    const text = unit ? `${value.toPrecision(3)} ${unit}` : value.toFixed(2);
    return [{ ...info, value, text, ...(verdict ? { verdict } : {}) }];
  });
  return { setting, figures, cases: [...cases].sort((a, b) => (a.letter < b.letter ? -1 : 1)), problems: [...problems] };
}

/** All figures that were measured, in the order of MEANING. */
export function figuresOf(results: readonly Pick<CaseResult, 'figures'>[]): Partial<Record<Figure, number>> {
  const all: Partial<Record<Figure, number>> = Object.assign({}, ...results.map(({ figures }) => figures));
  const known = (Object.keys(MEANING) as Figure[]).filter((key) => all[key] !== undefined);
  return Object.fromEntries(known.map((key) => [key, all[key]]));
}

/** Adapter name as it appears in results. */
export const adapterText = ({ gpu }: Setting): string => `${gpu.name}${gpu.isSoftware ? ' (software)' : ''}`;

const short = (value: number): number => Number(value.toPrecision(4));

const flat = ({ setting, figures }: Report) => ({
  adapter: adapterText(setting),
  ...Object.fromEntries(figures.map(({ key, value }) => [key, short(value)])),
  ...(setting.small ? { sizes: 'small' } : {}),
});

/** One line; numbers to four digits. A figure that was not measured is absent. */
export const jsonLine = (report: Report): string => JSON.stringify(flat(report));

/** The line's keys, and everything behind them. */
export function fullJson(report: Report): string {
  const { setting, cases, problems } = report;
  const { platform, quick, gflops } = setting;
  const details = cases.map(({ letter, title, timings, curves, notes }) => ({ case: letter, title, timings, curves, notes }));
  const absent = problems.map(({ what, why }) => ({ what, why }));
  const all = { ...flat(report), platform, quick, calibrated_gflops: gflops, cases: details, not_measured: absent };
  return JSON.stringify(all, (_, value: unknown) => (typeof value === 'number' ? short(value) : value), 2);
}

export const milliseconds = (ms: number): string => (ms >= 100 ? ms.toFixed(0) : ms.toPrecision(3));

/** What the sizes and the effort were, in a sentence; for headings and captions. */
export function settingText({ quick, small, gflops, platform }: Setting): string {
  const effort = quick ? 'quick run: few repeats' : 'full run';
  const sizes = small ? `, small sizes (${gflops.toFixed(1)} GFLOP/s): targets do not apply` : '';
  return `${platform}, ${effort}${sizes}`;
}

const line = (cells: readonly string[]): string => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;

const markdownTable = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');

/** Ratios first, then the times behind them. */
export function markdown(report: Report): string {
  const { setting, figures, cases, problems } = report;
  const rows = figures.map((row) => [`\`${row.key}\``, row.text, row.target ?? '', row.verdict ?? '', row.words]);
  const blocks = cases.flatMap(({ letter, title, timings, notes }) => {
    const times = timings.map(({ name, ms, least, most, samples }) => [
      name,
      milliseconds(ms),
      `${milliseconds(least)} – ${milliseconds(most)}`,
      String(samples),
    ]);
    return [
      `**${letter}. ${title}**`,
      ...(times.length > 0 ? [markdownTable(['what', 'median ms', 'least – most', 'samples'], times)] : []),
      notes.map((note) => `- ${note}`).join('\n'),
    ];
  });
  return [
    `**${adapterText(setting)}**, ${settingText(setting)}`,
    ...(rows.length > 0 ? [markdownTable(['figure', 'measured', 'target', '', 'meaning'], rows)] : []),
    ...(problems.length > 0 ? [problems.map(({ what, why }) => `- not measured: ${what}: ${why}`).join('\n')] : []),
    ...blocks,
    '',
  ].join('\n\n');
}
