import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { MemorySource } from '../../../../src/data/bytes/byteSource';
import { DataError } from '../../../../src/data/bytes/types';
import { type ArrayEntry, STORED_BYTES } from '../../../../src/data/formats/container';
import { decodeFloats } from '../../../../src/data/formats/floats';
import { decodeFloat8, float8Table } from '../../../../src/data/formats/safetensors/float8';
import { openSafetensors } from '../../../../src/data/formats/safetensors/safetensors';
import { FORMATS, rawSafetensors, readNpy } from '../helpers';
import { inPieces, values } from './arrowHelpers';

const good = (name: string) => openSafetensors(new MemorySource(name, new Uint8Array(readFileSync(`${FORMATS}/good/${name}`))));

/** As bf16, to nearest even. */
const toBf16 = (value: number): number => {
  const bits = new Uint32Array(Float32Array.of(value).buffer);
  bits[0] = (((bits[0] as number) + 0x7fff + (((bits[0] as number) >>> 16) & 1)) & 0xffff0000) >>> 0;
  return new Float32Array(bits.buffer)[0] as number;
};

describe('a safetensors file as a container', () => {
  const rows = readNpy(`${FORMATS}/expected_rows.npy`).values;
  const tokens = readNpy(`${FORMATS}/expected_tokens.npy`).values;

  it.each([
    ['f32.safetensors', 'f32', [108, 20]],
    ['f16_tokens.safetensors', 'f16', [108, 20]],
    ['bf16_3d.safetensors', 'bf16', [12, 9, 20]],
    ['f64.safetensors', 'f64', [108, 20]],
    ['layer_axis.safetensors', 'f32', [108, 1, 20]],
  ])('%s: rows and tokens are those that were written, whole and in pieces', async (name, dtype, shape) => {
    const container = await good(name);
    const acts = [...container.arrays.values()].find((array) => array.dtype === dtype) as ArrayEntry;
    const expected = dtype === 'bf16' ? rows.map(toBf16) : rows;
    expect(acts.shape).toEqual(shape);
    expect(await values(acts)).toEqual(expected);
    expect(await inPieces(acts)).toEqual(expected);
    const ids = [...container.arrays.values()].find((array) => array.dtype.startsWith('i'));
    if (name.includes('tokens') || name.includes('3d')) expect(await values(ids as ArrayEntry)).toEqual(tokens);
    await expect(acts.read(rows.length - 1, 2)).rejects.toThrow(RangeError);
  });

  it('lists every dtype of the format, and its metadata', async () => {
    const dtypes = ['F64', 'F32', 'F16', 'BF16', 'F8_E4M3', 'F8_E5M2', 'I64', 'I32', 'I16', 'I8', 'U64', 'U32', 'U16', 'U8', 'BOOL'];
    let at = 0;
    const header: Record<string, unknown> = { __metadata__: { hook_name: 'blocks.0' } };
    for (const dtype of dtypes) {
      const bytes = dtype === 'BOOL' ? 1 : Number(/\d+/.exec(dtype)?.[0]) / 8;
      header[dtype] = { dtype, shape: [1], data_offsets: [at, at + bytes] };
      at += bytes;
    }
    const container = await openSafetensors(new MemorySource('a.safetensors', rawSafetensors(JSON.stringify(header), at)));
    expect([...container.arrays.values()].map((array) => array.dtype.toUpperCase())).toEqual(dtypes);
    for (const array of container.arrays.values()) expect((await array.read(0, 1)).byteLength).toBe(STORED_BYTES[array.dtype]);
    expect(container.metadata.get('hook_name')).toBe('blocks.0');
  });

  it('is refused where the format is', async () => {
    await expect(openSafetensors(new MemorySource('a.safetensors', new Uint8Array(4)))).rejects.toThrow(DataError);
  });
});

describe('8-bit floats', () => {
  const table = (dtype: 'f8_e4m3' | 'f8_e5m2') => [...float8Table(dtype)];

  it('E4M3 has no infinities and reaches 448', () => {
    const all = table('f8_e4m3');
    expect(all.slice(0, 10)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((n) => n * 2 ** -9));
    expect(all.slice(0x36, 0x3a)).toEqual([0.875, 0.9375, 1, 1.125]);
    expect(all.slice(0x78, 0x7f)).toEqual([256, 288, 320, 352, 384, 416, 448]);
    expect(all.flatMap((value, bits) => (Number.isNaN(value) ? [bits] : []))).toEqual([0x7f, 0xff]);
    expect(all.slice(0x80, 0xff)).toEqual(all.slice(0, 0x7f).map((value) => -value));
  });

  it('E5M2 is the upper byte of an f16', () => {
    const halves = new Float32Array(256);
    decodeFloats(new Uint8Array(Uint16Array.from({ length: 256 }, (_, bits) => bits << 8).buffer), 'f16', halves);
    expect(table('f8_e5m2')).toEqual([...halves]);
    expect(table('f8_e5m2').slice(0x7b, 0x80)).toEqual([57344, Number.POSITIVE_INFINITY, Number.NaN, Number.NaN, Number.NaN]);
  });

  it('are written where they belong', () => {
    const out = new Float32Array(4).fill(9);
    decodeFloat8(Uint8Array.of(0x38, 0xb8), 'f8_e4m3', out, 1);
    expect([...out]).toEqual([9, 1, -1, 9]);
  });
});
