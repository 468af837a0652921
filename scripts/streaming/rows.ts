/** The activations that are written: mostly zeros for memory, all random for speed. */
import { encodeF16 } from '../../src/data/formats/floats';
import { Rng } from '../../src/util/rng';
import type { Segment } from './sparseFile';

export interface Rows {
  readonly rows: number;
  readonly d: number;
  readonly dtype: 'f16' | 'f32';
  /** Rows [start, start + count) as stored. */
  segments(start: number, count: number): Generator<Segment>;
}

export const WIDTH = { f16: 2, f32: 4 } as const;
export const rowBytes = ({ d, dtype }: Pick<Rows, 'd' | 'dtype'>): number => d * WIDTH[dtype];
export const bytesOf = (rows: Rows): number => rows.rows * rowBytes(rows);

/** Normal values `[count, d]`, the same for the same seed. */
function normalBytes(count: number, d: number, dtype: Rows['dtype'], seed: number): Uint8Array {
  const rng = new Rng(seed);
  const values = Float32Array.from({ length: count * d }, () => rng.normal());
  return new Uint8Array(dtype === 'f32' ? values.buffer : encodeF16(values).buffer);
}

const REAL_ROWS = 64;
/** One row in so many has values; the others are zero and lie in holes. */
const SPACING = 64;

/** Normal rows with 63 rows of zeros between each two, 64 different ones in turn. */
export function sparseRows(rows: number, d: number, dtype: Rows['dtype']): Rows {
  const bytes = rowBytes({ d, dtype });
  const real = normalBytes(REAL_ROWS, d, dtype, 1);
  function* segments(start: number, count: number): Generator<Segment> {
    for (let row = start; row < start + count; ) {
      const next = Math.min(start + count, Math.ceil(row / SPACING) * SPACING);
      if (next > row) yield { hole: (next - row) * bytes };
      if (next < start + count) {
        const which = (next / SPACING) % REAL_ROWS;
        yield real.subarray(which * bytes, (which + 1) * bytes);
      }
      row = next + 1;
    }
  }
  return { rows, d, dtype, segments };
}

/** Normal rows, 4096 different ones in turn. */
export function denseRows(rows: number, d: number, dtype: Rows['dtype']): Rows {
  const bytes = rowBytes({ d, dtype });
  const real = Math.min(rows, 4096);
  const values = normalBytes(real, d, dtype, 2);
  function* segments(start: number, count: number): Generator<Segment> {
    for (let row = start; row < start + count; ) {
      const take = Math.min(real - (row % real), start + count - row);
      yield values.subarray((row % real) * bytes, ((row % real) + take) * bytes);
      row += take;
    }
  }
  return { rows, d, dtype, segments };
}
