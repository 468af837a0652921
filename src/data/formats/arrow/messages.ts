/** The messages of an Arrow stream, headers only: `FFFFFFFF, i32 header length, flatbuffer, body` until the end-of-stream mark. */
import { type ByteSource, DataError } from '../../bytes/types';
import { Flatbuffer, type Table } from './flatbuffer';
import type { BufferPlace } from './schema';

/** Read at a place where a header is expected: most are smaller, so one read does. */
const GUESS = 4096;
const MAX_HEADER = 2 ** 26;
const CONTINUATION = 0xffffffff;
const FILE_MAGIC = 'ARROW1';

const KIND = ['none', 'schema', 'dictionary', 'batch', 'tensor', 'sparse tensor'] as const;

export interface Message {
  kind: (typeof KIND)[number];
  header: Table;
  /** First byte of the body, from the start of the file. */
  body: number;
  bodyBytes: number;
}

/** Where the stream lies in the file, and whether the file is of the FILE kind (`ARROW1` at both ends). */
export interface StreamSpan {
  isFile: boolean;
  begin: number;
  end: number;
}

const ascii = (bytes: Uint8Array): string => String.fromCharCode(...bytes);

/** @throws DataError when the file is neither kind of Arrow file. */
export async function findStream(source: ByteSource): Promise<StreamSpan> {
  const { path, size } = source;
  if (size < 8) throw new DataError(path, `has ${size} bytes; an Arrow file has more. It is empty or truncated: copy it again.`);
  const head = await source.read(0, 8);
  if (ascii(head.subarray(0, 6)) !== FILE_MAGIC) return { isFile: false, begin: 0, end: size };
  const tail = size < 18 ? new Uint8Array(10) : await source.read(size - 10, 10);
  if (ascii(tail.subarray(4)) !== FILE_MAGIC) {
    throw new DataError(path, `truncated: an Arrow file ends with ${FILE_MAGIC}, this one does not. Copy or download it again.`);
  }
  const footer = new DataView(tail.buffer, tail.byteOffset).getInt32(0, true);
  const end = size - 10 - footer;
  if (footer <= 0 || end < 8) throw new DataError(path, `its footer of ${footer} bytes does not fit. The file is damaged: write it again.`);
  return { isFile: true, begin: 8, end };
}

/** Walks the messages. Returns whether the stream ended with its mark. @throws DataError */
export async function* readMessages(source: ByteSource, { begin, end }: StreamSpan): AsyncGenerator<Message, boolean> {
  const { path } = source;
  let at = begin;
  for (let count = 0; at < end; count++) {
    const what = count === 0 ? 'the schema' : `message ${count}`;
    const cut = (needed: number) =>
      new DataError(path, `truncated: ${what} should end at byte ${needed}, the data ends at byte ${end}. Copy or download it again.`);
    if (at + 8 > end) throw cut(at + 8);
    let bytes = await source.read(at, Math.min(GUESS, end - at));
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (view.getUint32(0, true) !== CONTINUATION) {
      throw new DataError(
        path,
        count === 0
          ? 'is not an Arrow stream, or was written by Arrow before 0.15 (2019). Write it again with a newer pyarrow.'
          : `${what}, at byte ${at}, does not begin with Arrow's mark. The file is damaged: copy or write it again.`,
      );
    }
    const length = view.getInt32(4, true);
    if (length === 0) {
      if (at + 8 !== end) throw new DataError(path, `${end - at - 8} bytes follow the end of the Arrow stream. Write the file again.`);
      return true;
    }
    if (length < 0 || length > MAX_HEADER)
      throw new DataError(path, `${what} announces a header of ${length} bytes. The file is damaged: copy or write it again.`);
    const body = at + 8 + length;
    if (body > end) throw cut(body);
    if (bytes.byteLength < 8 + length) bytes = await source.read(at, 8 + length);
    const message = new Flatbuffer(bytes.subarray(8, 8 + length), path).root();
    const bodyBytes = message.length64(3);
    if (body + bodyBytes > end) throw cut(body + bodyBytes);
    const header = message.table(2);
    const kind = KIND[message.u8(1)];
    if (!header || !kind) throw message.buffer.fail(`${what} is of no known kind`);
    yield { kind, header, body, bodyBytes };
    at = body + bodyBytes;
  }
  return false;
}

/** The header of a record batch: lengths of the columns, places of their buffers. */
export class BatchHeader {
  readonly rows: number;
  private readonly nodes;
  private readonly buffers;
  private readonly variadic;

  /** @throws DataError naming the codec when the buffers are compressed. */
  constructor(private readonly message: Message) {
    const { header } = message;
    this.rows = header.length64(0);
    this.nodes = header.vector(1, 16);
    this.buffers = header.vector(2, 16);
    this.variadic = header.vector(4, 8);
    const compression = header.table(3);
    if (compression) {
      const codec = ['LZ4', 'ZSTD'][compression.u8(0)] ?? 'an unknown codec';
      throw new DataError(
        header.buffer.path,
        `its record batches are compressed (${codec}), so that rows cannot be read by ranges. Write it with compression off (feather: compression="uncompressed").`,
      );
    }
  }

  /** Length and number of nulls of the n-th array. */
  node(index: number): { length: number; nulls: number } {
    const { buffer } = this.message.header;
    if (index >= this.nodes.count) throw buffer.fail('a record batch has fewer columns than the schema');
    const at = this.nodes.at + 16 * index;
    return { length: buffer.length64(at), nulls: buffer.length64(at + 8) };
  }

  /** First byte in the file, and bytes, of a buffer. @throws DataError when it is not inside the batch's body. */
  place({ index, views }: BufferPlace): { at: number; bytes: number } {
    const { header, body, bodyBytes } = this.message;
    const { buffer } = header;
    if (views > this.variadic.count) throw buffer.fail('a record batch has fewer columns than the schema');
    let n = index;
    for (let i = 0; i < views; i++) n += buffer.length64(this.variadic.at + 8 * i);
    if (n >= this.buffers.count) throw buffer.fail('a record batch has fewer buffers than the schema');
    const at = buffer.length64(this.buffers.at + 16 * n);
    const bytes = buffer.length64(this.buffers.at + 16 * n + 8);
    if (at + bytes > bodyBytes) throw buffer.fail(`a buffer ends at byte ${at + bytes} of a body of ${bodyBytes}`);
    return { at: body + at, bytes };
  }
}
