/** What files left open and the lab assumed: said by every command that reads them. */
import type { FileReport } from '../lab/protocol';

/** Notes of files in the files' order, each named with the first file that it is about: the same sentence of many files once. */
export function namedNotes(notes: Iterable<readonly [note: string, path: string]>): string[] {
  const byNote = new Map<string, string[]>();
  for (const [note, path] of notes) byNote.set(note, [...(byNote.get(note) ?? []), path]);
  return [...byNote].map(([note, paths]) => `${paths[0]}${paths.length > 1 ? ` and ${paths.length - 1} more` : ''}: ${note}`);
}

/** The assumptions of a file, as notes about it. */
export const assumedOf = ({ path, assumptions = [] }: FileReport): [note: string, path: string][] =>
  assumptions.map((note) => [`assumed: ${note}`, path]);

/** What was assumed of the files that are read, in sentences. */
export const assumedNotes = (reports: readonly FileReport[]): string[] => namedNotes(reports.filter(({ ok }) => ok).flatMap(assumedOf));
