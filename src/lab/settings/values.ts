/** Texts, as people type them, to values. */
import { MAX_RUNS } from '../../sae/bounds';
import { AUTO } from './starts';
import type { Spec } from './types';

export type Value = number | string | (number | string)[];

/** What texts are relative to. */
export interface Relative {
  /** Width of the data, which `2x` multiplies. */
  d: number;
  /** Steps of the sweep, of which `10%` is a share. */
  steps: number;
}

const parseNumber = (text: string): number => (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN);

/** @throws Error saying what is wrong with it. */
export function parseValue(spec: Spec, text: string, { d, steps }: Relative): Value {
  const typed = text.trim();
  switch (spec.kind) {
    case 'choice':
      return chosen(spec, typed);
    case 'choices':
      return [...new Set(list(typed).map((part) => chosen(spec, part)))];
    case 'text':
      return typed.replace(/\s*,\s*/g, ',');
    case 'times':
      return times(typed, steps);
    case 'from':
      return from(typed);
    case 'strikes':
      return [...new Set(parts(typed))];
    case 'int':
    case 'number':
    case 'steps': {
      if (typed === '') throw new Error('This is empty: give a number.');
      if (spec.kind === 'steps' && typed.endsWith('%')) return checked(spec, stepsOfShare(typed, steps), typed);
      return checked(spec, parseNumber(typed), typed);
    }
    default:
      return [...new Set(list(typed).flatMap((part) => entries(spec, part, d)))];
  }
}

function chosen({ choices }: { choices: readonly string[] }, typed: string): string {
  if (!choices.includes(typed)) throw new Error(`"${typed}" is not one of ${choices.join(', ')}.`);
  return typed;
}

function stepsOfShare(typed: string, steps: number): number {
  const share = parseNumber(typed.slice(0, -1).trim());
  if (!(share >= 0 && share <= 100)) throw new Error(`"${typed}" is not a share of the steps from 0% to 100%.`);
  return Math.round((share * steps) / 100);
}

function from(typed: string): number | string {
  if (typed === '' || typed === 'first') return 'first';
  if (typed === 'init') return typed;
  const arm = parseNumber(typed);
  if (!Number.isInteger(arm) || arm < 1) throw new Error(`"${typed}" is no arm: give its number, counted from 1, or first.`);
  return arm;
}

/** Steps in order, each before the last of the sweep's. */
function times(typed: string, steps: number): number[] {
  if (typed === 'none' || typed === '') return [];
  const at = (part: string): number => {
    const step = part.endsWith('%') ? stepsOfShare(part, steps) : parseNumber(part);
    if (!Number.isInteger(step) || step < 1)
      throw new Error(`"${part}" is not a step: give a whole number from 1, or a share such as 20%.`);
    return step;
  };
  const found = parts(typed).flatMap((part) => {
    if (!part.includes(':')) return [at(part)];
    const [every, until, ...rest] = part.split(':');
    if (!every || !until || rest.length > 0) throw new Error(`"${part}" is not N:M, which is every N-th step until M.`);
    const [n, last] = [at(every), at(until)];
    return Array.from({ length: Math.floor(last / n) }, (_, i) => n * (i + 1));
  });
  const late = found.find((step) => step >= steps);
  if (late !== undefined) throw new Error(`Step ${late} never comes before another: the run has ${steps} steps.`);
  if (found.length > MOST_TIMES) throw new Error(`${found.length} times are more than the ${MOST_TIMES} that there may be.`);
  return [...new Set(found)].sort((a, b) => a - b);
}

/** Entries of a list of times. */
const MOST_TIMES = 1000;

type ListSpec = Extract<Spec, { kind: 'ints' | 'numbers' | 'widths' | 'knob' }>;

function entries(spec: ListSpec, part: string, d: number): (number | string)[] {
  if (spec.kind === 'numbers' && spec.auto && part === AUTO) return [AUTO];
  if (spec.kind === 'knob' && part.includes(':')) return logRange(spec, part);
  if (spec.kind === 'widths' && /x$/i.test(part)) return [checked(spec, Math.round(parseNumber(part.slice(0, -1)) * d), part)];
  return [checked(spec, parseNumber(part), part)];
}

/** Kinds whose texts come to numbers, each with bounds. */
type NumberSpec = Extract<Spec, { kind: 'int' | 'number' | 'steps' | 'ints' | 'numbers' | 'widths' | 'knob' }>;

function checked(spec: NumberSpec, value: number, shown: string): number {
  if (!Number.isFinite(value)) throw new Error(`"${shown}" is not a number.`);
  const isWhole = spec.kind === 'knob' ? spec.whole : spec.kind !== 'number' && spec.kind !== 'numbers';
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

/** Whether a text comes to several values. */
export const isList = ({ kind }: Pick<Spec, 'kind'>): boolean => ['ints', 'numbers', 'widths', 'knob', 'choices'].includes(kind);
