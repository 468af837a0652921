/**
 * Sparsity against quality: frontiers, and how many active latents each arm needs for the same quality.
 *
 * A point is one run's L0 (lower is better) and quality (higher is better). The frontier of an arm is the line through the
 * runs that none of its others beats, straight in (log L0, quality): the sparsity knob is continuous, so what lies between two runs
 * can be trained. Drawings, ratios and checks all take that line, and none goes beyond its ends. Pure; used by page and command line.
 */
import type { ArchitectureId } from '../sae/architectures';
import { type ArmFacts, armOf } from './arms';
import { type Interval, logInterval, overlap } from './interval';

export interface ParetoPoint {
  arch: ArchitectureId;
  /** Absent: the architecture's only one. */
  arm?: ArmFacts;
  /** Width and seed of the run, where they are known. */
  width?: number;
  seed?: number;
  l0: number;
  quality: number;
}

/** The runs that no other run beats in both L0 and quality, by rising L0 (and so rising quality). */
export function frontier<P extends { l0: number; quality: number }>(points: readonly P[]): P[] {
  const sorted = points
    .filter((p) => Number.isFinite(p.l0) && Number.isFinite(p.quality) && p.l0 > 0)
    .sort((a, b) => a.l0 - b.l0 || b.quality - a.quality);
  const front: P[] = [];
  let best = Number.NEGATIVE_INFINITY;
  for (const p of sorted) {
    if (p.quality > best) {
      front.push(p);
      best = p.quality;
    }
  }
  return front;
}

/**
 * The frontier as a line to draw: its runs, and on an axis that is not logarithmic `between` points after each, for the line is straight in log L0.
 * @returns `[l0, quality]` pairs by rising L0.
 */
export function frontierLine(front: readonly { l0: number; quality: number }[], between = 0): [l0: number, quality: number][] {
  return front.flatMap((a, i) => {
    const b = front[i + 1];
    const inner = b ? Array.from({ length: between }, (_, k) => (k + 1) / (between + 1)) : [];
    const on = (t: number): [number, number] => [l0Between(a, b ?? a, t), a.quality + t * ((b ?? a).quality - a.quality)];
    return [[a.l0, a.quality] as [number, number], ...inner.map(on)];
  });
}

const l0Between = (a: { l0: number }, b: { l0: number }, t: number): number => Math.exp(Math.log(a.l0) + t * Math.log(b.l0 / a.l0));

/** L0 at which a frontier reaches `quality`, log-linear between its points; undefined outside its range. */
export function l0AtQuality(front: readonly { l0: number; quality: number }[], quality: number): number | undefined {
  for (let i = 0; i < front.length; i++) {
    const b = front[i] as { l0: number; quality: number };
    if (b.quality === quality) return b.l0;
    const a = front[i - 1];
    if (a && a.quality < quality && quality < b.quality) {
      const t = (quality - a.quality) / (b.quality - a.quality);
      return l0Between(a, b, t);
    }
  }
  return undefined;
}

/** Qualities that both frontiers reach. */
export function commonRange(a: readonly { quality: number }[], b: readonly { quality: number }[]): { lo: number; hi: number } | undefined {
  const [a0, a1, b0, b1] = [a[0], a.at(-1), b[0], b.at(-1)];
  if (!a0 || !a1 || !b0 || !b1) return undefined;
  const lo = Math.max(a0.quality, b0.quality);
  const hi = Math.min(a1.quality, b1.quality);
  return lo <= hi ? { lo, hi } : undefined;
}

export interface MatchedRatio {
  quality: number;
  /** L0 of the architecture compared, and of the reference. */
  l0: number;
  referenceL0: number;
  ratio: number;
}

export function ratioAt(front: readonly ParetoPoint[], reference: readonly ParetoPoint[], quality: number): MatchedRatio | undefined {
  const l0 = l0AtQuality(front, quality);
  const referenceL0 = l0AtQuality(reference, quality);
  return l0 === undefined || referenceL0 === undefined ? undefined : { quality, l0, referenceL0, ratio: l0 / referenceL0 };
}

/** One ratio for each trained point of the reference frontier that lies in the common range: measured there, interpolated on the other. */
export function matchedRatios(front: readonly ParetoPoint[], reference: readonly ParetoPoint[]): MatchedRatio[] {
  return reference.map((p) => ratioAt(front, reference, p.quality)).filter((r) => r !== undefined);
}

/**
 * Whether a frontier needs no more L0 than the reference anywhere in the common range. Both are straight between their runs, so their runs decide.
 * @returns undefined without a common range.
 */
