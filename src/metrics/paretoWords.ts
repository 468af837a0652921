/** The frontiers in words: what one arm needs beside another, in the metric that is looked at. */

import { type ArchitectureId, architecture, REFERENCE, SUBJECT } from '../sae/architectures';
import { type ArmFacts, armNames, armOf, distinctArms, inSentence, listedArms, plainArm } from './arms';
import type { Interval } from './interval';
import { frontier, median, type Pair, type ParetoPoint, type ParetoSummary, paretoSummary, pointsOf } from './pareto';
import { isSensible, QUALITIES, type Quality, UNBIASED } from './quality';

const l0Text = (l0: number) => (l0 >= 10 ? l0.toFixed(0) : l0.toFixed(1));
const valueText = (q: number) => (Number.isInteger(Number((q * 100).toFixed(6))) ? q.toFixed(2) : q.toFixed(3));

/** A point's quality in the metric's own direction, as it is written. */
const shown = (quality: number, { better }: Quality): string => valueText(better < 0 ? -quality : quality);

/**
 * Which arm is compared with which: the wanted ones where they have points, else the usual subject with the usual reference; of several arms of an
 * architecture the first.
 */
export function pairOf(points: readonly ParetoPoint[], wanted: Partial<Pair> = {}): Pair {
  const arms = distinctArms(points);
  const first = (arch: ArchitectureId, but?: string) => arms.find((arm) => arm.arch === arch && arm.key !== but)?.key;
  const is = (key: string | undefined) => (arms.some((arm) => arm.key === key) ? key : undefined);
  const compared = is(wanted.compared);
  const reference =
    is(wanted.reference) ?? first(REFERENCE, compared) ?? first(SUBJECT, compared) ?? arms.find(({ key }) => key !== compared)?.key;
  const other = (key: string | undefined) => (key === reference ? undefined : key);
  const chosen = other(compared) ?? first(SUBJECT, reference) ?? arms.find(({ key }) => key !== reference)?.key;
  // A lone arm is compared with the usual other one, which has no points.
  const only = arms[0];
  if (arms.length === 1 && only)
    return only.arch === REFERENCE ? { compared: SUBJECT, reference: only.key } : { compared: only.key, reference: REFERENCE };
  return { compared: chosen ?? SUBJECT, reference: reference ?? REFERENCE };
}

/** The names of both arms of a pair. */
function named(points: readonly ParetoPoint[], { compared, reference }: Pair) {
  const arms = distinctArms(points);
  const names = armNames(arms);
  const of = (key: string): { arm: ArmFacts; name: string } => {
    const arm = arms.find((one) => one.key === key) ?? plainArm(key);
    return { arm, name: names.get(key) ?? architecture(arm.arch).title };
  };
  const [mine, theirs] = [of(compared), of(reference)];
  return { mine, theirs, compared: mine.name, reference: inSentence(theirs.name, theirs.arm) };
}

const between = ({ lo, hi }: Interval): string => `${l0Text(lo)} to ${l0Text(hi)}`;

/**
 * The comparison in words: "At loss recovered 0.90 Gated needs 0.42x the L0 of baseline (31 vs 74)."
 * @param points sensible ones of comparable runs (`comparison.ts`); quality times `quality.better`.
 */
export function paretoSentence(points: readonly ParetoPoint[], quality: Quality = QUALITIES.recovered, pair = pairOf(points)): string {
  const s = paretoSummary(points, quality.preferred * quality.better, pair);
  const { compared, reference } = named(points, pair);
  if (s.compared === 0 && s.references === 0) return 'No evaluation yet.';
  if (s.compared === 0) return `Only ${reference} runs so far: train ${compared} runs on the same data to compare.`;
  if (s.references === 0) return `Only ${compared} runs so far: train ${reference} runs on the same data to compare.`;
  if (!s.at) return `No common range yet: ${noRange(points, quality, pair)}`;
  const { ratio, l0, referenceL0 } = s.at;
  const where = `At ${quality.name} ${shown(s.at.quality, quality)}`;
  if (s.intervals?.overlap)
    return `${where} the lab cannot tell ${compared} from ${reference}: L0 ${l0Text(l0)} (${between(s.intervals.compared)}) and ${l0Text(referenceL0)} (${between(s.intervals.reference)}).`;
  return `${where} ${compared} needs ${ratio.toFixed(2)}x the L0 of ${reference} (${l0Text(l0)} vs ${l0Text(referenceL0)}).`;
}

