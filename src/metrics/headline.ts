/** What a comparison says in words: the sentence, what else the frontiers show, which runs these are and who is left out. */

import { distinctArms } from './arms';
import { type Comparable, type Comparison, comparedWords, leftOutWords } from './comparison';
import type { Pair, ParetoPoint } from './pareto';
import { gammaSummary, intervalWords, pairOf, paretoDetail, paretoSentence } from './paretoWords';
import { tunedAlike } from './tuning';

export interface Headline {
  sentence: string;
  /** Sentences to follow it; may be none. */
  notes: string[];
}

/** Whether the two arms had the same chance; empty where that is not known. */
const tuningWords = (points: readonly ParetoPoint[], { compared, reference }: Pair): string =>
  tunedAlike(distinctArms(points).filter(({ key }) => key === compared || key === reference))?.words ?? '';

/** @param wanted arms to compare, where there are several. */
export function headline(comparison: Comparison<Comparable>, wanted: Partial<Pair> = {}): Headline {
  const { quality, points, runs } = comparison;
  const notes = [comparedWords(comparison), ...leftOutWords(comparison)];
  const of = ({ sentence, detail }: { sentence: string; detail: string }): Headline => ({
    sentence,
    notes: [detail, ...notes].filter((words) => words !== ''),
  });
  if (points.length === 0 && runs.some(({ metrics }) => metrics)) return of({ sentence: 'No run can be compared yet.', detail: '' });
  if (quality.better === 0) return of(gammaSummary(points.map(({ arch, arm, quality: gamma }) => ({ arch, arm, gamma }))));
  const pair = pairOf(points, wanted);
  return of({
    sentence: paretoSentence(points, quality, pair),
    detail: [intervalWords(points, quality, pair), paretoDetail(points, quality, pair), tuningWords(points, pair)]
      .filter(Boolean)
      .join(' '),
  });
}
