import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FileSource } from '../../../src/data/bytes/nodeFiles';
import type { RowDtype } from '../../../src/data/formats/floats';
import { ShardWriter } from '../../../src/data/formats/safetensors/nodeShardWriter';
import { layoutSafetensors } from '../../../src/data/formats/safetensors/write';
import { removeBadRows } from '../../../src/data/rows/badRows';
import { blockToFloats, sliceBlock } from '../../../src/data/rows/block';
import { heldOutBlocks, sampleMoments } from '../../../src/data/rows/moments';
import { BLOCK_BYTES, blockRows, cutBlocks } from '../../../src/data/rows/order';
import { ShardSource } from '../../../src/data/rows/shard';
import { BlockStream, READS_IN_FLIGHT } from '../../../src/data/rows/stream';
import type { RowBlock } from '../../../src/data/rows/types';
import { FORMATS, NumberedRows, shard, wholeRange } from './helpers';

const temporary = () => mkdtempSync(join(tmpdir(), 'lab-'));

/** Milliseconds for reading the whole file in order into one buffer. */
async function readPlainly(path: string): Promise<number> {
  const handle = await open(path);
  const buffer = new Uint8Array(BLOCK_BYTES);
  const begin = performance.now();
  while ((await handle.read(buffer, 0, buffer.length, null)).bytesRead > 0);
  await handle.close();
  return performance.now() - begin;
}

describe('removeBadRows', () => {
  const halves: [RowDtype, number[], number[]][] = [
    ['f16', [0x7c00, 0xfc00, 0x7e00, 0xffff, 0x7c01], [0, 0x7bff, 0xfbff, 0x0001, 0x83ff]],
    ['bf16', [0x7f80, 0xff80, 0x7fc0, 0xffff, 0x7f81], [0, 0x7f7f, 0xff7f, 0x0001, 0x807f]],
  ];
  it.each(halves)('%s: every bad pattern at every place, no good one', (dtype, bad, good) => {
    const d = 3;
    for (const rows of [1, 3, 4]) {
      const clean = Uint16Array.from({ length: rows * d }, (_, i) => good[i % good.length] as number);
      const block = (raw: Uint16Array): RowBlock => ({
        start: 0,
        rows,
        d,
        dtype,
        bytes: new Uint8Array(raw.buffer),
        tokens: Int32Array.from({ length: rows }, (_, i) => i),
      });
      const untouched = block(clean);
      expect(removeBadRows(untouched)).toEqual({ block: untouched, bad: 0 });
      for (let at = 0; at < rows * d; at++) {
        for (const bits of bad) {
          const raw = clean.slice();
          raw[at] = bits;
          const { block: kept, bad: count } = removeBadRows(block(raw));
          const row = Math.floor(at / d);
          expect(count).toBe(1);
          expect(kept.rows).toBe(rows - 1);
          expect([...(kept.tokens ?? [])]).toEqual([0, 1, 2, 3].slice(0, rows).filter((r) => r !== row));
          expect([...kept.bytes]).toEqual([...new Uint8Array(clean.buffer)].filter((_, i) => Math.floor(i / (2 * d)) !== row));
        }
      }
    }
  });

  it('f32', () => {
    const values = Float32Array.of(1, 3.4e38, Number.NaN, 2, 1e-45, -3.4e38, Number.NEGATIVE_INFINITY, 0);
    const { block, bad } = removeBadRows({ start: 0, rows: 4, d: 2, dtype: 'f32', bytes: new Uint8Array(values.buffer) });
    expect(bad).toBe(2);
    expect([...blockToFloats(block)]).toEqual([1, Math.fround(3.4e38), Math.fround(1e-45), Math.fround(-3.4e38)]);
  });

  it('counts the fixture’s bad rows', async () => {
    const source = await ShardSource.open(await FileSource.open(`${FORMATS}/bad/nan_rows.safetensors`));
    const block = await source.read(0, source.facts.rows);
    const values = blockToFloats(block);
    const bad = Array.from({ length: 108 }, (_, r) => values.subarray(r * 20, r * 20 + 20).some((v) => !Number.isFinite(v))).filter(
      Boolean,
    ).length;
    expect(bad).toBeGreaterThan(0);
    expect(removeBadRows(block).bad).toBe(bad);
  });
});

