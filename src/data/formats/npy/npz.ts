/** Several numpy arrays in a zip archive, by `np.savez` or `np.savez_compressed`. */

import { type ByteSource, DataError } from '../../bytes/types';
import type { ArrayEntry, Container, OpenFile, OpenOptions } from '../container';
import { TOKEN_NAMES } from '../integers';
import { openZip, type ZipArchive } from '../zip/archive';
import type { Bytes } from './bytes';
import { UnreadableDtype } from './dtype';
import { type NpyHeader, readNpyHeader } from './header';
import { openArray } from './npy';

const SUFFIX = '.npy';
/** Longest text kept as a note. */
const MAX_TEXT = 4096;

/**
 * Arrays that hold no numbers do not stand in the way of those that do: a single text becomes metadata, others are left out and
 * said. Arrays of 2-byte integers are not taken for bf16 when their name is one of tokens.
 * @throws DataError
 */
export const openNpz: OpenFile = async (source: ByteSource, options: OpenOptions = {}): Promise<Container> =>
  openNpzZip(await openZip(source), options);

/** The same, of an archive that is open already. */
export async function openNpzZip(zip: ZipArchive, options: OpenOptions = {}): Promise<Container> {
  const { path } = zip;
  const arrays = new Map<string, ArrayEntry>();
  const metadata = new Map<string, string>();
  const assumptions: string[] = [];
  let unreadable: UnreadableDtype | undefined;
  for (const member of zip.members.values()) {
    if (!member.name.endsWith(SUFFIX)) continue;
    const name = member.name.slice(0, -SUFFIX.length);
    const bytes: Bytes = {
      path,
      member: member.name,
      size: member.size,
      read: (from, length) => member.read(from, length),
      ...(member.unpack && { unpack: member.unpack }),
    };
    const header = await readNpyHeader(bytes);
    const text = await readText(bytes, header);
    if (text !== undefined) {
      metadata.set(name, text);
      continue;
    }
    try {
      const opened = openArray(name, bytes, header, options, !(TOKEN_NAMES as readonly string[]).includes(name));
      arrays.set(name, opened.entry);
      assumptions.push(...opened.assumptions.map((line) => `${JSON.stringify(name)}: ${line}`));
    } catch (cause) {
      if (!(cause instanceof UnreadableDtype)) throw cause;
      unreadable ??= cause;
      assumptions.push(`array ${JSON.stringify(name)} left out: ${cause.message.slice(cause.message.indexOf('its values'))}`);
    }
  }
  if (arrays.size === 0 && unreadable) throw unreadable;
  if (arrays.size === 0)
    throw new DataError(path, `holds no numpy array of numbers (${zip.members.size} members). Save the arrays with np.savez.`);
  return { path, format: '.npz', bytes: zip.bytes, arrays, metadata, assumptions };
}

/** A single string, as `np.savez(hook="blocks.3.hook_resid_post", …)` saves it: 4 bytes a character, or 1. */
async function readText(bytes: Bytes, { descr, shape, count, dataStart }: NpyHeader): Promise<string | undefined> {
  const match = typeof descr === 'string' ? /^([<>|=]?)([US])(\d{1,6})$/.exec(descr) : null;
  if (!match || count !== 1 || shape.length > 1) return undefined;
  const width = match[2] === 'U' ? 4 : 1;
  const length = Number(match[3]);
  if (length > MAX_TEXT || dataStart + length * width !== bytes.size) return undefined;
  const raw = await bytes.read(dataStart, length * width);
  if (width === 1) return new TextDecoder().decode(raw).replace(/\0+$/, '');
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  const points = Array.from({ length }, (_, i) => view.getUint32(i * 4, match[1] !== '>'));
  return points.every((point) => point <= 0x10ffff) ? String.fromCodePoint(...points).replace(/\0+$/, '') : undefined;
}