/** How sure the sentence is: the intervals over seeds, or why there are none. Empty without a comparison. */
export function intervalWords(points: readonly ParetoPoint[], quality: Quality = QUALITIES.recovered, pair = pairOf(points)): string {
  const s = paretoSummary(points, quality.preferred * quality.better, pair);
  if (!s.at) return '';
  const { compared, reference } = named(points, pair);
  if (s.intervals) {
    const [a, b] = [s.intervals.compared, s.intervals.reference];
    const seeds = a.n === b.n ? `${a.n} seeds each` : `${a.n} and ${b.n} seeds`;
    const told = s.intervals.overlap ? 'The intervals overlap' : `L0 ${between(a)} and ${between(b)}`;
    return `${told}, 95 % over ${seeds}.`;
  }
  return noInterval(s, compared, reference);
}

function noInterval({ seeds }: ParetoSummary, compared: string, reference: string): string {
  if (seeds.compared === 1 && seeds.reference === 1) return 'One seed of each: how far another would move it is not known.';
  if (seeds.compared === 1 || seeds.reference === 1)
    return `One seed of ${seeds.compared === 1 ? compared : reference}: how far another would move it is not known.`;
  return 'The seeds reach no quality in common: no interval.';
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
  const { reference } = named(points, pair);
  parts.push(`${s.dominated} of ${s.references} ${reference} ${s.references === 1 ? 'run is' : 'runs are'} dominated.`);
  return parts.join(' ');
}

function noRange(points: readonly ParetoPoint[], quality: Quality, pair: Pair): string {
  const both = named(points, pair);
  const of = (key: string, arm: ArmFacts) => {
    const front = frontier(pointsOf(points, key));
    return { lo: front[0]?.quality ?? Number.NaN, hi: front.at(-1)?.quality ?? Number.NaN, knob: architecture(arm.arch).knob };
  };
  const [mine, theirs] = [of(pair.compared, both.mine.arm), of(pair.reference, both.theirs.arm)];
  const span = ({ lo, hi }: { lo: number; hi: number }) => {
    const [from, to] = [shown(lo, quality), shown(hi, quality)];
    return from === to ? from : `${from} to ${to}`;
  };
  // What makes a run denser: less of a penalty, more of a count.
  const change = (name: string, { knob }: typeof mine, denser: boolean) =>
    `${denser === (knob.power === 0) ? 'larger' : 'smaller'} ${name} ${knob.symbol}`;
  const minesIsBetter = mine.lo > theirs.hi;
  const advice = minesIsBetter
    ? `${change(both.reference, theirs, true)} or ${change(both.compared, mine, false)}`
    : `${change(both.compared, mine, true)} or ${change(both.reference, theirs, false)}`;
  return `${both.compared} runs span ${quality.name} ${span(mine)}, ${both.reference} runs ${span(theirs)}. Add runs with ${advice}.`;
}

/** Shrinkage in words: the median γ of each arm, and how many runs lie in the band. */
export function gammaSummary(runs: readonly { arch: ArchitectureId; arm?: ArmFacts; gamma: number }[]): {
  sentence: string;
  detail: string;
} {
  const arms = listedArms(runs);
  const names = armNames(arms);
  const parts = arms.flatMap(({ key }) => {
    const name = names.get(key);
    const values = runs.filter((run) => armOf(run).key === key && isSensible(QUALITIES.gamma, run.gamma)).map(({ gamma }) => gamma);
    const middle = median(values);
    if (middle === undefined) return [];
    const inside = values.filter((g) => g >= UNBIASED[0] && g <= UNBIASED[1]).length;
    return [{ median: `${name} ${middle.toFixed(2)}`, inside: `${inside} of ${values.length} ${name}` }];
  });
  if (parts.length === 0) return { sentence: 'No evaluation yet.', detail: '' };
  return {
    sentence: `Median γ: ${parts.map((p) => p.median).join(', ')}.`,
    detail: `Inside the band ${UNBIASED[0]} to ${UNBIASED[1]}: ${parts.map((p) => p.inside).join(', ')}. Below 1 is shrinkage.`,
  };
}
