/** Arrow's schema: which columns there are, and which of a record batch's buffers are theirs. */
import { DataError } from '../../bytes/types';
import type { StoredDtype } from '../container';
import type { Table } from './flatbuffer';

/** Numbers in Arrow's `Type` union (format/Schema.fbs) that need a word here. */
const INT = 2;
const FLOAT = 3;
const LIST = 12;
const FIXED_SIZE_LIST = 16;
const LARGE_LIST = 21;
const UNION = 14;
const DENSE = 1;
const VIEWS = new Set([23, 24]);

/** Names for messages, and the buffers a value of the type has besides those of its children. */
const TYPES: Record<number, { name: string; buffers: number }> = {
  1: { name: 'null', buffers: 0 },
  2: { name: 'int', buffers: 2 },
  3: { name: 'float', buffers: 2 },
  4: { name: 'binary', buffers: 3 },
  5: { name: 'text', buffers: 3 },
  6: { name: 'bool', buffers: 2 },
  7: { name: 'decimal', buffers: 2 },
  8: { name: 'date', buffers: 2 },
  9: { name: 'time', buffers: 2 },
  10: { name: 'timestamp', buffers: 2 },
  11: { name: 'interval', buffers: 2 },
  12: { name: 'list', buffers: 2 },
  13: { name: 'struct', buffers: 1 },
  14: { name: 'union', buffers: 1 },
  15: { name: 'fixed-size binary', buffers: 2 },
  16: { name: 'fixed-size list', buffers: 1 },
  17: { name: 'map', buffers: 2 },
  18: { name: 'duration', buffers: 2 },
  19: { name: 'large binary', buffers: 3 },
  20: { name: 'large text', buffers: 3 },
  21: { name: 'large list', buffers: 2 },
  22: { name: 'run-end encoded', buffers: 0 },
  23: { name: 'binary view', buffers: 2 },
  24: { name: 'text view', buffers: 2 },
  25: { name: 'list view', buffers: 3 },
  26: { name: 'large list view', buffers: 3 },
};

/** A schema deeper or larger than this is damage: children may be shared, so a small header could describe billions. */
const MAX_DEPTH = 16;
const MAX_FIELDS = 20_000;

interface Field {
  name: string;
  type: number;
  table: Table | undefined;
  children: Field[];
  metadata: Map<string, string>;
}

/** One list around the values. */
export interface Level {
  /** Index into a record batch's nodes. */
  node: number;
  /** Bytes of one offset; 0 for fixed-size lists, which have none. */
  offsetBytes: 0 | 4 | 8;
  /** Index of the buffer of offsets; see `bufferAt`. */
  buffer: BufferPlace;
  /** Values of each list where the schema says so. */
  size: number | undefined;
}

/** The n-th buffer, not counting the variable number of buffers of `views` columns in front of it. */
export interface BufferPlace {
  index: number;
  views: number;
}

/** A column of numbers, or of lists (of lists …) of numbers. */
export interface ColumnPlan {
  name: string;
  dtype: StoredDtype;
  /** Outermost first. */
  levels: Level[];
  node: number;
  values: BufferPlace;
}

export interface ArrowSchema {
  columns: ColumnPlan[];
  /** Columns that hold no numbers, as "name (type)". */
  others: string[];
  metadata: Map<string, string>;
}

/** @throws DataError */
export function readSchema(schema: Table, path: string): ArrowSchema {
  if (schema.i16(0) !== 0) throw new DataError(path, 'is a big-endian Arrow file. Write it on a little-endian machine.');
  const budget = { fields: MAX_FIELDS };
  const result: ArrowSchema = { columns: [], others: [], metadata: keyValues(schema, 2) };
  const cursor: Cursor = { node: 0, buffer: 0, views: 0 };
  const seen = new Set<string>();
  for (const table of schema.tables(1)) {
    const field = readField(table, path, budget, 0);
    if (seen.has(field.name)) throw new DataError(path, `has two columns named ${JSON.stringify(field.name)}. Rename one.`);
    seen.add(field.name);
    const column = planColumn(field, { ...cursor });
    if (column) result.columns.push(column);
    else result.others.push(`${field.name} (${typeName(field)})`);
    advance(field, cursor);
  }
  return result;
}

