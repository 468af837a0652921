/** Parquet's footer: which columns there are, and where the pieces of each lie. Read by hyparquet, checked here. */

import {
  type ColumnMetaData,
  type CompressionCodec,
  type FileMetaData,
  type ParquetType,
  parquetMetadata,
  type RowGroup,
  type SchemaElement,
} from 'hyparquet';
import { messageOf } from '../../../util/errors';
import { type ByteSource, DataError } from '../../bytes/types';
import type { StoredDtype } from '../container';
import { CODECS } from './codecs';
import { structEnd } from './thrift';

/** Parsed, a footer takes some twenty times its bytes. */
const MAX_FOOTER = 2 ** 25;
const MAX_DEPTH = 24;

/** A column of values: a leaf of the schema. */
export interface Leaf {
  name: string;
  /** Place among the leaves, which is its place in every row group. */
  index: number;
  physical: ParquetType;
  /** undefined where it is no column of numbers, or one of lists (of lists …) of numbers. */
  dtype: StoredDtype | undefined;
  /** Lists around the values. */
  maxRepetition: number;
  /** Optional and repeated groups around the values. */
  maxDefinition: number;
  label: string;
}

/** The values of a column in one row group. */
export interface Chunk {
  firstRow: number;
  rows: number;
  /** Nulls and empty lists counted. */
  values: number;
  nulls: number;
  codec: CompressionCodec;
  /** Bytes of its pages. */
  begin: number;
  end: number;
}

export interface Footer {
  leaves: Leaf[];
  metadata: Map<string, string>;
  groups: RowGroup[];
}

/** @throws DataError */
export async function readFooter(source: ByteSource): Promise<Footer> {
  const { path, size } = source;
  if (size < 12) throw new DataError(path, `has ${size} bytes; a Parquet file has at least 12. It is empty or truncated: copy it again.`);
  const tail = await source.read(size - 8, 8);
  const magic = String.fromCharCode(...tail.subarray(4));
  if (magic === 'PARE') throw new DataError(path, 'is an encrypted Parquet file. Write it without encryption.');
  if (magic !== 'PAR1')
    throw new DataError(path, 'truncated: a Parquet file ends with PAR1, this one does not. Copy or download it again.');
  const length = new DataView(tail.buffer, tail.byteOffset).getUint32(0, true);
  if (length > Math.min(size - 12, MAX_FOOTER))
    throw new DataError(
      path,
      `announces a footer of ${length} bytes (the file has ${size}, at most ${MAX_FOOTER} are allowed). It is damaged.`,
    );
  const bytes = (await source.read(size - 8 - length, length + 8)).slice();
  let file: FileMetaData;
  try {
    structEnd(bytes.subarray(0, length), 0);
    file = parquetMetadata(bytes, { geoparquet: false });
  } catch (cause) {
    throw damagedFooter(path, messageOf(cause));
  }
  const leaves: Leaf[] = [];
  const end = walk(path, file.schema, 0, { names: [], isChain: true, repetition: 0, definition: 0 }, leaves);
  if (end !== file.schema.length) throw damagedFooter(path, 'its schema is not one tree');
  if (new Set(leaves.map((leaf) => leaf.name)).size < leaves.length) throw new DataError(path, 'has two columns of one name. Rename one.');
  return { leaves, metadata: keyValues(file), groups: file.row_groups };
}

const damagedFooter = (path: string, what: string): DataError =>
  new DataError(path, `its Parquet footer is damaged: ${what}. Copy or write the file again.`);

/** pandas' and Arrow's own copies of the schema say nothing to a person. */
const NOISE = new Set(['ARROW:schema', 'pandas']);

function keyValues({ key_value_metadata: pairs, created_by: by }: FileMetaData): Map<string, string> {
  const found = new Map<string, string>();
  if (typeof by === 'string') found.set('created_by', by);
  for (const { key, value } of pairs ?? []) if (key && typeof value === 'string' && !NOISE.has(key)) found.set(key, value);
  return found;
}

interface Branch {
  names: string[];
  /** Every group so far has one child: the leaf is the column. */
  isChain: boolean;
  repetition: number;
  definition: number;
}

