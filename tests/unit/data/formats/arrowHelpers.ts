/** What the tests of Arrow, Parquet and safetensors share: reading entries as numbers, and damaging files. */

import { expect } from 'vitest';
import { MemorySource } from '../../../../src/data/bytes/byteSource';
import { type ByteSource, DataError } from '../../../../src/data/bytes/types';
import { type ArrayEntry, type Container, STORED_BYTES } from '../../../../src/data/formats/container';
import { decodeFloats, type RowDtype } from '../../../../src/data/formats/floats';
import { processorMs } from '../../../time';

export const entry = (container: Container, name: string): ArrayEntry => container.arrays.get(name) as ArrayEntry;
export const sizeOf = ({ shape }: ArrayEntry): number => shape.reduce((a, b) => a * b, 1);
export const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** Values from..from+count. */
export async function values(array: ArrayEntry, from = 0, count = sizeOf(array) - from): Promise<number[]> {
  const bytes = (await array.read(from, count)).slice();
  expect(bytes.byteLength).toBe(count * STORED_BYTES[array.dtype]);
  if (array.dtype === 'i32') return [...new Int32Array(bytes.buffer)];
  if (array.dtype === 'i64') return [...new BigInt64Array(bytes.buffer)].map(Number);
  const out = new Float32Array(count);
  decodeFloats(bytes, array.dtype as RowDtype | 'f64', out);
  return [...out];
}

/** All values, read in pieces of lengths that divide nothing. */
export async function inPieces(array: ArrayEntry): Promise<number[]> {
  const all: number[] = [];
  for (let at = 0, step = 1; at < sizeOf(array); step = (step * 7 + 3) % 61) {
    const count = Math.min(step + 1, sizeOf(array) - at);
    all.push(...(await values(array, at, count)));
    at += count;
  }
  return all;
}

/** The message of the DataError that the work ends with. */
export async function refusal(work: Promise<unknown>): Promise<string> {
  const cause = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(cause).toBeInstanceOf(DataError);
  return (cause as DataError).message;
}

/** Notes the ranges that are read. */
export class NotedSource implements ByteSource {
  readonly path: string;
  readonly size: number;
  readonly ranges: [from: number, to: number][] = [];

  constructor(private readonly source: ByteSource) {
    this.path = source.path;
    this.size = source.size;
  }

  get bytesRead(): number {
    return this.ranges.reduce((sum, [from, to]) => sum + to - from, 0);
  }

  read(offset: number, length: number): Promise<Uint8Array> {
    this.ranges.push([offset, offset + length]);
    return this.source.read(offset, length);
  }
}

/** Whole numbers below `most`, the same ones for the same seed (mulberry32). */
export function dice(seed: number): (most: number) => number {
  let state = seed;
  return (most) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * most);
  };
}

const ABSURD = [0, 1, 0x7f, 0xff, 0xffff, 0x7fffffff, 0x80000000, 0xfffffff8, 0xffffffff];

/** A copy with flipped bits, absurd lengths, a piece moved, or its end gone; damage falls on `[from, to)` as often as elsewhere. */
export function damage(file: Uint8Array, roll: (most: number) => number, [from, to]: readonly [number, number]): Uint8Array {
  const bytes = file.slice();
  const place = () => (roll(2) === 0 ? from + roll(Math.max(1, to - from)) : roll(bytes.length));
  const kind = roll(8);
  if (kind === 0) return bytes.slice(0, roll(bytes.length));
  if (kind === 1) return Uint8Array.of(...bytes.subarray(0, place()), ...bytes.subarray(place()));
  for (let i = roll(6); i >= 0; i--) {
    const at = Math.min(place(), bytes.length - 8);
    const view = new DataView(bytes.buffer);
    if (kind < 5) bytes[at] = (bytes[at] as number) ^ (1 << roll(8));
    else if (kind === 5) view.setUint32(at & ~3, ABSURD[roll(ABSURD.length)] as number, true);
    else if (kind === 6) bytes.copyWithin(at, place(), place());
    else bytes[at] = ABSURD[roll(4)] as number;
  }
  return bytes;
}

/**
 * Opens and reads damaged files: either a DataError, or as many values as were asked for.
 * @returns how many were refused and how many read.
 */
export async function endure(
  files: readonly { bytes: Uint8Array; tender: readonly [number, number] }[],
  cases: number,
  seed: number,
  open: (source: ByteSource) => Promise<Container>,
): Promise<{ refused: number; read: number }> {
  const roll = dice(seed);
  const result = { refused: 0, read: 0 };
  for (let i = 0; i < cases; i++) {
    const { bytes, tender } = files[i % files.length] as (typeof files)[number];
    const damaged = damage(bytes, roll, tender);
    const began = processorMs();
    try {
      const container = await open(new MemorySource('damaged', damaged));
      for (const array of container.arrays.values()) {
        const total = sizeOf(array);
        expect(total).toBeGreaterThan(0);
        for (const at of [0, Math.floor(total / 2), Math.max(0, total - 50)]) {
          const count = Math.min(50, total - at);
          expect((await array.read(at, count)).byteLength).toBe(count * STORED_BYTES[array.dtype]);
        }
      }
      result.read++;
    } catch (cause) {
      if (!(cause instanceof DataError))
        throw new Error(`seed ${seed}, case ${i}: ${cause instanceof Error ? cause.stack : String(cause)}`);
      result.refused++;
    }
    if (processorMs() - began > 10_000) throw new Error(`seed ${seed}, case ${i} took ${Math.round(processorMs() - began)} ms`);
  }
  return result;
}
