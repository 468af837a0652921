/** Every format whose values are read by ranges, written as its own tools write it. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { layoutSafetensors } from '../../src/data/formats/safetensors/write';
import { batchMessage, END, none, schemaMessage, type TestField, type TestType } from '../../tests/unit/data/formats/arrowWrite';
import { P, tensor } from '../../tests/unit/data/formats/torchWrite';
import { writeParquet } from './parquet';
import { bytesOf, type Rows, rowBytes } from './rows';
import { type Segment, SparseFile, writeSparse } from './sparseFile';
import { writeDeflatedZip, writeStoredZip } from './zip';

/** Writes the rows into a folder that exists and is empty. */
type Writer = (folder: string, rows: Rows) => void | Promise<void>;

/** Files of a set in several files. */
const PARTS = 8;

const json = (value: unknown): string => `${JSON.stringify(value)}\n`;

/** Equal parts of the rows: the first row of each, and how many. */
function parts({ rows }: Rows): { index: number; start: number; count: number }[] {
  return Array.from({ length: PARTS }, (_, index) => {
    const start = Math.floor((rows * index) / PARTS);
    return { index, start, count: Math.floor((rows * (index + 1)) / PARTS) - start };
  });
}

/** Rows of a part by themselves. */
const partOf = (all: Rows, start: number, rows: number): Rows => ({
  ...all,
  rows,
  segments: (from, count) => all.segments(start + from, count),
});

function writeOneSafetensors(path: string, rows: Rows, name = 'activations'): void {
  const dtype = rows.dtype === 'f16' ? 'F16' : 'F32';
  const file = new SparseFile(path);
  file.put(layoutSafetensors([{ name, dtype, shape: [rows.rows, rows.d] }]).header);
  file.putAll(rows.segments(0, rows.rows));
  file.close();
}

function npyHeader({ rows, d, dtype }: Rows): Uint8Array {
  const text = `{'descr': '<${dtype === 'f16' ? 'f2' : 'f4'}', 'fortran_order': False, 'shape': (${rows}, ${d}), }`;
  const header = `${text.padEnd(128 - 11)}\n`;
  const bytes = new TextEncoder().encode(`\x00NUMPY\x01\x00\x00\x00${header}`);
  bytes[0] = 0x93;
  new DataView(bytes.buffer).setUint16(8, header.length, true);
  return bytes;
}

function* npySegments(rows: Rows): Generator<Segment> {
  yield npyHeader(rows);
  yield* rows.segments(0, rows.rows);
}

function writeTorch(path: string, rows: Rows, name: string): void {
  const { rows: n, d, dtype } = rows;
  const pickle = P.file(
    P.dict([P.text(name), tensor({ type: dtype === 'f16' ? 'HalfStorage' : 'FloatStorage', shape: [n, d], numel: n * d })]),
  );
  const plain = (bytes: Uint8Array) => () => [bytes];
  writeStoredZip(path, [
    { name: 'a/data.pkl', data: plain(pickle), isAligned: true },
    { name: 'a/byteorder', data: plain(new TextEncoder().encode('little')), isAligned: true },
    { name: 'a/data/0', data: () => rows.segments(0, n), isAligned: true },
    { name: 'a/version', data: plain(new TextEncoder().encode('3\n')), isAligned: true },
  ]);
}

/** A stream of record batches of one column. `sizes`: values of its lists, outermost first; of full lists there are offsets, of fixed ones none. */
function writeArrow(path: string, rows: Rows, field: TestField, sizes: readonly number[], perBatch: number): void {
  const file = new SparseFile(path);
  file.put(schemaMessage([field]));
  const perItem = sizes.reduce((product, n) => product * n, 1) / rows.d;
  const items = rows.rows / perItem;
  for (let first = 0; first < items; first += perBatch) {
    const count = Math.min(perBatch, items - first);
    file.putAll(batch(rows, field, sizes, first * perItem, count, count * perItem));
  }
  file.put(END);
  file.close();
}

/** The header with the lengths of the body, the offsets of the lists, the values where they belong. */
function* batch(
  rows: Rows,
  field: TestField,
  sizes: readonly number[],
  start: number,
  items: number,
  rowCount: number,
): Generator<Segment> {
  const nodes: [number, number][] = [[items, 0]];
  const offsets: Uint8Array[] = [];
  for (const size of sizes) {
    const lists = nodes.at(-1)?.[0] as number;
    if (field.type.kind === 'list') offsets.push(padded(Int32Array.from({ length: lists + 1 }, (_, i) => i * size)));
    nodes.push([lists * size, 0]);
  }
  const places: [number, number][] = [];
  let at = 0;
  for (const buffer of offsets) {
    places.push([at, 0], [at, buffer.length]);
    at += buffer.length;
  }
  if (offsets.length === 0) places.push([at, 0]);
  const values = rowCount * rowBytes(rows);
  places.push([at, 0], [at, values]);
  const bodyBytes = Math.ceil((at + values) / 8) * 8;
  yield batchMessage({ rows: items, nodes, buffers: places.map(() => none), places }, { bodyBytes });
  yield* offsets;
  yield* rows.segments(start, rowCount);
  if (bodyBytes > at + values) yield { hole: bodyBytes - at - values };
}

