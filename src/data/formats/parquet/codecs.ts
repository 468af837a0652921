/** Unpacking a page. Its size is known beforehand, and no more than that is ever written. */
import type { CompressionCodec } from 'hyparquet';

export const CODECS: readonly CompressionCodec[] = ['UNCOMPRESSED', 'SNAPPY', 'GZIP', 'ZSTD'];

/** @throws Error when the bytes are no such stream, or do not unpack to `size` bytes. */
export async function unpack(bytes: Uint8Array, codec: CompressionCodec, size: number): Promise<Uint8Array> {
  let page: Uint8Array;
  if (codec === 'SNAPPY') page = unsnappy(bytes, size);
  else if (codec === 'GZIP') page = await gunzip(bytes, size);
  else if (codec === 'ZSTD') page = await unzstd(bytes, size);
  else page = bytes;
  if (page.byteLength !== size) throw new Error(`a page unpacks to ${page.byteLength} bytes where ${size} are expected`);
  return page;
}

async function unzstd(bytes: Uint8Array, size: number): Promise<Uint8Array> {
  const { decompress } = await import('fzstd');
  return decompress(bytes, new Uint8Array(size));
}

async function gunzip(bytes: Uint8Array, size: number): Promise<Uint8Array> {
  const reader = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream().pipeThrough(new DecompressionStream('gzip')).getReader();
  const out = new Uint8Array(size);
  let at = 0;
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
    if (at + piece.value.byteLength > size) {
      await reader.cancel();
      throw new Error(`a page unpacks to more than ${size} bytes`);
    }
    out.set(piece.value, at);
    at += piece.value.byteLength;
  }
  return out.subarray(0, at);
}

/**
 * Snappy's raw format (https://github.com/google/snappy/blob/main/format_description.txt). By hand: hyparquet's loops for ever on a literal of
 * negative length, and the compiled ones need WebAssembly, which the page's CSP does not allow.
 */
export function unsnappy(bytes: Uint8Array, size: number): Uint8Array {
  const out = new Uint8Array(size);
  let at = 0;
  let to = 0;
  const number = (count: number): number => {
    let value = 0;
    for (let i = 0; i < count; i++) value += (bytes[at++] ?? Number.NaN) * 2 ** (8 * i);
    if (Number.isNaN(value)) throw new Error('its Snappy data ends in the middle');
    return value;
  };
  // The unpacked size, again: a varint.
  while (number(1) >= 0x80);
  while (at < bytes.byteLength) {
    const tag = number(1);
    if ((tag & 3) === 0) {
      const length = (tag >> 2 < 60 ? tag >> 2 : number((tag >> 2) - 59)) + 1;
      if (at + length > bytes.byteLength || to + length > size) throw new Error('a Snappy literal is too long');
      out.set(bytes.subarray(at, at + length), to);
      at += length;
      to += length;
      continue;
    }
    const isShort = (tag & 3) === 1;
    const length = isShort ? ((tag >> 2) & 7) + 4 : (tag >> 2) + 1;
    const back = isShort ? (tag >> 5) * 256 + number(1) : number((tag & 3) === 2 ? 2 : 4);
    if (back === 0 || back > to || to + length > size) throw new Error('a Snappy copy reaches outside the page');
    // Byte by byte where source and target overlap: that repeats a pattern.
    if (back >= length) out.copyWithin(to, to - back, to - back + length);
    else for (let i = 0; i < length; i++) out[to + i] = out[to + i - back] as number;
    to += length;
  }
  return out.subarray(0, to);
}
