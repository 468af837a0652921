/** Zip archives of stored members, with zip64 fields where a size or an offset needs them, and of one deflated member. */
import { createDeflateRaw } from 'node:zlib';
import { crcOf, lengthOf, type Segment, SparseFile } from './sparseFile';

const U32 = 0xffffffff;

export interface Member {
  name: string;
  /** Called twice: for the checksum, and to write. */
  data(): Iterable<Segment>;
  /** Extra bytes so that the values begin at a multiple of 64, as torch writes them. */
  isAligned?: boolean;
}

/** Little-endian fields: [value, bytes]. */
export function fields(...list: readonly (readonly [value: number, bytes: number])[]): Uint8Array {
  const out = new Uint8Array(list.reduce((sum, [, bytes]) => sum + bytes, 0));
  const view = new DataView(out.buffer);
  let at = 0;
  for (const [value, bytes] of list) {
    if (bytes === 2) view.setUint16(at, value, true);
    else if (bytes === 4) view.setUint32(at, value, true);
    else view.setBigUint64(at, BigInt(value), true);
    at += bytes;
  }
  return out;
}

interface Written {
  name: Uint8Array;
  method: 0 | 8;
  crc: number;
  size: number;
  packed: number;
  at: number;
}

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);
const narrow = (value: number): number => Math.min(value, U32);

export function writeStoredZip(path: string, members: readonly Member[]): void {
  const file = new SparseFile(path);
  const entries = members.map(({ name: text, data, isAligned }): Written => {
    const name = ascii(text);
    let size = 0;
    for (const segment of data()) size += lengthOf(segment);
    const entry: Written = { name, method: 0, crc: crcOf(data()), size, packed: size, at: file.at };
    let extra = size >= U32 ? fields([1, 2], [16, 2], [size, 8], [size, 8]) : new Uint8Array(0);
    if (isAligned) {
      const pad = (64 - ((file.at + 30 + name.length + extra.length + 4) % 64)) % 64;
      extra = new Uint8Array([...extra, ...fields([0x4246, 2], [pad, 2]), ...new Uint8Array(pad)]);
    }
    file.put(localHeader(entry, extra.length), name, extra);
    file.putAll(data());
    return entry;
  });
  finish(file, entries);
}

/** One member, deflated. Its sizes are written when they are known. */
export async function writeDeflatedZip(path: string, name: string, data: () => Iterable<Segment>): Promise<void> {
  const file = new SparseFile(path);
  const entry: Written = { name: ascii(name), method: 8, crc: crcOf(data()), size: 0, packed: 0, at: 0 };
  for (const segment of data()) entry.size += lengthOf(segment);
  // zip64 fields in any case: the packed size is not known yet.
  const begin = 30 + entry.name.length + 20;
  file.put({ hole: begin });
  const deflate = createDeflateRaw({ level: 1 });
  deflate.on('data', (bytes: Uint8Array) => file.put(bytes));
  const zeros = new Uint8Array(2 ** 20);
  const write = (bytes: Uint8Array) => new Promise<void>((resolve) => deflate.write(bytes, () => resolve()));
  for (const segment of data()) {
    if (segment instanceof Uint8Array) await write(segment);
    else for (let left = segment.hole; left > 0; left -= zeros.length) await write(zeros.subarray(0, Math.min(left, zeros.length)));
  }
  await new Promise<void>((resolve) => deflate.on('end', resolve).end());
  entry.packed = file.at - begin;
  const end = file.at;
  file.at = 0;
  file.put(localHeader({ ...entry, size: U32, packed: U32 }, 20), entry.name, fields([1, 2], [16, 2], [entry.size, 8], [entry.packed, 8]));
  file.at = end;
  finish(file, [entry]);
}

const localHeader = ({ name, method, crc, size, packed }: Written, extra: number): Uint8Array =>
  fields(
    [0x04034b50, 4],
    [45, 2],
    [0, 2],
    [method, 2],
    [0, 4],
    [crc, 4],
    [narrow(packed), 4],
    [narrow(size), 4],
    [name.length, 2],
    [extra, 2],
  );

/** The directory, and the records behind it. */
function finish(file: SparseFile, entries: readonly Written[]): void {
  const begin = file.at;
  for (const { name, method, crc, size, packed, at } of entries) {
    const wide = [size, packed, at].filter((value) => value >= U32);
    const extra = wide.length > 0 ? fields([1, 2], [8 * wide.length, 2], ...wide.map((value) => [value, 8] as const)) : new Uint8Array(0);
    file.put(
      fields(
        [0x02014b50, 4],
        [45, 2],
        [45, 2],
        [0, 2],
        [method, 2],
        [0, 4],
        [crc, 4],
        [narrow(packed), 4],
        [narrow(size), 4],
        [name.length, 2],
        [extra.length, 2],
        [0, 2],
        [0, 2],
        [0, 2],
        [0, 4],
        [narrow(at), 4],
      ),
      name,
      extra,
    );
  }
  const [end, count] = [file.at, entries.length];
  file.put(
    fields([0x06064b50, 4], [44, 8], [45, 2], [45, 2], [0, 4], [0, 4], [count, 8], [count, 8], [end - begin, 8], [begin, 8]),
    fields([0x07064b50, 4], [0, 4], [end, 8], [1, 4]),
    fields([0x06054b50, 4], [0, 2], [0, 2], [count, 2], [count, 2], [end - begin, 4], [narrow(begin), 4], [0, 2]),
  );
  file.close();
}
