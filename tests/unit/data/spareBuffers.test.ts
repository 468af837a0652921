import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { MemorySource, readInto } from '../../../src/data/bytes/byteSource';
import { FileSource } from '../../../src/data/bytes/nodeFiles';
import { SpareBuffers, spareBuffers } from '../../../src/data/bytes/spareBuffers';
import { type Piece, readPieces } from '../../../src/data/formats/pieces';
import { numbered } from './formats/npyHelpers';

const MIB = 2 ** 20;
const folder = mkdtempSync(join(tmpdir(), 'lab-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('spare buffers', () => {
  it('a buffer that came back serves the next take of at most its size, the smallest that fits first', () => {
    const spare = new SpareBuffers();
    const [small, large] = [spare.take(2 * MIB), spare.take(4 * MIB)];
    spare.giveBack(large);
    spare.giveBack(small);
    const next = spare.take(MIB + 2);
    expect(next.byteLength).toBe(MIB + 2);
    expect(next.buffer).toBe(small.buffer);
    expect(spare.take(3 * MIB).buffer).toBe(large.buffer);
    expect(spare.take(MIB).buffer.byteLength).toBe(MIB);
  });

  it('a part, a copy, or the same bytes twice do not come back', () => {
    const spare = new SpareBuffers();
    const bytes = spare.take(2 * MIB);
    spare.giveBack(bytes.subarray(0, MIB));
    spare.giveBack(new Uint8Array(bytes.buffer));
    spare.giveBack(new Uint8Array(2 * MIB));
    const other = spare.take(2 * MIB);
    expect(other.buffer).not.toBe(bytes.buffer);
    spare.giveBack(bytes);
    spare.giveBack(bytes);
    const first = spare.take(2 * MIB);
    expect(first.buffer).toBe(bytes.buffer);
    expect(spare.take(2 * MIB).buffer).not.toBe(bytes.buffer);
    // The view of before must not give away what someone else has by now.
    spare.giveBack(bytes);
    expect(spare.take(2 * MIB).buffer).not.toBe(bytes.buffer);
  });

  it('keeps a few, the largest, and neither headers nor giants', () => {
    const spare = new SpareBuffers(2);
    const taken = [1, 2, 3, 4].map((size) => spare.take(size * MIB));
    for (const bytes of taken) spare.giveBack(bytes);
    const again = [1, 1, 1].map((size) => spare.take(size * MIB).buffer.byteLength / MIB);
    expect(again).toEqual([3, 4, 1]);
    for (const size of [1000, 40 * MIB]) {
      const bytes = spare.take(size);
      spare.giveBack(bytes);
      expect(spare.take(size).buffer).not.toBe(bytes.buffer);
    }
  });

  it('a file read into a used buffer has its own bytes and no others', async () => {
    const path = join(folder, 'values');
    const bytes = numbered(MIB, 4);
    writeFileSync(path, bytes);
    const source = await FileSource.open(path);
    const first = await source.read(0, 3 * MIB);
    const { buffer } = first;
    spareBuffers.giveBack(first);
    const second = await source.read(MIB, 2 * MIB);
    expect(second.buffer).toBe(buffer);
    expect(Buffer.compare(second, bytes.subarray(MIB, 3 * MIB))).toBe(0);
    const target = new Uint8Array(10).fill(255);
    await readInto(source, target.subarray(3, 7), 8);
    expect([...target]).toEqual([255, 255, 255, ...bytes.subarray(8, 12), 255, 255, 255]);
    await expect(source.readInto(new Uint8Array(5), 4 * MIB - 4)).rejects.toThrow(/values: bytes 4194300 to 4194305 .* has 4194304 bytes/);
  });
});

describe('pieces', () => {
  const values = numbered(MIB, 4);
  const expected = (pieces: readonly Piece[]) => Buffer.concat(pieces.map(({ at, length }) => values.subarray(at, at + length)));

  it.each([
    ['one', [[5, 100]]],
    [
      'large ones',
      [
        [0, MIB],
        [2 * MIB, MIB + 7],
        [3 * MIB + 9, 3],
      ],
    ],
    ['small ones with small gaps', Array.from({ length: 300 }, (_, i) => [i * 3000 + 1, 2900])],
    ['small ones far apart', Array.from({ length: 30 }, (_, i) => [i * 100_000, 1000])],
    [
      'backwards',
      [
        [MIB, 10],
        [0, 10],
        [10, 10],
      ],
    ],
    [
      'of length 0',
      [
        [4, 0],
        [4, 5],
      ],
    ],
  ] as [string, [number, number][]][])('%s come one after another', async (_, ranges) => {
    const path = join(folder, 'pieces');
    writeFileSync(path, values);
    for (const source of [new MemorySource('memory', values), await FileSource.open(path)]) {
      const pieces = ranges.map(([at, length]) => ({ source, at, length }));
      expect(Buffer.compare(await readPieces(pieces), expected(pieces))).toBe(0);
    }
  });

  it('of two files; many small neighbours take few reads, large ones a read each', async () => {
    let reads = 0;
    const counted = (path: string) => ({
      path,
      size: values.length,
      read: async (offset: number, length: number) => {
        reads++;
        return values.slice(offset, offset + length);
      },
    });
    const [a, b] = [counted('a'), counted('b')];
    const small = [a, b].flatMap((source) => Array.from({ length: 500 }, (_, i) => ({ source, at: i * 5000, length: 4000 })));
    expect(Buffer.compare(await readPieces(small), expected(small))).toBe(0);
    expect(reads).toBe(2);
    const large = [0, 1, 2].map((i) => ({ source: a, at: i * MIB, length: MIB - 8 }));
    await readPieces(large);
    expect(reads).toBe(5);
  });

  it('a failed read fails with its error', async () => {
    const source = new MemorySource('short', values);
    await expect(
      readPieces([
        { source, at: 0, length: 4 },
        { source, at: values.length, length: 4 },
      ]),
    ).rejects.toThrow(/short: bytes 4194304 to 4194308/);
  });
});
