/** Small data sets in memory for the tests of the data layer. */
import { readFileSync } from 'node:fs';
import { MemorySource } from '../../../src/data/bytes/byteSource';
import { type TensorData, writeSafetensors } from '../../../src/data/formats/safetensors/write';
import type { RowBlock, RowFacts, RowRange, RowSource } from '../../../src/data/rows/types';

export const FORMATS = 'tests/fixtures/formats';

/** Values of a .npy file written by the fixtures' script (C order, little-endian, version 1). */
export function readNpy(path: string): { shape: number[]; values: number[] } {
  const bytes = readFileSync(path);
  const length = bytes.readUInt16LE(8);
  const header = bytes.toString('latin1', 10, 10 + length);
  const descr = /'descr': '([^']+)'/.exec(header)?.[1];
  const shape = (/'shape': \(([^)]*)\)/.exec(header)?.[1] ?? '')
    .split(',')
    .filter((s) => s.trim())
    .map(Number);
  const data = bytes.buffer.slice(bytes.byteOffset + 10 + length, bytes.byteOffset + bytes.length);
  const make: Record<string, () => ArrayLike<number | bigint>> = {
    '<f4': () => new Float32Array(data),
    '<f8': () => new Float64Array(data),
    '<i4': () => new Int32Array(data),
    '<i8': () => new BigInt64Array(data),
  };
  return { shape, values: Array.from(make[descr as string]?.() ?? [], Number) };
}

export const shard = (
  path: string,
  rows: number,
  d: number,
  fill: (i: number) => number = (i) => i,
  more: TensorData[] = [],
): MemorySource =>
  new MemorySource(
    path,
    writeSafetensors([
      { name: 'activations', dtype: 'F32', shape: [rows, d], data: Float32Array.from({ length: rows * d }, (_, i) => fill(i)) },
      ...more,
    ]),
  );

/** Facts of a source of f32 rows in memory, where nothing else is said. */
export const factsOf = (facts: Partial<RowFacts> & Pick<RowFacts, 'rows' | 'd'>): RowFacts => ({
  label: 'rows',
  dtype: 'f32',
  hasTokens: false,
  hasMask: false,
  sequence: 1,
  bytes: 0,
  ...facts,
});

/** A source of f32 rows of width 1 whose values are their global row numbers; `bad` rows are NaN. */
export class NumberedRows implements RowSource {
  readonly facts: RowFacts;
  /** Reads under way, and the most there ever were. */
  inFlight = 0;
  mostInFlight = 0;

  constructor(
    readonly label: string,
    readonly rows: number,
    private readonly first = 0,
    private readonly bad = new Set<number>(),
    sequence = 1,
    private readonly delay?: () => Promise<unknown>,
  ) {
    this.facts = factsOf({ label, rows, d: 1, sequence, bytes: rows * 4 });
  }

  async read(start: number, rows: number): Promise<RowBlock> {
    this.mostInFlight = Math.max(this.mostInFlight, ++this.inFlight);
    await this.delay?.();
    this.inFlight--;
    const values = Float32Array.from({ length: rows }, (_, i) => (this.bad.has(start + i) ? Number.NaN : this.first + start + i));
    return { start, rows, d: 1, dtype: 'f32', bytes: new Uint8Array(values.buffer) };
  }
}

export const wholeRange = (sources: readonly RowSource[]): RowRange[] =>
  sources.map(({ facts: { rows } }, source) => ({ source, start: 0, rows }));

/** A safetensors file with this header text, padded to 8, and this many data bytes. */
export function rawSafetensors(header: string, dataBytes: number): Uint8Array {
  const text = new TextEncoder().encode(header);
  const file = new Uint8Array(8 + text.length + dataBytes);
  new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true);
  file.set(text, 8);
  return file;
}
