/**
 * The central directory of a zip archive (PKWARE's APPNOTE 6.3.10): at the end of the file, named by a record behind it. Strict where
 * readers differ and damage shows: nothing before, between or after, no member twice, no two members on the same bytes.
 */
import { type ByteSource, DataError } from '../../bytes/types';

/** One member as the directory describes it. */
export interface DirectoryEntry {
  name: string;
  /** The name's bytes, which the local header repeats. */
  rawName: Uint8Array;
  flags: number;
  method: number;
  crc: number;
  compressedSize: number;
  size: number;
  /** Offset of the local header, and the first offset that belongs to something else. */
  begin: number;
  limit: number;
}

const END = 0x06054b50;
const END_SIZE = 22;
const LOCATOR64 = 0x07064b50;
const LOCATOR64_SIZE = 20;
const END64 = 0x06064b50;
const END64_SIZE = 56;
const CENTRAL = 0x02014b50;
const CENTRAL_SIZE = 46;
export const LOCAL = 0x04034b50;
export const LOCAL_SIZE = 30;
/** A comment is at most this long, by its 16-bit length. */
const MAX_COMMENT = 0xffff;
/** Directories above this are refused before they are read: half a million tensors fit in 64 MiB. */
const MAX_DIRECTORY = 64 * 2 ** 20;
/** Deflate spends at least two bits on 258 bytes, behind a header of a few bits. */
const MOST_DENSE = 1032;

const METHODS: Record<number, string> = { 9: 'deflate64', 12: 'bzip2', 14: 'LZMA', 93: 'Zstandard', 95: 'xz', 99: 'AES' };

export const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** @throws DataError when the number is beyond what JavaScript counts exactly, which no file's offset is. */
function u64(path: string, view: DataView, at: number, what: string): number {
  const value = view.getBigUint64(at, true);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new DataError(path, `its ${what} is ${value}. The file is damaged: write it again.`);
  return Number(value);
}

interface Place {
  entries: number;
  offset: number;
  size: number;
}

/** Reads and checks the directory, in the order of its entries. @throws DataError */
export async function readDirectory(source: ByteSource): Promise<DirectoryEntry[]> {
  const { path } = source;
  const place = await findDirectory(source);
  if (place.size > MAX_DIRECTORY)
    throw new DataError(path, `its zip directory has ${place.size} bytes; at most ${MAX_DIRECTORY} are read. Split the archive.`);
  if (place.entries * CENTRAL_SIZE > place.size)
    throw new DataError(
      path,
      `its zip directory announces ${place.entries} members in ${place.size} bytes. The file is damaged: write it again.`,
    );
  const bytes = await source.read(place.offset, place.size);
  const entries: DirectoryEntry[] = [];
  let at = 0;
  for (let i = 0; i < place.entries; i++) at = readEntry(path, bytes, at, entries);
  if (at !== bytes.length)
    throw new DataError(path, `${bytes.length - at} bytes of its zip directory belong to no member. The file is damaged: write it again.`);
  checkExtents(path, entries, place.offset);
  return entries;
}

/** The record at the end, with the one before it that archives over 4 GiB have. */
async function findDirectory(source: ByteSource): Promise<Place> {
  const { path, size } = source;
  const tail = await source.read(Math.max(0, size - END_SIZE - MAX_COMMENT), Math.min(size, END_SIZE + MAX_COMMENT));
  const view = viewOf(tail);
  let at = tail.length - END_SIZE;
  // The record is the one whose comment ends with the file; the same bytes inside a comment do not.
  while (at >= 0 && !(view.getUint32(at, true) === END && at + END_SIZE + view.getUint16(at + 20, true) === tail.length)) at--;
  if (at < 0) {
    const isZip = size >= 4 && viewOf(await source.read(0, 4)).getUint32(0, true) === LOCAL;
    throw new DataError(
      path,
      isZip
        ? `truncated: it begins as a zip archive but has no directory at its end (${size} bytes). Copy or download it again.`
        : 'is not a zip archive: it has no directory at its end.',
    );
  }
  const endAt = size - tail.length + at;
  const place: Place = {
    entries: view.getUint16(at + 10, true),
    size: view.getUint32(at + 12, true),
    offset: view.getUint32(at + 16, true),
  };
  const disks = [view.getUint16(at + 4, true), view.getUint16(at + 6, true)];
  if (disks.some((disk) => disk !== 0 && disk !== 0xffff) || view.getUint16(at + 8, true) !== place.entries)
    throw new DataError(path, 'is one part of a zip archive in several parts. Join them: zip -s 0 parts.zip --out whole.zip.');
  const recordsAt = await readEnd64(source, endAt, place);
  if (place.offset + place.size !== recordsAt)
    throw new DataError(
      path,
      `its zip directory should be bytes ${place.offset} to ${place.offset + place.size}, but its end record is at byte ${recordsAt}. ` +
        'Bytes are missing or too many: copy or download it again.',
    );
  return place;
}

