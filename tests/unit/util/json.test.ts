/** JSON as Python writes it. Expected: `json.dumps({"a": float("nan"), "b": [1.0, float("inf")], ...})` of CPython 3.11. */
import { describe, expect, it } from 'vitest';
import { parseJson, repeatedKey } from '../../../src/util/json';

describe('numbers that JSON does not have', () => {
  it('are read as absent, and named', () => {
    const text = '{"a": NaN, "b": [1.0, Infinity, -Infinity], "c": {"d": -Infinity, "e": 2}, "f": NaN}';
    expect(parseJson(text)).toEqual({ value: { b: [1, null, null], c: { e: 2 } }, notFinite: ['a', '1', '2', 'd', 'f'] });
    expect(parseJson('NaN')).toEqual({ value: null, notFinite: [''] });
  });

  it('stay what they are inside of strings and keys', () => {
    const text = '{"NaN": 1, "a\\"b": "x: NaN, ", "c\\\\": "-Infinity", "n": NaN}';
    expect(parseJson(text).value).toEqual({ NaN: 1, 'a"b': 'x: NaN, ', 'c\\': '-Infinity' });
  });

  it('mend nothing else: other mistakes keep the words of the parser', () => {
    for (const text of ['{"a": NaNs}', '{"a": xNaN}', '{"a": +Infinity}', '{"a": NaN', '{NaN: 1}', '{"a": "NaN}', '', '{a: 1}'])
      expect(() => parseJson(text), text).toThrow(SyntaxError);
  });
});

it('a key that one object has twice is found, at any depth; one that two objects share is not', () => {
  expect(repeatedKey('{"a": 1, "b": {"a": 2}, "c": [{"a": 1}, {"a": ":\\"a\\":"}]}')).toBeUndefined();
  expect(repeatedKey('{"d_sae": 40, "x": {}, "d_sae": 41}')).toBe('"d_sae"');
  expect(repeatedKey('{"m": {"k": {"z": 1}, "j": 0, "k": 2}}')).toBe('"k"');
});
