/** Every variant of the matmul core: right within the bound of its arithmetic, and the same bits as all others. */
import { describe, expect, it } from 'vitest';
import { DEFAULT_MATMUL, MATMUL_VARIANTS } from '../../../src/gpu/matmul';
import { matmulTolerance, maxError, randoms, testGpu } from '../../gpu';
import { deviceFor, PLAIN, product, reference } from './product';

/** No multiple of any tile, smaller and larger than the largest (128 x 128 x 4 quads). */
const SHAPES = [
  [1, 1, 1],
  [3, 6, 2],
  [37, 75, 7],
  [130, 141, 5],
  [66, 259, 9],
  [263, 34, 4],
].map(([rows, columns, quads]) => ({ rows, columns, quads }) as { rows: number; columns: number; quads: number });

const bits = (values: Float32Array) => new Uint32Array(values.buffer);
const named = MATMUL_VARIANTS.map((variant) => [variant.name, variant] as const);

describe('matmul variants', () => {
  it('have names of their own and stay within the limits that every device has', () => {
    expect(new Set(MATMUL_VARIANTS.map(({ name }) => name)).size).toBe(MATMUL_VARIANTS.length);
    for (const { invocations, workgroupBytes } of MATMUL_VARIANTS) {
      expect(invocations).toBeLessThanOrEqual(256);
      expect(workgroupBytes).toBeLessThanOrEqual(16384);
    }
  });

  it.each(named)('%s gives A·Bᵀ at ragged shapes, bit for bit what the default gives', async (_, variant) => {
    const gpu = await deviceFor(variant);
    for (const [i, size] of SHAPES.entries()) {
      const k = size.quads * 4;
      const a = randoms(size.rows * k, 2 * i + 1);
      const b = randoms(size.columns * k, 2 * i + 2);
      const c = await product(gpu, variant, size, a, b);
      expect(maxError(c, reference(size, a, b))).toBeLessThan(matmulTolerance(k, a, b));
      expect(bits(c)).toEqual(bits(await product(gpu, DEFAULT_MATMUL, size, a, b)));
    }
  });

  // One workgroup shape of each core: the epilogue meets the core's text, and a software driver compiles for a second each.
  const cores = named.filter(([, { code }], i) => named.findIndex(([, other]) => other.code === code) === i);
  it.each(cores)('%s takes A as packed f16 and leaves out what is not wanted, and nothing else', async (_, variant) => {
    const gpu = await deviceFor(variant);
    const epilogue = PLAIN.replace('return true;', 'return (row / 4u + column / 4u) % 3u != 1u;')
      .replace('a : array<vec4<f32>>', 'a : array<vec2<u32>>')
      .replace('return a[i];', 'let two = a[i]; return vec4(unpack2x16float(two.x), unpack2x16float(two.y));');
    const size = { rows: 150, columns: 139, quads: 5 };
    // Multiples of 1/1024 below 1 are f16 exactly: 11 bits.
    const a = randoms(size.rows * size.quads * 4, 5).map((v) => Math.round(v * 1024) / 1024);
    const b = randoms(size.columns * size.quads * 4, 6);
    const some = await product(gpu, variant, size, packF16(a), b, epilogue);
    const all = await product(gpu, DEFAULT_MATMUL, size, a, b);
    const expected = all.map((value, i) => {
      const [row, column] = [Math.floor(i / size.columns), i % size.columns];
      return ((row >> 2) + (column >> 2)) % 3 === 1 ? Number.NaN : value;
    });
    expect(some).toEqual(expected);
  });

  it('keep their bits where sums cancel, overflow or are not numbers', async () => {
    const size = { rows: 20, columns: 36, quads: 3 };
    const a = randoms(size.rows * 12, 7).map((v, i) => (i % 3 === 0 ? -0 : v * 2 ** 126));
    const b = randoms(size.columns * 12, 8).map((v, i) => (i % 5 === 0 ? 0 : v * 2 ** (i % 7)));
    b[40] = Number.POSITIVE_INFINITY;
    const expected = bits(await product(await testGpu(), DEFAULT_MATMUL, size, a, b));
    for (const variant of MATMUL_VARIANTS) {
      const gpu = await deviceFor(variant);
      if (gpu) expect(bits(await product(gpu, variant, size, a, b)), variant.name).toEqual(expected);
    }
  });
});

/** Values that f16 holds exactly, and no subnormals, two to a word. */
function packF16(values: Float32Array): Uint32Array {
  const half = (value: number) => {
    if (value === 0) return 0;
    const exponent = Math.floor(Math.log2(Math.abs(value)));
    const mantissa = (Math.abs(value) / 2 ** exponent - 1) * 1024;
    expect(Number.isInteger(mantissa)).toBe(true);
    return (value < 0 ? 0x8000 : 0) | ((exponent + 15) << 10) | mantissa;
  };
  return Uint32Array.from(
    { length: values.length / 2 },
    (_, i) => half(values[2 * i] as number) | (half(values[2 * i + 1] as number) << 16),
  );
}
