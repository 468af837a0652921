/** How far what was computed lies from what a fixture expects, in tolerances. */

/** A named tensor of a fixture, in the fixture's own orientation. */
export interface Tensor {
  shape: readonly number[];
  data: Float32Array | Int32Array;
}
export type Tensors = ReadonlyMap<string, Tensor>;

/** One comparison. */
export interface Finding {
  what: string;
  /** Error over its tolerance: at most 1 is within. Infinite where what was computed is no number, or should have been exact and is not. */
  over: number;
}

/** What a case came to. */
export interface Outcome {
  findings: Finding[];
  /** What was computed, by the name of the file that it goes to. */
  computed: Record<string, ComputedTensors | ComputedJson>;
  /** What the product does not offer for the case, and so was not tried. */
  left?: string[];
}
export type ComputedTensors = { tensors: Tensors };
export type ComputedJson = { json: unknown };

/** Error of what is no number is infinite. */
const finding = (what: string, error: number, tolerance: number): Finding => ({
  what,
  over: Number.isNaN(error) ? Number.POSITIVE_INFINITY : error / tolerance,
});

/** Below this an expected number is taken as it: relative to 0 nothing can be measured. */
const LEAST = 1e-6;

/** A number, relative to what is expected. */
export const relative = (what: string, actual: number, expected: number, tolerance: number): Finding =>
  finding(what, Math.abs(actual - expected) / Math.max(LEAST, Math.abs(expected)), tolerance);

/** A number, absolutely. */
export const absolute = (what: string, actual: number, expected: number, tolerance: number): Finding =>
  finding(what, Math.abs(actual - expected), tolerance);

/** Something that must hold exactly. */
export const exact = (what: string, holds: boolean): Finding => ({ what, over: holds ? 0 : Number.POSITIVE_INFINITY });

/** Largest absolute difference of the entries. */
export function largest(what: string, actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): Finding {
  if (actual.length !== expected.length)
    return { what: `${what} has ${actual.length} values for ${expected.length}`, over: Number.POSITIVE_INFINITY };
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    const error = Math.abs((actual[i] as number) - (expected[i] as number));
    if (!(error <= worst)) worst = error; // NaN, too
    if (Number.isNaN(worst)) break;
  }
  return finding(what, worst, tolerance);
}

/** ‖(actual − init) − (expected − init)‖ / ‖expected − init‖; a tensor that should not change must be bit-identical. */
export function change(
  what: string,
  init: ArrayLike<number>,
  expected: ArrayLike<number>,
  actual: ArrayLike<number>,
  tolerance: number,
): Finding {
  let off = 0;
  let moved = 0;
  for (let i = 0; i < init.length; i++) {
    off += ((actual[i] as number) - (expected[i] as number)) ** 2;
    moved += ((expected[i] as number) - (init[i] as number)) ** 2;
  }
  if (moved === 0) return exact(`${what} stays as it was`, sameBits(actual, init));
  return finding(`change of ${what}`, Math.sqrt(off / moved), tolerance);
}

/** Whether two arrays hold the same numbers, with +0 and −0 apart. */
export function sameBits(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (!Object.is(a[i], b[i])) return false;
  return true;
}

/** The finding that lies farthest off. */
export function worst(findings: readonly Finding[]): Finding | undefined {
  return findings.reduce<Finding | undefined>((most, one) => (most && most.over >= one.over ? most : one), undefined);
}
