import { expect, it } from 'vitest';
import { decodeFloats, encodeF16 } from '../../../src/data/formats/floats';

it('every f16 value survives f32 and back', () => {
  const patterns = Uint16Array.from({ length: 65536 }, (_, i) => i).filter((b) => (b & 0x7c00) !== 0x7c00);
  const values = new Float32Array(patterns.length);
  decodeFloats(new Uint8Array(patterns.buffer), 'f16', values);
  expect(encodeF16(values)).toEqual(patterns);
});

it('rounds to nearest even and refuses what does not fit', () => {
  const between = Float32Array.of(1 + 2 ** -11, 1 + 3 * 2 ** -11, 65519, 2 ** -25, 3 * 2 ** -25);
  const back = new Float32Array(between.length);
  decodeFloats(new Uint8Array(encodeF16(between).buffer), 'f16', back);
  expect([...back]).toEqual([1, 1 + 2 * 2 ** -10, 65504, 0, 2 ** -23]);
  expect(() => encodeF16(Float32Array.of(65520))).toThrow(/65520/);
  expect([...encodeF16(Float32Array.of(Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY))]).toEqual([0x7c00, 0xfc00]);
});