function readField(table: Table, path: string, budget: { fields: number }, depth: number): Field {
  if (--budget.fields < 0 || depth > MAX_DEPTH) throw table.buffer.fail('its schema has no end');
  const name = table.text(0) ?? '';
  // A dictionary's values lie elsewhere in the file; its indices must not be taken for the values.
  if (table.has(4)) {
    throw new DataError(
      path,
      `column ${JSON.stringify(name)} is dictionary-encoded, which is not read. Write it plain (in pyarrow: column.cast(column.type.value_type)).`,
    );
  }
  const type = table.u8(2);
  if (!Object.hasOwn(TYPES, type)) throw new DataError(path, `column ${JSON.stringify(name)} has Arrow type ${type}, which is not known.`);
  const children = [...take(table.tables(5), budget.fields)].map((child) => readField(child, path, budget, depth + 1));
  return { name, type, table: table.table(3), children, metadata: keyValues(table, 6) };
}

function* take<T>(items: Iterable<T>, most: number): Generator<T> {
  for (const item of items) {
    if (most-- <= 0) return;
    yield item;
  }
}

function keyValues(table: Table, index: number): Map<string, string> {
  const pairs = new Map<string, string>();
  for (const pair of take(table.tables(index), 1000)) pairs.set(pair.text(0) ?? '', pair.text(1) ?? '');
  return pairs;
}

interface Cursor {
  node: number;
  buffer: number;
  views: number;
}

/** Moves the cursor past a field: nodes and buffers come in depth-first order. */
function advance(field: Field, cursor: Cursor): void {
  cursor.node++;
  cursor.buffer += TYPES[field.type]?.buffers ?? 0;
  if (field.type === UNION && field.table?.i16(0) === DENSE) cursor.buffer++;
  if (VIEWS.has(field.type)) cursor.views++;
  for (const child of field.children) advance(child, cursor);
}

function planColumn(top: Field, cursor: Cursor): ColumnPlan | undefined {
  const levels: Level[] = [];
  let field = top;
  while (field.type === LIST || field.type === LARGE_LIST || field.type === FIXED_SIZE_LIST) {
    const [child] = field.children;
    if (!child || field.children.length !== 1) return undefined;
    const isFixed = field.type === FIXED_SIZE_LIST;
    levels.push({
      node: cursor.node++,
      offsetBytes: isFixed ? 0 : field.type === LIST ? 4 : 8,
      buffer: { index: cursor.buffer + 1, views: cursor.views },
      size: isFixed ? field.table?.i32(0) : undefined,
    });
    cursor.buffer += isFixed ? 1 : 2;
    field = child;
  }
  const dtype = leafDtype(field);
  if (!dtype || field.children.length > 0) return undefined;
  const sizes = extensionShape(top.metadata, levels.length);
  for (const [i, level] of levels.entries()) level.size ??= sizes[i];
  return { name: top.name, dtype, levels, node: cursor.node, values: { index: cursor.buffer + 1, views: cursor.views } };
}

function leafDtype({ type, table }: Field): StoredDtype | undefined {
  if (type === FLOAT) return (['f16', 'f32', 'f64'] as const)[table?.i16(0) ?? 0];
  if (type !== INT || !table) return undefined;
  const name = `${table.u8(1) ? 'i' : 'u'}${table.i32(0)}`;
  return (['i8', 'u8', 'i16', 'u16', 'i32', 'u32', 'i64', 'u64'] as const).find((dtype) => dtype === name);
}

/** Sizes of `datasets`' Array2D … Array5D, from `[[9, 20], "float32"]`. The first may be null: of any size. */
function extensionShape(metadata: ReadonlyMap<string, string>, levels: number): (number | undefined)[] {
  if (!/Array\dDExtensionType$/.test(metadata.get('ARROW:extension:name') ?? '')) return [];
  try {
    const [shape]: [unknown] = JSON.parse(metadata.get('ARROW:extension:metadata') ?? '');
    if (!Array.isArray(shape) || shape.length !== levels) return [];
    return shape.map((n: unknown) => (Number.isSafeInteger(n) ? (n as number) : undefined));
  } catch {
    return [];
  }
}

function typeName(field: Field): string {
  const name = TYPES[field.type]?.name ?? 'unknown';
  return field.children.length === 1 ? `${name} of ${typeName(field.children[0] as Field)}` : name;
}
