import { describe, expect, it } from 'vitest';
import { FileSource } from '../../../src/data/bytes/nodeFiles';
import { BatchFeeder } from '../../../src/data/pool/feeder';
import { defaultPoolRows } from '../../../src/data/pool/pool';
import { ShardSource } from '../../../src/data/rows/shard';
import { splitRows } from '../../../src/data/rows/split';
import { readFloats } from '../../../src/gpu/buffers';
import { testGpu } from '../../gpu';
import { FORMATS, readNpy } from '../../unit/data/helpers';

const gpu = await testGpu();
const shards = await Promise.all(
  [9, 10, 11].map(async (n) => ShardSource.open(await FileSource.open(`${FORMATS}/good/shard_${n}.safetensors`))),
);

describe('BatchFeeder', () => {
  it('serves every training row once an epoch, as f32 on the GPU', async () => {
    const { train, trainRows } = splitRows(shards, 1, 0.02);
    const feeder = await BatchFeeder.create(gpu, shards, train, { batch: 16, seed: 1, shuffle: 'pool', d: 20, poolRows: 40 });
    const rows: string[] = [];
    for (let s = 0; s * 16 < 2 * trainRows; s++) {
      const slots = await feeder.next();
      const pool = await readFloats(gpu, feeder.pool.rows);
      for (const slot of slots) rows.push(pool.slice(slot * feeder.pool.stride, slot * feeder.pool.stride + 20).join());
    }
    feeder.destroy();
    const expected = readNpy(`${FORMATS}/expected_rows.npy`).values.map(Math.fround);
    const known = new Set(Array.from({ length: 108 }, (_, r) => expected.slice(r * 20, r * 20 + 20).join()));
    for (const epoch of [0, 1]) {
      const served = new Set(rows.slice(epoch * trainRows, (epoch + 1) * trainRows));
      expect(served.size).toBe(trainRows);
      for (const row of served) expect(known.has(row)).toBe(true);
    }
  });

  it('bounds the default pool by the GPU, the data and two batches', () => {
    expect(defaultPoolRows(gpu, 1024, 4096, 1e9)).toBe(32768);
    expect(defaultPoolRows(gpu, 1024, 4096, 20000)).toBe(20000);
    expect(defaultPoolRows(gpu, 1024, 4096, 100)).toBe(8192);
    expect(() => defaultPoolRows(gpu, 8192, 4096, 1e9)).toThrow(/Lower the batch to 2048/);
  });

  it('refuses sources of another width', async () => {
    await expect(
      BatchFeeder.create(gpu, shards, [{ source: 0, start: 0, rows: 36 }], { batch: 4, seed: 0, shuffle: 'pool', d: 21 }),
    ).rejects.toThrow(/20 wide; 21/);
    await expect(
      BatchFeeder.create(gpu, shards, [{ source: 0, start: 0, rows: 36 }], { batch: 4, seed: 0, shuffle: 'pool', d: 20, poolRows: 7 }),
    ).rejects.toThrow(/twice the batch/);
  });
});