/** Fills in `place` from the zip64 record, if there is one. Returns the offset of the first record behind the directory. */
async function readEnd64(source: ByteSource, endAt: number, place: Place): Promise<number> {
  const { path } = source;
  if (endAt < LOCATOR64_SIZE) return endAt;
  const locator = viewOf(await source.read(endAt - LOCATOR64_SIZE, LOCATOR64_SIZE));
  if (locator.getUint32(0, true) !== LOCATOR64) return endAt;
  const at = u64(path, locator, 8, 'zip64 record offset');
  const damaged = (what: string) => new DataError(path, `its zip64 end record ${what}. The file is damaged: write it again.`);
  if (at + END64_SIZE > endAt - LOCATOR64_SIZE) throw damaged(`cannot be at byte ${at}`);
  const record = viewOf(await source.read(at, END64_SIZE));
  if (record.getUint32(0, true) !== END64) throw damaged(`is not at byte ${at}`);
  if (at + 12 + u64(path, record, 4, 'zip64 record size') !== endAt - LOCATOR64_SIZE) throw damaged('has a wrong size');
  const wide: Place = {
    entries: u64(path, record, 32, 'number of members'),
    size: u64(path, record, 40, 'directory size'),
    offset: u64(path, record, 48, 'directory offset'),
  };
  const bounds: Place = { entries: 0xffff, size: 0xffffffff, offset: 0xffffffff };
  for (const key of ['entries', 'size', 'offset'] as const) {
    // Two answers to one question are how archives are made to look different to different readers.
    if (place[key] !== bounds[key] && place[key] !== wide[key]) throw damaged(`disagrees with the end record about its ${key}`);
    place[key] = wide[key];
  }
  return at;
}

/** Reads the entry at `at`, returns where the next begins. */
function readEntry(path: string, bytes: Uint8Array, at: number, into: DirectoryEntry[]): number {
  const view = viewOf(bytes);
  const damaged = (what: string) => new DataError(path, `${what} in its zip directory. The file is damaged: copy or download it again.`);
  if (at + CENTRAL_SIZE > bytes.length || view.getUint32(at, true) !== CENTRAL) throw damaged(`member ${into.length} is not described`);
  const nameEnd = at + CENTRAL_SIZE + view.getUint16(at + 28, true);
  const extraEnd = nameEnd + view.getUint16(at + 30, true);
  const end = extraEnd + view.getUint16(at + 32, true);
  if (end > bytes.length) throw damaged(`member ${into.length} runs past the end`);
  const rawName = bytes.slice(at + CENTRAL_SIZE, nameEnd);
  const name = decodeName(rawName);
  const member = JSON.stringify(name);
  const entry: DirectoryEntry = {
    name,
    rawName,
    flags: view.getUint16(at + 8, true),
    method: view.getUint16(at + 10, true),
    crc: view.getUint32(at + 16, true),
    compressedSize: view.getUint32(at + 20, true),
    size: view.getUint32(at + 24, true),
    begin: view.getUint32(at + 42, true),
    limit: 0,
  };
  const disk = view.getUint16(at + 34, true);
  readExtra64(path, member, bytes.subarray(nameEnd, extraEnd), entry, disk === 0xffff);
  // Bits 0 and 6: encrypted; 13: headers hidden; 5: a patch, not the data.
  if (entry.flags & 0b0010_0000_0110_0001)
    throw new DataError(path, `member ${member} is encrypted or a patch. Unpack the archive and drop its files.`);
  if (entry.method !== 0 && entry.method !== 8)
    throw new DataError(
      path,
      `member ${member} is compressed with ${METHODS[entry.method] ?? 'an unknown method'} (${entry.method}); stored and deflated are read. ` +
        'Unpack the archive and drop its files.',
    );
  if (entry.method === 0 && entry.size !== entry.compressedSize)
    throw damaged(`stored member ${member} has ${entry.compressedSize} bytes in the file and ${entry.size} outside`);
  if (entry.method === 8 && entry.size > entry.compressedSize * MOST_DENSE)
    throw damaged(`member ${member} declares ${entry.size} bytes, more than its ${entry.compressedSize} compressed bytes can hold, stated`);
  into.push(entry);
  return end;
}

/** The zip64 extra field holds, in this order, those of the fields that are all ones. */
function readExtra64(path: string, member: string, extra: Uint8Array, entry: DirectoryEntry, wideDisk: boolean): void {
  const view = viewOf(extra);
  const wanted = (['size', 'compressedSize', 'begin'] as const).filter((key) => entry[key] === 0xffffffff);
  for (let at = 0; at + 4 <= extra.length; at += 4 + view.getUint16(at + 2, true)) {
    if (view.getUint16(at, true) !== 1 || wanted.length === 0) continue;
    const length = view.getUint16(at + 2, true);
    if (length < wanted.length * 8 + (wideDisk ? 4 : 0) || at + 4 + length > extra.length) break;
    wanted.forEach((key, i) => {
      entry[key] = u64(path, view, at + 4 + i * 8, `member ${member}: ${key}`);
    });
    return;
  }
  // Without the field all ones are meant literally: only just possible, and then the extents below decide.
}

function decodeName(raw: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(raw);
  } catch {
    return new TextDecoder('latin1').decode(raw); // code page 437 in fact; only its ASCII half is common
  }
}

/** No name twice, no member on bytes of another or of the directory. Sets `limit`. */
function checkExtents(path: string, entries: DirectoryEntry[], directoryAt: number): void {
  const names = new Set<string>();
  for (const { name } of entries) {
    if (names.has(name)) throw new DataError(path, `member ${JSON.stringify(name)} occurs twice. Write the archive again.`);
    names.add(name);
  }
  const sorted = [...entries].sort((a, b) => a.begin - b.begin);
  for (const [i, entry] of sorted.entries()) {
    const next = sorted[i + 1];
    entry.limit = Math.min(next?.begin ?? directoryAt, directoryAt);
    const end = entry.begin + LOCAL_SIZE + entry.rawName.length + entry.compressedSize;
    if (end > entry.limit)
      throw new DataError(
        path,
        `member ${JSON.stringify(entry.name)} (bytes ${entry.begin} to at least ${end}) overlaps ` +
          `${next && entry.limit === next.begin ? `member ${JSON.stringify(next.name)}` : 'the directory'}, which begins at byte ${entry.limit}. ` +
          'The file is damaged: copy or download it again.',
      );
  }
}
