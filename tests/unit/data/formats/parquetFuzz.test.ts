import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { openParquet } from '../../../../src/data/formats/parquet/parquet';
import { FORMATS } from '../helpers';
import { endure } from './arrowHelpers';

const HERE = 'tests/unit/data/formats/parquet';
/** The footer is what most depends on. */
const file = (path: string) => {
  const bytes = new Uint8Array(readFileSync(path));
  const footer = new DataView(bytes.buffer).getUint32(bytes.length - 8, true);
  return { bytes, tender: [bytes.length - 8 - footer, bytes.length] as const };
};

it.each([
  [`${FORMATS}/good/list.parquet`, 1],
  [`${HERE}/snappy_half.parquet`, 2],
  [`${HERE}/gzip_plain.parquet`, 3],
  [`${HERE}/zstd_v2.parquet`, 4],
  [`${HERE}/split_delta.parquet`, 5],
  [`${HERE}/ragged.parquet`, 6],
])('%s, damaged, is refused or read, and nothing else', async (path, seed) => {
  const { refused, read } = await endure([file(path)], 150, seed, openParquet);
  expect(refused).toBeGreaterThan(20);
  if (seed < 6) expect(read).toBeGreaterThan(5);
});