describe('BlockStream', () => {
  it('keeps the order and a few reads in flight', async () => {
    const source = new NumberedRows('a', 100, 0, new Set(), 1, () => new Promise((resolve) => setTimeout(resolve, Math.random() * 2)));
    const stream = new BlockStream(
      [source],
      cutBlocks(wholeRange([source]), () => 7),
    );
    const rows: number[] = [];
    for (let b = await stream.next(); b; b = await stream.next()) rows.push(...blockToFloats(b.block));
    expect(rows).toEqual(Array.from({ length: 100 }, (_, i) => i));
    expect(source.mostInFlight).toBe(3);
  });

  it('slices blocks with their tokens', () => {
    const block: RowBlock = {
      start: 10,
      rows: 3,
      d: 1,
      dtype: 'f32',
      bytes: new Uint8Array(Float32Array.of(1, 2, 3).buffer),
      tokens: Int32Array.of(7, 8, 9),
    };
    expect(blockToFloats(sliceBlock(block, 1, 2))).toEqual(Float32Array.of(2, 3));
    expect(sliceBlock(block, 1, 2)).toMatchObject({ start: 11, rows: 2, tokens: Int32Array.of(8, 9) });
  });

  it('streams 1 GB in bounded memory', async () => {
    const folder = temporary();
    const path = join(folder, 'sparse.safetensors');
    const [rows, d] = [500_000, 512];
    const { header, size } = layoutSafetensors([{ name: 'activations', dtype: 'F32', shape: [rows, d] }]);
    const handle = await open(path, 'w');
    await handle.write(header);
    await handle.truncate(size);
    await handle.close();
    const source = await ShardSource.open(await FileSource.open(path));
    const blocks = cutBlocks(wholeRange([source]), () => blockRows(d, 'f32'));
    /** Streams it all: rows seen, milliseconds, most bytes of resident memory above the start. */
    const streamed = async () => {
      const before = process.memoryUsage.rss();
      const begin = performance.now();
      const stream = new BlockStream([source], blocks);
      let [seen, peak] = [0, 0];
      for (let b = await stream.next(); b; b = await stream.next()) {
        seen += b.block.rows;
        expect(b.block.bytes.byteLength).toBeLessThanOrEqual(BLOCK_BYTES);
        peak = Math.max(peak, process.memoryUsage.rss() - before);
        stream.release(b); // as training does
      }
      return { seen, taken: performance.now() - begin, peak };
    };
    const { seen, taken, peak } = await streamed(); // the file comes into the page cache
    const plain = await readPlainly(path);
    const cached = (await streamed()).taken;
    rmSync(folder, { recursive: true });
    console.log(
      `1.02 GB: ${(cached / 1000).toFixed(2)} s, ${(plain / cached).toFixed(2)} of a plain sequential read's speed, peak RSS +${(peak / 1e6).toFixed(0)} MB`,
    );
    expect(seen).toBe(rows);
    // Blocks under way and in use, at 16 MiB, and half as much again for what the collector has not seen.
    expect(peak).toBeLessThan(1.5 * (READS_IN_FLIGHT + 2) * BLOCK_BYTES);
    expect(taken).toBeLessThan(20_000);
  });
});

describe('moments and held-out rows', () => {
  it('measures a sample', async () => {
    const all = await ShardSource.open(shard('a', 50, 2, (i) => (i % 2 ? 3 : Math.floor(i / 2))));
    const { mean, meanSquareNorm, rows } = await sampleMoments([all], wholeRange([all]));
    expect([...mean, rows]).toEqual([24.5, 3, 50]);
    expect(meanSquareNorm).toBeCloseTo(9 + (49 * 99) / 6, 9);
    const few = await sampleMoments([all], wholeRange([all]), { maxRows: 20, seed: 1 });
    expect(few.rows).toBe(20);
    expect(Math.abs((few.mean[0] as number) - 24.5)).toBeLessThan(5);
  });

  it('leaves bad rows out and refuses when all are', async () => {
    const source = new NumberedRows('a', 10, 0, new Set([9]));
    expect(await sampleMoments([source], wholeRange([source]))).toMatchObject({ rows: 9, badRows: 1, mean: Float64Array.of(4) });
    const bad = new NumberedRows('x', 2, 0, new Set([0, 1]));
    await expect(sampleMoments([bad], wholeRange([bad]))).rejects.toThrow(/x: all 2 sampled rows/);
  });

  it('yields held-out rows with tokens in file order', async () => {
    const source = await ShardSource.open(await FileSource.open(`${FORMATS}/good/f16_tokens.safetensors`));
    const blocks: RowBlock[] = [];
    for await (const block of heldOutBlocks(
      [source],
      [
        { source: 0, start: 4, rows: 10 },
        { source: 0, start: 50, rows: 3 },
      ],
      6,
    ))
      blocks.push(block);
    expect(blocks.map((b) => [b.start, b.rows, b.tokens?.length])).toEqual([
      [4, 5, 5],
      [9, 5, 5],
      [50, 3, 3],
    ]);
  });
});

describe('ShardWriter', () => {
  it.each(['F32', 'F16'] as const)('writes %s rows progressively', async (dtype) => {
    const folder = temporary();
    const path = join(folder, 'out.safetensors');
    const writer = await ShardWriter.create(path, { rows: 5, d: 3, dtype, withTokens: true, metadata: { hook: 'h' } });
    const make = (n: number) => (dtype === 'F32' ? new Float32Array(n).fill(1) : new Uint16Array(n).fill(0x3c00));
    await writer.append(make(9), Int32Array.of(1, 2, 3));
    await expect(writer.append(make(9), Int32Array.of(1, 2, 3))).rejects.toThrow(/more than the planned 5/);
    await writer.append(make(6), Int32Array.of(4, 5));
    await writer.finish();
    const source = await ShardSource.open(await FileSource.open(path));
    const block = await source.read(0, 5);
    expect([...blockToFloats(block)]).toEqual(new Array(15).fill(1));
    expect([...(block.tokens ?? [])]).toEqual([1, 2, 3, 4, 5]);
    expect(source.metadata.get('hook')).toBe('h');
    rmSync(folder, { recursive: true });
  });

  it('leaves nothing behind when rows are missing', async () => {
    const path = join(temporary(), 'out.safetensors');
    const writer = await ShardWriter.create(path, { rows: 5, d: 3, dtype: 'F32', withTokens: false });
    await expect(writer.finish()).rejects.toThrow(/0 of 5 rows/);
    expect(() => readFileSync(path)).toThrow();
    expect(() => readFileSync(`${path}.partial`)).toThrow();
  });
});
