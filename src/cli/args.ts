/** Command-line options: strict, typed by Node's own parser; lists may be given as `--data a b c`. */

import { parseArgs } from 'node:util';
import { messageOf } from '../util/errors';
import type { OptionKind } from './options';

/** A wrong command line: printed with the usage, exit code 2. */
export class UsageError extends Error {
  override name = 'UsageError';
}

/** Kinds, or rows of `options.ts`, by name. */
export type OptionSpec = Readonly<Record<string, OptionKind | { kind: OptionKind }>>;

const kindOf = (spec: OptionSpec, name: string): OptionKind | undefined => {
  const entry = spec[name];
  return typeof entry === 'object' ? entry.kind : entry;
};

export interface Options {
  text(name: string): string | undefined;
  required(name: string): string;
  list(name: string): string[];
  flag(name: string): boolean;
  /** A whole number of at least `least`. */
  count(name: string, fallback: number, least?: number): number;
  number(name: string, fallback: number): number;
}

/** `--data a b --out c` -> `--data a --data b --out c`, for the options that are lists. */
function spreadLists(args: readonly string[], spec: OptionSpec): string[] {
  const out: string[] = [];
  let list: string | undefined;
  for (const arg of args) {
    if (arg.startsWith('--')) {
      const name = arg.slice(2).split('=')[0] as string;
      list = kindOf(spec, name) === 'list' && !arg.includes('=') ? arg : undefined;
      if (!list) out.push(arg);
    } else if (list) {
      out.push(list, arg);
    } else {
      out.push(arg);
    }
  }
  return out;
}

/** @throws UsageError on an unknown option, a missing value, or (unless `positionals`) a stray word. */
export function readOptions(args: readonly string[], spec: OptionSpec, positionals = false): { options: Options; words: string[] } {
  let values: Record<string, unknown>;
  let words: string[];
  try {
    ({ values, positionals: words } = parseArgs({
      args: spreadLists(args, spec),
      options: Object.fromEntries(
        Object.keys(spec).map((name) => {
          const kind = kindOf(spec, name);
          return [name, kind === 'flag' ? ({ type: 'boolean' } as const) : ({ type: 'string', multiple: kind === 'list' } as const)];
        }),
      ),
      allowPositionals: positionals,
      strict: true,
    }));
  } catch (cause) {
    throw new UsageError(messageOf(cause));
  }
  const text = (name: string) => values[name] as string | undefined;
  const number = (name: string, fallback: number) => {
    const given = text(name);
    if (given === undefined) return fallback;
    const value = Number(given);
    if (given.trim() === '' || !Number.isFinite(value)) throw new UsageError(`--${name} must be a number, not "${given}"`);
    return value;
  };
  const options: Options = {
    text,
    required(name) {
      const value = text(name);
      if (value === undefined) throw new UsageError(`--${name} is required`);
      return value;
    },
    list: (name) => [values[name] ?? []].flat() as string[],
    flag: (name) => values[name] === true,
    number,
    count(name, fallback, least = 0) {
      const value = number(name, fallback);
      if (!Number.isInteger(value) || value < least)
        throw new UsageError(`--${name} must be a whole number of at least ${least}, not "${text(name)}"`);
      return value;
    },
  };
  return { options, words };
}
