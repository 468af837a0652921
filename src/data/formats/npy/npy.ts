/** One numpy array in a file: `.npy` 1.0, 2.0 and 3.0, C or Fortran order, little- or big-endian. */
import type { ByteSource } from '../../bytes/types';
import { type ArrayEntry, type Container, type OpenFile, type OpenOptions, STORED_BYTES } from '../container';
import { type Bytes, refusal } from './bytes';
import { npyDtype } from './dtype';
import { type NpyHeader, readNpyHeader } from './header';
import { arrayEntry } from './layout';

/** @throws DataError; `WordsQuestion` when the user has to say whether 2-byte values are bf16. */
export const openNpy: OpenFile = async (source: ByteSource, options: OpenOptions = {}): Promise<Container> => {
  const { entry, assumptions } = openArray('', source, await readNpyHeader(source), options, true);
  return { path: source.path, format: '.npy', bytes: source.size, arrays: new Map([['', entry]]), metadata: new Map(), assumptions };
};

/**
 * The array that a header describes, its size checked against what is there.
 * @param isWords see `npyDtype`
 */
export function openArray(
  name: string,
  bytes: Bytes,
  header: NpyHeader,
  options: OpenOptions,
  isWords: boolean,
): { entry: ArrayEntry; assumptions: string[] } {
  const { dtype, bigEndian, assumptions } = npyDtype(bytes, header, options, isWords);
  const { shape, count, fortran, dataStart } = header;
  const needed = dataStart + count * STORED_BYTES[dtype];
  const shown = `shape (${shape.join(', ')}) of ${dtype}`;
  if (!Number.isSafeInteger(needed)) throw refusal(bytes, `its ${shown} overflows. The file is damaged: write it again.`);
  if (bytes.size < needed)
    throw refusal(bytes, `truncated: ${shown} needs ${needed} bytes, and there are ${bytes.size}. Copy or download it again.`);
  if (bytes.size > needed)
    throw refusal(
      bytes,
      `${bytes.size - needed} bytes follow its one array: ${shown} needs ${needed} bytes, and there are ${bytes.size}. ` +
        'Save each array to a file of its own, or all of them with np.savez.',
    );
  return { entry: arrayEntry({ name, bytes, base: dataStart, dtype, shape, fortran, bigEndian }), assumptions };
}
