/** The frontiers in words: what one architecture needs beside the table's reference, in the metric that is looked at. */

import { type ArchitectureId, architecture, architectures, REFERENCE, SUBJECT } from '../sae/architectures';
import { frontier, median, type Pair, type ParetoPoint, paretoSummary } from './pareto';
import { isSensible, QUALITIES, type Quality, UNBIASED } from './quality';

const l0Text = (l0: number) => (l0 >= 10 ? l0.toFixed(0) : l0.toFixed(1));
const valueText = (q: number) => (Number.isInteger(Number((q * 100).toFixed(6))) ? q.toFixed(2) : q.toFixed(3));

/** A point's quality in the metric's own direction, as it is written. */
const shown = (quality: number, { better }: Quality): string => valueText(better < 0 ? -quality : quality);

/**
 * Which architecture is compared with the reference: the wanted one where it is another with points, else the usual subject, else the first
 * of the table that has points.
 */
export function pairOf(points: readonly { arch: ArchitectureId }[], wanted?: ArchitectureId): Pair {
  const has = (arch: ArchitectureId | undefined): arch is ArchitectureId =>
    arch !== undefined && arch !== REFERENCE && points.some((p) => p.arch === arch);
  const compared = [wanted, SUBJECT, ...architectures().map(({ id }) => id)].find(has) ?? SUBJECT;
  return { compared, reference: REFERENCE };
}

/**
 * The comparison in words: "At loss recovered 0.90 Gated needs 0.42x the L0 of baseline (31 vs 74)."
 * @param points sensible ones of comparable runs (`comparison.ts`); quality times `quality.better`.
 */
export function paretoSentence(points: readonly ParetoPoint[], quality: Quality = QUALITIES.recovered, pair = pairOf(points)): string {
  const s = paretoSummary(points, quality.preferred * quality.better, pair);
  const compared = architecture(pair.compared).title;
  const reference = architecture(pair.reference).title.toLowerCase();
  if (s.compared === 0 && s.references === 0) return 'No evaluation yet.';
  if (s.compared === 0) return `Only ${reference} runs so far: train ${compared} runs on the same data to compare.`;
  if (s.references === 0) return `Only ${compared} runs so far: train ${reference} runs on the same data to compare.`;
  if (!s.at) return `No common range yet: ${noRange(points, quality, pair)}`;
  const { ratio, l0, referenceL0 } = s.at;
  return `At ${quality.name} ${shown(s.at.quality, quality)} ${compared} needs ${ratio.toFixed(2)}x the L0 of ${reference} (${l0Text(l0)} vs ${l0Text(referenceL0)}).`;
}

/** What else the frontiers say: the median ratio over the overlap and how many reference runs are dominated. Empty without an overlap. */
export function paretoDetail(points: readonly ParetoPoint[], quality: Quality = QUALITIES.recovered, pair = pairOf(points)): string {
  const s = paretoSummary(points, quality.preferred * quality.better, pair);
  if (!s.range) return '';
  const parts: string[] = [];
  if (s.medianRatio !== undefined && s.matched > 1) {
    parts.push(
      `Median over the common range ${s.medianRatio.toFixed(2)}x (${s.matched} matched points, ${shown(s.range.lo, quality)} to ${shown(s.range.hi, quality)}).`,
    );
  }
  const reference = architecture(pair.reference).title.toLowerCase();
  parts.push(`${s.dominated} of ${s.references} ${reference} ${s.references === 1 ? 'run is' : 'runs are'} dominated.`);
  return parts.join(' ');
}

function noRange(points: readonly ParetoPoint[], quality: Quality, { compared, reference }: Pair): string {
  const of = (arch: ArchitectureId) => {
    const front = frontier(points.filter((p) => p.arch === arch));
    const { title, knob } = architecture(arch);
    return { lo: front[0]?.quality ?? Number.NaN, hi: front.at(-1)?.quality ?? Number.NaN, title, knob: knob.symbol };
  };
  const [mine, theirs] = [of(compared), of(reference)];
  const span = ({ lo, hi }: { lo: number; hi: number }) => {
    const [from, to] = [shown(lo, quality), shown(hi, quality)];
    return from === to ? from : `${from} to ${to}`;
  };
  const referenceTitle = theirs.title.toLowerCase();
  const advice =
    mine.lo > theirs.hi
      ? `smaller ${referenceTitle} ${theirs.knob} or larger ${mine.title} ${mine.knob}`
      : `smaller ${mine.title} ${mine.knob} or larger ${referenceTitle} ${theirs.knob}`;
  return `${mine.title} runs span ${quality.name} ${span(mine)}, ${referenceTitle} runs ${span(theirs)}. Add runs with ${advice}.`;
}

/** Shrinkage in words: the median γ of each architecture, and how many runs lie in the band. */
export function gammaSummary(runs: readonly { arch: ArchitectureId; gamma: number }[]): { sentence: string; detail: string } {
  const parts = architectures().flatMap(({ id, title }) => {
    const values = runs.filter(({ arch, gamma }) => arch === id && isSensible(QUALITIES.gamma, gamma)).map(({ gamma }) => gamma);
    const middle = median(values);
    if (middle === undefined) return [];
    const inside = values.filter((g) => g >= UNBIASED[0] && g <= UNBIASED[1]).length;
    return [{ median: `${title} ${middle.toFixed(2)}`, inside: `${inside} of ${values.length} ${title}` }];
  });
  if (parts.length === 0) return { sentence: 'No evaluation yet.', detail: '' };
  return {
    sentence: `Median γ: ${parts.map((p) => p.median).join(', ')}.`,
    detail: `Inside the band ${UNBIASED[0]} to ${UNBIASED[1]}: ${parts.map((p) => p.inside).join(', ')}. Below 1 is shrinkage.`,
  };
}
