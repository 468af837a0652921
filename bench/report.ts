/** What the benchmark prints: ratios first, then the times behind them, or one line of JSON. */
import { table } from '../src/cli/output';
import { type CaseResult, type Figure, MEANING } from './context';

/** All figures that were measured, in the order of MEANING. */
export function figuresOf(results: readonly CaseResult[]): Partial<Record<Figure, number>> {
  const all: Partial<Record<Figure, number>> = Object.assign({}, ...results.map(({ figures }) => figures));
  const known = (Object.keys(MEANING) as Figure[]).filter((key) => all[key] !== undefined);
  return Object.fromEntries(known.map((key) => [key, all[key]]));
}

/** One line; times to four digits. A figure that was not measured is absent. */
export function jsonLine(adapter: string, results: readonly CaseResult[]): string {
  const figures = Object.entries(figuresOf(results)).map(([key, value]) => [key, Number(value.toPrecision(4))]);
  return JSON.stringify({ adapter, ...Object.fromEntries(figures) });
}

const milliseconds = (ms: number): string => (ms >= 100 ? ms.toFixed(0) : ms.toPrecision(3));

export function readable(adapter: string, results: readonly CaseResult[], missing: readonly string[]): string {
  const figures = figuresOf(results);
  const ratios = Object.entries(figures).map(([key, value]) => {
    const { words, target } = MEANING[key as Figure];
    return [key, value.toFixed(2), target ?? '', words];
  });
  const blocks = results.map(({ title, timings, notes }) => {
    const rows = timings.map(({ name, ms, least, most, cpuMs, samples }) => [
      name,
      milliseconds(ms),
      `${milliseconds(least)} – ${milliseconds(most)}`,
      milliseconds(cpuMs),
      String(samples),
    ]);
    const times = rows.length > 0 ? [table(['what', 'median ms', 'least – most', 'cpu ms', 'samples'], rows)] : [];
    return [title, ...times, ...notes.map((note) => `  ${note}`)].join('\n');
  });
  const head = ratios.length > 0 ? [table(['figure', 'measured', 'target', 'meaning'], ratios)] : [];
  return [`GPU: ${adapter}`, ...head, ...missing.map((line) => `not run: ${line}`), ...blocks].join('\n\n');
}
