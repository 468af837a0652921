/** Numbers as people read them. One place, so that table, chart and sentence agree. */
import { count } from '../util/numbers';

export { duration, durationRange } from '../util/duration';
export { count };

const THIN = '\u202f';

/** 408576 → 409 k, 9437184 → 9.4 M. */
export function short(n: number): string {
  for (const [size, unit] of [
    [1e12, 'T'],
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
  ] as const) {
    if (Math.abs(n) >= size) return `${digits(n / size)}${THIN}${unit}`;
  }
  return digits(n);
}

function digits(n: number): string {
  const a = Math.abs(n);
  return a >= 100 || Number.isInteger(n) ? n.toFixed(0) : a >= 10 ? n.toFixed(0) : n.toFixed(1);
}

export function bytes(n: number): string {
  for (const [size, unit] of [
    [2 ** 40, 'TB'],
    [2 ** 30, 'GB'],
    [2 ** 20, 'MB'],
    [2 ** 10, 'kB'],
  ] as const) {
    if (n >= size) return `${digits(n / size)} ${unit}`;
  }
  return `${n} B`;
}

export function l0(n: number): string {
  return n >= 100 ? n.toFixed(0) : n.toFixed(1);
}

/** Three decimals; a dash for what could not be formed. */
export const fraction = (n: number | undefined) => (n === undefined ? '–' : n.toFixed(3).replace('-', '−'));
export const nats = fraction;

/** Three significant digits, exponents only where they help. */
export function general(n: number): string {
  if (!Number.isFinite(n)) return String(n);
  if (n === 0) return '0';
  const a = Math.abs(n);
  return a >= 1e5 || a < 1e-3 ? n.toExponential(2) : Number(n.toPrecision(3)).toString();
}

export function percent(n: number): string {
  if (n > 0 && n < 0.0005) return `<0.1${THIN}%`;
  return `${(n * 100).toFixed(n > 0.995 && n < 1 ? 2 : n === 1 || n === 0 ? 0 : 1)}${THIN}%`;
}

/** 277, 40.7, 2.04: milliseconds to three digits. */
export const milliseconds = (ms: number): string => (ms >= 100 ? ms.toFixed(0) : ms.toPrecision(3));

/** Which time the training rows are gone through. @param epoch times that they were gone through before. */
export const passOf = (epoch: number): string => `pass ${count(epoch + 1)} over the rows`;
