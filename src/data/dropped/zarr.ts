/** Folders of zarr, which are not read: one report for all that lies in each, with what to do. */
import { baseName, folderOf } from '../../util/paths';
import { zarrRemedy } from '../formats/foreign';
import type { Entry } from './entry';
import type { FileReport } from './report';

const MARK = /^(\.zarray|\.zgroup|zarr\.json)$/;

/** The folder of a store that a path lies in, by its name or its own mark; undefined elsewhere. */
function rootOf(path: string): string | undefined {
  const named = /^(.*?\.zarr)\//i.exec(path)?.[1];
  return named ?? ((MARK.test(baseName(path)) && folderOf(path)) || undefined);
}

/** Takes stores out of the entries. */
export function takeZarr(entries: Entry[]): { reports: FileReport[]; rest: Entry[] } {
  const found = [...new Set(entries.map(({ source }) => rootOf(source.path)).filter((root) => root !== undefined))];
  const isIn = (path: string, root: string) => path.startsWith(`${root}/`);
  const roots = found.filter((root) => !found.some((other) => isIn(root, other)));
  if (roots.length === 0) return { reports: [], rest: entries };
  const reports = roots.map((path) => {
    const own = entries.filter(({ source }) => isIn(source.path, path));
    const bytes = own.reduce((sum, { source }) => sum + source.size, 0);
    return { path, bytes, ok: false, format: 'zarr', files: own.length, error: zarrRemedy(path) };
  });
  return { reports, rest: entries.filter(({ source }) => !roots.some((root) => isIn(source.path, root))) };
}
