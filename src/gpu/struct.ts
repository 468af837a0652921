/**
 * Uniform structs of 4-byte scalars, declared once on the host and checked against the WGSL text by a test.
 * Fields are laid out in order, 4 bytes each, the whole padded to 16 bytes: exactly WGSL's layout for scalar members.
 */
export type Scalar = 'u32' | 'i32' | 'f32';

export interface Struct<F extends Record<string, Scalar>> {
  readonly fields: F;
  /** Size in bytes, a multiple of 16. */
  readonly size: number;
  /** Bytes of one value. */
  pack(value: { [K in keyof F]: number }): ArrayBuffer;
  /** Writes one value at a byte offset of an existing buffer (arrays of structs). */
  packInto(target: ArrayBuffer, offset: number, value: { [K in keyof F]: number }): void;
}

export function struct<const F extends Record<string, Scalar>>(fields: F): Struct<F> {
  const entries = Object.entries(fields) as [keyof F & string, Scalar][];
  const size = Math.ceil((entries.length * 4) / 16) * 16;
  const packInto = (target: ArrayBuffer, offset: number, value: { [K in keyof F]: number }) => {
    const view = new DataView(target, offset, size);
    entries.forEach(([name, type], i) => {
      const v = value[name];
      if (type === 'f32') view.setFloat32(i * 4, v, true);
      else if (type === 'i32') view.setInt32(i * 4, v, true);
      else view.setUint32(i * 4, v, true);
    });
  };
  return {
    fields,
    size,
    packInto,
    pack(value) {
      const data = new ArrayBuffer(size);
      packInto(data, 0, value);
      return data;
    },
  };
}
