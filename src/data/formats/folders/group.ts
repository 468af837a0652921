/**
 * Files that belong together, by their names and a few small JSON files: what other tools write as a folder of shards. Pure: what was dropped
 * comes in as a list, and nothing is opened here.
 */

import { naturalCompare } from '../../../util/naturalSort';
import { folderOf } from '../../../util/paths';
import { FORMATS } from '../registry';
import { LAYOUTS } from './layouts';
import type { Folder, FolderGroup, ListedFile } from './types';

export interface Grouping {
  groups: FolderGroup[];
  /** Paths that belong to no group, in the order given. */
  rest: string[];
}

/**
 * @param files everything that was dropped.
 * @param jsons parsed contents by path; one that is missing or was no JSON counts as absent.
 */
export function groupFolders(files: readonly ListedFile[], jsons: ReadonlyMap<string, unknown>): Grouping {
  const folders = new Map<string, string[]>();
  for (const { path } of files) {
    const folder = folderOf(path);
    const paths = folders.get(folder) ?? [];
    paths.push(path);
    folders.set(folder, paths);
  }
  const unknown = new Set(files.filter(({ isUnknown }) => isUnknown).map(({ path }) => path));
  const layouts = [...FORMATS.flatMap((format) => ('folder' in format ? [format.folder] : [])), ...LAYOUTS];
  const taken = new Set<string>();
  const groups: FolderGroup[] = [];
  for (const [path, paths] of [...folders].sort((a, b) => naturalCompare(a[0], b[0]))) {
    for (const layout of layouts) {
      const names = paths.filter((file) => !taken.has(file)).map((file) => file.slice(path === '' ? 0 : path.length + 1));
      const folder: Folder = {
        path,
        names: names.sort(naturalCompare),
        json: (name) => jsons.get(join(path, name)),
        isUnknown: (name) => unknown.has(join(path, name)),
      };
      for (const group of layout(folder)) {
        groups.push(group);
        for (const file of [...group.files, ...group.companions]) taken.add(file);
      }
    }
  }
  return { groups, rest: files.map((file) => file.path).filter((path) => !taken.has(path)) };
}

const join = (folder: string, name: string): string => {
  if (name.startsWith('../')) return join(folderOf(folder), name.slice(3));
  return folder === '' ? name : `${folder}/${name}`;
};
