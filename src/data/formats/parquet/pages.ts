/** The pages of a column in one row group: found by their headers, unpacked one at a time. */

import type { Encoding, PageHeader } from 'hyparquet';
import { messageOf } from '../../../util/errors';
import { type ByteSource, DataError } from '../../bytes/types';
import { STORED_BYTES } from '../container';
import { unpack } from './codecs';
import type { Chunk, Leaf } from './footer';
import { readPageHeader } from './pageHeader';
import { allAre, readRuns } from './runs';
import { CutShort } from './thrift';
import { decodeValues } from './values';

/** The most one page may unpack to; writers make pages of about 1 MiB. */
const MAX_PAGE = 2 ** 28;
/** Read at a place where a page header is expected. Statistics of text columns can make it longer. */
const GUESS = 256;
const MAX_HEADER = 2 ** 20;

export interface Page {
  /** First value in the chunk, and how many. */
  first: number;
  count: number;
  header: PageHeader;
  /** Bytes as stored, from the start of the file. */
  at: number;
}

export interface Pages {
  dictionary?: Page;
  data: Page[];
}

/** A page's values and, where the column has lists or may have gaps, the levels that tell which list each is in. */
export interface Decoded {
  /** Little-endian, as the column's dtype. */
  values: Uint8Array;
  repetition: Uint8Array | undefined;
  definition: Uint8Array | undefined;
}

/** Everything needed to read one chunk. */
export interface ChunkContext {
  source: ByteSource;
  leaf: Leaf;
  chunk: Chunk;
}

const damaged = ({ source, leaf }: ChunkContext, at: number, cause: unknown): DataError =>
  new DataError(
    source.path,
    `column ${JSON.stringify(leaf.name)}, page at byte ${at}: ${messageOf(cause)}. The file is damaged: copy or write it again.`,
  );

/** Reads the headers of all pages. @throws DataError */
export async function findPages(context: ChunkContext): Promise<Pages> {
  const { source, leaf, chunk } = context;
  const pages: Pages = { data: [] };
  let values = 0;
  for (let at = chunk.begin; values < chunk.values; ) {
    if (at >= chunk.end) throw damaged(context, at, `it has ${values} values of ${chunk.values}`);
    const { header, bytes } = await headerAt(context, at);
    const page: Page = { first: values, count: 0, header, at: at + bytes };
    at = page.at + header.compressed_page_size;
    if (at > chunk.end) throw damaged(context, page.at, `it should end at byte ${at}, the column ends at byte ${chunk.end}`);
    if (header.uncompressed_page_size > MAX_PAGE) {
      throw new DataError(
        source.path,
        `column ${JSON.stringify(leaf.name)} has a page of ${header.uncompressed_page_size} bytes; at most ${MAX_PAGE} are unpacked at once. Write it with smaller pages (pyarrow: data_page_size=2**20).`,
      );
    }
    const counts = header.data_page_header ?? header.data_page_header_v2 ?? header.dictionary_page_header;
    page.count = counts?.num_values ?? 0;
    if (page.count < 0 || page.count * STORED_BYTES[leaf.dtype ?? 'f32'] > MAX_PAGE)
      throw damaged(context, page.at, `${page.count} values`);
    if (header.type === 'DICTIONARY_PAGE') {
      if (pages.dictionary || pages.data.length > 0) throw damaged(context, page.at, 'a dictionary where none is expected');
      pages.dictionary = page;
    } else if (header.type !== 'INDEX_PAGE') {
      pages.data.push(page);
      values += page.count;
      if (values > chunk.values) throw damaged(context, page.at, `it has more values than the ${chunk.values} announced`);
    }
  }
  return pages;
}

async function headerAt(context: ChunkContext, at: number): Promise<{ header: PageHeader; bytes: number }> {
  const { source, chunk } = context;
  for (let length = GUESS; ; length *= 16) {
    const bytes = await source.read(at, Math.min(length, chunk.end - at));
    try {
      const { header, end } = readPageHeader(bytes);
      return { header, bytes: end };
    } catch (cause) {
      const mayGrow = cause instanceof CutShort && length < MAX_HEADER && length < chunk.end - at;
      if (!mayGrow) throw damaged(context, at, cause);
    }
  }
}

