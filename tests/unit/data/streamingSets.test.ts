/** The sets that `npm run streaming` writes are what they should be: the product's readers find the rows, and other tools would too. */
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { WRITERS } from '../../../scripts/streaming/formats';
import { main } from '../../../scripts/streaming/main';
import { denseRows, type Rows, rowBytes, sparseRows } from '../../../scripts/streaming/rows';
import { bytesOnDisk, crcOf, crcOfZeros, lengthOf } from '../../../scripts/streaming/sparseFile';
import { writeStoredZip } from '../../../scripts/streaming/zip';
import { FileSource, listFiles } from '../../../src/data/bytes/nodeFiles';
import { inspectFiles } from '../../../src/data/dropped/classify';
import { openZip } from '../../../src/data/formats/zip/archive';
import { crc32 } from '../../../src/data/formats/zip/crc32';

async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'lab-'));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** All bytes, holes as zeros. */
function wholeOf(rows: Rows): Buffer {
  return Buffer.concat(
    [...rows.segments(0, rows.rows)].map((segment) => (segment instanceof Uint8Array ? segment : Buffer.alloc(segment.hole))),
  );
}

it('the checksum of zeros is the one computed byte by byte, alone and between others', () => {
  for (const count of [0, 1, 2, 3, 255, 256, 1000, 65_537]) {
    expect(crcOfZeros(count)).toBe(crc32(new Uint8Array(count)));
    expect(crcOfZeros(count, 0x12345678)).toBe(crc32(new Uint8Array(count), 0x12345678));
  }
  const rows = sparseRows(130, 8, 'f16');
  expect(crcOf(rows.segments(0, 130))).toBe(crc32(wholeOf(rows)));
});

it('rows come in any parts', () => {
  for (const rows of [sparseRows(300, 3, 'f16'), denseRows(5000, 3, 'f32')]) {
    const whole = wholeOf(rows);
    expect(whole.length).toBe(rows.rows * rowBytes(rows));
    for (const [start, count] of [
      [0, 1],
      [63, 3],
      [64, 64],
      [1, 299],
      [299, 1],
    ] as const) {
      const part = wholeOf({ ...rows, rows: count, segments: () => rows.segments(start, count) });
      expect(Buffer.compare(part, whole.subarray(start * rowBytes(rows), (start + count) * rowBytes(rows)))).toBe(0);
    }
  }
});

const KINDS = Object.entries(WRITERS).flatMap(([name, write]) => (['f16', 'f32'] as const).map((dtype) => [name, dtype, write] as const));

it.each(KINDS)('%s of %s: the rows that were written are read', async (_, dtype, write) => {
  await inFolder(async (folder) => {
    const rows = sparseRows(8 * 64 * 3, 40, dtype);
    await write(folder, rows);
    const { shards, reports } = await inspectFiles(await listFiles([folder]));
    expect(reports.filter(({ ok }) => !ok)).toEqual([]);
    expect(shards.every((shard) => shard.facts.d === 40 && shard.facts.dtype === dtype)).toBe(true);
    const blocks = await Promise.all(shards.map((shard) => shard.read(0, shard.facts.rows)));
    expect(Buffer.compare(Buffer.concat(blocks.map(({ bytes }) => bytes)), wholeOf(rows))).toBe(0);
  });
});

it('an archive beyond 4 GiB has the fields for it, and takes no such room', async () => {
  await inFolder(async (folder) => {
    const path = join(folder, 'a.zip');
    const big = 2 ** 32 + 5;
    const text = new TextEncoder().encode('behind');
    writeStoredZip(path, [
      { name: 'zeros', data: () => [{ hole: big }] },
      { name: 'text', data: () => [text] },
    ]);
    expect(statSync(path).size).toBeGreaterThan(big);
    expect(bytesOnDisk(path)).toBeLessThan(2 ** 20);
    const { members } = await openZip(await FileSource.open(path));
    expect(members.get('zeros')?.size).toBe(big);
    expect(await members.get('zeros')?.read(big - 3, 3)).toEqual(new Uint8Array(3));
    expect(await members.get('text')?.readWhole()).toEqual(text);
  });
});

it('holes are holes: a set of 32 MB takes a small part of it on disk', async () => {
  await inFolder(async (folder) => {
    const rows = sparseRows(8192, 2048, 'f16');
    await WRITERS.safetensors?.(folder, rows);
    const path = join(folder, 'acts.safetensors');
    const bytes = [...rows.segments(0, rows.rows)].reduce((sum, segment) => sum + lengthOf(segment), 0);
    expect(readFileSync(path).length).toBeGreaterThan(bytes);
    expect(bytesOnDisk(path)).toBeLessThan(bytes / 10);
  });
});

it('a format that is not there is refused with those that are', async () => {
  const said = vi.spyOn(console, 'error').mockImplementation(() => undefined);
  expect(await main(['--only', 'hdf5'])).toBe(2);
  expect(said).toHaveBeenCalledWith(expect.stringMatching(/--only hdf5: there are safetensors; .*Parquet/));
  said.mockRestore();
});
