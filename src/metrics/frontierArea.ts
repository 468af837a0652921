/**
 * The area under a frontier as one figure: the mean of the quality over log L0 within a range, so that two frontiers can be ranked that cross.
 * Only what was trained counts: a frontier that does not span the range has no mean there, and nothing is drawn on beyond its ends.
 */
/** A point of a frontier, by rising L0. */
type Point = { l0: number; quality: number };

export interface L0Range {
  lo: number;
  hi: number;
}

/** Whether a frontier (by rising L0) reaches from one end of the range to the other. */
export const spans = (front: readonly Point[], { lo, hi }: L0Range): boolean =>
  front.length > 0 && (front[0] as Point).l0 <= lo && (front.at(-1) as Point).l0 >= hi;

/** ∫ quality d ln L0 over the range, divided by ln(hi/lo); straight in ln L0 between the points. @returns undefined where the frontier does not span it. */
export function meanQuality(front: readonly Point[], range: L0Range): number | undefined {
  const { lo, hi } = range;
  if (!(hi > lo) || !spans(front, range)) return undefined;
  let area = 0;
  for (let i = 1; i < front.length; i++) {
    const [a, b] = [front[i - 1] as Point, front[i] as Point];
    const [from, to] = [Math.max(lo, a.l0), Math.min(hi, b.l0)];
    if (to <= from) continue;
    const at = (l0: number) => a.quality + (Math.log(l0 / a.l0) / Math.log(b.l0 / a.l0)) * (b.quality - a.quality);
    area += ((at(from) + at(to)) / 2) * Math.log(to / from);
  }
  return area / Math.log(hi / lo);
}

/** A range over which frontiers are ranked goes up to so many times its least L0, or further. */
const WIDE = 4;

/**
 * The range of L0 that all frontiers of two points or more span; where that is not wide (four times its least L0), the one that begins last and the one
 * that ends first are left out, and so on: a start that collapsed does not decide over the others. @returns undefined where fewer than half are left.
 */
export function sharedRange(fronts: readonly (readonly Point[])[]): L0Range | undefined {
  const some = fronts.filter(({ length }) => length > 1);
  const begin = some.map((front) => (front[0] as Point).l0).sort((a, b) => b - a);
  const end = some.map((front) => (front.at(-1) as Point).l0).sort((a, b) => a - b);
  for (let left = 0; left < some.length / 2; left++) {
    const [lo, hi] = [begin[left] as number, end[left] as number];
    if (hi >= WIDE * lo) return { lo, hi };
  }
  return undefined;
}
