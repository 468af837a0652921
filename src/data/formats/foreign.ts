/** Files that are not read, told by their first bytes, each with what to do: other formats of arrays, archives, and what was saved in place of a file. */

import { baseName } from '../../util/paths';
import { fileIn } from './torch/remedies';

export interface Foreign {
  /** What it is called in a report. */
  format: string;
  /** Says what was found and what to do. */
  error: string;
}

export const starts = (head: Uint8Array, magic: string): boolean =>
  head.byteLength >= magic.length && [...magic].every((c, i) => head[i] === c.charCodeAt(0));

export const extension = (path: string): string => /\.([^./]+)$/.exec(path)?.[1]?.toLowerCase() ?? '';

/** Extensions of plain text; other text files (scripts, tables) are probably not meant as training text. */
export const TEXT_EXTENSIONS: ReadonlySet<string> = new Set(['txt', 'text', 'md', '']);

/** gzip, Zstandard, bzip2, xz, LZ4 frames, 7-Zip. */
const COMPRESSED = ['\x1f\x8b', '(\xb5\x2f\xfd', 'BZh', '\xfd7zXZ', '\x04"M\x18', '7z\xbc\xaf\x27\x1c'];
const TAR_MARK = 257;

/** What is recognised whatever the file is called, or undefined. */
export function foreignFormat(head: Uint8Array, path: string): Foreign | undefined {
  if (starts(head, '\x89HDF')) {
    const file = fileIn(path).replace(/^FILE\.pt$/, 'FILE.h5');
    const out = `${file.replace(/\.[^.]*$/, '')}.safetensors`;
    return {
      format: 'HDF5',
      error: `looks like HDF5, which is not read. Convert it: python -c "import h5py, numpy as np; from safetensors.numpy import save_file; save_file({'activations': np.ascontiguousarray(h5py.File('${file}')['activations'][:])}, '${out}')"`,
    };
  }
  if (starts(head, 'GGUF'))
    return {
      format: 'GGUF',
      error: 'a GGUF model; quantised models are not read. Drop the Hugging Face folder (config.json, model.safetensors, tokenizer.json).',
    };
  if (COMPRESSED.some((magic) => starts(head, magic))) return { format: 'compressed', error: 'a compressed file. Unpack it first.' };
  if (starts(head.subarray(TAR_MARK), 'ustar')) return { format: 'tar', error: 'a tar archive. Unpack it first.' };
  return standIn(head, path) ?? utf16(head, path);
}

/** What to do with a store of zarr: a folder, or a zip archive of one. */
export function zarrRemedy(path: string): string {
  const name = fileIn(path).replace(/^FILE\.pt$/, 'FILE.zarr');
  const out = `${name.replace(/\.[^.]*$/, '')}.safetensors`;
  return `looks like zarr, which is not read. Convert it: python -c "import zarr, numpy as np; from safetensors.numpy import save_file; a = zarr.open('${name}', mode='r'); a = a if hasattr(a, 'shape') else a['activations']; save_file({'activations': np.ascontiguousarray(a[:])}, '${out}')"`;
}

/** Git LFS and web servers leave a text where a large file should be. */
function standIn(head: Uint8Array, path: string): Foreign | undefined {
  const text = new TextDecoder().decode(head.subarray(0, 1024));
  if (text.startsWith('version https://git-lfs')) {
    const size = /^size (\d+)$/m.exec(text)?.[1];
    const own = size === undefined ? '' : ` (which has ${size} bytes)`;
    return { format: 'git-lfs pointer', error: `a Git LFS pointer, not the file itself${own}. Fetch it in its repository: git lfs pull.` };
  }
  const kind = extension(path);
  if (TEXT_EXTENSIONS.has(kind) || /^x?html?$|^xml$|^svg$/.test(kind)) return undefined;
  const isPage = /^[\s\ufeff]*(<!doctype html|<html[\s>]|<head[\s>])/i.test(text);
  if (!isPage && !/^[\s\ufeff]*<\?xml\s/.test(text)) return undefined;
  const what = isPage ? 'a web page (HTML)' : 'a message of a server (XML)';
  return {
    format: isPage ? 'HTML' : 'XML',
    error: `${what} that was saved as ${baseName(path)}, not the file itself. Download it again: on the Hugging Face hub from …/resolve/main/… instead of …/blob/main/…, and signed in where that is asked for.`,
  };
}

/** UTF-16 with its mark, or without where every second byte of the sample is 0. */
function utf16(head: Uint8Array, path: string): Foreign | undefined {
  const marked = starts(head, '\xff\xfe') ? 'utf-16le' : starts(head, '\xfe\xff') ? 'utf-16be' : undefined;
  const encoding = marked ?? (TEXT_EXTENSIONS.has(extension(path)) && extension(path) !== '' ? unmarked(head) : undefined);
  if (encoding === undefined || head.byteLength < 4) return undefined;
  try {
    const text = new TextDecoder(encoding, { fatal: true }).decode(head.subarray(0, head.byteLength & ~1), { stream: true });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what tells binary from text
    if (/[\x00-\x08\x0e-\x1a\x1c-\x1f]/.test(text)) return undefined;
  } catch {
    return undefined;
  }
  const [name, of] = [fileIn(path).replace(/^FILE\.pt$/, 'FILE.txt'), marked === undefined ? encoding : 'utf-16'];
  return {
    format: 'text',
    error: `is text in UTF-16; UTF-8 is read. Convert it: iconv -f ${of} -t utf-8 ${name} > ${name.replace(/(\.[^.]*)?$/, '_utf8$1')}`,
  };
}

function unmarked(head: Uint8Array): string | undefined {
  const zeros = [0, 0];
  for (const [i, byte] of head.entries()) if (byte === 0) zeros[i % 2] = (zeros[i % 2] as number) + 1;
  const [even, odd] = zeros as [number, number];
  if (odd > head.byteLength / 4 && even === 0) return 'utf-16le';
  return even > head.byteLength / 4 && odd === 0 ? 'utf-16be' : undefined;
}

/** A binary file without a mark: where its name says what it should be, what it lacks. @param accepted what is read, in a sentence. */
export function unknownBinary(path: string, size: number, accepted: string): Foreign {
  const kind = extension(path);
  const unknown = (error: string): Foreign => ({ format: 'unknown', error });
  if (/^(bin|raw|dat|mmap|memmap|npy)$/.test(kind)) {
    const json = baseName(path).replace(/\.[^.]*$/, '.json');
    const why =
      kind === 'npy'
        ? 'has no numpy header: np.memmap writes none, np.save and np.lib.format.open_memmap do. It can be read as raw values'
        : 'a binary file of unknown kind, perhaps raw values of np.memmap or tofile. To have them read';
    const example = size % 4 === 0 ? ` (here rows × width = ${size / 4} for float32, ${size / 2} for float16)` : '';
    return unknown(
      `${why}${kind === 'npy' ? ': ' : ', '}drop with it ${json}, which says {"dtype": "float32", "shape": [rows, width]}${example}, C order, little-endian. Or save them as .npy or .safetensors.`,
    );
  }
  if (TEXT_EXTENSIONS.has(kind) && kind !== '')
    return unknown('is not UTF-8 text. Convert it: iconv -f <encoding> -t utf-8, for example from latin1 or cp1252.');
  return unknown(`a binary file of unknown kind. ${accepted}`);
}
