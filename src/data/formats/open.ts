/** One entry to every format: a file, or files that belong together, as containers of arrays. Headers only. */
import { readInto, readJson } from '../bytes/byteSource';
import { type ByteSource, DataError } from '../bytes/types';
import { openHfDataset } from './arrow/hfDataset';
import type { Container, OpenOptions } from './container';
import { openRaw } from './raw/raw';
import { openSaev } from './raw/saev';
import { type Sniffed, sniff } from './sniff';

/**
 * Which files make a container and which reader takes them. Plain data, so that another thread can open the same container from the same
 * files: `openRecipe`.
 */
export interface OpenRecipe {
  /** `file`: one file, recognised by its content. `raw`: values and the JSON that describes them, in this order. */
  readonly how: 'file' | 'raw' | 'hf-dataset' | 'saev';
  readonly paths: readonly string[];
  readonly options: OpenOptions;
  /** Of a reader that makes several containers (saev: one a shard), the path of the one meant. */
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
  if (found.kind === 'format') return openFormat(found, source, options);
  if (found.kind === 'refused') throw new DataError(source.path, found.error);
  throw new DataError(source.path, `is ${found.kind === 'json' ? 'JSON' : 'text'}, not a file of arrays. Name the file that holds them.`);
}

/** Opens a file that was recognised, without reading again what was read for that. @throws DataError */
export async function openFormat(
  { format, head }: Sniffed & { kind: 'format' },
  source: ByteSource,
  options: OpenOptions,
): Promise<Container> {
  const known = new KnownHead(source, head);
  try {
    return await format.open(known, options);
  } finally {
    known.forget();
  }
}

/** A file of which the first bytes are at hand, while its headers are read. */
class KnownHead implements ByteSource {
  readonly path: string;
  readonly size: number;

  constructor(
    private readonly source: ByteSource,
    private head: Uint8Array | undefined,
  ) {
    this.path = source.path;
    this.size = source.size;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const { head } = this;
    if (head && offset >= 0 && length >= 0 && offset + length <= head.byteLength) return head.slice(offset, offset + length);
    return this.source.read(offset, length);
  }

  readInto(target: Uint8Array, offset: number): Promise<void> {
    return readInto(this.source, target, offset);
  }

  /** A thousand open files must not keep a thousand heads. */
  forget(): void {
    this.head = undefined;
  }
}

/**
 * Containers of files that one reader takes together: one, or one for each shard.
 * @throws DataError
 */
export async function openTogether(how: 'raw' | 'hf-dataset' | 'saev', files: readonly ByteSource[]): Promise<Opened[]> {
  const paths = files.map(({ path }) => path);
  if (how === 'hf-dataset') {
    const container = await openHfDataset(files);
    return [{ container, recipe: { how, paths, options: {} }, files: files.filter(({ path }) => path.endsWith('.arrow')) }];
  }
  if (how === 'raw') {
    const [bin, sidecar] = files as [ByteSource, ByteSource];
    const container = await openRaw(bin, await readJson(sidecar), sidecar.path);
    return [{ container, recipe: { how, paths, options: {} }, files: [bin, sidecar] }];
  }
  return (await openSaev(files)).map((container) => ({
    container,
    recipe: { how, paths, options: {}, part: container.path },
    files: files.filter(({ path }) => path === container.path),
  }));
}

/**
 * The container that a recipe stands for.
 * @param find the file of a path, as it was when the recipe was made.
 * @throws DataError
 */
export async function openRecipe(
  { how, paths, options, part }: OpenRecipe,
  find: (path: string) => ByteSource | undefined,
): Promise<Container> {
  const files = paths.map((path) => {
    const file = find(path);
    if (!file) throw new DataError(path, 'is not there any more. Drop it again.');
    return file;
  });
  if (how === 'file') return openFile(files[0] as ByteSource, options);
  const opened = await openTogether(how, files);
  const container = (part === undefined ? opened[0] : opened.find((one) => one.container.path === part))?.container;
  if (!container) throw new DataError(part ?? paths[0] ?? 'data', 'is not there any more. Drop its folder again.');
  return container;
}
