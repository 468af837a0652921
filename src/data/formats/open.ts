/** One entry to every format: a file, or files that belong together, as containers of arrays. Headers only. */
import { type ByteSource, DataError } from '../bytes/types';
import type { Container, OpenOptions } from './container';
import { groupFormat, openFormat } from './registry';
import { sniff } from './sniff';

/**
 * Which files make a container and which reader takes them. Plain data, so that another thread can open the same container from the same
 * files: `openRecipe`.
 */
export interface OpenRecipe {
  /** `file`: one file, recognised by its content. Else the id of the format that takes these files together, in this order. */
  readonly how: string;
  readonly paths: readonly string[];
  readonly options: OpenOptions;
  /** Of files taken together, the path of the container meant: some readers make one a shard. */
  readonly part?: string;
}

/** A container with the way back to it. */
export interface Opened {
  container: Container;
  recipe: OpenRecipe;
  /** Files with its bytes, without JSON that only describes them. */
  files: readonly ByteSource[];
}

/** Opens one file of any format. @throws DataError saying what it is and what to do, when it holds no arrays. */
export async function openFile(source: ByteSource, options: OpenOptions = {}): Promise<Container> {
  const found = await sniff(source);
  if (found.kind === 'container') return found.container;
  if (found.kind === 'format') return openFormat(found.format, source, found.head, options);
  if (found.kind === 'refused') throw new DataError(source.path, found.error);
  throw new DataError(source.path, `is ${found.kind === 'json' ? 'JSON' : 'text'}, not a file of arrays. Name the file that holds them.`);
}

/**
 * Containers of files that one reader takes together: one, or one for each shard.
 * @param how id of the format.
 * @throws DataError
 */
export async function openTogether(how: string, files: readonly ByteSource[]): Promise<Opened[]> {
  const paths = files.map(({ path }) => path);
  const parts = await groupFormat(how).openTogether(files);
  return parts.map(({ container, files: own }) => ({ container, recipe: { how, paths, options: {}, part: container.path }, files: own }));
}

/**
 * Opens what recipes of one set of files stand for; files that several of them take together are opened once.
 * @param find the file of a path, as it was when the recipe was made. The function throws DataError.
 */
export function recipeOpener(find: (path: string) => ByteSource | undefined): (recipe: OpenRecipe) => Promise<Container> {
  const groups = new Map<string, Promise<Opened[]>>();
  return async ({ how, paths, options, part }) => {
    const files = paths.map((path) => {
      const file = find(path);
      if (!file) throw new DataError(path, 'is not there any more. Drop it again.');
      return file;
    });
    if (how === 'file') return openFile(files[0] as ByteSource, options);
    const key = JSON.stringify([how, paths]);
    const opened = groups.get(key) ?? openTogether(how, files);
    groups.set(key, opened);
    const found = (await opened).find(({ container }) => container.path === part);
    if (!found) throw new DataError(part ?? paths[0] ?? 'data', 'is not there any more. Drop its folder again.');
    return found.container;
  };
}

/** The container that one recipe stands for. @throws DataError */
export const openRecipe = (recipe: OpenRecipe, find: (path: string) => ByteSource | undefined): Promise<Container> =>
  recipeOpener(find)(recipe);
