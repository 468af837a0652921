/**
 * The formats that are read, one row each: single files, told apart by their first bytes (a name decides only where bytes cannot), and
 * files that belong together, told by their names and the JSON beside them. Who opens files asks this table and knows no format by name.
 */

import { readJson } from '../bytes/byteSource';
import { KnownHead } from '../bytes/knownHead';
import { type ByteSource, DataError } from '../bytes/types';
import { openArrow } from './arrow/arrow';
import { openHfDataset } from './arrow/hfDataset';
import { hfDatasetFolder } from './arrow/hfFolder';
import type { Container, OpenFile, OpenOptions } from './container';
import type { Layout } from './folders/types';
import { starts, zarrRemedy } from './foreign';
import { looksLikeNpy } from './npy/header';
import { openNpy } from './npy/npy';
import { openNpzZip } from './npy/npz';
import { openRaw } from './raw/raw';
import { rawFolder } from './raw/rawFolder';
import { openSaev } from './raw/saev';
import { saevFolder } from './raw/saevFolder';
import { looksLikeSafetensors } from './safetensors/header';
import { openSafetensors } from './safetensors/safetensors';
import { isTorchZip, looksLikePickle, openTorch, openTorchZip } from './torch/torch';
import { openZip } from './zip/archive';

interface Named {
  readonly id: string;
  /** What a report calls files of it that cannot be read; those that can are named by their container. */
  readonly title: string;
}

/** A format of single files. */
export interface FileFormat extends Named {
  /** Cheap; says nothing of validity. @param extension of the file's name, lower case, without the dot. */
  looks(head: Uint8Array, size: number, extension: string): boolean;
  /** Reads headers only. */
  readonly open: OpenFile;
  /** The header is read when the file is recognised: it tells what the file is for (a model, a saved SAE, activations). */
  readonly atSight?: boolean;
}

/** A container among files that are taken together, and those of them that hold its bytes. */
export interface Part {
  container: Container;
  files: readonly ByteSource[];
}

/** A format of several files that one reader takes together. */
export interface GroupFormat extends Named {
  /** Which files those are. */
  readonly folder: Layout;
  /** Reads headers only: one container, or one for each shard. @param files first those with rows, then their companions. */
  openTogether(files: readonly ByteSource[]): Promise<Part[]>;
}

export type Format = FileFormat | GroupFormat;

/** `.npz` and PyTorch's `.pt` are both zip archives: what they hold tells them apart. */
const openArchive: OpenFile = async (source, options) => {
  const archive = await openZip(source);
  if (isTorchZip(archive)) return openTorchZip(archive);
  const names = [...archive.members.keys()];
  if (names.some((name) => name.endsWith('.npy'))) return openNpzZip(archive, options);
  if (names.some((name) => /(^|\/)(\.zarray|\.zgroup|zarr\.json)$/.test(name))) throw new DataError(source.path, zarrRemedy(source.path));
  const shown = names.slice(0, 3).map((name) => JSON.stringify(name.slice(0, 60)));
  throw new DataError(
    source.path,
    `a ZIP archive of neither numpy arrays nor PyTorch tensors (${shown.join(', ') || 'empty'}). Unpack it first.`,
  );
};

/** Its decompressors are loaded with the first file of the kind. */
const parquet = () => import('./parquet/parquet');

/** In order of precedence: the first that recognises a file, or files, takes them. */
export const FORMATS: Format[] = [
  { id: 'npy', title: '.npy', looks: looksLikeNpy, open: openNpy },
  { id: 'zip', title: 'zip', looks: (head) => starts(head, 'PK\x03\x04') || starts(head, 'PK\x05\x06'), open: openArchive },
  { id: 'parquet', title: 'Parquet', looks: (head) => starts(head, 'PAR1'), open: async (source) => (await parquet()).openParquet(source) },
  {
    id: 'arrow',
    title: 'Arrow',
    looks: (head) => starts(head, 'ARROW1') || starts(head, '\xff\xff\xff\xff'),
    open: (source) => openArrow(source),
  },
  {
    id: 'safetensors',
    title: 'safetensors',
    looks: (head, size, extension) => extension === 'safetensors' || looksLikeSafetensors(head, size),
    open: (source) => openSafetensors(source),
    atSight: true,
  },
  { id: 'pickle', title: 'PyTorch .pt', looks: looksLikePickle, open: openTorch },
  {
    id: 'saev',
    title: 'saev',
    folder: saevFolder,
    openTogether: async (files) =>
      (await openSaev(files)).map((container) => ({ container, files: files.filter(({ path }) => path === container.path) })),
  },
  {
    id: 'hf-dataset',
    title: 'hf-dataset',
    folder: hfDatasetFolder,
    openTogether: async (files) => [{ container: await openHfDataset(files), files: files.filter(({ path }) => path.endsWith('.arrow')) }],
  },
  {
    id: 'raw',
    title: 'raw',
    folder: rawFolder,
    openTogether: async (files) => {
      const [bin, sidecar] = files as [ByteSource, ByteSource];
      return [{ container: await openRaw(bin, await readJson(sidecar), sidecar.path), files: [bin, sidecar] }];
    },
  },
];

/** The format of a single file. @param extension of the file's name, lower case, without the dot. */
export const formatOf = (head: Uint8Array, size: number, extension: string): FileFormat | undefined =>
  FORMATS.find((format): format is FileFormat => 'looks' in format && format.looks(head, size, extension));

/** @throws Error for an id that no row of several files has: a mistake of the caller. */
export function groupFormat(id: string): GroupFormat {
  const format = FORMATS.find((one) => one.id === id);
  if (!format || !('folder' in format)) throw new Error(`${id}: no reader takes these files together`);
  return format;
}

/** Opens a file that was recognised, without reading again what was read for that. @throws DataError */
export async function openFormat(format: FileFormat, source: ByteSource, head: Uint8Array, options: OpenOptions): Promise<Container> {
  const known = new KnownHead(source, head);
  try {
    return await format.open(known, options);
  } finally {
    known.forget();
  }
}
