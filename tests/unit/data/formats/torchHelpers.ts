/** What the tests of .pt files ask of a container. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { MemorySource } from '../../../../src/data/bytes/byteSource';
import { type ByteSource, DataError } from '../../../../src/data/bytes/types';
import type { ArrayEntry, Container } from '../../../../src/data/formats/container';
import { decodeFloats } from '../../../../src/data/formats/floats';
import { openTorch } from '../../../../src/data/formats/torch/torch';
import { FORMATS } from '../helpers';

export const fixture = (path: string): MemorySource => new MemorySource(path, new Uint8Array(readFileSync(join(FORMATS, path))));

export const entry = ({ arrays }: Container, name: string): ArrayEntry => {
  const found = arrays.get(name);
  if (!found) throw new Error(`no array ${JSON.stringify(name)}, but ${[...arrays.keys()].join(', ')}`);
  return found;
};

export const countOf = ({ shape }: ArrayEntry): number => shape.reduce((a, b) => a * b, 1);
export const readAll = (array: ArrayEntry): Promise<Uint8Array> => array.read(0, countOf(array));

export async function floats(array: ArrayEntry, from = 0, count = countOf(array)): Promise<number[]> {
  const out = new Float32Array(count);
  decodeFloats(await array.read(from, count), array.dtype as 'f32', out);
  return Array.from(out);
}

export async function integers(array: ArrayEntry): Promise<number[]> {
  const bytes = (await readAll(array)).slice();
  return Array.from(new BigInt64Array(bytes.buffer), Number);
}

/** The message of a file's refusal; anything but a DataError fails. */
export const refusal = async (source: ByteSource): Promise<string> => {
  const cause = await openTorch(source).then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(cause).toBeInstanceOf(DataError);
  return (cause as DataError).message;
};

export const counting = (length: number) => Float32Array.from({ length }, (_, i) => i);