/** The dictionary's values, one after the other. @throws DataError */
export async function readDictionary(context: ChunkContext, { dictionary }: Pages): Promise<Uint8Array | undefined> {
  if (!dictionary) return undefined;
  const { source, chunk, leaf } = context;
  const { header, at, count } = dictionary;
  const stored = await source.read(at, header.compressed_page_size);
  try {
    const bytes = await unpack(stored, chunk.codec, header.uncompressed_page_size);
    return decodeValues('PLAIN', bytes, 0, count, leaf, undefined);
  } catch (cause) {
    throw damaged(context, at, cause);
  }
}

/** @throws DataError */
export async function readPage(context: ChunkContext, page: Page, dictionary: Uint8Array | undefined): Promise<Decoded> {
  const stored = await context.source.read(page.at, page.header.compressed_page_size);
  try {
    return await (page.header.type === 'DATA_PAGE_V2' ? decodeV2 : decodeV1)(context, page, stored, dictionary);
  } catch (cause) {
    throw damaged(context, page.at, cause);
  }
}

const bitsOf = (most: number): number => 32 - Math.clz32(most);

/** Levels and values packed together; each kind of level is preceded by its length. */
async function decodeV1({ leaf, chunk }: ChunkContext, page: Page, stored: Uint8Array, dictionary?: Uint8Array): Promise<Decoded> {
  const { data_page_header: header, uncompressed_page_size: size } = page.header;
  if (!header) throw new Error('its header says nothing of its contents');
  const bytes = await unpack(stored, chunk.codec, size);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const levels = (most: number, encoding: Encoding): Uint8Array | undefined => {
    if (most === 0) return undefined;
    if (encoding !== 'RLE') throw new Error(`levels encoded as ${encoding}`);
    const end = at + 4 + view.getUint32(at, true);
    if (end > bytes.byteLength) throw new Error('levels reach beyond the page');
    const out = new Uint8Array(page.count);
    readRuns(bytes, at + 4, end, bitsOf(most), out);
    at = end;
    return out;
  };
  const repetition = levels(leaf.maxRepetition, header.repetition_level_encoding);
  const definition = levels(leaf.maxDefinition, header.definition_level_encoding);
  return { repetition, definition, values: decodeValues(header.encoding, bytes, at, present(leaf, page, definition), leaf, dictionary) };
}

/** Levels in front, never packed; then the values. */
async function decodeV2({ leaf, chunk }: ChunkContext, page: Page, stored: Uint8Array, dictionary?: Uint8Array): Promise<Decoded> {
  const { data_page_header_v2: header, uncompressed_page_size: size } = page.header;
  if (!header) throw new Error('its header says nothing of its contents');
  const { repetition_levels_byte_length: first, definition_levels_byte_length: second } = header;
  const both = first + second;
  if (!(first >= 0 && second >= 0 && both <= stored.byteLength && both <= size)) throw new Error('levels reach beyond the page');
  const levels = (most: number, at: number, end: number): Uint8Array | undefined => {
    if (most === 0) return undefined;
    const out = new Uint8Array(page.count);
    readRuns(stored, at, end, bitsOf(most), out);
    return out;
  };
  const repetition = levels(leaf.maxRepetition, 0, first);
  const definition = levels(leaf.maxDefinition, first, both);
  const rest = stored.subarray(both);
  const bytes = await unpack(rest, header.is_compressed === false ? 'UNCOMPRESSED' : chunk.codec, size - both);
  return { repetition, definition, values: decodeValues(header.encoding, bytes, 0, present(leaf, page, definition), leaf, dictionary) };
}

/** Values that are there: gaps have levels but no bytes. */
function present({ maxDefinition }: Leaf, { count }: Page, definition: Uint8Array | undefined): number {
  if (!definition || allAre(definition, maxDefinition)) return count;
  let values = 0;
  for (const level of definition) {
    if (level === maxDefinition) values++;
    else if (level > maxDefinition) throw new Error(`a level of ${level} where ${maxDefinition} is the highest`);
  }
  return values;
}
