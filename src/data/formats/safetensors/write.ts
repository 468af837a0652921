/** Writing safetensors, byte for byte as the reference library does: widest alignment first, then by name; header padded to 8. */
import { DTYPE_BYTES, type SafetensorsDtype } from './header';

export interface TensorSpec {
  name: string;
  dtype: SafetensorsDtype;
  shape: readonly number[];
}

/** `data` holds the values of the dtype, C order, little-endian. */
export interface TensorData extends TensorSpec {
  data: ArrayBufferView;
}

export interface Layout {
  header: Uint8Array;
  /** First byte of each tensor from the start of the file. */
  offsets: Map<string, number>;
  /** Size of the whole file. */
  size: number;
}

const byteLength = (t: TensorSpec): number => t.shape.reduce((product, n) => product * n, 1) * DTYPE_BYTES[t.dtype];

/** Where everything goes, before any data exists: write `header` first, then each tensor at its offset. */
export function layoutSafetensors(tensors: readonly TensorSpec[], metadata: Record<string, string> = {}): Layout {
  const sorted = [...tensors].sort((a, b) => DTYPE_BYTES[b.dtype] - DTYPE_BYTES[a.dtype] || (a.name < b.name ? -1 : 1));
  const entries: string[] = [];
  if (Object.keys(metadata).length > 0) entries.push(`"__metadata__":${JSON.stringify(metadata)}`);
  let end = 0;
  const begins = sorted.map((t) => {
    const begin = end;
    end += byteLength(t);
    entries.push(`${JSON.stringify(t.name)}:${JSON.stringify({ dtype: t.dtype, shape: t.shape, data_offsets: [begin, end] })}`);
    return begin;
  });
  const json = new TextEncoder().encode(`{${entries.join(',')}}`);
  const length = Math.ceil(json.byteLength / 8) * 8;
  const header = new Uint8Array(8 + length).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(length), true);
  header.set(json, 8);
  return {
    header,
    offsets: new Map(sorted.map((t, i) => [t.name, header.byteLength + (begins[i] as number)])),
    size: header.byteLength + end,
  };
}

/** A whole file in memory. @throws Error when data and shape disagree: a mistake of the caller. */
export function writeSafetensors(tensors: readonly TensorData[], metadata?: Record<string, string>): Uint8Array {
  const { header, offsets, size } = layoutSafetensors(tensors, metadata);
  const file = new Uint8Array(size);
  file.set(header);
  for (const t of tensors) {
    if (t.data.byteLength !== byteLength(t))
      throw new Error(`${t.name}: ${t.data.byteLength} bytes of data for shape [${t.shape.join(', ')}] of ${t.dtype}`);
    file.set(new Uint8Array(t.data.buffer, t.data.byteOffset, t.data.byteLength), offsets.get(t.name));
  }
  return file;
}