/** The schema is a list in depth-first order. Returns the index after the subtree at `at`. */
function walk(path: string, schema: readonly SchemaElement[], at: number, branch: Branch, leaves: Leaf[]): number {
  const element = schema[at];
  if (!element || branch.names.length > MAX_DEPTH) throw damagedFooter(path, 'its schema is not one tree');
  const children = element.num_children ?? 0;
  const isRoot = at === 0;
  const here: Branch = {
    names: isRoot ? [] : [...branch.names, element.name ?? ''],
    isChain: branch.isChain && (isRoot || children < 2),
    repetition: branch.repetition + (!isRoot && element.repetition_type === 'REPEATED' ? 1 : 0),
    definition: branch.definition + (!isRoot && element.repetition_type !== 'REQUIRED' ? 1 : 0),
  };
  if (element.type === undefined || isRoot) {
    let next = at + 1;
    for (let i = 0; i < children; i++) next = walk(path, schema, next, here, leaves);
    return next;
  }
  const isColumn = here.isChain && here.names.length > 0;
  leaves.push({
    name: isColumn ? (here.names[0] as string) : here.names.join('.'),
    index: leaves.length,
    physical: element.type,
    dtype: isColumn ? leafDtype(element) : undefined,
    maxRepetition: here.repetition,
    maxDefinition: here.definition,
    label: (element.logical_type?.type ?? element.converted_type ?? element.type).toLowerCase(),
  });
  return at + 1;
}

function leafDtype({
  type,
  type_length: length,
  logical_type: logical,
  converted_type: converted,
}: SchemaElement): StoredDtype | undefined {
  if (type === 'FLOAT') return 'f32';
  if (type === 'DOUBLE') return 'f64';
  if (type === 'FIXED_LEN_BYTE_ARRAY') return logical?.type === 'FLOAT16' && length === 2 ? 'f16' : undefined;
  if (type !== 'INT32' && type !== 'INT64') return undefined;
  // Dates, times and decimals are integers with another meaning. Small integers are stored as 32 bits.
  if (logical && logical.type !== 'INTEGER') return undefined;
  if (converted && !/^U?INT_/.test(converted)) return undefined;
  const isUnsigned = (logical?.type === 'INTEGER' && !logical.isSigned) || converted?.startsWith('UINT') === true;
  if (type === 'INT64') return isUnsigned ? 'u64' : 'i64';
  return isUnsigned ? 'u32' : 'i32';
}

/** @throws DataError when a row group's entry for the column makes no sense, or cannot be read. */
export function chunksOf(source: ByteSource, leaf: Leaf, groups: readonly RowGroup[]): Chunk[] {
  const { path, size } = source;
  let firstRow = 0;
  return groups.map((group, i) => {
    const refuse = (what: string) => new DataError(path, `column ${JSON.stringify(leaf.name)}, row group ${i}: ${what}`);
    const entry = group.columns[leaf.index];
    const meta: ColumnMetaData | undefined = entry?.meta_data;
    if (entry?.crypto_metadata) throw refuse('is encrypted. Write it without encryption.');
    if (entry?.file_path) throw refuse(`lies in another file (${entry.file_path}), which is not read. Write one file.`);
    if (!meta || meta.type !== leaf.physical) throw refuse('the footer does not say where it lies. Write the file again.');
    if (!CODECS.includes(meta.codec))
      throw refuse(`is compressed with ${meta.codec}; read are ${CODECS.join(', ')}. Write it with SNAPPY.`);
    const count = (value: unknown, what: string): number => {
      const number = typeof value === 'bigint' ? Number(value) : value;
      if (Number.isSafeInteger(number) && (number as number) >= 0) return number as number;
      throw refuse(`its ${what} is ${String(value)}. The file is damaged: write it again.`);
    };
    const rows = count(group.num_rows, 'number of rows');
    const pages = count(meta.data_page_offset, 'offset');
    // Some writers put 0 where there is no dictionary, others leave its offset out though there is one.
    const dictionary = count(meta.dictionary_page_offset ?? 0, 'offset');
    const begin = dictionary > 0 ? Math.min(dictionary, pages) : pages;
    const end = begin + count(meta.total_compressed_size, 'size');
    if (begin < 4 || end > size)
      throw refuse(`lies at bytes ${begin} to ${end} of ${size}. The file is truncated or damaged: copy it again.`);
    const nulls = meta.statistics?.null_count;
    const chunk = {
      firstRow,
      rows,
      values: count(meta.num_values, 'number of values'),
      nulls: typeof nulls === 'bigint' ? Number(nulls) : 0,
      codec: meta.codec,
      begin,
      end,
    };
    firstRow = count(firstRow + rows, 'number of rows');
    return chunk;
  });
}
