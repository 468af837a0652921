import { describe, expect, it } from 'vitest';
import { Rng } from '../../../src/util/rng';

const take = (n: number, draw: () => number): number[] => Array.from({ length: n }, draw);

describe('Rng', () => {
  it('repeats from its seed, and pins the numbers that saved runs depend on', () => {
    const [a, b] = [new Rng(42), new Rng(42)];
    expect(take(50, () => a.next())).toEqual(take(50, () => b.next()));
    expect(
      take(
        3,
        (
          (rng) => () =>
            rng.next()
        )(new Rng(1)),
      ),
    ).toMatchInlineSnapshot(`
      [
        2258828255,
        4239907789,
        895219882,
      ]
    `);
    expect(
      take(
        3,
        (
          (rng) => () =>
            rng.normal()
        )(Rng.stream(1, 'init', 2)),
      ),
    ).toMatchInlineSnapshot(`
      [
        1.8380807637577492,
        1.3616934390756135,
        -0.24047737690821858,
      ]
    `);
  });

  it('tells seeds and labels apart', () => {
    const seeds = [0, 1, -1, 0.5, 2 ** 32, 2 ** 40, 2 ** 53 - 1];
    const first = [...seeds.map((s) => new Rng(s).next()), ...['a', 'b', 1, '1', 2].map((l) => new Rng(0).fork(l).next())];
    expect(new Set(first).size).toBe(first.length);
  });

  it('is unmoved by its forks', () => {
    const [a, b] = [new Rng(3), new Rng(3)];
    a.fork('x').next();
    expect(a.next()).toBe(b.next());
  });

  it('draws uniform, integer and normal numbers with the right moments', () => {
    const rng = new Rng(7);
    const n = 40000;
    const mean = (v: number[]) => v.reduce((s, x) => s + x, 0) / v.length;
    const u = take(n, () => rng.uniform());
    expect(mean(u)).toBeCloseTo(0.5, 2);
    expect(Math.min(...u)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...u)).toBeLessThan(1);
    const z = take(n, () => rng.normal());
    expect(Math.abs(mean(z))).toBeLessThan(0.02);
    expect(mean(z.map((x) => x * x))).toBeCloseTo(1, 1);
    expect(mean(z.map((x) => x ** 4))).toBeGreaterThan(2.8);
    const counts = new Array(7).fill(0);
    for (let i = 0; i < n; i++) counts[rng.int(7)]++;
    for (const c of counts) expect(Math.abs(c - n / 7)).toBeLessThan(5 * Math.sqrt(n / 7));
  });

  it('shuffles to a permutation', () => {
    const list = new Rng(5).shuffle(Uint32Array.from({ length: 1000 }, (_, i) => i));
    expect([...list].sort((a, b) => a - b)).toEqual(
      take(
        1000,
        (
          (i) => () =>
            i++
        )(0),
      ),
    );
    expect(list[0] === 0 && list[1] === 1).toBe(false);
  });
});
