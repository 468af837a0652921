/** What a comparison says in words: the sentence, what else the frontiers show, which runs these are and who is left out. */
import type { ArchitectureId } from '../sae/architectures';
import { type Comparable, type Comparison, comparedWords, leftOutWords } from './comparison';
import { gammaSummary, pairOf, paretoDetail, paretoSentence } from './paretoWords';

export interface Headline {
  sentence: string;
  /** Sentences to follow it; may be none. */
  notes: string[];
}

/** @param wanted architecture to compare with the reference, where several are there. */
export function headline(comparison: Comparison<Comparable>, wanted?: ArchitectureId): Headline {
  const { quality, points, runs } = comparison;
  const notes = [comparedWords(comparison), ...leftOutWords(comparison)];
  const of = ({ sentence, detail }: { sentence: string; detail: string }): Headline => ({
    sentence,
    notes: [detail, ...notes].filter((words) => words !== ''),
  });
  if (points.length === 0 && runs.some(({ metrics }) => metrics)) return of({ sentence: 'No run can be compared yet.', detail: '' });
  if (quality.better === 0) return of(gammaSummary(points.map(({ arch, quality: gamma }) => ({ arch, gamma }))));
  const pair = pairOf(points, wanted);
  return of({ sentence: paretoSentence(points, quality, pair), detail: paretoDetail(points, quality, pair) });
}