const padded = (values: Int32Array): Uint8Array => {
  const bytes = new Uint8Array(Math.ceil(values.byteLength / 8) * 8);
  bytes.set(new Uint8Array(values.buffer));
  return bytes;
};

/** As SAELens' cache: sequences of so many rows as Array2D, record batches of about 4096 rows. */
const SEQUENCE = 64;
const ARROW_ROWS = 4096;
const HOOK = 'blocks.6.hook_resid_post';

function writeDataset(folder: string, rows: Rows): void {
  const { d, dtype } = rows;
  const inner: TestType = { kind: 'list', of: { kind: dtype } };
  const dtypeName = dtype === 'f16' ? 'float16' : 'float32';
  const metadata = {
    'ARROW:extension:name': 'datasets.features.features.Array2DExtensionType',
    'ARROW:extension:metadata': JSON.stringify([[SEQUENCE, d], dtypeName]),
  };
  const names = parts(rows).map(({ index, start, count }) => {
    const name = `data-${String(index).padStart(5, '0')}-of-${String(PARTS).padStart(5, '0')}.arrow`;
    const field: TestField = { name: HOOK, type: { kind: 'list', of: inner }, metadata };
    writeArrow(join(folder, name), partOf(rows, start, count), field, [SEQUENCE, d], ARROW_ROWS / SEQUENCE);
    return name;
  });
  writeFileSync(join(folder, 'state.json'), json({ _data_files: names.map((filename) => ({ filename })), _split: null }));
  const feature = { shape: [SEQUENCE, d], dtype: dtypeName, _type: 'Array2D' };
  writeFileSync(join(folder, 'dataset_info.json'), json({ features: { [HOOK]: feature } }));
}

/** By the name in the tables. Rows must divide by 8 × 64. */
export const WRITERS: Readonly<Record<string, Writer>> = {
  safetensors: (folder, rows) => writeOneSafetensors(join(folder, 'acts.safetensors'), rows),
  'safetensors, 8 with an index': (folder, rows) => {
    const files = parts(rows).map(({ index, start, count }) => {
      const name = `acts-${String(index + 1).padStart(5, '0')}-of-${String(PARTS).padStart(5, '0')}.safetensors`;
      writeOneSafetensors(join(folder, name), partOf(rows, start, count), `activations.${index}`);
      return name;
    });
    const map = Object.fromEntries(files.map((name, index) => [`activations.${index}`, name]));
    writeFileSync(join(folder, 'acts.safetensors.index.json'), json({ metadata: { total_size: bytesOf(rows) }, weight_map: map }));
  },
  npy: (folder, rows) => writeSparse(join(folder, 'acts.npy'), npySegments(rows)),
  'npz, stored': (folder, rows) => writeStoredZip(join(folder, 'acts.npz'), [{ name: 'activations.npy', data: () => npySegments(rows) }]),
  'npz, deflated': (folder, rows) => writeDeflatedZip(join(folder, 'acts.npz'), 'activations.npy', () => npySegments(rows)),
  'PyTorch .pt': (folder, rows) => writeTorch(join(folder, 'acts.pt'), rows, 'activations'),
  'Activault, 8 .pt': (folder, rows) => {
    const inner = join(folder, HOOK);
    mkdirSync(inner);
    writeFileSync(join(inner, 'metadata.json'), json({ d_in: rows.d, dtype: `torch.${rows.dtype === 'f16' ? 'float16' : 'float32'}` }));
    for (const { index, start, count } of parts(rows))
      writeTorch(join(inner, `00aa${index}--${index}_0.saved.pt`), partOf(rows, start, count), 'states');
  },
  'Arrow, fixed-size lists': (folder, rows) => {
    const type: TestType = { kind: 'fixed', of: { kind: rows.dtype }, size: rows.d };
    writeArrow(join(folder, 'acts.arrow'), rows, { name: 'activations', type }, [rows.d], ARROW_ROWS);
  },
  'Hugging Face data set, 8 files': writeDataset,
  Parquet: (folder, rows) => writeParquet(join(folder, 'acts.parquet'), rows),
  'raw values with JSON': (folder, rows) => {
    writeSparse(join(folder, 'acts.bin'), rows.segments(0, rows.rows));
    writeFileSync(join(folder, 'acts.json'), json({ dtype: rows.dtype === 'f16' ? 'float16' : 'float32', shape: [rows.rows, rows.d] }));
  },
};
