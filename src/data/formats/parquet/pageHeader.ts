/** The header in front of each page (parquet.thrift, `PageHeader`): hyparquet reads it, but does not hand it out. */
import type { Encoding, PageHeader } from 'hyparquet';
import { type Fields, readStruct } from './thrift';

const TYPES = ['DATA_PAGE', 'INDEX_PAGE', 'DICTIONARY_PAGE', 'DATA_PAGE_V2'] as const;
const ENCODINGS: readonly (Encoding | undefined)[] = [
  'PLAIN',
  undefined,
  'PLAIN_DICTIONARY',
  'RLE',
  'BIT_PACKED',
  'DELTA_BINARY_PACKED',
  'DELTA_LENGTH_BYTE_ARRAY',
  'DELTA_BYTE_ARRAY',
  'RLE_DICTIONARY',
  'BYTE_STREAM_SPLIT',
];

/** A count or a size: what is missing or negative is refused. */
function size(fields: Fields, id: number): number {
  const value = fields.get(id);
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  throw new Error(`its header gives ${value instanceof Map ? 'a struct' : String(value)} for a size`);
}

function encoding(fields: Fields, id: number): Encoding {
  const value = ENCODINGS[Number(fields.get(id))];
  if (!value) throw new Error(`values in encoding ${String(fields.get(id))}, which is not known`);
  return value;
}

const inside = (fields: Fields, id: number): Fields | undefined => {
  const value = fields.get(id);
  return value instanceof Map ? value : undefined;
};

/** @throws CutShort when the bytes end in the middle; Error when they are no page header, or it says nothing of its contents. */
export function readPageHeader(bytes: Uint8Array): { header: PageHeader; end: number } {
  const { fields, end } = readStruct(bytes, 0);
  const type = TYPES[Number(fields.get(1))];
  const header: PageHeader = {
    type: type as PageHeader['type'],
    uncompressed_page_size: size(fields, 2),
    compressed_page_size: size(fields, 3),
  };
  const [data, dictionary, dataV2] = [5, 7, 8].map((id) => inside(fields, id));
  if (type === 'DATA_PAGE' && data)
    header.data_page_header = {
      num_values: size(data, 1),
      encoding: encoding(data, 2),
      definition_level_encoding: encoding(data, 3),
      repetition_level_encoding: encoding(data, 4),
    };
  else if (type === 'DICTIONARY_PAGE' && dictionary)
    header.dictionary_page_header = { num_values: size(dictionary, 1), encoding: encoding(dictionary, 2) };
  else if (type === 'DATA_PAGE_V2' && dataV2)
    header.data_page_header_v2 = {
      num_values: size(dataV2, 1),
      num_nulls: size(dataV2, 2),
      num_rows: size(dataV2, 3),
      encoding: encoding(dataV2, 4),
      definition_levels_byte_length: size(dataV2, 5),
      repetition_levels_byte_length: size(dataV2, 6),
      is_compressed: dataV2.get(7) !== false,
    };
  else if (type !== 'INDEX_PAGE') throw new Error('its header says nothing of its contents');
  return { header, end };
}
