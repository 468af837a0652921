/** Checked reading of the JSON beside raw files. */
import type { Fields } from '../../../util/json';
import { DataError } from '../../bytes/types';

export const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/** Enough of a value to recognise it in a message. */
export const shown = (value: unknown): string => (JSON.stringify(value) ?? 'undefined').slice(0, 80);

/** A whole number >= 0 under the first of these names that is there. @throws DataError */
export function count(path: string, fields: Fields, names: readonly string[]): number {
  const name = names.find((key) => Object.hasOwn(fields, key));
  const value = name === undefined ? undefined : fields[name];
  if (!isCount(value))
    throw new DataError(
      path,
      name === undefined
        ? `has no ${names.map((key) => JSON.stringify(key)).join(' or ')}. Write the file again with the tool that made it.`
        : `${JSON.stringify(name)} is ${shown(value)}; a whole number from 0 to 2^53 is needed. Correct it.`,
    );
  return value;
}

/** What the writer noted besides: strings as they are, numbers and booleans as text. */
export function notes(fields: Fields, known: ReadonlySet<string>): Map<string, string> {
  const found = new Map<string, string>();
  for (const [key, value] of Object.entries(fields)) {
    if (known.has(key) || !['string', 'number', 'boolean'].includes(typeof value)) continue;
    found.set(key, String(value).slice(0, 4096));
  }
  return found;
}
