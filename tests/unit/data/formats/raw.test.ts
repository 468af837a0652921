import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { MemorySource } from '../../../../src/data/bytes/byteSource';
import { looksLikeSidecar, openRaw } from '../../../../src/data/formats/raw/raw';
import { FORMATS } from '../helpers';
import { entryOf, expectedRows, expectRangesToAgree, fixture, floats, numbered, refusalOf } from './npyHelpers';

const sidecar: unknown = JSON.parse(readFileSync(`${FORMATS}/good/raw.json`, 'utf8'));
const bin = (bytes: number) => new MemorySource('a.bin', numbered(bytes, 1));
const open = (bytes: number, json: unknown) => openRaw(bin(bytes), json, 'a.json');

describe('raw values with JSON beside them', () => {
  it('good/raw.bin holds the expected rows', async () => {
    const container = await openRaw(fixture('good/raw.bin'), sidecar, 'good/raw.json');
    expect(container).toMatchObject({ path: 'good/raw.bin', bytes: 8640, assumptions: [] });
    const entry = entryOf(container);
    expect(entry).toMatchObject({ name: '', dtype: 'f32', shape: [108, 20] });
    expect(await floats(entry)).toEqual(expectedRows());
    await expectRangesToAgree(entry, 4, [7, 20, 333]);
  });

  it('take the names of numpy, torch and safetensors for dtypes', async () => {
    for (const [name, dtype, width] of [
      ['float16', 'f16', 2],
      ['torch.bfloat16', 'bf16', 2],
      ['BF16', 'bf16', 2],
      ['F32', 'f32', 4],
      ['float64', 'f64', 8],
      ['int32', 'i32', 4],
      ['float8_e4m3fn', 'f8_e4m3', 1],
      ['F8_E5M2', 'f8_e5m2', 1],
    ] as const)
      expect(entryOf(await open(6 * width, { dtype: name, shape: [2, 3] })).dtype).toBe(dtype);
  });

  it('keep what else the writer noted', async () => {
    const json = {
      dtype: 'float32',
      shape: [1, 2],
      order: 'C',
      model: 'gpt2',
      layer: 3,
      nested: [1],
      metadata: { hook: 'blocks.3', __proto__: null },
    };
    const { metadata } = await open(8, json);
    expect([...metadata]).toEqual([
      ['model', 'gpt2'],
      ['layer', '3'],
      ['hook', 'blocks.3'],
    ]);
  });

  it('are recognised by the two keys they need', () => {
    expect(looksLikeSidecar(sidecar)).toBe(true);
    for (const other of [null, [], 'x', {}, { dtype: 'float32' }, { shape: [1] }]) expect(looksLikeSidecar(other)).toBe(false);
  });

  const cases: [string, unknown, RegExp][] = [
    ['JSON that is no object', [1], /^a\.json: is not an object.*It should be/],
    ['no dtype', { shape: [2, 3] }, /^a\.json: "dtype" is undefined; known are float16.*Correct/],
    ['an unknown dtype', { dtype: 'constructor', shape: [2, 3] }, /^a\.json: "dtype" is "constructor"/],
    ['no shape', { dtype: 'float32' }, /^a\.json: "shape" is undefined/],
    ['a negative size', { dtype: 'float32', shape: [-2, 3] }, /^a\.json: "shape" is \[-2,3\]/],
    ['a fraction', { dtype: 'float32', shape: [2.5, 3] }, /whole numbers/],
    ['no dimensions', { dtype: 'float32', shape: [] }, /whole numbers/],
    ['an overflow', { dtype: 'float32', shape: [2 ** 40, 2 ** 40] }, /overflows/],
    ['another order', { dtype: 'float32', shape: [2, 3], order: 'F' }, /"order" is "F"; only "C"/],
    ['another byte order', { dtype: 'float32', shape: [2, 3], byteorder: 'big' }, /"byteorder" is "big"/],
    ['an offset', { dtype: 'float32', shape: [2, 3], offset: 16 }, /"offset" is 16; only 0/],
    ['a file too short', { dtype: 'float32', shape: [3, 3] }, /^a\.bin: truncated, or not what a\.json describes.*36 bytes.*24\. Copy/],
    ['a file too long', { dtype: 'float16', shape: [2, 3] }, /^a\.bin: longer than a\.json describes.*12 bytes.*24/],
  ];
  for (const [what, json, message] of cases) {
    it(`are refused with ${what}`, async () => {
      expect((await refusalOf(open(24, json))).message).toMatch(message);
    });
  }
});
