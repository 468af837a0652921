/** The formats of single files that are read, told apart by their first bytes; a name decides only where bytes cannot. */

import { DataError } from '../bytes/types';
import { openArrow } from './arrow/arrow';
import type { OpenFile } from './container';
import { looksLikeNpy } from './npy/header';
import { openNpy } from './npy/npy';
import { openNpzZip } from './npy/npz';
import { looksLikeSafetensors } from './safetensors/header';
import { openSafetensors } from './safetensors/safetensors';
import { isTorchZip, looksLikePickle, openTorch, openTorchZip } from './torch/torch';
import { openZip } from './zip/archive';

export type FormatId = 'safetensors' | 'npy' | 'zip' | 'pickle' | 'arrow' | 'parquet';

export interface FileFormat {
  readonly id: FormatId;
  /** What a report calls a file of it that cannot be read; one that can is named by its container. */
  readonly title: string;
  /** Reads headers only. */
  readonly open: OpenFile;
}

const starts = (head: Uint8Array, magic: string): boolean =>
  head.byteLength >= magic.length && [...magic].every((c, i) => head[i] === c.charCodeAt(0));

/** `.npz` and PyTorch's `.pt` are both zip archives: what they hold tells them apart. */
const openArchive: OpenFile = async (source, options) => {
  const archive = await openZip(source);
  if (isTorchZip(archive)) return openTorchZip(archive);
  const names = [...archive.members.keys()];
  if (names.some((name) => name.endsWith('.npy'))) return openNpzZip(archive, options);
  const shown = names.slice(0, 3).map((name) => JSON.stringify(name.slice(0, 60)));
  throw new DataError(
    source.path,
    `a ZIP archive of neither numpy arrays nor PyTorch tensors (${shown.join(', ') || 'empty'}). Unpack it first.`,
  );
};

const KNOWN: readonly (FileFormat & { looks(head: Uint8Array, size: number, extension: string): boolean })[] = [
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
  },
  { id: 'pickle', title: 'PyTorch .pt', looks: looksLikePickle, open: openTorch },
];

/** Its decompressors are loaded with the first file of the kind. */
const parquet = () => import('./parquet/parquet');

/** @param extension of the file's name, lower case, without the dot. */
export const formatOf = (head: Uint8Array, size: number, extension: string): FileFormat | undefined =>
  KNOWN.find((format) => format.looks(head, size, extension));
