/**
 * 8-bit floats to f32, exactly, by table. E4M3 is the "fn" kind of safetensors and PyTorch: no infinities, its largest value is 448, all ones is
 * NaN. E5M2 is f16 with the lower byte cut off.
 */

export type Float8Dtype = 'f8_e4m3' | 'f8_e5m2';

const tables = new Map<Float8Dtype, Float32Array>();

/** f32 value of each of the 256 bit patterns. */
export function float8Table(dtype: Float8Dtype): Float32Array {
  let table = tables.get(dtype);
  if (!table) {
    const fractionBits = dtype === 'f8_e4m3' ? 3 : 2;
    table = Float32Array.from({ length: 256 }, (_, bits) => decode(bits, fractionBits));
    tables.set(dtype, table);
  }
  return table;
}

function decode(bits: number, fractionBits: 2 | 3): number {
  const sign = bits & 0x80 ? -1 : 1;
  const exponent = (bits & 0x7f) >> fractionBits;
  const fraction = (bits & ((1 << fractionBits) - 1)) / (1 << fractionBits);
  const highest = (1 << (7 - fractionBits)) - 1;
  const bias = highest >> 1;
  if (exponent === highest) {
    if (fractionBits === 2) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
    if (fraction === 7 / 8) return Number.NaN;
  }
  if (exponent === 0) return sign * fraction * 2 ** (1 - bias);
  return sign * (1 + fraction) * 2 ** (exponent - bias);
}

/** Values of `bytes` as f32, written to `out` from `at`. */
export function decodeFloat8(bytes: Uint8Array, dtype: Float8Dtype, out: Float32Array, at = 0): void {
  const table = float8Table(dtype);
  for (let i = 0; i < bytes.length; i++) out[at + i] = table[bytes[i] as number] as number;
}
