/** What the kernel tests share: comparison with the twin, poison that must be left alone, one scene a shape. */
import { expect, it } from 'vitest';
import { maxError } from '../../gpu';
import { name, runTable, type Scene, type SceneSpec, SHAPES, scene, slot } from './scene';

export const largest = (values: ArrayLike<number>) => Array.from(values).reduce((most, v) => Math.max(most, Math.abs(v)), 0);
/** Within `tolerance` of the largest expected value; NaN is never close. */
export function close(actual: ArrayLike<number>, expected: ArrayLike<number>, what: string, tolerance = 1e-5) {
  expect(actual.length, `${what}: length`).toBe(expected.length);
  expect(maxError(actual, expected), what).toBeLessThanOrEqual(tolerance * Math.max(largest(expected), 1e-3));
}
/** The same where NaN is expected to be NaN still: not written. */
export function closeOrUntouched(actual: ArrayLike<number>, expected: Float64Array | Float32Array, what: string, tolerance = 1e-5) {
  expect(actual.length, `${what}: length`).toBe(expected.length);
  const bound = tolerance * Math.max(1e-3, largest(expected.filter((v) => !Number.isNaN(v))));
  expected.forEach((value, j) => {
    const got = actual[j] as number;
    if (Number.isNaN(value) ? !Number.isNaN(got) : !(Math.abs(got - value) <= bound)) expect(got, `${what}[${j}]`).toBe(value);
  });
}
export function untouched(values: ArrayLike<number>, what: string) {
  expect(
    Array.from(values).findIndex((v) => !Number.isNaN(v)),
    `${what}: first value written`,
  ).toBe(-1);
}
/** How far a value's f16 may be: WGSL takes either neighbour, and 0 for a subnormal. */
export const halfBound = (value: number) => Math.abs(value) * (Math.abs(value) < 2 ** -14 ? 1 : 2 ** -10) + 2 ** -24;
/** Of three runs the second is not live. */
export const isLive = (s: Scene, r: number) => !(s.runs.length === 3 && r === 1);
export const table = (s: Scene) => runTable(s.layout, s.runs, (r) => ({ live: isLive(s, r) }));
/** A software driver may compile the widest of the sparse form's kernels for half a minute, on a busy machine for longer. */
export const COMPILING = 900_000;
export const each = (test: (s: Scene) => Promise<void>, shapes: SceneSpec[] = SHAPES) =>
  it.each(shapes.map((spec) => [name(spec), spec] as const))('%s', (_, spec) => test(scene(spec)), COMPILING);
export const groups = (n: number, size: number) => Math.ceil(n / size);

/** e and the auxiliary error of one run, `[rows, width]`. */
export const errorsOf = (s: Scene, r: number) => {
  const place = s.layout.runs[r] as Scene['layout']['runs'][number];
  return { e: slot(s, s.residuals, place.mainSlot), aux: slot(s, s.residuals, place.auxSlot) };
};
