/** What the program prints: progress and tables for people on stderr and stdout, one JSON object as the last line with --json. */
import type { TimeShares } from '../lab/rate';
import type { Metrics } from '../metrics/types';

/** A line of progress on stderr; on a terminal it replaces the last one. */
export function progress(line: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[2K${line}`);
}

/** A line of progress where there is no terminal to keep one on. */
export function note(line: string): void {
  if (!process.stderr.isTTY) process.stderr.write(`${line}\n`);
}

export function say(line: string): void {
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[2K');
  process.stderr.write(`${line}\n`);
}

/** The result: a readable form, or with `json` one line of JSON. */
export function finish(json: boolean, result: unknown, readable: () => string): void {
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[2K');
  process.stdout.write(json ? `${JSON.stringify(result)}\n` : `${readable()}\n`);
}

const percent = (share: number): string => `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)} %`;

/** Where the time went, in a line. */
export function describeTime({ data, gpu, evaluation }: TimeShares): string {
  const rest = Math.max(0, 1 - data - gpu - evaluation);
  return `waiting for data ${percent(data)}, for the GPU ${percent(gpu)}, evaluating ${percent(evaluation)}, host ${percent(rest)}`;
}

const inMegabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;

/** GPU memory, in a line. */
export const describeMemory = ({ allocated, total, state }: { allocated: number; total: number; state: number }): string =>
  `${inMegabytes(allocated)} allocated; by the formula ${inMegabytes(total)}, of which parameters and Adam ${inMegabytes(state)}`;

const digits = (value: number, places: number): string => (Math.abs(value) >= 1000 ? value.toFixed(0) : value.toFixed(places));

/** Columns, right-aligned, of rows of texts under headings. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = headings.map((heading, i) => Math.max(heading.length, ...rows.map((row) => (row[i] ?? '').length)));
  const line = (cells: readonly string[]) => cells.map((cell, i) => cell.padStart(widths[i] as number)).join('  ');
  return [line(headings), line(widths.map((w) => '-'.repeat(w))), ...rows.map(line)].join('\n');
}

export const METRIC_HEADINGS = ['L0', 'loss rec.', '(mean abl.)', 'CE', 'R²', 'gamma', 'alive', '> 1 %', '> 10 %'] as const;

/** Cells for METRIC_HEADINGS; a dash for what was not measured, a question mark behind a loss recovered that is unreliable. */
export function metricCells(m: Metrics | undefined): string[] {
  const cell = (value: number | undefined, places: number, unreliable?: string) =>
    value === undefined ? '–' : `${digits(value, places)}${unreliable === undefined ? '' : ' ?'}`;
  return [
    cell(m?.l0, 1),
    cell(m?.loss_recovered, 3, m?.loss_recovered_unreliable),
    cell(m?.loss_recovered_mean, 3, m?.loss_recovered_mean_unreliable),
    cell(m?.ce_sae, 4),
    cell(m?.r2, 3),
    cell(m?.gamma, 3),
    m ? `${(100 * m.alive).toFixed(0)} %` : '–',
    m ? String(m.latents_over_1_percent) : '–',
    m ? String(m.latents_over_10_percent) : '–',
  ];
}

const often = (latents: number, share: number, ofFirings: number | undefined): string =>
  `${latents} ${latents === 1 ? 'latent' : 'latents'} (${percent(share)}${ofFirings === undefined ? '' : `, ${percent(ofFirings)} of all firings`})`;

export function describeMetrics(m: Metrics): string {
  const lines = [
    `L0                 ${m.l0.toFixed(2)} latents a token`,
    m.r2 === undefined || m.fvu === undefined
      ? `R²                 undefined: the rows have no variance (MSE ${digits(m.mse, 4)})`
      : `R²                 ${m.r2.toFixed(4)}  (FVU ${m.fvu.toFixed(4)}, MSE ${digits(m.mse, 4)})`,
    `gamma              ${m.gamma === undefined ? 'undefined: the reconstructions are all zero' : m.gamma.toFixed(4)}`,
    `alive              ${(100 * m.alive).toFixed(1)} % of latents fired in ${m.alive_window_tokens} tokens`,
    `fire often         ${often(m.latents_over_1_percent, m.freq_over_1_percent, m.normalized_freq_over_1_percent)} on more than 1 % of them, ` +
      `${often(m.latents_over_10_percent, m.freq_over_10_percent, m.normalized_freq_over_10_percent)} on more than 10 %`,
  ];
  if (m.evaluated_by !== undefined) lines.push(`fires by           ${m.evaluated_by}`);
  if (m.ce_clean !== undefined) {
    lines.push(
      `CE (nats)          clean ${m.ce_clean.toFixed(4)}, SAE ${m.ce_sae?.toFixed(4)}, zero ${m.ce_zero?.toFixed(4)}, mean ${m.ce_mean?.toFixed(4)}`,
      `loss recovered     ${m.loss_recovered?.toFixed(4)} against zero ablation, ${m.loss_recovered_mean?.toFixed(4)} against mean ablation`,
    );
    for (const why of [m.loss_recovered_unreliable, m.loss_recovered_mean_unreliable])
      if (why !== undefined) lines.push(`not to be relied on: ${why}`);
  }
  return lines.join('\n');
}
