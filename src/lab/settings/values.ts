/** Texts, as people type them, to values. */
import { MAX_RUNS } from '../../sae/bounds';
import type { Spec } from './types';

export type Value = number | number[] | string | string[];

const parseNumber = (text: string): number => (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN);

/** @throws Error saying what is wrong with it. @param d width of the data, which `2x` multiplies. */
export function parseValue(spec: Spec, text: string, d: number): Value {
  const typed = text.trim();
  switch (spec.kind) {
    case 'choice':
      if (!spec.choices.includes(typed)) throw new Error(`"${typed}" is not one of ${spec.choices.join(', ')}.`);
      return typed;
    case 'strikes':
      return [...new Set(parts(typed))];
    case 'int':
    case 'number':
      if (typed === '') throw new Error('This is empty: give a number.');
      return checked(spec, parseNumber(typed), typed);
    default:
      return [...new Set(list(typed).flatMap((part) => entries(spec, part, d)))];
  }
}

type ListSpec = Exclude<Spec, { kind: 'choice' | 'int' | 'number' | 'strikes' }>;

function entries(spec: ListSpec, part: string, d: number): number[] {
  if (spec.kind === 'knob' && part.includes(':')) return logRange(spec, part);
  if (spec.kind === 'widths' && /x$/i.test(part)) return [checked(spec, Math.round(parseNumber(part.slice(0, -1)) * d), part)];
  return [checked(spec, parseNumber(part), part)];
}

function checked(spec: Exclude<Spec, { kind: 'choice' | 'strikes' }>, value: number, shown: string): number {
  if (!Number.isFinite(value)) throw new Error(`"${shown}" is not a number.`);
  const isWhole = spec.kind === 'knob' ? spec.whole : spec.kind !== 'number';
  if (isWhole && !Number.isInteger(value)) throw new Error(`${shown} is not a whole number.`);
  if (spec.kind === 'knob' && value <= spec.above) throw new Error(`${spec.symbol} must be above ${spec.above}; ${shown} is not.`);
  if ('min' in spec && value < spec.min) throw new Error(`${shown} is below the smallest allowed, ${spec.min}.`);
  if (value > spec.max) throw new Error(`${shown} is above the largest allowed, ${spec.max}.`);
  return value;
}

/** Parts of a list, separated by commas or blanks. */
export const parts = (text: string): string[] => text.split(/[\s,]+/).filter(Boolean);

function list(text: string): string[] {
  const found = parts(text);
  if (found.length === 0) throw new Error('Give at least one value.');
  return found;
}

/** `lo:hi:count` evenly spaced in log, both ends included. */
function logRange(spec: ListSpec, part: string): number[] {
  const [lo, hi, count, ...rest] = part.split(':');
  if (lo === undefined || hi === undefined || count === undefined || rest.length > 0) throw new Error(`"${part}" is not lo:hi:count.`);
  const a = checked(spec, parseNumber(lo), lo);
  const b = checked(spec, parseNumber(hi), hi);
  const n = parseNumber(count);
  if (!Number.isInteger(n) || n < 1 || n > MAX_RUNS) throw new Error(`"${count}" in ${part} should be a count from 1 to ${MAX_RUNS}.`);
  if (n === 1) return [a];
  const between = Array.from({ length: n }, (_, i) => Number((a * (b / a) ** (i / (n - 1))).toPrecision(6)));
  return spec.kind === 'knob' && spec.whole ? between.map(Math.round) : between;
}

/** A text that parses back to exactly the value. */
export const textOf = (value: Value): string => (Array.isArray(value) ? value.join(', ') : String(value));
