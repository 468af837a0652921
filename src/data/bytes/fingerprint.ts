/**
 * Which files a result was made from: SHA-256 over names, sizes and the first and last 16 KiB of each, where every format keeps its headers.
 * Not over all values, which would read a terabyte to name it: a change inside that keeps the size is not seen.
 */

import { mapLimited } from '../../util/mapLimited';
import { naturalCompare } from '../../util/naturalSort';
import { baseName } from '../../util/paths';
import type { ByteSource } from './types';

const EDGE = 16384;
const CONCURRENCY = 8;

const hex = (bytes: ArrayBuffer): string => [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
/** 64 hexadecimal digits. */
export const sha256 = async (bytes: Uint8Array): Promise<string> =>
  hex(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>));

/** `name size hash` of one file; the name without its folders, which change when files are moved. */
async function lineOf(source: ByteSource): Promise<string> {
  const { path, size } = source;
  const headBytes = Math.min(size, EDGE);
  const tailBytes = Math.min(size - headBytes, EDGE);
  const edges = new Uint8Array(headBytes + tailBytes);
  if (headBytes > 0) edges.set(await source.read(0, headBytes));
  if (tailBytes > 0) edges.set(await source.read(size - tailBytes, tailBytes), headBytes);
  return `${baseName(path)} ${size} ${await sha256(edges)}`;
}

/**
 * 64 hexadecimal digits, the same wherever the files lie and in whatever order they are given.
 * @throws DataError when a file cannot be read.
 */
export async function fingerprintOf(files: readonly ByteSource[]): Promise<string> {
  const lines = await mapLimited(files, CONCURRENCY, lineOf);
  return sha256(new TextEncoder().encode(lines.sort(naturalCompare).join('\n')));
}