export function liesAtOrAbove(
  front: readonly ParetoPoint[],
  reference: readonly ParetoPoint[],
): { holds: boolean; places: number } | undefined {
  if (!commonRange(front, reference)) return undefined;
  const places = [...new Set([...front, ...reference].map(({ quality }) => quality))].flatMap(
    (quality) => ratioAt(front, reference, quality) ?? [],
  );
  return { holds: places.every(({ ratio }) => ratio <= 1), places: places.length };
}

export function median(values: readonly number[]): number | undefined {
  if (values.length === 0) return undefined;
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  const upper = sorted[half] as number;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[half - 1] as number)) / 2;
}

/** How many of `points` some point of `by` beats: no worse in both and better in one. */
export function countDominated(points: readonly ParetoPoint[], by: readonly ParetoPoint[]): number {
  return points.filter((p) => by.some((q) => q.l0 <= p.l0 && q.quality >= p.quality && (q.l0 < p.l0 || q.quality > p.quality))).length;
}

export interface ParetoSummary {
  /** Comparison at one quality in the common range: the preferred one when both reach it, else near its middle. */
  at?: MatchedRatio;
  /** Of both L0 there, over the seeds; absent where an arm has one seed, or its seeds reach no common quality. */
  intervals?: { compared: Interval; reference: Interval; overlap: boolean };
  /** Seeds of each. */
  seeds: { compared: number; reference: number };
  range?: { lo: number; hi: number };
  medianRatio?: number;
  matched: number;
  dominated: number;
  references: number;
  compared: number;
}

/** Which arm is compared with which, by their keys. */
export interface Pair {
  compared: string;
  reference: string;
}

export const pointsOf = <P extends ParetoPoint>(points: readonly P[], key: string): P[] => points.filter((p) => armOf(p).key === key);

/** A frontier for each seed of an arm. */
function seedFronts(points: readonly ParetoPoint[]): ParetoPoint[][] {
  const seeds = [...new Set(points.map(({ seed }) => seed))];
  return seeds.map((seed) => frontier(points.filter((p) => p.seed === seed)));
}

/** @param preferred quality at which to compare when both frontiers reach it. */
export function paretoSummary(points: readonly ParetoPoint[], preferred: number, { compared, reference }: Pair): ParetoSummary {
  const mine = pointsOf(points, compared);
  const theirs = pointsOf(points, reference);
  const front = frontier(mine);
  const referenceFront = frontier(theirs);
  const range = commonRange(front, referenceFront);
  const ratios = matchedRatios(front, referenceFront);
  const fronts = { compared: seedFronts(mine), reference: seedFronts(theirs) };
  const summary: ParetoSummary = {
    range,
    medianRatio: median(ratios.map((r) => r.ratio)),
    matched: ratios.length,
    dominated: countDominated(theirs, mine),
    references: theirs.length,
    compared: mine.length,
    seeds: { compared: fronts.compared.length, reference: fronts.reference.length },
  };
  if (!range) return summary;
  const all = [...fronts.compared, ...fronts.reference];
  const shared = all.reduce<{ lo: number; hi: number } | undefined>(
    (so, one) => so && commonRange([{ quality: so.lo }, { quality: so.hi }], one),
    range,
  );
  // Where every seed gets to; a quality that only the best of them reach says nothing of the others.
  const quality = comparisonQuality(shared ?? range, preferred);
  summary.at = ratioAt(front, referenceFront, quality);
  if (shared) Object.assign(summary, overSeeds(fronts, quality));
  return summary;
}

/** With several seeds the L0 of an arm is their geometric mean. Empty where an arm has one seed alone. */
function overSeeds(
  fronts: { compared: ParetoPoint[][]; reference: ParetoPoint[][] },
  quality: number,
): Pick<ParetoSummary, 'at' | 'intervals'> {
  const of = (list: ParetoPoint[][]) => logInterval(list.flatMap((front) => l0AtQuality(front, quality) ?? []));
  const [compared, reference] = [of(fronts.compared), of(fronts.reference)];
  if (!compared || !reference) return {};
  return {
    at: { quality, l0: compared.middle, referenceL0: reference.middle, ratio: compared.middle / reference.middle },
    intervals: { compared, reference, overlap: overlap(compared, reference) },
  };
}

/** The preferred quality, else the middle of the range, rounded to as few decimals as stay inside. */
function comparisonQuality({ lo, hi }: { lo: number; hi: number }, preferred: number): number {
  if (lo <= preferred && preferred <= hi) return preferred;
  const middle = (lo + hi) / 2;
  for (const decimals of [1, 2, 3, 4]) {
    const rounded = Number(middle.toFixed(decimals));
    if (lo <= rounded && rounded <= hi) return rounded;
  }
  return middle;
}
