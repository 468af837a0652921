/** The tuner on a device: it decides, remembers, and lets nobody take part whose bits differ. */
import { describe, expect, it } from 'vitest';
import { DEFAULT_MATMUL, type MatmulVariant } from '../../../src/gpu/matmul';
import { MatmulBench } from '../../../src/gpu/matmulBench';
import { candidatesFor, chooseMatmul } from '../../../src/gpu/tuner';
import { testGpu } from '../../gpu';
import { subgroupGpu } from './product';

describe('MatmulBench', () => {
  const altered = (from: string, to: string): MatmulVariant => ({ ...DEFAULT_MATMUL, code: DEFAULT_MATMUL.code.replace(from, to) });

  it('agrees with a variant that gives the same bits, and with no other', async () => {
    const bench = new MatmulBench(await testGpu());
    expect(await bench.agrees(DEFAULT_MATMUL)).toBe(true);
    expect(await bench.agrees(altered('let size', '/* the same */ let size'))).toBe(true);
    // The order of a sum, a missing column, and a text that is no WGSL.
    expect(await bench.agrees(altered('b_at(b0 + q)', 'b_at(b0 + size.z - 1u - q)'))).toBe(false);
    expect(await bench.agrees(altered('!wanted(row, column)', 'column == 8u'))).toBe(false);
    expect(await bench.agrees(altered('fn main', 'fn main('))).toBe(false);
    bench.destroy();
  });

  it('times a part of a large class, and a small one whole and often', async () => {
    const bench = new MatmulBench(await testGpu());
    for (const size of [
      { rows: 4096, columns: 4096, quads: 16 },
      { rows: 64, columns: 64, quads: 16 },
    ]) {
      expect(await bench.settle(DEFAULT_MATMUL, size)).toBe(true);
      expect(await bench.time(DEFAULT_MATMUL)).toBeGreaterThan(0.1);
    }
    bench.destroy();
  });
});

describe('chooseMatmul', () => {
  it.each([
    ['default limits', testGpu],
    ['subgroups', subgroupGpu],
  ])('chooses a variant that runs here and keeps it, on a device with %s', async (_, open) => {
    const gpu = await open();
    const content: Record<string, string> = {};
    const store = {
      get: async (key: string) => content[key],
      set: async (key: string, value: string) => {
        content[key] = value;
      },
    };
    const shape = { rows: 512, columns: 700, quads: 48 };
    const [first, second] = await Promise.all([
      chooseMatmul(gpu, shape, { store }),
      chooseMatmul(gpu, { ...shape, columns: 900 }, { store }),
    ]);
    expect(candidatesFor(gpu)).toContain(first);
    expect(await chooseMatmul(gpu, shape, { store: null })).toBe(first);
    // 700 rounds to 512, 900 to 1024. Where there is no choice there is nothing to keep.
    expect(Object.values(content)).toEqual(candidatesFor(gpu).length > 1 ? [first.name, second.name] : []);
    gpu.check();
  });
});
