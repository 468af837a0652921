import { describe, expect, test } from 'vitest';
import { readView, type StoredBytes, type View } from '../../../../src/data/formats/torch/strided';
import { Rng } from '../../../../src/util/rng';

/** A storage of bytes that are made when read, with the ranges asked for. */
class Made implements StoredBytes {
  readonly reads: [number, number][] = [];
  constructor(private readonly byteAt: (at: number) => number) {}
  async read(from: number, length: number): Promise<Uint8Array> {
    this.reads.push([from, length]);
    // Not aligned, as a slice of a file may be.
    const whole = new Uint8Array(length + 3);
    for (let i = 0; i < length; i++) whole[i + 3] = this.byteAt(from + i);
    return whole.subarray(3);
  }
}

const noise = (at: number) => (Math.imul(at + 1, 0x9e3779b1) >>> 13) & 255;

/** The definition: each value where its index says. */
function naive({ width, isBigEndian, offset, shape, strides }: View, from: number, count: number): Uint8Array {
  const out = new Uint8Array(count * width);
  for (let i = 0; i < count; i++) {
    let rest = from + i;
    let at = offset;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const size = shape[axis] as number;
      at += (rest % size) * (strides[axis] as number);
      rest = Math.floor(rest / size);
    }
    for (let b = 0; b < width; b++) out[i * width + (isBigEndian ? width - 1 - b : b)] = noise(at * width + b);
  }
  return out;
}

const view = (shape: number[], strides: number[], more: Partial<View> = {}): View & { storage: Made } => ({
  width: 4,
  isBigEndian: false,
  offset: 0,
  shape,
  strides,
  ...more,
  storage: new Made(noise),
});

describe('reading through strides', () => {
  test('any shape, strides, offset, width, byte order and range gives what the definition gives', async () => {
    const rng = new Rng(7);
    const below = (n: number) => rng.int(n);
    for (let round = 0; round < 400; round++) {
      const shape = Array.from({ length: below(5) }, () => 1 + below(7));
      // Contiguous with gaps, in any order of axes, some expanded or overlapping.
      let step = 1 + below(2) * below(3);
      const strides = shape.map(() => 0);
      for (const axis of rng.shuffle(shape.map((_, i) => i))) {
        const kind = below(10);
        strides[axis] = kind === 0 ? 0 : kind === 1 ? below(4) : step;
        if (kind > 1) step = step * (shape[axis] as number) + below(2) * below(40);
      }
      const count = shape.reduce((a, b) => a * b, 1);
      const v = view(shape, strides, { width: [1, 2, 4, 8][below(4)] as number, isBigEndian: below(3) === 0, offset: below(50) });
      const from = below(count + 1);
      const wanted = below(count - from + 1);
      expect(await readView(v, from, wanted), JSON.stringify({ shape, strides, from, wanted })).toEqual(naive(v, from, wanted));
      expect(await readView(v, 0, count), JSON.stringify({ shape, strides })).toEqual(naive(v, 0, count));
    }
  });

  test('rows that lie together take one read of exactly their bytes, in any number of axes', async () => {
    const v = view([50, 40, 30], [1200, 30, 1], { offset: 5 });
    await readView(v, 2400, 12_345);
    expect(v.storage.reads).toEqual([[(5 + 2400) * 4, 12_345 * 4]]);
    // Rows of a wider matrix: one row is together as well.
    const sliced = view([1000, 64], [4096, 1]);
    await readView(sliced, 64 * 7, 64);
    expect(sliced.storage.reads).toEqual([[7 * 4096 * 4, 64 * 4]]);
  });

  test('an expanded row is read once, however often it is repeated', async () => {
    const v = view([1_000_000, 16], [0, 1]);
    expect(await readView(v, 16 * 500_000, 16 * 100)).toEqual(naive(v, 0, 1600));
    expect(v.storage.reads).toEqual([[0, 64]]);
    expect(await readView(v, 16 * 500_000 + 3, 32)).toEqual(naive(v, 3, 32));
  });

  test('a few rows of a long transposed matrix take a short read a column', async () => {
    const v = view([10_000_000, 512], [1, 10_000_000]);
    const bytes = await readView(v, 512 * 5000, 512 * 64);
    expect(bytes).toEqual(naive(v, 512 * 5000, 512 * 64));
    expect(v.storage.reads).toEqual(Array.from({ length: 512 }, (_, column) => [(column * 10_000_000 + 5000) * 4, 256]));
  });

  test('narrow slices are read over their gaps, in bounded pieces that go forward', async () => {
    const v = view([100_000, 8], [512, 1]);
    expect(await readView(v, 8, 8 * 6000)).toEqual(naive(v, 8, 8 * 6000));
    const { reads } = v.storage;
    expect(reads.length).toBeLessThan(5);
    let end = 0;
    for (const [from, length] of reads) {
      expect(from).toBeGreaterThanOrEqual(end);
      expect(length).toBeLessThanOrEqual(8 * 2 ** 20);
      end = from + length;
    }
  });

  test('values far apart are read one by one', async () => {
    const v = view([100, 2], [10_000_000, 1_000_000]);
    expect(await readView(v, 0, 40)).toEqual(naive(v, 0, 40));
    expect(v.storage.reads).toHaveLength(40);
    expect(v.storage.reads.every(([, length]) => length === 4)).toBe(true);
  });

  test('NaNs of eight bytes keep their bits', async () => {
    const bits = Uint8Array.of(1, 2, 3, 4, 5, 6, 0xf7, 0xff);
    const v = { ...view([3, 2], [1, 3], { width: 8 }), storage: new Made((at) => bits[at % 8] as number) };
    expect(await readView(v, 0, 6)).toEqual(Uint8Array.from({ length: 48 }, (_, i) => bits[i % 8] as number));
  });

  test('a value without axes', async () => {
    const v = view([], [], { offset: 9 });
    expect(await readView(v, 0, 1)).toEqual(naive(v, 0, 1));
    expect(await readView(v, 0, 0)).toEqual(new Uint8Array(0));
    expect(await readView(view([0, 5], [5, 1]), 0, 0)).toEqual(new Uint8Array(0));
  });
});
