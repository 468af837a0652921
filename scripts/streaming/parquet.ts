/** A Parquet file with one column of full lists: plain, not compressed, pages of about 1 MiB and row groups of about 128 MiB, as writers make them. */
import { type Rows, rowBytes } from './rows';
import { type Segment, SparseFile } from './sparseFile';

const PAGE_BYTES = 2 ** 20;
const GROUP_BYTES = 2 ** 27;
const COLUMN = 'activations';

/** Thrift's compact protocol. */
type Thrift = { i32: number } | { i64: number } | { text: string } | { list: Thrift[] } | { struct: [id: number, value: Thrift][] };

const TYPE = { i32: 5, i64: 6, text: 8, list: 9, struct: 12 } as const;
const kindOf = (value: Thrift): keyof typeof TYPE => Object.keys(value)[0] as keyof typeof TYPE;

function varint(value: number, out: number[]): void {
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) out.push((rest % 128) | 0x80);
  out.push(rest);
}

function encode(value: Thrift, out: number[]): number[] {
  if ('i32' in value) varint(value.i32 * 2, out);
  else if ('i64' in value) varint(value.i64 * 2, out);
  else if ('text' in value) {
    const text = new TextEncoder().encode(value.text);
    varint(text.length, out);
    out.push(...text);
  } else if ('list' in value) {
    const type = value.list[0] ? TYPE[kindOf(value.list[0])] : TYPE.i32;
    if (value.list.length < 15) out.push((value.list.length << 4) | type);
    else {
      out.push(0xf0 | type);
      varint(value.list.length, out);
    }
    for (const item of value.list) encode(item, out);
  } else {
    let before = 0;
    for (const [id, field] of value.struct) {
      out.push(((id - before) << 4) | TYPE[kindOf(field)]);
      encode(field, out);
      before = id;
    }
    out.push(0);
  }
  return out;
}

const i32 = (value: number): Thrift => ({ i32: value });
const i64 = (value: number): Thrift => ({ i64: value });
const text = (value: string): Thrift => ({ text: value });
const list = (...items: Thrift[]): Thrift => ({ list: items });
const struct = (...fields: [number, Thrift][]): Thrift => ({ struct: fields });

/** Numbers of parquet.thrift. */
const FLOAT = 4;
const FIXED = 7;
const [REQUIRED, OPTIONAL, REPEATED] = [0, 1, 2] as const;
const RLE = 3;

/** `optional group activations (LIST) { repeated group list { optional element } }` */
function schema({ dtype }: Rows): Thrift {
  const leaf =
    dtype === 'f32'
      ? [[1, i32(FLOAT)] as [number, Thrift]]
      : ([
          [1, i32(FIXED)],
          [2, i32(2)],
        ] as [number, Thrift][]);
  return list(
    struct([3, i32(REQUIRED)], [4, text('schema')], [5, i32(1)]),
    struct([3, i32(OPTIONAL)], [4, text(COLUMN)], [5, i32(1)], [6, i32(3)], [10, struct([3, struct()])]),
    struct([3, i32(REPEATED)], [4, text('list')], [5, i32(1)]),
    struct(
      ...leaf,
      [3, i32(OPTIONAL)],
      [4, text('element')],
      ...(dtype === 'f16' ? [[10, struct([15, struct()])] as [number, Thrift]] : []),
    ),
  );
}

/** Runs of levels, behind their length in bytes. */
function levels(runs: Iterable<[count: number, value: number]>): Uint8Array {
  const out = [0, 0, 0, 0];
  for (const [count, value] of runs) {
    varint(count * 2, out);
    out.push(value);
  }
  const bytes = Uint8Array.from(out);
  new DataView(bytes.buffer).setUint32(0, bytes.length - 4, true);
  return bytes;
}

function* starts(rows: number, d: number): Generator<[number, number]> {
  for (let row = 0; row < rows; row++) {
    yield [1, 0];
    if (d > 1) yield [d - 1, 1];
  }
}

export function writeParquet(path: string, data: Rows): void {
  const { rows, d, dtype } = data;
  const file = new SparseFile(path);
  const magic: Segment = new TextEncoder().encode('PAR1');
  file.put(magic);
  const perPage = Math.max(1, Math.floor(PAGE_BYTES / rowBytes(data)));
  const perGroup = Math.max(perPage, Math.floor(GROUP_BYTES / rowBytes(data)));
  const groups: Thrift[] = [];
  for (let first = 0; first < rows; first += perGroup) {
    const inGroup = Math.min(perGroup, rows - first);
    const begin = file.at;
    for (let from = first; from < first + inGroup; from += perPage) {
      const count = Math.min(perPage, first + inGroup - from);
      const [repetition, definition] = [levels(starts(count, d)), levels([[count * d, 3]])];
      const size = i32(repetition.length + definition.length + count * rowBytes(data));
      const values = struct([1, i32(count * d)], [2, i32(0)], [3, i32(RLE)], [4, i32(RLE)]);
      file.put(Uint8Array.from(encode(struct([1, i32(0)], [2, size], [3, size], [5, values]), [])), repetition, definition);
      file.putAll(data.segments(from, count));
    }
    const bytes = i64(file.at - begin);
    const column = struct(
      [1, i32(dtype === 'f32' ? FLOAT : FIXED)],
      [2, list(i32(0), i32(RLE))],
      [3, list(text(COLUMN), text('list'), text('element'))],
      [4, i32(0)],
      [5, i64(inGroup * d)],
      [6, bytes],
      [7, bytes],
      [9, i64(begin)],
    );
    groups.push(struct([1, list(struct([2, i64(begin)], [3, column]))], [2, bytes], [3, i64(inGroup)]));
  }
  const footer = Uint8Array.from(encode(struct([1, i32(2)], [2, schema(data)], [3, i64(rows)], [4, list(...groups)]), []));
  file.put(footer, new Uint8Array(Uint32Array.of(footer.length).buffer), magic);
  file.close();
}
