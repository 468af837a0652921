import { expect, it } from 'vitest';
import { geometricMedian } from '../../../src/data/rows/geometricMedian';
import { readF32, readJson } from '../../fixtures';

it.each(['topk', 'batch_topk', 'matryoshka_batch_topk'])('is what dictionary_learning sets b_dec to, of the first batch of %s', (name) => {
  const { d_in: d, batch } = readJson<{ d_in: number; batch: number }>(`train2/${name}/expected.json`);
  const rows = readF32(`train2/${name}/data.safetensors`).activations?.data.subarray(0, batch * d) as Float32Array;
  const bDec = readF32(`train2/${name}/init.safetensors`).b_dec?.data as Float32Array;
  const found = geometricMedian(rows, d);
  const off = Math.hypot(...found.map((value, c) => value - (bDec[c] as number)));
  expect(off / Math.hypot(...bDec)).toBeLessThan(1e-6);
});

it('is the middle of a triangle where all sides are seen under 120°, and hardly follows a row that is far off', () => {
  const triangle = [1, 0, -0.5, Math.sqrt(3) / 2, -0.5, -Math.sqrt(3) / 2];
  expect(Math.hypot(...geometricMedian(Float64Array.from(triangle), 2))).toBeLessThan(1e-12);
  const rows = [...triangle, ...triangle.map((x) => 1.1 * x), 1e6, 0];
  const far = geometricMedian(Float64Array.from(rows), 2);
  expect(Math.hypot(...far)).toBeLessThan(1);
  // Where it lies the unit vectors to all rows cancel.
  const pull: [number, number] = [0, 0];
  for (let i = 0; i < rows.length; i += 2) {
    const [x, y] = [(rows[i] as number) - (far[0] as number), (rows[i + 1] as number) - (far[1] as number)];
    pull[0] += x / Math.hypot(x, y);
    pull[1] += y / Math.hypot(x, y);
  }
  expect(Math.hypot(...pull)).toBeLessThan(1e-4);
});

it('one row is its own; a start that falls on a row stays there', () => {
  expect([...geometricMedian(Float32Array.of(3, 4), 2)]).toEqual([3, 4]);
  expect([...geometricMedian(Float32Array.of(0, 0, 1, 0, -1, 0), 2)]).toEqual([0, 0]);
});
