/** What the layouts of folders share: groups, gaps, and notes of JSON files. */

import { isFields } from '../../../util/json';
import { baseName } from '../../../util/paths';
import { type Gaps, gapLine, gaps, mergeGaps, type numbered } from './numbered';
import type { Folder, FolderGroup } from './types';

export const lastPart = (path: string): string | undefined => baseName(path) || undefined;
export const inFolder = (folder: Folder, name: string): string => (folder.path === '' ? name : `${folder.path}/${name}`);

/** What a JSON file notes, flattened: `model.name` → "gpt2". Long lists (means of a thousand columns) are left out. */
export function notes(value: unknown, into = new Map<string, string>(), prefix = '', depth = 0): Map<string, string> {
  if (!isFields(value) || into.size > 500) return into;
  for (const [key, item] of Object.entries(value)) {
    const name = `${prefix}${key}`;
    if (isFields(item) && depth < 3) notes(item, into, `${name}.`, depth + 1);
    else if (Array.isArray(item) && item.length <= 8 && item.every((n) => typeof n !== 'object')) into.set(name, item.join(', '));
    else if (typeof item === 'string' || typeof item === 'number' || typeof item === 'boolean') into.set(name, String(item));
  }
  return into;
}

interface Parts {
  names: readonly string[];
  companions?: readonly string[];
  reader?: string;
  apart?: boolean;
  missing?: Gaps;
  hookName?: string | undefined;
  tensors?: ReadonlyMap<string, string>;
  metadata?: ReadonlyMap<string, string>;
  assumptions?: readonly string[];
}

const NO_GAPS: Gaps = { count: 0, names: [] };

export function group(layout: string, folder: Folder, parts: Parts): FolderGroup {
  const missing = parts.missing ?? NO_GAPS;
  return {
    layout,
    folder: folder.path,
    files: parts.names.map((name) => inFolder(folder, name)),
    companions: (parts.companions ?? []).filter((name) => folder.names.includes(name)).map((name) => inFolder(folder, name)),
    ...(parts.reader === undefined ? {} : { reader: parts.reader }),
    companionsApart: parts.apart ?? parts.reader === undefined,
    missing: missing.names,
    ...(parts.hookName === undefined ? {} : { hookName: parts.hookName }),
    ...(parts.tensors ? { tensors: parts.tensors } : {}),
    metadata: parts.metadata ?? new Map(),
    assumptions: [...(parts.assumptions ?? []), ...gapLine(folder.path, missing)],
  };
}

/** Splits a list into what is there and what is not. */
export function present(folder: Folder, listed: readonly string[]): { names: string[]; missing: Gaps } {
  const there = new Set(folder.names);
  const absent = listed.filter((name) => !there.has(name));
  return { names: listed.filter((name) => there.has(name)), missing: { count: absent.length, names: absent.slice(0, 20) } };
}

export const listedNames = (list: unknown, key: string): string[] =>
  Array.isArray(list)
    ? list.map((item: unknown) => (isFields(item) ? item[key] : undefined)).filter((name) => typeof name === 'string')
    : [];

export const pad = (n: number, width: number): string => String(n).padStart(width, '0');

/** Gaps of a set whose second number says how many there are: from `first` to that number plus `shift`. */
export function missingOf(
  parts: ReturnType<typeof numbered>,
  first: number,
  shift: number,
  nameOf: (n: number, of: number) => string,
): Gaps {
  const totals = [...new Set(parts.map((part) => part.numbers[1] as number))];
  return mergeGaps(
    totals.map((of) => {
      const numbers = parts.filter((part) => part.numbers[1] === of).map((part) => part.numbers[0] as number);
      return gaps(numbers, first, of + shift, (n) => nameOf(n, of));
    }),
  );
}
