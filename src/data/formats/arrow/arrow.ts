/** Arrow IPC, streams and files, as arrays read by ranges. */
import { type ByteSource, DataError } from '../../bytes/types';
import type { ArrayEntry, Container } from '../container';
import { type Column, entryOf, joinBatches } from './columns';
import { BatchHeader, findStream, readMessages } from './messages';
import { type ArrowSchema, type ColumnPlan, readSchema } from './schema';

/** One file: what can be read of it, and why the rest cannot. */
export interface ArrowFile {
  source: ByteSource;
  schema: ArrowSchema;
  columns: Map<string, Column>;
  /** Why a column of numbers is not read, by column. */
  problems: Map<string, DataError>;
  format: string;
  assumptions: string[];
}

/** Reads the headers of all messages. @throws DataError */
export async function readArrow(source: ByteSource): Promise<ArrowFile> {
  const { path } = source;
  const span = await findStream(source);
  const messages = readMessages(source, span);
  const first = await messages.next();
  if (first.done || first.value.kind !== 'schema')
    throw new DataError(path, 'does not begin with a schema. It is no Arrow file, or damaged.');
  const schema = readSchema(first.value.header, path);
  const batches: BatchHeader[] = [];
  for (let next = await messages.next(); ; next = await messages.next()) {
    if (next.done) {
      const file: ArrowFile = { source, schema, columns: new Map(), problems: new Map(), format: 'Arrow stream', assumptions: [] };
      if (span.isFile) file.format = 'Arrow file';
      else if (!next.value)
        file.assumptions.push(`${path} has no end-of-stream mark: taken as complete, though it may have been cut short.`);
      await readColumns(file, batches);
      return file;
    }
    const { kind } = next.value;
    if (kind !== 'batch')
      throw new DataError(path, `holds a ${kind} message, which is not read. Write the columns plain, without dictionaries.`);
    batches.push(new BatchHeader(next.value));
  }
}

async function readColumns({ source, schema, columns, problems }: ArrowFile, batches: readonly BatchHeader[]): Promise<void> {
  for (const plan of schema.columns) {
    try {
      columns.set(plan.name, await joinBatches(source, plan, batches));
    } catch (cause) {
      if (!(cause instanceof DataError)) throw cause;
      problems.set(plan.name, cause);
    }
  }
}

const isRows = (plan: ColumnPlan): boolean => plan.dtype.startsWith('f') && plan.levels.length > 0;

/**
 * The columns as entries. One that cannot be read is left out and said, unless no other could be the activations.
 * @throws DataError then, or when there are no rows at all.
 */
export function toEntries(
  path: string,
  { columns: plans, others }: ArrowSchema,
  columns: ReadonlyMap<string, Column>,
  problems: ReadonlyMap<string, DataError>,
): { arrays: Map<string, ArrayEntry>; assumptions: string[]; metadata: Map<string, string> } {
  const candidates = plans.filter(isRows);
  const reason = candidates.map((plan) => problems.get(plan.name)).find((problem) => problem !== undefined);
  if (reason && !candidates.some((plan) => columns.has(plan.name))) throw reason;
  const arrays = new Map<string, ArrayEntry>();
  for (const [name, column] of columns) if (column.rows > 0) arrays.set(name, entryOf(column));
  if (columns.size > 0 && arrays.size === 0) throw new DataError(path, 'has no rows. Remove it or write it again.');
  const metadata = new Map<string, string>();
  if (others.length > 0) metadata.set('columns without numbers', others.join(', '));
  return {
    arrays,
    assumptions: [...problems].map(([name, { message }]) => `Column ${JSON.stringify(name)} is left out. ${message}`),
    metadata,
  };
}

/** Opens one Arrow file or stream. @throws DataError */
export async function openArrow(source: ByteSource): Promise<Container> {
  const file = await readArrow(source);
  const { arrays, assumptions, metadata } = toEntries(source.path, file.schema, file.columns, file.problems);
  return {
    path: source.path,
    format: file.format,
    bytes: source.size,
    arrays,
    metadata: new Map([...file.schema.metadata, ...metadata]),
    assumptions: [...file.assumptions, ...assumptions],
  };
}
