/**
 * Twin of `shaders/data/ingest.wgsl`: pool[slots[r], c] = value(raw[r, c]) for c < d, 0 for d <= c < stride, in float64
 * and by the definition of each format (sign · 2^exponent · significand) rather than by moving bits.
 */
import type { RowDtype } from '../../../src/data/formats/floats';

/** Value of one IEEE 754 binary number with these field widths. */
function decode(bits: number, exponentBits: number, fractionBits: number): number {
  const bias = 2 ** (exponentBits - 1) - 1;
  const fraction = bits % 2 ** fractionBits;
  const exponent = Math.floor(bits / 2 ** fractionBits) % 2 ** exponentBits;
  const sign = bits >= 2 ** (fractionBits + exponentBits) ? -1 : 1;
  if (exponent === 2 ** exponentBits - 1) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  if (exponent === 0) return sign * 2 ** (1 - bias - fractionBits) * fraction;
  return sign * 2 ** (exponent - bias) * (1 + fraction / 2 ** fractionBits);
}

const FIELDS: Record<RowDtype, [exponentBits: number, fractionBits: number]> = { f32: [8, 23], f16: [5, 10], bf16: [8, 7] };

/**
 * @param raw `[rows, d]` little-endian values of the dtype.
 * @param slots `[rows]` row of the pool for each row.
 * @param pool `[capacity, stride]`, changed in place.
 */
export function ingest(raw: Uint8Array, dtype: RowDtype, d: number, slots: ArrayLike<number>, pool: Float64Array, stride: number): void {
  const [exponentBits, fractionBits] = FIELDS[dtype];
  const bytes = (1 + exponentBits + fractionBits) / 8;
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  for (let r = 0; r < slots.length; r++) {
    for (let c = 0; c < stride; c++) {
      const at = (r * d + c) * bytes;
      const bits = c >= d ? 0 : bytes === 4 ? view.getUint32(at, true) : view.getUint16(at, true);
      pool[(slots[r] as number) * stride + c] = decode(bits, exponentBits, fractionBits);
    }
  }
}
