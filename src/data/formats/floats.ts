/** Small floats on the CPU: f16 and bf16 to f32, exactly. The GPU does the same in `shaders/data/ingest.wgsl`. */

/** dtypes in which rows travel to the GPU as they are; others are widened or narrowed to f32 on reading. */
export type RowDtype = 'f32' | 'f16' | 'bf16';

/** Bytes of one value. */
export const ROW_DTYPE_BYTES: Record<RowDtype, number> = { f32: 4, f16: 2, bf16: 2 };

let halves: Float32Array | undefined;

/** f32 value of every f16 bit pattern, built on first use (256 KB). */
function halfTable(): Float32Array {
  if (halves) return halves;
  halves = new Float32Array(65536);
  for (let bits = 0; bits < 65536; bits++) {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    if (exponent === 31) halves[bits] = fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
    else if (exponent === 0) halves[bits] = sign * fraction * 2 ** -24;
    else halves[bits] = sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  }
  return halves;
}

/** A view of `bytes` whose offset is a multiple of `step`, copied only when it must be. */
export function alignedBytes(bytes: Uint8Array, step: number): Uint8Array {
  return bytes.byteOffset % step === 0 ? bytes : bytes.slice();
}

/** Values of little-endian `bytes` as f32, written to `out` from `at`. */
export function decodeFloats(bytes: Uint8Array, dtype: RowDtype | 'f64', out: Float32Array, at = 0): void {
  if (dtype === 'f32') {
    new Uint8Array(out.buffer, out.byteOffset + at * 4, bytes.byteLength).set(bytes);
    return;
  }
  if (dtype === 'f64') {
    const data = alignedBytes(bytes, 8);
    out.set(new Float64Array(data.buffer, data.byteOffset, data.byteLength / 8), at);
    return;
  }
  const data = alignedBytes(bytes, 2);
  const raw = new Uint16Array(data.buffer, data.byteOffset, data.byteLength / 2);
  if (dtype === 'f16') {
    const table = halfTable();
    for (let i = 0; i < raw.length; i++) out[at + i] = table[raw[i] as number] as number;
  } else {
    // bf16 is the upper half of an f32.
    const bits = new Uint32Array(out.buffer, out.byteOffset + at * 4, raw.length);
    for (let i = 0; i < raw.length; i++) bits[i] = (raw[i] as number) << 16;
  }
}

/**
 * f32 values as f16 bit patterns, rounded to nearest even, subnormals kept.
 * @throws RangeError naming the value when a finite one exceeds f16's largest, 65504: never written as infinity.
 */
export function encodeF16(values: Float32Array): Uint16Array {
  const out = new Uint16Array(values.length);
  const f = new Float32Array(1);
  const bits = new Uint32Array(f.buffer);
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    f[0] = Math.abs(value);
    const b = bits[0] as number;
    const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
    if (b > 0x7f800000) {
      out[i] = sign | 0x7e00;
    } else if (b >= 0x477ff000) {
      if (b !== 0x7f800000) throw new RangeError(`the value ${value} does not fit f16 (largest 65504): write f32`);
      out[i] = sign | 0x7c00;
    } else if (b < 0x38800000) {
      // Below the smallest normal: adding 0.5 leaves value / 2^-24 in the low mantissa bits, rounded by the hardware.
      f[0] = (f[0] as number) + 0.5;
      out[i] = sign | ((bits[0] as number) - 0x3f000000);
    } else {
      out[i] = sign | ((b - 0x38000000 + 0xfff + ((b >>> 13) & 1)) >>> 13);
    }
  }
  return out;
}
