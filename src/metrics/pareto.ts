/**
 * Sparsity against quality: frontiers, and how many active latents each architecture needs for the same quality.
 *
 * A point is one run's L0 (lower is better) and quality (higher is better: loss recovered or R²). Comparisons interpolate
 * log L0 linearly in quality along the frontier, and never extrapolate. Pure; used by page and command line alike.
 */
import type { ArchitectureId } from '../sae/architectures';

export interface ParetoPoint {
  arch: ArchitectureId;
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

/** L0 at which a frontier reaches `quality`, log-linear between its points; undefined outside its range. */
export function l0AtQuality(front: readonly { l0: number; quality: number }[], quality: number): number | undefined {
  for (let i = 0; i < front.length; i++) {
    const b = front[i] as { l0: number; quality: number };
    if (b.quality === quality) return b.l0;
    const a = front[i - 1];
    if (a && a.quality < quality && quality < b.quality) {
      const t = (quality - a.quality) / (b.quality - a.quality);
      return Math.exp(Math.log(a.l0) + t * Math.log(b.l0 / a.l0));
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
  /** Comparison at one quality in the common range: 0.90 when both reach it, else near its middle. */
  at?: MatchedRatio;
  range?: { lo: number; hi: number };
  medianRatio?: number;
  matched: number;
  dominated: number;
  references: number;
  compared: number;
}

/** @param preferred quality at which to compare when both frontiers reach it. */
export function paretoSummary(
  points: readonly ParetoPoint[],
  preferred = 0.9,
  compared: ArchitectureId = 'gated',
  reference: ArchitectureId = 'baseline',
): ParetoSummary {
  const mine = points.filter((p) => p.arch === compared);
  const theirs = points.filter((p) => p.arch === reference);
  const front = frontier(mine);
  const referenceFront = frontier(theirs);
  const range = commonRange(front, referenceFront);
  const ratios = matchedRatios(front, referenceFront);
  const summary: ParetoSummary = {
    range,
    medianRatio: median(ratios.map((r) => r.ratio)),
    matched: ratios.length,
    dominated: countDominated(theirs, mine),
    references: theirs.length,
    compared: mine.length,
  };
  if (range) summary.at = ratioAt(front, referenceFront, comparisonQuality(range, preferred));
  return summary;
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

const l0Text = (l0: number) => (l0 >= 10 ? l0.toFixed(0) : l0.toFixed(1));
const qualityText = (q: number) => (Number.isInteger(Number((q * 100).toFixed(6))) ? q.toFixed(2) : q.toFixed(3));

/**
 * The comparison in words: "At loss recovered 0.90 Gated needs 0.42x the L0 of baseline (31 vs 74)."
 * @param quality name of the quality axis, in lower case: `loss recovered` or `variance recovered`.
 */
export function paretoSentence(points: readonly ParetoPoint[], quality = 'loss recovered'): string {
  const s = paretoSummary(points);
  if (s.compared === 0 && s.references === 0) return 'No evaluation yet.';
  if (s.compared === 0) return 'Only baseline runs so far: train Gated runs on the same data to compare.';
  if (s.references === 0) return 'Only Gated runs so far: train baseline runs on the same data to compare.';
  if (!s.at) return `No common range yet: ${noRange(points, quality)}`;
  return `At ${quality} ${qualityText(s.at.quality)} Gated needs ${s.at.ratio.toFixed(2)}x the L0 of baseline (${l0Text(s.at.l0)} vs ${l0Text(s.at.referenceL0)}).`;
}

/** What else the frontiers say: the median ratio over the overlap and how many baseline runs are dominated. Empty without an overlap. */
export function paretoDetail(points: readonly ParetoPoint[]): string {
  const s = paretoSummary(points);
  if (!s.range) return '';
  const parts: string[] = [];
  if (s.medianRatio !== undefined && s.matched > 1) {
    parts.push(
      `Median over the common range ${s.medianRatio.toFixed(2)}x (${s.matched} matched points, ${qualityText(s.range.lo)} to ${qualityText(s.range.hi)}).`,
    );
  }
  parts.push(`${s.dominated} of ${s.references} baseline ${s.references === 1 ? 'run is' : 'runs are'} dominated.`);
  return parts.join(' ');
}

function noRange(points: readonly ParetoPoint[], quality: string): string {
  const span = (arch: ArchitectureId) => {
    const q = points.filter((p) => p.arch === arch).map((p) => p.quality);
    return { lo: Math.min(...q), hi: Math.max(...q) };
  };
  const gated = span('gated');
  const baseline = span('baseline');
  const text = ({ lo, hi }: { lo: number; hi: number }) =>
    qualityText(lo) === qualityText(hi) ? qualityText(lo) : `${qualityText(lo)} to ${qualityText(hi)}`;
  const advice = gated.lo > baseline.hi ? 'smaller baseline λ or larger Gated λ' : 'smaller Gated λ or larger baseline λ';
  return `Gated runs span ${quality} ${text(gated)}, baseline runs ${text(baseline)}. Add runs with ${advice}.`;
}
