/** Parquet files as arrays read by ranges. Load lazily: hyparquet and the unpackers come with it. */
import { type ByteSource, DataError } from '../../bytes/types';
import type { ArrayEntry, Container } from '../container';
import { ParquetColumn } from './columns';
import { chunksOf, type Leaf, readFooter } from './footer';

const isRows = (leaf: Leaf): boolean => leaf.dtype?.startsWith('f') === true && leaf.maxRepetition > 0;

/**
 * Opens one Parquet file. A column of numbers that cannot be read is left out and said, unless no other could be the activations.
 * @throws DataError
 */
export async function openParquet(source: ByteSource): Promise<Container> {
  const { path, size } = source;
  const { leaves, groups, metadata } = await readFooter(source);
  const arrays = new Map<string, ArrayEntry>();
  const assumptions: string[] = [];
  const others: string[] = [];
  let reason: DataError | undefined;
  let isEmpty = false;
  for (const leaf of leaves) {
    const { dtype } = leaf;
    if (!dtype) {
      others.push(`${leaf.name} (${leaf.label})`);
      continue;
    }
    try {
      const column = await ParquetColumn.open(source, leaf, dtype, chunksOf(source, leaf, groups));
      if (column.rows === 0) isEmpty = true;
      else arrays.set(leaf.name, column.entry());
    } catch (cause) {
      if (!(cause instanceof DataError)) throw cause;
      if (isRows(leaf)) reason ??= cause;
      assumptions.push(`Column ${JSON.stringify(leaf.name)} is left out. ${cause.message}`);
    }
  }
  if (reason && !leaves.some((leaf) => isRows(leaf) && arrays.has(leaf.name))) throw reason;
  if (isEmpty && arrays.size === 0) throw new DataError(path, 'has no rows. Remove it or write it again.');
  if (others.length > 0) metadata.set('columns without numbers', others.join(', '));
  return { path, format: 'Parquet', bytes: size, arrays, metadata, assumptions };
}
